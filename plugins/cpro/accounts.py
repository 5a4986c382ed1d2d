"""Signing in, tokens and API keys as the product's clients ask for them, over camd's sessions and tokens.

camd has no pair of a short and a long token: what a client gets is its session, which goes on as long as it
is used. Both names of the pair carry it, and refreshing it gives the same again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from camd.errors import Invalid, Unauthorized
from camd.state import Permission, Principal

from .resource import Reply, body_of, field

if TYPE_CHECKING:
    from camd.app import App

#: A token of /api/token lasts so many days if nobody says otherwise.
DAYS = 30


class Accounts:
    """Answers the routes about identities. Reactor thread only."""

    def __init__(self, app: App):
        self._users = app.users
        self._config = app.config

    async def login(self, request: Any) -> Any:
        """POST /api/auth/login {"username", "password", "remember_me"}; the last one changes nothing."""
        body = body_of(request)
        name, password = field(body, "username", str), field(body, "password", str)
        agent = (request.getHeader(b"user-agent") or b"").decode("ascii", "replace")[:200]
        return self._tokens(*await self._users.login(name, password, request.address, agent))

    def refresh(self, request: Any) -> Any:
        """POST /api/auth/refresh {"refresh_token"}."""
        secret = field(body_of(request), "refresh_token", str)
        principal = self._users.by_session(secret)
        if principal is None:
            raise Unauthorized
        return self._tokens(secret, principal)

    def _tokens(self, secret: str, principal: Principal) -> dict[str, Any]:
        return {
            "token": secret,
            "access_token": secret,
            "refresh_token": secret,
            "token_type": "Bearer",
            "expires_in": round(self._config.auth.session_idle),
            "user": {
                "username": principal.name,
                "role": self._users.get(principal, principal.name)["role"],
                "permissions": [permission.name for permission in Permission if principal.may(permission)],
            },
        }

    async def token(self, request: Any) -> Any:
        """POST /api/token {"duration_days"}: an API token of whoever asks."""
        body = body_of(request)
        days = _days(body, "duration_days", DAYS)
        secret, _ = await self._users.create_token(
            request.principal, "token", days=days, address=request.address
        )
        return {"token": secret}

    async def create_key(self, request: Any) -> Any:
        """POST /api/auth/apikey {"name", "expires_in_days", "permissions", "ip_restrictions"}."""
        body = body_of(request)
        if body.get("ip_restrictions"):
            raise Invalid("ip_restrictions", "a key is not bound to addresses here")
        permissions = field(body, "permissions", list) if body.get("permissions") else None
        secret, entry = await self._users.create_token(
            request.principal, field(body, "name", str), permissions,
            days=_days(body, "expires_in_days", None), address=request.address,
        )  # fmt: skip
        return Reply(201, {"api_key": secret, **_key(entry)})

    def keys(self, request: Any) -> Any:
        """GET /api/auth/apikeys."""
        return {"api_keys": [_key(entry) for entry in self._users.tokens(request.principal)]}

    async def revoke_key(self, request: Any) -> Any:
        """DELETE /api/auth/apikey/{id}."""
        id = b"/".join(request.postpath).decode("ascii", "replace")
        await self._users.revoke_token(request.principal, id, address=request.address)
        return Reply(204)


def _days(body: dict[str, Any], name: str, default: int | None) -> float | None:
    value = body.get(name)
    if value is None:
        return default
    if type(value) not in (int, float):
        raise Invalid(name, "Value must be a number of days")
    return value


def _key(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "key_id": entry["id"],
        "name": entry["name"],
        "username": entry["user"],
        "created": entry["created"],
        "expires": entry["expires"],
        "last_used": entry["last_used"],
        "permissions": entry["permissions"],
    }
