"""Recording one camera: what is wanted, what gets into the files, and what is missing."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.media import Format, Packet
from camd.media.policy import Keep, Lost
from camd.record.cutter import Cutter
from camd.record.ring import Ring
from camd.record.schedule import Schedule
from camd.record.segment_file import file_name, read_label
from camd.state import EVERYONE
from camd.state.event import Event
from camd.testing import ThreadlessPool
from camd.wire.boxes import fragments
from camd.wire.samples import samples

from .coded_video import coded
from .record_case import RecordCase
from .video_case import video


def jpeg() -> bytes:
    return coded("mjpeg", 1)[0].data


class KeepTests(SynchronousTestCase):
    def packets(self, *keys: int) -> list[Packet]:
        return [Packet(bytes(10), "h264", n, n, n, bool(key)) for n, key in enumerate(keys)]

    def taken(self, keep: Keep) -> list[int | tuple[int, int, int]]:
        found = []
        while (item := keep.take()) is not None:
            lost = isinstance(item, Lost)
            found.append((item.first.pts, item.last.pts, item.count) if lost else item.pts)
        return found

    def test_it_begins_with_a_key_frame(self) -> None:
        keep = Keep()
        self.assertEqual(sum(map(keep.put, self.packets(0, 0, 1, 0))), 0)
        self.assertEqual(self.taken(keep), [2, 3])
        self.assertFalse(keep.waits)

    def test_what_was_there_first_stays_and_the_rest_is_told(self) -> None:
        keep = Keep(limit=3)
        packets = self.packets(1, 0, 0, 0, 1, 0, 1, 0)
        self.assertEqual([keep.put(packet) for packet in packets[:6]], [0, 0, 0, 1, 1, 1])
        self.assertEqual(self.taken(keep), [0, 1, 2])
        self.assertTrue(keep.waits)
        self.assertEqual([keep.put(packet) for packet in packets[6:]], [0, 0])
        self.assertEqual(self.taken(keep), [(3, 5, 3), 6, 7])

    def test_bytes_are_bounded_too(self) -> None:
        keep = Keep(most=25)
        self.assertEqual([keep.put(packet) for packet in self.packets(1, 0, 0)], [0, 0, 1])


class ScheduleTests(SynchronousTestCase):
    def test_times(self) -> None:
        week = Schedule({"mon": ["08:00-18:00"], "sun": ["22:00-06:00", "00:00-24:00"]})
        has = lambda *moment: week.has(datetime(2026, 11, *moment))  # noqa: E731; the 23rd is a Monday
        self.assertEqual(
            [has(23, 7, 59), has(23, 8, 0), has(23, 17, 59), has(23, 18, 0)], [False, True, True, False]
        )
        self.assertEqual([has(22, 12, 0), has(23, 5, 59), has(23, 6, 0)], [True, True, False])

    def test_what_is_no_schedule(self) -> None:
        for table in (
            {"noday": []},
            {"mon": "08:00-18:00"},
            {"mon": ["8-18"]},
            {"mon": ["25:00-26:00"]},
            {"mon": ["08:00-08:00"]},
            {"mon": [7]},
            {"mon": ["00:00-24:00"] * 30},
        ):
            self.assertRaises(Invalid, Schedule, table)


class RingTests(SynchronousTestCase):
    def test_it_keeps_seconds_from_a_key_frame_on(self) -> None:
        ring = Ring(2.5)
        for packet in video(200):
            ring.add(packet)
        kept = list(ring)
        self.assertTrue(kept[0].keyframe)
        self.assertGreaterEqual(kept[-1].pts - kept[0].pts, 2.5)
        self.assertLess(kept[-1].pts - kept[0].pts, 3.6)

    def test_bytes_are_bounded(self) -> None:
        ring = Ring(60, most=20_000)
        for packet in video(300):
            ring.add(packet)
            self.assertLessEqual(ring.bytes, 20_000)
        self.assertEqual(ring.bytes, sum(len(packet.data) for packet in ring))


class CutterTests(SynchronousTestCase):
    def cut(self, packets: list[Packet], length: float = 300, largest: int = 1 << 30) -> list:
        cutter = Cutter(length, largest)
        chunks = [chunk for packet in packets if (chunk := cutter.add(packet))]
        return [*chunks, *([last] if (last := cutter.end()) else [])]

    def test_fragments_are_a_second_and_complete(self) -> None:
        packets = video(100)
        chunks = self.cut(packets)
        self.assertEqual([len(chunk.packets) for chunk in chunks], [30, 30, 30, 10])
        self.assertEqual([packet for chunk in chunks for packet in chunk.packets], packets)
        for before, after in pairwise(chunks):
            self.assertEqual(before.times[-1], after.times[0])

    def test_segments_begin_with_key_frames(self) -> None:
        chunks = self.cut(video(200), length=1.5)
        starts = [
            chunk.packets[0]
            for before, chunk in pairwise([None, *chunks])
            if before is None or before.segment is not chunk.segment
        ]
        self.assertEqual([packet.pts for packet in starts], [0.0, 2.0, 4.0, 6.0])
        self.assertTrue(all(packet.keyframe for packet in starts))

    def segments(self, packets: list[Packet], **options: int) -> int:
        return len({id(chunk.segment) for chunk in self.cut(packets, **options)})

    def test_a_segment_is_not_too_large(self) -> None:
        packets = video(150)
        self.assertEqual(self.segments(packets), 1)
        self.assertEqual(self.segments(packets, largest=1), 5)

    def test_the_clock_is_set(self) -> None:
        for step in (3600.0, -3600.0, 1.5):
            later = [replace(packet, wall=packet.wall + step) for packet in video(60, 2.0)]
            self.assertEqual(self.segments(video(60) + later), 2)
        slewed = [replace(packet, wall=packet.wall + 0.4) for packet in video(60, 2.0)]
        self.assertEqual(self.segments(video(60) + slewed), 1)

    def test_the_video_becomes_another_one(self) -> None:
        self.assertEqual(self.segments(video(60) + video(60, 2.0, size=(160, 90))), 2)


class NameTests(SynchronousTestCase):
    def test_utc_and_milliseconds(self) -> None:
        self.assertEqual(file_name("cam1", 1795559220007), "cam1/2026/11/24/222700_007.mp4")
        self.assertEqual(file_name("cam1", 0, "jpg"), "cam1/1970/01/01/000000_000.jpg")


class RecorderTests(RecordCase):
    def setUp(self) -> None:
        super().setUp()
        self.films()

    def test_continuous(self) -> None:
        self.set(mode="continuous")
        packets = self.film(100)
        self.assertEqual(self.value("state"), "recording")
        self.assertEqual(self.value("file"), "cam1/1970/01/01/001640_000.mp4")
        self.set(mode="off")
        self.assertEqual((self.value("state"), self.value("file")), ("stopped", ""))
        (row,) = self.rows()
        self.assertEqual(
            (row["state"], row["kind"], row["codec"], row["resolution"], row["fps"]),
            ("ready", "continuous", "h264", "320x180", 30.0),
        )
        self.assertEqual(
            (row["timestamp_start"], row["timestamp_end"], row["duration"]), (1000_000, 1003_333, 3333)
        )
        path = self.media / row["filename"]
        self.assertEqual(
            (path.stat().st_size, hashlib.sha256(path.read_bytes()).digest()), (row["size"], row["sha256"])
        )
        with path.open("rb") as file:
            self.assertEqual(sum(len(samples(file, *pair)) for pair in fragments(file)), len(packets))
            label = read_label(file)
        self.assertEqual((label.camera, label.kind, label.start), ("cam1", "continuous", 1000_000))
        self.assertEqual(self.gaps(), [])
        self.assertEqual(self.clients(), {})

    def test_segments_follow_each_other_without_a_gap(self) -> None:
        self.set(mode="continuous", segment=60)
        self.film(30 * 62)
        self.film(30 * 60, 62.0)
        self.set(mode="off")
        first, second, third = self.rows()
        self.assertEqual(
            (first["timestamp_end"], second["timestamp_end"]),
            (second["timestamp_start"], third["timestamp_start"]),
        )

    def test_by_hand(self) -> None:
        self.film(30)
        self.set(state="recording")
        self.film(60, 1.0)
        self.set(state="paused")
        self.assertEqual(self.value("state"), "paused")
        self.film(60, 3.0)
        self.set(state="recording")
        self.film(60, 5.0)
        self.set(state="stopped")
        self.assertEqual(
            [(row["kind"], row["timestamp_start"], row["duration"]) for row in self.rows()],
            [("manual", 1000_000, 3000), ("manual", 1004_000, 3000)],
        )  # from the key frame before
        self.assertEqual(self.gaps(), [])

    def test_nothing_is_recorded_twice(self) -> None:
        self.set(state="recording")
        self.film(75)
        self.set(state="paused")
        self.set(state="recording")
        self.film(75, 3.0)
        self.set(state="stopped")
        self.assertEqual(
            [(row["timestamp_start"], row["timestamp_end"]) for row in self.rows()],
            [(1000_000, 1002_500), (1003_000, 1005_500)],
        )

    def test_for_a_while(self) -> None:
        self.recordings["cam1"].start(2.0)
        for second in range(5):
            self.film(30, float(second))
            self.clock.advance(0)
            self.recordings["cam1"].tick()
        self.assertEqual(self.value("state"), "stopped")
        (row,) = self.rows()
        self.assertTrue(2000 <= row["duration"] <= 3000, row["duration"])

    def test_a_stop_holds_the_mode(self) -> None:
        self.set(mode="continuous", state="stopped")
        self.film(60)
        self.assertEqual(self.rows(), [])
        self.set(mode="continuous")
        self.film(60, 2.0)
        self.assertEqual(self.value("state"), "recording")

    def test_what_is_masked_from_now_on_is_forgotten(self) -> None:
        self.set(pre=2.0, post=3.0, mode="event")
        self.film(60)
        masks = self.app.state["cameras/cam1/masks"]
        self.successResultOf(masks.set([[[0, 0], [1, 0], [1, 1]]], EVERYONE))
        recorder = self.recordings.recorders["cam1"]
        self.assertEqual((list(recorder._ring), recorder._ring.bytes), ([], 0))

    def test_events_with_what_was_before(self) -> None:
        self.set(pre=2.0, post=3.0, mode="event")
        self.film(150)
        self.assertEqual((self.value("state"), self.rows()), ("stopped", []))
        self.app.events.publish(Event("motion", "door"))
        self.app.events.publish(Event("camera", "cam1"))
        self.assertEqual(self.value("state"), "stopped")
        self.app.events.publish(Event("motion", "cam1"))
        self.film(150, 5.0)
        self.app.events.publish(Event("motion", "cam1", end=1010.0))
        for second in range(10, 16):
            self.film(30, float(second))
            self.recordings["cam1"].tick()
        (row,) = self.rows()
        self.assertEqual((row["kind"], row["timestamp_start"]), ("event", 1002_000))
        self.assertTrue(1013_000 <= row["timestamp_end"] <= 1014_100, row["timestamp_end"])
        self.app.events.publish(Event("trigger", "cam1"))
        self.assertEqual(self.value("kind"), "event")

    def test_without_pre_roll_nothing_is_kept_in_memory(self) -> None:
        self.set(pre=0.0, mode="event")
        self.film(60)
        self.assertEqual(self.clients(), {})

    def test_schedule(self) -> None:
        local = datetime.fromtimestamp(1000.0)
        day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[local.weekday()]
        now = f"{local:%H:%M}"
        self.set(schedule={day: [f"{now}-24:00"]}, mode="schedule")
        self.film(60)
        self.assertEqual(self.value("kind"), "schedule")
        self.set(schedule={})
        self.assertEqual(self.value("kind"), "")
        failed = self.app.state["cameras/cam1/recording/schedule"].set({"mon": ["x"]}, EVERYONE)
        self.failureResultOf(failed, Invalid)

    def test_a_camera_that_goes_away_is_a_gap(self) -> None:
        self.set(mode="continuous")
        self.film(60)
        card = Packet(jpeg(), "mjpeg", 2.5, 1002.5, 2.5, card=True)
        for second in range(2, 10):
            self.play([replace(card, pts=float(second))])
            self.clock.advance(1)
            self.recordings["cam1"].tick()
        self.assertEqual(self.value("reason"), "the camera gives no pictures")
        self.film(60, 12.0)
        self.set(mode="off")
        self.assertEqual([row["duration"] for row in self.rows()], [2000, 2000])
        self.assertEqual(self.gaps(), [(1002_000, 1012_000, "the camera gives no pictures")])

    def test_pictures_that_are_missing_in_between(self) -> None:
        self.set(mode="continuous")
        self.film(60)
        self.film(60, 6.0)
        self.set(mode="off")
        self.assertEqual(self.gaps(), [(1002_000, 1006_000, "the camera gives no pictures")])

    def test_a_camera_that_never_comes(self) -> None:
        self.set(mode="continuous")
        for _ in range(5):
            self.clock.advance(1)
            self.recordings["cam1"].tick()
        self.assertEqual([(start, end) for start, end, _ in self.gaps()], [(1000_000, None)])
        self.set(mode="off")
        self.assertEqual([(start, end) for start, end, _ in self.gaps()], [(1000_000, 1005_000)])

    def test_a_slow_disk_is_a_gap_and_not_silence(self) -> None:
        self.set(mode="continuous")
        pool = self.app.threads.pools["record"] = ThreadlessPool(at_once=False)
        subscription = self.camera().pipeline.source.subscriptions[0]
        subscription._policy._limit = 60
        self.film(30 * 8)
        self.assertGreater(subscription.drops, 0)
        pool.at_once = True
        pool.run()
        self.film(30 * 3, 8.0)
        self.set(mode="off")
        first, second = self.rows()
        ((start, end, reason),) = self.gaps()
        self.assertIn("the disk is too slow", reason)
        self.assertLessEqual(abs(start - first["timestamp_end"]), 34)
        self.assertLessEqual(abs(second["timestamp_start"] - end), 34)

    def test_jpegs(self) -> None:
        self.camera().pipeline.opened(Format("mjpeg", 64, 48, 30.0))
        self.set(mode="continuous")
        picture = jpeg()
        self.play([Packet(picture, "mjpeg", n / 30, 1000 + n / 30, n / 30) for n in range(60)])
        self.set(mode="off")
        (row,) = self.rows()
        self.assertEqual((row["codec"], row["duration"]), ("mjpeg", 2000))

    def test_the_end_of_camd(self) -> None:
        self.set(mode="continuous")
        self.film(75)
        self.get(self.recordings.stop())
        self.camera().pipeline.source.forget()
        self.begin()
        self.assertEqual([(row["state"], row["duration"]) for row in self.rows()], [("ready", 2500)])
        self.assertEqual(self.gaps(), [(1002_500, None, "camd was stopped")])
        self.film(60, 4.0)
        self.assertEqual(self.gaps(), [(1002_500, 1004_000, "camd was stopped")])

    def test_a_camera_that_is_removed(self) -> None:
        self.set(mode="continuous")
        self.film(60)
        self.app.cameras.configure({"door": self.app.cameras["door"].config})
        self.recordings.follow(self.app.cameras)
        self.assertEqual([row["state"] for row in self.rows()], ["ready"])
        self.assertEqual((list(self.recordings.recorders), self.gaps()), (["door"], []))

    def test_the_end_of_camd_waits_for_it(self) -> None:
        self.set(mode="continuous")
        self.film(60)
        pool = self.app.threads.pools["record"]
        pool.at_once = False
        self.app.cameras.configure({"door": self.app.cameras["door"].config})
        self.recordings.follow(self.app.cameras)
        stopped = ensureDeferred(self.recordings.stop())
        self.assertNoResult(stopped)
        pool.run()
        self.successResultOf(stopped)
        self.begin()
        self.assertEqual([row["state"] for row in self.rows()], ["ready"])

    def test_a_picture_that_is_kept(self) -> None:
        record = self.get(self.recordings.keep_picture("cam1"))
        self.assertEqual((record.kind, record.media_type, record.state), ("snapshot", "image", "ready"))
        self.assertEqual((self.media / record.filename).read_bytes(), self.picture().data)

    def test_timelapse(self) -> None:
        self.set(interval=10.0, mode="timelapse")
        for _ in range(35):
            self.clock.advance(1)
        self.set(mode="off")
        self.clock.advance(20)
        self.assertEqual([row["kind"] for row in self.rows()], ["timelapse"] * 4)
