"""Retention: what is deleted so that recording goes on: what is too old, too much, or in the way.

The oldest without a tag goes first. A file is marked in the index before it is removed, so whatever happens
in between the next start knows what was meant.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from . import queries
from .changes import forget
from .entries import Record
from .index import Index
from .storage import ENOUGH, Space, Storage

if TYPE_CHECKING:
    from ..threads import Threads

#: Between two looks at the disk (seconds).
EVERY = 5.0
#: Records that are deleted in one go.
MOST = 200
#: So much is made free beyond the reserve, in reserves, so that it is not needed again at once.
GOAL = 1.5
#: The wall clock was set if it moved so much more than the monotonic one; then nothing is too old for REST
#: (seconds).
STEP, REST = 60.0, 3600.0
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Rule:
    """For one camera. days: older records go, 0: none; most: bytes together, 0: any number."""

    days: float = 0.0
    most: int = 0


@dataclass(frozen=True, slots=True)
class Need:
    """What is known before anything is chosen. free, wanted: bytes; now: Unix milliseconds, None if the clock
    cannot be trusted."""

    free: int
    wanted: int
    now: int | None


@dataclass(frozen=True, slots=True)
class Choice:
    """victims: the records that go; used: bytes by camera; rate: bytes a day."""

    victims: tuple[Record, ...]
    used: dict[str, int]
    rate: float


def choose(connection: Connection, rules: Mapping[str, Rule], need: Need) -> Choice:
    """What has to go, MOST at most. Blocks."""
    used = queries.sizes(connection)
    victims: dict[int, Record] = {}
    for camera, rule in rules.items():
        if rule.days and need.now is not None:
            before = need.now - round(rule.days * _DAY * 1000)
            victims |= {record.id: record for record in queries.oldest(connection, MOST, camera, before)}
        if rule.most and used.get(camera, 0) > rule.most:
            left = used[camera]
            for record in queries.oldest(connection, MOST, camera):
                if left <= rule.most:
                    break
                victims[record.id] = record
                left -= record.size
    missing = need.wanted - need.free - sum(record.size for record in victims.values())
    if missing > 0:
        for record in queries.oldest(connection, MOST):
            if missing <= 0:
                break
            if record.id not in victims:
                victims[record.id] = record
                missing -= record.size
    chosen = tuple(list(victims.values())[:MOST])
    return Choice(chosen, used, _rate(connection, need.now))


def _rate(connection: Connection, now: int | None) -> float:
    if now is None:
        return 0.0
    size, first = queries.written_since(connection, now - round(_DAY * 1000))
    seconds = (now - first) / 1000
    return size / seconds * _DAY if size and seconds > 60 else 0.0


def unlink(root: Path, names: Iterable[str]) -> list[str]:
    """Remove files, and folders that are empty then; returns the names of those that are gone. Blocks."""
    gone = []
    for name in names:
        path = root / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            Retention.log.error("cannot delete {path}: {error}", path=path, error=error)
            continue
        gone.append(name)
        for folder in list(path.parents)[:3]:  # day, month, year
            try:
                folder.rmdir()
            except OSError:
                break
    return gone


def condemn(connection: Connection, names: Iterable[str], tagged: bool) -> list[str]:
    """Mark files that are to be removed; without `tagged` only those that have no tag, which may have come since
    they were chosen. Returns what is marked."""
    spared = "" if tagged else " AND tag_markers = 0"
    change = f"UPDATE records SET state = 'removing', reason = '' WHERE filename = ?{spared}"
    return [name for name in names if connection.execute(change, (name,)).rowcount]


def forget_all(connection: Connection, names: Iterable[str]) -> None:
    for name in names:
        forget(connection, name)


class Retention:
    """Reactor thread only. rules(): by camera; wall: Unix seconds. on_removed(names) hears of the files that
    are gone."""

    log = Logger()

    def __init__(
        self,
        index: Index,
        storage: Storage,
        threads: Threads,
        reactor: Any,
        rules: Callable[[], Mapping[str, Rule]],
        wall: Callable[[], float] = time.time,
    ):
        self.deleted = 0
        self.on_removed: Callable[[list[str]], Any] = lambda names: None
        self._index = index
        self._storage = storage
        self._threads = threads
        self._reactor = reactor
        self._rules = rules
        self._wall = wall
        self._offset = wall() - reactor.seconds()
        self._rests_until = 0.0
        self._round: Deferred[None] | None = None
        self._again = False
        self._call = LoopingCall(self._look_again)
        self._call.clock = reactor
        storage.on_low = self.look

    def start(self) -> Deferred[None]:
        """Fires when it has looked for the first time."""
        self._call.start(EVERY, now=False)
        return self.look()

    def stop(self) -> None:
        if self._call.running:
            self._call.stop()
        self._storage.on_low = lambda: None

    def look(self) -> Deferred[None]:
        """Look at the disk and make room if that is needed; never fails. One at a time."""
        waiter: Deferred[None] = Deferred()
        if self._round is None:
            self._round = ensureDeferred(self._look())
            self._round.addErrback(self._failed).addBoth(self._looked)
        else:
            self._again = True
        waiter.callback(None) if self._round is None else self._round.addBoth(lambda _: waiter.callback(None))
        return waiter

    def _look_again(self) -> None:
        self.look()  # not waited for: a disk that hangs must not stop the clock

    def _looked(self, _: Any) -> None:
        self._round = None
        again, self._again = self._again, False
        if again and self._call.running:
            self._reactor.callLater(0, self.look)

    def _failed(self, failure: Any) -> None:
        if failure.check(OSError):
            reason = f"{self._storage.root}: {failure.value.strerror or failure.value}"
            self._storage.block(reason)
        else:
            self.log.failure("retention", failure)

    async def _look(self) -> None:
        storage = self._storage
        space: Space = await self._threads.io(storage.look_now)
        storage.space = space
        while True:
            need = Need(space.free, round(storage.reserve * GOAL) if self._is_low(space) else 0, self._now())
            choice: Choice = await self._index.read(choose, self._rules(), need)
            if not choice.victims or not await self.remove(choice.victims, tagged=False):
                break
            space = await self._threads.io(storage.look_now)
        used = sum(choice.used.values())
        days = max(0, space.free - storage.reserve) / choice.rate if choice.rate else None
        storage.saw(space, used, days)
        self._judge(space)

    def _is_low(self, space: Space) -> bool:
        return space.free < self._storage.reserve * ENOUGH

    def _judge(self, space: Space) -> None:
        storage = self._storage
        if space.free < storage.reserve:
            storage.block(
                f"{storage.root} has {space.free} bytes free, {storage.reserve} are kept free, and "
                "all that is left has "
                "a tag: delete recordings, or give it more room"
            )
        elif space.free >= storage.reserve * ENOUGH:
            storage.unblock()

    def _now(self) -> int | None:
        """Unix milliseconds; None for a while after the clock was set: nothing must go because of that."""
        wall, seconds = self._wall(), self._reactor.seconds()
        if abs(wall - seconds - self._offset) > STEP:
            self._rests_until = seconds + REST
        self._offset = wall - seconds
        return round(wall * 1000) if seconds >= self._rests_until else None

    async def remove(self, records: Iterable[Record], tagged: bool = True) -> int:
        """Delete these, or without `tagged` those of them without a tag; returns how many are gone."""
        names = await self._index.write(condemn, [record.filename for record in records], tagged)
        gone = await self._threads.io(unlink, self._storage.root, names)
        await self._index.write(forget_all, gone)
        self.deleted += len(gone)
        self.on_removed(gone)
        return len(gone)
