"""Gateway: the sessions of all viewers, and the child process that serves them."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from camd.errors import CamdError, Gone, Invalid, Refused, Unsupported
from camd.media import Encoding
from camd.state import Permission, Spec

from .feed import Feed
from .framing import Message
from .options import Options
from .process import Busy, ChildError, Process, spawn

if TYPE_CHECKING:
    from camd.app import App
    from camd.media import Stream
    from camd.state import Principal

#: Viewers at the same time, and of them from one address.
MOST, MOST_OF_ONE = 32, 8
#: The child ends this long after its last viewer left (seconds).
LINGER = 60.0
#: After it died by itself it is not started again for so long (seconds), more each time.
BACKOFF = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
#: A child that lived so long may have died of something else than the last one (seconds).
_WELL = 60.0


@dataclass(slots=True, eq=False)
class Session:
    """One viewer. user: the name of whose it is; answer: the description for them; feed: what they watch."""

    id: str
    camera: str
    user: str
    address: str
    answer: str = ""
    feed: Feed | None = None
    visit: Any = None


class Gateway(Service):
    """Answers offers, ends sessions, and looks after the child. Reactor thread only.

    spawn(reactor, process): starts the child; tests have another one.
    """

    log = Logger()

    def __init__(self, app: App):
        self.setName("webrtc")
        self.spawn = spawn
        self.sessions: dict[str, Session] = {}
        self._app = app
        self._feeds: dict[tuple[str, Encoding], Feed] = {}
        self._numbers = itertools.count(1)
        self._process: Process | None = None
        self._waiting: list[Deferred[None]] = []
        self._linger: Any = None
        self._deaths = 0
        self._started_at = 0.0
        self._not_before = 0.0
        self._all_deaths = 0
        self._dropped_before = self._dropped_now = 0
        read = Permission.System_r
        self.options = Options(app.state, self._options_changed)
        declare = app.state.declare
        self._viewers = declare(
            Spec("webrtc/viewers", int, default=0, doc="Who watches over WebRTC.", read=read)
        )
        self._restarts = declare(
            Spec("webrtc/restarts", int, default=0, doc="How often the WebRTC process died.", read=read)
        )
        self._dropped = declare(
            Spec("webrtc/dropped", int, default=0, doc="Pictures that viewers were too slow for.", read=read)
        )

    # -- what viewers ask for

    async def offer(self, camera: str, rendition: str, sdp: str, by: Principal, address: str) -> Session:
        """A session for who may see this camera. rendition: "main" or "sub".

        Raises Refused, Gone (no such camera), Invalid (the offer), Unsupported (WebRTC is off, or the
        viewer does not play what the camera has), Busy."""
        if not by.sees(camera):
            raise Refused(f"cameras/{camera}")
        found = self._app.cameras.get(camera)
        if found is None:
            raise Gone("There is no such camera")
        if not self.options.enabled:
            raise Unsupported("WebRTC is switched off: set webrtc/enabled")
        if find_spec("aiortc") is None:  # only the child imports it
            raise Unsupported("WebRTC needs aiortc: pip install 'camd[webrtc]'")
        self._check_room(address)
        session = Session(secrets.token_urlsafe(18), camera, by.name, address)
        encodings = self._encodings(found, rendition)
        self._enter(session, by)
        try:
            process = await self._ready()
            session.answer = await self._answer(process, session, found, encodings, sdp)
        except BaseException:
            self.end(session)
            raise
        if session.id not in self.sessions:
            raise Gone("This session has ended")
        return session

    async def candidates(self, session: Session, fragment: str) -> None:
        """More addresses of the viewer (RFC 8840). Raises Invalid, Gone."""
        if self._process is None:
            raise Gone("This session has ended")
        message = {"do": "candidates", "session": session.id, "sdp": fragment}
        try:
            await self._process.ask(message)
        except ChildError as error:
            raise (Gone(str(error)) if error.why == "session" else Invalid("", str(error))) from None

    def find(self, id: str, camera: str, by: Principal) -> Session:
        """Somebody's own session; raises Gone for any other."""
        session = self.sessions.get(id)
        if session is None or session.camera != camera or session.user != by.name:
            raise Gone("There is no such session")
        return session

    def end(self, session: Session) -> None:
        """Whoever watched does not any more; may be called more than once."""
        if self.sessions.pop(session.id, None) is None:
            return
        session.visit.leave()
        self._viewers.publish(len(self.sessions))
        if self._process is not None:
            self._process.tell({"do": "close", "session": session.id})
        self._leave_feed(session)
        if not self.sessions and self._process is not None:
            self._linger = self._app.reactor.callLater(LINGER, self._let_go)

    # -- life

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._end_all()
        self._cancel_linger()
        return self._let_go()

    def _let_go(self) -> Deferred[None]:
        self._linger = None
        self._dropped_before = self._dropped_now
        process, self._process = self._process, None
        return succeed(None) if process is None else process.stop()

    def _cancel_linger(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    async def _ready(self) -> Process:
        """The child, started if it is not there. Raises Busy."""
        self._cancel_linger()
        if self._process is None:
            now = self._app.reactor.seconds()
            if now < self._not_before:
                raise Busy(f"the WebRTC process died; it starts again in {self._not_before - now:.0f} s")
            self._started_at = now
            process = Process(self._app.reactor, self._heard, self._flow, lambda: self._ended(process))
            process.started.addCallbacks(self._is_ready, self._is_not_ready, (process,))
            self._process = process
            self.spawn(self._app.reactor, process)
        process = self._process
        if not process.started.called:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting
        if self._process is not process:
            raise Busy("the WebRTC process has ended; try again")
        return process

    def _is_ready(self, _: Any, process: Process) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)

    def _is_not_ready(self, failure: Any) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.errback(failure)

    def _ended(self, process: Process) -> None:
        """The child is gone. Its viewers notice by themselves, and come again."""
        if process is not self._process:
            return
        self._process = None
        self._cancel_linger()
        now = self._app.reactor.seconds()
        self._deaths = 1 if now - self._started_at > _WELL else self._deaths + 1
        self._not_before = now + BACKOFF[min(self._deaths - 1, len(BACKOFF) - 1)]
        self._all_deaths += 1
        self._restarts.publish(self._all_deaths)
        self._dropped_before = self._dropped_now
        self._end_all()

    def _heard(self, message: Message) -> None:
        say = message["say"]
        if say == "keyframe":
            for feed in self._feeds.values():
                if feed.number == message["feed"]:
                    feed.request_keyframe()
        elif say == "state" and message["state"] == "closed":
            session = self.sessions.get(message["session"])
            if session is not None:
                self.end(session)
        elif say == "dropped":
            self._dropped_now = self._dropped_before + int(message["count"])
            self._dropped.publish(self._dropped_now)

    def _flow(self) -> None:
        for feed in tuple(self._feeds.values()):
            feed.flow()

    def _options_changed(self) -> None:
        if self.sessions and not self.options.enabled:
            self._end_all()

    def _end_all(self) -> None:
        for session in tuple(self.sessions.values()):
            self.end(session)

    # -- sessions and feeds

    def _check_room(self, address: str) -> None:
        same = sum(session.address == address for session in self.sessions.values())
        if len(self.sessions) >= MOST or same >= MOST_OF_ONE:
            raise Busy(f"at most {MOST} viewers over WebRTC, {MOST_OF_ONE} from one address")

    def _enter(self, session: Session, by: Principal) -> None:
        def changed(now: Principal | None) -> None:
            if now is None or not now.sees(session.camera):
                self.end(session)

        session.visit = self._app.web.presence.enter(by, changed)
        self.sessions[session.id] = session
        self._viewers.publish(len(self.sessions))

    def _encodings(self, camera: Any, rendition: str) -> list[Encoding]:
        """What may be sent, best first: the camera's own H.264, or what camd makes of it."""
        encoding = Encoding("h264", rendition=rendition)
        pipeline = camera.pipeline
        pipeline.rendition(rendition)  # raises Invalid if there is none
        if pipeline.why_encoding(encoding):
            return [encoding]
        return [encoding, replace(encoding, bitrate=pipeline.video_settings(encoding).bitrate)]

    async def _answer(
        self, process: Process, session: Session, camera: Any, encodings: list[Encoding], sdp: str
    ) -> str:
        sound = _sound_of(camera)
        message = {
            "do": "offer", "session": session.id, "sdp": sdp, "network": self.options.network(),
            "sound": sound is not None,
        }  # fmt: skip
        refusal = ChildError("video", "there is no H.264 of this camera")
        for encoding in encodings:
            self._enter_feed(process, session, camera, encoding)
            try:
                answer = await process.ask({**message, "feed": session.feed.number})
            except ChildError as error:
                refusal = error
            else:
                if sound is not None and answer.get("sound") and session.feed is not None:
                    session.feed.hear(session.id, sound)
                return answer["sdp"]
            self._leave_feed(session)
            if refusal.why not in ("profile", "video") or session.id not in self.sessions:
                break
        raise _meaning(refusal) from None

    def _enter_feed(self, process: Process, session: Session, camera: Any, encoding: Encoding) -> None:
        if session.id not in self.sessions:
            raise Gone("This session has ended")
        feed = self._feeds.get((camera.id, encoding))
        if feed is None:
            try:
                stream = camera.stream(encoding)
            except Invalid as error:
                raise Unsupported(str(error)) from None
            number = next(self._numbers)
            feed = Feed(number, camera.id, encoding, stream, process, self._app.reactor, self._camera_gone)
            self._feeds[feed.key] = feed
        feed.sessions.add(session.id)
        session.feed = feed

    def _leave_feed(self, session: Session) -> None:
        feed, session.feed = session.feed, None
        if feed is None:
            return
        feed.leave(session.id)
        if not feed.sessions and self._feeds.get(feed.key) is feed:
            del self._feeds[feed.key]
            feed.close()

    def _camera_gone(self, feed: Feed) -> None:
        for id in tuple(feed.sessions):
            if id in self.sessions:
                self.end(self.sessions[id])


def _sound_of(camera: Any) -> Stream | None:
    """What there is to hear of a camera, as Opus."""
    try:
        return camera.stream(Encoding("opus"))
    except Unsupported:
        return None


def _meaning(error: ChildError) -> CamdError:
    """What a refusal of the child is to who asked."""
    if error.why == "offer":
        return Invalid("sdp", str(error))
    if error.why in ("profile", "video"):
        return Unsupported(f"{error}; the page or the JPEG stream may do")
    return Busy(str(error))
