"""Credentials within a message, {"username", "password"} or {"token"}: for who cannot send headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import Invalid
from ..state.permission import Permission, Principal

_NAMES = frozenset(("username", "password", "token"))


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account and its password, or a token alone."""

    username: str = ""
    password: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return "Credentials(...)"


def take_credentials(message: Any) -> tuple[Credentials | None, dict[str, Any] | None]:
    """What a message says of who sends it, and the rest of it (None if that is nothing); (None, message) if
    it says nothing. Raises Invalid."""
    if not isinstance(message, dict) or not _NAMES & message.keys():
        return None, message
    given = {name: message[name] for name in _NAMES & message.keys()}
    for name, value in given.items():
        if not isinstance(value, str):
            raise Invalid(name, "Value must be a text")
    if given.keys() not in ({"username", "password"}, {"token"}):
        raise Invalid(min(given), "either a token, or username and password")
    rest = {name: value for name, value in message.items() if name not in _NAMES}
    return Credentials(**given), rest if rest.keys() - {"id"} else None


def authenticated(by: Principal, message: dict[str, Any]) -> dict[str, Any]:
    """The answer to credentials that were right, with the "id" of their message."""
    answer: dict[str, Any] = {
        "authenticated": True,
        "permissions": [permission.name for permission in Permission if by.may(permission)],
    }
    if message.get("id") is not None:
        answer["id"] = message["id"]
    return answer
