"""Folder: the tree of files on disk, and the only way to it.

Every step from the top goes by an open folder to the next name (openat), and never through a symbolic link: between a
look and the use of what was seen nobody can put something else in its place. All of it blocks: for the `io` pool.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import Conflict, Gone, Invalid
from .name import Name
from .part import Part
from .trouble import trouble

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
#: Begins with a dot, so no Name is like it: a file that is being written.
PREFIX, SUFFIX = ".", ".part"
_THERE = "There is no such file"
#: What may not be read is not there for anybody either.
_ABSENT = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENAMETOOLONG, errno.EACCES)
)

#: Looks at what lies there, and raises if it is not what it should be.
Check = Callable[[os.stat_result | None], None]


def _nothing(there: os.stat_result | None) -> None:
    """Asks for nothing."""


@dataclass(slots=True)
class Removed:
    """How many files and bytes."""

    count: int = 0
    size: int = 0


class Folder:
    """The tree below one folder, which itself may be a link. root: absolute."""

    def __init__(self, root: Path):
        self.root = root
        # To see what is there and to change it is one step, or what several change at once is counted wrongly.
        self._changing = threading.Lock()

    def prepare(self) -> None:
        """Make the top if it is missing."""
        self.root.mkdir(mode=0o750, exist_ok=True)

    def _open_root(self) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            return os.open(self.root, flags)
        except FileNotFoundError:  # somebody has tidied up
            self.prepare()
            return os.open(self.root, flags)

    @contextmanager
    def at(self, folder: Name, make: bool = False, nearest: bool = False) -> Iterator[int]:
        """A descriptor of a folder. make: missing ones are made; nearest: or else the last one on the way that is
        there will do. Raises Gone, Conflict."""
        descriptor = self._open_root()
        try:
            for name in folder:
                if make:
                    _make(descriptor, name)
                try:
                    below = _enter(descriptor, name, make)
                except Gone:
                    if nearest:
                        break
                    raise
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)

    def open(self, name: Name) -> int:
        """A descriptor of a file, for reading; its caller closes it. Raises Gone, also for a folder."""
        if not name:
            raise Gone(_THERE)
        with self.at(name[:-1]) as folder:
            try:
                file = os.open(name[-1], _FILE, dir_fd=folder)
            except OSError as error:
                raise _missing(error) from None
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise Gone(_THERE)
        return file

    def stat(self, name: Name) -> os.stat_result | None:
        """What lies there; None for nothing, links and what is no file or folder."""
        if not name:
            return os.stat(self.root)
        try:
            with self.at(name[:-1]) as folder:
                found = os.stat(name[-1], dir_fd=folder, follow_symlinks=False)
        except (OSError, Gone, Conflict):
            return None
        return found if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) else None

    def begin(self, folder: Name, reserve: int = 0) -> Part:
        """A new file, which nobody sees before it is committed; it begins in or above its folder, which is made
        when it is whole. Raises Conflict, StorageFull."""
        with self.at(folder, nearest=True) as descriptor:
            name = f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
            try:
                return Part(os.open(name, _NEW, 0o640, dir_fd=descriptor), os.dup(descriptor), name, reserve)
            except OSError as error:
                raise trouble(error) from error

    def commit(self, part: Part, name: Name, overwrite: bool, check: Check = _nothing) -> int | None:
        """Give a whole file its name, safely on disk; returns how many bytes lie there no more, None if there was
        nothing. check(there) may raise. Raises Conflict if there is one already and it may not be overwritten,
        StorageFull."""
        with self.at(name[:-1], make=True) as folder:
            try:
                part.sync()
                with self._changing:
                    there = self.stat(name)
                    if there is not None and stat.S_ISDIR(there.st_mode):
                        raise Conflict("There is a folder of this name")
                    check(there)
                    if overwrite:
                        os.rename(part.name, name[-1], src_dir_fd=part.folder, dst_dir_fd=folder)
                    else:
                        _rename_to_new(part, name[-1], folder)
                os.fsync(folder)
            except OSError as error:
                raise trouble(error) from error
        part.close()
        return None if there is None else there.st_size

    def remove(
        self, name: Name, recursive: bool = False, gone: Removed | None = None, check: Check = _nothing
    ) -> Removed:
        """Delete a file, or with `recursive` a folder with all that is in it. gone: what went, which is right too if
        this raises: Gone, Conflict for a folder without `recursive`, or into which something came meanwhile.
        check(there) may raise."""
        gone = Removed() if gone is None else gone
        if not name:
            raise Invalid("path", "the top folder cannot be deleted")
        with self.at(name[:-1]) as folder:
            try:
                found = os.stat(name[-1], dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode):
                    self._unlink(folder, name[-1], gone, check)
                    return gone
                if not stat.S_ISDIR(found.st_mode):
                    raise Gone(_THERE)
            except OSError as error:
                raise _missing(error) from None
            if not recursive:
                raise Conflict("This is a folder; with recursive=true all that is in it goes, too")
            check(found)
            try:
                self._remove_tree(folder, name[-1], gone)
                os.fsync(folder)
            except OSError as error:
                raise trouble(error) from error
        return gone

    def _remove_tree(self, folder: int, name: str, gone: Removed) -> None:
        """Delete a folder, links in it as such."""
        below = _enter(folder, name, make=False)
        try:
            with os.scandir(below) as entries:
                inside = list(entries)
            for entry in inside:
                with suppress(FileNotFoundError, Gone):  # somebody else was faster
                    if entry.is_dir(follow_symlinks=False):
                        self._remove_tree(below, entry.name, gone)
                    else:
                        self._unlink(below, entry.name, gone)
        finally:
            os.close(below)
        os.rmdir(name, dir_fd=folder)

    def _unlink(self, folder: int, name: str, gone: Removed, check: Check = _nothing) -> None:
        with self._changing:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            check(found)
            os.unlink(name, dir_fd=folder)
        if stat.S_ISREG(found.st_mode) and not name.startswith(PREFIX):  # what is being written was not counted
            gone.count += 1
            gone.size += found.st_size

    def clean(self) -> tuple[int, int]:
        """Delete what was being written when camd ended; how many files and bytes there are. Passes over what it may
        not look at."""
        count = size = 0
        for _, _, files, descriptor in os.fwalk(self.root, follow_symlinks=False):
            for name in files:
                with suppress(OSError):
                    if name.startswith(PREFIX) and name.endswith(SUFFIX):
                        os.unlink(name, dir_fd=descriptor)
                        continue
                    found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                    if stat.S_ISREG(found.st_mode):
                        count, size = count + 1, size + found.st_size
        return count, size


def _make(folder: int, name: str) -> None:
    try:
        os.mkdir(name, 0o750, dir_fd=folder)
    except FileExistsError:
        pass
    except OSError as error:
        raise trouble(error) from error


def _enter(folder: int, name: str, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError as error:
        if make and error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise Conflict("There is something else where a folder is needed") from None
        raise _missing(error) from None


def _missing(error: OSError) -> Exception:
    if error.errno in _ABSENT:
        return Gone(_THERE)
    return error


def _rename_to_new(part: Part, name: str, folder: int) -> None:
    """As rename, but never over another file: a link cannot replace anything."""
    try:
        os.link(part.name, name, src_dir_fd=part.folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
    else:
        os.unlink(part.name, dir_fd=part.folder)
        return
    # A file system without links, like that of most memory cards: a look must do.
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(part.name, name, src_dir_fd=part.folder, dst_dir_fd=folder)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
