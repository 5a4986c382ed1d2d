"""Pace: which of many pictures to take so that there are at most so many a second."""

from __future__ import annotations

#: How much too early a picture may come and still be the one that is due, in periods and in seconds.
SLACK, MOST_SLACK = 0.25, 0.01


class Pace:
    """Takes pictures at a rate (1/s), evenly, by their own times; nothing waits and nothing is kept."""

    __slots__ = ("_due", "fps")

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self._due: float | None = None

    def takes(self, pts: float) -> bool:
        """Whether the picture of that time (seconds) is wanted."""
        period = 1 / self.fps
        due = self._due
        if due is not None and due - 2 * period < pts < due - min(SLACK * period, MOST_SLACK):
            return False
        following = pts + period
        if due is not None and abs(due - pts) < period:  # on time: keep the rhythm
            following = due + period
        self._due = following
        return True
