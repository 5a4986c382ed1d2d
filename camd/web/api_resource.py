"""/api over HTTP: POST answers one message, GET upgrades to the WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from ..errors import CamdError, Invalid, Locked, RateLimited, Refused, Unauthorized
from ..state.permission import Principal
from ..wire.strictjson import loads
from .api import Api, Message, Session, error_answer
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
    """GET and POST /api. Who asks is said by the request, or by `username` and `password`, or `token`, in
    the message itself."""

    def __init__(self, api: Api, web: Web):
        super().__init__()
        self._api = api
        self._web = web

    def getChild(self, path: bytes, request: Request) -> IResource:
        return self if path == b"" else _NOT_FOUND

    def render_GET(self, request: Request) -> Any:
        if not is_upgrade(request.requestHeaders):
            return upgrade_required(request, "Connect with a WebSocket, or POST a message as JSON")
        return self._web.api_websocket.render(request)

    def render_POST(self, request: Request) -> Any:
        answer = Deferred.fromCoroutine(self._answer(request))
        lost = request.notifyFinish()
        lost.addErrback(lambda _: answer.cancel())
        answer.addErrback(self._refuse, request)
        answer.addCallback(self._send, request)
        answer.addErrback(lambda failure: None)  # only a cancelled request comes here
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> bytes:
        try:
            message = loads(request.content.read(), _MAX_MESSAGE)
        except Invalid as error:
            await maybeDeferred(self._web.identify, request)
            return send_json(request, error_answer(error), 400)
        by, rest = await self._sign_in(message, request)
        if rest is None:
            return send_json(request, authenticated(by, message))
        if not is_signed_in(by) and not by.permissions:
            raise Unauthorized
        answer = await self._api.answer(rest, Session(by, address=request.address))
        if answer.get("error") == "Unauthorized":
            raise Unauthorized
        return send_json(request, answer)

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
        answer = error_answer(error)
        if isinstance(error, Foreign):
            answer["message"] = str(error)
        return send_json(request, answer, 403 if isinstance(error, Refused) else 400)

    def _send(self, body: bytes, request: Request) -> None:
        request.setHeader(b"content-length", b"%d" % len(body))
        request.write(body)
        request.finish()


def upgrade_required(request: Request, message: str) -> Any:
    """Answer a plain request for what is a WebSocket."""
    request.setHeader(b"upgrade", b"websocket")
    return respond(request, 426, "UPGRADE_REQUIRED", message)
