"""Broadcast: every change of the State to every client that may read it, as it happens.

The forces. A change must reach a thousand clients within milliseconds, so a message is built once
and a client costs one attempt at send(). A client that does not read must cost nothing, so it gets
no queue, but a dictionary of the newest message per name, which cannot grow beyond the State.

Clients with equal rights and equal wishes share an audience; whether an audience may read a name is
decided once per change, not once per client.
"""

from __future__ import annotations

from typing import Any, Protocol

from ..state.observable import Observable
from ..state.state import State
from ..wire.strictjson import dumps
from ..wire.websocket import text_frame
from .api import Session, may_read
from .direct import Fanout, Recipient


class Client(Recipient, Protocol):
    """A connected client with what it may and wants to read."""

    session: Session


class Audience:
    """Clients that may and want to read the same names."""

    __slots__ = ("session", "clients", "_reads")

    def __init__(self, session: Session, reactor: Any):
        self.session = Session(session.by, True, session.patterns)
        self.clients = Fanout(reactor)
        self._reads: dict[Any, bool] = {}

    def reads(self, observable: Observable) -> bool:
        key = (observable.spec.name, observable.spec.read)
        known = self._reads.get(key)
        if known is None:
            known = self._reads[key] = may_read(observable, self.session)
        return known


class Broadcast:
    """Sends changes to the clients that joined. Reactor thread only."""

    def __init__(self, state: State, reactor: Any = None):
        self._state = state
        self._reactor = reactor
        self._audiences: dict[Any, Audience] = {}
        self._batch: list[tuple[Observable, bytes]] | None = None
        self._batches = 0  # they may be nested: the outermost one counts
        state.on_batch = self._set_batch
        # Only changes: what is there already is the business of `get` and `since`.
        self._watch = state.observe("", self._changed)

    def join(self, client: Client) -> None:
        """From now on the client gets changes; again after its session changed."""
        key = _key(client.session)
        audience = self._audiences.get(key)
        if audience is None:
            audience = self._audiences[key] = Audience(client.session, self._reactor)
        audience.clients.add(client)

    def leave(self, client: Client) -> None:
        for key, audience in list(self._audiences.items()):
            audience.clients.discard(client)
            if not audience.clients:
                del self._audiences[key]

    def close(self) -> None:
        self._watch.close()

    def _changed(self, observable: Observable) -> None:
        if not self._audiences:
            return
        frame = change_frame(observable, removed=observable.spec.name not in self._state)
        if self._batch is not None:
            self._batch.append((observable, frame))
            return
        for audience in self._audiences.values():
            if audience.reads(observable):
                audience.clients.write(observable.spec.name, frame)

    def _set_batch(self, begins: bool) -> None:
        self._batches += 1 if begins else -1
        if begins:
            self._batch = [] if self._batch is None else self._batch
        if self._batches:
            return
        batch, self._batch = self._batch, None
        for audience in self._audiences.values() if batch else ():
            frames = [(o.spec.name, frame) for o, frame in batch if audience.reads(o)]
            joined = b"".join(frame for _, frame in frames)
            for client in audience.clients if frames else ():
                write = client.write
                if write is None:
                    for name, frame in frames:
                        client.hold(name, frame)
                else:
                    write(joined)


def change_frame(observable: Observable, removed: bool = False) -> bytes:
    """{"state": name, "value": v, "rev": n} as a WebSocket text frame."""
    message = {"state": observable.spec.name, "value": observable.value, "rev": observable.rev}
    if removed:
        message["removed"] = True
    return text_frame(dumps(message).encode())


def _key(session: Session) -> Any:
    return session.by.permissions, session.patterns
