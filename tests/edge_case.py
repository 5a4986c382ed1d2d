"""The whole web edge without a network: the real App with real accounts, asked over connections in memory."""

from __future__ import annotations

import functools
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import txaio
from twisted.internet.address import IPv4Address
from twisted.internet.defer import ensureDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

import camd.app
from camd.auth.accounts import Accounts
from camd.auth.users import Users
from camd.config import AuthConfig, CameraConfig, Config, WebConfig, WebSocketConfig
from camd.hookspecs import Method, hookimpl
from camd.media import Format, Packet
from camd.media.camera import Camera
from camd.state import Permission, Spec
from camd.testing import FakeReactor, FakeSource, ThreadlessPool, jpeg_packet

from .auth_case import CHEAP, PASSWORD, with_accounts

HOME = "192.0.2.7"
#: Accounts of every kind, by name: role, further permissions, cameras.
PEOPLE: dict[str, tuple[str, frozenset[Permission], frozenset[str] | None]] = {
    "admin": ("administrator", frozenset(), None),
    "operator": ("operator", frozenset(), None),
    "viewer": ("viewer", frozenset(), None),
    "nobody": ("guest", frozenset(), None),
    "streamer": ("guest", frozenset({Permission.Media_r}), None),
    "limited": ("operator", frozenset(Permission), frozenset({"cam1"})),
}


class Wire(StringTransport):
    """A connection that HTTP is spoken over, and perhaps a WebSocket later."""

    protocol: Any = None
    lost = False

    def __init__(self, address: str, port: int = 40000):
        super().__init__(peerAddress=IPv4Address("TCP", address, port))

    def setTcpNoDelay(self, on: bool) -> None: ...

    def loseWriteConnection(self) -> None:
        self.lost = True

    def loseConnection(self) -> None:
        self.lost = True

    def abortConnection(self) -> None:
        self.lost = True


class Answer:
    """One HTTP answer, taken apart. headers: by name in lower case, the last of each."""

    def __init__(self, data: bytes):
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1]) if first else 0
        self.lines = lines
        self.headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.json["error"]["code"]

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [
            line.partition(": ")[2] for line in self.lines if line.lower().startswith(name.lower() + ": ")
        ]


class Socket:
    """The client's side of a WebSocket in memory."""

    def __init__(self, wire: Wire):
        self.wire = wire
        self.handshake = Answer(wire.value())
        self._data = wire.value().partition(b"\r\n\r\n")[2]
        wire.clear()

    @property
    def is_open(self) -> bool:
        return self.handshake.status == 101 and not self.wire.lost

    def send(self, *messages: Any) -> None:
        self.wire.protocol.dataReceived(b"".join(_frame(json.dumps(one).encode()) for one in messages))

    def received(self) -> list[Any]:
        """The messages since last time, binary ones as bytes, and how it was closed as {"close": code}."""
        self._data += self.wire.value()
        self.wire.clear()
        found = []
        for opcode, payload in _unframe(self._data):
            if opcode == 8:
                found.append({"close": struct.unpack(">H", payload[:2])[0]})
            elif opcode == 1:
                found.append(json.loads(payload))
            elif opcode == 2:
                found.append(payload)
        self._data = b""
        return found

    def ask(self, message: Any) -> Any:
        self.received()
        self.send(message)
        return self.received()[0]


def _frame(payload: bytes) -> bytes:
    size = len(payload)
    length = bytes([128 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    return b"\x81" + length + bytes(4) + payload


def _unframe(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        size, begin = data[1], 2
        if size == 126:
            size, begin = struct.unpack(">H", data[2:4])[0], 4
        elif size == 127:
            size, begin = struct.unpack(">Q", data[2:10])[0], 10
        yield data[0] & 15, data[begin : begin + size]
        data = data[begin + size :]


class EdgeCase(SynchronousTestCase):
    """self.app serves two cameras, cam1 and door, to the accounts of PEOPLE.

    tokens: an API token of each by name. set_up: whether the accounts are there. web, auth: configuration.
    """

    set_up = True
    web = WebConfig(host_names=("camd",))
    auth = AuthConfig(rate_limits=False)
    plugins: Mapping[str, Any] = {}

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        if self.set_up:
            with_accounts(self.folder, self._people)
        self.patch(camd.app, "Users", functools.partial(Users, hashing=CHEAP))
        self.clock = FakeReactor()
        self.patch(txaio.config, "loop", self.clock)  # Autobahn's own timers
        config = Config(
            data_dir=self.folder, web=self.web, auth=self.auth, websocket=WebSocketConfig(ping_interval=0)
        )
        self.app = camd.app.App(config, self.clock)
        self.app.threads.pools = {name: ThreadlessPool() for name in self.app.threads.pools}
        self.app.threads.pools["capture"].at_once = False  # the cameras never get to open
        self.patch(Camera, "newest", lambda camera, encoding=None: self.picture())
        self.app.plugins.discover = lambda blocked=(), distributions=None: None
        for step in (
            self.app.audit.start(),
            self.app.users.start(),
            self.app.extensions.load({"lamp": _lamp(), **self.plugins}),
        ):
            self.get(step)
        self.addCleanup(lambda: self.get(self.app.users.stop()))
        self.app.cameras.configure(
            {"cam1": CameraConfig("cam1", "fake:"), "door": CameraConfig("door", "fake:")}
        )
        self.addCleanup(self.app.cameras.stop)
        self.users = self.app.users
        self.tokens = {name: self._token(name) for name in PEOPLE} if self.set_up else {}

    def picture(self) -> Packet:
        """The newest of every camera."""
        return Packet(
            b"\xff\xd8 a picture \xff\xd9", "mjpeg", pts=0.0, wall=0.0, grabbed=self.clock.seconds()
        )

    def _people(self, accounts: Accounts) -> None:
        for name, (role, additional, cameras) in PEOPLE.items():
            accounts.add_user(name, CHEAP.hash(PASSWORD), role, cameras, additional)

    def _token(self, name: str) -> str:
        by = self.get(self.users.by_password(name, PASSWORD, HOME))
        return self.get(self.users.create_token(by, "test"))[0]

    def get(self, work: Any) -> Any:
        return self.successResultOf(ensureDeferred(work))

    def connect(self, address: str = HOME, secure: bool = False) -> Wire:
        wire = Wire(address)
        if secure:
            alsoProvides(wire, ISSLTransport)
        wire.protocol = self.app.web.site.buildProtocol(wire.getPeer())
        wire.protocol.makeConnection(wire)
        return wire

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        by: str = "",
        address: str = HOME,
        secure: bool = False,
        **headers: str,
    ) -> Wire:
        """Send a request and return its connection, which the test must `lose`. by: the account whose API
        token goes with it; body: bytes, or what is sent as JSON; headers: `content_type` is Content-Type."""
        sent = {"Host": "camd"}
        if by:
            sent["Authorization"] = f"Bearer {self.tokens[by]}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        if body is not None:
            sent["Content-Length"] = str(len(body))
        sent |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items() if value is not None)
        wire = self.connect(address, secure)
        wire.protocol.dataReceived(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b""))
        return wire

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """The answer to a request; see `request`."""
        wire = self.request(method, path, body, **options)
        self.lose(wire)
        return Answer(wire.value())

    def socket(self, path: str = "/api", **options: Any) -> Socket:
        """A WebSocket; see `request`."""
        socket = Socket(
            self.request(
                "GET",
                path,
                upgrade="websocket",
                connection="Upgrade",
                sec_websocket_version="13",
                sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==",
                **options,
            )
        )
        self.addCleanup(self.lose, socket.wire)
        return socket

    def login(self, name: str = "admin", **options: Any) -> str:
        """A Cookie header of a new session."""
        answer = self.ask(
            "POST", "/api/login", {"username": name, "password": PASSWORD}, secure=True, **options
        )
        self.assertEqual(answer.status, 200, answer.body)
        return answer.headers["set-cookie"].partition(";")[0]

    def events(self, event: str) -> list[dict[str, Any]]:
        return [entry for entry in self.app.audit.tail(500) if entry["event"] == event]

    def lose(self, wire: Wire) -> None:
        """The client is gone; may be called again."""
        if wire.protocol is not None:
            if wire.producer is not None:
                wire.producer.stopProducing()
            wire.protocol.connectionLost(Failure(ConnectionDone()))
            wire.protocol = None


def _lamp() -> ModuleType:
    """A plugin with cameras, a state of each permission, a secret that nobody may read, and a call."""
    lamp = ModuleType("lamp")
    lamp.camd_sources = hookimpl(
        lambda: {
            "fake": lambda address: FakeSource(
                [jpeg_packet(n) for n in range(3)], Format("mjpeg", 640, 480, 30.0)
            )
        }
    )
    lamp.camd_observables = hookimpl(
        lambda: [
            Spec(
                f"lamp/{permission.name.lower()}",
                str,
                default=f"value of {permission.name}",
                read=permission,
                write=permission,
            )
            for permission in Permission
        ]
    )
    lamp.camd_methods = hookimpl(
        lambda: [
            Method("lamp.blink", {"times": int}, "Device_rw", lambda times: times),
            Method("lamp.shoot", {"camera": str}, "Media_r", lambda camera: camera),
        ]
    )
    return lamp
