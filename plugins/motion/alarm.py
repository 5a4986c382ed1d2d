"""Alarm: from findings in single pictures to motion that begins and ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Alarm:
    """Whether there is motion, judged picture by picture; times in seconds on one clock.

    on: there is motion. since: when it began, of the pictures that moved without a pause; last: the newest
    picture that moved.
    """

    on: bool = False
    since: float | None = None
    last: float = 0.0

    def take(self, moves: bool, when: float, minimum_time: float, hold: float) -> bool:
        """One picture more; returns whether `on` changed. minimum_time: what moves has to do so for so long;
        hold: motion is over when nothing has moved for so long."""
        before = self.on
        if moves:
            self.since = when if self.since is None else self.since
            self.last = when
            self.on = self.on or when - self.since >= minimum_time
        elif not self.on or when - self.last >= hold:
            self.on, self.since = False, None
        return self.on != before
