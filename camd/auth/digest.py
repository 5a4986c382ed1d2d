"""Digest: HTTP Digest Access Authentication (RFC 7616) as a server, qop "auth", SHA-256 and MD5.

A nonce carries its time and a keyed hash of it, so nothing is stored until it was used with the right
secret; from then on each of its counts (nc) is good once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from collections import OrderedDict
from collections.abc import Callable, Container, Mapping

from ..errors import Unauthorized

REALM = "camd"
#: How long a nonce is good (seconds).
NONCE_LIFETIME = 300.0
_CAPACITY = 4096
#: Counts may arrive in another order than they were sent, within so many.
_WINDOW = 128
_ALGORITHMS = {"SHA-256": "sha256", "MD5": "md5"}


class Digest:
    """Challenges and their answers. now: monotonic seconds. Reactor thread only."""

    def __init__(self, now: Callable[[], float]):
        self._now = now
        self._key = secrets.token_bytes(32)
        self._decoy = secrets.token_hex()
        self._zero = secrets.randbelow(1 << 40)  # the clock of a nonce says nothing about ours
        #: nonce -> (highest count, bits of it and those before)
        self._counts: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._forgotten = -1.0  # nonces made until then may have been used

    def challenges(self, stale: bool = False) -> list[str]:
        """Values for WWW-Authenticate, the best algorithm first."""
        end = ", stale=true" if stale else ""
        return [
            f'Digest realm="{REALM}", qop="auth", algorithm={algorithm}, '
            f'nonce="{self.new_nonce()}", charset=UTF-8{end}'
            for algorithm in _ALGORITHMS
        ]

    def new_nonce(self) -> str:
        data = struct.pack("!Q", int(self._now() * 1000) + self._zero) + secrets.token_bytes(8)
        return base64.urlsafe_b64encode(data + self._mac(data)).decode()

    def _mac(self, data: bytes) -> bytes:
        return hmac.digest(self._key, data, "sha256")[:14]

    def check(self, fields: Mapping[str, str], method: str, secret: str | None,
              uri: str | None = None, own: Container[str] = ()) -> None:
        """Return if the answer is right; raise Unauthorized, `stale` if it would be with a fresh nonce.

        secret: the clear password, None to refuse whatever the answer is; uri: what is really asked for; own:
        the nonces that only this connection got. These are good as long as it lasts, and answers with them
        need no count (RFC 2069): nobody else could send them again.
        """
        algorithm = _ALGORITHMS.get(fields.get("algorithm", "MD5").upper())
        is_own = fields.get("nonce", "") in own
        is_counted = "qop" in fields or not is_own
        count = fields.get("nc", "") if is_counted else "00000001"
        asked_for = fields.get("uri") if uri is None else uri
        if (fields.get("realm"), fields.get("uri")) != (REALM, asked_for) or fields.get("qop", "auth") != "auth":
            raise Unauthorized
        if algorithm is None or len(count) != 8 or (is_counted and "qop" not in fields):
            raise Unauthorized
        try:
            number = int(count, 16)
            expected = _response(algorithm, fields, method, self._decoy if secret is None else secret)
            given = fields["response"].lower().encode("ascii")
        except (KeyError, ValueError):  # UnicodeError is one
            raise Unauthorized from None
        if not hmac.compare_digest(expected.encode(), given) or secret is None:
            raise Unauthorized
        if is_counted:
            self._count(fields["nonce"], number, is_own)

    def _count(self, nonce: str, number: int, is_own: bool) -> None:
        made = self._made(nonce)
        if made is None or number == 0:
            raise Unauthorized(stale=True)
        if not is_own and not 0 <= self._now() - made < NONCE_LIFETIME:
            raise Unauthorized(stale=True)
        if nonce not in self._counts and made <= self._forgotten:
            raise Unauthorized(stale=True)
        highest, seen = self._counts.get(nonce, (0, 0))
        if number > highest:
            seen = (seen << min(number - highest, _WINDOW) | 1) & ((1 << _WINDOW) - 1)
            highest = number
        else:
            bit = 1 << (highest - number)
            if highest - number >= _WINDOW or seen & bit:
                raise Unauthorized(stale=True)
            seen |= bit
        self._counts[nonce] = (highest, seen)
        if len(self._counts) > _CAPACITY:
            oldest, _ = self._counts.popitem(last=False)
            self._forgotten = max(self._forgotten, self._made(oldest) or 0.0)

    def _made(self, nonce: str) -> float | None:
        """When this process made the nonce; None if it did not."""
        try:
            data = base64.urlsafe_b64decode(nonce.encode("ascii"))
        except ValueError:
            return None
        if len(data) != 30 or not hmac.compare_digest(self._mac(data[:16]), data[16:]):
            return None
        return (struct.unpack("!Q", data[:8])[0] - self._zero) / 1000


def _response(algorithm: str, fields: Mapping[str, str], method: str, secret: str) -> str:
    """RFC 7616 section 3.4.1; without qop RFC 2069 section 2.1.2."""

    def digest(*parts: str) -> str:
        return hashlib.new(algorithm, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

    identity = digest(fields["username"], fields["realm"], secret)
    request = digest(method, fields["uri"])
    if "qop" not in fields:
        return digest(identity, fields["nonce"], request)
    return digest(identity, fields["nonce"], fields["nc"], fields["cnonce"], fields["qop"], request)
