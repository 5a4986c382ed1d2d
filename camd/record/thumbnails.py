"""Thumbnails: small pictures of what is recorded, made when somebody looks, kept until their recording goes.

They lie side by side in one folder of the place of recordings, which has no recording at that depth, and are
named after their recording, for numbers of records change when the index is made again. They are a cache:
what is lost of it is made again, the oldest goes first, and without room nothing is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, DeferredSemaphore, ensureDeferred
from twisted.logger import Logger

from ..errors import Gone, RateLimited
from .entries import Record
from .storage import Storage
from .thumbnail import Still, draw, find

if TYPE_CHECKING:
    from ..threads import Threads

FOLDER = ".thumbnails"
#: All of them together take the smaller of these (bytes, part of the disk).
LARGEST, PART = 64 << 20, 0.01
#: So many are asked for at once; who comes later is sent away.
QUEUE = 32
#: So many are looked for and made at once: live pictures come first, and a place that hangs holds one thread.
AT_ONCE = 1
_SEPARATOR = ","  # is in no name of a camera


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """data: JPEG; time: when it was taken, Unix milliseconds."""

    data: bytes
    time: int


class Thumbnails:
    """Reactor thread only."""

    log = Logger()

    def __init__(self, storage: Storage, threads: Threads):
        self.used = 0
        self.made = 0
        self._storage = storage
        self._threads = threads
        self._sizes: dict[str, int] = {}  # the oldest first
        self._folder: Path | None = None  # whose files these are
        self._asked = 0
        self._turn = DeferredSemaphore(AT_ONCE)

    async def start(self) -> None:
        """Look what is there, and remove what has no recording any more. Never fails."""
        folder = self._storage.root / FOLDER
        self._folder, self._sizes = folder, {}
        try:
            there = await self._threads.io(_listed, folder)
        except OSError as error:
            self.log.warn("{folder}: {error}", folder=folder, error=error.strerror or error)
            return
        if folder == self._folder:
            self._sizes = {**there, **self._sizes}
            self._count()

    async def of(
        self, record: Record, at: int | None = None, is_wanted: Callable[[], bool] = lambda: True
    ) -> Thumbnail:
        """The thumbnail of a recording, or of a moment in it (Unix milliseconds). is_wanted: asked when it is
        its turn. Raises Gone if there is no picture, RateLimited if too many are asked for."""
        if self._asked >= QUEUE:
            raise RateLimited(QUEUE)
        self._asked += 1
        try:
            await self._turn.acquire()
            try:
                return await self._of(record, at, is_wanted)
            finally:
                self._turn.release()
        finally:
            self._asked -= 1

    async def _of(self, record: Record, at: int | None, is_wanted: Callable[[], bool]) -> Thumbnail:
        if not is_wanted():
            raise Gone("Nobody waits for it any more")
        if self._folder != self._storage.root / FOLDER:
            await self.start()
        if at is None and (data := await self._kept(_name(record, 0))):
            return Thumbnail(data, record.start)
        still: Still = await self._threads.io(find, self._storage.root / record.filename, record, at)
        name, time = _name(record, still.time), record.start + still.time
        data = await self._kept(name)
        if not data:
            data = await self._threads.encode(draw, still)
            self.made += 1
            await self._keep(name, data)
        return Thumbnail(data, time)

    def forget(self, filenames: Iterable[str]) -> Deferred[None]:
        """These recordings are gone."""
        gone = {filename.replace("/", _SEPARATOR) for filename in filenames}
        return self._remove([name for name in self._sizes if name.rpartition(_SEPARATOR)[0] in gone])

    async def _kept(self, name: str) -> bytes:
        if name not in self._sizes or self._folder is None:
            return b""
        data: bytes = await self._threads.io(_read, self._folder / name)
        if not data:
            self._sizes.pop(name, None)
        return data

    async def _keep(self, name: str, data: bytes) -> None:
        folder = self._folder
        if self._storage.blocked or folder is None:
            return
        try:
            await self._threads.io(_write, folder, name, data)
        except OSError as error:
            self.log.debug("{folder}: {error}", folder=folder, error=error.strerror or error)
            return
        if folder == self._folder:
            self._sizes[name] = len(data)
            self._storage.note_written(len(data))
            self._count()

    def _count(self) -> None:
        """What they take; too much goes at once."""
        space = self._storage.space
        most = LARGEST if space is None else min(LARGEST, int(space.total * PART))
        used, old = sum(self._sizes.values()), []
        for name, size in self._sizes.items():
            if used <= most:
                break
            old.append(name)
            used -= size
        self.used = self._storage.thumbnails = used
        if old:
            self._remove(old)

    def _remove(self, names: list[str]) -> Deferred[None]:
        for name in names:
            self._sizes.pop(name, None)
        self.used = self._storage.thumbnails = sum(self._sizes.values())
        return ensureDeferred(self._unlink(names))

    async def _unlink(self, names: list[str]) -> None:
        if names and self._folder is not None:
            await self._threads.io(_unlink, self._folder, names)


def _name(record: Record, time: int) -> str:
    """time: milliseconds after its start."""
    return f"{record.filename.replace('/', _SEPARATOR)}{_SEPARATOR}{time}.jpg"


def _listed(folder: Path) -> dict[str, int]:
    """Size by name, the oldest first; what has no recording is removed. Raises OSError."""
    found = []
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return {}
    for entry in entries:
        if entry.name.endswith(".jpg") and _recording(folder, entry.name).exists():
            told = entry.stat(follow_symlinks=False)
            found.append((told.st_mtime_ns, entry.name, told.st_size))
        else:
            _unlink(folder, [entry.name])
    return {name: size for _, name, size in sorted(found)}


def _recording(folder: Path, name: str) -> Path:
    """The file that a thumbnail is of."""
    return folder.parent / name.rpartition(_SEPARATOR)[0].replace(_SEPARATOR, "/")


def _read(path: Path) -> bytes:
    """A whole JPEG; b"" for anything else: nothing is waited for until it is on the disk."""
    try:
        data = path.read_bytes()
    except OSError:
        return b""
    return data if data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9") else b""


def _write(folder: Path, name: str, data: bytes) -> None:
    part = folder / f"{name}.part"
    with suppress(FileExistsError):
        folder.mkdir(0o750)  # not its parents: a disk that is not there must not become a folder
    try:
        part.write_bytes(data)
        _recording(folder, name).stat()  # it may have been deleted meanwhile
        part.rename(folder / name)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _unlink(folder: Path, names: list[str]) -> None:
    for name in names:
        with suppress(OSError):
            (folder / name).unlink()
