"""The Event service (tev) with pull points, and base notification (wsnt), in one table of operations."""

from __future__ import annotations

from .access import Access
from .faults import invalid, missing
from .hub import MOST
from .names import CONCRETE, CONCRETE_SET, ITEM_FILTER
from .notify import CONSUMERS, Place
from .operation import Answer, Call, Service, operation
from .subscription import PullPoint, Subscription
from .topic_filter import Filter, event_fault
from .topics import topic_set
from .xml import Xml, parse_duration, parse_utc, tag, utc

#: How long a subscription lives when nobody says otherwise, and at most (seconds).
USUAL, LONGEST = 60.0, 3600.0
#: How long a pull may wait, and how many messages it brings at most.
LONGEST_PULL, MOST_MESSAGES = 60.0, 100


class Events(Service):
    """Subscriptions and what is in them."""

    prefix = "tev"
    path = "event_service"

    def capabilities(self) -> Xml:
        return tag("tev:Capabilities", WSSubscriptionPolicySupport=True,
                   WSPausableSubscriptionManagerInterfaceSupport=False, MaxNotificationProducers=MOST,
                   MaxPullPoints=MOST, PersistentNotificationStorage=False)  # fmt: skip

    @operation("GetEventProperties", Access.READ_MEDIA)
    def properties(self, call: Call) -> Answer:
        return (
            tag("tev:TopicNamespaceLocation", "http://www.onvif.org/onvif/ver10/topics/topicns.xml"),
            tag("wsnt:FixedTopicSet", True),
            topic_set(self.context.hub.topics()),
            tag("wsnt:TopicExpressionDialect", CONCRETE_SET),
            tag("wsnt:TopicExpressionDialect", CONCRETE),
            tag("tev:MessageContentFilterDialect", ITEM_FILTER),
            tag("tev:MessageContentSchemaLocation", "http://www.onvif.org/onvif/ver10/schema/onvif.xsd"),
        )

    # -- begin

    @operation("CreatePullPointSubscription", Access.READ_MEDIA)
    def create(self, call: Call) -> Answer:
        seconds = self._lifetime(
            call.text("tev:InitialTerminationTime"), "UnacceptableInitialTerminationTimeFault"
        )
        wanted = Filter.read(call.find("tev:Filter"), self.context.only)
        subscription = self.context.hub.add_pull_point(call.by, wanted, seconds)
        return self._begun(call, "tev", subscription)

    @operation("Subscribe", Access.READ_MEDIA, "wsnt")
    def subscribe(self, call: Call) -> Answer:
        seconds = self._lifetime(
            call.text("wsnt:InitialTerminationTime"), "UnacceptableInitialTerminationTimeFault"
        )
        wanted = Filter.read(call.find("wsnt:Filter"), self.context.only)
        allowed = [str(one) for one in self.context.state(CONSUMERS) or ()]
        place = Place(call.needed("wsnt:ConsumerReference/wsa:Address"), call.address, allowed)
        subscription = self.context.hub.add_consumer(call.by, wanted, seconds, place)
        return self._begun(call, "wsnt", subscription)

    def _begun(self, call: Call, prefix: str, subscription: Subscription) -> Answer:
        address = f"{self.context.address(call, self)}/{subscription.id}"
        reference = tag(f"{prefix}:SubscriptionReference", tag("wsa:Address", address))
        return reference, *self._times("wsnt", subscription)

    # -- go on

    @operation("PullMessages", Access.READ_MEDIA)
    async def pull(self, call: Call) -> Answer:
        subscription = self._subscription(call)
        if not isinstance(subscription, PullPoint):
            raise event_fault("this subscription is told, not asked", "UnableToGetMessagesFault")
        timeout = parse_duration(call.needed("tev:Timeout"))
        limit = call.number("tev:MessageLimit")
        if timeout is None or limit is None or limit < 1:
            raise missing("Timeout or MessageLimit")
        timeout, limit = min(max(0.0, timeout), LONGEST_PULL), int(min(limit, MOST_MESSAGES))
        reactor = self.context.app.reactor
        # Whoever asks is there: the subscription outlives the wait, and a moment for the next question.
        subscription.until = max(subscription.until, reactor.seconds() + timeout + USUAL)
        pulled = subscription.pull(limit, timeout, reactor)
        call.gone.append(pulled.cancel)
        messages = await pulled
        subscription.used = reactor.seconds()
        return *self._times("tev", subscription), messages

    @operation("SetSynchronizationPoint", Access.READ_MEDIA)
    def synchronise(self, call: Call) -> Answer:
        self.context.hub.synchronise(self._subscription(call))
        return None

    @operation("Renew", Access.READ_MEDIA, "wsnt")
    def renew(self, call: Call) -> Answer:
        subscription = self._subscription(call)
        seconds = self._lifetime(call.needed("wsnt:TerminationTime"), "UnacceptableTerminationTimeFault")
        subscription.until = self.context.app.reactor.seconds() + seconds
        return reversed(self._times("wsnt", subscription))

    @operation("Unsubscribe", Access.READ_MEDIA, "wsnt")
    def unsubscribe(self, call: Call) -> Answer:
        self.context.hub.end(self._subscription(call))
        return None

    def _subscription(self, call: Call) -> Subscription:
        return self.context.hub.find(call.below, call.by)

    def _times(self, prefix: str, subscription: Subscription) -> tuple[Xml, Xml]:
        now = self.context.clock.now()
        left = subscription.until - self.context.app.reactor.seconds()
        return tag(f"{prefix}:CurrentTime", utc(now)), tag(f"{prefix}:TerminationTime", utc(now + left))

    def _lifetime(self, text: str | None, fault: str) -> float:
        """Seconds from now on: of a duration or a moment, never longer than LONGEST. Raises Fault."""
        if not text:
            return USUAL
        seconds = parse_duration(text)
        if seconds is None:
            moment = parse_utc(text)
            if moment is None:
                raise invalid("this is no time")
            seconds = moment - self.context.clock.now()
        if seconds <= 0:
            more = tag("wsnt:MinimumTime", utc(self.context.clock.now() + 1))
            raise event_fault("a subscription ends in the future", fault, more=more)
        return min(seconds, LONGEST)
