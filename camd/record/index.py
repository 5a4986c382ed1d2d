"""Index: what is recorded, in one SQLite file. One thread writes, any number of readers never wait for it.

Changes that come while others are being committed go into the next commit together. A change that the disk
has no room for is kept and tried again: the index may be late, but is never wrong.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..auth.database import Database, DatabaseError
from ..errors import CamdError

if TYPE_CHECKING:
    from ..threads import Threads

T = TypeVar("T")
#: A change, or a question: a function of the connection and of what else it is given.
Work = Callable[..., T]

MIGRATIONS = Path(__file__).parent / "migrations"
#: After a commit that failed, the next one is tried so much later (seconds).
RETRY = 1.0
#: Changes that may wait; with more the disk has been full for hours.
MOST_WAITING = 10_000
#: What SQLite says of a file that is no use any more.
_DAMAGED = ("malformed", "not a database", "damaged")


class Index:
    """Reactor thread, except where it says that a method blocks. now: Unix seconds.

    is_new: the file was made by this start, so everything that is on disk is unknown to it.
    """

    log = Logger()

    def __init__(self, path: Path, threads: Threads, reactor: Any, now: Callable[[], float] = time.time):
        self.path = path
        self.is_new = False
        self._threads = threads
        self._reactor = reactor
        self._now = now
        self._database = Database(path, MIGRATIONS)
        #: Held while the one connection that writes is used: by the thread `index`, or by a repair in another.
        self._writing = threading.Lock()
        self._waiting: deque[tuple[Work[Any], tuple[Any, ...], Deferred[Any]]] = deque()
        self._busy = False
        self._retry: Any = None
        self._closing: Deferred[None] | None = None
        self._is_closed = False
        self._idle: list[sqlite3.Connection] = []

    def open(self) -> Deferred[None]:
        """Open it, anew if it is damaged. Fails with DatabaseError."""
        return self._threads.index(self.open_now)

    def open_now(self) -> None:
        """The same at once; blocks."""
        self.is_new = not self.path.exists()
        self._is_closed = False
        try:
            self._database.open(int(self._now() * 1000))
            self._check()
        except DatabaseError as error:
            if not any(word in str(error) for word in _DAMAGED):
                raise
            self._database.close()
            self._set_aside(error)
            self.is_new = True
            self._database.open(int(self._now() * 1000))

    def _check(self) -> None:
        with self._database.reading() as connection:
            (told,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if told != "ok":
            raise DatabaseError(f"{self.path}: is damaged: {told}")

    def _set_aside(self, error: Exception) -> None:
        """Move a damaged index away; the records come back from their files, tags do not."""
        aside = self.path.with_name(f"{self.path.name}.damaged-{int(self._now())}")
        for suffix in ("", "-wal", "-shm"):
            file = self.path.with_name(self.path.name + suffix)
            if file.exists():
                file.rename(aside.with_name(aside.name + suffix))
        self.log.error(
            "{error}; it is kept as {aside}, and made again from the files", error=error, aside=aside
        )

    # -- changes

    def write(self, change: Work[T], *args: Any) -> Deferred[T]:
        """Carry out change(connection, *args) with the next commit; fires when that is on disk. Fails with
        what the change raised, which undoes this one only."""
        done: Deferred[T] = Deferred()
        if self._is_closed:
            done.errback(DatabaseError(f"{self.path}: is closed"))
            return done
        if len(self._waiting) >= MOST_WAITING:
            done.errback(DatabaseError(f"{self.path}: {MOST_WAITING} changes wait for it already"))
            return done
        self._waiting.append((change, args, done))
        self._next()
        return done

    def note(self, change: Work[Any], *args: Any) -> None:
        """The same for those who need not know when; what is refused is logged."""
        self.write(change, *args).addErrback(
            lambda failure: self.log.failure("the index did not take a change", failure)
        )

    def _next(self) -> None:
        if self._busy or self._retry is not None or not self._waiting:
            if self._closing is not None and not self._busy and not self._waiting:
                closing, self._closing = self._closing, None
                closing.callback(None)
            return
        self._busy = True
        batch = list(self._waiting)
        self._threads.index(self.commit_now, [(change, args) for change, args, _ in batch]).addCallbacks(
            self._committed, self._not_committed, callbackArgs=(batch,)
        )

    def _committed(self, results: list[Any], batch: list[Any]) -> None:
        for _ in batch:
            self._waiting.popleft()
        self._busy = False
        for (_, _, done), result in zip(batch, results, strict=True):
            done.callback(result)  # a Failure given to callback() runs the errbacks
        self._next()

    def _not_committed(self, failure: Failure) -> None:
        self._busy = False
        self.log.error(
            "the index cannot be written, {count} changes wait: {error}",
            count=len(self._waiting),
            error=failure.value,
        )
        if self._closing is not None:
            self._give_up(failure)
            return
        self._retry = self._reactor.callLater(RETRY, self._again)

    def _again(self) -> None:
        self._retry = None
        self._next()

    def _give_up(self, failure: Failure) -> None:
        while self._waiting:
            self._waiting.popleft()[2].errback(failure)
        self._next()

    def commit_now(self, batch: list[tuple[Work[Any], tuple[Any, ...]]]) -> list[Any]:
        """The results of these changes, a Failure for each that was refused; blocks. Any thread."""
        results: list[Any] = []
        with self._writing, self._database.writing() as connection:
            for change, args in batch:
                connection.execute("SAVEPOINT change")
                try:
                    results.append(change(connection, *args))
                except (CamdError, sqlite3.IntegrityError):
                    results.append(Failure())
                    connection.execute("ROLLBACK TO change")
                connection.execute("RELEASE change")
        return results

    # -- questions

    def read(self, question: Work[T], *args: Any) -> Deferred[T]:
        """The answer of question(connection, *args), at one moment of the data, from the pool `io`."""
        return self._threads.io(self.read_now, question, *args)

    def read_now(self, question: Work[T], *args: Any) -> T:
        """The same at once; blocks. Any thread."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._reader()
        try:
            connection.execute("BEGIN")
            try:
                return question(connection, *args)
            finally:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise DatabaseError(f"{self.path}: {error}") from error
        finally:
            self._idle.append(connection)

    def _reader(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro",
                5.0,
                isolation_level=None,
                check_same_thread=False,
                uri=True,
            )
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA cache_size = -512")
        except sqlite3.Error as error:
            raise DatabaseError(f"{self.path}: {error}") from error
        return connection

    # -- the end

    def close(self) -> Deferred[None]:
        """Fires when what waited is written, or cannot be, and the file is closed. Nothing is taken from now on."""
        closing: Deferred[None] = Deferred()
        self._closing, self._is_closed = closing, True
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._next()
        return closing.addCallback(lambda _: self._threads.index(self.close_now))

    def close_now(self) -> None:
        """Close at once; blocks."""
        while self._idle:
            self._idle.pop().close()
        with self._writing:
            self._database.close()
