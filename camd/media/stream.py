"""Stream: one encoding of one camera, running while somebody subscribes. Subscription: one of them.

The forces. A picture must reach every client once, whatever the others do; a client that does not
read must cost no memory and delay nobody; nothing may be encoded that nobody watches. So a Stream
never waits and never queues: each Subscription decides by its policy what happens while its consumer
is paused, and demand climbs from the Subscription through the Streams to the source by itself, and
with it the rate at which pictures are wanted.

Refused: a queue per client (memory grows with the slowest), one shared ring with cursors (a slow
reader then sees old pictures, which for live pictures is worse than none).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from .pace import Pace
from .policy import Gop, History, Latest, Policy

if TYPE_CHECKING:
    from .stage import Stage

Deliver = Callable[[Any], None]


@implementer(IPushProducer)
class Subscription:
    """One consumer of a Stream, and the producer of whatever it writes to.

    deliver(item) is called in the reactor thread, never while paused. `close` may be called more
    than once: Twisted calls stopProducing and also fires notifyFinish when a connection is lost.
    """

    __slots__ = (
        "kind", "drops", "delivered",
        "_stream", "_deliver", "_policy", "_on_end", "_on_recall", "_flows", "_pace", "_paused", "_resuming",
    )  # fmt: skip

    def __init__(
        self,
        stream: Stream,
        deliver: Deliver,
        policy: Policy,
        kind: str,
        on_end: Callable[[], None] | None,
        on_recall: Callable[[], None] | None,
        fps: float | None,
    ):
        self.kind = kind
        self.drops = 0
        self.delivered = 0
        self._stream: Stream | None = stream
        self._deliver = deliver
        self._policy = policy
        self._on_end = on_end
        self._on_recall = on_recall
        self._pace = Pace(fps) if fps else None
        self._paused = False
        self._resuming = False
        self._flows = False  # neither paused nor paced, and nothing waits

    @property
    def fps(self) -> float | None:
        """At most so many items a second are wanted; None: all. Left-out ones are no drops."""
        return self._pace.fps if self._pace is not None else None

    @fps.setter
    def fps(self, fps: float | None) -> None:
        if fps == self.fps:
            return
        self._flows = False
        if fps and self._pace is not None:
            self._pace.fps = fps
        else:
            self._pace = Pace(fps) if fps else None
        if self._stream is not None:
            self._stream._demand_changed()

    def offer(self, item: Any) -> None:
        """The Stream's side: deliver now, or leave it to the policy."""
        if self._flows:  # nearly always: one question for each client and picture, instead of four
            self.delivered += 1
            self._deliver(item)
            return
        if self._pace is not None and not self._pace.takes(item.pts):
            return
        if self._paused:
            self.drops += self._policy.put(item)
        elif self._policy.waits:
            self.drops += self._policy.put(item)
            self.resumeProducing()
        else:
            self._flows = self._pace is None
            self.delivered += 1
            self._deliver(item)

    def redirect(self, deliver: Deliver) -> None:
        """Deliver to this from now on."""
        if self._stream is not None:
            self._deliver = deliver

    def pauseProducing(self) -> None:
        self._paused, self._flows = True, False

    def resumeProducing(self) -> None:
        self._paused = False
        if self._resuming:  # deliver() may pause and resume in turn: one loop is enough
            return
        self._resuming = True
        try:
            while not self._paused and self._stream is not None:
                item = self._policy.take()
                if item is None:
                    if self._policy.waits:
                        self._stream.request_keyframe()
                    return
                self.delivered += 1
                self._deliver(item)
        finally:
            self._resuming = False

    def stopProducing(self) -> None:
        self.close()

    def recall(self) -> None:
        """The Stream's side: what was offered is not to be seen any more."""
        self._policy.clear()
        self._flows = False
        if self._on_recall is not None:
            self._on_recall()

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
            self._policy.clear()
            stream._leave(self)


def _ignore(item: Any) -> None:
    """Where a closed Subscription delivers what is still under way."""


class Stream:
    """Publishes items to its Subscriptions. Reactor thread only.

    on_start is called for the first subscriber, on_stop after the last one left. last: the newest
    item; whoever publishes clears it when it is over. history: of coded video, the group of pictures
    under way; None where every item stands alone.
    """

    log = Logger()

    def __init__(self, on_start: Callable[[], None] = lambda: None, on_stop: Callable[[], None] = lambda: None):
        self.last: Any = None
        self.history: History | None = None
        self._on_start = on_start
        self._on_stop = on_stop
        self._subscriptions: tuple[Subscription, ...] = ()
        self._dropped_before = 0
        self._derived: dict[Callable[[Any], Any], Stage] = {}

    def derive(self, work: Callable[[Any], Any], kind: Callable[[Stream, Any], Stage] | None = None) -> Stage:
        """The Stage that makes work(item) of every item: one for all who ask with this function. kind: of Stage."""
        if work not in self._derived:
            from .stage import Stage

            stage = self._derived[work] = (kind or Stage)(self, work)
            if self.history is not None:
                stage.policy = Gop
                stage.history = History() if stage.history is None else stage.history
        return self._derived[work]

    def discard(self, work: Callable[[Any], Any]) -> None:
        """Keep the Stage that was derived with this function no longer; what its clients lost stays counted."""
        stage = self._derived.pop(work, None)
        if stage is not None:
            self._dropped_before += sum(stream.drops for stream in stage.with_derived())

    def with_derived(self) -> Iterator[Stream]:
        """This Stream and all that were derived from it."""
        yield self
        for stage in self._derived.values():
            yield from stage.with_derived()

    def end(self) -> None:
        """The camera is gone for good: tell every consumer that nothing more will come."""
        self._tell(Subscription.end)

    def subscribe(
        self,
        deliver: Deliver,
        policy: Policy | None = None,
        kind: str = "plugin",
        on_end: Callable[[], None] | None = None,
        fps: float | None = None,
        on_recall: Callable[[], None] | None = None,
    ) -> Subscription:
        """Deliver every item from now on, or at most `fps` a second.

        kind: what the consumer is, for counting ("" is not counted as a client); on_end() is called
        when the camera goes for good, on_recall() when a consumer who keeps items must throw them away, for
        they show what is masked now. With a policy for coded video the first item is a key frame:
        one made for the newcomer, or else the newest, followed by all that came since.
        """
        policy = policy or Latest()
        subscription = Subscription(self, deliver, policy, kind, on_end, on_recall, fps)
        if policy.waits and self.history and not self.request_keyframe():
            policy.begin(self.history)
        self._subscriptions += (subscription,)
        if len(self._subscriptions) == 1:
            self._on_start()
        self._demand_changed()
        return subscription

    def publish(self, item: Any) -> None:
        """Offer one item to every Subscription; none can harm another."""
        self.last = item
        if self.history is not None:
            self.history.add(item)
        for subscription in self._subscriptions:
            try:
                subscription.offer(item)
            except Exception:
                self.log.failure("a {kind} consumer failed and is dropped", kind=subscription.kind)
                subscription.close()

    def forget(self) -> None:
        """What was published is over: it is nobody's newest any more."""
        self.last = None
        if self.history is not None:
            self.history.clear()

    def recall(self) -> None:
        """What was published is not to be seen any more, by nobody: neither what waits for slow clients."""
        self.forget()
        self._tell(Subscription.recall)

    def _tell(self, tell: Callable[[Subscription], None]) -> None:
        for subscription in self._subscriptions:
            try:
                tell(subscription)
            except Exception:
                self.log.failure("a {kind} consumer failed", kind=subscription.kind)

    def request_keyframe(self) -> bool:
        """Ask for a key frame soon; False if there will be none on demand, as with a camera's own video."""
        return False

    @property
    def running(self) -> bool:
        return bool(self._subscriptions)

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        return self._subscriptions

    @property
    def wanted_fps(self) -> float | None:
        """The highest rate that a subscriber wants (1/s); None: everything."""
        rates = [subscription.fps for subscription in self._subscriptions]
        return None if None in rates else max(rates, default=None)

    @property
    def drops(self) -> int:
        """Items that clients did not get because they were slow, since the start."""
        return self._dropped_before + sum(s.drops for s in self._subscriptions if s.kind)

    def _demand_changed(self) -> None:
        """Somebody came, left, or wants another rate."""

    def _leave(self, subscription: Subscription) -> None:
        self._dropped_before += subscription.drops if subscription.kind else 0
        self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)
        if self._subscriptions:
            self._demand_changed()
        else:
            self._on_stop()
