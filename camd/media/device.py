"""Device: the source of one camera, with what is asked of it and the loop that reads it.

A call that hangs cannot be ended. The source is left to it, and a fresh one takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from ..state.spec import Value
from .calls import Calls
from .capture import Capture, patience
from .frame import Format, Frame, Packet
from .source import Capabilities, Source, SourceSettings
from .statistics import Statistics

if TYPE_CHECKING:
    from ..threads import Threads

#: A look at the device may take this long (seconds): it may have to be connected to, or to wake up.
LOOK = 15.0
#: A capture loop that ought to have given a sign of life, and has not for this long, hangs (seconds).
OVERDUE = 15.0
#: Or for as many of its frame intervals as this, if that is longer.
_INTERVALS = 10


class Device:
    """Reactor thread only; the source is used from the capture and io pools.

    renew(): a fresh source of the same device. name: of the camera, for the log. returned(): is called when a
    call that was given up has come back after all. statistics: gets what was lost when a capture ends. heard:
    clock time of the newest picture, told by whoever gets them. silence: without a picture for so long (seconds)
    it stalls.
    """

    def __init__(
        self,
        source: Source,
        renew: Callable[[], Source],
        threads: Threads,
        reactor: Any,
        name: str,
        statistics: Statistics,
        returned: Callable[[], None],
    ):
        self.calls = Calls(lambda f, *args: threads.io(f, *args), reactor, f"camera {name}", returned)
        self.heard = self.silence = 0.0
        self._source = source
        self._renew = renew
        self._threads = threads
        self._reactor = reactor
        self._statistics = statistics
        self._capture: Capture | None = None
        self._closed: Deferred[Any] = succeed(None)
        self._ended: Callable[[Any], None] = lambda result: None
        self._alive = 0.0  # clock time of the capture's last sign of life, but for pictures
        self._patience = OVERDUE

    @property
    def is_open(self) -> bool:
        """Whether a capture runs, begins or ends."""
        return self._capture is not None

    @property
    def missed(self) -> int:
        """Pictures that the capture has read and nobody took, since it was opened."""
        return self._capture.missed if self._capture is not None else 0

    @property
    def lost(self) -> int:
        """Pictures that the device has lost since it was opened."""
        return self._source.dropped() if self._capture is not None else 0

    def probe(self) -> Deferred[Capabilities]:
        """Look at the device. Fails with SourceError, like all that is asked of it."""
        return self._ask(self._source.probe, limit=LOOK)

    def present(self) -> Deferred[None]:
        return self._ask(self._source.present, limit=LOOK)

    def set(self, name: str, value: Value) -> Deferred[Value]:
        return self._ask(self._source.set, name, value)

    def _ask(self, f: Callable[..., Any], *args: Any, **limit: float) -> Deferred[Any]:
        before, source = self.calls.given_up, self._source

        def failed(failure: Failure) -> Failure:
            if self.calls.given_up > before and self._capture is None and self._source is source:
                self._source = self._renew()  # while it streams, it is well enough
            return failure

        return self.calls(f, *args, **limit).addErrback(failed)

    # -- its pictures

    def open(
        self,
        settings: SourceSettings,
        opened: Callable[[Format], None],
        arrived: Callable[[Frame | Packet], None],
        ended: Callable[[Any], None],
    ) -> None:
        """Read it until `close`. ended(None or a Failure): it is closed, or given up."""

        def expect(fps: float) -> None:
            self._alive = self._reactor.seconds()
            self._patience = max(OVERDUE, _INTERVALS / fps if fps > 0 else 0)
            self.silence = patience(fps)

        def is_open(format: Format) -> None:
            expect(format.fps)
            opened(format)

        expect(settings.fps or 0.0)
        capture = self._capture = Capture(self._source, settings, is_open, arrived, self._reactor)
        self._ended = ended
        self._closed = capture.start(self._threads)
        self._closed.addBoth(self._over, capture)

    def exchange(self) -> None:
        """Take a fresh source from now on; the one that is open ends, and tells."""
        if self._capture is not None:
            self._statistics.lost += self._source.dropped()
        self._source = self._renew()
        self.close()

    def close(self) -> None:
        """Ask the capture to end; it tells when it has."""
        if self._capture is not None:
            self._alive = self._reactor.seconds()
            self._capture.stop()

    def stop(self, patience: float) -> Deferred[None]:
        """Close it; fires when it is closed, or after `patience` seconds: it may hang for ever."""
        self.close()
        stopped: Deferred[None] = Deferred()

        def done(_: Any = None) -> None:
            if late.active():
                late.cancel()
            if not stopped.called:
                stopped.callback(None)

        late = self._reactor.callLater(patience, done)
        self._closed.addBoth(done)
        return stopped

    def check(self) -> None:
        """Give up a capture that hangs."""
        if self._capture is None:
            return
        silent = self._reactor.seconds() - max(self.heard, self._alive)
        if silent > self._patience:
            capture, self._capture = self._capture, None
            capture.stop()
            self._statistics.missed += capture.missed
            error = self.calls.abandon(self._closed, silent)
            self._closed = succeed(None)
            self._source = self._renew()
            self._ended(Failure(error))

    def _over(self, result: Any, capture: Capture) -> Any:
        """The capture loop is over and the device closed."""
        if capture is not self._capture:  # it was given up long ago
            return None
        self._statistics.missed += capture.missed
        self._statistics.lost += self._source.dropped()
        self._capture = None
        self._ended(result if isinstance(result, Failure) else None)
        return None
