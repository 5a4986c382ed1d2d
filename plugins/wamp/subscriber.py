"""Subscriber: the topics that one session wants, and what it has not yet been told of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from autobahn.wamp import message

from camd.errors import CamdError
from camd.state import Observable

from .errors import NO_SUCH_SUBSCRIPTION, Busy, error_message, refusal

if TYPE_CHECKING:
    from .broker import Subscription
    from .realm import Realm
    from .session import Session

MAX_SUBSCRIPTIONS = 100
#: Events that are sent in one turn of the reactor: a millisecond or two.
BATCH = 50


class Subscriber:
    """A session in this role of WAMP. Reactor thread only.

    While the client does not read, the newest change of each name is kept and no more: it misses values,
    but costs no memory. paused: it does not read.
    """

    def __init__(self, session: Session, realm: Realm):
        self.paused = False
        self._session = session
        self._realm = realm
        self._subscriptions: dict[int, Subscription] = {}
        self._retained: dict[int, Iterator[Observable]] = {}
        self._held: dict[str, tuple[Observable, int]] = {}
        self._later: Any = None

    @property
    def queue_depth(self) -> int:
        return len(self._held)

    def may_read(self, observable: Observable) -> bool:
        return self._session.by.may(observable.spec.read, observable.name)

    def may_know(self, name: str) -> bool:
        return self._session.by.knows(name)

    def send(self, event: message.Event) -> None:
        self._session.send(event)

    def hold(self, observable: Observable) -> None:
        """The client does not read: remember that this one changed, once for all its subscriptions."""
        before = self._held.get(observable.name)
        if before is not None and before[1] != observable.rev:
            self._realm.count_drop()
        self._held[observable.name] = observable, observable.rev

    def subscribe(self, request: message.Subscribe) -> None:
        broker = self._realm.broker
        try:
            if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
                raise Busy(f"a session has at most {MAX_SUBSCRIPTIONS} subscriptions")
            subscription = broker.subscribe(self, request.match, request.topic)
        except CamdError as error:
            self._session.send(error_message(request, error))
            return
        self._subscriptions[subscription.id] = subscription
        self._session.send(message.Subscribed(request.request, subscription.id))
        if request.get_retained:
            self._retained[subscription.id] = broker.retained(subscription)
            self.drain()

    def unsubscribe(self, request: message.Unsubscribe) -> None:
        subscription = self._subscriptions.pop(request.subscription, None)
        if subscription is None:
            self._session.send(refusal(request, NO_SUCH_SUBSCRIPTION, "there is no such subscription"))
            return
        self._retained.pop(subscription.id, None)
        self._realm.broker.unsubscribe(self, subscription)
        self._session.send(message.Unsubscribed(request.request))

    def drain(self) -> None:
        """Send the retained values that were asked for, then the changes that were held, until the
        connection is full; some at a time, for others want the reactor, too."""
        if self._later is not None and self._later.active():
            self._later.cancel()
        for _ in range(BATCH):
            if self.paused or not self._send_next():
                return
        self._later = self._realm.app.reactor.callLater(0, self.drain)

    def _send_next(self) -> bool:
        """Send one thing that is due; False if nothing is."""
        broker = self._realm.broker
        while self._retained:
            number, observables = next(iter(self._retained.items()))
            observable = next(observables, None)
            if observable is None:
                del self._retained[number]
            elif self.may_read(observable):
                self.send(broker.event(self._subscriptions[number], observable, retained=True))
                return True
        if not self._held:
            return False
        name = next(iter(self._held))
        observable, _ = self._held.pop(name)
        if self.may_read(observable):
            for subscription in broker.accepting(name):
                if subscription.id in self._subscriptions:
                    self.send(broker.event(subscription, observable))
        return True

    def close(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
        for subscription in self._subscriptions.values():
            self._realm.broker.unsubscribe(self, subscription)
        self._subscriptions.clear()
        self._retained.clear()
        self._held.clear()
