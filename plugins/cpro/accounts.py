"""Signing in, tokens and API keys as the product's clients ask for them, over camd's sessions and tokens.

camd has no pair of a short and a long token: what a client gets is its session, which goes on as long as it
is used. Both names of the pair carry it, and refreshing it gives the same again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from camd.errors import Invalid, Unauthorized
from camd.state import Permission, Principal

from .resource import Reply, body_of, field, tells

if TYPE_CHECKING:
    from camd.app import App

#: A token of /api/token lasts so many days if nobody says otherwise.
DAYS = 30


def _needs(*names: str) -> dict[str, Any]:
    """The schema of an object with these texts."""
    texts = {name: {"type": "string", "minLength": 1, "maxLength": 256} for name in names}
    return {"type": "object", "properties": texts, "required": list(names)}


#: By name or by number.
_PERMISSIONS: list[str | int] = [*(one.name for one in Permission), *range(len(Permission))]
_KEY = _needs("name")
_KEY["properties"] = {
    "name": {
        "type": "string",
        "minLength": 1,
        "maxLength": 100,
        "pattern": "^[^\\x00-\\x20\\x7f][^\\x00-\\x1f\\x7f]*$",
    },
    "expires_in_days": {"type": ["number", "null"], "minimum": 0.001, "maximum": 3650},
    "permissions": {"type": ["array", "null"], "items": {"enum": _PERMISSIONS}},
    "ip_restrictions": {"type": ["array", "null"], "maxItems": 0},
}


class Accounts:
    """Answers the routes about identities. Reactor thread only."""

    def __init__(self, app: App):
        self._users = app.users
        self._config = app.config

    @tells(
        {200: "The session's tokens, which are one, and whose it is", 401: "Unauthorized"},
        _needs("username", "password"),
    )
    async def login(self, request: Any) -> Any:
        """POST /api/auth/login {"username", "password", "remember_me"}: begin a session."""
        body = body_of(request)
        name, password = field(body, "username", str), field(body, "password", str)
        agent = (request.getHeader(b"user-agent") or b"").decode("ascii", "replace")[:200]
        return self._tokens(*await self._users.login(name, password, request.address, agent))

    @tells({200: "The same tokens", 401: "The session ended"}, _needs("refresh_token"))
    def refresh(self, request: Any) -> Any:
        """POST /api/auth/refresh {"refresh_token"}: go on with a session."""
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

    @tells({201: "The key, and what it may"}, _KEY)
    async def create_key(self, request: Any) -> Any:
        """POST /api/auth/apikey {"name", "expires_in_days", "permissions", "ip_restrictions"}: make an API key."""
        body = body_of(request)
        if body.get("ip_restrictions") not in (None, []):
            raise Invalid("ip_restrictions", "a key is not bound to addresses here")
        given = body.get("permissions")
        permissions = None if given in (None, []) else field(body, "permissions", list)
        secret, entry = await self._users.create_token(
            request.principal, field(body, "name", str), permissions,
            days=_days(body, "expires_in_days", None), address=request.address,
        )  # fmt: skip
        return Reply(201, {"api_key": secret, **_key(entry)})

    def keys(self, request: Any) -> Any:
        """GET /api/auth/apikeys: list API keys."""
        return {"api_keys": [_key(entry) for entry in self._users.tokens(request.principal)]}

    @tells({204: "It is good for nothing any more", 404: "There is no such key"})
    async def revoke_key(self, request: Any) -> Any:
        """DELETE /api/auth/apikey/{id}: revoke an API key."""
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
