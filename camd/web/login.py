"""Signing in and out, over HTTP: /api/login, /api/logout and /api/setup.

A session's secret goes to the browser as a cookie that scripts cannot read; programs find it in the
answer, as the product's do, and send it as a bearer token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.error import UnsupportedMethod
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from ..errors import Invalid
from ..state.permission import Permission, Principal
from ..wire.authorization import basic_pair
from ..wire.strictjson import loads
from .errors import render_failure
from .identify import COOKIE, cookie, is_signed_in
from .status import send_json

if TYPE_CHECKING:
    from .request import Request
    from .web import Web

_MAX_BODY = 4096


class _Answering(Resource):
    """A leaf whose coroutine answers with a JSON value."""

    isLeaf = True
    body_limit = _MAX_BODY

    def __init__(self, web: Web):
        super().__init__()
        self.web = web

    def render_HEAD(self, request: Request) -> bytes:
        raise UnsupportedMethod((b"POST",))

    def begin(self, request: Request, coroutine: Any) -> int:
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        done = Deferred.fromCoroutine(coroutine)
        done.addCallback(lambda value: None if gone else self._send(request, value))
        done.addErrback(lambda failure: None if gone else render_failure(request, failure))
        return NOT_DONE_YET

    def _send(self, request: Request, value: Any) -> None:
        body = send_json(request, value)
        request.setHeader(b"content-length", b"%d" % len(body))
        request.write(body)
        request.finish()

    def welcome(self, request: Request, secret: str, principal: Principal) -> dict[str, Any]:
        """The answer to somebody who signed in; a program finds the secret in it, a browser in its cookie."""
        set_cookie(request, secret)
        request.principal = principal
        return {"token": secret, "token_type": "Bearer", **about(principal)}


class Login(_Answering):
    """POST {"username", "password"}, or HTTP Basic: begins a session."""

    def render_POST(self, request: Request) -> int:
        return self.begin(request, self._login(request))

    async def _login(self, request: Request) -> dict[str, Any]:
        authorization = request.getHeader(b"authorization") or b""
        scheme, _, rest = authorization.partition(b" ")
        if scheme.lower() == b"basic" and not request.has_body:
            name, password = basic_pair(rest)
        else:
            name, password = texts(request, "username", "password")
        agent = (request.getHeader(b"user-agent") or b"").decode("ascii", "replace")[:200]
        return self.welcome(request, *await self.web.users.login(name, password, request.address, agent))


class Setup(_Answering):
    """POST {"code", "username", "password"}: creates the first administrator and begins their session."""

    def render_POST(self, request: Request) -> int:
        return self.begin(request, self._set_up(request))

    async def _set_up(self, request: Request) -> dict[str, Any]:
        code, name, password = texts(request, "code", "username", "password")
        users = self.web.users
        await users.setup.use(code, name, password, request.address)
        return self.welcome(request, *await users.login(name, password, request.address))


class Logout(_Answering):
    """POST: ends the session that the request came with; a token is not touched."""

    def render_POST(self, request: Request) -> int:
        return self.begin(request, self._logout(request))

    async def _logout(self, request: Request) -> dict[str, Any]:
        scheme, _, secret = (request.getHeader(b"authorization") or b"").partition(b" ")
        if scheme.lower() == b"bearer":
            self.web.users.logout(secret.strip().decode("latin-1"), request.address)
        else:
            secret = cookie(request.requestHeaders.getRawHeaders(b"cookie", ()))
            self.web.users.logout(secret, request.address)
        set_cookie(request, "")
        return {"authenticated": False}


def about(principal: Principal) -> dict[str, Any]:
    """An identity as clients see it."""
    held = [permission.name for permission in Permission if principal.may(permission)]
    return {
        "username": principal.name,
        "authenticated": is_signed_in(principal),
        "permissions": held,
        "cameras": None if principal.cameras is None else sorted(principal.cameras),
        "how": principal.how,
    }


def set_cookie(request: Request, secret: str) -> None:
    """Give the browser the session, or with "" take it away."""
    way = request.way
    parts = [f"{COOKIE.decode()}={secret}", f"Path={way.prefix}/", "HttpOnly", "SameSite=Strict"]
    if way.secure:
        parts.append("Secure")
    if not secret:
        parts.append("Max-Age=0")
    request.responseHeaders.addRawHeader(b"set-cookie", "; ".join(parts).encode())


def texts(request: Request, *names: str) -> list[str]:
    """These members of the JSON object in the body, all of them texts. Raises Invalid."""
    kind = (request.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":  # another one could be sent by a form of any page
        raise Invalid("", "the body must be application/json, and its Content-Type say so")
    message = loads(request.content.read(), _MAX_BODY)
    if not isinstance(message, dict):
        raise Invalid("", "the body must be a JSON object")
    for name in names:
        if not isinstance(message.get(name), str):
            raise Invalid(name, "Value must be a text")
    return [message[name] for name in names]
