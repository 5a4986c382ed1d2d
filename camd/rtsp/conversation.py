"""Conversation: what one client asks over RTSP, and what it is answered.

    version (505) → CSeq (400) → OPTIONS → identity (401) → Require (551) → the method (405, 501)

Nothing is said about any camera, not even whether there is one, before the identity is known. A session is
found only over the connection that made it and by who made it: to others it does not exist (454).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from twisted.logger import Logger

from ..direct import DirectWriter
from ..errors import CamdError, Gone, Invalid, Locked, RateLimited, Refused, Unauthorized
from ..state.permission import GUEST_NAME, Permission, Principal
from ..wire.rtp import AccessUnit
from ..wire.rtsp import METHODS, VERSION, BadMessage, Request, response
from ..wire.rtsp_headers import (
    Transport,
    Url,
    parse_range,
    parse_session,
    parse_transports,
    parse_url,
    rtp_info,
    session,
)
from ..wire.sdp import CONTENT_TYPE
from .identify import Caller
from .lane import Lane
from .names import Wanted, wanted
from .session import TIMEOUT, Session
from .status import RtspError, status_of
from .transports import InterleavedTransport, UdpTransport
from .udp import host_of

if TYPE_CHECKING:
    from ..media.camera import Camera
    from .server import RtspServer

#: Sessions of one connection; a player has one, a proxy perhaps some.
MOST_SESSIONS = 8
#: Wrong identities of one connection.
MOST_REFUSALS = 10
#: What recorders that send us something would ask for.
_NOT_ALLOWED = frozenset({"ANNOUNCE", "RECORD", "REDIRECT"})
_ALLOW = (("Allow", ", ".join(METHODS)),)


class Connection(Protocol):
    """What a conversation goes over. writer: the way out; secure: encrypted; local, peer: addresses;
    may_use_udp: nothing stands between; is_held: the client does not read."""

    writer: DirectWriter
    local: str
    peer: str
    may_use_udp: bool
    is_held: bool

    def send(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Conversation:
    """The requests of one connection, one after the other. Reactor thread only.

    sessions: by id; heard: when the client last asked for something that it got.
    """

    log = Logger()

    def __init__(self, server: RtspServer, connection: Connection, address: str):
        self.sessions: dict[str, Session] = {}
        self.caller = Caller(address)
        self.heard = server.reactor.seconds()
        self._server = server
        self._connection = connection
        self._refusals = 0
        self._is_over = False
        self._channels: dict[int, Lane] = {}
        self._visits: dict[Session, Any] = {}

    # -- one request

    async def answer(self, request: Request) -> None:
        """Answer it, whatever it is."""
        try:
            reply = await self._reply(request)
        except CamdError as error:
            reply = self._refuse(request, error)
        except Exception:
            self.log.failure("{method} of an RTSP client failed", method=request.method)
            reply = response(500, request.cseq)
        else:
            self.heard = self._server.reactor.seconds()
        if reply and not self._is_over:
            self._connection.send(reply)
            if self._refusals >= MOST_REFUSALS:
                self._connection.close()

    async def _reply(self, request: Request) -> bytes:
        """The answer; b"" if it is out already."""
        if request.version != VERSION:
            raise RtspError(505, f"{VERSION} is spoken here")
        if not request.cseq:
            raise Invalid("CSeq", "every request has one (RFC 2326 section 12.17)")
        if request.method == "OPTIONS" and "session" not in request.headers:
            return response(200, request.cseq, (("Public", ", ".join(METHODS)),))
        url = parse_url(request.url)
        principal, found = await self._ask(request, url)
        if unknown := request.headers.get("require"):
            raise RtspError(551, "not supported", (("Unsupported", unknown),))
        if request.method not in METHODS:
            raise RtspError(405 if request.method in _NOT_ALLOWED else 501, "this server only plays", _ALLOW)
        if self._is_over:
            return b""
        return await self._methods[request.method](self, request, url, principal, found)

    async def _ask(self, request: Request, url: Url) -> tuple[Principal, tuple[Camera, Wanted] | CamdError]:
        """Who asks, and what they mean. Raises what must be said first."""
        server = self._server
        if server.needs_setup:
            raise RtspError(403, "camd must be set up first")
        found: tuple[Camera, Wanted] | CamdError
        camera = ""
        try:
            meant = wanted(url, server.main_camera)
            camera = meant.camera
            if camera not in server.cameras:
                raise Gone("there is no such camera")
            found = server.cameras[camera], meant
        except CamdError as error:
            found = error
        principal = await server.identify(request, url, camera, self.caller)
        if isinstance(found, tuple) and server.cameras.get(camera) is not found[0]:
            found = Gone("there is no such camera")  # any more: to check a password takes its time
        if not principal.may(Permission.Media_r):
            if principal.name == GUEST_NAME:
                raise Unauthorized
            self._audit_refusal(request, principal, camera)
            raise Refused("rtsp", Permission.Media_r)
        if isinstance(found, tuple) and not principal.sees(camera):
            if principal.name == GUEST_NAME:
                raise Unauthorized
            self._audit_refusal(request, principal, camera)
            found = Gone("there is no such camera")
        return principal, found

    def _audit_refusal(self, request: Request, principal: Principal, camera: str) -> None:
        self._server.audit("refused", principal.name, self.caller.address, method=request.method,
                           path=f"rtsp:/{camera[:32]}")

    def _refuse(self, request: Request, error: CamdError) -> bytes:
        status = status_of(error)
        headers: list[tuple[str, str]] = list(error.headers) if isinstance(error, RtspError) else []
        body = f"{error}\r\n".encode()
        if isinstance(error, Locked | RateLimited):
            headers.append(("Retry-After", str(error.retry_after)))
        elif isinstance(error, Unauthorized):
            self._refusals += 1
            challenges = self._server.identify.challenges(self.caller, error.stale)
            headers += (("WWW-Authenticate", challenge) for challenge in challenges)
            body = b""
        if body:
            headers.append(("Content-Type", "text/plain"))
        return response(status, request.cseq, headers, body)

    def bad(self, error: BadMessage) -> None:
        """What came is no request."""
        self._connection.send(response(error.status, error.cseq))

    # -- the methods

    async def _options(self, request: Request, url: Url, principal: Principal, found: Any) -> bytes:
        self._session(request, principal)
        return response(200, request.cseq, (("Public", ", ".join(METHODS)),))

    async def _describe(self, request: Request, url: Url, principal: Principal, found: Any) -> bytes:
        accepted = request.headers.get("accept", "*/*").lower()
        if not any(kind in accepted for kind in (CONTENT_TYPE, "application/*", "*/*")):
            raise RtspError(406, f"descriptions are {CONTENT_TYPE}")
        camera, meant = _unless_error(found)
        presentation = await self._server.catalogue.find(camera, meant)
        body = presentation.describe(host_of(self._connection.local) or "0.0.0.0", (url.control(0), url.control(1)),
                                     self._server.catalogue.sound(camera))
        return response(200, request.cseq, (
            ("Content-Base", url.base), ("Content-Type", CONTENT_TYPE), ("Cache-Control", "no-store")), body)

    async def _setup(self, request: Request, url: Url, principal: Principal, found: Any) -> bytes:
        camera, meant = _unless_error(found)
        number = url.track or 0
        sound = self._server.catalogue.sound(camera) if number == 1 else None
        if number > 1 or (number == 1 and sound is None):
            raise Gone("there is no such track")
        known = self._session(request, principal) if "session" in request.headers else None
        if known is not None and known.presentation.camera is not camera:
            raise RtspError(459, "the session is of another camera")
        if known is not None and (known.is_playing or number in known.lanes):
            raise RtspError(455, "the track is set up, or the session plays")
        if known is None and len(self.sessions) >= MOST_SESSIONS:
            raise RtspError(453, f"a connection has at most {MOST_SESSIONS} sessions")
        transports = parse_transports(request.headers.get("transport", ""))
        if known is None:
            presentation = await self._server.catalogue.find(camera, meant)
            if self._is_over:
                return b""
            known = Session(presentation, principal, self._server.reactor, self._ended)
        lane = known.lane(known.presentation if sound is None else sound)
        chosen = self._choose(transports, meant, lane)
        known.lanes[number] = lane
        if known.id not in self.sessions:
            self._remember(known)
        return response(200, request.cseq, (("Transport", str(chosen)), ("Session", session(known.id, TIMEOUT))))

    async def _play(self, request: Request, url: Url, principal: Principal, found: Any) -> bytes:
        playing = self._session(request, principal)
        if "range" in request.headers:
            try:
                parse_range(request.headers["range"])
            except Invalid as error:
                raise RtspError(457, str(error)) from None

        def answer(unit: AccessUnit | None) -> bytes:
            info = ((_absolute(url, number), *begin) for number, *begin in playing.begins(unit))
            return response(200, request.cseq, (
                ("Session", playing.id), ("Range", "npt=now-"), ("RTP-Info", rtp_info(info))))

        if playing.is_playing:
            return answer(None)
        self.log.debug("{user} at {address} plays {camera} ({what}) over {transport}", user=principal.name,
                       address=self.caller.address, camera=playing.presentation.camera.id,
                       what=playing.presentation.encoding, transport=playing.kind)
        await playing.play(answer, self._connection.send, self._connection.is_held)
        return b""

    async def _pause(self, request: Request, url: Url, principal: Principal, found: Any) -> bytes:
        playing = self._session(request, principal)
        playing.pause()
        return response(200, request.cseq, (("Session", playing.id),))

    async def _teardown(self, request: Request, url: Url, principal: Principal, found: Any) -> bytes:
        ended = self._session(request, principal)
        if url.track in ended.lanes and len(ended.lanes) > 1:  # the session goes on (RFC 2326 section 10.7)
            lane = ended.lanes.pop(url.track)
            self._channels = {channel: one for channel, one in self._channels.items() if one is not lane}
            lane.close(says_goodbye=False)
        else:
            self._forget(ended, says_goodbye=False)
        return response(200, request.cseq)

    async def _parameter(self, request: Request, url: Url, principal: Principal, found: Any) -> bytes:
        """There are no parameters; empty requests are signs of life."""
        if "session" in request.headers:
            self._session(request, principal)
        if request.body.strip():
            raise RtspError(451, "there are no parameters here")
        return response(200, request.cseq)

    _methods: ClassVar[dict[str, Callable[..., Any]]] = {
        "OPTIONS": _options,
        "DESCRIBE": _describe,
        "SETUP": _setup,
        "PLAY": _play,
        "PAUSE": _pause,
        "TEARDOWN": _teardown,
        "GET_PARAMETER": _parameter,
        "SET_PARAMETER": _parameter,
    }

    # -- sessions

    def _session(self, request: Request, principal: Principal) -> Session:
        found = self.sessions.get(parse_session(request.headers.get("session", "none")))
        if found is None or found.principal.name != principal.name:
            raise RtspError(454, "there is no such session")
        return found

    def _choose(self, transports: tuple[Transport, ...], meant: Wanted, made: Lane) -> Transport:
        """Give the lane the first transport that is possible. Raises RtspError (461)."""
        connection = self._connection
        for offered in transports:
            if offered.multicast or offered.mode != "PLAY" or offered.profile not in ("RTP/AVP", "RTP/AVPF"):
                continue
            ssrc = made.line.packetiser.ssrc
            if offered.tcp and meant.transport != "udp":
                channels = self._free_channels(offered.interleaved)
                made.transport = InterleavedTransport(connection.writer, channels)
                self._channels[channels[1]] = made
                return offered.chosen(interleaved=channels, ssrc=ssrc, client_port=None, server_port=None)
            ports = offered.client_port
            if not offered.tcp and ports and connection.may_use_udp and meant.transport != "tcp":
                local = host_of(connection.local)
                pair = self._server.udp.open(local)
                made.transport = UdpTransport(connection.writer, pair, host_of(connection.peer), ports, made.received)
                return offered.chosen(server_port=pair.ports, source=local, ssrc=ssrc, interleaved=None)
        raise RtspError(461, "RTP/AVP/TCP interleaved is possible always, RTP/AVP over UDP only without encryption")

    def _free_channels(self, asked: tuple[int, int] | None) -> tuple[int, int]:
        taken = {channel for one in self.sessions.values() for lane in one.lanes.values()
                 if isinstance(lane.transport, InterleavedTransport) for channel in lane.transport.channels}
        if asked is not None and not taken & set(asked) and asked[0] != asked[1]:
            return asked
        first = next(channel for channel in range(0, 254, 2) if not taken & {channel, channel + 1})
        return first, first + 1

    def _remember(self, made: Session) -> None:
        self.sessions[made.id] = made
        self._visits[made] = self._server.presence.enter(made.principal, lambda by: self._rights_changed(made, by))

    def _rights_changed(self, of: Session, by: Principal | None) -> None:
        if by is None or not by.sees(of.presentation.camera.id):
            self._connection.close()

    def _ended(self, one: Session) -> None:
        """The camera is gone; there is no other word for it than the end of the connection."""
        self._forget(one)
        self._connection.close()

    def _forget(self, one: Session, says_goodbye: bool = True) -> None:
        self.sessions.pop(one.id, None)
        lanes = one.lanes.values()
        self._channels = {channel: lane for channel, lane in self._channels.items() if lane not in lanes}
        one.close(says_goodbye)
        if (visit := self._visits.pop(one, None)) is not None:
            visit.leave()

    # -- the connection's side

    def received(self, channel: int, data: bytes) -> None:
        """Interleaved data; RTCP is all that is wanted."""
        if (found := self._channels.get(channel)) is not None:
            found.received(data)

    def hold(self) -> None:
        """The client has stopped to read, or reads again: `is_held` of the connection tells. Sound goes on before
        pictures, which may fill the connection again: then the rest stays where it is."""
        for one in tuple(self.sessions.values()):
            for lane in reversed(tuple(one.lanes.values())):
                lane.hold(self._connection.is_held)

    def is_idle(self, now: float) -> bool:
        """Whether nothing came of the client for too long. Where the connection itself carries the video, its
        own end is the end."""
        heard = max([self.heard, *(one.heard for one in self.sessions.values())])
        if now - heard < TIMEOUT:
            return False
        return not any(one.is_playing and one.kind == "tcp" for one in self.sessions.values())

    def close(self) -> None:
        """The connection is lost; may be called again."""
        self._is_over = True
        for one in tuple(self.sessions.values()):
            self._forget(one)


def _absolute(url: Url, track: int) -> str:
    control = url.control(track)
    return control if "://" in control else url.base + control


def _unless_error(found: Any) -> tuple[Camera, Wanted]:
    if isinstance(found, CamdError):
        raise found
    return found
