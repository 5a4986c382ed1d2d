"""Users: who may do what. The accounts, roles and tokens, and what the edges ask about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Conflict, Gone, Invalid, Refused
from ..state.permission import GUEST_NAME, Permission, Principal
from .audit import Audit
from .device_password import new_device_password, purpose
from .entries import Entry, token_entry, user_entry
from .identities import Identities
from .mirror import Told
from .passwords import Hashing, check_password
from .records import Cameras, Snapshot, Token, User, check_cameras, check_user_name
from .roles import (
    BUILT_IN,
    VIEWER,
    Permissions,
    common,
    common_cameras,
    names_of,
    parse_permissions,
    role_name,
    with_reading,
)
from .setup import Setup
from .tokens import new_token

if TYPE_CHECKING:
    from ..config import Config
    from ..threads import Threads

Entries = list[Entry]  # inside the class `list` is a method
Names = list[str]
_ALL = frozenset(Permission)
_GUESTS_MAY = frozenset(p for p in Permission if p.name.endswith("_r")) - {Permission.User_r}


class Users(Identities):
    """Accounts, identities and their rights. Reactor thread only; `start` before use.

    setup: the first minute; the rest is as in Identities.

    An entry of a user is {"name", "role", "enabled", "cameras": [id] or None for all,
    "additional_permissions": [names], "permissions": [names, all that count], "created", "last_login" (Unix
    milliseconds or None), "device_password": whether there is one}. An entry of a token is {"id", "name",
    "user", "permissions": [names that count now], "cameras", "created", "expires", "last_used",
    "last_address"}. Permissions are given as Permission, name or ordinal; the role "admin" is
    "administrator".

    Names are compared without case. Every method that changes something takes `by`, checks its rights and
    raises Refused; nobody gives, takes or uses rights that they do not hold themselves. address: from where
    it was asked, for the audit log. Further errors: Invalid (a value), Conflict (name taken, last
    administrator), Gone (no such user, role or token), Locked (too many password checks wait).
    """

    def __init__(self, data_dir: Path, threads: Threads, reactor: Any, audit: Audit,
                 config: Config | None = None, *, wall: Callable[[], float] = time.time,
                 hashing: Hashing | None = None):
        super().__init__(data_dir, threads, reactor, audit, wall, hashing, config and config.auth)
        self.setup = Setup(self._mirror, self._lockout, self._verification, audit, reactor, self._entry)

    async def start(self) -> None:
        """Open the database, bring it up to date, fill the mirror; with nobody there, make a setup code."""
        await super().start()
        await self.setup.ready()

    async def stop(self) -> None:
        self.setup.stop()
        await super().stop()

    def _taken(self, before: Snapshot, after: Snapshot) -> None:
        super()._taken(before, after)
        self.setup.look(after)

    # -- users

    def list(self, by: Principal) -> Entries:
        """All users by name; needs User_r."""
        _need(by, Permission.User_r)
        by_name = self._mirror.snapshot.by_name
        return [self._entry(by_name[name]) for name in sorted(by_name)]

    def get(self, by: Principal, name: str) -> Entry:
        """One user; needs User_r unless it is oneself."""
        if not _is_own(by, name):
            _need(by, Permission.User_r)
        return self._entry(self._find(name))

    async def add(self, by: Principal, name: str, password: str, role: str = VIEWER,
                  cameras: Iterable[str] | None = None,
                  additional_permissions: Iterable[Permission | str | int] = (), *,
                  address: str = "") -> Entry:
        """A new user; needs User_rw."""
        _need(by, Permission.User_rw)
        check_user_name(name)
        role, allowed = role_name(role), check_cameras(cameras)
        additional = parse_permissions(additional_permissions, "additional_permissions")
        _need_all(by, self._role(role) | additional, allowed)
        if name.lower() in self._mirror.snapshot.by_name:
            raise Conflict(f"there is a user {name} already")
        hashed = await self._verification.hash(check_password(password))
        told = ("user_add", by.name, address, {"user": name, "role": role})
        await self._mirror.write(
            self._mirror.accounts.add_user, name, hashed, role, allowed, additional, told=told)
        return self._entry(self._find(name))

    async def change(self, by: Principal, name: str, /, *, address: str = "", **fields: Any) -> Entry:
        """Change role, enabled, cameras, additional_permissions or password of a user; needs User_rw.
        Being disabled and a new password end the user's sessions. One's own password is changed by
        `change_own_password` only."""
        _need(by, Permission.User_rw)
        user = self._find(name)
        _need_rights_of(by, self._mirror.snapshot, user)
        changes, told = self._parse_changes(fields)
        self._role(changes.get("role", user.role))
        check = partial(_check_change, by, user.id, changes)
        check(self._mirror.snapshot)
        if "password" in fields:
            if _is_own(by, name):
                raise Invalid("password", "one's own password is changed with the old one beside it")
            hashed = await self._new_hash(user, fields["password"])
            check = partial(_check_change, self._still(by), user.id, dict(changes))
            changes["password"], told["password"] = hashed, True
        if changes:
            await self._mirror.write(self._mirror.accounts.change_user, user.name, **changes, check=check,
                                     told=("user_change", by.name, address, {"user": user.name, **told}))
        return self._entry(self._find(name))

    def _parse_changes(self, fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The fields for Accounts.change_user, and what to tell about them."""
        changes: dict[str, Any] = {}
        told: dict[str, Any] = {}
        for key, value in fields.items():
            if key == "role":
                changes[key] = told[key] = role_name(value)
            elif key == "enabled":
                if not isinstance(value, bool):
                    raise Invalid(key, "expected true or false")
                changes[key] = told[key] = value
            elif key == "cameras":
                changes[key] = check_cameras(value)
                told[key] = value if value is None else sorted(changes[key])
            elif key == "additional_permissions":
                changes["additional"] = parse_permissions(value, key)
                told[key] = names_of(changes["additional"])
            elif key != "password":
                raise Invalid(key, "a user has no such field that can be changed")
        return changes, told

    async def change_own_password(self, by: Principal, old: str, new: str, *, address: str = "") -> None:
        """Raises Unauthorized or Locked if `old` is wrong, Invalid if `new` is not good enough. Ends all
        sessions of the user, the one that asked too; API tokens and the device password stay."""
        user = self._own(by)
        check_password(new)
        await self._check_password(user.name, old, address)
        hashed = await self._new_hash(user, new)
        told: Told = ("password_change", user.name, address, {})
        await self._mirror.write(self._mirror.accounts.change_user, user.name, password=hashed, told=told)

    async def _new_hash(self, user: User, password: str) -> str:
        check_password(password)
        before = await self._threads.db(self._mirror.accounts.passwords_of, user.name)
        return await self._verification.work(self._hashing.replace, password, before)

    async def remove(self, by: Principal, name: str, *, address: str = "") -> None:
        """Remove a user with all sessions and tokens; needs User_rw."""
        _need(by, Permission.User_rw)
        user = self._find(name)
        _need_rights_of(by, self._mirror.snapshot, user)
        told = ("user_remove", by.name, address, {"user": user.name})
        await self._mirror.write(self._mirror.accounts.remove_user, user.name, told=told)

    async def device_password(self, by: Principal, name: str, renew: bool = False, *,
                              address: str = "") -> str:
        """The device password of oneself, or with User_rw of anyone; made when there is none yet."""
        if not _is_own(by, name):
            _need(by, Permission.User_rw)
        user = self._find(name)
        _need_rights_of(by, self._mirror.snapshot, user)
        secret = None if renew else self._secret_of(user)
        if secret is None:
            secret = new_device_password()
            sealed = self._mirror.key.encrypt(secret, purpose(user.id))
            told = ("device_password_renew", by.name, address, {"user": user.name})
            await self._mirror.write(self._mirror.accounts.set_device_password, user.name, sealed, told=told)
        else:
            self._audit.record("device_password_show", by.name, address, user=user.name)
        return secret

    async def set_device_password(self, by: Principal, name: str, password: str, *, address: str = "") -> None:
        """Choose the device password of oneself, or with User_rw of anyone: recorders bring their own. As good
        as an account's, else Invalid. Kept letter for letter, since that is what a digest is over."""
        if not _is_own(by, name):
            _need(by, Permission.User_rw)
        user = self._find(name)
        _need_rights_of(by, self._mirror.snapshot, user)
        check_password(password)
        sealed = self._mirror.key.encrypt(password, purpose(user.id))
        told = ("device_password_set", by.name, address, {"user": user.name})
        await self._mirror.write(self._mirror.accounts.set_device_password, user.name, sealed, told=told)

    # -- roles

    def roles(self) -> dict[str, Names]:
        """Role -> names of its permissions in their order; the product's four first."""
        return {name: names_of(permissions) for name, permissions in self._mirror.snapshot.roles.items()}

    async def set_role(self, by: Principal, name: str, permissions: Iterable[Permission | str | int],
                       *, address: str = "") -> None:
        """Make or change a role of one's own, or say what guests may read; needs User_rw. The other
        roles of the product are fixed: Conflict."""
        _need(by, Permission.User_rw)
        name, wanted = role_name(name, "name"), parse_permissions(permissions)
        _check_changeable(name)
        if name == GUEST_NAME and not wanted <= _GUESTS_MAY:
            raise Invalid("permissions", f"guests may have {', '.join(names_of(_GUESTS_MAY))} only")
        check = partial(_check_role_change, by, name, wanted)
        check(self._mirror.snapshot)
        told = ("role_set", by.name, address, {"role": name, "permissions": names_of(wanted)})
        await self._mirror.write(self._mirror.accounts.set_role, name, wanted, check=check, told=told)

    async def remove_role(self, by: Principal, name: str, *, address: str = "") -> None:
        """Remove a role that nobody holds (else Conflict); needs User_rw. Of "guest": back to nothing."""
        _need(by, Permission.User_rw)
        name = role_name(name, "name")
        _check_changeable(name)
        _need_all(by, self._role(name), None)
        told = ("role_remove", by.name, address, {"role": name})
        await self._mirror.write(self._mirror.accounts.remove_role, name, told=told)

    # -- API tokens

    async def create_token(self, by: Principal, name: str,
                           permissions: Iterable[Permission | str | int] | None = None,
                           cameras: Iterable[str] | None = None, days: float | None = None,
                           user: str | None = None, *, address: str = "") -> tuple[str, Entry]:
        """Make an API token: (secret, shown this once; its entry). Without permissions or cameras it has
        those of its user, now and later; it never has more. days: until it expires, None for never. For
        another user this needs User_rw. A token makes only tokens that can do no more than itself and
        expire no later."""
        owner = self._own(by) if user is None or _is_own(by, user) else self._find(user)
        snapshot, now = self._mirror.snapshot, self._mirror.now()
        if not _is_own(by, owner.name):
            _need(by, Permission.User_rw)
            _need_all(by, snapshot.rights(owner), owner.cameras)
        secret, token = new_token(snapshot, owner, name, permissions, cameras, days, now)
        token = self._no_stronger(token, by, owner)
        told = ("token_create", by.name, address, {"user": owner.name, "token": token.id, "name": token.name})
        await self._mirror.write(self._mirror.accounts.add_token, token, told=told)
        return secret, self._token_entry(token)

    def _no_stronger(self, token: Token, by: Principal, owner: User) -> Token:
        """The token with the limits of who asked for it. It follows its user only as far as that one does:
        what the user is given later must not reach a token of less, or somebody else with the secret."""
        permissions, cameras, expires = token.permissions, token.cameras, token.expires
        rights = self._mirror.snapshot.rights(owner)
        parent = self._tokens.get(by.key.removeprefix("token:"))
        own = _is_own(by, owner.name)
        follows = own and rights <= with_reading(by.permissions)
        if parent is not None and parent.permissions is not None:
            follows = False
        if permissions is None and not (follows or by.permissions >= _ALL):
            permissions = common(rights, by.permissions)
        follows = own and by.cameras == owner.cameras and (parent is None or parent.cameras is None)
        if cameras is None and not (follows or by.cameras is None):
            cameras = common_cameras(owner.cameras, by.cameras)
        _need_all(by, permissions or frozenset(), owner.cameras if cameras is None else cameras)
        if parent is not None and parent.expires is not None:
            expires = parent.expires if expires is None else min(expires, parent.expires)
        return replace(token, permissions=permissions, cameras=cameras, expires=expires)

    async def revoke_token(self, by: Principal, id: str, *, address: str = "") -> None:
        """End an API token: one's own, or with User_rw anyone's."""
        token = self._tokens.known(id)
        owner = self._mirror.snapshot.users.get(token.user_id) if token else None
        if token is None or owner is None or not (_is_own(by, owner.name) or by.may(Permission.User_r)):
            raise Gone(f"there is no token {id[:20]}")
        if not _is_own(by, owner.name):
            _need(by, Permission.User_rw)
        if by.key != f"token:{id}":
            _need_all(by, self._mirror.snapshot.rights(owner), owner.cameras)
        told = ("token_revoke", by.name, address, {"user": owner.name, "token": id, "name": token.name})
        await self._mirror.write(self._mirror.accounts.remove_token, id, told=told)

    def tokens(self, by: Principal) -> Entries:
        """One's own tokens; with User_r those of everybody."""
        users, everybody = self._mirror.snapshot.users, by.may(Permission.User_r)
        return [self._token_entry(token) for token in sorted(self._tokens, key=lambda token: token.created)
                if everybody or _is_own(by, users[token.user_id].name)]

    # -- looking up

    def _find(self, name: str) -> User:
        user = self._mirror.snapshot.by_name.get(name.lower())
        if user is None:
            raise Gone(f"there is no user {name[:64]}")
        return user

    def _still(self, by: Principal) -> Principal:
        """Who asks, as it is after a wait; Refused if it ended or may not do it any more."""
        now = self.still_valid(by)
        if now is None:
            raise Refused("users", Permission.User_rw)
        _need(now, Permission.User_rw)
        return now

    def _own(self, by: Principal) -> User:
        """The user who asks; Refused for guests and the daemon itself."""
        if by.how in ("guest", "system"):
            raise Refused("users", Permission.User_rw)
        return self._find(by.name)

    def _role(self, name: str) -> Permissions:
        try:
            return self._mirror.snapshot.roles[name]
        except KeyError:
            raise Gone(f"there is no role {name}") from None

    def _entry(self, user: User) -> Entry:
        return user_entry(self._mirror.snapshot, user)

    def _token_entry(self, token: Token) -> Entry:
        return token_entry(self._mirror.snapshot, token, *self._tokens.last_use(token))


def _need(by: Principal, permission: Permission) -> None:
    if not by.may(permission):
        raise Refused("users", permission)


def _need_all(by: Principal, permissions: Permissions, cameras: Cameras | None = frozenset()) -> None:
    """Refuse whoever would give, take or use what they do not hold themselves."""
    lacking = with_reading(permissions) - with_reading(by.permissions)
    if lacking:
        raise Refused("users", min(lacking, key=lambda permission: permission.ordinal))
    if by.cameras is not None and (cameras is None or not cameras <= by.cameras):
        raise Refused("users", Permission.User_rw)


def _need_rights_of(by: Principal, now: Snapshot, user: User) -> None:
    """Refuse whoever would have power over somebody who may more."""
    _need_all(by, now.rights(user), user.cameras)


def _check_change(by: Principal, id: int, changes: dict[str, Any], now: Snapshot) -> None:
    """Whether `by` may make these changes of the user as it is now. Any thread."""
    user = now.users.get(id)
    if user is None:
        raise Gone("the user is not there any more")
    _need_rights_of(by, now, user)
    role = now.roles.get(changes.get("role", user.role), frozenset())
    _need_all(by, role | changes.get("additional", user.additional), changes.get("cameras", user.cameras))


def _check_role_change(by: Principal, role: str, wanted: Permissions, now: Snapshot) -> None:
    """Whether `by` may make a role, or change it for all who hold it now. Any thread."""
    # A role counts for all cameras, so who is limited to some cannot give or take it.
    _need_all(by, wanted | now.roles.get(role, frozenset()), None)
    for user in now.users.values():
        if user.role == role:
            _need_rights_of(by, now, user)


def _is_own(by: Principal, name: str) -> bool:
    return by.how not in ("guest", "system") and by.name.lower() == name.lower()


def _check_changeable(role: str) -> None:
    if role in BUILT_IN and role != GUEST_NAME:
        raise Conflict(f"the role {role} is fixed; make one of your own")

