"""/cam/<id>/hls/: HTTP Live Streaming, for phones, televisions and whatever else plays a playlist.

The video of a playlist is cut once for all who load it (`media.segments`), from the first request on until
some seconds after the last one. Whoever knows how may wait here for what comes next, a part of a segment
at a time (blocking playlist reload, preload hints); others load whole segments.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from ..errors import Invalid
from ..media.camera import Camera
from ..media.frame import Encoding, Packet
from ..media.policy import Gop
from ..media.segments import KEPT, SEGMENT, Segments, whole_seconds
from ..media.stream import Stream, Subscription
from . import playlist
from .choice import VIDEO, video_of
from .delays import Delays
from .errors import ErrorResource, respond
from .request import Request

#: A playlist that nobody asks for is not made any longer (seconds).
IDLE = 10.0
#: Players begin three segments before the end, and some do not begin at all with fewer.
START = 3
#: The first segments, or what a client asked to wait for, must be there by then (seconds).
PATIENCE = 12.0
#: Every segment ends at a key frame: one is asked for after so long, and sooner for the first ones (seconds).
_LONG = 2.0
_FILE = re.compile(rb"(\d{1,15})(?:\.(\d{1,4}))?\.(m4s|mp4)\Z", re.ASCII)
_KEPT_IN_QUERY = (*VIDEO, "token")


class Presentation:
    """The segments of one stream while somebody asks for them. Reactor thread only.

    on_stop() is called once, when nobody does any longer or the camera is gone.
    """

    def __init__(self, stream: Stream, reactor: Any, delays: Delays, on_stop: Callable[[], None]):
        # Growing with each start: no address ever means another segment.
        self.segments = Segments(first=int(time.time()))
        self._stream = stream
        self._reactor = reactor
        self._delays = delays
        self._on_stop = on_stop
        self._waiting: dict[Deferred[bool], Callable[[], bool]] = {}
        self._idle = reactor.callLater(IDLE, self.stop)
        self._subscription = stream.subscribe(
            self._add, Gop(), kind="hls", on_end=self.stop, on_recall=self.segments.forget
        )
        self._sound: Stream | None = None
        self._heard: Subscription | None = None

    def hear(self, sound: Stream | None) -> None:
        """The camera has this sound now; may be told again."""
        if sound is self._sound:
            return
        if self._heard is not None:
            self._heard.close()
        self._sound, self.segments.with_sound = sound, sound is not None
        self._heard = sound and sound.subscribe(self.segments.hear, Gop(), kind="")

    def touch(self) -> None:
        """Somebody asked."""
        if self._idle.active():
            self._idle.reset(max(IDLE, 3 * self.segments.longest))

    def wait(self, ready: Callable[[], bool]) -> Deferred[bool]:
        """Fires with True as soon as it is ready, with False after PATIENCE or when this stops. May be
        cancelled."""
        waiting: Deferred[bool] = Deferred(lambda _: self._end(waiting, None))
        if ready():
            waiting.callback(True)
            return waiting
        late = self._reactor.callLater(PATIENCE, self._end, waiting, False)

        def ended(result: Any) -> Any:
            if late.active():
                late.cancel()
            return result

        self._waiting[waiting.addBoth(ended)] = ready
        return waiting

    def stop(self) -> None:
        """Cut no longer."""
        if self._idle.active():
            self._idle.cancel()
        self._subscription.close()
        if self._heard is not None:
            self._heard.close()
        for waiting in tuple(self._waiting):
            self._end(waiting, False)
        self._on_stop()

    def _end(self, waiting: Deferred[bool], result: bool | None) -> None:
        if self._waiting.pop(waiting, None) is not None and result is not None:
            waiting.callback(result)

    def _add(self, packet: Packet) -> None:
        segments = self.segments
        if not segments.add(packet):
            return
        self._delays.note("hls", packet.grabbed)
        if segments.age >= (_LONG if len(segments.complete) >= START else SEGMENT):
            self._stream.request_keyframe()
        for waiting, ready in tuple(self._waiting.items()):
            if ready():
                self._end(waiting, True)


class Hls(Resource):
    """The playlists of one camera, and what they lead to. Every address has the query of its playlist."""

    def __init__(self, camera: Camera, reactor: Any, delays: Delays):
        super().__init__()
        self._camera = camera
        self._reactor = reactor
        self._delays = delays
        self._presentations: dict[Encoding, Presentation] = {}

    def getChild(self, path: bytes, request: Request) -> IResource:
        match = _FILE.match(path)
        if match is None and path != b"index.m3u8" or request.postpath:
            return ErrorResource(404)
        request.route = "/cam/{id}/hls/" + ("{file}" if match else "index.m3u8")
        return _Piece(self, match) if match else _Index(self)

    def find(self, request: Request, start: bool) -> Presentation | None:
        """The presentation that a request is about. start: begin it if there is none. Raises Invalid."""
        encoding = video_of(request)
        presentation = self._presentations.get(encoding)
        if presentation is None and start:
            stream = self._camera.stream(encoding)
            presentation = Presentation(
                stream, self._reactor, self._delays, lambda: self._presentations.pop(encoding, None) and None
            )
            self._presentations[encoding] = presentation
        if presentation is not None:
            sound = self._camera.sound
            presentation.hear(sound and sound.stream("aac"))
            presentation.touch()
        return presentation


class _Late(Resource):
    """A leaf that may have to wait for what it sends."""

    isLeaf = True

    def __init__(self, hls: Hls):
        super().__init__()
        self.hls = hls

    def later(
        self,
        request: Request,
        presentation: Presentation,
        ready: Callable[[], bool],
        send: Callable[[], bytes],
        enough: Callable[[], bool] = lambda: False,
    ) -> Any:
        """What send() gives as soon as it is ready; if that takes too long also when it is enough, or else 503."""
        waiting = presentation.wait(ready)
        if waiting.called:
            return send()
        request.endless = True  # how long it took says nothing about camd
        request.notifyFinish().addErrback(lambda _: waiting.cancel())

        def ended(there: bool) -> None:
            if there or enough():
                body = send()
            else:
                body = respond(request, 503, "CAMERA_NOT_CONNECTED", "There is no video of the camera")
            request.setHeader(b"content-length", b"%d" % len(body))
            request.write(body)
            request.finish()

        waiting.addCallbacks(ended, lambda _: None)  # the client left
        return NOT_DONE_YET


class _Index(_Late):
    """GET: the playlist. _HLS_msn and _HLS_part: not before that segment, or that part of it, is there."""

    def render_GET(self, request: Request) -> Any:
        try:
            number, part = _whole(request, b"_HLS_msn"), _whole(request, b"_HLS_part")
            presentation = self.hls.find(request, start=True)
        except Invalid as error:
            return respond(request, 400, message=str(error))
        assert presentation is not None
        segments = presentation.segments
        if number is not None and segments.current is not None and number > segments.current.number + 2:
            return respond(request, 400, message="_HLS_msn: that is too far from now")
        query = _query(request)

        def ready() -> bool:
            if len(segments.complete) < START:
                return False
            return number is None or _is_there(segments, number, part)

        def send() -> bytes:
            request.setHeader(b"content-type", playlist.CONTENT_TYPE)
            _common_headers(request, b"no-store")
            return playlist.playlist(segments, query)

        return self.later(request, presentation, ready, send, lambda: bool(segments.complete))


class _Piece(_Late):
    """GET: 12.m4s, a segment; 12.3.m4s, a part of it, which is waited for if it is the next one; 12.mp4, the
    init segment."""

    def __init__(self, hls: Hls, match: re.Match[bytes]):
        super().__init__(hls)
        number, part, self._kind = match.groups()
        self._number, self._part = int(number), None if part is None else int(part)

    def render_GET(self, request: Request) -> Any:
        try:
            presentation = self.hls.find(request, start=False)
        except Invalid as error:
            return respond(request, 400, message=str(error))
        if presentation is None:
            return respond(request, 404)
        segments, number, part = presentation.segments, self._number, self._part

        def answer(data: bytes) -> bytes:
            request.setHeader(b"content-type", b"video/mp4")
            _common_headers(request, b"private, max-age=%d" % (KEPT * whole_seconds(segments.longest)))
            return data

        if self._kind == b"mp4":
            init = segments.find_init(number) if part is None else None
            return respond(request, 404) if init is None else answer(init.data)
        segment = segments.find(number)
        if segment is None or part is not None and part > len(segment.parts):
            return respond(request, 404)

        def send() -> bytes:
            found = segments.find(number)
            if found is None or part is not None and part >= len(found.parts):  # it ended before that part
                return respond(request, 404)
            return answer(found.data if part is None else found.parts[part].data)

        return self.later(request, presentation, lambda: _is_there(segments, number, part), send)


def _is_there(segments: Segments, number: int, part: int | None) -> bool:
    """Whether a segment is whole, or a part of it is there, or what it would be in is over."""
    current = segments.current
    if current is None or number != current.number:
        return current is None or number < current.number
    return part is not None and part < len(current.parts)


def _common_headers(request: Request, cache: bytes) -> None:
    request.setHeader(b"cache-control", cache)
    request.setHeader(b"cross-origin-resource-policy", b"cross-origin")


def _whole(request: Request, name: bytes) -> int | None:
    values = request.args.get(name)
    if not values:
        return None
    if not values[-1].isdigit() or len(values[-1]) > 15:
        raise Invalid(name.decode(), "Value must be a number")
    return int(values[-1])


def _query(request: Request) -> str:
    """What has to be asked with every address of the playlist; so it names the same video, by the same right."""
    kept = [(name, request.args[name.encode()][-1]) for name in _KEPT_IN_QUERY if name.encode() in request.args]
    return f"?{urlencode(kept)}" if kept else ""
