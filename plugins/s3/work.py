"""Work: what is to be copied next, from the index of recordings and the list of uploads."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from camd.app import App

#: Records that are looked at in one go.
PAGE = 500


@dataclass(frozen=True, slots=True)
class Work:
    """One file. key: in the bucket, below the prefix; name: of the file; id: of the record, 0 for an upload;
    digest: SHA-256, "" if nobody knows; since: when it was finished, Unix seconds, 0 if nobody knows."""

    key: str
    name: str
    id: int = 0
    digest: str = ""
    since: float = 0.0

    def open(self, app: App) -> BinaryIO:
        """Blocks; raises OSError, and Gone if it is not there any more."""
        if self.id:
            return (Path(app.recordings.storage.root) / self.name).open("rb")
        return os.fdopen(app.files.tree.open(tuple(self.name.split("/"))), "rb")


@dataclass(frozen=True, slots=True)
class Look:
    """What the index says. work: what comes next, None for nothing; after: no record up to this one needs a
    copy any more, -1: it is another index than it was; waiting: how many records do."""

    work: Work | None
    after: int
    waiting: int


def look(connection: Connection, after: int, done: Collection[int]) -> Look:
    """The first record after this one that is whole and not done. What is still being written keeps `after`
    from moving past it; what is defect, or going, needs no copy. Blocks."""
    newest = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'records'"
    ).fetchone()[0]
    if newest < after:
        return Look(None, -1, 0)
    (whole,) = connection.execute(
        "SELECT count(*) FROM records WHERE id > ? AND state = 'ready'", (after,)
    ).fetchone()
    waiting = max(0, whole - len(done))
    place, moves = after, True
    while True:
        rows = connection.execute(
            "SELECT id, filename, state, coalesce(hex(sha256), ''), timestamp_end FROM records WHERE id > ?"
            " ORDER BY id LIMIT ?",
            (place, PAGE),
        ).fetchall()
        for id, name, state, digest, end in rows:
            if state == "ready" and id not in done:
                return Look(Work(f"recordings/{name}", name, id, digest.lower(), end / 1000), after, waiting)
            moves = moves and state != "recording"
            after = id if moves else after
        if len(rows) < PAGE:
            return Look(None, after, 0)
        place = rows[-1][0]
