"""Users: who may do what. Accounts, roles, tokens and sessions, and what the edges ask about them.

The database is the truth, and other processes (`camd user ...`) may write it while the daemon runs.
A mirror in memory answers every question of an edge at once; each change is made by the one thread of
the pool `db` and comes back as a new mirror, and changes by others are looked for twice a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..state.permission import GUEST_NAME, Permission, Principal
from .audit import Audit
from .setup import Setup

if TYPE_CHECKING:
    from ..config import Config
    from ..threads import Threads

Entry = dict[str, Any]


class Users:
    """Accounts, identities and their rights. Reactor thread only; `start` before use.

    needs_setup: no enabled administrator exists. guest: who asks without any identity. setup: the first
    minute. on_change: called after rights, users, tokens or sessions changed, so that live connections ask
    `still_valid` about their identity again.

    An entry of a user is {"name", "role", "enabled", "cameras": [id] or None for all,
    "additional_permissions": [names], "permissions": [names, all that count], "created", "last_login" (Unix
    milliseconds or None), "device_password": whether there is one}. An entry of a token is {"id", "name",
    "user", "permissions": [names that count now], "cameras", "created", "expires", "last_used",
    "last_address"}. Permissions are given as Permission, name or ordinal; the role "admin" is "administrator".

    Names are compared without case. Every method that changes something takes `by`, checks its rights and
    raises Refused; nobody gives, takes or uses rights that they do not hold themselves. address: from where
    it was asked, for the audit log. Further errors: Invalid (a value), Conflict (name taken, last
    administrator), Gone (no such user, role or token), Locked (too many password checks wait).
    """

    def __init__(self, data_dir: Path, threads: Threads, reactor: Any, audit: Audit, config: Config | None = None,
                 *, wall: Callable[[], float] = time.time):
        self.needs_setup = True
        self.on_change: list[Callable[[], None]] = []
        self.guest = Principal(GUEST_NAME, frozenset(), how="guest")
        self.setup = Setup()

    async def start(self) -> None:
        """Open the database, bring it up to date, fill the mirror; with nobody there, make a setup code."""
        raise NotImplementedError

    def stop(self) -> Any:
        """Write what is only in memory and close the database; a Deferred that fires after that."""
        raise NotImplementedError

    # -- who is it

    def by_session(self, secret: str) -> Principal | None:
        """The identity behind a session cookie. Counts as activity: it ends after 30 minutes without any,
        and after 12 hours anyway."""
        raise NotImplementedError

    def touch(self, principal: Principal) -> None:
        """Note activity of a session on a connection that stays: a message came in."""
        raise NotImplementedError

    def by_token(self, secret: str, address: str = "", how: str = "bearer") -> Principal | None:
        """The identity behind an API token (they begin with "camd_"); notes its use."""
        raise NotImplementedError

    def by_url_token(self, secret: str, camera: str) -> Principal | None:
        """The identity behind `?token=` for one camera: a page's URL token for it, or an API token."""
        raise NotImplementedError

    async def by_password(self, name: str, password: str, address: str, how: str = "basic") -> Principal:
        """The identity behind an account's password. Cheap when this pair was right in the last 5 minutes,
        else it waits for the pool `auth`. Raises Unauthorized, or Locked when there were too many wrong
        ones or too many are waiting."""
        raise NotImplementedError

    def by_device_password(self, name: str, password: str) -> Principal | None:
        """The identity behind a device password (Basic on media only); how is "basic". A wrong one is not
        counted: the caller goes on to `by_password`, which counts."""
        raise NotImplementedError

    def device_secret(self, name: str) -> str | None:
        """The clear device password, for digests; None without user, or without one."""
        raise NotImplementedError

    def digest(self, fields: Mapping[str, str], method: str, address: str, uri: str | None = None) -> Principal:
        """The identity behind an `Authorization: Digest` (RFC 7616; qop auth; SHA-256 or MD5; the device
        password). fields: its parameters, unquoted; uri: the request target, which must be the signed one.
        Raises Unauthorized (stale: only the nonce was too old or used before) or Locked."""
        raise NotImplementedError

    def digest_challenges(self, stale: bool = False) -> list[str]:
        """Values for WWW-Authenticate, one header each, the best first: `Digest realm="camd", ...`."""
        raise NotImplementedError

    def still_valid(self, principal: Principal) -> Principal | None:
        """An identity as it is now: its rights may have changed; None when it ended."""
        raise NotImplementedError

    # -- sessions and tokens

    async def login(self, name: str, password: str, address: str, agent: str = "") -> tuple[str, Principal]:
        """Check the password and begin a session: (secret for the cookie, identity). Raises like
        `by_password`. agent: what the browser calls itself, for the audit log."""
        raise NotImplementedError

    def logout(self, secret: str, address: str = "") -> None:
        """End a session at once; an unknown secret does nothing."""
        raise NotImplementedError

    def url_token(self, by: Principal, camera: str) -> str:
        """A secret for `?token=` on pictures and streams of one camera, good to start within 60 seconds.
        What it starts ends with the session or token that asked for it. Raises Refused without Media_r."""
        raise NotImplementedError

    async def create_token(self, by: Principal, name: str, permissions: Iterable[Permission | str | int] | None = None,
                           cameras: Iterable[str] | None = None, days: float | None = None,
                           user: str | None = None, *, address: str = "") -> tuple[str, Entry]:
        """Make an API token: (secret, shown this once; its entry). Without permissions or cameras it has
        those of its user, now and later; it never has more. days: until it expires, None for never. For
        another user this needs User_rw. A token makes only tokens that expire no later than itself."""
        raise NotImplementedError

    async def revoke_token(self, by: Principal, id: str, *, address: str = "") -> None:
        """End an API token: one's own, or with User_rw anyone's."""
        raise NotImplementedError

    def tokens(self, by: Principal) -> list[Entry]:
        """One's own tokens; with User_r those of everybody."""
        raise NotImplementedError

    # -- users and roles

    def list(self, by: Principal) -> list[Entry]:
        """All users by name; needs User_r."""
        raise NotImplementedError

    def get(self, by: Principal, name: str) -> Entry:
        """One user; needs User_r unless it is oneself."""
        raise NotImplementedError

    async def add(self, by: Principal, name: str, password: str, role: str = "viewer",
                  cameras: Iterable[str] | None = None,
                  additional_permissions: Iterable[Permission | str | int] = (), *, address: str = "") -> Entry:
        """A new user; needs User_rw."""
        raise NotImplementedError

    async def change(self, by: Principal, name: str, *, address: str = "", **fields: Any) -> Entry:
        """Change role, enabled, cameras, additional_permissions or password of a user; needs User_rw.
        Being disabled and a new password end the user's sessions. One's own password is changed by
        `change_own_password` only."""
        raise NotImplementedError

    async def change_own_password(self, by: Principal, old: str, new: str, *, address: str = "") -> None:
        """Raises Unauthorized or Locked if `old` is wrong, Invalid if `new` is not good enough. Ends all
        sessions of the user, the one that asked too; API tokens and the device password stay."""
        raise NotImplementedError

    async def remove(self, by: Principal, name: str, *, address: str = "") -> None:
        """Remove a user with all sessions and tokens; needs User_rw."""
        raise NotImplementedError

    async def device_password(self, by: Principal, name: str, renew: bool = False, *, address: str = "") -> str:
        """The device password of oneself, or with User_rw of anyone; made when there is none yet."""
        raise NotImplementedError

    def roles(self) -> dict[str, list[str]]:
        """Role -> names of its permissions in their order; the product's four first."""
        raise NotImplementedError

    async def set_role(self, by: Principal, name: str, permissions: Iterable[Permission | str | int],
                       *, address: str = "") -> None:
        """Make or change a role of one's own, or say what guests may read; needs User_rw. The other
        roles of the product are fixed: Conflict."""
        raise NotImplementedError

    async def remove_role(self, by: Principal, name: str, *, address: str = "") -> None:
        """Remove a role that nobody holds (else Conflict); needs User_rw. Of "guest": back to nothing."""
        raise NotImplementedError
