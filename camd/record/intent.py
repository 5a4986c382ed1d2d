"""Intent: what a camera is recorded for at this moment, if for anything.

What somebody starts, stops or pauses counts more than the mode; a stop holds until a start, or until a mode
is chosen.
"""

from __future__ import annotations

from datetime import datetime

from ..state.event import Event
from .schedule import Schedule

MODES = ("off", "continuous", "schedule", "event", "timelapse")


class Intent:
    """Times are seconds of one monotonic clock. pre and post: seconds before and after an event; kinds: which
    events count."""

    def __init__(self) -> None:
        self.mode = "off"
        self.schedule = Schedule({})
        self.post = 10.0
        self.kinds: frozenset[str] = frozenset({"motion", "trigger"})
        self.paused = False
        self._held = False
        self._manual_until: float | None = None
        self._events: set[str] = set()
        self._event_until = float("-inf")

    def choose(self, mode: str) -> None:
        self.mode, self._held = mode, False
        self._events.clear()
        self._event_until = float("-inf")

    def start(self, now: float, duration: float | None = None) -> None:
        """Record from now on, until `stop` or for so many seconds; ends a pause."""
        self._held = self.paused = False
        self._manual_until = now + duration if duration is not None else float("inf")

    def stop(self) -> None:
        """Record nothing, whatever the mode says."""
        self._held, self.paused, self._manual_until = True, False, None

    def hear(self, event: Event, now: float) -> None:
        """An event of this camera; one without an end lasts until it comes again with one."""
        if event.kind not in self.kinds:
            return
        if event.end is None and event.kind != "trigger":
            self._events.add(event.kind)
        else:
            self._events.discard(event.kind)
        self._event_until = now + self.post

    @property
    def waits_for_events(self) -> bool:
        return self.mode == "event" and not self._held and not self.paused

    def kind(self, now: float, local: datetime) -> str:
        """The kind of what should be recorded, "" for nothing. local: the wall clock here."""
        if self.paused:
            return ""
        if self._manual_until is not None:
            if now < self._manual_until:
                return "manual"
            self._manual_until = None
        if self._held:
            return ""
        if self.mode == "event":
            return "event" if self._events or now < self._event_until else ""
        if self.mode == "schedule":
            return "schedule" if self.schedule.has(local) else ""
        return self.mode if self.mode != "off" else ""
