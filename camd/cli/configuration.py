"""`camd check` and `camd config`: the configuration as the daemon would use it, and changing it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..config import Config, load, prepare_data_dir
from ..config.layers import choose_file
from ..config.model import SCHEMA
from ..config.schema import ANY, Key, key_of, suggest, to_toml, values_of
from ..config.secret import Secret
from ..config.source_url import shown_source
from ..config.values import Unfit
from ..errors import ConfigError, Invalid, Problem
from .output import INVALID_CONFIG, OK, say, write, write_json
from .verbs import JSON, PLACE, Verbs


def add_verbs(verbs: Verbs) -> None:
    verbs.add("check", _check, "Check the configuration and list every mistake.", PLACE, JSON)
    config = verbs.group("config", "Look at the configuration and change it.")
    show = config.add("show", _show, "Show the configuration as the daemon would use it.", PLACE, JSON)
    show.add_argument("--origin", action="store_true", help="say where each value comes from")
    set_ = config.add("set", _set, "Change a key in the run-time store.", PLACE)
    set_.add_argument("key", metavar="KEY", help="such as websocket.max_clients")
    set_.add_argument("value", metavar="VALUE", help="as in the environment: items of a list separated by commas")
    unset = config.add("unset", _unset, "Take back what was changed.", PLACE)
    unset.add_argument("key", metavar="KEY", help="a key, or a table such as cameras.front")


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
    """Every value, without logins and tokens in addresses."""
    for name, key, value in values_of(config, SCHEMA):
        yield name, key, shown_source(value) if isinstance(value, str) else value


def _entry(name: str, key: Key, value: Any, config: Config, args: argparse.Namespace) -> Any:
    if isinstance(value, Path | Secret):
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
        if isinstance(value, Secret):
            line = f"# {last}: set, and not shown"
        elif value is None and key.default is None:
            line = f"# {last}: {key.shown}"
        else:
            line = f'{last} = {to_toml("off" if value is None else value)}'
        yield f"{line:<50} # {config.origins[name]}" if origin else line


# -- changing it


def _set(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..auth.camera_login import seal_login
    from .changing import write as change

    keys = tuple(args.key.split("."))
    edits = {keys: parse_value(keys, args.value)}
    config = load_config(args, environ)
    if keys[0] == "cameras":
        if keys[2] == "password":
            raise Invalid(args.key, f"others could read it here: camd camera set {keys[1]} --password")
        sealed = seal_login(prepare_data_dir(config), keys[1], {keys[2]: edits[keys]})
        edits = {(*keys[:2], key): value for key, value in sealed.items()}
    change(args, environ, config, edits, "config_change")
    return OK


def _unset(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from .changing import write as change

    keys = tuple(args.key.split("."))
    if key_of(keys, SCHEMA) is None and not (len(keys) == 2 and keys[0] == "cameras"):
        raise _unknown(keys)
    change(args, environ, load_config(args, environ), {keys: None}, "config_change")
    return OK


def parse_value(keys: tuple[str, ...], text: str) -> Any:
    """A value of the command line as TOML would give it; raises Invalid."""
    key = key_of(keys, SCHEMA)
    if key is None:
        raise _unknown(keys)
    try:
        value = key.kind.parse(text)
        key.kind.check(value)
    except Unfit as unfit:
        raise Invalid(".".join(keys), f"{unfit.text} ({unfit.hint})" if unfit.hint else unfit.text) from None
    if isinstance(key.kind.check(value), Path):  # a relative path would start in the data directory
        return str(Path(value).expanduser().absolute())
    return value


def _unknown(keys: tuple[str, ...]) -> Invalid:
    table = SCHEMA.get(keys[0])
    siblings = table if isinstance(table, dict) and len(keys) > 1 else SCHEMA
    siblings = siblings.get(ANY, siblings)
    return Invalid(".".join(keys), f"unknown key ({suggest(keys[-1], siblings, SCHEMA)})")
