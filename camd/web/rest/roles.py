"""/api/roles: names for sets of permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...auth.roles import role_name
from ...errors import Gone
from ...state.permission import Permission
from .operation import Answer, Call, Operation, Parameter, Reply
from .schema import PERMISSIONS, component, record, text
from .users import ROLE

if TYPE_CHECKING:
    from ...auth.users import Users

_PERMISSIONS = component("Permissions", PERMISSIONS)
_ROLE = component("Role", record({"name": text(), "permissions": _PERMISSIONS}))
_NAME = Parameter("name", ROLE, "The name of the role", "path")
_PATH = "/api/roles/{name}"


class RolesNoun:
    """Roles over HTTP."""

    def __init__(self, users: Users):
        self._users = users

    def operations(self) -> list[Operation]:
        read, write = Permission.User_r, Permission.User_rw
        roles = {"type": "object", "additionalProperties": _PERMISSIONS}
        fixed = Answer("The product's roles are fixed, and one that somebody holds cannot go")
        return [
            Operation(
                "GET",
                "/api/roles",
                read,
                "List the roles",
                {200: Answer("Role -> its permissions, the product's four first", record({"roles": roles}))},
                self.list,
            ),
            Operation(
                "GET",
                _PATH,
                read,
                "Read a role",
                {200: Answer("The role", _ROLE)},
                self.read,
                parameters=(_NAME,),
            ),
            Operation(
                "PUT",
                _PATH,
                write,
                "Make or change a role",
                {200: Answer("Changed", _ROLE), 201: Answer("Made", _ROLE), 409: fixed},
                self.write,
                "Of the product's roles only `guest` can be changed: what everybody may without signing in.",
                (_NAME,),
                record({"permissions": _PERMISSIONS}, closed=True),
            ),
            Operation(
                "DELETE",
                _PATH,
                write,
                "Remove a role",
                {204: Answer("Removed"), 409: fixed},
                self.remove,
                "`guest` goes back to no permissions.",
                (_NAME,),
            ),
        ]

    def list(self, call: Call) -> Any:
        return {"roles": self._users.roles()}

    def read(self, call: Call) -> Any:
        return self._role(call.path["name"])

    async def write(self, call: Call) -> Reply:
        name = role_name(call.path["name"], "name")
        there = name in self._users.roles()
        await self._users.set_role(call.by, name, call.body["permissions"], address=call.address)
        return Reply(self._role(name), 200 if there else 201)

    async def remove(self, call: Call) -> None:
        await self._users.remove_role(call.by, call.path["name"], address=call.address)

    def _role(self, name: str) -> dict[str, Any]:
        name = role_name(name, "name")
        roles = self._users.roles()
        if name not in roles:
            raise Gone("There is no role of this name")
        return {"name": name, "permissions": roles[name]}
