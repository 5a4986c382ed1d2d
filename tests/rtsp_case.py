"""The RTSP server without a network: the real App with real accounts, and a camera whose video is at hand."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from camd.media import Format, Packet
from camd.wire.challenge import choose

from .coded_video import coded
from .edge_case import HOME, EdgeCase, Wire

URL = "rtsp://camd:8554/cam1/main"
TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"


class Reply:
    """One answer, and what followed it in the same bytes."""

    def __init__(self, data: bytes):
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split(" ")[1]) if first else 0
        self.lines = lines
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(self.headers.get("content-length", "0"))
        self.body, self.rest = rest[:size], rest[size:]

    @property
    def session(self) -> str:
        return self.headers["session"].partition(";")[0]

    def all(self, name: str) -> list[str]:
        return [line.partition(": ")[2] for line in self.lines if line.lower().startswith(name + ": ")]


class Line(Wire):
    """A connection of an RTSP client. token: goes into each URL."""

    def __init__(self, address: str, host: str = "192.0.2.99", token: str = ""):
        super().__init__(address)
        self.hostAddr = IPv4Address("TCP", host, 8554)
        self.token = token
        self.number = 0

    def send(self, method: str, url: str = URL, body: bytes = b"", **headers: str | None) -> Reply:
        """Ask, and read what is there then; headers: `user_agent` is User-Agent, None for none."""
        self.number += 1
        if self.token:
            url += ("&" if "?" in url else "?") + f"token={self.token}"
        sent = {"CSeq": str(self.number)} | {name.replace("_", "-"): value for name, value in headers.items()}
        if body:
            sent["Content-Length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items() if value is not None)
        return self.raw(f"{method} {url} RTSP/1.0\r\n{lines}\r\n".encode() + body)

    def raw(self, data: bytes) -> Reply:
        self.protocol.dataReceived(data)
        return self.read()

    def read(self) -> Reply:
        data = self.value()
        self.clear()
        return Reply(data)


class RtspCase(EdgeCase):
    """self.app serves cam1 and door over RTSP, each 320x180 H.264 at 30/s once `show` was called."""

    codec = "h264"

    def setUp(self) -> None:
        super().setUp()
        self.server = self.app.rtsp
        self.video = coded(self.codec, 90)
        self.shown = 0
        for camera in self.app.cameras.values():
            camera.pipeline.opened(Format(self.codec, 320, 180, 30.0))
            self.addCleanup(camera.pipeline.source.end)
        self.addCleanup(self.server.catalogue.stop)

    def line(self, by: str = "viewer", address: str = HOME, host: str = "192.0.2.99") -> Line:
        """A new connection. by: the account whose API token goes with it, "" for nobody's."""
        line = Line(address, host, self.tokens[by] if by else "")
        line.protocol = self.server.buildProtocol(line.getPeer())
        if line.protocol is not None:
            line.protocol.makeConnection(line)
            self.addCleanup(self.hang_up, line)
        return line

    def hang_up(self, line: Line) -> None:
        """The client is gone; may be called again."""
        if line.protocol is not None:
            line.protocol.connectionLost(Failure(ConnectionDone()))
            line.protocol = None

    def show(self, count: int = 1, camera: str = "cam1") -> None:
        """The camera gives so many pictures, from the beginning of its video on."""
        for _ in range(count):
            one = self.video[self.shown % len(self.video)]
            pts = self.shown / 30
            self.shown += 1
            packet = Packet(one.data, self.codec, pts, 1_700_000_000.0 + pts, self.clock.seconds(), one.keyframe)
            self.app.cameras[camera].pipeline.source.publish(packet)
            self.clock.advance(0)

    def show_key(self, camera: str = "cam1") -> None:
        """On to the next key frame."""
        while not self.video[self.shown % len(self.video)].keyframe:
            self.shown += 1
        self.show(1, camera)

    def described(self, line: Line, url: str = URL, **headers: str) -> Reply:
        """DESCRIBE, with a picture of the camera when it is waited for."""
        reply = line.send("DESCRIBE", url, **headers)
        if not reply.status:
            self.show_key()
            reply = line.read()
        return reply

    def opened(self, line: Line, url: str = URL, transport: str = TCP, **headers: str) -> Reply:
        self.described(line, url)
        path, _, query = url.partition("?")
        return line.send("SETUP", f"{path}/trackID=0" + (f"?{query}" if query else ""), transport=transport, **headers)

    def played(self, line: Line, **options: Any) -> tuple[str, Reply]:
        """A session that plays: its id, and the answer to PLAY with what followed."""
        session = self.opened(line, **options).session
        reply = line.send("PLAY", session=session)
        self.assertEqual(reply.status, 0, "PLAY waits for the first picture")
        self.show_key()
        return session, line.read()


def authorization(reply: Reply, method: str, url: str, username: str, password: str, **changes: Any) -> str:
    """What a client answers to the challenges of a 401. without_qop: as RFC 2069 has it."""
    challenge = choose(reply.all("www-authenticate"))
    assert challenge is not None
    if changes.get("algorithm"):
        challenge = choose([one for one in reply.all("www-authenticate") if f"algorithm={changes['algorithm']}" in one])
    if changes.get("without_qop"):
        del challenge.fields["qop"]
    return challenge.answer(method, url, username, password)


def packets(data: bytes) -> list[tuple[int, bytes]]:
    """(channel, packet) of what is interleaved."""
    found = []
    while data:
        assert data[:1] == b"$", data[:40]
        size = int.from_bytes(data[2:4], "big")
        found.append((data[1], data[4 : 4 + size]))
        data = data[4 + size :]
    return found


def transport_of(reply: Reply) -> dict[str, str]:
    return dict(re.findall(r"([a-z_]+)=\"?([^;\"]+)", reply.headers["transport"]))
