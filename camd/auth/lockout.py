"""Lockout: wrong passwords make the next ones wait, without a way to lock somebody else out.

Five wrong ones in 15 minutes lock the pair of account and address for 300 seconds, ten lock the address.
An account is never locked for everybody, else anyone could lock out the owner: when it is tried from many
addresses, those from which nobody ever got in wait a little for each try.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from ..errors import Locked

WINDOW = 15 * 60.0  #: wrong ones older than this are forgotten (seconds)
LOCKED_FOR = 300.0
PAIR_LIMIT = 5
ADDRESS_LIMIT = 10
#: So many wrong ones for one account, from anywhere, and each further try is slowed.
ACCOUNT_LIMIT = 10
LONGEST_DELAY = 4.0
#: Tries that a slowed account has in flight at most.
SLOWED_AT_ONCE = 4
_CAPACITY = 4096


def network_of(address: str) -> str:
    """What counts as one address: IPv6 by /64, which is what one customer gets, and IPv4 as itself."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 6:
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip) >> 64 << 64, 64)))
    return str(ip)


class Failures:
    """Counts failures by key within WINDOW; with `lock_at` a key that has so many is locked. Bounded: the
    keys that failed longest ago are forgotten first. Not more than `most` failures of a key are counted."""

    def __init__(self, now: Callable[[], float], lock_at: int | None = None, most: int = 20,
                 capacity: int = _CAPACITY):
        self._now = now
        self._lock_at = lock_at
        self._most = most
        self._capacity = capacity
        self._times: OrderedDict[Hashable, deque[float]] = OrderedDict()
        self._locked: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times) + len(self._locked)

    def count(self, key: Hashable) -> int:
        times = self._times.get(key)
        if times is None:
            return 0
        while times and times[0] <= self._now() - WINDOW:
            times.popleft()
        if not times:
            del self._times[key]
        return len(times)

    def locked(self, key: Hashable) -> float:
        """Seconds until the key is free again; 0 when it is."""
        until = self._locked.get(key)
        if until is None:
            return 0.0
        left = until - self._now()
        if left <= 0:
            del self._locked[key]
        return max(left, 0.0)

    def add(self, key: Hashable) -> bool:
        """One more failure; True if that locks the key, which begins anew after it."""
        self._times.setdefault(key, deque(maxlen=self._most)).append(self._now())
        self._times.move_to_end(key)
        locks = self._lock_at is not None and self.count(key) >= self._lock_at
        if locks:
            del self._times[key]
            self._locked[key] = self._now() + LOCKED_FOR
            self._locked.move_to_end(key)
        for table in (self._times, self._locked):
            if len(table) > self._capacity:
                table.popitem(last=False)
        return locks

    def forget(self, key: Hashable) -> None:
        self._times.pop(key, None)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try in flight. delay: seconds to wait before it is looked at."""

    account: str
    network: str
    delay: float = 0.0


class Lockout:
    """Decides whether a try is looked at. now: monotonic seconds. Reactor thread only.

    `begin` before, `end` after each try, whatever comes of it. Tries in flight count as wrong ones until
    they end, so sending many at once gains nothing.
    """

    def __init__(self, now: Callable[[], float]):
        self._pairs = Failures(now, PAIR_LIMIT)
        self._networks = Failures(now, ADDRESS_LIMIT)
        self._accounts = Failures(now)
        self._in_flight: dict[Hashable, int] = {}
        self._got_in: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, account: str, address: str) -> None:
        """Raises Locked if the pair or the address is."""
        network = network_of(address)
        left = max(self._pairs.locked((account, network)), self._networks.locked(network))
        if left:
            raise Locked(math.ceil(left))

    def begin(self, account: str, address: str) -> Attempt:
        """Raises Locked if it must not be looked at now."""
        self.check(account, address)
        network = network_of(address)
        pair = account, network
        if (
            self._pairs.count(pair) + self._in_flight.get(pair, 0) >= PAIR_LIMIT
            or self._networks.count(network) + self._in_flight.get(network, 0) >= ADDRESS_LIMIT
        ):
            raise Locked(1)
        delay = 0.0 if pair in self._got_in else self._delay(account)
        if delay and self._in_flight.get((account,), 0) >= SLOWED_AT_ONCE:
            raise Locked(math.ceil(delay))
        for key in self._keys(account, network):
            self._in_flight[key] = self._in_flight.get(key, 0) + 1
        return Attempt(account, network, delay)

    def _delay(self, account: str) -> float:
        beyond = self._accounts.count(account) - ACCOUNT_LIMIT
        return 0.0 if beyond < 0 else min(0.25 * 2.0 ** beyond, LONGEST_DELAY)

    @staticmethod
    def _keys(account: str, network: str) -> tuple[Hashable, ...]:
        return (account, network), network, (account,)

    def got_in(self, account: str, address: str) -> None:
        """The secret was right: the wrong ones of the pair, not those of the address, are forgotten."""
        pair = account, network_of(address)
        self._pairs.forget(pair)
        self._got_in[pair] = None
        self._got_in.move_to_end(pair)
        if len(self._got_in) > _CAPACITY:
            self._got_in.popitem(last=False)

    def end(self, attempt: Attempt, right: bool | None) -> bool:
        """right: whether the secret was; None if nobody looked. True if that locked the pair or address."""
        account, network = attempt.account, attempt.network
        pair = account, network
        for key in self._keys(account, network):
            self._in_flight[key] -= 1
            if not self._in_flight[key]:
                del self._in_flight[key]
        if right:
            self.got_in(account, network)
        elif right is not None:
            self._accounts.add(account)
            locks = [self._pairs.add(pair), self._networks.add(network)]
            return any(locks)
        return False
