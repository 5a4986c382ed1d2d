"""In the child: the pictures of one camera, and those who watch them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription, sdp
from aiortc.exceptions import OperationError
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from .framing import CLOCK, SOUND_CLOCK, Message, Picture, Sound
from .network import with_addresses
from .profiles import choose, choose_sound, profile_of
from .refusal import Refusal

if TYPE_CHECKING:
    from av.packet import Packet

_TIME_BASE, _SOUND_TIME_BASE = Fraction(1, CLOCK), Fraction(1, SOUND_CLOCK)
#: A viewer with so many pictures waiting is too slow; it goes on at the next key frame.
MOST_WAITING = 60
#: Packets of sound that may wait for a viewer, 20 ms each; beyond that the oldest is left out.
MOST_SOUND = 10
#: A group of pictures longer than this is not kept for newcomers (pictures, bytes).
HISTORY_PICTURES, HISTORY_BYTES = 300, 4 * 1024 * 1024
#: What a newcomer missed is sent with this between two pictures, in seconds and in 1/CLOCK: no burst that a
#: socket would lose, and one that the viewer plays at once.
_CATCH_UP, _CATCH_UP_TICKS = 0.002, CLOCK // 1000
#: Viewers ask for a key frame with every picture they miss; so often at most it is passed on (seconds).
_KEYFRAME_EVERY = 0.3
#: A camera shows something within this time, be it a card that says why not (seconds).
_FIRST_PICTURE = 8.0
#: From the answer until the connection stands (seconds).
_CONNECT = 15.0
_MOST_CANDIDATES = 20


class Feed:
    """The access units of one stream, given to all its tracks. want_keyframe() asks camd for one."""

    def __init__(self, want_keyframe: Callable[[], None]):
        self.tracks: set[Video] = set()
        self.hearers: set[Audio] = set()
        self.history: list[Picture] = []
        self.first = asyncio.Event()
        self.dropped = 0
        self._bytes = 0
        self._want = want_keyframe
        self._wanted_at = float("-inf")

    def publish(self, picture: Picture) -> None:
        self._remember(picture)
        packet = _packet(picture.data, picture.time, _TIME_BASE)
        for track in tuple(self.tracks):
            self.dropped += track.put(packet, picture.keyframe)

    def hear(self, sound: Sound) -> None:
        packet = _packet(sound.data, sound.time, _SOUND_TIME_BASE)
        for track in tuple(self.hearers):
            track.put(packet)

    def request_keyframe(self) -> None:
        now = time.monotonic()
        if now - self._wanted_at >= _KEYFRAME_EVERY:
            self._wanted_at = now
            self._want()

    async def profile(self) -> str:
        """profile-level-id of the newest key frame, waited for if there is none. Raises Refusal."""
        try:
            await asyncio.wait_for(self.first.wait(), _FIRST_PICTURE)
        except TimeoutError:
            raise Refusal("picture", "no picture of the camera came") from None
        if not self.history:
            self.request_keyframe()
            self.first.clear()
            return await self.profile()
        return profile_of(self.history[0].data)

    def catch_up(self) -> deque[Packet]:
        """What a newcomer needs to begin at once, with times so close that it is shown at once, too."""
        newest = len(self.history) - 1
        last = self.history[-1].time if self.history else 0
        return deque(
            _packet(picture.data, last - (newest - number) * _CATCH_UP_TICKS, _TIME_BASE)
            for number, picture in enumerate(self.history)
        )

    def _remember(self, picture: Picture) -> None:
        if picture.keyframe:
            self.history.clear()
            self._bytes = 0
            self.first.set()
        elif not self.history:
            return
        self.history.append(picture)
        self._bytes += len(picture.data)
        if len(self.history) > HISTORY_PICTURES or self._bytes > HISTORY_BYTES:
            self.history.clear()


class Video(MediaStreamTrack):
    """What one viewer gets of a Feed, from the moment on that its connection stands."""

    kind = "video"

    def __init__(self, feed: Feed):
        super().__init__()
        self._feed = feed
        self._pictures: deque[Packet] = deque()
        self._missed = 0  # pictures of the past among those waiting
        self._arrived = asyncio.Event()
        self._begun = False
        self._broken = True  # until a key frame

    def put(self, packet: Packet, keyframe: bool) -> int:
        """Take one more; returns how many were dropped."""
        if not self._begun:
            return 0
        dropped = 0
        if len(self._pictures) >= MOST_WAITING + self._missed:
            dropped, self._broken, self._missed = len(self._pictures), True, 0
            self._pictures.clear()
        if self._broken and not keyframe:
            self._feed.request_keyframe()
            return dropped + 1
        self._broken = False
        self._pictures.append(packet)
        self._arrived.set()
        return dropped

    async def recv(self) -> Packet:
        if not self._begun:
            self._begin()
        while not self._pictures:
            self._arrived.clear()
            await self._arrived.wait()
            if self.readyState != "live":
                raise MediaStreamError
        if self._missed:
            self._missed -= 1
            await asyncio.sleep(_CATCH_UP)
            if not self._pictures:  # dropped meanwhile
                return await self.recv()
        return self._pictures.popleft()

    def stop(self) -> None:
        super().stop()
        self._feed.tracks.discard(self)
        self._arrived.set()

    def _begin(self) -> None:
        self._begun = True
        self._pictures = self._feed.catch_up()
        self._missed = max(0, len(self._pictures) - 1)
        self._broken = not self._pictures
        if self._broken:
            self._feed.request_keyframe()


class Audio(MediaStreamTrack):
    """What one viewer hears of a Feed."""

    kind = "audio"

    def __init__(self, feed: Feed):
        super().__init__()
        self._feed = feed
        self._packets: deque[Packet] = deque(maxlen=MOST_SOUND)
        self._arrived = asyncio.Event()

    def put(self, packet: Packet) -> None:
        self._packets.append(packet)
        self._arrived.set()

    async def recv(self) -> Packet:
        if self.readyState != "live":
            raise MediaStreamError
        self._feed.hearers.add(self)
        while not self._packets:
            self._arrived.clear()
            await self._arrived.wait()
            if self.readyState != "live":
                raise MediaStreamError
        return self._packets.popleft()

    def stop(self) -> None:
        super().stop()
        self._feed.hearers.discard(self)
        self._arrived.set()


class Viewer:
    """One peer connection. tell(state) hears "connected" and, once, "closed". hears: it has sound, too."""

    def __init__(self, feed: Feed, servers: list[Message], tell: Callable[[str], None]):
        self._feed = feed
        self._tell = tell
        self._reaches_out = bool(servers)
        ice = [RTCIceServer(one["urls"], one.get("username"), one.get("credential")) for one in servers]
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=ice))
        self._peer.on("connectionstatechange", self._changed)
        self._track = Video(feed)
        self._sound = Audio(feed)
        self.hears = False
        self._late: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    async def answer(self, offer: str, addresses: list[str], sound: bool = False) -> str:
        """The answer to an offer. sound: the camera has it, for who wants to hear. Raises Refusal."""
        media = _media_of(offer)
        video = _video_of(media)
        profile = await self._feed.profile()
        self._feed.tracks.add(self._track)
        transceiver = self._peer.addTransceiver(self._track, "sendonly")
        # Before the offer is looked at: afterwards another codec would have been chosen.
        transceiver.setCodecPreferences(choose(profile, video.rtp.codecs))
        opus = choose_sound(media) if sound else []
        if opus:
            self.hears = True
            self._peer.addTransceiver(self._sound, "sendonly").setCodecPreferences(opus)
        # aiortc takes a wish for a key frame to its own encoder, which sees no pictures here.
        transceiver.sender._send_keyframe = self._feed.request_keyframe
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(self._prepared(offer), "offer"))
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except OSError as error:
            raise Refusal("ports", str(error)) from None
        except (ValueError, OperationError) as error:
            raise Refusal("offer", f"this offer cannot be answered: {error}") from None
        self._late = asyncio.get_running_loop().call_later(_CONNECT, self.close)
        return with_addresses(self._peer.localDescription.sdp, addresses)

    async def add_candidates(self, fragment: str) -> None:
        """Take candidates as RFC 8840 section 9 writes them. Raises Refusal."""
        mid, found = None, []
        for line in fragment.splitlines():
            name, _, value = line.strip().partition(":")
            if name == "a=mid":
                mid = value
            elif name == "a=candidate":
                found.append((mid, value))
        if len(found) > _MOST_CANDIDATES:
            raise Refusal("offer", f"more than {_MOST_CANDIDATES} candidates")
        try:
            candidates = [(mid, sdp.candidate_from_sdp(value)) for mid, value in found]
        except (AssertionError, IndexError, ValueError):
            raise Refusal("offer", "a candidate that cannot be read") from None
        for mid, candidate in candidates:
            if self._reaches_out and _is_address(candidate.ip):
                candidate.sdpMid, candidate.sdpMLineIndex = mid, 0 if mid is None else None
                await self._peer.addIceCandidate(candidate)

    def close(self) -> None:
        """End the connection; the viewer hears of it if it is still there."""
        if self._closing is None:
            if self._late is not None:
                self._late.cancel()
            self._closing = asyncio.get_running_loop().create_task(self._close())

    async def closed(self) -> None:
        """Close, and wait until that is done."""
        self.close()
        if self._closing is not None:
            await self._closing

    async def _close(self) -> None:
        self._track.stop()
        self._sound.stop()
        try:
            await asyncio.wait_for(self._peer.close(), 5.0)
        finally:
            self._tell("closed")

    def _changed(self) -> None:
        state = self._peer.connectionState
        if state == "connected":
            if self._late is not None:
                self._late.cancel()
            self._tell("connected")
        elif state in ("failed", "closed"):
            self.close()

    def _prepared(self, offer: str) -> str:
        """The offer without the viewer's candidates, unless we have to find a way to them.

        A viewer that reaches us shows its address by its first packet, with the password of this session. To
        addresses that somebody merely names nothing is sent, nor are their names looked up; and candidates
        never end, for then the connection would have failed before that first packet.
        """
        lines, count = [], 0
        for line in offer.splitlines():
            if line.startswith("a=end-of-candidates"):
                continue
            if line.startswith("a=candidate:"):
                count += 1
                fields = line.split()
                if not self._reaches_out or count > _MOST_CANDIDATES or not _is_address("".join(fields[4:5])):
                    continue
            lines.append(line)
        return "\r\n".join(lines) + "\r\n"


def _packet(data: bytes, time: int, base: Fraction) -> Packet:
    import av

    packet: Any = av.Packet(data)
    packet.pts, packet.time_base = time, base
    return packet


def _media_of(offer: str) -> list[sdp.MediaDescription]:
    """What an offer has. Raises Refusal."""
    try:
        return sdp.SessionDescription.parse(offer).media
    except Exception:  # whatever a parser makes of what it does not expect
        raise Refusal("offer", "this is not a session description (RFC 8866)") from None


def _video_of(media: list[sdp.MediaDescription]) -> sdp.MediaDescription:
    """The video that an offer wants to receive. Raises Refusal."""
    for one in media:
        if one.kind == "video" and one.direction in ("recvonly", "sendrecv"):
            if not (one.dtls and one.ice and one.ice.usernameFragment and one.ice.password):
                raise Refusal("offer", "the offer has no ICE or no DTLS")
            return one
    raise Refusal("offer", "the offer does not want to receive video")


def _is_address(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF.:" for character in text) and ("." in text or ":" in text)
