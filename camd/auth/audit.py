"""Audit: who did what, when and from where, as JSON lines in `audit.jsonl` of the data directory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..threads import Threads


class Audit:
    """Appends entries in the pool `io`; never waits and never fails the caller. Reactor thread only.

    An entry is {"time": RFC 3339 in UTC, "event", "by", "address", ...fields}. The file has mode 0600 and
    is kept as `audit.jsonl`, `.1`, `.2` of 10 MiB at most. dropped: entries lost because the disk was slower.
    """

    def __init__(self, data_dir: Path, threads: Threads, wall: Callable[[], float] = time.time):
        self.dropped = 0

    async def start(self) -> None:
        """Read the newest entries, so that `tail` knows them."""
        raise NotImplementedError

    def stop(self) -> Any:
        """A Deferred that fires when everything is written."""
        raise NotImplementedError

    def record(self, event: str, by: str, address: str = "", **fields: Any) -> None:
        """One entry. fields: JSON values without secrets; long texts are cut."""
        raise NotImplementedError

    def tail(self, n: int = 100) -> list[dict[str, Any]]:
        """The newest n entries (500 at most), the newest last."""
        raise NotImplementedError
