"""/api/me: whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import Locked, Unauthorized
from ..login import about
from .operation import ANY, READER, Answer, Call, Operation, Rejected
from .schema import BOOLEAN, component, listing, record, text
from .users import CAMERAS, PASSWORD

if TYPE_CHECKING:
    from ...auth.users import Users

_ME = component(
    "Me",
    record(
        {
            "username": text("`guest` for whoever has not signed in"),
            "authenticated": {**BOOLEAN, "description": "Whether somebody has signed in"},
            "permissions": listing({"type": "string"}, doc="What this request may, in the product's order"),
            "cameras": CAMERAS,
            "how": text("What proved the identity: session, bearer, url, basic, digest, password or guest"),
        }
    ),
)
_CHANGE = record({"old": text("The password until now", most=1024), "new": PASSWORD}, closed=True)


class MeNoun:
    """One's own identity and password."""

    def __init__(self, users: Users):
        self._users = users

    def operations(self) -> list[Operation]:
        return [
            Operation(
                "GET",
                "/api/me",
                READER,
                "Who am I",
                {200: Answer("The identity of this request", _ME)},
                self.read,
            ),
            Operation(
                "PUT",
                "/api/me/password",
                ANY,
                "Change one's own password",
                {
                    204: Answer("Changed; all sessions ended, this one too"),
                    403: Answer("The old password is wrong"),
                },
                self.change_password,
                "API tokens and the device password stay.",
                body=_CHANGE,
            ),
        ]

    def read(self, call: Call) -> Any:
        return about(call.by)

    async def change_password(self, call: Call) -> None:
        try:
            await self._users.change_own_password(
                call.by, call.body["old"], call.body["new"], address=call.address
            )
        except Locked:
            raise
        except Unauthorized:  # 401 would say that the asker is not signed in
            raise Rejected(403, "This is not the password until now", "INVALID_CREDENTIALS", "old") from None
