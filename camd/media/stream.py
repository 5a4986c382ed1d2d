"""Stream: one encoding of one camera, running while somebody subscribes. Subscription: one of them.

The forces. A picture must reach every client once, whatever the others do; a client that does not
read must cost no memory and delay nobody; nothing may be encoded that nobody watches. So a Stream
never waits and never queues: each Subscription decides what happens while its consumer is paused,
and demand climbs from the Subscription through the Streams to the source by itself.

Refused: a queue per client (memory grows with the slowest), one shared ring with cursors (a slow
reader then sees old pictures, which for live pictures is worse than none).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

Deliver = Callable[[Any], None]


class Latest:
    """Policy: while the consumer is paused keep only the newest item. Right for pictures."""

    __slots__ = ("_item",)

    def __init__(self) -> None:
        self._item: Any = None

    def put(self, item: Any) -> int:
        """Keep an item; returns how many were dropped for it."""
        dropped = self._item is not None
        self._item = item
        return dropped

    def take(self) -> Any:
        """The next item to deliver, or None."""
        item, self._item = self._item, None
        return item


@implementer(IPushProducer)
class Subscription:
    """One consumer of a Stream, and the producer of whatever it writes to.

    deliver(item) is called in the reactor thread, never while paused. `close` may be called more
    than once: Twisted calls stopProducing and also fires notifyFinish when a connection is lost.
    """

    __slots__ = ("kind", "drops", "delivered", "_stream", "_deliver", "_policy", "_on_end", "_paused", "_resuming")

    def __init__(
        self, stream: Stream, deliver: Deliver, policy: Latest, kind: str, on_end: Callable[[], None] | None
    ):
        self.kind = kind
        self.drops = 0
        self.delivered = 0
        self._stream: Stream | None = stream
        self._deliver = deliver
        self._policy = policy
        self._on_end = on_end
        self._paused = False
        self._resuming = False

    def offer(self, item: Any) -> None:
        """The Stream's side: deliver now, or leave it to the policy."""
        if self._paused:
            self.drops += self._policy.put(item)
        else:
            self.delivered += 1
            self._deliver(item)

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        if self._resuming:  # deliver() may pause and resume in turn: one loop is enough
            return
        self._resuming = True
        try:
            while not self._paused and self._stream is not None:
                item = self._policy.take()
                if item is None:
                    return
                self.delivered += 1
                self._deliver(item)
        finally:
            self._resuming = False

    def stopProducing(self) -> None:
        self.close()

    def end(self) -> None:
        """The Stream's side: it is over."""
        self.close()
        if self._on_end is not None:
            self._on_end()

    def close(self) -> None:
        """No further delivery; the last one to leave stops the Stream."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._deliver = _ignore
            self._policy.take()
            stream._leave(self)


def _ignore(item: Any) -> None:
    """Where a closed Subscription delivers what is still under way."""


class Stream:
    """Publishes items to its Subscriptions. Reactor thread only.

    on_start is called for the first subscriber, on_stop after the last one left. last: the newest
    item; whoever publishes clears it when it is over.
    """

    log = Logger()

    def __init__(self, on_start: Callable[[], None] = lambda: None, on_stop: Callable[[], None] = lambda: None):
        self.last: Any = None
        self._on_start = on_start
        self._on_stop = on_stop
        self._subscriptions: tuple[Subscription, ...] = ()
        self._dropped_before = 0
        self._derived: dict[Callable[[Any], Any], Stage] = {}

    def derive(self, work: Callable[[Any], Any]) -> Stage:
        """The Stage that makes work(item) of every item: one for all who ask with this function."""
        if work not in self._derived:
            self._derived[work] = Stage(self, work)
        return self._derived[work]

    def with_derived(self) -> Iterator[Stream]:
        """This Stream and all that were derived from it."""
        yield self
        for stage in self._derived.values():
            yield from stage.with_derived()

    def end(self) -> None:
        """The camera is gone for good: tell every consumer that nothing more will come."""
        for subscription in self._subscriptions:
            subscription.end()

    def subscribe(
        self,
        deliver: Deliver,
        policy: Latest | None = None,
        kind: str = "plugin",
        on_end: Callable[[], None] | None = None,
    ) -> Subscription:
        """Deliver every item from now on. kind: what the consumer is, for counting ("" is not
        counted as a client); on_end() is called when the camera goes for good."""
        subscription = Subscription(self, deliver, policy or Latest(), kind, on_end)
        self._subscriptions += (subscription,)
        if len(self._subscriptions) == 1:
            self._on_start()
        return subscription

    def publish(self, item: Any) -> None:
        """Offer one item to every Subscription; none can harm another."""
        self.last = item
        for subscription in self._subscriptions:
            try:
                subscription.offer(item)
            except Exception:
                self.log.failure("a {kind} consumer failed and is dropped", kind=subscription.kind)
                subscription.close()

    @property
    def running(self) -> bool:
        return bool(self._subscriptions)

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        return self._subscriptions

    @property
    def drops(self) -> int:
        """Items that clients did not get because they were slow, since the start."""
        return self._dropped_before + sum(s.drops for s in self._subscriptions if s.kind)

    def _leave(self, subscription: Subscription) -> None:
        self._dropped_before += subscription.drops if subscription.kind else 0
        self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)
        if not self._subscriptions:
            self._on_stop()


class Stage(Stream):
    """A Stream made from another one, such as an encoder.

    work(item) returns the item to publish, None for nothing, or a Deferred of either. While a
    Deferred is out the Stage pauses its own subscription: one job in flight, and of the items that
    come meanwhile the newest is next. The others are counted in `skipped`.
    """

    def __init__(self, upstream: Stream, work: Callable[[Any], Any]):
        super().__init__(self._start, self._stop)
        self._upstream = upstream
        self._work = work
        self._feed: Subscription | None = None
        self._skipped_before = 0
        self.failures = 0

    @property
    def upstream(self) -> Stream:
        return self._upstream

    @upstream.setter
    def upstream(self, upstream: Stream) -> None:
        """Feed from another Stream from now on; joined before the old one is left, so that the
        demand further up never falls to nothing in between."""
        if upstream is self._upstream:
            return
        self._upstream = upstream
        old = self._feed
        if old is not None:
            self._start()
            self._leave_feed(old)

    @property
    def skipped(self) -> int:
        return self._skipped_before + (self._feed.drops if self._feed else 0)

    def _start(self) -> None:
        self._feed = self._upstream.subscribe(self._arrived, kind="", on_end=self.end)

    def _stop(self) -> None:
        feed, self._feed = self._feed, None
        self._leave_feed(feed)

    def _leave_feed(self, feed: Subscription) -> None:
        self._skipped_before += feed.drops
        feed.close()

    def _arrived(self, item: Any) -> None:
        feed = self._feed
        try:
            result = self._work(item)
        except Exception as error:
            self._failed(error)
            return
        if isinstance(result, Deferred):
            feed.pauseProducing()
            result.addCallbacks(self._finished, lambda failure: self._failed(failure.value), callbackArgs=(feed,))
            result.addBoth(lambda _: feed.resumeProducing())
        elif result is not None:
            self.publish(result)

    def _finished(self, result: Any, feed: Subscription) -> None:
        if feed is self._feed and result is not None:  # else stopped or fed from elsewhere meanwhile
            self.publish(result)

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self.log.warn("picture dropped: {error}", error=error)
