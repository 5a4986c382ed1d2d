"""The WebSocket at /api/media: pictures and video of many cameras over one connection.

Text goes as at /api; what it asks for comes as binary messages (see `watch` and docs/video.md). A client that
does not read pauses all its channels at once: each keeps its newest picture, or its video up to a limit, and
when the client returns the channel goes first that waited longest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..direct import keep_unsent
from ..errors import Invalid, Refused, Unsupported
from ..media.cameras import Cameras
from ..media.frame import SOUND, Encoding
from ..state.permission import Permission
from ..state.spec import Value
from .api import Message, Session
from .choice import encoding
from .client import ClientFactory, ClientProtocol
from .delays import Delays
from .watch import FRAGMENT, JPEG, Watch

if TYPE_CHECKING:
    from ..config import WebSocketConfig
    from .web import Web

#: Channels of one client.
MAX_CHANNELS = 64
_CODECS = frozenset({"mjpeg", "h264", "aac"})
_WISHES = frozenset({"channel", "camera", "codec", "rendition", "size", "fps", "quality", "bitrate"})


class MediaProtocol(ClientProtocol):
    """One client. Reactor thread only."""

    factory: MediaFactory
    _turn = 0

    def __init__(self) -> None:
        super().__init__()
        self._watches: dict[int, Watch] = {}

    def onOpen(self) -> None:
        super().onOpen()
        keep_unsent(self.transport)

    # -- what it says

    async def request(self, message: Any, session: Session) -> Message:
        if not isinstance(message, dict):
            raise Invalid("", "a message is a JSON object")
        kinds = [key for key in message if key != "id"]
        if kinds == ["watch"]:
            return self._watch(message["watch"], session)
        if kinds == ["unwatch"]:
            channel = _channel(message["unwatch"], "unwatch")
            watch = self._watches.pop(channel, None)
            if watch is not None:
                watch.close()
            return {"unwatched": channel}
        raise Invalid(kinds[0] if kinds else "", 'a message has either "watch" or "unwatch"')

    def _watch(self, wanted: Any, session: Session) -> Message:
        if not isinstance(wanted, dict):
            raise Invalid("watch", "Value must be an object")
        unknown = sorted(wanted.keys() - _WISHES)
        if unknown:
            raise Invalid(unknown[0][:32], f"there are {', '.join(sorted(_WISHES))}")
        channel = _channel(wanted.get("channel"), "channel")
        before = self._watches.get(channel)
        if before is None and len(self._watches) >= MAX_CHANNELS:
            raise Invalid("channel", f"there are {MAX_CHANNELS} channels already")
        camera_id = wanted.get("camera")
        watch = self._open(channel, camera_id, encoding({"codec": "mjpeg", **wanted}, _CODECS), session)
        self._watches[channel] = watch
        if before is not None:  # joined first, so that a camera does not seem to be unwatched
            before.close()
        if self._paused:
            watch.pictures.pauseProducing()
        return watch.describe()

    def _open(self, channel: int, id: Value, wanted: Encoding, session: Session) -> Watch:
        if not isinstance(id, str) or not session.by.sees(id):
            self.factory.web.audit("refused", session.by.name, session.address, camera=str(id)[:32])
            raise Refused("camera", Permission.Media_r)
        camera = self.factory.cameras.get(id)
        if camera is None:
            raise Invalid("camera", "no such camera")
        gone = "the sound is gone" if wanted.codec in SOUND else "the camera is gone"
        try:
            watch = Watch(self, channel, camera, wanted, lambda: self._end_one(watch, gone))
        except Unsupported as error:
            raise Invalid("codec", str(error)) from None
        return watch

    # -- what it gets

    def send(self, head: bytes, data: bytes) -> None:
        """One message, both parts as bytes of the connection."""
        if self._writer is not None and self.state == self.STATE_OPEN:
            self._writer.write_pair(head, data)

    def sent(self, watch: Watch, grabbed: float, kind: int) -> None:
        """A channel had its turn."""
        self._turn += 1
        watch.turn = self._turn
        if kind in (JPEG, FRAGMENT) and watch.encoding.codec not in SOUND:
            self.factory.delays.note("grid" if kind == JPEG else "mse", grabbed)

    def pauseProducing(self) -> None:
        super().pauseProducing()
        for watch in self._watches.values():
            watch.pictures.pauseProducing()

    def catch_up(self) -> None:
        for watch in sorted(self._watches.values(), key=lambda watch: watch.turn):
            if self._paused:  # another channel has filled the connection again
                return
            watch.pictures.resumeProducing()

    # -- what it may see

    def reconsider(self) -> None:
        for watch in tuple(self._watches.values()):
            if not self.session.by.sees(watch.camera.id):
                self._end_one(watch, "not permitted any more")

    def _end_one(self, watch: Watch, reason: str) -> None:
        watch.close()
        if self._watches.get(watch.channel) is watch:
            del self._watches[watch.channel]
            self.answer({"ended": watch.channel, "reason": reason})

    def end(self) -> None:
        watches, self._watches = self._watches, {}
        for watch in watches.values():
            watch.close()


class MediaFactory(ClientFactory):
    """The clients of /api/media, with a limit of their own."""

    protocol = MediaProtocol

    def __init__(self, cameras: Cameras, delays: Delays, config: WebSocketConfig, reactor: Any, web: Web):
        super().__init__(config, reactor, web)
        self.cameras = cameras
        self.delays = delays

    def configure(self, config: WebSocketConfig) -> None:
        super().configure(config)
        self.max_clients = config.max_media_clients


def _channel(value: Any, key: str) -> int:
    if type(value) is not int or not 0 <= value <= 0xFFFF:
        raise Invalid(key, "Value must be a number from 0 to 65535")
    return value
