"""SampleClock: the times of a microphone's blocks, as even as its samples."""

from __future__ import annotations

#: So far from what the host's clock says there must have been a gap (seconds).
_GAP = 0.05
#: This part of the difference is made good with each block: the device's clock never runs away, and the time of
#: one reading, which depends on when a thread had its turn, is hardly seen.
_PULL = 0.005


class SampleClock:
    """Turns blocks of samples into CLOCK_MONOTONIC. rate: samples a second, by the device's own clock."""

    def __init__(self, rate: int):
        self._rate = rate
        self._next: float | None = None

    def at(self, samples: int, measured: float) -> float:
        """When the first sample of this block was heard. measured: the same, as the host's clock has it."""
        begin = measured
        if self._next is not None and abs(measured - self._next) <= _GAP:
            begin = self._next + (measured - self._next) * _PULL
        self._next = begin + samples / self._rate
        return begin
