"""Hub: what is true now, who wants to know, and telling them when it changes."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from camd.state import Observable, Principal

from .clock import Clock
from .faults import Fault
from .subscription import Consumer, PullPoint, Subscription
from .topic_filter import Filter, event_fault
from .topics import TOPICS, WATCHED, Property, Topic, message, properties, worth
from .xml import utc

if TYPE_CHECKING:
    from camd.app import App

    from .notify import Place

#: Of all clients. Some make one with every connection and never come back: when there is no room, one of the user
#: who has most of them goes, the one whose client was away for longest.
MOST = 64
#: Looking for those that ended (seconds).
LOOK = 1.0


class Hub(Service):
    """Properties and subscriptions; watches the state while it runs. Reactor thread only."""

    log = Logger()

    def __init__(self, app: App, clock: Clock):
        self.subscriptions: dict[str, Subscription] = {}
        self._app = app
        self._clock = clock
        self._values: dict[Property, str] = {}
        self._watches: list[Any] = []
        self._looking = LoopingCall(self._look)
        self._looking.clock = app.reactor

    def startService(self) -> None:
        super().startService()
        self._watches = [self._app.state.observe(prefix, self._changed) for prefix in WATCHED]

    def stopService(self) -> Any:
        for watch in self._watches:
            watch.close()
        self._watches.clear()
        for subscription in list(self.subscriptions.values()):
            self.end(subscription)
        return super().stopService()

    def topics(self) -> list[Topic]:
        """Those that there can be messages of, in the order of the table."""
        present = {about.topic for observable in self._app.state for about in properties(observable.name)}
        return [topic for topic in TOPICS if topic in present]

    # -- what happens

    def _changed(self, observable: Observable) -> None:
        for about in properties(observable.name):
            value, before = worth(about.topic, observable.value), self._values.get(about)
            if value == before:
                continue
            if value is None:
                self._tell(about, self._values.pop(about), "Deleted")
            else:
                self._values[about] = value
                self._tell(about, value, "Initialized" if before is None else "Changed")

    def _tell(self, about: Property, value: str, operation: str) -> None:
        wanting = [one for one in self.subscriptions.values() if one.wants(about, value)]
        if wanting:
            text = message(about, value, operation, utc(self._clock.now()))
            for subscription in wanting:
                subscription.push(text)

    def synchronise(self, subscription: Subscription) -> None:
        """Tell it everything as it is now."""
        moment = utc(self._clock.now())
        for about, value in self._values.items():
            if subscription.wants(about, value):
                subscription.push(message(about, value, "Initialized", moment))

    # -- who wants to know

    def add_pull_point(self, by: Principal, wanted: Filter, seconds: float) -> PullPoint:
        """A new one, which has the properties as they are now."""
        now = self._app.reactor.seconds()
        return self._add(PullPoint(_new_id(), by, wanted, now + seconds, now))

    def add_consumer(self, by: Principal, wanted: Filter, seconds: float, place: Place) -> Consumer:
        """The same, told at its place."""
        now, reactor = self._app.reactor.seconds(), self._app.reactor
        consumer = Consumer(
            _new_id(), by, wanted, now + seconds, now,
            tell=lambda messages: place.tell(messages, reactor), over=self._unreachable,
        )  # fmt: skip
        return self._add(consumer)

    def _add(self, subscription: Any) -> Any:
        if len(self.subscriptions) >= MOST:
            self._make_room(subscription.by.name)
        self.subscriptions[subscription.id] = subscription
        subscription.visit = self._app.web.presence.enter(subscription.by, self._identity_of(subscription))
        if not self._looking.running:
            self._looking.start(LOOK, now=False)
        self.synchronise(subscription)
        self._count()
        return subscription

    def _make_room(self, name: str) -> None:
        """End a subscription for a new one of this user. Raises Fault."""
        count = Counter(one.by.name for one in self.subscriptions.values())
        count[name] += 1
        most = max(count.values())
        found = [one for one in self.subscriptions.values() if count[one.by.name] == most]
        if most == count[name]:  # nobody takes away what others wait for, themselves included
            found = [one for one in found if not one.is_waiting]
        if not found:
            raise event_fault(
                "there are as many subscriptions as there may be", "SubscribeCreationFailedFault"
            )
        self.end(min(found, key=lambda one: (one.is_waiting, one.used)))

    def _identity_of(self, subscription: Subscription) -> Callable[[Principal | None], None]:
        def changed(by: Principal | None) -> None:
            if by is None:
                self.end(subscription)
            else:
                subscription.by = by

        return changed

    def find(self, id: str, by: Principal) -> Subscription:
        """The subscription of this id, if it is this user's. Notes that its client is there. Raises Fault."""
        subscription = self.subscriptions.get(id)
        if subscription is None or subscription.by.name != by.name:
            raise _unknown()
        subscription.used = self._app.reactor.seconds()
        return subscription

    def end(self, subscription: Subscription) -> None:
        """It is over; may be called again."""
        if self.subscriptions.pop(subscription.id, None) is not None:
            subscription.end()
            self._count()
        if not self.subscriptions and self._looking.running:
            self._looking.stop()

    def _unreachable(self, consumer: Consumer) -> None:
        self.log.warn("a consumer of {user} cannot be reached; its subscription ends", user=consumer.by.name)
        self.end(consumer)

    def _look(self) -> None:
        now = self._app.reactor.seconds()
        for subscription in [one for one in self.subscriptions.values() if one.until <= now]:
            self.end(subscription)

    def _count(self) -> None:
        self._app.state["onvif/subscriptions"].publish(len(self.subscriptions))


def _new_id() -> str:
    return secrets.token_urlsafe(12)


def _unknown() -> Fault:
    return event_fault("there is no such subscription", "ResourceUnknownFault", "wsrf-rw")
