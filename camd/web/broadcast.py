"""Broadcast: every change of the State to every client that may read it, as it happens.

The forces. A change must reach a thousand clients within milliseconds, so a message is built once
and a client costs one attempt at send(). A client that does not read must cost nothing, so it gets
no queue, but a dictionary of the newest message per name, which cannot grow beyond the State.

Clients with equal rights and equal wishes share an audience; whether an audience may read a name is
decided once per change, not once per client.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from twisted.logger import Logger

from ..direct import Fanout, Recipient
from ..state.alias import Alias, Vocabulary
from ..state.observable import Observable
from ..state.permission import SYSTEM
from ..state.state import State
from ..wire.strictjson import dumps
from ..wire.websocket import text_frame
from .api import Session, may_read, wants


class Client(Recipient, Protocol):
    """A connected client with what it may and wants to read."""

    session: Session


class Change:
    """One change, in the words of each language that somebody speaks; a message is built when the first
    audience wants it, and then shared."""

    __slots__ = ("observable", "_frame", "_aliases")

    def __init__(self, observable: Observable, removed: bool):
        self.observable = observable
        self._frame = change_frame(observable, removed)
        self._aliases: dict[Vocabulary, list[tuple[Alias, bytes]]] = {}

    def frames(self, audience: Audience) -> list[tuple[str, bytes]]:
        """(name, frame) of every message that this audience gets."""
        frames = [(self.observable.spec.name, self._frame)] if audience.reads(self.observable) else []
        session = audience.session
        if session.vocabulary is not None:
            frames += [
                (alias.name, frame)
                for alias, frame in self._in(session.vocabulary)
                if wants(session, alias.name) and alias.may_read(session.by)
            ]
        return frames

    def _in(self, vocabulary: Vocabulary) -> list[tuple[Alias, bytes]]:
        known = self._aliases.get(vocabulary)
        if known is None:
            try:
                known = [(alias, _alias_frame(vocabulary, alias)) for alias in vocabulary.of(self.observable)]
            except Exception:  # a plugin's; the other clients are to hear of the change all the same
                Broadcast.log.failure("{name} cannot be told in other words", name=self.observable.name)
                known = []
            self._aliases[vocabulary] = known
        return known


class Audience:
    """Clients that may and want to read the same names."""

    __slots__ = ("session", "clients", "_reads")

    def __init__(self, session: Session, reactor: Any):
        self.session = replace(session)  # the clients' own go on changing
        self.clients = Fanout(reactor)
        self._reads: dict[Any, bool] = {}

    def reads(self, observable: Observable) -> bool:
        key = (observable.spec.name, observable.spec.read)
        known = self._reads.get(key)
        if known is None:
            known = self._reads[key] = self.session.paths and may_read(observable, self.session)
        return known

    def send(self, frames: list[tuple[str, bytes]]) -> None:
        if len(frames) == 1:
            self.clients.write(*frames[0])
            return
        joined = b"".join(frame for _, frame in frames)
        for client in self.clients:
            write = client.write
            if write is not None:
                write(joined)
            else:
                for name, frame in frames:
                    client.hold(name, frame)


class Broadcast:
    """Sends changes to the clients that joined. Reactor thread only."""

    log = Logger()

    def __init__(self, state: State, reactor: Any = None):
        self._state = state
        self._reactor = reactor
        self._audiences: dict[Any, Audience] = {}
        self._batch: list[Change] | None = None
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
        change = Change(observable, removed=observable.spec.name not in self._state)
        if self._batch is not None:
            self._batch.append(change)
        else:
            self._tell([change])

    def _set_batch(self, begins: bool) -> None:
        self._batches += 1 if begins else -1
        if begins:
            self._batch = [] if self._batch is None else self._batch
        if not self._batches:
            batch, self._batch = self._batch, None
            self._tell(batch)

    def _tell(self, changes: list[Change]) -> None:
        for audience in self._audiences.values() if changes else ():
            frames = [frame for change in changes for frame in change.frames(audience)]
            if frames:
                audience.send(frames)


def change_frame(observable: Observable, removed: bool = False) -> bytes:
    """{"state": name, "value": v, "rev": n} as a WebSocket text frame."""
    message = {"state": observable.spec.name, "value": observable.value, "rev": observable.rev}
    if removed:
        message["removed"] = True
    return text_frame(dumps(message).encode())


def _alias_frame(vocabulary: Vocabulary, alias: Alias) -> bytes:
    return text_frame(dumps(vocabulary.message(alias, alias.get(SYSTEM))).encode())


def _key(session: Session) -> Any:
    return session.by.permissions, session.by.cameras, session.patterns, session.vocabulary, session.paths
