"""Client: one WebSocket of ours whose messages are JSON, whatever they are about.

Here is what every endpoint needs: who it is and whether that still holds, how much it may ask, and that a
client which does not read is not read either. What its messages mean is said by the protocols made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from ..direct import DirectWriter
from ..errors import Invalid, RateLimited, Unauthorized
from ..state.permission import Principal
from ..wire.strictjson import dumps, loads
from ..wire.websocket import text_frame
from .api import Message, Session, answer
from .connection import Connection
from .credentials import authenticated, take_credentials
from .identify import is_signed_in
from .presence import SIGNED_OUT, Visit
from .ratelimit import MESSAGES, Bucket

if TYPE_CHECKING:
    from ..config import WebSocketConfig
    from .web import Web

#: Longest text that is looked at; a longer one is answered with an error (bytes).
MAX_MESSAGE = 64 * 1024
#: Beyond this the connection is closed with 1009.
MAX_PAYLOAD = 1024 * 1024
#: Requests of one client that may wait for a device; more are not read until some are answered.
MAX_PENDING = 32
#: A client that may do nothing has so long to sign in (seconds).
SIGN_IN_TIME = 10.0
_NOT_TEXT = Invalid("", "messages are JSON text, not binary")
_CREDENTIALS = frozenset(("username", "password", "token"))
#: Steps of parsing, about two a message, in one turn of the reactor: then it is everybody else's.
MAX_STEPS = 16
_log = Logger(namespace="camd.web.client")


@implementer(IPushProducer)
class ClientProtocol(WebSocketServerProtocol):
    """One client. Reactor thread only. principal, address: who and where it is, by its handshake; session: who
    it is now. write: the way out, None while the client does not read.

    Of others: `request` answers; `begin`, `reconsider` and `end` are told of its identity, `catch_up` that it
    reads again.
    """

    principal: Principal
    address: str
    write: Callable[[bytes], None] | None = None
    session: Session
    _writer: DirectWriter | None = None
    _visit: Visit | None = None
    _deadline: Any = None  # to sign in
    _bucket: Bucket
    _pending = 0
    _paused = False
    _steps = 0
    _next_turn: Any = None
    _consuming = False
    _reading = True

    def dataReceived(self, data: bytes) -> None:
        # Autobahn's own formats a debug line for each, whether it is logged or not.
        self._dataReceived(data)

    def consumeData(self) -> None:
        """Autobahn's loop over what has arrived, as far as this client may go now.

        One read brings thousands of small requests. Those that come behind the one whose answer the
        client does not take wait like those that were not read yet, and nobody has the reactor for
        longer than MAX_STEPS.
        """
        if self.state != self.STATE_OPEN:
            super().consumeData()
            return
        if self._consuming or self._next_turn is not None:  # the loop goes on anyway
            return
        self._consuming, self._steps = True, MAX_STEPS
        try:
            super().consumeData()
        finally:
            self._consuming = False
        if self._steps == 0 and self.data and self.state == self.STATE_OPEN:
            self._next_turn = self.factory.reactor.callLater(0, self._take_turn)
        self._set_reading()

    def processData(self) -> bool:
        if self.state == self.STATE_OPEN:
            if self._paused or self._pending >= MAX_PENDING or self._steps == 0:
                return False
            self._steps -= 1
        return super().processData()

    def _take_turn(self) -> None:
        self._next_turn = None
        self.consumeData()

    def _set_reading(self) -> None:
        """Read from the connection only what can be worked on."""
        reading = not self._paused and self._pending < MAX_PENDING and self._next_turn is None
        if reading == self._reading or self.write is None and reading:
            return
        self._reading = reading
        if reading:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()

    def onConnect(self, request: Any) -> None:
        self.session = self.new_session()
        self._bucket = Bucket(MESSAGES, self.factory.reactor.seconds())

    def new_session(self) -> Session:
        """For the messages of this client."""
        return Session(self.principal, address=self.address)

    def onOpen(self) -> None:
        # The HTTP channel that the connection came through is still the transport's producer.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        self._writer = DirectWriter(self.transport)
        self.write = self._writer.write
        self._visit = self.factory.web.presence.enter(self.principal, self._rights_changed)
        self._expect_identity()
        self.begin()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.write = None
        if self._visit is not None:
            self._visit.leave()
        self._stop_waiting()
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        self.end()
        self.factory.count.leave(self)

    # -- what others make of it

    async def request(self, message: Any, session: Session) -> Message:
        """The answer to what a client asks that may do something. Raises CamdError."""
        raise NotImplementedError

    def begin(self) -> None:
        """It is connected, perhaps as nobody yet."""

    def reconsider(self) -> None:
        """What it may or wants to get became another."""

    def end(self) -> None:
        """Nothing more for it: its identity ended, or it is gone. May be called more than once."""

    def catch_up(self) -> None:
        """It reads again: give it what was kept."""

    # -- who it is

    def _expect_identity(self) -> None:
        """Start or stop the clock for a client that may do nothing as it is."""
        by = self.session.by
        if is_signed_in(by) or by.permissions:
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.factory.reactor.callLater(SIGN_IN_TIME, self._sign_out)

    def _stop_waiting(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    @property
    def is_stranger(self) -> bool:
        return self._deadline is not None

    def _sign_out(self) -> None:
        """Nothing more for an identity that ended or never came."""
        self.end()
        self.sendClose(SIGNED_OUT, "not signed in")

    def _rights_changed(self, principal: Principal | None) -> None:
        """Somebody changed what this client may, or ended its session; the client is told."""
        self._identity_changed(principal)
        if principal is not None:
            self.answer(authenticated(principal, {}))

    def _identity_changed(self, principal: Principal | None) -> None:
        if principal is None:
            self._sign_out()
            return
        self.session.by = principal
        self._expect_identity()
        self._rejoin()

    def _rejoin(self) -> None:
        if self._writer is not None and self.state == self.STATE_OPEN:
            self.reconsider()

    async def _sign_in(self, message: Message, session: Session) -> Message:
        given, rest = take_credentials(message)
        if given is None or rest is not None:
            raise Invalid("", "credentials are a message of their own")
        principal = await self.factory.web.sign_in(given, self.address)
        if self._visit is not None:
            self._visit.principal = principal
        self._identity_changed(principal)
        return authenticated(principal, {})

    # -- what it says

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        # Autobahn would swallow an exception: everything that can fail answers or logs by itself.
        self._pending += 1
        ensureDeferred(self._respond(payload, isBinary)).addErrback(
            lambda failure: _log.failure("answer not sent", failure)
        )

    async def _respond(self, payload: bytes, binary: bool) -> None:
        try:
            message = _NOT_TEXT if binary else loads(payload, MAX_MESSAGE)
        except Invalid as error:
            message = error  # counts like any other message, and is then answered
        result = await answer(self._ask, message, self.session)
        self._pending -= 1
        self.answer(result)
        if not self._reading:
            self.consumeData()

    async def _ask(self, message: Any, session: Session) -> Message:
        self._count()
        if isinstance(message, Invalid):
            raise message
        if isinstance(message, dict) and not _CREDENTIALS.isdisjoint(message):
            return await self._sign_in(message, session)
        if not session.by.permissions and not is_signed_in(session.by):
            raise Unauthorized
        return await self.request(message, session)

    def _count(self) -> None:
        """Note that the client is active. Raises RateLimited if it is so too much."""
        web = self.factory.web
        if web.limits.enabled and self._bucket.take(self.factory.reactor.seconds()):
            raise RateLimited(MESSAGES)
        if self.session.by.how == "session":
            web.users.touch(self.session.by)

    def answer(self, message: dict[str, Any]) -> None:
        """Send one message to this client alone."""
        if self._writer is not None and self.state == self.STATE_OPEN:
            self._writer.write(text_frame(dumps(message).encode()))

    def go_away(self) -> None:
        """Close with 1001 (RFC 6455 section 7.4.1), which Autobahn's sendClose leaves to browsers."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=1001, reasonUtf8=b"camd stops")
        else:
            self.transport.abortConnection()

    @property
    def queue_depth(self) -> int:
        """Messages that wait for it."""
        return 0

    def pauseProducing(self) -> None:
        self._paused = True
        self.write = None
        self._set_reading()

    def resumeProducing(self) -> None:
        self._paused = False
        if self._writer is None or self.state != self.STATE_OPEN:
            return
        self.write = self._writer.write
        self.catch_up()
        if not self._paused:
            self.consumeData()

    def stopProducing(self) -> None:
        """The transport is gone; onClose follows."""
        self.write = None


class ClientFactory(WebSocketServerFactory):
    """The clients of one endpoint over HTTP and HTTPS.

    Endpoints `enter` their connections at a `count`, and `leave` when they are lost, so that one limit holds for
    all that have the same. clients: connected now; refused: turned away, or out, at the limit.
    """

    log_namespace = "camd.web.websocket"
    protocol = ClientProtocol

    def __init__(self, config: WebSocketConfig, reactor: Any, web: Web, count: ClientFactory | None = None):
        super().__init__(reactor=reactor, server="camd")
        self.web = web
        self.count = count or self
        self.refused = 0
        self._clients: dict[Connection, None] = {}
        self._all_gone: Deferred[None] | None = None
        self.configure(config)

    def configure(self, config: WebSocketConfig) -> None:
        """Take the limits; pings count for connections made from now on."""
        self.max_clients = config.max_clients
        self.setProtocolOptions(
            maxFramePayloadSize=MAX_PAYLOAD,
            maxMessagePayloadSize=MAX_PAYLOAD,
            failByDrop=False,
            openHandshakeTimeout=10,
            closeHandshakeTimeout=1,
            autoPingInterval=config.ping_interval,
            autoPingTimeout=config.ping_timeout,
            tcpNoDelay=True,
            perMessageCompressionAccept=lambda offers: None,
        )

    @property
    def clients(self) -> int:
        return len(self._clients)

    @property
    def queue_depth(self) -> int:
        """Messages that wait for clients that do not read."""
        return sum(client.queue_depth for client in self._clients)

    @property
    def full(self) -> bool:
        return len(self._clients) >= self.max_clients

    def buildProtocol(self, address: Any) -> ClientProtocol:
        protocol = super().buildProtocol(address)
        self.count.enter(protocol)
        return protocol

    def enter(self, connection: Connection) -> None:
        """A WebSocket of any endpoint begins; a handshake takes a place, too."""
        self._clients[connection] = None

    def leave(self, connection: Connection) -> None:
        """It is gone; may be called more than once."""
        self._clients.pop(connection, None)
        if self._all_gone is not None and not self._clients and not self._all_gone.called:
            self._all_gone.callback(None)

    def drop_stranger(self) -> None:
        """Free the place of the client that has been nobody for longest, if there is one."""
        for connection in self._clients:
            if connection.is_stranger:
                self.refused += 1
                self.leave(connection)
                connection.transport.abortConnection()
                return

    def close(self, patience: float) -> Deferred[None]:
        """Tell every client that the server goes away (1001); fires when all are gone, or after
        patience seconds, for some will not answer."""
        done = self._all_gone = Deferred()
        if not self._clients:
            done.callback(None)
            return done
        for client in list(self._clients):
            client.go_away()
        late = self.reactor.callLater(patience, lambda: done.called or done.callback(None))
        return done.addCallback(lambda _: late.active() and late.cancel() or None)
