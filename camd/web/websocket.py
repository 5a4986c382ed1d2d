"""The WebSocket at /api: live state in both directions (RFC 6455, carried by Autobahn).

A client that stops reading is never queued for: its transport pauses us, changes are kept as the
newest per name, its own messages are not read meanwhile, and it gets the kept ones when it returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .api import Dialect, Message, Session
from .broadcast import Broadcast
from .client import ClientFactory, ClientProtocol

if TYPE_CHECKING:
    from ..config import WebSocketConfig
    from ..state.alias import Vocabulary
    from .web import Web


class StateProtocol(ClientProtocol):
    """One client. Reactor thread only."""

    factory: StateFactory
    _held: dict[str, bytes] | None = None

    def new_session(self) -> Session:
        words = self.factory.vocabulary
        return Session(
            self.principal, can_subscribe=True, vocabulary=words, paths=words is None, on_change=self._rejoin,
            address=self.address,
        )  # fmt: skip

    async def request(self, message: Any, session: Session) -> Message:
        return await self.factory.api.ask(message, session)

    def begin(self) -> None:
        self.factory.broadcast.join(self)

    def reconsider(self) -> None:
        self.factory.broadcast.leave(self)
        self.factory.broadcast.join(self)

    def end(self) -> None:
        self.factory.broadcast.leave(self)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self._held = None
        super().onClose(wasClean, code, reason)

    def hold(self, name: str, frame: bytes) -> None:
        """The client does not read: keep the newest of each name."""
        held = self._held
        if held is None:  # closed; the broadcast will hear of it in a moment
            return
        if name in held:
            self.factory.count.drops += 1
            del held[name]  # in the order of revisions, so that a client can tell what it has seen
        held[name] = frame

    @property
    def queue_depth(self) -> int:
        return len(self._held or ())

    def pauseProducing(self) -> None:
        self._held = {} if self._held is None else self._held
        super().pauseProducing()

    def catch_up(self) -> None:
        held, self._held = self._held, None
        if held and self.write is not None:
            self.write(b"".join(held.values()))


class StateFactory(ClientFactory):
    """The clients of one endpoint of the State. That of /api is the count of all WebSockets but those of pictures.

    drops: messages replaced by newer ones of the same name before a slow client read them. vocabulary: the words
    in which clients hear of changes, None for the names of the State.
    """

    protocol = StateProtocol
    count: StateFactory

    def __init__(
        self,
        api: Dialect,
        broadcast: Broadcast,
        config: WebSocketConfig,
        reactor: Any,
        web: Web,
        vocabulary: Vocabulary | None = None,
        count: StateFactory | None = None,
    ):
        super().__init__(config, reactor, web, count)
        self.api = api
        self.broadcast = broadcast
        self.vocabulary = vocabulary
        self.drops = 0
