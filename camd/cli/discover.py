"""`camd discover`: which devices the network has, with the daemon running or not."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict

from ..errors import CamdError
from .configuration import load_config
from .output import OK, say, write, write_json
from .verbs import JSON, PLACE, Verbs

#: The longest search (seconds).
LONGEST = 60.0


def add_verbs(verbs: Verbs) -> None:
    verb = verbs.add("discover", _discover, "Search the network for ONVIF devices.", PLACE, JSON)
    verb.add_argument("--seconds", type=_seconds, default=3.0, help="how long to wait for answers (3)")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f"more than 0 and at most {LONGEST:g}")
    return seconds


def _discover(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..plugins import Plugins

    plugins = Plugins()
    plugins.discover(load_config(args, environ).plugins.blocked)
    answers = plugins.call("camd_search", seconds=args.seconds)
    failed = [info for info in plugins if info.reason.startswith("camd_search: ")]
    for info in failed:
        say(f"camd: plugin {info.name}: {info.reason.removeprefix('camd_search: ')}")
    if not answers:
        raise CamdError(
            "nothing could be searched" if failed else "no plugin searches; is `discovery` blocked?"
        )
    found = [device for _, devices in answers for device in devices]
    if args.json:
        write_json([asdict(device) for device in found])
        return OK
    if not found:
        say("No device answered. Is it on this network, and does its firewall let UDP port 3702 through?")
    for device in found:
        about = ", ".join(text for text in (device.hardware, device.location) if text)
        write(f"{device.name}  {device.uuid}" + (f"  [{about}]" if about else ""))
        for service in device.services:
            write(f"    {service}")
    return OK
