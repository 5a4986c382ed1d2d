"""Accounts: every change of users, roles, tokens and sessions, with the rules that must never break.

The rules are checked in the transaction that makes the change, so the daemon and a command that run at the
same time cannot break one together. Who may do it is asked before, by Users, and once more by a `check` in the
transaction where time passed or somebody else decides it; commands may everything.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..errors import Conflict, Gone, Invalid
from ..state.permission import GUEST_NAME, Permission
from .database import Database
from .records import Cameras, Session, SetupCode, Snapshot, Token, User
from .roles import ADMINISTRATOR, BUILT_IN, Permissions
from .secret_key import SecretKey, read_secret_key

#: A new password is none of the last so many, the present one included.
REMEMBERED_PASSWORDS = 5
TOKENS_PER_USER = 100
SESSIONS_PER_USER = 100
#: Stands for "leave it as it is" where None means something.
KEEP: Any = object()
#: Raises if a change is not allowed, given everything as it is when the change is made.
Check = Callable[[Snapshot], None]


def _anything(now: Snapshot) -> None:
    """Commands may everything."""


class Accounts:
    """The accounts in a data directory. Blocking: for the one thread of the pool `db`, or for a command.

    key: the secret key, once opened. Raises DatabaseError everywhere, Gone for users, roles and tokens that
    are not there, Conflict for changes that do not fit.
    """

    key: SecretKey

    def __init__(self, data_dir: Path, wall: Callable[[], float] = time.time):
        self.data_dir = data_dir
        self._wall = wall
        self._database = Database(data_dir / "camd.db")

    def _now(self) -> int:
        return int(self._wall() * 1000)

    def open(self) -> Snapshot:
        self.key = read_secret_key(self.data_dir / "secret.key")
        self._database.open(self._now())
        return self.load()

    def close(self) -> None:
        self._database.close()

    def load(self) -> Snapshot:
        with self._database.reading() as sql:
            return _snapshot(sql)

    def news(self) -> Snapshot | None:
        """Everything as it is now if another process changed something, else None."""
        return self.load() if self._database.changed() else None

    def done(self, change: Callable[..., None], *args: Any) -> Snapshot:
        """Make a change (a method of this object) and return what is there after it."""
        change(*args)
        return self.load()

    # -- users

    def add_user(self, name: str, password: str, role: str, cameras: Cameras | None = None,
                 additional: Permissions = frozenset()) -> None:
        """password: its hash."""
        with self._database.writing() as sql:
            self._add(sql, name, password, role, cameras, additional)

    def set_up(self, sealed_code: bytes, name: str, password: str) -> None:
        """Make the first administrator and end the setup code; Conflict if that moved on meanwhile."""
        with self._database.writing() as sql:
            code = _setup_code(sql)
            if _administrators(sql) or code is None or code.sealed != sealed_code:
                raise Conflict("setup is done already, or the code was renewed meanwhile")
            self._add(sql, name, password, ADMINISTRATOR)

    def _add(self, sql: sqlite3.Connection, name: str, password: str, role: str,
             cameras: Cameras | None = None, additional: Permissions = frozenset()) -> None:
        if sql.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone():
            raise Conflict(f"there is a user {name} already")
        _check_role(sql, role, cameras)
        sql.execute(
            "INSERT INTO users (name, role, permissions, cameras, password, created) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (name, role, _ordinals(additional), _list(cameras), password, self._now()),
        )
        _end_setup(sql)

    def change_user(self, name: str, role: str = KEEP, enabled: bool = KEEP, cameras: Cameras | None = KEEP,
                    additional: Permissions = KEEP, password: str = KEEP, check: Check = _anything) -> None:
        """password: its hash. A new one, and being disabled, end the user's sessions."""
        with self._database.writing() as sql:
            check(_snapshot(sql))
            user = _find(sql, name)
            new_role = user.role if role is KEEP else role
            stays = user.enabled if enabled is KEEP else enabled
            new_cameras = user.cameras if cameras is KEEP else cameras
            if (role, cameras) != (KEEP, KEEP):
                _check_role(sql, new_role, new_cameras)
            if user.administers and not (stays and new_role == ADMINISTRATOR):
                _check_not_last(sql, user)
            sql.execute(
                "UPDATE users SET role = ?, enabled = ?, cameras = ?, permissions = ? WHERE id = ?",
                (new_role, stays, _list(new_cameras),
                 _ordinals(user.additional if additional is KEEP else additional), user.id),
            )
            if password is not KEEP:
                self._replace_password(sql, user, password)
            if password is not KEEP or not stays:
                sql.execute("DELETE FROM sessions WHERE user_id = ?", (user.id,))
            _end_setup(sql)

    def _replace_password(self, sql: sqlite3.Connection, user: User, password: str) -> None:
        sql.execute("INSERT INTO old_passwords VALUES (?, ?, ?)", (user.id, user.password, self._now()))
        sql.execute(
            "DELETE FROM old_passwords WHERE user_id = ? AND rowid NOT IN ("
            "SELECT rowid FROM old_passwords WHERE user_id = ? ORDER BY rowid DESC LIMIT ?)",
            (user.id, user.id, REMEMBERED_PASSWORDS - 1),
        )
        sql.execute("UPDATE users SET password = ? WHERE id = ?", (password, user.id))

    def refresh_hash(self, user_id: int, before: str, after: str) -> None:
        """The same password hashed anew; nothing happens if it was changed meanwhile."""
        with self._database.writing() as sql:
            sql.execute("UPDATE users SET password = ?3 WHERE id = ?1 AND password = ?2",
                        (user_id, before, after))

    def passwords_of(self, name: str) -> list[str]:
        """Hashes of the passwords that a new one must not be: the present one and those before."""
        with self._database.reading() as sql:
            user = _find(sql, name)
            rows = sql.execute("SELECT password FROM old_passwords WHERE user_id = ?", (user.id,))
            return [user.password, *(row[0] for row in rows)]

    def set_device_password(self, name: str, sealed: bytes) -> None:
        with self._database.writing() as sql:
            sql.execute("UPDATE users SET device_password = ? WHERE id = ?", (sealed, _find(sql, name).id))

    def remove_user(self, name: str) -> None:
        with self._database.writing() as sql:
            user = _find(sql, name)
            if user.administers:
                _check_not_last(sql, user)
            sql.execute("DELETE FROM users WHERE id = ?", (user.id,))

    # -- roles

    def set_role(self, name: str, permissions: Permissions, check: Check = _anything) -> None:
        with self._database.writing() as sql:
            check(_snapshot(sql))
            sql.execute(
                "INSERT INTO roles VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET permissions = excluded.permissions",
                (name, _ordinals(permissions), self._now()),
            )

    def remove_role(self, name: str) -> None:
        with self._database.writing() as sql:
            holder = sql.execute("SELECT name FROM users WHERE role = ? ORDER BY name", (name,)).fetchone()
            if holder and name != GUEST_NAME:
                raise Conflict(f"{holder[0]} has the role {name}; give another one first")
            if not sql.execute("DELETE FROM roles WHERE name = ?", (name,)).rowcount and name != GUEST_NAME:
                raise Gone(f"there is no role {name}")

    # -- tokens and sessions

    def add_token(self, token: Token) -> None:
        with self._database.writing() as sql:
            owner = (token.user_id,)
            (count,) = sql.execute("SELECT count(*) FROM tokens WHERE user_id = ?", owner).fetchone()
            if count >= TOKENS_PER_USER:
                raise Conflict(f"this user has {count} tokens; revoke one that is not needed first")
            if not sql.execute("SELECT 1 FROM users WHERE id = ?", owner).fetchone():
                raise Gone("the user is not there any more")
            held = None if token.permissions is None else _ordinals(token.permissions)
            sql.execute(
                "INSERT INTO tokens (id, user_id, name, hash, permissions, cameras, created, expires) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (token.id, token.user_id, token.name, token.hash, held, _list(token.cameras), token.created,
                 token.expires),
            )

    def remove_token(self, id: str) -> None:
        with self._database.writing() as sql:
            if not sql.execute("DELETE FROM tokens WHERE id = ?", (id,)).rowcount:
                raise Gone(f"there is no token {id}")

    def add_session(self, session: Session) -> None:
        """The user's oldest sessions give way when there are too many."""
        with self._database.writing() as sql:
            user = session.user_id
            login = (session.created, user)
            if not sql.execute("UPDATE users SET last_login = ? WHERE id = ?", login).rowcount:
                raise Gone("the user is not there any more")
            sql.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?)",
                        (session.id, user, session.hash, session.created, session.used))
            sql.execute(
                "DELETE FROM sessions WHERE user_id = ? AND id NOT IN ("
                "SELECT id FROM sessions WHERE user_id = ? ORDER BY used DESC, rowid DESC LIMIT ?)",
                (user, user, SESSIONS_PER_USER),
            )

    def remove_sessions(self, ids: Iterable[str]) -> None:
        with self._database.writing() as sql:
            sql.executemany("DELETE FROM sessions WHERE id = ?", [(id,) for id in ids])

    def note_use(self, sessions: Iterable[tuple[str, int]], tokens: Iterable[tuple[str, int, str]]) -> None:
        """Write when they were used last: (id, time) of sessions, (id, time, address) of tokens."""
        with self._database.writing() as sql:
            sql.executemany("UPDATE sessions SET used = ?2 WHERE id = ?1", sessions)
            sql.executemany("UPDATE tokens SET last_used = ?2, last_address = ?3 WHERE id = ?1", tokens)

    # -- setup code

    def set_setup_code(self, sealed: bytes) -> None:
        """Nothing happens once there is an administrator."""
        with self._database.writing() as sql:
            if not _administrators(sql):
                sql.execute("REPLACE INTO setup_code VALUES (1, ?, ?, 0)", (sealed, self._now()))

    def count_wrong_code(self, sealed: bytes) -> None:
        """One more wrong try with this code."""
        with self._database.writing() as sql:
            sql.execute("UPDATE setup_code SET wrong = wrong + 1 WHERE code = ?", (sealed,))


_USERS = ("SELECT id, name, role, enabled, permissions, cameras, password, device_password, created, "
          "last_login FROM users")
_ROLES = "SELECT name, permissions FROM roles"
_SESSIONS = "SELECT id, user_id, hash, created, used FROM sessions"
_TOKENS = ("SELECT id, user_id, name, hash, permissions, cameras, created, expires, last_used, last_address "
           "FROM tokens")


def _snapshot(sql: sqlite3.Connection) -> Snapshot:
    return Snapshot(
        {row[0]: _user(row) for row in sql.execute(_USERS)},
        {name: _permissions(held) for name, held in sql.execute(_ROLES)},
        tuple(_token(row) for row in sql.execute(_TOKENS)),
        tuple(Session(*row) for row in sql.execute(_SESSIONS)),
        _setup_code(sql),
    )


def _find(sql: sqlite3.Connection, name: str) -> User:
    row = sql.execute(f"{_USERS} WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise Gone(f"there is no user {name}")
    return _user(row)


def _administrators(sql: sqlite3.Connection) -> int:
    found = sql.execute("SELECT count(*) FROM users WHERE enabled AND role = ?", (ADMINISTRATOR,))
    return found.fetchone()[0]


def _check_not_last(sql: sqlite3.Connection, user: User) -> None:
    if _administrators(sql) == 1:
        raise Conflict(f"{user.name} is the last administrator; make another one first")


def _check_role(sql: sqlite3.Connection, role: str, cameras: Cameras | None) -> None:
    if role not in BUILT_IN and not sql.execute("SELECT 1 FROM roles WHERE name = ?", (role,)).fetchone():
        raise Gone(f"there is no role {role}")
    if role == ADMINISTRATOR and cameras is not None:
        raise Invalid("cameras", "an administrator has all cameras")


def _end_setup(sql: sqlite3.Connection) -> None:
    if _administrators(sql):
        sql.execute("DELETE FROM setup_code")


def _setup_code(sql: sqlite3.Connection) -> SetupCode | None:
    row = sql.execute("SELECT code, created, wrong FROM setup_code").fetchone()
    return row and SetupCode(*row)


def _user(row: tuple[Any, ...]) -> User:
    id, name, role, enabled, permissions, cameras, *others = row
    return User(id, name, role, bool(enabled), _permissions(permissions), _set(cameras), *others)


def _token(row: tuple[Any, ...]) -> Token:
    id, user_id, name, hash, permissions, cameras, *others = row
    held = None if permissions is None else _permissions(permissions)
    return Token(id, user_id, name, hash, held, _set(cameras), *others)


_ORDER = tuple(Permission)


def _permissions(text: str) -> Permissions:
    return frozenset(_ORDER[number] for number in json.loads(text) if number < len(_ORDER))


def _ordinals(permissions: Permissions) -> str:
    return json.dumps(sorted(permission.ordinal for permission in permissions))


def _set(text: str | None) -> Cameras | None:
    return None if text is None else frozenset(json.loads(text))


def _list(cameras: Cameras | None) -> str | None:
    return None if cameras is None else json.dumps(sorted(cameras))
