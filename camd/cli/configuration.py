"""`camd check` and `camd config`: the configuration as the daemon would use it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..config import Config, load
from ..config.layers import choose_file
from ..config.model import SCHEMA
from ..config.schema import Key, to_toml, values_of
from ..errors import ConfigError, Problem
from .output import INVALID_CONFIG, OK, say, write, write_json
from .verbs import JSON, PLACE, Verbs

_PASSWORD = re.compile(r"(://[^/@:]*:)[^/@]*@")


def add_verbs(verbs: Verbs) -> None:
    verbs.add("check", _check, "Check the configuration and list every mistake.", PLACE, JSON)
    config = verbs.group("config", "Look at the configuration.")
    show = config.add("show", _show, "Show the configuration as the daemon would use it.", PLACE, JSON)
    show.add_argument("--origin", action="store_true", help="say where each value comes from")


def load_config(args: argparse.Namespace, environ: Mapping[str, str]) -> Config:
    """The configuration that the daemon would use here; says which file and directory that is."""
    say(f"configuration: {choose_file(args.config, environ) or 'built-in, no file'}")
    config = load(args.config, environ=environ, options={"data-dir": args.data_dir})
    say(f"data directory: {config.data_dir} ({config.data_dir_origin})")
    return config


def _check(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    problems: list[Problem] = []
    try:
        config = load_config(args, environ)
    except ConfigError as error:
        problems = error.problems
    if args.json:
        write_json({"valid": not problems, "problems": [asdict(problem) for problem in problems]})
    elif problems:
        for problem in problems:
            write(str(problem))
    else:
        count = len(config.cameras)
        cameras = "no camera configured: the first one found" if not count else f"cameras: {count}"
        write(f"The configuration is valid ({cameras}).")
    return INVALID_CONFIG if problems else OK


def _show(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    config = load_config(args, environ)
    if args.json:
        write_json({name: _entry(name, key, value, config, args) for name, key, value in _values(config)})
    else:
        for line in _toml_lines(config, args.origin):
            write(line)
    return OK


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
