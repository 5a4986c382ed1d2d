"""Rate limits: how often one may ask, by identity or, without one, by address.

The figures for those who do not sign in are the product's; whoever signs in gets `factor` times as much,
so that a second viewer, a grid of pictures or an integration is never slowed down.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from ..errors import RateLimited
from ..state.permission import Principal

#: Without an identity, each second. Whoever works with files makes calls, too.
PICTURES, CALLS, FILES, UPLOADS = 10, 100, 5, 2
#: Of each WebSocket, each second.
MESSAGES = 100
_KEPT = 10_000


class Bucket:
    """`rate` a second, and as many at once. Fills with time."""

    __slots__ = ("_filled", "_left", "rate")

    def __init__(self, rate: float, now: float):
        self.rate = rate
        self._left = rate
        self._filled = now

    def take(self, now: float) -> float:
        """Take one: 0, or the seconds until there is one."""
        left = min(self.rate, self._left + (now - self._filled) * self.rate)
        self._filled = now
        if left < 1:
            self._left = left
            return (1 - left) / self.rate
        self._left = left - 1
        return 0.0


class RateLimits:
    """A bucket for everybody who asks, of pictures, of calls, of files and of uploads. Reactor thread only.

    seconds: the clock. enabled: False lets everybody through. The buckets kept are bounded: those that
    were not used for longest go, and are full when they are needed again.
    """

    def __init__(self, seconds: Callable[[], float], enabled: bool = True, factor: float = 10.0):
        self.enabled = enabled
        self.factor = factor
        self._seconds = seconds
        self._young: dict[tuple[str, int], Bucket] = {}
        self._old: dict[tuple[str, int], Bucket] = {}

    def charge(self, by: Principal | None, address: str, picture: bool) -> None:
        """Count one request. by: None without an identity, or with a wrong one. Raises RateLimited."""
        if self.enabled:
            self._take(by, address, PICTURES if picture else CALLS)

    def charge_file(self, by: Principal | None, address: str) -> None:
        """Count one that reads, lists or deletes files. Raises RateLimited."""
        if self.enabled:
            self._take(by, address, FILES)

    def charge_upload(self, by: Principal | None, address: str) -> None:
        """Count one that brings a file. Raises RateLimited."""
        if self.enabled:
            self._take(by, address, UPLOADS)

    def _take(self, by: Principal | None, address: str, kind: int) -> None:
        """kind: the rate without an identity, which tells the buckets of one asker apart."""
        rate = float(kind)
        if by is None or by.how == "guest":
            who = "@" + _neighbourhood(address)
        else:
            who = by.key or by.name
            rate *= self.factor
        bucket = self._bucket((who, kind), rate)
        wait = bucket.take(self._seconds())
        if wait:
            raise RateLimited(int(rate), max(1, round(wait)))

    def messages(self) -> Bucket:
        """A bucket for the messages of one WebSocket."""
        return Bucket(MESSAGES, self._seconds())

    def _bucket(self, key: tuple[str, int], rate: float) -> Bucket:
        bucket = self._young.get(key)
        if bucket is None:
            bucket = self._old.pop(key, None)
            if bucket is None or bucket.rate != rate:
                bucket = Bucket(rate, self._seconds())
            if len(self._young) >= _KEPT:
                self._old, self._young = self._young, {}
            self._young[key] = bucket
        elif bucket.rate != rate:
            bucket = self._young[key] = Bucket(rate, self._seconds())
        return bucket


def _neighbourhood(address: str) -> str:
    """An IPv6 address stands for its /64: one customer has that many, and could use a new one each time."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address, 64), strict=False))
    except ValueError:
        return address
