"""Pictures over HTTP: one as a JPEG, or all of them as a multipart stream."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from ..errors import Invalid
from ..media.camera import Camera
from ..media.frame import Encoding, Packet
from ..media.stream import Stream, Subscription
from ..state.permission import Permission, Principal
from ..wire.multipart import CONTENT_TYPE, PREAMBLE, jpeg_part
from .errors import respond
from .presence import Presence
from .request import Request

#: How long a snapshot waits for a picture (seconds).
PATIENCE = 5.0
#: A snapshot without `max_age` may be this old (seconds): while a camera streams, none waits.
MAX_AGE = 1.0


def may_see(by: Principal | None, camera: str) -> bool:
    """Whether this identity may see the pictures of the camera with this id. Every way to them asks here."""
    return by is not None and by.may(Permission.Media_r, f"cameras/{camera}/")


def find_camera(request: Request, find: Callable[[], Camera | None]) -> Camera | bytes:
    """The camera that is asked for, or the answer why there is no picture of it."""
    camera = find()
    if camera is None:
        return respond(request, 404, "CAMERA_NOT_CONNECTED", "There is no camera")
    if not may_see(request.principal, camera.id):
        return respond(request, 403, message="This camera is not among those that you may see")
    return camera


class Snapshot(Resource):
    """GET: one JPEG. quality: 1..100; max_age: seconds at the moment of asking; a newer picture than that
    is waited for."""

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
            quality = _number(request, b"quality", int, 1, 100)
            max_age = _number(request, b"max_age", float, 0, 3600)
        except Invalid as error:
            return respond(request, 400, message=str(error))
        encoding = Encoding("mjpeg", quality)
        newest = camera.newest(encoding)
        oldest = MAX_AGE if max_age is None else max_age
        if newest is not None and not newest.card and self._age(newest) <= oldest:
            return self._send(request, newest)
        _Wait(self, request, camera.stream(encoding), max_age)
        return NOT_DONE_YET

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


class _Wait:
    """A snapshot request that waits for its picture."""

    def __init__(self, snapshot: Snapshot, request: Request, stream: Stream, max_age: float | None):
        self._snapshot = snapshot
        self._request = request
        self._oldest = None if max_age is None else snapshot._reactor.seconds() - max_age
        self._timeout = snapshot._reactor.callLater(PATIENCE, self._late)
        request.notifyFinish().addErrback(self._gone)
        self._subscription: Subscription | None = None
        self._subscription = stream.subscribe(self._arrived, kind="snapshot")

    def _arrived(self, packet: Packet) -> None:
        if self._oldest is not None and not packet.card and packet.grabbed < self._oldest:
            return
        self._end()
        body = self._snapshot._send(self._request, packet)
        self._request.setHeader(b"content-length", b"%d" % len(body))
        self._request.write(body)
        self._request.finish()

    def _late(self) -> None:
        self._end()
        text = f"No picture within {PATIENCE:.0f} s"
        self._request.write(respond(self._request, 503, "CAMERA_NOT_CONNECTED", text))
        self._request.finish()

    def _gone(self, _: Any) -> None:
        self._end()

    def _end(self) -> None:
        if self._timeout.active():
            self._timeout.cancel()
        if self._subscription is not None:
            self._subscription.close()


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
            quality = _number(request, b"quality", int, 1, 100)
        except Invalid as error:
            return respond(request, 400, message=str(error))
        headers = request.responseHeaders
        headers.setRawHeaders(b"content-type", [CONTENT_TYPE.encode()])
        headers.setRawHeaders(b"cache-control", [b"no-store"])
        headers.setRawHeaders(b"cross-origin-resource-policy", [b"cross-origin"])
        headers.setRawHeaders(b"x-accel-buffering", [b"no"])
        writer = request.stream()
        writer.write(PREAMBLE)
        stream = camera.stream(Encoding("mjpeg", quality)).derive(_part)
        subscription = stream.subscribe(writer.write, kind="mjpeg", on_end=request.loseConnection)
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


def _number(request: Request, name: bytes, kind: type, low: float, high: float) -> Any:
    values = request.args.get(name)
    if not values:
        return None
    try:
        value = kind(values[-1])
    except ValueError:
        raise Invalid(name.decode(), f"Value must be of type {kind.__name__}") from None
    if not low <= value <= high:
        raise Invalid(name.decode(), f"Value must be between {low} and {high}")
    return value


