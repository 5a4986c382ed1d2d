"""Categories and tags of the index, apart from the records: those belong to the disk, these to people. All
blocks."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from ..auth.database import Database
from ..errors import CamdError, Invalid
from ..record import changes
from ..record.check import reading
from ..record.entries import Tag
from ..record.index import MIGRATIONS
from ..wire.strictjson import loads

INDEX = "index.db"
_CATEGORY = {"id": int, "name": str, "color": str, "created_at": int}
_TAG = {"category": int | None, "camera": str, "timestamp": int, "title": str, "note": str, "created_by": str}
_LARGEST = 64 << 20


def read_marks(data_dir: Path, tags: bool = True) -> bytes | None:
    """The categories, and the tags if wanted, as JSON; None if nothing was ever recorded. Raises
    DatabaseError."""
    path = data_dir / INDEX
    if not path.exists():
        return None
    with reading(path) as connection:
        categories = connection.execute(
            "SELECT id, name, color, created_at FROM categories ORDER BY id"
        ).fetchall()
        found = (
            connection.execute(
                "SELECT category_id, coalesce(camera, ''), timestamp, title, note, created_by FROM tags"
                " WHERE deleted = 0 ORDER BY timestamp, id"
            ).fetchall()
            if tags
            else []
        )
    value = {
        "categories": [dict(zip(_CATEGORY, row, strict=True)) for row in categories],
        "tags": [dict(zip(_TAG, row, strict=True)) for row in found],
    }
    return json.dumps(value, ensure_ascii=False, indent=0).encode()


def parse_marks(data: bytes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Categories and tags; raises Invalid."""
    value = loads(data, _LARGEST)
    if not isinstance(value, dict) or value.keys() != {"categories", "tags"}:
        raise Invalid("index.json", "expected categories and tags")
    for rows, kinds in ((value["categories"], _CATEGORY), (value["tags"], _TAG)):
        for row in rows if isinstance(rows, list) else (None,):
            if not isinstance(row, dict) or row.keys() != kinds.keys():
                raise Invalid("index.json", "expected " + ", ".join(kinds))
            if not all(isinstance(row[name], kind) for name, kind in kinds.items()):
                raise Invalid("index.json", "a value is of another type")
    return value["categories"], value["tags"]


def write_marks(data_dir: Path, data: bytes, now: int) -> None:
    """Put these categories and tags in the place of what is there, in one transaction; the index is made if
    it is missing. now: Unix milliseconds. Raises CamdError."""
    categories, tags = parse_marks(data)
    database = Database(data_dir / INDEX, MIGRATIONS)
    database.open(now)
    try:
        with database.writing() as connection:
            for statement in (
                "DELETE FROM tags",
                "DELETE FROM categories",
                "UPDATE records SET tag_markers = 0",
            ):
                connection.execute(statement)
            for row in categories:
                changes.category(connection, row["id"], row["name"], row["color"], row["created_at"])
            for row in tags:
                changes.tag(connection, Tag(0, **row))
    except sqlite3.IntegrityError as error:
        raise Invalid("index.json", str(error)) from None
    finally:
        database.close()


def recorded_files(data_dir: Path) -> list[str]:
    """The names of all that was recorded, below the place of recordings; none if nobody knows."""
    path = data_dir / INDEX
    try:
        with reading(path) as connection:
            return (
                [row[0] for row in connection.execute("SELECT filename FROM records")]
                if path.exists()
                else []
            )
    except CamdError:
        return []
