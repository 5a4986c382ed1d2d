"""The product's rate limits: so many requests a second from one address."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from camd.errors import RateLimited

#: Each second, from one address.
PICTURES, CALLS = 10, 100
_KEPT = 10_000


class Limit:
    """Lets `rate` requests a second through from each address, and as many at once. Reactor thread only.

    seconds: the clock; enabled(): False lets everybody through. What is remembered is bounded: the
    addresses that were silent for longest are forgotten, and have a full second again.
    """

    def __init__(self, rate: int, seconds: Callable[[], float], enabled: Callable[[], bool]):
        self.rate = rate
        self._seconds = seconds
        self._enabled = enabled
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def charge(self, address: str) -> None:
        """Count one request. Raises RateLimited."""
        if not self._enabled():
            return
        now, key = self._seconds(), _neighbourhood(address)
        left, since = self._left.pop(key, (float(self.rate), now))
        left = min(float(self.rate), left + (now - since) * self.rate)
        if left < 1:
            self._left[key] = left, now
            raise RateLimited(self.rate, max(1, round((1 - left) / self.rate)))
        self._left[key] = left - 1, now
        if len(self._left) > _KEPT:
            self._left.popitem(last=False)


class Limits:
    """One Limit for each kind of request."""

    def __init__(self, app: Any):
        def limit(rate: int) -> Limit:
            return Limit(rate, app.reactor.seconds, lambda: app.config.auth.rate_limits)

        self.pictures, self.calls = limit(PICTURES), limit(CALLS)


def _neighbourhood(address: str) -> str:
    """An IPv6 address stands for its /64, for one customer has that many."""
    try:
        return str(ipaddress.ip_network((address, 64), strict=False)) if ":" in address else address
    except ValueError:
        return address
