"""Pictures over HTTP: one as a JPEG, or all of them as a multipart stream."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from ..errors import Gone, Invalid
from ..media.camera import Camera
from ..media.frame import Packet
from ..media.snapshot import snapshot
from ..state.permission import Principal
from ..wire.multipart import CONTENT_TYPE, PREAMBLE, jpeg_part
from .choice import number_of, pictures_of
from .errors import respond
from .presence import Presence
from .request import Request


def may_see(by: Principal | None, camera: str) -> bool:
    """Whether somebody, if there is somebody, may see the pictures of a camera."""
    return by is not None and by.sees(camera)


def find_camera(request: Request, find: Callable[[], Camera | None]) -> Camera | bytes:
    """The camera that is asked for, or the answer why there is no picture of it."""
    camera = find()
    if camera is None:
        return respond(request, 404, "CAMERA_NOT_CONNECTED", "There is no camera")
    if not may_see(request.principal, camera.id):
        return respond(request, 403, message="This camera is not among those that you may see")
    return camera


class Snapshot(Resource):
    """GET: one JPEG. What it may be asked for: see `choice`; max_age: seconds at the moment of asking; a newer
    picture than that is waited for."""

    isLeaf = True

    def __init__(self, find: Callable[[], Camera | None], reactor: Any):
        super().__init__()
        self._find = find
        self._reactor = reactor

    def render_GET(self, request: Request) -> Any:
        camera = find_camera(request, self._find)
        if isinstance(camera, bytes):
            return camera
        try:
            found = snapshot(camera, pictures_of(request), self._reactor, number_of(request, "max_age", 0, 3600))
        except Invalid as error:
            return respond(request, 400, message=str(error))
        if isinstance(found, Packet):
            return self._send(request, found)
        request.notifyFinish().addErrback(lambda _: found.cancel())
        found.addCallbacks(self._send_late, self._fail, (request,), errbackArgs=(request,))
        return NOT_DONE_YET

    def _send_late(self, packet: Packet, request: Request) -> None:
        self._finish(request, self._send(request, packet))

    def _fail(self, failure: Failure, request: Request) -> None:
        if failure.check(CancelledError):  # the client left
            return
        failure.trap(Gone)
        self._finish(request, respond(request, 503, "CAMERA_NOT_CONNECTED", str(failure.value)))

    def _finish(self, request: Request, body: bytes) -> None:
        request.setHeader(b"content-length", b"%d" % len(body))
        request.write(body)
        request.finish()

    def _age(self, packet: Packet) -> float:
        return self._reactor.seconds() - packet.grabbed

    def _send(self, request: Request, packet: Packet) -> bytes:
        headers = request.responseHeaders
        headers.setRawHeaders(b"content-type", [b"image/jpeg"])
        headers.setRawHeaders(b"cache-control", [b"no-store"])
        headers.setRawHeaders(b"cross-origin-resource-policy", [b"cross-origin"])
        headers.setRawHeaders(b"last-modified", [formatdate(packet.wall, usegmt=True).encode()])
        headers.setRawHeaders(b"x-timestamp", [b"%.6f" % packet.wall])
        headers.setRawHeaders(b"x-camd-frame-age", [b"%.3f" % max(0.0, self._age(packet))])
        if packet.card:  # a picture for eyes, a failure for programs
            request.setResponseCode(503)
            headers.setRawHeaders(b"retry-after", [b"2"])
        return packet.data


def _part(packet: Packet) -> bytes:
    """A part is built once per picture and shared by all clients of the stream."""
    return jpeg_part(packet.data, packet.wall)


class MjpegStream(Resource):
    """GET: every picture, until the client leaves or may not see it any more. A slow client gets the
    newest one only."""

    isLeaf = True

    def __init__(self, find: Callable[[], Camera | None], presence: Presence):
        super().__init__()
        self._find = find
        self._presence = presence

    def render_GET(self, request: Request) -> Any:
        camera = find_camera(request, self._find)
        if isinstance(camera, bytes):
            return camera
        try:
            pictures = camera.stream(pictures_of(request))
        except Invalid as error:
            return respond(request, 400, message=str(error))
        headers = request.responseHeaders
        headers.setRawHeaders(b"content-type", [CONTENT_TYPE.encode()])
        headers.setRawHeaders(b"cache-control", [b"no-store"])
        headers.setRawHeaders(b"cross-origin-resource-policy", [b"cross-origin"])
        headers.setRawHeaders(b"x-accel-buffering", [b"no"])
        writer = request.stream()
        writer.write(PREAMBLE)
        subscription = pictures.derive(_part).subscribe(writer.write, kind="mjpeg", on_end=request.loseConnection)
        request.registerProducer(subscription, True)

        def changed(by: Principal | None) -> None:
            if not may_see(by, camera.id):
                request.loseConnection()

        def gone(_: Any) -> None:
            subscription.close()
            visit.leave()

        visit = self._presence.enter(request.principal, changed)
        request.notifyFinish().addBoth(gone)
        return NOT_DONE_YET

    def render_HEAD(self, request: Request) -> bytes:
        camera = find_camera(request, self._find)
        if isinstance(camera, bytes):
            return camera
        request.setHeader(b"content-type", CONTENT_TYPE.encode())
        return b""
