"""Stage: a Stream made from another one, such as an encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from .frame import Frame
from .policy import Latest, Policy
from .stream import Stream, Subscription


class Stage(Stream):
    """Makes items of those of another Stream, while somebody wants them. Reactor thread only.

    work(item) returns the item to publish, None for nothing, or a Deferred of either. While a
    Deferred is out the Stage pauses its own subscription: one job in flight, and what comes meanwhile
    is left to `policy`. What that drops is counted in `skipped`.

    policy: of the feed from upstream; counts when the feed is next made. fps: at most so many items a
    second; together with what the subscribers want it is the rate that is asked for upstream, unless
    every item is needed (`all_needed`, for a decoder).
    """

    def __init__(self, upstream: Stream, work: Callable[[Any], Any]):
        super().__init__(self._start, self._stop)
        self.policy: Callable[[], Policy] = Latest
        self.all_needed = False
        self.failures = 0
        self._fps: float | None = None
        self._upstream = upstream
        self._work = work
        self._feed: Subscription | None = None
        self._skipped_before = 0
        self._era = 0  # what began in an earlier one is not published any more

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
    def fps(self) -> float | None:
        return self._fps

    @fps.setter
    def fps(self, fps: float | None) -> None:
        self._fps = fps
        self._demand_changed()

    @property
    def skipped(self) -> int:
        return self._skipped_before + (self._feed.drops if self._feed else 0)

    def request_keyframe(self) -> bool:
        return self._upstream.request_keyframe()

    def forget(self) -> None:
        super().forget()
        self._era += 1

    def _demand_changed(self) -> None:
        if self._feed is not None:
            self._feed.fps = self._rate()

    def _rate(self) -> float | None:
        if self.all_needed:
            return None
        rates = [fps for fps in (self._fps, self.wanted_fps) if fps is not None]
        return min(rates, default=None)

    def _start(self) -> None:
        self._feed = self._upstream.subscribe(
            self._arrived, self.policy(), kind="", on_end=self.end, fps=self._rate()
        )

    def _stop(self) -> None:
        feed, self._feed = self._feed, None
        self._leave_feed(feed)
        if self.history is not None:
            self.history.clear()
        if isinstance(self.last, Frame):  # 25 MB at 4K; whoever wants another size soon has it made again
            self.last = None

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
            result.addCallbacks(
                self._finished, lambda failure: self._failed(failure.value), callbackArgs=(feed, self._era)
            )
            result.addBoth(lambda _: feed.resumeProducing())
        elif result is not None:
            self.publish(result)

    def _finished(self, result: Any, feed: Subscription, era: int) -> None:
        if result is None:
            return
        if feed is self._feed and era == self._era:
            self.publish(result)
        else:
            self._came_late()

    def _came_late(self) -> None:
        """What was made belongs to something that is over, and nobody gets it."""

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self.log.warn("picture dropped: {error}", error=error)
