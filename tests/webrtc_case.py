"""The plugin webrtc with a child that does what the test says, and one camera that gives H.264."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from camd_plugins import webrtc
from camd_plugins.webrtc.framing import Message, Picture, Sound, Unpacker, pack_message
from twisted.internet.address import IPv4Address
from twisted.internet.error import ProcessDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from camd.config import CameraConfig
from camd.hookspecs import hookimpl
from camd.media import Capabilities, Format, Packet
from camd.state import Permission, Principal
from camd.testing import FakeSource, ThreadlessPool, app_for_tests

from .rest_client import Answer

FORMAT = Format("h264", 1280, 720, 30.0)
PEER = IPv4Address("TCP", "192.0.2.7", 40000)
OFFER = "v=0\r\n(an offer)\r\n"
ANN = Principal("ann", frozenset({Permission.Media_r, Permission.Media_rw}), how="bearer", key="1")
BEN = Principal("ben", frozenset({Permission.Media_r}), how="bearer", key="2")


class Fakes:
    """The kind of camera of these tests."""

    @hookimpl
    def camd_sources(self) -> dict[str, Any]:
        return {"fake": lambda address: FakeSource(format=FORMAT, capabilities=Capabilities("Fake"))}


class FakeChild:
    """A child process and the pipes to it: what it was told, and what it says."""

    def __init__(self, protocol: Any):
        self.protocol = protocol
        self.producer: Any = None
        self.signals: list[str] = []
        self.input_closed = False
        self.told: list[Message] = []
        self.pictures: list[Picture] = []
        self.sounds: list[Sound] = []
        self._unpacker = Unpacker(1 << 20)
        protocol.makeConnection(self)

    # -- a process transport

    def write(self, data: bytes) -> None:
        for piece in self._unpacker.take(data):
            if isinstance(piece, Picture):
                self.pictures.append(piece)
            elif isinstance(piece, Sound):
                self.sounds.append(piece)
            else:
                self.told.append(piece)

    def writeSequence(self, parts: Any) -> None:
        self.write(b"".join(parts))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def closeStdin(self) -> None:
        self.input_closed = True

    def signalProcess(self, signal: str) -> None:
        self.signals.append(signal)

    # -- what the test lets it do

    def say(self, **message: Any) -> None:
        self.protocol.outReceived(pack_message(message))

    def ready(self) -> None:
        self.say(say="ready")

    def asked(self, do: str) -> Message:
        """The newest of what it was told to do."""
        return next(message for message in reversed(self.told) if message["do"] == do)

    def answer(self, **values: Any) -> None:
        """To what it was asked last."""
        ask = next(message["ask"] for message in reversed(self.told) if "ask" in message)
        self.say(say="answer", ask=ask, **values)

    def die(self) -> None:
        self.protocol.processEnded(Failure(ProcessDone(0)))


class WebRtcCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.app = app_for_tests(Path(self.mktemp()), {"fakes": Fakes(), "webrtc": webrtc})
        self.app.threads.pools["capture"] = ThreadlessPool(at_once=False)  # the test gives the pictures
        self.addCleanup(self.app.cameras.stop)
        self.addCleanup(self.app.extensions.stop_services)
        self.addCleanup(self.end_children)
        self.app.cameras.configure({id: CameraConfig(id, f"fake:{id}") for id in ("cam1", "cam2")})
        self.gateway = webrtc.gateway_of(self.app)
        self.children: list[FakeChild] = []
        self.gateway.spawn = lambda reactor, protocol: self.children.append(FakeChild(protocol))
        self.app.web.assume = ANN
        self.users = self.app.web.presence._users
        self.patch(self.users, "still_valid", lambda principal: self.rights.get(principal.name))
        self.rights: dict[str, Principal | None] = {"ann": ANN, "ben": BEN}
        for id in ("cam1", "cam2"):
            self.app.cameras[id].pipeline.opened(FORMAT)
        self.number = 0

    def end_children(self) -> None:
        for child in self.children:
            if not child.protocol.ended.called:
                child.die()

    @property
    def child(self) -> FakeChild:
        return self.children[-1]

    def value(self, name: str) -> Any:
        return self.app.state[f"webrtc/{name}"].value

    def picture(self, keyframe: bool = False, camera: str = "cam1") -> None:
        """The camera gives the next access unit."""
        self.number += 1
        moment = self.number / 30
        packet = Packet(b"unit %d" % self.number, "h264", moment, moment, moment, keyframe)
        self.app.cameras[camera].pipeline.source.publish(packet)

    def begin(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/sdp", **headers: str
    ) -> StringTransport:
        """Send a request; its answer is in the transport when there is one."""
        lines = [f"{method} {path} HTTP/1.1", "Host: 192.0.2.1"]
        lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
        if body:
            lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
        channel = self.app.web.site.buildProtocol(PEER)
        transport = StringTransport(peerAddress=PEER)
        transport.protocol = channel
        channel.makeConnection(transport)
        channel.dataReceived("\r\n".join([*lines, "", ""]).encode() + body)
        return transport

    def ask(self, *args: Any, **headers: str) -> Answer:
        """Send a request that is answered at once."""
        data = self.begin(*args, **headers).value()
        assert data, f"{args[:2]} has no answer yet"
        return Answer(data)

    def post(self, path: str = "/cam/cam1/whep", **headers: str) -> StringTransport:
        return self.begin("POST", path, OFFER.encode(), **headers)

    def watch(self, path: str = "/cam/cam1/whep") -> Answer:
        """A viewer that got its answer."""
        transport = self.post(path)
        if not self.child.protocol.started.called:
            self.child.ready()
        self.child.answer(sdp="v=0\r\n(an answer)\r\n")
        return Answer(transport.value())
