"""The `camd` command: run the daemon, check its configuration, look at what is there.

Exit codes: 0 done, 1 failed, 2 wrong use of the command, 78 invalid configuration. Answers go to standard
output, everything about them to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .config import Config, load
from .config.layers import choose_file
from .config.model import SCHEMA
from .config.schema import Key, to_toml, values_of
from .errors import ConfigError, Problem

if TYPE_CHECKING:
    from .plugins import PluginInfo

OK, FAILED, USAGE, INVALID_CONFIG = 0, 1, 2, 78  # 78 is EX_CONFIG of sysexits.h
_PASSWORD = re.compile(r"(://[^/@:]*:)[^/@]*@")


def main() -> None:
    """The console script."""
    from twisted.logger import globalLogBeginner

    # A command answers by its output; what the loader of plugins logs is in the answer too.
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    sys.exit(run(sys.argv[1:], os.environ))


def run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Carry out one command and return its exit code; wrong use raises SystemExit(2)."""
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    if args.verb is _run:
        return _run(rest)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return args.verb(args, environ)
    except ConfigError as error:
        _say(str(error))
        return INVALID_CONFIG


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument("--config", metavar="FILE", type=Path, help="configuration file")
    common.add_argument("--data-dir", metavar="DIR", help="data directory")
    reading = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    reading.add_argument("--json", action="store_true", help="answer as JSON")

    parser = argparse.ArgumentParser(
        "camd", description="Turns any camera into a complete network camera.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"camd {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, function: Any, text: str, *parents: argparse.ArgumentParser, to: Any = verbs) -> None:
        added = to.add_parser(name, help=text, description=text, parents=parents, allow_abbrev=False)
        added.set_defaults(verb=function)
        if function is _show:
            added.add_argument("--origin", action="store_true", help="say where each value comes from")

    text = "Run the daemon in the foreground; takes the options of twistd camd."
    run = verbs.add_parser("run", help=text, add_help=False)  # --help is twistd's too
    run.set_defaults(verb=_run)
    verb("check", _check, "Check the configuration and list every mistake.", common, reading)
    config = verbs.add_parser("config", help="Look at the configuration.", allow_abbrev=False)
    below = config.add_subparsers(required=True, metavar="VERB")
    verb("show", _show, "Show the configuration as the daemon would use it.", common, reading, to=below)
    verb("devices", _devices, "List the V4L2 cameras and what they can do.", reading)
    verb("plugins", _plugins, "List the installed plugins and how they load.", common, reading)
    verb("version", _version, "Show the versions of camd and what it runs on.", reading)
    return parser


def _run(options: Sequence[str]) -> int:
    """Become `twistd -n --pidfile= camd`, so that signals and exit codes are the daemon's own."""
    beside = Path(sys.executable).with_name("twistd")
    twistd = str(beside) if beside.exists() else shutil.which("twistd")
    if twistd is None:
        _say("camd: the twistd command is not there; reinstall Twisted: pip install --force-reinstall Twisted")
        return FAILED
    os.execv(twistd, [twistd, "-n", "--pidfile=", "camd", *options])


def _check(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    problems: list[Problem] = []
    try:
        config = _load(args, environ)
    except ConfigError as error:
        problems = error.problems
    if args.json:
        _write_json({"valid": not problems, "problems": [asdict(problem) for problem in problems]})
    elif problems:
        for problem in problems:
            _write(str(problem))
    else:
        count = len(config.cameras)
        cameras = "no camera configured: the first one found" if not count else f"cameras: {count}"
        _write(f"The configuration is valid ({cameras}).")
    return INVALID_CONFIG if problems else OK


def _show(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    config = _load(args, environ)
    if args.json:
        _write_json({name: _entry(name, key, value, config, args) for name, key, value in _values(config)})
    else:
        for line in _toml_lines(config, args.origin):
            _write(line)
    return OK


def _devices(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from .sources.v4l2 import devices

    found = devices()
    if args.json:
        _write_json(found)
        return OK
    if not found:
        _say("No V4L2 camera is there. Is it plugged in, and may you read /dev/video*?")
    for device in found:
        _write(f"{device['path']}  {device['name']}  [v4l2:{device['id']}]")
        if device.get("error"):
            _write(f"    {device['error']}")
        for mode in device["modes"]:
            rates = ", ".join(f"{rate:g}" for rate in mode["rates"])
            _write(f"    {mode['codec']} {mode['width']}x{mode['height']}" + (f" at {rates}" if rates else ""))
    return OK


def _plugins(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from .plugins import Plugins

    config = _load(args, environ)
    plugins = Plugins()
    plugins.discover(config.plugins.blocked)
    found = [_as_it_ran(info, _report(config.data_dir)) for info in plugins]
    if args.json:
        _write_json([asdict(info) for info in found])
        return OK
    if not found:
        _say("No plugin is installed.")
    for info in found:
        _write(f"{info.name:<16} {info.state:<8} {info.distribution} {info.version}  {info.reason}".rstrip())
    return OK


def _report(data_dir: Path) -> Mapping[str, Any]:
    """What the daemon last wrote about its plugins; empty if it never did."""
    from .extensions import REPORT

    try:
        report = json.loads((data_dir / REPORT).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def _as_it_ran(info: PluginInfo, report: Mapping[str, Any]) -> PluginInfo:
    """The plugin with the failure that only running it could show; of the same version, else it says nothing."""
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
        _write_json(versions)
    else:
        _write("\n".join(f"{name} {number}" for name, number in versions.items()))
    return OK


def _load(args: argparse.Namespace, environ: Mapping[str, str]) -> Config:
    """The configuration that the daemon would use here; says which file and directory that is."""
    _say(f"configuration: {choose_file(args.config, environ) or 'built-in, no file'}")
    config = load(args.config, environ=environ, options={"data-dir": args.data_dir})
    _say(f"data directory: {config.data_dir} ({config.data_dir_origin})")
    return config


def _values(config: Config) -> Iterator[tuple[str, Key, Any]]:
    """Every value, passwords in addresses blotted out."""
    for name, key, value in values_of(config, SCHEMA):
        yield name, key, _PASSWORD.sub(r"\1***@", value) if isinstance(value, str) else value


def _entry(name: str, key: Key, value: Any, config: Config, args: argparse.Namespace) -> Any:
    if isinstance(value, Path):
        value = str(value)
    elif isinstance(value, tuple) and value and isinstance(value[0], int):
        value = f"{value[0]}x{value[1]}"
    if not args.origin:
        return value
    fixed = name in config.fixed
    return {"value": value, "origin": config.origins[name], "fixed": fixed, "effect": key.effect.value}


def _toml_lines(config: Config, origin: bool) -> Iterator[str]:
    """The configuration as a file that would give it again; what is not set stands in a comment."""
    table = ""
    for name, key, value in _values(config):
        parent, _, last = name.rpartition(".")
        if parent != table:
            table = parent
            yield ""
            yield f"[{table}]"
        if value is None and key.default is None:
            line = f"# {last}: {key.shown}"
        else:
            line = f'{last} = {to_toml("off" if value is None else value)}'
        yield f"{line:<50} # {config.origins[name]}" if origin else line


def _write_json(value: Any) -> None:
    _write(json.dumps(value, indent=2, ensure_ascii=False))


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
