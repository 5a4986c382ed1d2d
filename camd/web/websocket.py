"""The WebSocket at /api: live state in both directions (RFC 6455, carried by Autobahn).

A client that stops reading is never queued for: its transport pauses us, changes are kept as the
newest per name, its own messages are not read meanwhile, and it gets the kept ones when it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from ..errors import Invalid
from ..wire.strictjson import dumps, loads
from ..wire.websocket import text_frame
from .api import Api, Session, error_answer
from .broadcast import Broadcast
from .direct import DirectWriter

if TYPE_CHECKING:
    from ..config import WebSocketConfig
    from ..state.permission import Principal

#: Longest text that is looked at; a longer one is answered with an error (bytes).
MAX_MESSAGE = 64 * 1024
#: Beyond this the connection is closed with 1009.
MAX_PAYLOAD = 1024 * 1024
#: Requests of one client that may wait for a device; more are not read until some are answered.
MAX_PENDING = 32
#: Steps of parsing, about two a message, in one turn of the reactor: then it is everybody else's.
MAX_STEPS = 16
_log = Logger(namespace="camd.web.websocket")


@implementer(IPushProducer)
class StateProtocol(WebSocketServerProtocol):
    """One client. Reactor thread only."""

    write: Callable[[bytes], None] | None = None  # the way out; None while the client does not read
    session: Session
    _held: dict[str, bytes] | None = None
    _writer: DirectWriter | None = None
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
        self.session = Session(self.factory.identify(request), can_subscribe=True)

    def onOpen(self) -> None:
        # The HTTP channel that the connection came through is still the transport's producer.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        self._writer = DirectWriter(self.transport)
        self.write = self._writer.write
        self.factory.opened(self)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.write = None
        self._held = None
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        self.factory.closed(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        # Autobahn would swallow an exception: everything that can fail answers or logs by itself.
        try:
            if isBinary:
                raise Invalid("", "messages are JSON text, not binary")
            message = loads(payload, MAX_MESSAGE)
        except Invalid as error:
            self.answer(error_answer(error))
            return
        self._pending += 1
        ensureDeferred(self._respond(message)).addErrback(
            lambda failure: _log.failure("answer not sent", failure)
        )

    async def _respond(self, message: Any) -> None:
        patterns = self.session.patterns
        result = await self.factory.api.answer(message, self.session)
        self._pending -= 1
        if self.session.patterns != patterns and self._writer is not None:
            self.factory.rejoin(self)
        self.answer(result)
        if not self._reading:
            self.consumeData()

    def answer(self, message: dict[str, Any]) -> None:
        """Send one message to this client alone."""
        if self._writer is not None and self.state == self.STATE_OPEN:
            self._writer.write(text_frame(dumps(message).encode()))

    def hold(self, name: str, frame: bytes) -> None:
        """The client does not read: keep the newest of each name."""
        held = self._held
        if held is None:  # closed; the broadcast will hear of it in a moment
            return
        if name in held:
            self.factory.drops += 1
            del held[name]  # in the order of revisions, so that a client can tell what it has seen
        held[name] = frame

    def go_away(self) -> None:
        """Close with 1001 (RFC 6455 section 7.4.1), which Autobahn's sendClose leaves to browsers."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=1001, reasonUtf8=b"camd stops")
        else:
            self.transport.abortConnection()

    @property
    def queue_depth(self) -> int:
        return len(self._held or ())

    def pauseProducing(self) -> None:
        self._paused = True
        self._held = {} if self._held is None else self._held
        self.write = None
        self._set_reading()

    def resumeProducing(self) -> None:
        self._paused = False
        held, self._held = self._held, None
        if self._writer is None or self.state != self.STATE_OPEN:
            return
        self.write = self._writer.write
        if held:
            self._writer.write(b"".join(held.values()))
        if not self._paused:
            self.consumeData()

    def stopProducing(self) -> None:
        """The transport is gone; onClose follows."""
        self.write = None


class StateFactory(WebSocketServerFactory):
    """All WebSocket clients of the daemon, over HTTP and HTTPS, with one limit.

    identify(request) -> Principal. clients: connected now; refused: turned away at the limit;
    drops: messages replaced by newer ones of the same name before a slow client read them.
    """

    log_namespace = "camd.web.websocket"
    protocol = StateProtocol

    def __init__(
        self,
        api: Api,
        broadcast: Broadcast,
        config: WebSocketConfig,
        reactor: Any,
        identify: Callable[[Any], Principal],
    ):
        super().__init__(reactor=reactor, server="camd")
        self.api = api
        self.identify = identify
        self.refused = 0
        self.drops = 0
        self._broadcast = broadcast
        self._clients: dict[StateProtocol, None] = {}
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

    def buildProtocol(self, address: Any) -> StateProtocol:
        protocol = super().buildProtocol(address)
        self._clients[protocol] = None  # counted from now on: a handshake takes a place, too
        return protocol

    def opened(self, client: StateProtocol) -> None:
        self._broadcast.join(client)

    def rejoin(self, client: StateProtocol) -> None:
        self._broadcast.leave(client)
        self._broadcast.join(client)

    def closed(self, client: StateProtocol) -> None:
        self._clients.pop(client, None)
        self._broadcast.leave(client)
        if self._all_gone is not None and not self._clients and not self._all_gone.called:
            self._all_gone.callback(None)

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
