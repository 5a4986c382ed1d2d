"""Accounts (tds): GetUsers and its kin on camd's users.

    Administrator  administrator      User       viewer
    Operator       operator           Anonymous  guest

A role of one's own is shown as the highest level whose rights it has. Recorders sign in with the device
password, so what they send as a user's password becomes that, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from camd.errors import Conflict, Gone, Invalid

from .access import Access
from .faults import Fault, invalid, missing
from .names import qualified
from .operation import Answer, Call, Service, operation, text_of
from .xml import tag

LEVELS = {"Administrator": "administrator", "Operator": "operator", "User": "viewer", "Anonymous": "guest"}
LONGEST_NAME, LONGEST_PASSWORD = 64, 128
_ROLES = {role: level for level, role in LEVELS.items()}


class Accounts(Service):
    """Users as ONVIF sees them."""

    prefix = "tds"

    @operation("GetUsers", Access.READ_SYSTEM_SECRET)
    def get(self, call: Call) -> Answer:
        users = self.context.app.users
        return [
            tag("tds:User", tag("tt:Username", entry["name"]), tag("tt:UserLevel", self._level(entry)))
            for entry in users.list(call.by) if entry["enabled"]
        ]  # fmt: skip

    @operation("CreateUsers", Access.WRITE_USERS)
    async def create(self, call: Call) -> Answer:
        users = self.context.app.users
        wanted = _read(call)
        known = {entry["name"].lower() for entry in users.list(call.by)}
        for name, password, _level in wanted:
            if name.lower() in known:
                raise Fault("there is such a user already", "ter:OperationProhibited", "ter:UsernameClash")
            if not password:
                raise missing("Password")
        for name, password, level in wanted:
            with _in_words_of_onvif():
                await users.add(call.by, name, password, LEVELS[level or "User"], address=call.address)
                await users.set_device_password(call.by, name, password, address=call.address)
        return None

    @operation("SetUser", Access.WRITE_USERS)
    async def set(self, call: Call) -> Answer:
        users = self.context.app.users
        wanted = _read(call)
        for name, _password, _level in wanted:
            self._known(call, name)
        for name, password, level in wanted:
            changes: dict[str, Any] = {}
            if level and level != self._level(self._known(call, name)):
                changes["role"] = LEVELS[level]
            if password and name.lower() != call.by.name.lower():
                changes["password"] = password
            with _in_words_of_onvif():
                await users.change(call.by, name, address=call.address, **changes)
                if password:
                    await users.set_device_password(call.by, name, password, address=call.address)
        return None

    @operation("DeleteUsers", Access.WRITE_USERS)
    async def delete(self, call: Call) -> Answer:
        names = call.texts("tds:Username")
        for name in names:
            self._known(call, name)
            if name.lower() == call.by.name.lower():
                raise Fault("nobody removes themselves", "ter:InvalidArgVal", "ter:FixedUser")
        for name in names:
            with _in_words_of_onvif():
                await self.context.app.users.remove(call.by, name, address=call.address)
        return None

    def _known(self, call: Call, name: str) -> dict[str, Any]:
        try:
            return self.context.app.users.get(call.by, name)
        except Gone:
            raise invalid("there is no such user", "ter:UsernameMissing") from None

    def _level(self, entry: dict[str, Any]) -> str:
        if entry["role"] in _ROLES:
            return _ROLES[entry["role"]]
        held, roles = set(entry["permissions"]), self.context.app.users.roles()
        return next((level for level, role in LEVELS.items() if set(roles[role]) <= held), "Anonymous")


@contextmanager
def _in_words_of_onvif() -> Iterator[None]:
    """Says what the accounts do not take."""
    try:
        yield
    except Invalid as error:
        subcode = "ter:PasswordTooWeak" if error.key == "password" else "ter:Username"
        raise Fault(error.reason, "ter:OperationProhibited", subcode) from error
    except Conflict as error:
        raise Fault(str(error), "ter:InvalidArgVal", "ter:FixedUser") from error


def _read(call: Call) -> list[tuple[str, str, str]]:
    """Name, password and level of each user in the request."""
    found = []
    for user in call.all("tds:User"):
        name, password, level = (
            text_of(user.find(qualified(f"tt:{field}"))) or ""
            for field in ("Username", "Password", "UserLevel")
        )
        if not name:
            raise missing("Username")
        if level and level not in LEVELS:
            raise invalid(f"the level {level[:20]} is none of {', '.join(LEVELS)}")
        if level == "Anonymous":
            raise Fault(
                "a user has a level above Anonymous", "ter:OperationProhibited", "ter:AnonymousNotAllowed"
            )
        if len(name) > LONGEST_NAME:
            raise Fault("the name is too long", "ter:OperationProhibited", "ter:UsernameTooLong")
        if len(password) > LONGEST_PASSWORD:
            raise Fault("the password is too long", "ter:OperationProhibited", "ter:PasswordTooLong")
        found.append((name, password, level))
    if not found:
        raise missing("User")
    return found
