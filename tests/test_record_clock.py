"""What the index says of times when the wall clock was wrong, and when somebody sets it."""

from __future__ import annotations

from dataclasses import replace

from camd.media import Packet

from .record_case import WALL, RecordCase
from .video_case import video

DAY = 86400.0


class ClockCase(RecordCase):
    def setUp(self) -> None:
        super().setUp()
        self.set(mode="continuous")

    def step(self, by: float) -> None:
        """The wall clock is set."""
        self.offset += by

    def film(self, count: int, start: float = 0.0) -> list[Packet]:
        ahead = self.offset - WALL
        return self.play([replace(one, wall=one.wall + ahead) for one in video(count, start)])

    def times(self) -> list[tuple[int, int]]:
        """Of the records, in the order in which they began."""
        return [(row["timestamp_start"], row["timestamp_end"]) for row in self.rows("SELECT * FROM records ORDER BY id")]


class SetTests(ClockCase):
    """A clock that was right before: what was noted stays."""

    def setUp(self) -> None:
        super().setUp()
        self.recordings.storage.is_synchronised = lambda: True

    def test_what_the_clock_left_out_is_a_gap(self) -> None:
        self.film(90)
        self.step(3600.0)
        self.recordings.clock_was_set(3600.0, True)
        self.film(90, 3.0)
        self.set(mode="off")
        self.assertEqual(self.times(), [(1000_000, 1003_000), (4603_000, 4606_000)])
        self.assertEqual(self.gaps(), [(1003_000, 4603_000, "the clock was set forward by 3600 s")])

    def test_set_back_the_same_times_come_again(self) -> None:
        self.film(90)
        self.step(-60.0)
        self.recordings.clock_was_set(-60.0, True)
        self.film(90, 3.0)
        self.set(mode="off")
        self.assertEqual(self.times(), [(1000_000, 1003_000), (943_000, 946_000)])
        self.assertEqual(self.gaps(), [])

    def test_names_say_utc(self) -> None:
        self.film(30)
        self.step(3600.0)
        self.film(30, 1.0)
        self.set(mode="off")
        names = [row["filename"] for row in self.rows("SELECT * FROM records ORDER BY id")]
        self.assertEqual(names, ["cam1/1970/01/01/001640_000.mp4", "cam1/1970/01/01/011641_000.mp4"])


class WrongTests(ClockCase):
    """A board without a clock: what was noted since the start is moved once somebody knows the time."""

    def setUp(self) -> None:
        self.right: list[bool] = []
        super().setUp()
        self.recordings.storage.is_synchronised = lambda: bool(self.right)

    def told(self, by: float) -> None:
        """As Clock tells it, up to a second after the step."""
        self.recordings.clock_was_set(by, False)
        self.right.append(True)
        self.recordings.clock_is_right()

    def test_moved(self) -> None:
        self.film(90)
        self.step(DAY)
        self.told(DAY)
        self.film(60, 3.0)
        self.set(mode="off")
        self.assertEqual(self.times(), [(87400_000, 87403_000), (87403_000, 87405_000)])
        self.assertEqual([row["unsynchronised"] for row in self.rows()], [0, 0])
        self.assertEqual(self.gaps(), [])
        self.recordings.clock_was_set(-50.0, True)
        self.assertEqual(self.times()[0], (87400_000, 87403_000))

    def test_a_file_that_began_before_the_step_was_noticed(self) -> None:
        self.film(90)
        self.step(DAY)
        self.film(60, 3.0)
        self.told(DAY)
        self.set(mode="off")
        self.assertEqual(self.times(), [(87400_000, 87403_000), (87403_000, 87405_000)])
        self.assertEqual(self.gaps(), [])

    def test_the_same_when_it_is_set_back(self) -> None:
        self.film(90)
        self.step(-600.0)
        self.film(60, 3.0)
        self.told(-600.0)
        self.set(mode="off")
        self.assertEqual(self.times(), [(400_000, 403_000), (403_000, 405_000)])

    def test_gaps_are_moved_too(self) -> None:
        self.film(90)
        for _ in range(10):  # the camera gives nothing for ten seconds
            self.clock.advance(1)
        self.film(90, 13.0)
        self.step(DAY)
        self.told(DAY)
        self.set(mode="off")
        self.assertEqual(self.times(), [(87400_000, 87403_000), (87413_000, 87416_000)])
        self.assertEqual([gap[:2] for gap in self.gaps()], [(87403_000, 87413_000)])

    def test_camd_was_off_until_the_right_time(self) -> None:
        """The gap of the last run, which was killed, ends where the first record of this one is moved to."""
        self.right.append(True)
        self.film(90)
        self.again()
        self.right.clear()
        self.recordings.storage.is_synchronised = lambda: bool(self.right)
        self.step(-1000.0)
        self.film(90, 10.0)
        self.step(2000.0)
        self.told(2000.0)
        self.set(mode="off")
        self.assertEqual(self.times(), [(1000_000, 1002_000), (2010_000, 2013_000)])
        self.assertEqual([gap[:2] for gap in self.gaps()], [(1002_000, 2010_000)])
