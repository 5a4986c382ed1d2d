"""Tokens: secrets that programs send instead of a password."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..errors import Invalid
from ..state.permission import Permission, Principal
from .records import Snapshot, Token, User, check_cameras, check_label, hash_of
from .roles import common_cameras, parse_permissions

#: API tokens begin with this, so that people and scanners for leaked secrets know one when they see it.
PREFIX = "camd_"
LONGEST_DAYS = 3650
DAY = 86_400_000  #: milliseconds
#: How long a page's URL token can begin a picture or stream (seconds).
URL_TOKEN_LIFETIME = 60.0
_URL_TOKENS = 4096
_URL_TOKENS_EACH = 256


def new_token(snapshot: Snapshot, user: User, name: str, permissions: Iterable[Permission | str | int] | None,
              cameras: Iterable[str] | None, days: float | None, now: int) -> tuple[str, Token]:
    """The secret, which is shown once, and the token for a user.

    permissions, cameras: None for those of the user, now and later; days: until it expires, None for never;
    now: Unix milliseconds. Raises Invalid, also for more than the user has.
    """
    label, allowed = check_label(name), check_cameras(cameras)
    limits = None if permissions is None else parse_permissions(permissions)
    if limits is not None and (not limits or not limits <= snapshot.rights(user)):
        raise Invalid("permissions", f"expected at least one, and only those of {user.name}")
    if allowed is not None and common_cameras(allowed, user.cameras) != allowed:
        raise Invalid("cameras", f"expected only those of {user.name}")
    if days is not None and (
        isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days <= LONGEST_DAYS
    ):
        raise Invalid("days", f"expected a number up to {LONGEST_DAYS}, or null for never")
    expires = None if days is None else now + int(days * DAY)
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, Token(secrets.token_hex(6), user.id, label, hash_of(secret), limits, allowed, now, expires)


class Tokens:
    """The API tokens in memory, with their last use. wall: UTC seconds. Reactor thread only."""

    def __init__(self, wall: Callable[[], float]):
        self._wall = wall
        self._by_hash: dict[bytes, Token] = {}
        self._by_id: dict[str, Token] = {}
        self._used: dict[str, tuple[int, str]] = {}
        self._unwritten: set[str] = set()

    def __iter__(self) -> Iterator[Token]:
        return iter(self._by_id.values())

    def take(self, found: Iterable[Token]) -> None:
        """Make these the tokens."""
        self._by_id = {token.id: token for token in found}
        self._by_hash = {token.hash: token for token in self._by_id.values()}
        self._used = {id: use for id, use in self._used.items() if id in self._by_id}
        self._unwritten &= set(self._by_id)

    def find(self, secret: str, address: str) -> Token | None:
        """The token with this secret, unless it expired; notes the use."""
        if not secret.startswith(PREFIX):
            return None
        token = self._by_hash.get(hash_of(secret))
        if token is None or self._is_over(token):
            return None
        self._used[token.id] = (int(self._wall() * 1000), address)
        self._unwritten.add(token.id)
        return token

    def get(self, id: str) -> Token | None:
        """The token, unless it expired."""
        token = self._by_id.get(id)
        return None if token is None or self._is_over(token) else token

    def known(self, id: str) -> Token | None:
        """The token, also when it expired."""
        return self._by_id.get(id)

    def last_use(self, token: Token) -> tuple[int | None, str]:
        """(Unix milliseconds or None, address)."""
        return self._used.get(token.id, (token.last_used, token.last_address))

    def _is_over(self, token: Token) -> bool:
        return token.expires is not None and self._wall() * 1000 >= token.expires

    def expired(self) -> frozenset[str]:
        """The ids of those whose time is over."""
        return frozenset(token.id for token in self._by_id.values() if self._is_over(token))

    def unwritten(self) -> list[tuple[str, int, str]]:
        """(id, time, address) of those used since this was asked last."""
        found = [(id, *self._used[id]) for id in sorted(self._unwritten)]
        self._unwritten.clear()
        return found


@dataclass(frozen=True, slots=True)
class _UrlToken:
    by: Principal
    camera: str
    until: float


class UrlTokens:
    """Secrets that a page puts into addresses of pictures; in memory only. now: monotonic seconds."""

    def __init__(self, now: Callable[[], float]):
        self._now = now
        self._tokens: OrderedDict[bytes, _UrlToken] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tokens)

    def make(self, by: Principal, camera: str) -> str:
        secret = secrets.token_urlsafe(32)
        now = self._now()
        while self._tokens and next(iter(self._tokens.values())).until <= now:
            self._tokens.popitem(last=False)
        own = [key for key, token in self._tokens.items() if token.by.key == by.key]
        if len(own) >= _URL_TOKENS_EACH:
            del self._tokens[own[0]]
        elif len(self._tokens) >= _URL_TOKENS:
            self._tokens.popitem(last=False)
        self._tokens[hash_of(secret)] = _UrlToken(by, camera, now + URL_TOKEN_LIFETIME)
        return secret

    def find(self, secret: str, camera: str) -> Principal | None:
        """Who asked for this token, if it is good for that camera now."""
        token = self._tokens.get(hash_of(secret))
        if token is None or token.camera != camera or self._now() >= token.until:
            return None
        return token.by
