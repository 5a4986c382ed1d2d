"""Questions to the index, answered from one connection; they block, and change nothing.

Pages follow each other by the place of the last record instead of a number of records to pass over: the last
page costs as much as the first.
"""

from __future__ import annotations

import json
import re
from sqlite3 import Connection
from typing import Any

from ..errors import Gone, Invalid
from .changes import Since
from .entries import LARGEST_PAGE, PAGE, Filter, Gap, Page, Record, Tag

_COLUMNS = (
    "id, filename, camera, kind, media_type, encoding, codec, timestamp_start, timestamp_end, duration, size, "
    "resolution, fps, state, reason, sha256, tag_markers, unsynchronised"
)
#: No recording is longer (milliseconds): a search by time need not look further back. A segment lasts 900 s
#: at most, and until its next key frame.
LONGEST = 3600_000

#: File names are in lower case, and their index is small: all of them are looked through in 10 ms. Tags are
#: few.
_TEXT = (
    "SELECT id FROM records WHERE instr(filename, ?) UNION SELECT found.id FROM tags JOIN records AS found"
    f" ON found.timestamp_start BETWEEN timestamp - {LONGEST} AND timestamp AND found.timestamp_end >= timestamp"
    " AND coalesce(tags.camera, found.camera) = found.camera WHERE deleted = 0"
    r" AND (title LIKE ? ESCAPE '\' OR note LIKE ? ESCAPE '\')"
)


def _record(row: tuple[Any, ...]) -> Record:
    *told, sha256, tags, unsynchronised = row
    return Record(*told, (sha256 or b"").hex(), tags, not unsynchronised)


def _conditions(connection: Connection, wanted: Filter) -> tuple[str, list[Any]]:
    parts, values = ["state != 'removing'"], []

    def one_of(column: str, choices: Any) -> None:
        parts.append(f"{column} IN ({', '.join('?' * len(choices))})")
        values.extend(sorted(choices))

    if wanted.cameras is not None:
        one_of("camera", wanted.cameras)
    if wanted.kinds:
        one_of("kind", wanted.kinds)
    if wanted.states:
        one_of("state", wanted.states)
    if wanted.start is not None:
        parts.append("timestamp_start >= ? AND timestamp_end >= ?")
        values += [wanted.start - LONGEST, wanted.start]
    if wanted.end is not None:
        parts.append("timestamp_start < ?")
        values.append(wanted.end)
    if wanted.tagged is not None:
        parts.append("tag_markers > 0" if wanted.tagged else "tag_markers = 0")
    if wanted.text:
        pattern = "%" + re.sub(r"([\\%_])", r"\\\1", wanted.text) + "%"
        found = [id for (id,) in connection.execute(_TEXT, (wanted.text.lower(), pattern, pattern))]
        parts.append("id IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(found))
    return " AND ".join(parts), values


def find(connection: Connection, wanted: Filter, limit: int = PAGE, cursor: str = "", skip: int = 0) -> Page:
    """The newest records of those wanted, or with the cursor of a page what follows it. Raises Invalid for a
    cursor that is none."""
    limit = max(1, min(limit, LARGEST_PAGE))
    where, values = _conditions(connection, wanted)
    (total,) = connection.execute(f"SELECT count(*) FROM records WHERE {where}", values).fetchone()
    if cursor:
        where += " AND (timestamp_start, id) < (?, ?)"
        values += _place(cursor)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM records WHERE {where} ORDER BY timestamp_start DESC, id DESC LIMIT ? OFFSET ?",
        (*values, limit + 1, skip),
    ).fetchall()
    records = tuple(map(_record, rows[:limit]))
    more = len(rows) > limit
    return Page(records, total, f"{records[-1].start}.{records[-1].id}" if more else "")


def _place(cursor: str) -> tuple[int, int]:
    start, _, id = cursor.partition(".")
    fits = cursor.isascii() and len(start) < 19 and len(id) < 19  # what SQLite calls an integer
    if not (fits and start.removeprefix("-").isdecimal() and id.isdecimal()):
        raise Invalid("cursor", "take the one that came with the page before")
    return int(start), int(id)


def one(connection: Connection, id: int) -> Record:
    """The record of that number; raises Gone."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM records WHERE id = ? AND state != 'removing'", (id,)
    ).fetchone()
    if row is None:
        raise Gone("There is no such recording")
    return _record(row)


def named(connection: Connection, filename: str) -> Record:
    """The record of that file; raises Gone."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM records WHERE filename = ? AND state != 'removing'", (filename,)
    ).fetchone()
    if row is None:
        raise Gone("There is no such recording")
    return _record(row)


def in_range(connection: Connection, camera: str, start: int, end: int, most: int = -1) -> list[Record]:
    """The videos of a camera that have a part in this time, in its order; the first `most`, or with -1 all."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM records WHERE camera = ? AND timestamp_start >= ? AND timestamp_start < ?"
        " AND (timestamp_end > ? OR state = 'recording') AND media_type = 'video'"
        " AND state IN ('ready', 'recording') ORDER BY timestamp_start, id LIMIT ?",
        (camera, start - LONGEST, end, start, most),
    )
    return list(map(_record, rows))


def unfinished(connection: Connection) -> list[Record]:
    """Records that were being written, or removed, when camd ended."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM records WHERE state IN ('recording', 'removing')")
    return list(map(_record, rows))


def oldest(
    connection: Connection, limit: int, camera: str | None = None, before: int | None = None
) -> list[Record]:
    """What retention may take, the oldest first: without a tag, and not growing. before: that ended before
    this moment."""
    where = "tag_markers = 0 AND state IN ('ready', 'defect')"
    values: list[Any] = []
    if camera is not None:
        where, values = where + " AND camera = ?", [camera]
    if before is not None:
        where += " AND timestamp_start < ? AND timestamp_end < ?"
        values += [before, before]
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM records WHERE {where} ORDER BY timestamp_start LIMIT ?", (*values, limit)
    )
    return list(map(_record, rows))


def sizes(connection: Connection) -> dict[str, int]:
    """Bytes by camera."""
    return dict(connection.execute("SELECT camera, sum(size) FROM records GROUP BY camera"))


def written_since(connection: Connection, moment: int) -> tuple[int, int]:
    """Bytes of the records that began since this moment, and when the first of them did (0 without one)."""
    size, first = connection.execute(
        "SELECT coalesce(sum(size), 0), coalesce(min(timestamp_start), 0) FROM records"
        " WHERE timestamp_start >= ?",
        (moment,),
    ).fetchone()
    return size, first


def filenames(connection: Connection) -> dict[str, tuple[str, int]]:
    """State and size of every record by file name."""
    return {
        name: (state, size)
        for name, state, size in connection.execute("SELECT filename, state, size FROM records")
    }


#: With `_list`: whether a row is of one of these cameras.
_OF_CAMERAS = "(? IS NULL OR camera IN (SELECT value FROM json_each(?)))"


def _list(cameras: frozenset[str] | None) -> tuple[str | None, str | None]:
    text = None if cameras is None else json.dumps(sorted(cameras))
    return text, text


def gaps(connection: Connection, cameras: frozenset[str] | None, start: int, end: int) -> list[Gap]:
    """The gaps of these cameras (None: all) that have a part in this time, in its order."""
    rows = connection.execute(
        "SELECT camera, timestamp_start, timestamp_end, reason FROM gaps WHERE timestamp_start < ?"
        f" AND coalesce(timestamp_end, ?) > ? AND {_OF_CAMERAS} ORDER BY timestamp_start LIMIT ?",
        (end, end, start, *_list(cameras), LARGEST_PAGE),
    )
    return [Gap(*row) for row in rows]


def tags(connection: Connection, cameras: frozenset[str] | None, start: int, end: int) -> list[Tag]:
    """The tags of these cameras (None: all) in this time, in its order."""
    rows = connection.execute(
        "SELECT id, timestamp, title, note, coalesce(camera, ''), category_id, created_by FROM tags"
        f" WHERE deleted = 0 AND timestamp >= ? AND timestamp < ? AND (camera IS NULL OR {_OF_CAMERAS})"
        " ORDER BY timestamp LIMIT ?",
        (start, end, *_list(cameras), LARGEST_PAGE),
    )
    return [Tag(*row) for row in rows]


def one_tag(connection: Connection, id: int) -> Tag:
    """The tag of that number; raises Gone."""
    row = connection.execute(
        "SELECT id, timestamp, title, note, coalesce(camera, ''), category_id, created_by FROM tags"
        " WHERE deleted = 0 AND id = ?",
        (id,),
    ).fetchone()
    if row is None:
        raise Gone("There is no such tag")
    return Tag(*row)


def since(connection: Connection) -> Since:
    """Where the index is now."""
    record, gap = (
        connection.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()[0]
        for table in ("records", "gaps")
    )
    going_on = connection.execute("SELECT id FROM gaps WHERE timestamp_end IS NULL")
    return Since(record, gap, tuple(id for (id,) in going_on))


def newest(connection: Connection, camera: str) -> int:
    """When the newest record of a camera ends, 0 without one."""
    (end,) = connection.execute(
        "SELECT coalesce(max(timestamp_end), 0) FROM records WHERE camera = ?", (camera,)
    ).fetchone()
    return int(end)
