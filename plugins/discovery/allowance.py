"""Allowances: how much is answered, to one asker and to all of them together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

#: Answers a second, and at once after silence.
EACH, EACH_AT_ONCE = 20.0, 60.0
ALL, ALL_AT_ONCE = 60.0, 200.0
#: Askers that are remembered; the one that was silent for longest is forgotten.
ASKERS = 256


class Bucket:
    """Fills with `rate` a second up to `size`. seconds: a clock."""

    __slots__ = ("_at", "_left", "_rate", "_seconds", "_size")

    def __init__(self, rate: float, size: float, seconds: Callable[[], float]):
        self._rate, self._size, self._seconds = rate, size, seconds
        self._left, self._at = size, seconds()

    def has(self, amount: float) -> bool:
        now = self._seconds()
        self._left = min(self._size, self._left + (now - self._at) * self._rate)
        self._at = now
        return self._left >= amount

    def take(self, amount: float) -> None:
        self._left -= amount


class Allowance:
    """Of every asker, and of all."""

    def __init__(self, seconds: Callable[[], float]):
        self._seconds = seconds
        self._all = Bucket(ALL, ALL_AT_ONCE, seconds)
        self._each: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, asker: str, amount: int) -> bool:
        """Whether so many answers may be given; if so they are counted."""
        bucket = self._each.get(asker)
        if bucket is None:
            bucket = self._each[asker] = Bucket(EACH, EACH_AT_ONCE, self._seconds)
            if len(self._each) > ASKERS:
                self._each.popitem(last=False)
        self._each.move_to_end(asker)
        if not (bucket.has(amount) and self._all.has(amount)):
            return False
        bucket.take(amount)
        self._all.take(amount)
        return True
