"""Calls: what is asked of one device, none of it waited for longer than it may take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import SourceError

#: A call that has not returned after this is given up (seconds).
LIMIT = 10.0
#: So many calls of one device may hang at a time; each keeps a thread.
MOST = 3


class Calls:
    """Blocking calls to one device. Reactor thread only.

    A call that hangs cannot be ended. It is given up: whoever asked gets a SourceError, its thread is left to
    it, and the next call gets another one. With MOST of them hanging nothing more is asked, until one returns.
    run(f, *args): calls f in a thread, a Deferred. name: of the device, for the log. returned(): is called
    when a call that was given up has come back after all. hanging: such calls now; given_up: since the start.
    """

    log = Logger()

    def __init__(
        self,
        run: Callable[..., Deferred[Any]],
        clock: Any,
        name: str,
        returned: Callable[[], None] = lambda: None,
    ):
        self.hanging = 0
        self.given_up = 0
        self._run = run
        self._clock = clock
        self._name = name
        self._returned = returned

    def __call__(self, f: Callable[..., Any], *args: Any, limit: float = LIMIT) -> Deferred[Any]:
        """What f(*args) returns, SourceError after `limit` seconds without it, or at once with MOST that hang."""
        if self.refuse:
            return fail(self.refusal())
        answer: Deferred[Any] = Deferred()
        call = self._run(f, *args)
        if call.called and not call.paused:
            return call
        late = self._clock.callLater(limit, self._give_up, call, answer, limit)

        def done(result: Any) -> None:
            if late.active():
                late.cancel()
                answer.callback(result)  # a Failure given to callback() runs the errbacks

        call.addBoth(done)
        return answer

    @property
    def refuse(self) -> bool:
        """Whether so many hang that nothing more is asked."""
        return self.hanging >= MOST

    def refusal(self) -> SourceError:
        """Why nothing more is asked of the device."""
        return SourceError(
            f"the device does not answer: {self.hanging} calls to it hang; unplug it and plug it in again,"
            " or restart camd",
            "stalled",
        )

    def abandon(self, call: Deferred[Any], seconds: float) -> SourceError:
        """Count a call that has not returned for so long, and notice its return; the error to be told."""
        self.hanging += 1
        self.given_up += 1
        self.log.warn(
            "{name}: a call to the device has not returned for {seconds:.0f} s and is given up; {hanging} hang",
            name=self._name, seconds=seconds, hanging=self.hanging,
        )  # fmt: skip
        call.addBoth(self._back)
        if self.refuse:
            return self.refusal()
        return SourceError(f"the device has not answered for {seconds:.0f} s; it is asked again", "stalled")

    def _give_up(self, call: Deferred[Any], answer: Deferred[Any], limit: float) -> None:
        answer.errback(Failure(self.abandon(call, limit)))

    def _back(self, _: Any) -> None:
        self.hanging -= 1
        self.log.info("{name}: a call that was given up has returned; {hanging} hang", name=self._name,
                      hanging=self.hanging)
        self._returned()
