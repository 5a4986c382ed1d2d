"""Database: one SQLite file in WAL mode, brought up to date by numbered SQL files.

Blocking: for the one thread of the pool `db`, or for a command. Several processes may have the file
open; `changed` tells when another one wrote.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..errors import CamdError

MIGRATIONS = Path(__file__).parent / "migrations"
#: How long a write waits for one of another process (seconds).
PATIENCE = 5.0


class DatabaseError(CamdError):
    """The database cannot be read or written; the text names the file and what SQLite says."""


class Database:
    """One connection to the file at `path`, made with mode 0600. Every use may raise DatabaseError."""

    def __init__(self, path: Path, migrations: Path = MIGRATIONS):
        self.path = path
        self._migrations = _numbered(migrations)
        self._connection: sqlite3.Connection | None = None
        self._version_of_data = 0

    def open(self, now: int) -> None:
        """Open and migrate. now: Unix milliseconds, for the table of migrations."""
        with self._told():
            self._make_private()
            connection = sqlite3.connect(self.path, PATIENCE, isolation_level=None, check_same_thread=False)
            try:
                # FULL: a password that was changed or a token that was revoked stays so after a power cut.
                for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON",
                                "trusted_schema = OFF"):
                    connection.execute(f"PRAGMA {setting}")
                self._connection = connection
                self._migrate(now)
                self.changed()
            except BaseException:
                self._connection = None
                connection.close()
                raise

    def close(self) -> None:
        """Close; a second time does nothing. The write-ahead log is folded into the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def changed(self) -> bool:
        """Whether another connection wrote since this was asked last; takes microseconds."""
        with self._told():
            (version,) = self._use().execute("PRAGMA data_version").fetchone()
        before, self._version_of_data = self._version_of_data, version
        return version != before

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A look at one moment of the data, whoever writes meanwhile."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A change that is made whole or not at all; an exception undoes it."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._told():
            connection = self._use()
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:  # a full disk has undone it already
                    connection.execute("ROLLBACK")

    def _use(self) -> sqlite3.Connection:
        if self._connection is None:
            raise DatabaseError(f"{self.path}: is closed")
        return self._connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # a mistake in a statement of ours
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise DatabaseError(f"{self.path}: {reason}{_advice(error)}") from error

    def _make_private(self) -> None:
        """SQLite gives the files beside it the same mode. An existing file is not opened for it: closing it
        again would drop the locks of a connection that this process has."""
        try:
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            os.chmod(self.path, 0o600)

    # -- migrations

    def _migrate(self, now: int) -> None:
        known, found = max(self._migrations, default=0), self._version()
        if found > known:
            raise DatabaseError(
                f"{self.path}: was written by a newer camd (version {found} of the tables, this one knows "
                f"{known}); install that one, or put the copy from before its first start back"
            )
        if found == known:
            return
        if found:
            self._copy(self.path.with_name(f"{self.path.name}.v{found}"))
        with self.writing() as connection:
            # The other process may have been faster, so it is asked again under the lock.
            connection.execute(
                "CREATE TABLE IF NOT EXISTS migrations ("
                "version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL)"
            )
            for version in range(self._version() + 1, known + 1):
                for statement in _statements(self._migrations[version].read_text("utf-8")):
                    connection.execute(statement)
                connection.execute("INSERT INTO migrations VALUES (?, ?)", (version, now))

    def _version(self) -> int:
        connection = self._use()
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").fetchone():
            return 0
        return connection.execute("SELECT coalesce(max(version), 0) FROM migrations").fetchone()[0]

    def _copy(self, target: Path) -> None:
        part = target.with_name(target.name + ".part")
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(part)) as copy:
            self._use().backup(copy)
        os.replace(part, target)


def _numbered(folder: Path) -> dict[int, Path]:
    """Version -> SQL file; the names begin with 1, 2, 3 ... without a gap."""
    found = {int(path.name.partition("_")[0]): path for path in folder.glob("[0-9]*_*.sql")}
    if sorted(found) != list(range(1, len(found) + 1)):
        raise AssertionError(f"{folder}: the numbers of the migrations have a gap")
    return found


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for part in re.split("(?<=;)", script):
        statement += part
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise AssertionError(f"a migration ends in the middle of a statement: {statement.strip()[:60]}")


def _advice(error: Exception) -> str:
    text = str(error)
    if "not a database" in text or "malformed" in text:
        return (" (it is damaged: put a copy back, or move it away and begin anew with a setup code; "
                "until then nobody gets in)")
    if "locked" in text:
        return f" (another process has held it for {PATIENCE:g} s)"
    return ""
