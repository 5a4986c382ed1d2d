"""Setup: the first minute of a camd that has no administrator yet."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..errors import Conflict, Unauthorized
from .audit import Audit
from .lockout import Lockout
from .mirror import Mirror
from .passwords import check_password
from .records import SetupCode, Snapshot, User, check_user_name
from .secret_key import SecretKey
from .shield import shield
from .verification import Verification

LIFETIME = 30 * 60.0  #: seconds
TRIES = 5
#: After a failure to write a code the next attempt comes this much later (seconds).
RETRY = 30.0
#: Encrypted rather than hashed: 40 bits are guessed from a hash in a second, and `camd setup-code` and a
#: daemon that starts again shall show the same code.
PURPOSE = "setup code"
#: For the lock-out; no user can be called so.
_ACCOUNT = "setup code"
#: 32 characters that are not mistaken for one another (Crockford's base 32).
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALIKE = str.maketrans("OIL", "011")


def new_code() -> str:
    """40 random bits as XXXX-XXXX."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return f"{text[:4]}-{text[4:]}"


def canonical(code: str) -> str:
    """What a person may have typed, without its freedoms."""
    return "".join(filter(str.isalnum, code[:100])).upper().translate(_ALIKE)


def open_code(row: SetupCode | None, key: SecretKey, now: int) -> str:
    """The code if it is still good, else "". now: Unix milliseconds."""
    if row is None or row.wrong >= TRIES or not 0 <= now - row.created < LIFETIME * 1000:
        return ""
    return key.decrypt(row.sealed, PURPOSE) or ""


class Setup:
    """The one-time setup code. Reactor thread only.

    code: as shown to people ("7KQ2-M4XD"), "" once an administrator exists. It lasts 30 minutes and 5 wrong
    tries; then there is a new one, and on_new_code is called with it (also for the first one, and for one
    made by `camd setup-code`).
    """

    log = Logger()

    def __init__(self, mirror: Mirror, lockout: Lockout, verification: Verification, audit: Audit, clock: Any,
                 entry: Callable[[User], dict[str, Any]]):
        self.code = ""
        self.on_new_code: Callable[[str], None] = lambda code: None
        self._mirror = mirror
        self._lockout = lockout
        self._verification = verification
        self._audit = audit
        self._clock = clock
        self._entry = entry
        self._timer: Any = None
        self._renewal: Deferred[None] | None = None

    @property
    def link_path(self) -> str:
        """What a link needs after the address of the site: "setup#code=7KQ2-M4XD". After "#", so that
        no server or proxy on the way sees it."""
        return f"setup#code={self.code}"

    async def ready(self) -> None:
        """Wait for a code that is just being made."""
        if self._renewal is not None:
            await shield(self._renewal)

    def stop(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def look(self, found: Snapshot) -> None:
        """Take over what the database says; make a new code if one is needed and there is none."""
        self.stop()
        now, row = self._mirror.now(), found.setup_code
        code = open_code(row, self._mirror.key, now) if found.needs_setup else ""
        is_new, self.code = code not in ("", self.code), code
        if code and row is not None:
            self._timer = self._clock.callLater(LIFETIME - (now - row.created) / 1000, self._renew)
        elif found.needs_setup:
            self._renew()
        if is_new:
            self.on_new_code(code)

    def _renew(self) -> None:
        self.code = ""
        if self._renewal is None:
            sealed = self._mirror.key.encrypt(new_code(), PURPOSE)
            self._renewal = self._mirror.write(self._mirror.accounts.set_setup_code, sealed)
            self._renewal.addErrback(self._failed).addBoth(self._renewed)

    def _failed(self, failure: Any) -> None:
        self.log.error("there is no setup code: {error}", error=failure.value)
        self._timer = self._clock.callLater(RETRY, self._renew)

    def _renewed(self, _: Any) -> None:
        self._renewal = None

    async def use(self, code: str, name: str, password: str, address: str) -> dict[str, Any]:
        """Create the first administrator and return its entry (see Users); the caller logs in after it.

        Raises Unauthorized (wrong code), Locked (too many from this address), Invalid (name or password
        not good enough; the code stays good), Conflict (an administrator exists, or the name is taken).
        """
        row = self._mirror.snapshot.setup_code
        if not self._mirror.snapshot.needs_setup:
            raise Conflict("setup is done already; log in instead")
        attempt = self._lockout.begin(_ACCOUNT, address)
        right = bool(self.code) and hmac.compare_digest(_bytes(code), _bytes(self.code))
        locked = self._lockout.end(attempt, right)
        if not right or row is None:
            self._audit.record("setup_refused", "", address)
            if locked:
                self._audit.record("locked", "", address)
            if row is not None:
                await self._mirror.write(self._mirror.accounts.count_wrong_code, row.sealed)
            raise Unauthorized
        check_user_name(name)
        hashed = await self._verification.hash(check_password(password))
        told = ("setup", name, address, {"user": name})
        await self._mirror.write(self._mirror.accounts.set_up, row.sealed, name, hashed, told=told)
        return self._entry(self._mirror.snapshot.by_name[name.lower()])


def _bytes(code: str) -> bytes:
    return canonical(code).encode("utf-8", "surrogatepass")
