"""What one camera counted since the start; read by metrics and by the camera's own observables."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field

#: Upper bounds of the buckets for the time of one encode (seconds).
ENCODE_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)


@dataclass(slots=True)
class Timings:
    """A histogram: counts[i] is the number of values up to bounds[i], the last one has the rest."""

    bounds: tuple[float, ...] = ENCODE_BOUNDS
    counts: list[int] = field(default_factory=lambda: [0] * (len(ENCODE_BOUNDS) + 1))
    total: float = 0.0

    @property
    def count(self) -> int:
        return sum(self.counts)

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Statistics:
    """Counters of one camera. frames and bytes: delivered by the source; missed: pictures that the
    reactor had no time for; lost: pictures that the device lost before they could be read;
    reconnects: failures by the state they led to; encode_times: of each encode job, by codec."""

    frames: int = 0
    bytes: int = 0
    missed: int = 0
    lost: int = 0
    reconnects: Counter[str] = field(default_factory=Counter)
    encode_times: dict[str, Timings] = field(default_factory=lambda: defaultdict(Timings))

    @property
    def encodes(self) -> dict[str, int]:
        """Pictures encoded since the start, by codec."""
        return {codec: times.count for codec, times in sorted(self.encode_times.items())}
