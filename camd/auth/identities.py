"""Identities: who asks, and whether that still holds. What every edge asks before it does anything."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ..config import AuthConfig
from ..errors import CamdError, Gone, Refused, Unauthorized
from ..state.permission import GUEST_NAME, Permission, Principal
from .audit import Audit
from .database import DatabaseError
from .device_password import purpose
from .digest import Digest
from .lockout import Lockout
from .mirror import Mirror
from .passwords import Hashing, hashing_for, memory_of_box
from .records import Snapshot, Token, User, fingerprint
from .roles import common, common_cameras, parse_permissions, with_reading
from .sessions import Sessions, new_session
from .tokens import Tokens, UrlTokens
from .verification import Verification

if TYPE_CHECKING:
    from ..threads import Threads

#: How often changes by other processes are looked for (seconds). Each look costs half a millisecond, most
#: of it for waking up.
LOOK = 0.75
#: How often uses are written and ends are noticed by themselves (seconds).
HOUSEKEEPING = 60.0
_URL = "url:"
_PICTURES = with_reading({Permission.Media_r})


class Identities:
    """Turns secrets into Principals, and keeps sessions and tokens. Reactor thread only; `start` before use.

    needs_setup: no enabled administrator exists. guest: who asks without any identity. on_change: called
    after rights, users, tokens or sessions changed, so that live connections ask `still_valid` again.
    """

    log = Logger()

    def __init__(self, data_dir: Path, threads: Threads, reactor: Any, audit: Audit,
                 wall: Callable[[], float] = time.time, hashing: Hashing | None = None,
                 config: AuthConfig | None = None):
        config = config or AuthConfig()
        self.needs_setup = True
        self.on_change: list[Callable[[], None]] = []
        self.guest = Principal(GUEST_NAME, frozenset(), how="guest")
        self._guests = parse_permissions(config.guest, "auth.guest")
        self._threads = threads
        self._clock = reactor
        self._audit = audit
        self._hashing = hashing or hashing_for(memory_of_box())
        self._lockout = Lockout(reactor.seconds)
        self._verification = Verification(self._hashing, self._lockout, threads.auth, reactor)
        self._mirror = Mirror(data_dir, threads, audit, wall)
        self._mirror.on_take = self._taken
        self._sessions = Sessions(reactor.seconds, wall, config.session_idle, config.session_lifetime)
        self._tokens = Tokens(wall)
        self._url_tokens = UrlTokens(reactor.seconds)
        self._digest = Digest(reactor.seconds)
        self._principals: dict[tuple[int, str, str], Principal] = {}  # as made since the last change
        self._expired: frozenset[str] = frozenset()
        self._changed = False
        self._loop = LoopingCall(lambda: ensureDeferred(self._tick()))
        self._loop.clock = reactor
        self._last_housekeeping = reactor.seconds()

    async def start(self) -> None:
        """Open the database, bring it up to date and fill the mirror. Raises CamdError if that fails."""
        await self._mirror.open()
        await self._threads.auth(getattr, self._hashing, "decoy")
        self._loop.start(LOOK, now=False)

    async def stop(self) -> None:
        """Write what is only in memory and close the database."""
        if self._loop.running:
            self._loop.stop()
        self._keep_house()
        await self._mirror.close()

    # -- who is it

    def by_session(self, secret: str) -> Principal | None:
        """The identity behind a session cookie. Counts as activity: it ends after 30 minutes without any,
        and after 12 hours anyway."""
        session = self._sessions.find(secret)
        user = self._enabled(session.user_id) if session else None
        return self._principal(user, "session", f"session:{session.id}") if session and user else None

    def touch(self, principal: Principal) -> None:
        """Note activity of a session on a connection that stays: a message came in."""
        kind, _, id = principal.key.removeprefix(_URL).partition(":")
        if kind == "session":
            self._sessions.get(id, touch=True)

    def by_token(self, secret: str, address: str = "", how: str = "bearer") -> Principal | None:
        """The identity behind an API token (they begin with "camd_"); notes its use."""
        token = self._tokens.find(secret, address)
        user = self._enabled(token.user_id) if token else None
        return self._principal(user, how, f"token:{token.id}", token) if token and user else None

    def by_url_token(self, secret: str, camera: str, address: str = "") -> Principal | None:
        """The identity behind `?token=` for one camera: a page's URL token for it, or an API token."""
        by = self._url_tokens.find(secret, camera)
        if by is None:
            return self.by_token(secret, address, "url")
        now = self.still_valid(by)
        return _for_pictures(now, frozenset((camera,))) if now else None

    async def by_password(self, name: str, password: str, address: str, how: str = "basic") -> Principal:
        """The identity behind an account's password. Cheap when this pair was right in the last 5 minutes,
        else it waits for the pool `auth`. Raises Unauthorized, or Locked when there were too many wrong
        ones or too many are waiting."""
        user = await self._check_password(name, password, address)
        return self._principal(user, how, f"password:{fingerprint(user.password)}")

    async def _check_password(self, name: str, password: str, address: str) -> User:
        account = _account(name)
        user = self._mirror.snapshot.by_name.get(account)

        def failed(locked: bool) -> None:
            self._note_refusal(account, address, "password", locked)

        # A disabled user costs the time of an enabled one; the right password is a wrong one then.
        stored = user.password if user and user.enabled else None
        await self._verification.check(account, stored, password, address, failed)
        now = self._enabled(user.id) if user else None
        if user is None or now is None or now.password != user.password:
            raise Unauthorized  # it changed while we looked
        return await self._hash_anew(now, password) if self._hashing.is_outdated(now.password) else now

    async def _hash_anew(self, user: User, password: str) -> User:
        """The box has other parameters than when this password was hashed."""
        try:
            fresh = await self._verification.hash(password)
            await self._mirror.write(self._mirror.accounts.refresh_hash, user.id, user.password, fresh)
        except (DatabaseError, Unauthorized) as error:  # next time then
            self.log.warn("the hash of a password stays as it is: {error}", error=error)
        return self._enabled(user.id) or user

    def by_device_password(self, name: str, password: str) -> Principal | None:
        """The identity behind a device password (Basic on media only); how is "basic". A wrong one is not
        counted: the caller goes on to `by_password`, which counts."""
        user = self._enabled_by_name(name)
        secret = self._secret_of(user) if user else None
        if user is None or secret is None or not hmac.compare_digest(secret.encode(), password.encode("utf-8", "surrogatepass")):
            return None
        return self._principal(user, "basic", f"device:{fingerprint(user.device_password)}")

    def device_secret(self, name: str) -> str | None:
        """The clear device password, for digests; None without user, or without one."""
        user = self._enabled_by_name(name)
        return self._secret_of(user) if user else None

    def _secret_of(self, user: User) -> str | None:
        if user.device_password is None:
            return None
        secret = self._mirror.key.decrypt(user.device_password, purpose(user.id))
        if secret is None:
            self.log.error("the device password of {user} was encrypted with another secret.key; renew it",
                           user=user.name)
        return secret

    def digest(self, fields: Mapping[str, str], method: str, address: str,
               uri: str | None = None, own: Container[str] = ()) -> Principal:
        """The identity behind an `Authorization: Digest` (RFC 7616; qop auth; SHA-256 or MD5; the device
        password). fields: its parameters, unquoted, names in lower case; uri: the request target, which
        must be the signed one; own: nonces that only this connection got, see `Digest.check`. Raises
        Unauthorized (stale: only the nonce was too old or used before) or Locked."""
        account = _account(fields.get("username", ""))
        attempt = self._lockout.begin(account, address)
        user = self._enabled_by_name(account)
        try:
            self._digest.check(fields, method, self._secret_of(user) if user else None, uri, own)
        except Unauthorized as error:
            locked = self._lockout.end(attempt, None if error.stale else False)
            if not error.stale:
                self._note_refusal(account, address, "digest", locked)
            raise
        self._lockout.end(attempt, True)
        if user is None:
            raise Unauthorized  # never: without a user there is no secret that could be right
        return self._principal(user, "digest", f"device:{fingerprint(user.device_password)}")

    def by_username_token(self, name: str, verify: Callable[[str], bool], address: str) -> Principal:
        """The identity behind a WS-UsernameToken. verify(secret): whether the token was signed with this device
        password; what it raises instead, for a token of another time or one that was used, counts neither as
        right nor as wrong. Raises Unauthorized or Locked."""
        account = _account(name)
        attempt = self._lockout.begin(account, address)
        user = self._enabled_by_name(account)
        secret = self._secret_of(user) if user else None
        right: bool | None = None
        locked = False
        try:
            # Without a user it takes as long, and is wrong whatever the token is.
            right = verify(secrets.token_hex(8) if secret is None else secret) and secret is not None
        finally:
            locked = self._lockout.end(attempt, right)
        if user is None or not right:
            self._note_refusal(account, address, "onvif", locked)
            raise Unauthorized
        return self._principal(user, "onvif", f"device:{fingerprint(user.device_password)}")

    def digest_challenges(self, stale: bool = False) -> list[str]:
        """Values for WWW-Authenticate, one header each, the best first: `Digest realm="camd", ...`."""
        return self._digest.challenges(stale)

    def still_valid(self, principal: Principal) -> Principal | None:
        """An identity as it is now: its rights may have changed; None when it ended."""
        if principal.how == "guest":
            return self.guest
        if principal.how in ("", "system"):
            return principal
        key = principal.key.removeprefix(_URL)
        now = self._valid(principal, *key.partition(":")[::2])
        if now is not None and key != principal.key:
            return _for_pictures(now, principal.cameras)
        return now

    def _valid(self, principal: Principal, kind: str, id: str) -> Principal | None:
        user = self._enabled_by_name(principal.name)
        if user is None:
            return None
        token: Token | None = None
        if kind == "session":
            session = self._sessions.get(id)
            valid = session is not None and session.user_id == user.id
        elif kind == "token":
            token = self._tokens.get(id)
            valid = token is not None and token.user_id == user.id
        else:
            stored = user.password if kind == "password" else user.device_password
            valid = stored is not None and fingerprint(stored) == id
        return self._principal(user, principal.how, f"{kind}:{id}", token) if valid else None

    def _principal(self, user: User, how: str, key: str, token: Token | None = None) -> Principal:
        principal = self._principals.get((user.id, how, key))
        if principal is None:
            snapshot = self._mirror.snapshot
            principal = Principal(user.name, snapshot.rights(user, token), snapshot.cameras(user, token), how, key)
            self._principals[user.id, how, key] = principal
        return principal

    def _enabled(self, user_id: int) -> User | None:
        user = self._mirror.snapshot.users.get(user_id)
        return user if user and user.enabled else None

    def _enabled_by_name(self, name: str) -> User | None:
        user = self._mirror.snapshot.by_name.get(_account(name))
        return user if user and user.enabled else None

    def _note_refusal(self, account: str, address: str, how: str, locked: bool) -> None:
        # Only names that exist: people type passwords into the field for the name.
        user = self._mirror.snapshot.by_name.get(account)
        self._audit.record("login_refused", user.name if user else "", address, how=how)
        if locked:
            self._audit.record("locked", user.name if user else "", address)

    # -- sessions and the page's tokens

    async def login(self, name: str, password: str, address: str, agent: str = "") -> tuple[str, Principal]:
        """Check the password and begin a session: (secret for the cookie, identity). Raises like
        `by_password`. agent: what the browser calls itself, for the audit log."""
        user = await self._check_password(name, password, address)
        secret, session = new_session(user.id, self._mirror.now())
        told = ("login", user.name, address, {"agent": agent})
        try:
            await self._mirror.write(self._mirror.accounts.add_session, session, told=told)
        except DatabaseError as error:  # a full disk must not keep its owner out
            self.log.error("the session of {user} is in memory only: {error}", user=user.name, error=error)
            self._sessions.keep(session)
            self._audit.record(*told[:3], **told[3])
        except Gone:
            raise Unauthorized from None
        principal = self.by_session(secret)
        if principal is None:
            raise Unauthorized  # removed or disabled meanwhile
        return secret, principal

    def logout(self, secret: str, address: str = "") -> None:
        """End a session at once; an unknown secret does nothing."""
        session = self._sessions.find(secret)
        if session is None:
            return
        self._sessions.end(session.id)
        user = self._mirror.snapshot.users.get(session.user_id)
        self._audit.record("logout", user.name if user else "", address)
        self._mirror.submit(self._mirror.accounts.remove_sessions, [session.id])
        self._tell()

    def url_token(self, by: Principal, camera: str) -> str:
        """A secret for `?token=` on pictures and streams of one camera, good to start within 60 seconds.
        What it starts ends with the session or token that asked for it. For plugins: no route of camd hands
        these out. Raises Refused without Media_r."""
        if not by.may(Permission.Media_r, f"cameras/{camera}/") or by.key.startswith(_URL):
            raise Refused(f"cameras/{camera}", Permission.Media_r)
        return self._url_tokens.make(by, camera)

    # -- keeping up

    def _taken(self, before: Snapshot, after: Snapshot) -> None:
        self._principals.clear()
        for id, user in before.users.items():
            now = after.users.get(id)
            if now is None or not now.enabled or now.password != user.password:
                self._sessions.end_unsaved(id)
        ended = self._sessions.take(after.sessions)
        self._tokens.take(after.tokens)
        self.needs_setup = after.needs_setup
        self.guest = Principal(GUEST_NAME, with_reading(after.roles[GUEST_NAME] | self._guests), how="guest")
        if ended or before.rules != after.rules:
            self._tell()

    def _tell(self) -> None:
        for tell in tuple(self.on_change):
            try:
                tell()
            except Exception:
                self.log.failure("a change of rights did not reach everyone")

    async def _tick(self) -> None:
        """Whatever fails here must not end the loop: it is what brings revocations by commands in."""
        try:
            changed = await self._mirror.look()
            if changed or self._changed:  # a command writes the audit log after the database
                self._audit.refresh()
            self._changed = changed
            if self._clock.seconds() - self._last_housekeeping >= HOUSEKEEPING:
                self._last_housekeeping = self._clock.seconds()
                self._keep_house()
        except CamdError as error:
            self.log.error("{error}", error=error)
        except Exception:
            self.log.failure("the accounts could not be kept up to date")

    def _keep_house(self) -> None:
        sessions, tokens, over = self._sessions.unwritten(), self._tokens.unwritten(), self._sessions.expire()
        accounts = self._mirror.accounts
        if sessions or tokens:
            self._mirror.submit(accounts.note_use, sessions, tokens)
        if over:
            self._mirror.submit(accounts.remove_sessions, over)
        before, self._expired = self._expired, self._tokens.expired()
        if over or self._expired - before:
            self._tell()


def _account(name: str) -> str:
    """The name as accounts are known by. Cut, for a wrong one may be long and is kept by the lock-out."""
    return name[:65].lower()


def _for_pictures(principal: Principal, cameras: frozenset[str] | None) -> Principal:
    """What remains of an identity that put a URL token into the address of a picture."""
    if principal.how == "guest":
        return principal
    return Principal(principal.name, common(principal.permissions, _PICTURES),
                     common_cameras(principal.cameras, cameras), "url", _URL + principal.key)
