"""Catalogue: the presentations that there are, and which of them is what somebody wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from ..errors import CamdError, Invalid, Unsupported
from ..media.frame import Encoding
from ..media.rendition import fitted
from ..wire.rtp_jpeg import SIZE_LIMIT
from .line import Line
from .names import Wanted
from .presentation import PATIENCE, Presentation
from .soundtrack import SoundTrack
from .status import RtspError

if TYPE_CHECKING:
    from ..media.camera import Camera

#: Of one camera, with sizes, rates or bitrates of their own, at the same time: each is encoded for itself.
MOST_OWN = 8


class Catalogue:
    """Reactor thread only. note(grabbed) hears of each picture that leaves."""

    def __init__(self, reactor: Any, note: Callable[[float], None] = lambda grabbed: None):
        self._reactor = reactor
        self._note = note
        self._presentations: dict[tuple[Camera, Encoding], Presentation] = {}
        self._sounds: dict[Camera, SoundTrack] = {}

    def __iter__(self) -> Iterator[Presentation]:
        return iter(tuple(self._presentations.values()))

    async def find(self, camera: Camera, wanted: Wanted) -> Presentation:
        """The presentation that is meant, ready to be described: the camera's own H.265 or H.264, else an
        encoded one, else JPEG. Raises Unsupported, Invalid, Gone without pictures, RtspError (453)."""
        if not wanted.codec:
            await self._know(camera)
        problem: CamdError = Unsupported("there is no such video")
        for encoding in _encodings(camera, wanted):
            try:
                presentation = self._presentation(camera, encoding)
                await presentation.ready()
                return presentation
            except Unsupported as error:
                problem = error
            except Invalid as error:
                problem = Unsupported(str(error)) if error.key == "codec" else error
        raise problem

    @property
    def lines(self) -> Iterator[Line]:
        """All that is sent."""
        return iter((*self, *self._sounds.values()))

    def sound(self, camera: Camera) -> SoundTrack | None:
        """The sound of a camera, if it has any."""
        self._sounds = {of: track for of, track in self._sounds.items() if track.is_used or track.is_there}
        found = self._sounds.get(camera)
        if camera.sound is not None and (found is None or not found.is_there):
            try:
                found = self._sounds[camera] = SoundTrack(camera)
            except Unsupported:
                return None
        return found if camera.sound is not None else None

    def stop(self) -> None:
        for presentation in self:
            presentation.cool()

    async def _know(self, camera: Camera) -> None:
        """Wait until one knows what the camera gives, or that it gives nothing now."""
        if camera.pipeline.format is not None:
            return
        first: Deferred[None] = Deferred()
        tell = lambda item=None: None if first.called else first.callback(None)
        subscription = camera.stream(Encoding("source")).subscribe(tell, kind="", on_end=tell)
        late = self._reactor.callLater(PATIENCE, tell)
        try:
            await first
        finally:
            subscription.close()
            if late.active():
                late.cancel()

    def _presentation(self, camera: Camera, encoding: Encoding) -> Presentation:
        found = self._presentations.get((camera, encoding))
        if found is not None and found.stream is camera.stream(encoding):
            return found
        if encoding.size or encoding.fps or encoding.bitrate:
            own = [one for one in self if one.camera is camera and one.is_used and one.encoding != encoding
                   and (one.encoding.size or one.encoding.fps or one.encoding.bitrate)]
            if len(own) >= MOST_OWN:
                raise RtspError(453, f"{MOST_OWN} sizes, rates and bitrates of this camera are watched already")
        made = Presentation(camera, encoding, self._reactor, self._note)
        self._forget(camera)
        self._presentations[camera, encoding] = made
        return made

    def _forget(self, camera: Camera) -> None:
        """What the camera has dropped is nothing to ask for any more; nor is what was of another camera."""
        alive = set(map(id, camera.pipeline.streams))
        for (of, encoding), presentation in list(self._presentations.items()):
            if presentation.is_used:
                continue
            if of.id == camera.id and (of is not camera or id(presentation.stream) not in alive):
                presentation.cool()
                del self._presentations[of, encoding]


def _encodings(camera: Camera, wanted: Wanted) -> Iterator[Encoding]:
    """What fits, the best first."""
    pipeline = camera.pipeline
    size, fps, bitrate = wanted.size, wanted.fps, wanted.bitrate
    named = Encoding(wanted.codec or "h264", rendition=wanted.rendition)
    own_size = pipeline.size(named)
    if size is not None and own_size is not None and fitted(*own_size, size) == own_size:
        size = None  # it is no larger anyway
    if fps is not None and fps >= pipeline.fps(named):
        fps = None
    if bitrate == pipeline.video_settings(named).bitrate:
        bitrate = None
    if wanted.codec != "mjpeg":
        best = pipeline.video(wanted.rendition)
        video = replace(named, codec=wanted.codec or best.codec, size=size, fps=fps, bitrate=bitrate)
        if video.codec == "hevc" and pipeline.why_encoding(video):
            if wanted.codec:
                raise Unsupported(f"there is no H.265 of that kind: {pipeline.why_encoding(video)}")
            video = replace(video, codec="h264")
        yield video
        if wanted.codec:
            return
    jpeg = Encoding("mjpeg", wanted.quality, wanted.rendition, size, fps)
    yield jpeg
    # The camera's own JPEG may be of a kind that RTP has no place for.
    full = pipeline.size(jpeg)
    if full is not None and max(full) > SIZE_LIMIT:
        jpeg = replace(jpeg, size=fitted(*full, (SIZE_LIMIT, SIZE_LIMIT)))
    yield replace(jpeg, quality=wanted.quality or pipeline.quality)
