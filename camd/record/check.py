"""Checks: whether the files are what the index says. All of this blocks, and changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..auth.database import DatabaseError
from ..errors import Invalid
from . import queries
from .entries import LARGEST_PAGE, Filter, Record
from .repair import digest, listed, measure


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads, whether camd runs or not. Raises DatabaseError."""
    if not path.exists():
        raise DatabaseError(f"{path} is not there: nothing was recorded yet")
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", 5.0, isolation_level=None, uri=True)
        ) as found:
            yield found
    except sqlite3.Error as error:
        raise DatabaseError(f"{path}: {error}") from error


def damages(path: Path) -> list[str]:
    """What SQLite finds wrong in a database; an empty list if nothing."""
    with reading(path) as connection:
        told = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        told += [
            f"a row of {row[0]} points to nothing" for row in connection.execute("PRAGMA foreign_key_check")
        ]
    return [text for text in told if text != "ok"]


def all_records(connection: sqlite3.Connection, wanted: Filter = Filter()) -> Iterator[Record]:
    """Every record of those wanted, the newest first."""
    cursor = ""
    while True:
        page = queries.find(connection, wanted, LARGEST_PAGE, cursor)
        yield from page.records
        cursor = page.cursor
        if not cursor:
            return


def verify(connection: sqlite3.Connection, root: Path, quick: bool) -> Iterator[tuple[str, str]]:
    """File and fault, for each fault. quick: sizes only, and no look into the files."""
    there = listed(root)
    known = set()
    for record in all_records(connection):
        known.add(record.filename)
        if record.state == "ready" and (fault := _fault(record, root, there, quick)):
            yield record.filename, fault
        elif record.state == "defect":
            yield record.filename, record.reason or "is defect"
    for name in sorted(there.keys() - known):
        yield name, "is not in the index"


def _fault(record: Record, root: Path, there: dict[str, int], quick: bool) -> str:
    if record.filename not in there:
        return "is missing"
    if there[record.filename] != record.size:
        return f"has {there[record.filename]} bytes, the index says {record.size}"
    if quick:
        return ""
    path = root / record.filename
    try:
        if record.sha256 and digest(path).hex() != record.sha256:
            return "is not what was recorded: its SHA-256 is another one"
        if record.encoding == "mp4":
            found = measure(path)
            if found.end != record.size or abs(found.duration - record.duration) > 1:
                return (
                    f"has {found.duration} ms in {found.end} whole bytes, the index says {record.duration} ms"
                )
    except (OSError, Invalid) as error:
        return str(error)
    return ""
