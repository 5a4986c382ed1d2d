"""The wall clock: steps are told, slow corrections and pauses are none, and the first synchronisation is one
event."""

from __future__ import annotations

import time
from pathlib import Path
from unittest.mock import patch

from twisted.internet.task import Clock as FakeTime
from twisted.trial.unittest import SynchronousTestCase

from camd import clock
from camd.clock import Clock, ClockStep, Reading, read_kernel, read_running
from camd.state import State


class ClockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.time = FakeTime()
        self.offset = 1000.0
        self.reading = Reading(True, 0.0)
        self.late = 0.0
        self.heard: list[ClockStep | str] = []

    def begin(self) -> Clock:
        self.state = State()
        made = Clock(self.state, self.time, self.wall, self.running, lambda: self.reading)
        made.on_step(self.heard.append)
        made.on_synchronised(lambda: self.heard.append("right"))
        made.start()
        self.addCleanup(made.stop)
        return made

    def wall(self) -> float:
        if self.late:  # held up in the middle of a look
            self.time.rightNow += self.late
            self.late = 0.0
        return self.offset + self.time.seconds()

    def running(self) -> float:
        return self.time.seconds()

    @property
    def shown(self) -> dict[str, object]:
        return self.state["system/clock"].value

    def test_a_clock_that_nobody_sets(self) -> None:
        made = self.begin()
        rev = self.state.rev
        self.time.pump([1.0] * 50)
        self.assertEqual(self.heard, [])
        self.assertTrue(made.synchronised)
        self.assertEqual(self.shown, {"synchronised": True, "offset": 0.0, "last_step": None})
        self.assertEqual(self.state.rev, rev, "nothing changed, and clients were told nothing")

    def test_steps_forward_and_back(self) -> None:
        self.begin()
        for by in (3600.0, -7200.0):
            self.offset += by
            self.time.advance(1)
        self.assertEqual(self.heard, [ClockStep(4601.0, 3600.0, True), ClockStep(-2598.0, -7200.0, True)])
        self.assertEqual(self.shown["last_step"], {"at": -2598.0, "by": -7200.0})

    def test_small_steps_add_up(self) -> None:
        self.begin()
        for _ in range(5):
            self.offset += 0.03
            self.time.advance(1)
        (step,) = self.heard
        self.assertAlmostEqual(step.by, 0.12, 5)

    def test_a_pause_between_the_two_clocks_is_no_step(self) -> None:
        self.begin()
        self.late = 0.9
        self.time.advance(1)
        self.time.pump([1.0] * 3)
        self.assertEqual(self.heard, [])

    def test_the_first_synchronisation(self) -> None:
        """A board without a clock of its own: what was noted before the step is wrong by it."""
        self.reading = Reading(False)
        made = self.begin()
        self.assertFalse(made.synchronised)
        self.time.pump([1.0] * 5)
        self.offset += 86400
        self.reading = Reading(True, 0.004)
        self.time.advance(1)
        self.assertEqual(self.heard, [ClockStep(87406.0, 86400.0, False), "right"])
        self.reading = Reading(False)  # its server has been away for long
        self.time.advance(1)
        self.reading = Reading(True)
        self.offset += 5
        self.time.advance(1)
        self.assertEqual(self.heard[2:], [ClockStep(87413.0, 5.0, True)])

    def test_nobody_knows(self) -> None:
        self.reading = Reading(None)
        made = self.begin()
        self.assertTrue(made.synchronised)
        self.assertIsNone(self.shown["synchronised"])

    def test_who_fails_holds_up_nobody(self) -> None:
        made = self.begin()
        made._on_step.insert(0, lambda step: 1 / 0)
        end = made.on_step(lambda step: self.heard.append("second"))
        self.offset += 1
        self.time.advance(1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.heard, [ClockStep(1002.0, 1.0, True), "second"])
        end()
        self.offset += 1
        self.time.advance(1)
        self.assertEqual(self.heard.count("second"), 1)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_it_ends(self) -> None:
        made = self.begin()
        made.stop()
        made.stop()
        self.assertEqual(self.time.getDelayedCalls(), [])


class KernelTests(SynchronousTestCase):
    def test_it_answers(self) -> None:
        self.assertIn(read_kernel().synchronised, (True, False, None))
        self.assertAlmostEqual(read_running(), time.clock_gettime(time.CLOCK_BOOTTIME), 1)

    def test_where_the_call_is_forbidden(self) -> None:
        """As under `ProtectClock=yes`: timesyncd's own word counts, and without it nobody knows."""
        folder = Path(self.mktemp())
        self.patch(clock, "_TIMESYNC", folder)
        with patch("ctypes.CDLL") as library:
            library.return_value.adjtimex.return_value = -1
            self.assertEqual(read_kernel(), Reading(None))
            folder.mkdir()
            self.assertEqual(read_kernel(), Reading(False))
            (folder / "synchronized").touch()
            self.assertEqual(read_kernel(), Reading(True))
