"""Verification: password checks that cannot be used to swamp the daemon.

A hash costs a tenth of a second and tens of megabytes, so two run at a time, a few wait, and the rest is
told to come again. A client that sends its password with every picture (HTTP Basic) pays once in five
minutes: pairs that were right are remembered, as a keyed hash that says nothing outside this process.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import deferLater

from ..errors import Locked, Unauthorized
from .lockout import Attempt, Lockout, network_of
from .passwords import Hashing, normal
from .shield import shield

#: How long a right pair is remembered (seconds).
REMEMBERED = 300.0
_CAPACITY = 256
#: Jobs that wait beside the two that run.
QUEUE = 32
_AT_ONCE = 2


class Verification:
    """Checks passwords in the pool `auth`. Reactor thread only.

    auth: runs a function in that pool and returns a Deferred; clock: IReactorTime.
    """

    def __init__(self, hashing: Hashing, lockout: Lockout, auth: Callable[..., Deferred[Any]], clock: Any):
        self._hashing = hashing
        self._lockout = lockout
        self._auth = auth
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._running: dict[tuple[bytes, str], list[Deferred[bool]]] = {}
        self._jobs = 0

    def work(self, f: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Run something slow with hashes in the pool; raises Locked if too much waits there already."""
        if self._jobs >= QUEUE + _AT_ONCE:
            raise Locked(1)
        self._jobs += 1
        done = self._auth(f, *args)
        done.addBoth(self._finished)
        return shield(done)

    def hash(self, password: str) -> Deferred[str]:
        return self.work(self._hashing.hash, password)

    def _finished(self, result: Any) -> Any:
        self._jobs -= 1
        return result

    async def check(self, account: str, stored: str | None, password: str, address: str,
                    failed: Callable[[bool], None] = lambda locked: None) -> None:
        """Return if this is the password; raise Unauthorized if not, Locked if it was not looked at.

        account: for the lock-out, whether it exists or not; stored: its hash, None to refuse whatever the
        password is. failed: called once for a wrong try, with whether that locked something.
        """
        self._lockout.check(account, address)
        pair = self._pair(account, password)
        if stored is not None and self._remembers(pair, stored):
            self._lockout.got_in(account, address)
            return
        waiting: Deferred[bool] = Deferred()
        # A page of ten pictures asks ten times at once: one check answers all.
        key = pair, network_of(address)
        if key in self._running:
            self._running[key].append(waiting)
        else:
            if self._jobs >= QUEUE + _AT_ONCE:
                raise Locked(1)
            attempt = self._lockout.begin(account, address)
            self._running[key] = [waiting]
            done = ensureDeferred(self._look(attempt, stored, password))
            done.addBoth(self._looked, key, attempt, pair, stored, failed)
        if not await waiting:
            raise Unauthorized

    def _pair(self, account: str, password: str) -> bytes:
        text = f"{account}\0{normal(password)}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, "sha256")

    def _remembers(self, pair: bytes, stored: str) -> bool:
        known, until = self._known.get(pair, ("", 0.0))
        if known == stored and self._clock.seconds() < until:
            self._known.move_to_end(pair)
            return True
        self._known.pop(pair, None)
        return False

    async def _look(self, attempt: Attempt, stored: str | None, password: str) -> bool:
        if attempt.delay:
            await deferLater(self._clock, attempt.delay)
        return await self.work(self._hashing.verify, stored, password)

    def _looked(self, result: Any, key: tuple[bytes, str], attempt: Attempt, pair: bytes, stored: str | None,
                failed: Callable[[bool], None]) -> None:
        right = result if isinstance(result, bool) else None
        locked = self._lockout.end(attempt, right)
        if right and stored is not None:
            self._known[pair] = (stored, self._clock.seconds() + REMEMBERED)
            if len(self._known) > _CAPACITY:
                self._known.popitem(last=False)
        elif right is False:
            failed(locked)
        for waiting in self._running.pop(key):
            if not waiting.called:  # else its client left
                waiting.callback(right) if right is not None else waiting.errback(result)
