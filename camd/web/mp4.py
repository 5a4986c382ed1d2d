"""/cam/<id>/stream.mp4: one endless MP4 file, for players that know no more than an address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from ..direct import DirectWriter, keep_unsent
from ..errors import Invalid
from ..media.camera import Camera
from ..media.fragments import Fragment, Fragmenter
from ..media.frame import Encoding
from ..media.policy import Gop
from ..media.sound_fragments import LIMIT, SoundedFragmenter, SoundedStage
from ..media.stage import Stage
from ..state.permission import Principal
from .choice import video_of
from .delays import Delays
from .errors import respond
from .pictures import find_camera, may_see
from .presence import Presence
from .request import Request

CONTENT_TYPE = b"video/mp4"


class Mp4Stream(Resource):
    """GET: the coded video from a key frame on, each picture when it is there, until the client leaves or may not
    see it any more. A slow client loses pictures up to a key frame. rendition, size, fps, bitrate, codec: see
    `choice`. Of a camera that has sound it comes beside the pictures."""

    isLeaf = True

    def __init__(self, find: Callable[[], Camera | None], presence: Presence, delays: Delays):
        super().__init__()
        self._find = find
        self._presence = presence
        self._delays = delays

    def render_GET(self, request: Request) -> Any:
        camera = find_camera(request, self._find)
        if isinstance(camera, bytes):
            return camera
        try:
            stage = fragments(camera, video_of(request))
        except Invalid as error:
            return respond(request, 400, message=str(error))
        headers = request.responseHeaders
        headers.setRawHeaders(b"content-type", [CONTENT_TYPE])
        headers.setRawHeaders(b"cache-control", [b"no-store"])
        headers.setRawHeaders(b"cross-origin-resource-policy", [b"cross-origin"])
        headers.setRawHeaders(b"x-accel-buffering", [b"no"])
        writer = request.stream()
        keep_unsent(writer.transport)
        file = _File(writer, self._delays)
        policy = Gop() if camera.sound is None else Gop(LIMIT)
        subscription = stage.subscribe(file.write, policy, kind="mp4", on_end=request.loseConnection)
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
        request.setHeader(b"content-type", CONTENT_TYPE)
        return b""


def fragments(camera: Camera, encoding: Encoding) -> Stage:
    """The video of a camera, with its sound if it has any. Raises Invalid."""
    video = camera.stream(encoding)
    if camera.sound is None:
        return video.derive(Fragmenter(in_band=True))
    return video.derive(SoundedFragmenter(camera.sound.stream("aac")), SoundedStage)


class _File:
    """What one client gets: the init segment of the first picture, then pictures. Readers of files take no
    second one; a video whose parameter sets change says so in band."""

    def __init__(self, writer: DirectWriter, delays: Delays):
        self._writer = writer
        self._delays = delays
        self._begun = False

    def write(self, fragment: Fragment) -> None:
        if self._begun:
            self._writer.write(fragment.data)
        else:
            self._begun = True
            self._writer.write_pair(fragment.init.data, fragment.data)
        if not fragment.is_sound:
            self._delays.note("mp4", fragment.grabbed)
