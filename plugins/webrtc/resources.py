"""The addresses of WebRTC: WHEP for players, and the product's call for its clients."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.error import UnsupportedMethod
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from camd.errors import CamdError, Gone, Invalid

from .gateway import Gateway, Session

_SDP = b"application/sdp"
_FRAGMENT = b"application/trickle-ice-sdpfrag"


class Whep(Resource):
    """Watch a camera over WebRTC (WHEP, draft-ietf-wish-whep, on the rules of RFC 9725).

    /cam/<id>/whep takes offers; what it answers with has its own address below, for candidates and the end.
    """

    isLeaf = True
    described: ClassVar = {
        "POST": {
            "summary": "Watch this camera over WebRTC (WHEP): the offer is the body",
            "answers": {
                201: "The answer (application/sdp); Location is the session",
                400: "The offer cannot be used",
                404: "There is no such camera",
                409: "WebRTC is off, or the viewer does not play this camera's H.264",
                415: "The body must be application/sdp",
                503: "No more viewers now",
            },
            "body": None,
        },
    }

    def __init__(self, gateway: Gateway):
        super().__init__()
        self._gateway = gateway

    def render(self, request: Any) -> Any:
        below = [part for part in request.postpath if part]
        if len(below) > 1:
            raise Gone("Not found")
        methods = {b"PATCH": self._patch, b"DELETE": self._delete} if below else {b"POST": self._post}
        if request.method == b"OPTIONS":
            return self._options(request, methods)
        if request.method not in methods:
            raise UnsupportedMethod([*methods, b"OPTIONS"])
        return answering(request, methods[request.method](request))

    def _options(self, request: Any, methods: dict[bytes, Any]) -> bytes:
        request.setResponseCode(204)
        request.setHeader(b"allow", b", ".join([*methods, b"OPTIONS"]))
        if b"POST" in methods:
            request.setHeader(b"accept-post", _SDP)
            self._link(request)
        else:
            request.setHeader(b"accept-patch", _FRAGMENT)
        return b""

    async def _post(self, request: Any) -> None:
        if not _has_type(request, _SDP):
            request.setHeader(b"accept-post", _SDP)
            return _refuse(request, 415, "the body must be application/sdp")
        camera = request.prepath[1].decode("ascii", "replace")
        offer = request.content.read().decode("utf-8", "replace")
        rendition = (request.args or {}).get(b"rendition", [b"main"])[-1].decode("ascii", "replace")
        session = await self._gateway.offer(camera, rendition, offer, request.principal, request.address)
        if request.channel is None:
            return self._gateway.end(session)
        request.setHeader(b"location", address_of(request, session).encode())
        request.setHeader(b"etag", _etag(session))
        request.setHeader(b"accept-patch", _FRAGMENT)
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"content-type", _SDP)
        self._link(request)
        _finish(request, 201, session.answer.encode())

    async def _patch(self, request: Any) -> None:
        session = self._session(request)
        if not _has_type(request, _FRAGMENT):
            request.setHeader(b"accept-patch", _FRAGMENT)
            return _refuse(request, 415, "the body must be application/trickle-ice-sdpfrag")
        wanted = request.requestHeaders.getRawHeaders(b"if-match", (_etag(session),))[0].strip()
        fragment = request.content.read().decode("utf-8", "replace")
        if wanted == b"*" or "\na=ice-ufrag:" in "\n" + fragment and wanted != _etag(session):
            return _refuse(request, 422, "ICE is not restarted here: begin a new session")
        if wanted != _etag(session):
            return _refuse(request, 412, "this is another session than If-Match says")
        await self._gateway.candidates(session, fragment)
        _finish(request, 204)

    async def _delete(self, request: Any) -> None:
        self._gateway.end(self._session(request))
        _finish(request, 200)

    def _session(self, request: Any) -> Session:
        camera, id = request.prepath[1], request.postpath[0]
        return self._gateway.find(
            id.decode("ascii", "replace"), camera.decode("ascii", "replace"), request.principal
        )

    def _link(self, request: Any) -> None:
        """Which STUN and TURN servers the viewer should use, too (RFC 9725 section 4.6)."""
        for server in self._gateway.options.ice_servers:
            link = f'<{server["urls"]}>; rel="ice-server"'
            if server.get("username"):
                name, credential = (_quoted(server.get(key, "")) for key in ("username", "credential"))
                link += f'; username={name}; credential={credential}; credential-type="password"'
            request.responseHeaders.addRawHeader(b"link", link.encode("utf-8"))


class Offer(Resource):
    """The product's way to the same: an offer as JSON, answered with an answer as JSON."""

    isLeaf = True
    described: ClassVar = {
        "POST": {
            "summary": "Watch a camera over WebRTC",
            "answers": {
                200: "type and sdp of the answer; session is the address at which DELETE ends it",
                400: "The offer cannot be used",
                404: "There is no such camera",
                409: "WebRTC is off, or the viewer does not play this camera's H.264",
                503: "No more viewers now",
            },
            "body": {
                "type": "object",
                "required": ["type", "sdp"],
                "properties": {
                    "type": {"type": "string", "enum": ["offer"]},
                    "sdp": {"type": "string", "format": "sdp", "description": "RFC 8866, with a video"},
                    "camera": {"type": "string", "description": "Its id; without it the main camera"},
                    "rendition": {"type": "string", "enum": ["main", "sub"]},
                },
            },
        },
    }

    def __init__(self, gateway: Gateway, main_camera: Callable[[], str]):
        super().__init__()
        self._gateway = gateway
        self._main_camera = main_camera

    def render_POST(self, request: Any) -> Any:
        if any(request.postpath):
            raise Gone("Not found")
        return answering(request, self._post(request))

    async def _post(self, request: Any) -> None:
        body = request.read_json()
        if not isinstance(body, dict) or body.get("type") != "offer":
            raise Invalid("type", 'the body must be {"type": "offer", "sdp": ...}')
        given = {"sdp": body.get("sdp"), "camera": body.get("camera", ""), "rendition": body.get("rendition", "main")}
        for key, value in given.items():
            if not isinstance(value, str):
                raise Invalid(key, "Value must be of type str")
        session = await self._gateway.offer(
            given["camera"] or self._main_camera(), given["rendition"], given["sdp"], request.principal, request.address
        )
        if request.channel is None:
            return self._gateway.end(session)
        request.send_json({"type": "answer", "sdp": session.answer, "session": address_of(request, session)})


def address_of(request: Any, session: Session) -> str:
    """Where a session is, as its viewer sees us."""
    return f"{request.way.prefix}/cam/{session.camera}/whep/{session.id}"


def answering(request: Any, answer: Awaitable[None]) -> Any:
    """Let a coroutine answer; what it raises is answered with its text."""
    gone: list[Failure] = []
    request.notifyFinish().addErrback(gone.append)

    def failed(failure: Failure) -> None:
        if not (gone and failure.check(CamdError)):
            request.processingFailed(failure)

    Deferred.fromCoroutine(answer).addErrback(failed)  # type: ignore[arg-type]
    return NOT_DONE_YET


def _has_type(request: Any, kind: bytes) -> bool:
    given = request.requestHeaders.getRawHeaders(b"content-type", (b"",))[0]
    return given.partition(b";")[0].strip().lower() == kind


def _finish(request: Any, status: int, body: bytes = b"") -> None:
    if request.channel is None:  # whoever asked has left
        return
    request.setResponseCode(status)
    if status != 204:
        request.setHeader(b"content-length", b"%d" % len(body))
    if body:
        request.write(body)
    request.finish()


def _refuse(request: Any, status: int, message: str) -> None:
    """What no error of camd's stands for, in the shape that all have."""
    error = {
        "code": "INVALID_FORMAT",
        "message": message,
        "details": None,
        "timestamp": int(time.time() * 1000),
    }
    request.send_json({"error": error}, status)


def _etag(session: Session) -> bytes:
    return b'"%b"' % session.id[:8].encode()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
