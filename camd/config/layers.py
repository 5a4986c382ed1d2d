"""Where configuration comes from: files, environment, command line. Each gives Settings; nobody decides here.

Order of strength, weakest first: built-in, file, `conf.d/*.toml` beside it, the run-time store in the data
directory, environment `CAMD_SECTION__KEY`, command line.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import Problem

DEFAULT_FILE = Path("/etc/camd/camd.toml")
_PREFIX = "CAMD_"
#: Not keys: the file itself, and what Kubernetes adds to every pod beside a service called camd.
_NOT_KEYS = re.compile(r"CAMD_(CONFIG|(SERVICE|PORT)(_.*)?)")
_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=")
_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+)")


#: Path of keys -> line where it is written first.
Lines = dict[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that somebody gave. where: file, environment variable or option; lines: of the file;
    folder: where a relative path starts; given_as_text: by environment or command line, so `value` is text
    still to be parsed, and the key cannot be changed at run time."""

    keys: tuple[str, ...]
    value: Any
    where: str
    folder: Path
    lines: Lines = field(default_factory=dict)
    given_as_text: bool = False

    @property
    def origin(self) -> str:
        line = self.line(self.keys)
        return self.where if line is None else f"{self.where}:{line}"

    def line(self, keys: tuple[str, ...]) -> int | None:
        """The line of a key, else of the nearest table around it (inline tables)."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.lines:
                return self.lines[keys[:length]]
        return None

    def problem(self, text: str, hint: str = "", keys: tuple[str, ...] = ()) -> Problem:
        """A Problem with this value, or with another one at the same place."""
        keys = keys or self.keys
        return Problem(self.where, ".".join(keys), text, hint, self.line(keys))


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place says, and what could not be read of it."""

    settings: tuple[Setting, ...] = ()
    problems: tuple[Problem, ...] = ()


def choose_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The main file: the given one, else CAMD_CONFIG, else /etc/camd/camd.toml if there is one."""
    if path is not None:
        return path
    if environ.get("CAMD_CONFIG"):
        return Path(environ["CAMD_CONFIG"])
    return DEFAULT_FILE if os.path.exists(DEFAULT_FILE) else None


def read_file(path: Path) -> Layer:
    """The settings of one TOML file, each with its line; a file that cannot be parsed gives its problem."""
    where = str(path)
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        hint = "check the path" if isinstance(error, FileNotFoundError) else "camd's user must read it"
        return Layer(problems=(Problem(where, "", f"cannot be read: {error.strerror}", hint),))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return Layer(problems=(Problem(where, "", "is not UTF-8 text", "save it as UTF-8", line),))
    return read_text(path, text)


def read_text(path: Path, text: str) -> Layer:
    """The settings in a TOML text that stands, or shall stand, in this file."""
    where = str(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Layer(problems=(_syntax_problem(where, str(error)),))
    lines = _lines(text)
    folder = path.absolute().parent
    return Layer(tuple(Setting(keys, value, where, folder, lines) for keys, value in _flatten(table)))


def read_files(path: Path) -> Layer:
    """The main file and `conf.d/*.toml` beside it, in the order of their names."""
    layers = [read_file(each) for each in (path, *more_files(path))]
    return Layer(
        tuple(setting for layer in layers for setting in layer.settings),
        tuple(problem for layer in layers for problem in layer.problems),
    )


def more_files(path: Path) -> list[Path]:
    """`conf.d/*.toml` beside the main file."""
    return sorted(path.absolute().parent.glob("conf.d/*.toml"))


def read_environment(environ: Mapping[str, str]) -> Layer:
    """`CAMD_WEBSOCKET__MAX_CLIENTS=100` is `websocket.max_clients`; `CAMD_HTTP` is `http`."""
    return Layer(
        tuple(
            Setting(tuple(name[len(_PREFIX) :].lower().split("__")), text, name, Path.cwd(), given_as_text=True)
            for name, text in sorted(environ.items())
            if name.startswith(_PREFIX) and not _NOT_KEYS.fullmatch(name)
        )
    )


def read_options(options: Mapping[str, str | None]) -> Layer:
    """Options of the command line by name: "data-dir" is `data_dir`; None is an option not given."""
    return Layer(
        tuple(
            Setting((name.replace("-", "_"),), text, f"--{name}", Path.cwd(), given_as_text=True)
            for name, text in options.items()
            if text is not None
        )
    )


def _syntax_problem(where: str, message: str) -> Problem:
    """tomllib says the line in its message only: "Invalid value (at line 3, column 5)"."""
    match = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if match is None:
        return Problem(where, "", message)
    text = message[: match.start()]
    if match[1] is None:
        return Problem(where, "", f"{text}, at the end of the file")
    return Problem(where, "", f"{text}, at column {match[2]}", line=int(match[1]))


def _flatten(table: dict[str, Any], keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each value with its path. An empty table counts as a value, for `[cameras.front]` says something."""
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, (*keys, name))
        else:
            yield (*keys, name), value


def _lines(source: str) -> Lines:
    """Where each key and table is written. tomllib tells no lines, so this reads headers and the of
    assignments; inside multi-line texts it may guess wrong, which costs no more than a wrong line number."""
    found: Lines = {}
    table: tuple[str, ...] = ()
    for number, text in enumerate(source.splitlines(), 1):
        if header := _HEADER.fullmatch(text):
            keys = table = _parts(header[1])
        elif assignment := _ASSIGNMENT.match(text):
            keys = table + _parts(assignment[1])
        else:
            continue
        for length in range(1, len(keys) + 1):
            found.setdefault(keys[:length], number)
    return found


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple("".join(groups) for groups in _PART.findall(dotted))

