"""Broker: the changes of the State as events, to every session that subscribed and may read them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autobahn.wamp.message import Event

from camd.errors import Refused
from camd.state import Observable, State, Watch

from .topics import matcher, name_of, topic_of

if TYPE_CHECKING:
    from .subscriber import Subscriber


@dataclass(slots=True, eq=False)
class Subscription:
    """Topics that some sessions want; sessions with the same wish share it, as WAMP asks."""

    id: int
    match: str
    topic: str
    accepts: Callable[[str], bool]
    subscribers: dict[Subscriber, None] = field(default_factory=dict)


class Broker:
    """All subscriptions, and the watch over the State while there are any. Reactor thread only."""

    def __init__(self, state: State):
        self._state = state
        self._by_wish: dict[tuple[str, str], Subscription] = {}
        self._by_name: dict[str, tuple[Subscription, ...]] = {}  # which accept a name, once asked
        self._watch: Watch | None = None
        self._ids = 0
        self._first_publication = secrets.randbelow(1 << 52)

    def subscribe(self, subscriber: Subscriber, match: str, topic: str) -> Subscription:
        """The subscription, which is the one the session has already if it has it. Raises InvalidUri, and
        Refused for the exact topic of a name that the session may not read."""
        subscription = self._by_wish.get((match, topic))
        accepts = subscription.accepts if subscription else matcher(match, topic)
        if match == "exact":
            self._check(subscriber, topic, accepts)
        if subscription is None:
            if self._watch is None:  # what is there now comes at once, and must not find anybody
                self._watch = self._state.observe("", self._changed)
            self._ids += 1
            subscription = Subscription(self._ids, match, topic, accepts)
            self._by_wish[match, topic] = subscription
            self._by_name.clear()
        subscription.subscribers[subscriber] = None
        return subscription

    def _check(self, subscriber: Subscriber, topic: str, accepts: Callable[[str], bool]) -> None:
        """Raise Refused for a topic that the subscriber may not read, or may not know whether it exists."""
        name = name_of(topic)
        if not subscriber.may_know(name):
            raise Refused(name)
        for observable in self._state:
            if accepts(topic_of(observable.name)) and not subscriber.may_read(observable):
                raise Refused(observable.name, observable.spec.read)

    def unsubscribe(self, subscriber: Subscriber, subscription: Subscription) -> None:
        """The session wants these topics no longer."""
        subscription.subscribers.pop(subscriber, None)
        if subscription.subscribers:
            return
        self._by_wish.pop((subscription.match, subscription.topic), None)
        self._by_name.clear()
        if not self._by_wish and self._watch is not None:
            self._watch.close()
            self._watch = None

    def accepting(self, name: str) -> tuple[Subscription, ...]:
        """The subscriptions that want this name."""
        known = self._by_name.get(name)
        if known is None:
            topic = topic_of(name)
            known = tuple(one for one in self._by_wish.values() if one.accepts(topic))
            if name in self._state:
                self._by_name[name] = known
        return known

    def retained(self, subscription: Subscription) -> Iterator[Observable]:
        """Everything the subscription wants that has a value now."""
        for observable in self._state:
            if observable.value is not None and subscription.accepts(topic_of(observable.name)):
                yield observable

    def event(self, subscription: Subscription, observable: Observable, retained: bool = False) -> Event:
        """The EVENT of what the observable is now; equal ones share their publication id."""
        about = {"state": observable.name, "rev": observable.rev}
        if observable.name not in self._state:
            about["removed"] = True
        return Event(
            subscription.id,
            self._first_publication + observable.rev,
            args=[observable.value],
            kwargs=about,
            topic=topic_of(observable.name),
            retained=retained or None,
        )

    def _changed(self, observable: Observable) -> None:
        for subscription in self.accepting(observable.name):
            event = None  # built once, and encoded once for each codec
            for subscriber in tuple(subscription.subscribers):
                if not subscriber.may_read(observable):
                    continue
                if subscriber.paused:
                    subscriber.hold(observable)
                else:
                    event = event or self.event(subscription, observable)
                    subscriber.send(event)
        if observable.name not in self._state:
            self._by_name.pop(observable.name, None)
