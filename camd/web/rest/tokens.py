"""/api/tokens: secrets for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ...auth.tokens import LONGEST_DAYS
from ...errors import Gone
from .operation import ANY, Answer, Call, Operation, Parameter, Reply
from .schema import MOMENT, PERMISSIONS, component, listing, nullable, record, text
from .users import CAMERAS, NAME

if TYPE_CHECKING:
    from ...auth.users import Users

_FIELDS = {
    "id": text("Names the token; no secret"),
    "name": text("What it is for"),
    "user": text("Whose rights it has at most"),
    "permissions": {**PERMISSIONS, "description": "What it may now"},
    "cameras": CAMERAS,
    "created": MOMENT,
    "expires": MOMENT,
    "last_used": MOMENT,
    "last_address": nullable(text(), "From where it was used last"),
}
TOKEN = component("Token", record(_FIELDS))
_MADE = component("MadeToken", record({"token": text("The secret, shown this once"), **_FIELDS}))
_NEW = component(
    "NewToken",
    record(
        {
            "name": text(
                "What it is for, in one line",
                least=1,
                most=100,
                pattern="^[^\\x00-\\x20\\x7f][^\\x00-\\x1f\\x7f]*$",
            )
        },
        {
            "permissions": nullable(
                {**PERMISSIONS, "minItems": 1}, "Null or absent: all that its user holds, now and later"
            ),
            "cameras": CAMERAS,
            "days": nullable(
                {"type": "number", "minimum": 0.001, "maximum": LONGEST_DAYS},
                "Until it expires; null for never",
            ),
            "user": nullable(NAME, "For somebody else; needs `User_rw`"),
        },
        closed=True,
    ),
)
_ID = Parameter("id", text(least=1, most=64, pattern="^[A-Za-z0-9_-]+$"), "The id of the token", "path")
_PATH = "/api/tokens/{id}"


class TokensNoun:
    """API tokens over HTTP."""

    def __init__(self, users: Users):
        self._users = users

    def operations(self) -> list[Operation]:
        return [
            Operation(
                "GET",
                "/api/tokens",
                ANY,
                "List tokens",
                {200: Answer("The tokens, without their secrets", record({"tokens": listing(TOKEN)}))},
                self.list,
                "One's own; with `User_r` those of everybody.",
            ),
            Operation(
                "POST",
                "/api/tokens",
                ANY,
                "Make a token",
                {
                    201: Answer("The token with its secret", _MADE, headers={"Location": "Where it is"}),
                    404: Answer("There is no such user"),
                    409: Answer("The user has too many tokens"),
                },
                self.create,
                "It never holds more rights than its user.",
                body=_NEW,
            ),
            Operation(
                "GET",
                _PATH,
                ANY,
                "Read a token",
                {200: Answer("The token", TOKEN)},
                self.read,
                parameters=(_ID,),
            ),
            Operation(
                "DELETE",
                _PATH,
                ANY,
                "Revoke a token",
                {204: Answer("It is good for nothing any more")},
                self.revoke,
                "One's own, or with `User_rw` anyone's.",
                (_ID,),
            ),
        ]

    def list(self, call: Call) -> Any:
        return {"tokens": self._users.tokens(call.by)}

    async def create(self, call: Call) -> Reply:
        secret, entry = await self._users.create_token(call.by, **call.body, address=call.address)
        return Reply(
            {"token": secret, **entry}, headers={"Location": f"/api/tokens/{quote(entry['id'], safe='')}"}
        )

    def read(self, call: Call) -> Any:
        for entry in self._users.tokens(call.by):
            if entry["id"] == call.path["id"]:
                return entry
        raise Gone("There is no token of this id")

    async def revoke(self, call: Call) -> None:
        await self._users.revoke_token(call.by, call.path["id"], address=call.address)
