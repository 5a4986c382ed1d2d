"""Schedule: the times of a week in which is recorded. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from ..errors import Invalid

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RANGE = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")
_DAY = 24 * 60
#: Ranges of one day.
MOST = 24


class Schedule:
    """table: {"mon": ["08:00-18:00", "22:00-06:00"], ...}: local time, the end not included; a range that
    ends before it begins ends on the next day. Raises Invalid for anything else."""

    def __init__(self, table: dict[str, Any]):
        self._ranges: list[tuple[int, int]] = []  # minutes since Monday, 0:00
        for day, ranges in table.items():
            if day not in DAYS:
                raise Invalid("schedule", f"{day!r} is none of {', '.join(DAYS)}")
            if not isinstance(ranges, list) or len(ranges) > MOST:
                raise Invalid("schedule", f"{day} must be a list of at most {MOST} ranges")
            self._ranges += [_range(DAYS.index(day) * _DAY, text) for text in ranges]

    def has(self, moment: datetime) -> bool:
        """Whether this local moment is one of its times."""
        minute = moment.weekday() * _DAY + moment.hour * 60 + moment.minute
        # What began on Sunday may end on Monday.
        return any(start <= at < end for start, end in self._ranges for at in (minute, minute + 7 * _DAY))


def _range(day: int, text: Any) -> tuple[int, int]:
    found = _RANGE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise Invalid("schedule", 'a range is like "08:00-18:00"')
    start = int(found[1]) * 60 + int(found[2])
    end = _DAY if found[3] is None else int(found[3]) * 60 + int(found[4])
    if end == start:
        raise Invalid("schedule", f'"{text}" is no time; the whole day is "00:00-24:00"')
    return day + start, day + end + (_DAY if end < start else 0)
