"""24 hours of recording: clocks that are set, the end of summer time, cameras unplugged twenty times, viewers."""

from __future__ import annotations

from tests import test_record_day

from . import SKIP


class WholeDayTests(test_record_day.DayTests):
    skip = SKIP
    timeout = 3600
    hours = 24.0
    unplugged = 20
