"""Audit: who did what, when and from where, as JSON lines in `audit.jsonl` of the data directory."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

if TYPE_CHECKING:
    from ..threads import Threads

FILE = "audit.jsonl"
#: What `tail` can give.
REMEMBERED = 500
#: A slider that is dragged makes many entries; those of so long are written together (seconds).
DELAY = 0.25
_QUEUE = 1000
_SIZE = 10 * 2**20
_FILES = 3
_TEXT = 400
_LINE = 4000
#: Of this much at the end of a file the newest entries are read.
_READ = 256 * 1024

_OPEN = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW

Entry = dict[str, Any]


def make_entry(now: float, event: str, by: str, address: str = "", **fields: Any) -> Entry:
    """now: UTC seconds; fields: JSON values, of which long texts are cut."""
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entry = {"time": moment, "event": event, "by": by, "address": address, **fields}
    return {key: value[:_TEXT] if isinstance(value, str) else value for key, value in entry.items()}


def _line(entry: Entry) -> str:
    """ASCII, so that nothing foreign breaks a line or moves the cursor of whoever looks at the file."""
    line = json.dumps(entry, default=str)
    if len(line) > _LINE:
        line = json.dumps({**{key: entry[key] for key in ("time", "event", "by", "address")}, "cut": True})
    return line + "\n"


class AuditFile:
    """The file and those before it (`.1`, `.2`). Blocking; commands append to it while a daemon does."""

    def __init__(self, path: Path, size: int = _SIZE, rotates: bool = True):
        self._path = path
        self._size = size
        self._rotates = rotates
        self._seen: tuple[int, int] | None = None  # inode and length as we left it

    def read(self) -> list[Entry]:
        """The newest entries, the newest last."""
        found: list[Entry] = []
        for path in (self._numbered(1), self._path):
            try:
                with path.open("rb") as file:
                    size = file.seek(0, os.SEEK_END)
                    found += _entries(_read(file.fileno(), size - _READ, size))
                    self._seen = os.fstat(file.fileno()).st_ino, size
            except FileNotFoundError:
                continue
        return found[-REMEMBERED:]

    def append(self, entries: Sequence[Entry]) -> list[Entry]:
        """Write them, and return those that others wrote since we looked last."""
        descriptor = os.open(self._path, _OPEN, 0o600)
        try:
            status = os.fstat(descriptor)
            size, others = status.st_size, []
            if self._seen is not None and self._seen[0] == status.st_ino and size > self._seen[1]:
                others = _entries(_read(descriptor, self._seen[1], size))
            data = "".join(map(_line, entries)).encode()
            if data and size and os.pread(descriptor, 1, size - 1) != b"\n":  # a line cut by a power failure
                data = b"\n" + data
            while data:
                data = data[os.write(descriptor, data):]
            size = os.fstat(descriptor).st_size
            self._seen = status.st_ino, size
        finally:
            os.close(descriptor)
        if self._rotates and size > self._size:
            for number in range(_FILES - 1, 0, -1):
                before = self._numbered(number - 1)
                if before.exists():
                    os.replace(before, self._numbered(number))
            self._seen = None
        return others

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path


def _read(descriptor: int, start: int, end: int) -> bytes:
    start = max(start, end - _READ, 0)
    return os.pread(descriptor, end - start, start)


def _entries(data: bytes) -> list[Entry]:
    """The whole entries in a piece of a file."""
    found = []
    for line in data.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


class Audit:
    """Appends entries in the pool `io`; never waits and never fails the caller. Reactor thread only.

    An entry is {"time": RFC 3339 in UTC, "event", "by", "address", ...fields}. The file has mode 0600 and
    is kept as `audit.jsonl`, `.1`, `.2` of 10 MiB each. later: the reactor's callLater, with which entries
    of a DELAY are one write; without it each is written at once. dropped: entries lost because the disk was
    slower or full.
    """

    log = Logger()

    def __init__(
        self,
        data_dir: Path,
        threads: Threads,
        wall: Callable[[], float] = time.time,
        later: Callable[[float, Callable[[], None]], Any] | None = None,
    ):
        self.dropped = 0
        self._later = later
        self._call: Any = None
        self._threads = threads
        self._wall = wall
        self._file = AuditFile(data_dir / FILE)
        self._remembered: deque[Entry] = deque(maxlen=REMEMBERED)
        self._queue: list[Entry] = []
        self._told_dropped = 0
        self._writing: Deferred[None] | None = None

    async def start(self) -> None:
        """Read the newest entries, so that `tail` knows them."""
        try:
            found = await self._threads.io(self._file.read)
        except OSError as error:
            self.log.error("the audit log cannot be read: {error}", error=error)
            return
        self._remembered.extendleft(reversed(found[: REMEMBERED - len(self._remembered)]))

    async def stop(self) -> None:
        """Wait until everything is written."""
        if self._call is not None:
            self._write()
        while self._writing is not None:
            await self._writing

    def record(self, event: str, by: str, address: str = "", **fields: Any) -> None:
        """One entry. fields: JSON values without secrets; long texts are cut."""
        entry = make_entry(self._wall(), event, by, address, **fields)
        self._remembered.append(entry)
        if len(self._queue) >= _QUEUE:
            self.dropped += 1
            return
        self._queue.append(entry)
        if self._later is None:
            self._write()
        elif self._call is None and self._writing is None:
            self._call = self._later(DELAY, self._write)

    def refresh(self) -> None:
        """Look for entries that commands of other processes appended."""
        self._write()

    def tail(self, n: int = 100) -> list[Entry]:
        """The newest n entries (500 at most), the newest last."""
        return list(self._remembered)[-n:] if n > 0 else []

    def _write(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        if self._writing is not None:
            return
        batch, self._queue = self._queue, []
        if batch and self.dropped > self._told_dropped:
            lost = self.dropped - self._told_dropped
            batch.append(make_entry(self._wall(), "entries_lost", "system", count=lost))
            self._told_dropped = self.dropped
        self._writing = Deferred()
        self._threads.io(self._file.append, batch).addCallbacks(
            self._remembered.extend, self._failed, errbackArgs=(len(batch),)
        ).addBoth(self._written)

    def _failed(self, failure: Any, count: int) -> None:
        self.dropped += count
        self.log.error("the audit log cannot be written, {count} entries are lost: {error}",
                       count=count, error=failure.value)

    def _written(self, _: Any) -> None:
        done, self._writing = self._writing, None
        if self._queue:
            self._write()
        if done is not None:
            done.callback(None)
