"""A real camd whose wall clock is set, and whose cameras are unplugged twenty times."""

from __future__ import annotations

from tests.e2e import test_record_clock

from . import SKIP


class ManySettingsTests(test_record_clock.SetClockTests):
    skip = SKIP
    timeout = 900
    unplugged = 20
    steps = len(test_record_clock.STEPS)
