"""Security: WS-UsernameToken (OASIS Web Services Security, UsernameToken Profile 1.0), digest only.

    PasswordDigest = Base64(SHA-1(nonce + created + device password))

A token is good once and for a while. Clients sign with their own clock or with ours, which they read
first, so both directions get WINDOW. Boards without a battery wake up in the past: as long as the kernel
does not call the clock synchronised, tokens from the future are good, too, and each nonce still only once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .clock import Clock
from .faults import NotAuthorized
from .names import TOKEN_PROFILE, qualified
from .operation import text_of
from .xml import parse_utc

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

#: How far `Created` may be from our clock (seconds).
WINDOW = 300.0
#: Tokens kept of each user, those that were signed first going first; what was signed before one that went is
#: refused then, to this user only.
CAPACITY = 16384
_LONGEST = 128
_DIGEST = TOKEN_PROFILE + "#PasswordDigest"


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """What a client sent; all of it is text as it was written, for the digest is over that text."""

    username: str
    digest: bytes
    nonce: bytes
    created: str

    @classmethod
    def read(cls, security: Element) -> UsernameToken:
        """The token in a wsse:Security. Raises NotAuthorized if it is none, or lacks nonce or time."""
        token = security.find(qualified("wsse:UsernameToken"))
        if token is None:
            raise NotAuthorized()
        password = token.find(qualified("wsse:Password"))
        if password is None or password.get("Type") != _DIGEST:
            raise NotAuthorized()
        parts = [
            text_of(token.find(qualified(name))) or ""
            for name in ("wsse:Username", "wsse:Nonce", "wsu:Created")
        ]
        if not all(0 < len(part) <= _LONGEST for part in parts):
            raise NotAuthorized()
        try:
            nonce, digest = base64.b64decode(parts[1]), base64.b64decode(text_of(password) or "")
        except ValueError:  # no base64, or no ASCII
            raise NotAuthorized() from None
        if not nonce:
            raise NotAuthorized()
        return cls(parts[0], digest, nonce, parts[2])

    def is_signed_with(self, secret: str) -> bool:
        signed = hashlib.sha1(
            self.nonce + self.created.encode() + secret.encode(), usedforsecurity=False
        ).digest()
        return hmac.compare_digest(signed, self.digest)


class Tokens:
    """Decides about tokens. Reactor thread only. seconds: a monotonic clock."""

    def __init__(self, clock: Clock, seconds: Callable[[], float]):
        self._clock = clock
        self._seconds = seconds
        self._used: dict[str, _Used] = {}

    def verify(self, token: UsernameToken, secret: str) -> bool:
        """Whether the token was signed with this secret. Raises NotAuthorized if it was, but at another time or
        for a request before this one. A token that is refused uses up nothing."""
        if not token.is_signed_with(secret):
            return False
        created = parse_utc(token.created)
        if created is None:
            raise NotAuthorized()
        self._check_time(created)
        self._use(token, created)
        return True

    def _check_time(self, created: float) -> None:
        ahead = created - self._clock.now()
        if ahead < -WINDOW or (ahead > WINDOW and self._clock.is_synchronised()):
            raise NotAuthorized()

    def _use(self, token: UsernameToken, created: float) -> None:
        now = self._seconds()
        good_for = max(0.0, created - self._clock.now()) + WINDOW
        used = self._used.setdefault(token.username.lower(), _Used())
        # The digest, which nobody can make without the secret, is what is sent again; name, case and where the
        # nonce ends could be others; also the user, where two have the same password.
        again = any(one.knows(token.digest) for one in self._used.values())
        if again or not used.add(token.digest, now, now + max(2 * WINDOW, good_for), created):
            raise NotAuthorized()


class _Used:
    """The tokens of one user, so that nobody uses up the room of others."""

    def __init__(self) -> None:
        self._seen: dict[bytes, tuple[float, float]] = {}  # digest -> (forget at, created)
        self._forgotten = float("-inf")

    def knows(self, digest: bytes) -> bool:
        return digest in self._seen

    def add(self, digest: bytes, now: float, until: float, created: float) -> bool:
        """Whether this one is new. until: when it is good no more."""
        while self._seen and next(iter(self._seen.values()))[0] <= now:
            del self._seen[next(iter(self._seen))]
        if digest in self._seen or created <= self._forgotten:
            return False
        self._seen[digest] = until, created
        if len(self._seen) > CAPACITY:
            self._make_room(now)
        return True

    def _make_room(self, now: float) -> None:
        """Once in a long while: those of clients ahead of our clock may keep the others from being forgotten."""
        left = [(created, digest, until) for digest, (until, created) in self._seen.items() if until > now]
        left.sort()
        gone = max(0, len(left) - CAPACITY * 3 // 4)
        if gone:
            self._forgotten = left[gone - 1][0]
        kept = sorted(left[gone:], key=lambda one: one[2])
        self._seen = {digest: (until, created) for created, digest, until in kept}
