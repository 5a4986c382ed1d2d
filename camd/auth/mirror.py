"""Mirror: the accounts in memory, and the one way from the reactor to the database behind it.

The database is the truth, and commands of other processes may write it while the daemon runs. Every change
is made by the one thread of the pool `db` and comes back as a new Snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from .accounts import Accounts
from .audit import Audit
from .records import Snapshot
from .shield import shield

if TYPE_CHECKING:
    from ..threads import Threads
    from .secret_key import SecretKey

#: What the audit log is told once a change is made: event, by, address, fields.
Told = tuple[str, str, str, dict[str, Any]]


class Mirror:
    """snapshot: the accounts as they are. on_take: called with the Snapshots before and after each change.
    accounts: its methods are what `write` takes. wall: UTC seconds. Reactor thread only."""

    log = Logger()

    def __init__(self, data_dir: Path, threads: Threads, audit: Audit, wall: Callable[[], float]):
        self.snapshot = Snapshot()
        self.on_take: Callable[[Snapshot, Snapshot], None] = lambda before, after: None
        self.accounts = Accounts(data_dir, wall)
        self._threads = threads
        self._audit = audit
        self._wall = wall

    @property
    def key(self) -> SecretKey:
        return self.accounts.key

    def now(self) -> int:
        """Unix milliseconds."""
        return int(self._wall() * 1000)

    async def open(self) -> None:
        self._take(await self._threads.db(self.accounts.open))

    def close(self) -> Deferred[None]:
        return self._threads.db(self.accounts.close)

    async def look(self) -> bool:
        """Take over what other processes changed; whether they did."""
        found = await self._threads.db(self.accounts.news)
        if found is not None:
            self._take(found)
        return found is not None

    def write(self, change: Callable[..., None], *args: Any, told: Told | None = None,
              **keywords: Any) -> Deferred[None]:
        """Make a change (a method of `accounts`). Once begun it is made, mirrored and told to the audit log,
        even if the one who waits for it is cancelled."""
        done = self._threads.db(self.accounts.done, partial(change, **keywords), *args)
        done.addCallback(self._written, told)
        return shield(done)

    def _written(self, found: Snapshot, told: Told | None) -> None:
        if told is not None:
            event, by, address, fields = told
            self._audit.record(event, by, address, **fields)
        self._take(found)

    def submit(self, change: Callable[..., None], *args: Any) -> Deferred[None]:
        """Write what the mirror knows already; a failure is logged."""
        done = self._threads.db(change, *args)
        done.addErrback(lambda failure: self.log.error("{error}", error=failure.value))
        return done

    def _take(self, found: Snapshot) -> None:
        before, self.snapshot = self.snapshot, found
        self.on_take(before, found)
