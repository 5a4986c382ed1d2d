"""What goes when there is no room, too much, or too old; and what happens when nothing may go."""

from __future__ import annotations

from typing import Any

from camd.record import calls, changes
from camd.record.entries import Tag
from camd.record.retention import condemn
from camd.state.event import Event

from .record_case import RecordCase

GB = 1 << 30
DAY = 86400.0


class RetentionTests(RecordCase):
    """A disk of 20 GB, so that 1 GB is kept free."""

    plugins = {"recording": calls}

    total = 20 * GB
    free = 10 * GB

    def setUp(self) -> None:
        super().setUp()
        self.films()
        self.events: list[Event] = []
        self.app.events.subscribe(self.events.append)
        self.offset = 100 * DAY
        self.look()
        self.clock.advance(3700)  # the clock was set

    def add(self, age: float, camera: str = "cam1", size: int = GB) -> str:
        """A record of so many days ago, and its file."""
        start = round((self.offset + self.clock.seconds() - age * DAY) * 1000)
        name = f"{camera}/1970/01/01/{start}.mp4"
        (self.media / name).parent.mkdir(parents=True, exist_ok=True)
        (self.media / name).write_bytes(b"film")
        began = changes.Began(name, camera, "continuous", "h264", start)
        done = changes.Finished(name, 1000, size, 30.0, None)
        self.recordings.index.commit_now([(changes.adopt, (began, done))])
        return name

    def look(self) -> None:
        self.get(self.recordings.retention.look())

    def left(self) -> list[str]:
        names = [row["filename"] for row in self.rows()]
        self.assertEqual(
            sorted(names), sorted(str(path.relative_to(self.media)) for path in self.media.rglob("*.mp4"))
        )
        return names

    def test_age(self) -> None:
        self.set(retention_days=5.0)
        self.add(6), self.add(5.1)
        young, other = self.add(4.9), self.add(6, "door")
        self.look()
        self.assertEqual(self.left(), [other, young])
        self.set(retention_days=0.0)
        very = self.add(3000)
        self.look()
        self.assertIn(very, self.left())

    def test_size_of_a_camera(self) -> None:
        self.set(max_bytes=2 * GB)
        names = [self.add(age) for age in (4, 3, 2, 1)]
        other = self.add(5, "door", 5 * GB)
        self.look()
        self.assertEqual(self.left(), [other, *names[2:]])

    def test_room(self) -> None:
        names = [self.add(age, camera) for age, camera in ((4, "cam1"), (3, "door"), (2, "cam1"))]
        self.free = 2 * GB
        self.look()
        self.assertEqual(self.left(), names)
        self.free = GB  # less than the reserve and a quarter: half of it more is made free
        self.after_deleting(GB)
        self.look()
        self.assertEqual(self.left(), names[1:])
        self.assertEqual(self.app.state["storage/state"].value, "ok")

    def after_deleting(self, size: int) -> None:
        """Whenever the disk is asked again, so much more is free."""
        free, asked = self.free, []

        def look(storage: object) -> object:
            asked.append(storage)
            from camd.record.storage import Space

            return Space(self.total, free + size * (len(asked) > 1))

        from camd.record.storage import Storage

        self.patch(Storage, "look_now", look)

    def test_what_has_a_tag_or_grows_stays(self) -> None:
        self.set(mode="continuous")
        self.film(60, self.clock.seconds())
        self.add(4)
        for row in self.rows():
            self.get(self.recordings.tag(Tag(0, row["timestamp_start"], "keep")))
        self.free = GB // 2
        self.look()
        self.assertEqual(len(self.left()), 2)
        state = self.app.state
        self.assertEqual((state["storage/state"].value, self.value("state")), ("blocked", "recording"))
        self.assertIn("tag", self.value("reason"))
        self.assertEqual(self.value("file"), "")
        answer = self.ask("GET", "/health", by="admin").json
        self.assertEqual(answer["status"], "degraded")
        self.assertIn("bytes free", answer["checks"]["storage"])

    def test_a_tag_saves_what_was_chosen_already(self) -> None:
        names = [self.add(4), self.add(3)]
        index = self.recordings.index
        write = index.write

        def tag_first(change: Any, *args: Any) -> Any:
            if change is condemn:
                index.commit_now([(changes.tag, (Tag(0, self.rows()[0]["timestamp_start"], "keep", camera="cam1"),))])
            return write(change, *args)

        self.patch(index, "write", tag_first)
        self.free = 0  # so both are chosen
        self.look()
        self.assertEqual(self.left(), names[:1])

    def test_it_goes_on_by_itself(self) -> None:
        self.set(mode="continuous")
        at = self.clock.seconds()
        self.film(60, at)
        self.get(self.recordings.tag(Tag(0, self.rows()[0]["timestamp_start"], "keep")))
        self.free = GB // 2
        self.look()
        self.film(60, at + 2)
        self.free = round(1.1 * GB)
        self.look()
        self.assertEqual(self.app.state["storage/state"].value, "blocked")  # not to and fro
        self.free = round(1.3 * GB)
        self.look()
        self.film(60, at + 4)
        self.set(mode="off")
        self.assertEqual([row["duration"] for row in self.rows()], [2000, 3000])
        ((start, end, reason),) = self.gaps()
        self.assertIn("bytes free", reason)
        self.assertEqual(
            [event.data["state"] for event in self.events if event.kind == "storage"], ["blocked", "ok"]
        )

    def test_after_the_clock_was_set_nothing_is_too_old(self) -> None:
        self.set(retention_days=5.0)
        names = [self.add(age) for age in (1, 2)]
        self.offset += 50 * DAY
        self.look()
        self.assertEqual(len(self.left()), len(names))
        self.clock.advance(3000)
        self.assertEqual(len(self.left()), len(names))
        self.clock.advance(700)
        self.assertEqual(self.left(), [])

    def test_days_left(self) -> None:
        self.assertIsNone(self.app.state["storage/days_left"].value)
        self.add(0.5, size=GB)
        self.look()
        self.assertAlmostEqual(self.app.state["storage/days_left"].value, 4.5, delta=0.2)
        self.assertEqual(self.app.state["storage/used"].value, GB)
        self.assertEqual(self.app.state["storage/free"].value, self.free)

    def test_a_place_that_is_not_there(self) -> None:
        self.set(mode="continuous")
        at = self.clock.seconds()
        self.film(60, at)
        self.free = None
        self.media.rename(self.folder / "elsewhere")
        self.look()
        self.assertIn("No such file", self.app.state["storage/reason"].value)
        (self.folder / "elsewhere").rename(self.media)
        self.free = 10 * GB
        self.look()
        self.film(60, at + 3)
        self.assertTrue(self.value("file"))


class FullTests(RecordCase):
    """The disk is full before anybody saw it coming."""

    def test_what_is_whole_stays(self) -> None:
        import os

        self.films()
        self.set(mode="continuous")
        self.film(100)
        real = os.pwritev
        wrote: list[int] = []

        def full(descriptor: int, pieces: list[bytes], at: int) -> int:
            if not wrote:
                wrote.append(real(descriptor, [b"".join(pieces)[:100]], at))
                return 100
            raise OSError(28, "No space left on device")

        self.patch(os, "pwritev", full)
        self.film(30, 100 / 30)
        (row,) = self.rows()
        self.assertEqual((row["state"], row["duration"]), ("ready", 3000))
        self.assertIn("No space left", row["reason"])
        self.assertEqual((self.media / row["filename"]).stat().st_size, row["size"])
        self.assertIn("No space left", self.value("reason"))
        self.patch(os, "pwritev", real)
        self.get(self.recordings.retention.look())
        self.film(60, 6.0)
        self.set(mode="off")
        self.assertEqual([row["duration"] for row in self.rows()], [3000, 2000])
        self.assertEqual([(gap[0], gap[1]) for gap in self.gaps()], [(1003_000, 1006_000)])


class MetricsTests(RecordCase):
    def test_they_are_counted(self) -> None:
        self.films()
        self.set(mode="continuous")
        self.film(75)
        text = self.ask("GET", "/metrics", by="admin").body.decode()
        size = sum(path.stat().st_size for path in self.media.rglob("*.mp4"))
        for line in (
            f'camd_recording_bytes_total{{camera="cam1"}} {float(size)}',
            'camd_recording_active{camera="cam1"} 1.0',
            'camd_recording_active{camera="door"} 0.0',
            "camd_recording_free_bytes ",
        ):
            self.assertIn(line, text)
        status = self.ask("GET", "/api/status", by="admin").json
        self.assertEqual([camera["recording"] for camera in status["cameras"]], [True, False])
