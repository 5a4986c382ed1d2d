"""`camd devices`, `camd plugins` and `camd version`: what is there."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from .configuration import load_config
from .output import OK, say, write, write_json
from .verbs import JSON, PLACE, Verbs

if TYPE_CHECKING:
    from ..plugins import PluginInfo


def add_verbs(verbs: Verbs) -> None:
    verbs.add("devices", _devices, "List the V4L2 cameras and what they can do.", JSON)
    verbs.add("plugins", _plugins, "List the installed plugins and how they load.", PLACE, JSON)
    verbs.add("version", _version, "Show the versions of camd and what it runs on.", JSON)


def _devices(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..sources.v4l2 import devices

    found = devices()
    if args.json:
        write_json(found)
        return OK
    if not found:
        say("No V4L2 camera is there. Is it plugged in, and may you read /dev/video*?")
    for device in found:
        write(f"{device['path']}  {device['name']}  [v4l2:{device['id']}]")
        if device.get("error"):
            write(f"    {device['error']}")
        for mode in device["modes"]:
            rates = ", ".join(f"{rate:g}" for rate in mode["rates"])
            write(f"    {mode['codec']} {mode['width']}x{mode['height']}" + (f" at {rates}" if rates else ""))
    return OK


def _plugins(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..plugins import Plugins

    config = load_config(args, environ)
    plugins = Plugins()
    plugins.discover(config.plugins.blocked)
    found = [_as_it_ran(info, _report(config.data_dir)) for info in plugins]
    if args.json:
        write_json([asdict(info) for info in found])
        return OK
    if not found:
        say("No plugin is installed.")
    for info in found:
        write(f"{info.name:<16} {info.state:<8} {info.distribution} {info.version}  {info.reason}".rstrip())
    return OK


def _report(data_dir: Path) -> Mapping[str, Any]:
    """What the daemon last wrote about its plugins; empty if it never did."""
    from ..extensions import REPORT

    try:
        report = json.loads((data_dir / REPORT).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def _as_it_ran(info: PluginInfo, report: Mapping[str, Any]) -> PluginInfo:
    """The plugin with the failure that only running it could show; of the same version, else as it is."""
    ran = report.get(info.name)
    if info.state != "ok" or not isinstance(ran, dict) or ran.get("state") != "alert":
        return info
    if (ran.get("distribution"), ran.get("version")) != (info.distribution, info.version):
        return info
    return replace(info, state="alert", reason=str(ran.get("reason", "")))


def _version(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from importlib.metadata import version

    versions = {
        "camd": __version__,
        "python": platform.python_version(),
        "twisted": version("twisted"),
        "autobahn": version("autobahn"),
    }
    if args.json:
        write_json(versions)
    else:
        write("\n".join(f"{name} {number}" for name, number in versions.items()))
    return OK
