"""/api over HTTP: POST answers one message, GET upgrades to the WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from ..errors import CamdError, Invalid, Locked, RateLimited, Refused, Unauthorized
from ..state.permission import Principal
from ..wire.strictjson import loads
from .api import Dialect, Message, Session, answer, error_answer
from .credentials import authenticated, take_credentials
from .errors import ErrorResource, respond
from .identify import is_signed_in
from .origin import Foreign, is_upgrade
from .request import Request
from .status import send_json

if TYPE_CHECKING:
    from .web import Web

_NOT_FOUND = ErrorResource(404)
_MAX_MESSAGE = 64 * 1024


class ApiResource(Resource):
    """GET and POST /api, or where another language is spoken. Who asks is said by the request, or by
    `username` and `password`, or `token`, in the message itself. websocket: what GET upgrades to."""

    def __init__(self, api: Dialect, web: Web, websocket: Callable[[], IResource]):
        super().__init__()
        self._api = api
        self._web = web
        self._websocket = websocket

    def getChild(self, path: bytes, request: Request) -> IResource:
        return self if path == b"" else _NOT_FOUND

    def render_GET(self, request: Request) -> Any:
        if not is_upgrade(request.requestHeaders):
            return upgrade_required(request, "Connect with a WebSocket, or POST a message as JSON")
        return self._websocket().render(request)

    def render_POST(self, request: Request) -> Any:
        answered = Deferred.fromCoroutine(self._answer(request))
        lost = request.notifyFinish()
        lost.addErrback(lambda _: answered.cancel())
        answered.addErrback(self._refuse, request)
        answered.addCallback(self._send, request)
        answered.addErrback(lambda failure: None if lost.called else request.processingFailed(failure))
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> bytes:
        try:
            message = loads(request.content.read(), _MAX_MESSAGE)
        except Invalid as error:
            _check(await maybeDeferred(self._web.identify, request))
            return send_json(request, error_answer(error), 400)
        by, rest = await self._sign_in(message, request)
        if rest is None and message is not None:
            return send_json(request, authenticated(by, message))
        _check(by)
        reply = await answer(self._api.ask, rest, Session(by, address=request.address))
        if reply.get("error") == "Unauthorized":
            raise Unauthorized
        return send_json(request, reply)

    async def _sign_in(self, message: Any, request: Request) -> tuple[Principal, Message | None]:
        """Who asks, and what is left of the message; None if it said no more than that."""
        given, rest = take_credentials(message)
        if given is None:
            return await maybeDeferred(self._web.identify, request), message
        return await self._web.sign_in(given, request.address), rest

    def _refuse(self, failure: Failure, request: Request) -> bytes:
        """The product's answers to those who may not ask."""
        error = failure.trap(CamdError) and failure.value
        if isinstance(error, Locked | RateLimited):
            request.setHeader(b"retry-after", b"%d" % error.retry_after)
            body = "Unauthorized" if isinstance(error, Locked) else error_answer(error)
            return send_json(request, body, 429)
        if isinstance(error, Unauthorized):
            challenges = request.challenges()
            if challenges:
                request.responseHeaders.setRawHeaders(b"www-authenticate", challenges)
            return send_json(request, "Unauthorized", 401)
        reply = error_answer(error)
        if isinstance(error, Foreign):
            reply["message"] = str(error)
        return send_json(request, reply, 403 if isinstance(error, Refused) else 400)

    def _send(self, body: bytes, request: Request) -> None:
        request.setHeader(b"content-length", b"%d" % len(body))
        request.write(body)
        request.finish()


def _check(by: Principal) -> None:
    """Raises Unauthorized for a guest who may do nothing."""
    if not is_signed_in(by) and not by.permissions:
        raise Unauthorized


def upgrade_required(request: Request, message: str) -> Any:
    """Answer a plain request for what is a WebSocket."""
    request.setHeader(b"upgrade", b"websocket")
    return respond(request, 426, "UPGRADE_REQUIRED", message)
