"""/api/users: accounts, and their device passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ...state.permission import Permission
from .operation import ANY, Answer, Call, Operation, Parameter, Rejected, Reply
from .schema import BOOLEAN, MOMENT, PERMISSIONS, component, listing, nullable, record, text

if TYPE_CHECKING:
    from ...auth.users import Users

NAME = text(least=1, most=64, pattern="^[A-Za-z0-9][A-Za-z0-9._@-]*$")
CAMERAS = nullable(
    listing(text(least=1, most=32, pattern="^[a-z][a-z0-9_]*$"), most=256),
    "Only the cameras with these ids; null for all",
)
ROLE = text(
    "Name of a role; `admin` is `administrator`", least=1, most=32, pattern="^[A-Za-z][A-Za-z0-9_-]*$"
)
#: How good a password must be is said in words, for JSON Schema cannot.
PASSWORD = {
    **text("Upper and lower case, a digit and another character; none of the last 5", least=8, most=1024),
    "format": "password",
}
USER = component(
    "User",
    record(
        {
            "username": text("The name that is signed in with"),
            "role": ROLE,
            "enabled": {**BOOLEAN, "description": "Whether signing in is possible"},
            "cameras": CAMERAS,
            "permissions": {
                **PERMISSIONS,
                "description": "All that count: of the role, and the additional ones",
            },
            "additional_permissions": PERMISSIONS,
            "created": MOMENT,
            "last_login": MOMENT,
            "device_password": {**BOOLEAN, "description": "Whether there is a device password"},
        }
    ),
)
_NEW = component(
    "NewUser",
    record(
        {"username": NAME, "password": PASSWORD},
        {
            "role": {**ROLE, "default": "viewer"},
            "cameras": CAMERAS,
            "additional_permissions": PERMISSIONS,
            "email": text("Taken for compatibility and not kept"),
        },
        closed=True,
    ),
)
_CHANGE = component(
    "UserChange",
    {
        **record(
            optional={
                "role": ROLE,
                "enabled": BOOLEAN,
                "cameras": CAMERAS,
                "additional_permissions": PERMISSIONS,
                "password": PASSWORD,
            },
            closed=True,
        ),
        "minProperties": 1,
    },
)
_SECRET = record({"device_password": text()})
_NAME = Parameter("name", NAME, "The name of the user", "path")
_PATH = "/api/users/{name}"
_DEVICE_PATH = _PATH + "/device-password"


class UsersNoun:
    """Accounts over HTTP."""

    def __init__(self, users: Users):
        self._users = users

    def operations(self) -> list[Operation]:
        return [*self._of_all(), *self._of_one(), *self._of_device_passwords()]

    def _of_all(self) -> list[Operation]:
        return [
            Operation(
                "GET",
                "/api/users",
                Permission.User_r,
                "List the users",
                {200: Answer("All users, by name", record({"users": listing(USER)}))},
                self.list,
            ),
            Operation(
                "POST",
                "/api/users",
                Permission.User_rw,
                "Add a user",
                {
                    201: Answer("The new user", USER, headers={"Location": "Where it is"}),
                    404: Answer("There is no such role"),
                    409: Answer("The name is taken"),
                },
                self.add,
                body=_NEW,
            ),
        ]

    def _of_one(self) -> list[Operation]:
        write, name = Permission.User_rw, (_NAME,)
        changed = {
            200: Answer("The user as it is now", USER),
            409: Answer("It would be the last administrator"),
        }
        doc = (
            "What is not in the body stays as it is. A new password and `enabled: false` end the user's "
            "sessions. One's own password is changed at `/api/me/password`."
        )
        return [
            Operation(
                "GET",
                _PATH,
                ANY,
                "Read a user",
                {200: Answer("The user", USER)},
                self.read,
                "Oneself, or with `User_r` anyone.",
                name,
            ),
            Operation("PATCH", _PATH, write, "Change a user", changed, self.change, doc, name, _CHANGE),
            Operation(
                "PUT", _PATH, write, "Change a user (as PATCH)", changed, self.change, doc, name, _CHANGE
            ),
            Operation(
                "DELETE",
                _PATH,
                write,
                "Remove a user",
                {
                    204: Answer("Removed, with all sessions and tokens"),
                    409: Answer("It is the last administrator"),
                },
                self.remove,
                parameters=name,
            ),
        ]

    def _of_device_passwords(self) -> list[Operation]:
        name = (_NAME,)
        device = {200: Answer("The device password", _SECRET)}
        return [
            Operation(
                "GET",
                _DEVICE_PATH,
                ANY,
                "Read a device password",
                device,
                self.device_password,
                "For clients that need the clear secret (Digest, RTSP, ONVIF). It is made when there is none "
                "yet. One's own, or with `User_rw` anyone's.",
                name,
            ),
            Operation(
                "POST",
                _DEVICE_PATH,
                ANY,
                "Make a new device password",
                device,
                self.renew_device_password,
                "The old one stops working.",
                name,
            ),
        ]

    def list(self, call: Call) -> Any:
        return {"users": [shown(entry) for entry in self._users.list(call.by)]}

    async def add(self, call: Call) -> Reply:
        fields = {key: value for key, value in call.body.items() if key != "email"}
        entry = await self._users.add(
            call.by, fields.pop("username"), fields.pop("password"), **fields, address=call.address
        )
        return Reply(shown(entry), headers={"Location": f"/api/users/{quote(entry['name'], safe='')}"})

    def read(self, call: Call) -> Any:
        return shown(self._users.get(call.by, call.path["name"]))

    async def change(self, call: Call) -> Any:
        if "password" in call.body and call.by.name.lower() == call.path["name"].lower():
            raise Rejected(403, "One's own password is changed at /api/me/password", key="password")
        return shown(await self._users.change(call.by, call.path["name"], **call.body, address=call.address))

    async def remove(self, call: Call) -> None:
        await self._users.remove(call.by, call.path["name"], address=call.address)

    async def device_password(self, call: Call) -> Reply:
        return await self._device_password(call, renew=False)

    async def renew_device_password(self, call: Call) -> Reply:
        return await self._device_password(call, renew=True)

    async def _device_password(self, call: Call, renew: bool) -> Any:
        secret = await self._users.device_password(call.by, call.path["name"], renew, address=call.address)
        return {"device_password": secret}


def shown(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of Users under the word that login and the product use for its name."""
    return {"username": entry["name"], **entry}
