"""Changes of the index, each on one connection within a transaction of `Index`; they block."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from sqlite3 import Connection

from ..errors import Gone
from .entries import Tag

#: How many tags lie in a record.
_COUNT = (
    "(SELECT count(*) FROM tags WHERE deleted = 0 AND timestamp BETWEEN timestamp_start AND timestamp_end"
    " AND coalesce(tags.camera, records.camera) = records.camera)"
)


@dataclass(frozen=True, slots=True)
class Began:
    """A file that exists since now; fields as in Record."""

    filename: str
    camera: str
    kind: str
    codec: str
    start: int
    resolution: str = ""
    synchronised: bool = True
    media_type: str = "video"
    encoding: str = "mp4"


@dataclass(frozen=True, slots=True)
class Finished:
    """A file that will not change any more; fields as in Record, sha256 as bytes."""

    filename: str
    duration: int
    size: int
    fps: float
    sha256: bytes | None
    reason: str = ""
    state: str = "ready"


@dataclass(frozen=True, slots=True)
class Since:
    """Where the index was when camd started. record, gap: the numbers that the next ones have at least; open:
    gaps that went on."""

    record: int = 0
    gap: int = 0
    open: tuple[int, ...] = ()


def begin(connection: Connection, began: Began) -> int:
    """Note a new record, which ends what gap its camera had; returns its number."""
    connection.execute(
        "UPDATE gaps SET timestamp_end = max(timestamp_start, ?) WHERE camera = ? AND timestamp_end IS NULL",
        (began.start, began.camera),
    )
    return _insert(connection, began)


def _insert(connection: Connection, began: Began) -> int:
    cursor = connection.execute(
        "INSERT INTO records (filename, camera, kind, media_type, encoding, codec, timestamp_start,"
        " timestamp_end,"
        " resolution, state, unsynchronised) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'recording', ?)",
        (
            began.filename,
            began.camera,
            began.kind,
            began.media_type,
            began.encoding,
            began.codec,
            began.start,
            began.start,
            began.resolution,
            not began.synchronised,
        ),
    )
    return cursor.lastrowid or 0


def grow(connection: Connection, filename: str, duration: int, size: int) -> None:
    """Note how far a record has come."""
    connection.execute(
        "UPDATE records SET timestamp_end = timestamp_start + ?, duration = ?, size = ?"
        " WHERE filename = ? AND state = 'recording'",
        (duration, duration, size, filename),
    )


def finish(connection: Connection, done: Finished) -> None:
    """Note that a record is whole, and count the tags that were put into it while it grew."""
    connection.execute(
        "UPDATE records SET timestamp_end = timestamp_start + ?, duration = ?, size = ?, fps = ?, sha256 = ?,"
        " reason = ?, state = ? WHERE filename = ?",
        (
            done.duration,
            done.duration,
            done.size,
            done.fps,
            done.sha256,
            done.reason,
            done.state,
            done.filename,
        ),
    )
    connection.execute(f"UPDATE records SET tag_markers = {_COUNT} WHERE filename = ?", (done.filename,))


def mark(connection: Connection, filename: str, state: str, reason: str) -> None:
    connection.execute(
        "UPDATE records SET state = ?, reason = ? WHERE filename = ?", (state, reason, filename)
    )


def forget(connection: Connection, filename: str) -> None:
    """The file is gone, and its record with it."""
    connection.execute("DELETE FROM records WHERE filename = ?", (filename,))


def lose(connection: Connection, camera: str, start: int, end: int | None, reason: str) -> None:
    """Note a gap; one that goes on (end None) is only noted if there is none yet."""
    if (
        end is None
        and connection.execute(
            "SELECT 1 FROM gaps WHERE camera = ? AND timestamp_end IS NULL", (camera,)
        ).fetchone()
    ):
        return
    connection.execute(
        "INSERT INTO gaps (camera, timestamp_start, timestamp_end, reason) VALUES (?, ?, ?, ?)",
        (camera, start, end, reason),
    )


def end_gap(connection: Connection, camera: str, moment: int) -> None:
    """Nothing is missing any more, for nothing is wanted."""
    connection.execute(
        "UPDATE gaps SET timestamp_end = max(timestamp_start, ?) WHERE camera = ? AND timestamp_end IS NULL",
        (moment, camera),
    )


def tag(connection: Connection, tag: Tag) -> int:
    """Put a tag into time; returns its number. A record that grows counts its tags when it is whole, but is
    kept from now on. Raises Gone for a category that is not there."""
    if (
        tag.category is not None
        and not connection.execute("SELECT 1 FROM categories WHERE id = ?", (tag.category,)).fetchone()
    ):
        raise Gone(f"There is no category {tag.category}")
    cursor = connection.execute(
        "INSERT INTO tags (category_id, camera, timestamp, title, note, created_by) VALUES (?, ?, ?, ?, ?, ?)",
        (tag.category, tag.camera or None, tag.timestamp, tag.title, tag.note, tag.created_by),
    )
    _recount(connection, tag.timestamp)
    return cursor.lastrowid or 0


def untag(connection: Connection, id: int) -> None:
    """Take a tag away; raises Gone."""
    row = connection.execute("SELECT timestamp FROM tags WHERE id = ? AND deleted = 0", (id,)).fetchone()
    if row is None:
        raise Gone("There is no such tag")
    connection.execute("UPDATE tags SET deleted = 1 WHERE id = ?", (id,))
    _recount(connection, row[0])


def _recount(connection: Connection, moment: int) -> None:
    connection.execute(
        f"UPDATE records SET tag_markers = {_COUNT} WHERE timestamp_start <= ? AND timestamp_end >= ?",
        (moment, moment),
    )


def category(connection: Connection, id: int, name: str, color: str, now: int) -> None:
    """Make a category, or change it."""
    connection.execute(
        "INSERT INTO categories VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
        " color = excluded.color",
        (id, name, color, now),
    )


def category_named(connection: Connection, name: str, now: int) -> int:
    """The number of a category, which is made if it is not there."""
    row = connection.execute("SELECT id FROM categories WHERE name = ?", (name,)).fetchone()
    if row is not None:
        return int(row[0])
    (id,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM categories").fetchone()
    category(connection, id, name, "#808080", now)
    return int(id)


def adopt(connection: Connection, began: Began, done: Finished) -> int:
    """Note a file that is whole already; returns its number. It tells nothing about gaps."""
    id = _insert(connection, began)
    finish(connection, done)
    return id


def shift(connection: Connection, since: Since, by: int, before: int, right: Collection[str]) -> None:
    """The clock was wrong: what it said since the start of camd is moved by so many milliseconds. before:
    what it showed at last; right: files that began when it was right already."""
    names = json.dumps(sorted(right))
    connection.execute(
        "UPDATE records SET timestamp_start = timestamp_start + ?, timestamp_end = timestamp_end + ?"
        " WHERE id >= ? AND unsynchronised = 1 AND timestamp_start <= ?"
        " AND filename NOT IN (SELECT value FROM json_each(?))",
        (by, by, since.record, before, names),
    )
    connection.execute(
        "UPDATE gaps SET timestamp_start = timestamp_start + ? WHERE id >= ? AND timestamp_start <= ?",
        (by, since.gap, before),
    )
    # Each gap that ended since then did so with a record, and the end of a gap of the last run was wrong as well.
    connection.execute(
        "UPDATE gaps SET timestamp_end = max(timestamp_start, coalesce((SELECT min(records.timestamp_start)"
        " FROM records WHERE records.camera = gaps.camera AND records.id >= ?"
        " AND records.timestamp_start >= gaps.timestamp_start), timestamp_end + ?))"
        " WHERE timestamp_end IS NOT NULL AND (id >= ? OR id IN (SELECT value FROM json_each(?)))",
        (since.record, by, since.gap, json.dumps(since.open)),
    )


def trust(connection: Connection, since: Since) -> None:
    """The clock is right now, and so is what it said since the start of camd."""
    connection.execute("UPDATE records SET unsynchronised = 0 WHERE id >= ?", (since.record,))
