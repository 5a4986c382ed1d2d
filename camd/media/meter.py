"""Meter: how many pictures a second really come."""

from __future__ import annotations


class Meter:
    """Measures a rate from a counter that is read regularly.

    fps: pictures a second at the last reading; steady: the same, but staying as it is while readings
    differ little, for those to whom each change is news.
    """

    def __init__(self) -> None:
        self.fps = 0.0
        self.steady = 0
        self._count = 0

    def read(self, count: int, seconds: float) -> None:
        """The counter stands at `count`, `seconds` after the last reading."""
        self.fps, self._count = (count - self._count) / seconds, count
        # 30 pictures in one second and 29 in the next is no change.
        if abs(self.fps - self.steady) >= max(2, 0.1 * self.steady):
            self.steady = round(self.fps)
