"""A day of recording in memory time: whatever happens, its timeline has no silence.

The clocks, the reactor and the cameras are the test's, so that a day takes a minute; the packets, the files and the
index are real ones. What needs a real daemon, a real V4L2 camera and clocks of the system is in
`tests/e2e/test_record_clock.py`, for minutes: a daemon cannot be made to live a hundred times faster, for its disk
and its threads stay as slow as they are, and would be measured instead of it.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import camd.app
from camd.media import Format, Packet
from camd.media.policy import Gop
from camd.record.check import reading, verify
from camd.record.segment_file import file_name
from camd.state import EVERYONE

from .coded_video import coded
from .e2e.test_recording import count_frames
from .record_case import RecordCase
from .timeline import Timeline

#: In Berlin summer ends at 01:00 UTC of this day: the hour from 02:00 to 03:00 comes twice.
CHANGE = datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp()
BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
#: Comes twice, too: 30 minutes before the change, and an hour after it.
SCHEDULE = {"sun": ["02:30-03:30"]}
MEMORY = "/dev/shm"
RATE = 4
SIZE = (128, 72)
#: The wall clock is set by so much (seconds). Less than a second begins no file.
STEPS = (5.0, -5.0, 0.4, -0.4, 90.0, -45.0, 600.0, -600.0, 1.5, -1.5, 3600.0, -3600.0)


def draw_nothing(camera: str, reason: str, when: float, width: int, height: int) -> Packet:
    """A card for a camera that does not give pictures by itself: these come each second, and drawing takes longer than
    all the rest."""
    return Packet(b"", "mjpeg", 0.0, when, 0.0, card=True)


@dataclass
class Told:
    """What the test did to one camera. Times are the running clock's. wanted: spans in which it is to be recorded;
    given: when each picture came."""

    wanted: list[list[float]] = field(default_factory=list)
    given: list[float] = field(default_factory=list)
    position: int = 0
    dark_until: float = 0.0


class DayTests(RecordCase):
    """cam1 is recorded all the time, and door by a schedule of local time."""

    hours = 3.0
    unplugged = 3
    seed = 1
    timeout = 300

    def setUp(self) -> None:
        before = os.environ.get("TZ")
        self.addCleanup(self.set_zone, before)
        self.set_zone(BERLIN)
        self.patch(camd.app.card, "card", draw_nothing)
        super().setUp()
        self.offset = CHANGE - self.hours * 3600 / 2
        self.dice = random.Random(self.seed)
        self.eras = [(0.0, self.offset)]  # since when the wall clock is ahead by how much
        self.told = {"cam1": Told(), "door": Told()}
        self.viewers: list[Any] = []
        self.gop = coded("h264", RATE * 10, f"preset=ultrafast:tune=zerolatency:profile=baseline:g={RATE}", SIZE, RATE)
        for id, told in self.told.items():
            self.camera(id).pipeline.opened(Format("h264", *SIZE, float(RATE)))
            told.position = 0
        self.keep_clock_right()
        self.set(mode="continuous")
        self.set_door(schedule=SCHEDULE)
        self.set_door(mode="schedule")

    def mktemp(self) -> str:
        """In memory, if that can be: a disk would take 10 ms for each of 100,000 seconds."""
        folder = tempfile.mkdtemp(prefix="camd-day-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
        self.addCleanup(shutil.rmtree, folder)
        return folder + "/day"

    def set_zone(self, zone: str | None) -> None:
        os.environ.pop("TZ", None)
        if zone is not None:
            os.environ["TZ"] = zone
        time.tzset()

    def set_door(self, **values: Any) -> None:
        for name, value in values.items():
            self.successResultOf(self.app.state[f"cameras/door/recording/{name}"].set(value, EVERYONE))

    def keep_clock_right(self) -> None:
        self.recordings.storage.is_synchronised = lambda: True

    # -- what happens

    def test_day(self) -> None:
        seconds = round(self.hours * 3600)
        script = self.script(seconds)
        for second in range(seconds):
            for what in script.get(second, ()):
                what()
            for _ in range(RATE):
                self.clock.advance(1 / RATE)
                for id, told in self.told.items():
                    self.give(id, told)
            self.note_wanted()
        self.end = self.clock.seconds()
        self.get(self.recordings.stop())
        for id, told in self.told.items():
            self.look(id, told)
        self.look_at_files()

    def script(self, seconds: int) -> dict[int, list[Any]]:
        """What happens in which second, in an order that the dice know."""
        script: dict[int, list[Any]] = {}

        def plan(what: Any, *args: Any) -> None:
            second = self.dice.randrange(10, seconds - 10)
            script.setdefault(second, []).append(lambda: what(*args))

        for _ in range(self.unplugged):
            plan(self.unplug, "cam1", self.dice.choice((1.0, 3.0, 30.0, 60.0, 600.0)))
            plan(self.unplug, "door", self.dice.uniform(3.0, 120.0))
        for by in self.dice.sample(STEPS, max(4, round(len(STEPS) * self.hours / 24))):
            plan(self.step, by)
        for _ in range(seconds // 60):
            plan(self.churn)
        plan(self.restart)
        plan(self.again)
        return script

    def unplug(self, id: str, seconds: float) -> None:
        told = self.told[id]
        told.dark_until = self.clock.seconds() + seconds
        told.position = 0  # a camera that comes back begins with a key frame

    def step(self, by: float) -> None:
        self.offset += by
        self.eras.append((self.clock.seconds(), self.offset))
        self.recordings.clock_was_set(by, True)

    def churn(self) -> None:
        """Somebody comes to watch, or goes."""
        if self.viewers and self.dice.random() < 0.5:
            self.viewers.pop(self.dice.randrange(len(self.viewers))).close()
        elif len(self.viewers) < 8:
            source = self.camera(self.dice.choice(("cam1", "door"))).pipeline.source
            self.viewers.append(source.subscribe(lambda item: None, Gop(), kind="mse"))

    def restart(self) -> None:
        self.get(self.recordings.stop())
        self.begin()

    def begin(self) -> None:
        super().begin()
        self.keep_clock_right()

    def give(self, id: str, told: Told) -> None:
        now = self.clock.seconds()
        if now < told.dark_until:
            return
        one = self.gop[told.position % len(self.gop)]
        told.position += 1
        told.given.append(now)
        self.publish([Packet(one.data, "h264", now, now + self.offset, now, one.keyframe)], id)

    def note_wanted(self) -> None:
        now = self.clock.seconds()
        local = time.localtime(now + self.offset)
        minute = local.tm_hour * 60 + local.tm_min
        for id, wanted in (("cam1", True), ("door", 150 <= minute < 210)):
            spans = self.told[id].wanted
            if wanted and spans and now - spans[-1][1] <= 1.0:
                spans[-1][1] = now
            elif wanted:
                spans.append([now - 1.0, now])

    # -- what must be true then

    def look(self, id: str, told: Told) -> None:
        records, gaps = self.of_camera("records", id), self.of_camera("gaps", id)
        timeline = Timeline(records, gaps, self.eras, self.end, 1 / RATE)
        timeline.complain(told.wanted)
        if id == "cam1":
            timeline.complain_of_silence(self.eras[0][1] + 1.0, self.end + self.offset)
        for start, end in told.wanted:
            inside = [span for span in timeline.spans if span[1] > start and span[0] < end]
            self.assertTrue(inside, f"{id}: nothing was recorded from {start} to {end}")
            self.assertLess(inside[0][0] - start, self.slack(told, start), f"{id} begins late")

    def slack(self, told: Told, moment: float) -> float:
        """How much later than wanted it may begin: a second until somebody looks, and one to the next key frame;
        more if the camera gave nothing then."""
        after = [given for given in told.given[bisect_right(told.given, moment):][:1]]
        return 3.0 + (after[0] - moment if after else 0.0)

    def of_camera(self, table: str, id: str) -> list[dict[str, Any]]:
        with reading(self.folder / "index.db") as connection:
            cursor = connection.execute(f"SELECT * FROM {table} WHERE camera = ? ORDER BY id", (id,))
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def look_at_files(self) -> None:
        with reading(self.folder / "index.db") as connection:
            self.assertEqual(list(verify(connection, self.media, quick=False)), [])
        frames = 0
        for id in self.told:
            for record in self.of_camera("records", id):
                start = record["timestamp_start"]
                self.assertIn(record["filename"], {file_name(id, start + late) for late in range(3)})
                found = count_frames(self.media / record["filename"])
                self.assertEqual(found, round(record["fps"] * record["duration"] / 1000), record)
                frames += found if id == "cam1" else 0
        # Of a camera that gives pictures nothing is lost but by the kill: a second that was not on the disk yet,
        # and the pictures until the next key frame.
        self.assertLess(len(self.told["cam1"].given) - frames, 4 * RATE)
