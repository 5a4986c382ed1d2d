"""Records: what the database holds, as immutable objects, and what their fields may hold.

Times are Unix milliseconds. Secrets stay out of `repr`, and thereby out of logs and tracebacks. Fields that
change with use do not count when two records are compared.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..errors import Invalid
from ..state.permission import GUEST_NAME, SYSTEM
from .roles import ADMINISTRATOR, BUILT_IN, Permissions, common, common_cameras, with_reading

#: Names that mean something else wherever a user's name is shown.
_RESERVED = {GUEST_NAME, SYSTEM.name}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_CAMERA = re.compile(r"[a-z][a-z0-9_]{0,31}")
_LABEL_LENGTH = 100

Cameras = frozenset[str]


@dataclass(frozen=True, slots=True)
class User:
    """additional: permissions beyond those of the role; cameras: None for all; password: its argon2id hash;
    device_password: encrypted."""

    id: int
    name: str
    role: str
    enabled: bool = True
    additional: Permissions = frozenset()
    cameras: Cameras | None = None
    password: str = field(default="", repr=False)
    device_password: bytes | None = field(default=None, repr=False)
    created: int = 0
    last_login: int | None = field(default=None, compare=False)

    @property
    def administers(self) -> bool:
        return self.enabled and self.role == ADMINISTRATOR


@dataclass(frozen=True, slots=True)
class Token:
    """permissions, cameras: None for those of the user; hash: SHA-256 of the secret; expires: None for
    never."""

    id: str
    user_id: int
    name: str
    hash: bytes = field(repr=False)
    permissions: Permissions | None = None
    cameras: Cameras | None = None
    created: int = 0
    expires: int | None = None
    last_used: int | None = field(default=None, compare=False)
    last_address: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Session:
    """hash: SHA-256 of the secret; used: the last activity."""

    id: str
    user_id: int
    hash: bytes = field(repr=False)
    created: int = 0
    used: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class SetupCode:
    """sealed: the code, encrypted; wrong: tries with another one."""

    sealed: bytes = field(repr=False)
    created: int = 0
    wrong: int = 0


@dataclass(frozen=True)
class Snapshot:
    """Everything at one moment. roles: those made here, and "guest" if it may do something."""

    users: Mapping[int, User] = field(default_factory=dict)
    custom_roles: Mapping[str, Permissions] = field(default_factory=dict)
    tokens: tuple[Token, ...] = ()
    sessions: tuple[Session, ...] = ()
    setup_code: SetupCode | None = None

    @cached_property
    def by_name(self) -> Mapping[str, User]:
        """The users by their names in lower case."""
        return {user.name.lower(): user for user in self.users.values()}

    @cached_property
    def roles(self) -> Mapping[str, Permissions]:
        return {**BUILT_IN, **dict(sorted(self.custom_roles.items()))}

    @property
    def rules(self) -> tuple[Any, ...]:
        """Everything that decides who may do what, sessions apart."""
        return self.users, self.custom_roles, self.tokens

    @property
    def needs_setup(self) -> bool:
        return not any(user.administers for user in self.users.values())

    def rights(self, user: User, token: Token | None = None) -> Permissions:
        """What the user may: the role's permissions and the additional ones; with a token only what both
        have."""
        held = with_reading(self.roles.get(user.role, frozenset()) | user.additional)
        return held if token is None or token.permissions is None else common(held, token.permissions)

    def cameras(self, user: User, token: Token | None = None) -> Cameras | None:
        """The cameras of the user, or of one token; None for all."""
        return user.cameras if token is None else common_cameras(user.cameras, token.cameras)


def hash_of(secret: str) -> bytes:
    """How secrets of 256 random bits are stored: nothing slower is needed for those."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def fingerprint(stored: str | bytes | None) -> str:
    """Names one stored password, so that an identity proved with it ends when there is another."""
    data = stored.encode() if isinstance(stored, str) else stored or b""
    return hashlib.sha256(data).hexdigest()[:16]


def check_user_name(name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Invalid("name", "a user name is a letter or digit and up to 63 more, or any of . _ @ -")
    if name.lower() in _RESERVED:
        raise Invalid("name", f"the name {name.lower()} is reserved")
    return name


def check_label(text: str) -> str:
    """The name that a person gives a token."""
    if not isinstance(text, str) or not text.strip() or len(text) > _LABEL_LENGTH or not text.isprintable():
        raise Invalid("name", f"expected a text of 1 to {_LABEL_LENGTH} characters in one line")
    return text.strip()


def check_cameras(cameras: Iterable[str] | None) -> Cameras | None:
    """Camera ids; the cameras need not exist yet."""
    if cameras is None:
        return None
    if isinstance(cameras, str):
        raise Invalid("cameras", "expected a list of camera ids, or null for all")
    ids = frozenset(cameras)
    if not all(isinstance(id, str) and _CAMERA.fullmatch(id) for id in ids):
        raise Invalid("cameras", "expected a list of camera ids, or null for all")
    return ids
