"""Timeline: the timestamps of a stream on the host's clock."""

from __future__ import annotations

#: The host's clock may run slower than the stream's by this much before lateness is mistaken for it.
_CREEP = 5e-4
#: Later than this a picture is not: the stream's clock has jumped, or runs slow (seconds).
_LATEST = 1.0


class Timeline:
    """Turns positions of a stream (seconds from anywhere) into CLOCK_MONOTONIC.

    Nothing arrives before it was taken, so the picture that came with the least delay tells how the two
    clocks stand to each other; the others keep their distance to it, however unevenly they arrive. Times
    always grow. A position of None, a jump and a clock that goes back are taken as of their arrival.
    """

    def __init__(self) -> None:
        self._offset: float | None = None  # of the host's clock before the stream's
        self._position = 0.0
        self._newest = float("-inf")

    def at(self, position: float | None, arrival: float) -> float:
        """When the picture at this position, which arrived at `arrival`, was taken."""
        taken = arrival
        if position is not None:
            offset = arrival - position
            if self._offset is not None:
                offset = min(offset, self._offset + _CREEP * max(0.0, position - self._position))
            taken = position + offset
            if not (self._newest < taken and arrival - taken < _LATEST):
                taken, offset = arrival, arrival - position
            self._offset, self._position = offset, position
        self._newest = max(taken, self._newest + 1e-6)
        return self._newest
