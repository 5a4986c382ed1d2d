"""`camd probe`: what a device of the network is and has, with the daemon running or not."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ..errors import CamdError
from .cameras import read_password
from .configuration import load_config
from .output import OK, write, write_json
from .verbs import JSON, PLACE, Verbs


def add_verbs(verbs: Verbs) -> None:
    verb = verbs.add("probe", _probe, "Look what an ONVIF device is and has.", PLACE, JSON)
    verb.add_argument("url", metavar="ADDRESS", help='a host, or "http://10.0.0.20/onvif/device_service"')
    text = "whom it knows camd as; asks for the password, or reads it from standard input"
    verb.add_argument("--user", metavar="NAME", default="", help=text)


def _probe(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..plugins import Plugins

    plugins = Plugins()
    plugins.discover(load_config(args, environ).plugins.blocked)
    password = read_password() if args.user else ""
    answers = plugins.call("camd_probe", url=args.url, username=args.user, password=password)
    if not answers:
        failed = next((info.reason for info in plugins if info.reason.startswith("camd_probe: ")), "")
        raise CamdError(
            failed.removeprefix("camd_probe: ") or "no plugin asks devices; is `onvif_client` blocked?"
        )
    found = answers[0][1]
    if args.json:
        write_json(found)
    else:
        _write(found)
    return OK


def _write(found: Mapping[str, Any]) -> None:
    about = (found["manufacturer"], found["model"], found["firmware"], found["serial"])
    write(f"{found['name']}  [{', '.join(text for text in about if text)}]")
    for profile in found["profiles"]:
        size = f" {profile['width']}x{profile['height']}" if profile["width"] else ""
        write(f"    {profile['name']}: {profile['encoding'] or 'unknown'}{size}  {profile['stream']}")
    can = [*found["axes"], *found["imaging"], *(["events"] if found["events"] else [])]
    write(f"    {', '.join(can) or 'pictures only'}")
    camera = found["camera"]
    if camera is not None:
        login = f" --username {camera['username']} --password" if "username" in camera else ""
        write(f"To add it: camd camera add {camera['source']} --onvif {camera['onvif']}{login}")
