"""WAMP over WebSocket: one connection, what it may send, and what it is spared while it does not read.

The forces. A client may send faster than devices answer, and read slower than pictures and changes come. So
nothing is taken from a client while answers are due or the connection is full: its messages stay in its own
socket, but for the few that had arrived already. And nothing is written to a full connection: changes and
pictures wait as the newest of each, with whoever makes them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from autobahn.twisted.websocket import WampWebSocketServerFactory, WampWebSocketServerProtocol
from autobahn.wamp import message
from autobahn.wamp.exception import InvalidUriError, ProtocolError
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from camd.errors import RateLimited

from . import errors
from .codec import CODECS
from .errors import error_message
from .realm import Realm
from .session import Session

if TYPE_CHECKING:
    from camd.app import App
    from camd.state import Principal

#: The longest message; for a longer one the connection is closed with 1009 (bytes).
MAX_MESSAGE = 64 * 1024
#: Calls that may be under way; until one is answered no further message is read.
MAX_WAITING = 32
#: Opcodes of RFC 6455 section 5.2.
TEXT, BINARY = 1, 2
#: The messages of a client, by their type.
_MESSAGES = {
    kind.MESSAGE_TYPE: kind
    for kind in (
        message.Hello, message.Abort, message.Authenticate, message.Goodbye, message.Subscribe,
        message.Unsubscribe, message.Publish, message.Call, message.Cancel, message.Register,
        message.Unregister,
    )
}  # fmt: skip
_REQUESTS = (
    message.Subscribe, message.Unsubscribe, message.Publish, message.Call, message.Register,
    message.Unregister,
)  # fmt: skip


@implementer(IPushProducer)
class WampProtocol(WampWebSocketServerProtocol):
    """One connection. principal, address: who and where it is, by its handshake. Reactor thread only."""

    factory: WampFactory
    principal: Principal
    address: str
    _session: Session | None
    _log = Logger()

    def __init__(self) -> None:
        super().__init__()
        self._unread: deque[tuple[bytes, bool]] = deque()
        self._full = False  # the transport takes no more for now
        self._reading = True
        self._turning = False

    def dataReceived(self, data: bytes) -> None:
        # Autobahn's own formats a debug line for each, whether it is logged or not.
        self._dataReceived(data)

    def onOpen(self) -> None:
        # The HTTP channel that the connection came through is still the transport's producer.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        self._bucket = self.factory.app.web.limits.messages()
        super().onOpen()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self._unread.clear()
        super().onClose(wasClean, code, reason)
        self.factory.app.web.websocket.leave(self)

    # -- coming in

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self._unread.append((payload, isBinary))
        self._turn()

    @property
    def _ready(self) -> bool:
        return not self._full and self._session is not None and self._session.caller.waiting < MAX_WAITING

    def _turn(self) -> None:
        """Take messages while that is possible, and read on if it still is."""
        if self._turning:
            return
        self._turning = True
        try:
            while self._unread and self._ready:
                self._take(*self._unread.popleft())
        finally:
            self._turning = False
        if self._session is not None and self._reading != self._ready:
            self._reading = self._ready
            (self.transport.resumeProducing if self._reading else self.transport.pauseProducing)()

    def _take(self, payload: bytes, binary: bool) -> None:
        # Autobahn would close the connection without a word for the client, but with many in the log.
        try:
            content = self._serializer.unserialize(payload, binary)
            received = self._parse(content)
            if received is not None and not self._is_hasty(received):
                self._session.onMessage(received)
        except ProtocolError as error:
            self._session.abort(errors.PROTOCOL_VIOLATION, str(error)[:200])
        except Exception:
            self._log.failure("a message of {peer} failed", peer=self.address)
            self._session.abort(errors.INTERNAL, "see the log of camd")

    def _parse(self, content: list[Any]) -> message.Message | None:
        """The message, None if it is answered already. Raises ProtocolError."""
        kind = _MESSAGES.get(content[0])
        if kind is None:
            raise ProtocolError(f"no client sends messages of type {content[0]}")
        try:
            return kind.parse(content)
        except InvalidUriError as error:
            if kind not in _REQUESTS:
                raise ProtocolError(str(error)) from None
            self.send(message.Error(kind.MESSAGE_TYPE, content[1], errors.INVALID_URI, [str(error)[:200]]))
            return None
        except ProtocolError:
            raise
        except Exception as error:  # what Autobahn did not think of
            raise ProtocolError(f"not a {kind.__name__.upper()}: {error}") from None

    def _is_hasty(self, received: message.Message) -> bool:
        """Whether it is a request too many; then it is answered with when to try again."""
        if not isinstance(received, _REQUESTS) or not self.factory.app.web.limits.enabled:
            return False
        if not self._bucket.take(self.factory.reactor.seconds()):
            return False
        if not isinstance(received, message.Publish) or received.acknowledge:
            self.send(error_message(received, RateLimited(self._bucket.rate)))
        return True

    # -- going out

    def send(self, msg: message.Message) -> None:
        # Not sendMessage: Autobahn's limit for messages that come in would hold for pictures, too.
        if self.state == self.STATE_OPEN:
            self.sendFrame(BINARY if self._serializer.BINARY else TEXT, msg.serialize(self._serializer))

    def answered(self) -> None:
        """A call under way got its answer."""
        self._turn()

    def leave(self, code: int) -> None:
        """Close the connection after the last word."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=code)

    def go_away(self) -> None:
        """camd stops."""
        if self.state == self.STATE_OPEN and self._session is not None:
            self._session.leave(errors.SYSTEM_SHUTDOWN, "camd stops", code=1001)
        else:
            self.transport.abortConnection()

    @property
    def is_stranger(self) -> bool:
        """Neither the handshake nor the session says who it is."""
        return self.principal.how == "guest" and not (self._session is not None and self._session.joined)

    @property
    def queue_depth(self) -> int:
        return self._session.subscriber.queue_depth if self._session is not None else 0

    def pauseProducing(self) -> None:
        self._full = True
        if self._session is not None:
            self._session.pause()
        self._turn()

    def resumeProducing(self) -> None:
        self._full = False
        if self._session is not None:
            self._session.resume()
        self._turn()

    def stopProducing(self) -> None:
        """The transport is gone; onClose follows."""


class WampFactory(WampWebSocketServerFactory):
    """All WAMP connections, over HTTP and HTTPS; each takes one of the places that all WebSockets share."""

    log_namespace = "camd_plugins.wamp"
    protocol = WampProtocol

    def __init__(self, app: App):
        self.app = app
        self.realm = Realm(app)
        super().__init__(lambda: Session(self.realm), serializers=CODECS, reactor=app.reactor, server="camd")
        self.setProtocolOptions(
            maxFramePayloadSize=MAX_MESSAGE,
            maxMessagePayloadSize=MAX_MESSAGE,
            failByDrop=False,
            openHandshakeTimeout=10,
            closeHandshakeTimeout=1,
            tcpNoDelay=True,
            perMessageCompressionAccept=lambda offers: None,
        )

    def buildProtocol(self, address: Any) -> WampProtocol:
        config = self.app.config.websocket
        self.setProtocolOptions(autoPingInterval=config.ping_interval, autoPingTimeout=config.ping_timeout)
        connection = super().buildProtocol(address)
        self.app.web.websocket.enter(connection)
        return connection
