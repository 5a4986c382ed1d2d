"""Storage: the place where recordings are kept: how much room there is, and whether anything can be
written."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from ..config import Config
from ..state.event import Event
from ..state.permission import Permission
from ..state.spec import Spec
from ..state.state import State

#: What stays free if the configuration names no other number: the smaller of these (bytes, part of the disk).
RESERVE, RESERVE_PART = 1_000_000_000, 0.05
#: A segment takes this part of the disk at most, so that deleting one makes room for another.
SEGMENT_PART = 0.05
#: And never more than this (bytes).
LARGEST_SEGMENT = 1 << 30
#: Once there was no room, recording goes on when this many reserves are free.
ENOUGH = 1.25


@dataclass(frozen=True, slots=True)
class Space:
    """Of the disk, bytes: its size, and what camd may still write."""

    total: int
    free: int


class Storage:
    """Reactor thread, except where it says that a method blocks. blocked: why nothing can be recorded, ""
    while it can; space, days_left: as it was found last, None while nobody knows. on_event hears when that
    changes, on_low() when there is less room than there should be."""

    log = Logger()

    def __init__(
        self,
        config: Config,
        state: State,
        on_event: Callable[[Event], None],
        is_synchronised: Callable[[], bool],
    ):
        self.is_synchronised = is_synchronised
        self.blocked = ""
        self.space: Space | None = None
        self.days_left: float | None = None
        self.thumbnails = 0  # bytes that they take
        self.on_low: Callable[[], Any] = lambda: None
        self.on_change: Callable[[], None] = lambda: None
        self._on_event = on_event
        self._since_look = 0
        self._names = {
            spec.name: state.declare(spec)
            for spec in (
                Spec(
                    "storage/free",
                    int,
                    unit="B",
                    read=Permission.Storage_r,
                    doc="Free where recordings are kept.",
                ),
                Spec(
                    "storage/used", int, unit="B", read=Permission.Storage_r, doc="What the recordings take, with their thumbnails."
                ),
                Spec(
                    "storage/days_left",
                    float,
                    unit="days",
                    read=Permission.Storage_r,
                    doc="Until the oldest recordings have to go, at the rate of the last day; "
                     "null: nobody knows.",
                ),
                Spec(
                    "storage/state",
                    str,
                    "ok",
                    choices=("ok", "blocked"),
                    read=Permission.Storage_r,
                    doc="Whether anything can be recorded.",
                ),
                Spec(
                    "storage/reason", str, "", read=Permission.Storage_r, doc="Why nothing can be recorded."
                ),
            )
        }
        self.configure(config)

    def configure(self, config: Config) -> None:
        self.is_own = config.storage.path is None
        self.root: Path = config.storage.path or config.data_dir / "media"
        self._reserve = config.storage.reserve

    @property
    def reserve(self) -> int:
        """Bytes that shall stay free."""
        if self._reserve:
            return self._reserve
        total = self.space.total if self.space is not None else RESERVE
        return int(min(RESERVE, total * RESERVE_PART))

    @property
    def largest_segment(self) -> int:
        """Bytes."""
        total = self.space.total if self.space is not None else LARGEST_SEGMENT
        return int(max(1 << 20, min(LARGEST_SEGMENT, total * SEGMENT_PART)))

    def prepare_now(self) -> None:
        """Make the place if it is camd's own: one that was configured may be a disk that is not there.
        Blocks."""
        if self.is_own:
            self.root.mkdir(0o750, exist_ok=True)

    def look_now(self) -> Space:
        """Ask the disk; blocks. Raises OSError."""
        found = os.statvfs(self.root)
        return Space(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)

    def saw(self, space: Space, used: int, days: float | None) -> None:
        """What was found."""
        self.space = space
        self.days_left = days
        self._since_look = 0
        self._names["storage/free"].publish(space.free)
        self._names["storage/used"].publish(used + self.thumbnails)
        self._names["storage/days_left"].publish(None if days is None else round(days, 1))

    def note_written(self, count: int) -> None:
        """So many bytes more; tells early when they were many."""
        self._since_look += count
        if count and self.space is not None and self.space.free - self._since_look < self.reserve * ENOUGH:
            self.on_low()

    def block(self, reason: str) -> None:
        """Nothing can be recorded, for this reason."""
        self._become(reason)

    def unblock(self) -> None:
        self._become("")

    def _become(self, reason: str) -> None:
        before, self.blocked = self.blocked, reason
        self._names["storage/reason"].publish(reason)
        if bool(before) == bool(reason):
            return
        self._names["storage/state"].publish("blocked" if reason else "ok")
        if reason:
            self.log.error("nothing can be recorded: {reason}", reason=reason)
        else:
            self.log.info("there is room again, recording goes on")
        self._on_event(Event("storage", data={"state": "blocked" if reason else "ok", "reason": reason}))
        self.on_change()
