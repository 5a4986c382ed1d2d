"""Delays: how long pictures take through camd, from when it had them to when they are written to a client."""

from __future__ import annotations

from collections.abc import Callable

from ..media.statistics import Timings

#: Upper bounds of the buckets (seconds).
BOUNDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class Delays:
    """A histogram for each kind of output, "mse" or "hls". Reactor thread only; noting costs less than 1 us.

    clock: CLOCK_MONOTONIC in seconds, as of Packet.grabbed.
    """

    def __init__(self, clock: Callable[[], float]):
        self.series: dict[str, Timings] = {}
        self._clock = clock

    def note(self, output: str, grabbed: float) -> None:
        """A picture leaves now by this output."""
        timings = self.series.get(output)
        if timings is None:
            timings = self.series[output] = Timings(BOUNDS, [0] * (len(BOUNDS) + 1))
        timings.add(self._clock() - grabbed)
