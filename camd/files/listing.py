"""Listing: what is in a folder. Blocks, but for the shape of the answer."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from .folder import Folder
from .name import MOST_PARTS, Name, is_fit

#: Whoever keeps more in one tree gets the first so many, and is told.
MOST = 100_000
UNKNOWN = "application/octet-stream"
#: Not of the machine that camd happens to run on, and never read again.
_TYPES = mimetypes.MimeTypes()
_TYPES.add_type("application/x-ndjson", ".jsonl")
_TYPES.add_type("application/toml", ".toml")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder. name: from the folder that is listed, with slashes. modified: seconds since 1970."""

    name: str
    size: int
    modified: float
    is_folder: bool

    def describe(self) -> dict[str, Any]:
        """The product's form."""
        moment = datetime.fromtimestamp(self.modified, UTC)
        return {
            "name": self.name,
            "size": self.size,
            "modified": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "type": "directory" if self.is_folder else "file",
            "mime_type": None if self.is_folder else type_of(self.name),
        }


@dataclass(frozen=True, slots=True)
class Listing:
    """entries: a page of them, folders first, by name; the figures are of all that fit. complete: not so if there
    were more than MOST."""

    entries: tuple[Entry, ...]
    total_size: int
    file_count: int
    directory_count: int
    complete: bool = True


def type_of(name: str) -> str:
    """The media type of a file, by its ending."""
    kind, encoding = _TYPES.guess_type("x." + name.rpartition(".")[2])
    return kind if kind is not None and encoding is None else UNKNOWN


def list_folder(
    tree: Folder, folder: Name, recursive: bool = False, pattern: str = "", first: int = 0, count: int = MOST
) -> Listing:
    """What is there. pattern: like "*.jpg", of the last part of the name, whatever its case; folders are left out
    with it. Raises Gone."""
    fits = _filter(pattern)
    found: list[Entry] = []
    complete = True
    with tree.at(folder) as descriptor:
        for entry in _walk(descriptor, "", recursive, MOST_PARTS - len(folder)):
            if len(found) == MOST:
                complete = False
                break
            if fits(entry):
                found.append(entry)
    found.sort(key=lambda entry: (not entry.is_folder, entry.name))
    files = [entry for entry in found if not entry.is_folder]
    return Listing(
        tuple(found[first : first + count]), sum(file.size for file in files), len(files), len(found) - len(files),
        complete,
    )


def _filter(pattern: str) -> Callable[[Entry], bool]:
    if not pattern:
        return lambda entry: True
    lower = pattern.lower()
    return lambda entry: not entry.is_folder and fnmatchcase(entry.name.rpartition("/")[2].lower(), lower)


def _walk(folder: int, prefix: str, recursive: bool, depth: int) -> Iterator[Entry]:
    """All that can be asked for: no links, devices or hidden files."""
    with os.scandir(folder) as entries:
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            if not (is_folder or entry.is_file(follow_symlinks=False)) or not is_fit(entry.name):
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # just deleted
                continue
            yield Entry(prefix + entry.name, 0 if is_folder else found.st_size, found.st_mtime, is_folder)
            if is_folder and recursive and depth > 1:
                yield from _walk_below(folder, entry.name, prefix, depth)


def _walk_below(folder: int, name: str, prefix: str, depth: int) -> Iterator[Entry]:
    try:
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError:  # gone, or something else by now
        return
    try:
        yield from _walk(below, f"{prefix}{name}/", True, depth - 1)
    finally:
        os.close(below)
