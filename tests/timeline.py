"""What an index says of a camera, laid beside what was done to it: is each moment recorded, or honestly missing?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

#: How exactly the end of something must be known (seconds): less than a step of the clock that begins a new file.
EXACT = 0.6


class Timeline:
    """records, gaps: rows of the index in the order of their numbers. eras: since when, by the running clock, the wall
    clock was ahead of it by how much; end: when all was over, by the running clock. interval: seconds between two
    pictures. `complain` raises AssertionError.

    spans: when each record was made by the running clock. Each time of the wall clock may have come more than once,
    but records follow each other."""

    def __init__(
        self,
        records: Sequence[dict[str, Any]],
        gaps: Sequence[dict[str, Any]],
        eras: Sequence[tuple[float, float]],
        end: float,
        interval: float,
    ):
        self.records, self.gaps = records, gaps
        self.interval = interval
        self._eras = [*eras, (end + 1, 0.0)]
        self.spans: list[tuple[float, float]] = []
        at = eras[0][0]
        for record in records:
            start = self._moment(record["timestamp_start"], at)
            at = start + record["duration"] / 1000
            self.spans.append((start, at))

    def _moment(self, wall: int, after: float) -> float:
        """The first moment from `after` on in which the wall clock showed this. A file that has begun keeps its clock
        until the next key frame."""
        for (since, offset), (until, _) in pairwise(self._eras):
            moment = wall / 1000 - offset
            if since - 0.1 <= moment <= until + 1.1 and moment >= after - 2 * self.interval:
                return moment
        raise AssertionError(f"no clock showed {wall} after {after}")

    def complain(self, wanted: Sequence[Sequence[float]]) -> None:
        """Where one record does not follow the other there is a gap, and nowhere else. wanted: the spans of the running
        clock in which it was to be recorded."""
        left = list(self.gaps)
        for gap in left:
            assert gap["reason"], gap
        both = zip(self.records, self.spans, strict=True)
        for (one, span), (other, next_span) in pairwise(both):
            hole = next_span[0] - span[1]
            ahead = (other["timestamp_start"] - one["timestamp_end"]) / 1000
            assert hole > -2 * self.interval, f"{other} overlaps {one}"
            found = next((gap for gap in left if abs(gap["timestamp_start"] - one["timestamp_end"]) <= 1), None)
            if found is not None:
                left.remove(found)
                assert found["timestamp_end"] == max(found["timestamp_start"], other["timestamp_start"]), (found, other)
                is_empty = found["timestamp_end"] == found["timestamp_start"]  # an end that lost nothing
                assert is_empty or max(hole, ahead) > self.interval, f"nothing is missing in {found}"
            elif hole > EXACT:
                assert _is_between(wanted, span[1], next_span[0]), f"silence after {one}, before {other}"
            else:
                assert ahead < EXACT, f"the clock was set after {one}, and nothing tells"
        for gap in left:
            assert self._is_outside(gap), f"{gap} is not between two records"

    def _is_outside(self, gap: dict[str, Any]) -> bool:
        """Of camd's end, or before the first record."""
        if gap["timestamp_start"] >= self.records[-1]["timestamp_end"]:
            return True
        return gap["timestamp_end"] is not None and gap["timestamp_end"] <= self.records[0]["timestamp_start"]

    def complain_of_silence(self, start: float, end: float) -> None:
        """All times of the wall clock in between are in a record or in a gap. Unix seconds."""
        spans = sorted((one["timestamp_start"], one["timestamp_end"] or 1000 * end) for one in (*self.records, *self.gaps))
        reached = 1000 * start
        for since, until in spans:
            assert since - reached < 1000 * EXACT, f"silence from {reached} to {since}"
            reached = max(reached, until)
        assert reached > 1000 * (end - EXACT), f"silence from {reached} on"


def _is_between(wanted: Sequence[Sequence[float]], start: float, end: float) -> bool:
    """Whether there is a time in between in which nothing was wanted."""
    return any(one[1] < end and other[0] > start for one, other in pairwise(wanted))
