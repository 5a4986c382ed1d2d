"""Allowances: how much is read and answered, of one and of all of them together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

#: So many a second, and at once after silence: of each, and of all.
Rates = tuple[tuple[float, float], tuple[float, float]]
READ: Rates = ((50.0, 100.0), (200.0, 300.0))
ANSWERED: Rates = ((20.0, 60.0), (60.0, 200.0))
#: How many are remembered; the one that was silent for longest is forgotten.
REMEMBERED = 256


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
    """seconds: a clock."""

    def __init__(self, rates: Rates, seconds: Callable[[], float]):
        self._rate, of_all = rates
        self._seconds = seconds
        self._all = Bucket(*of_all, seconds)
        self._each: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str, amount: int = 1) -> bool:
        """Whether this one may have so many; if so they are counted."""
        bucket = self._each.get(name)
        if bucket is None:
            bucket = self._each[name] = Bucket(*self._rate, self._seconds)
            if len(self._each) > REMEMBERED:
                self._each.popitem(last=False)
        self._each.move_to_end(name)
        if not (bucket.has(amount) and self._all.has(amount)):
            return False
        bucket.take(amount)
        self._all.take(amount)
        return True
