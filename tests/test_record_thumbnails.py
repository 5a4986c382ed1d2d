"""Thumbnails: made once, when somebody looks; gone with their recording."""

from __future__ import annotations

import io
from pathlib import Path

import av

from camd.media import Format, Packet
from camd.record import thumbnails
from camd.record.thumbnail import WIDTH, Still, draw, find
from camd.testing import jpeg_packet
from camd.wire import jpeg

from .coded_video import coded
from .record_case import RecordCase


def brightness(data: bytes) -> float:
    with av.open(io.BytesIO(data), format="mjpeg") as container:
        return float(next(container.decode(video=0)).to_ndarray(format="gray").mean())


class ThumbnailCase(RecordCase):
    def setUp(self) -> None:
        super().setUp()
        self.films()

    @property
    def folder_of_them(self) -> Path:
        return self.media / thumbnails.FOLDER

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder_of_them.glob("*"))

    def record(self, count: int = 90, start: float = 0.0, **options: object) -> int:
        """Returns the number of the record."""
        self.set(mode="continuous")
        self.film(count, start, **options)
        self.set(mode="off")
        self.camera().pipeline.source.forget()
        return int(self.rows()[-1]["id"])

    def one(self, id: int):
        return self.get(self.recordings.one(id))

    def path(self, id: int, at: int | None = None) -> str:
        return f"/api/recordings/{id}/thumbnail.jpg" + ("" if at is None else f"?at={at}")


class PictureTests(ThumbnailCase):
    """What is made."""

    def test_it_is_small_and_of_the_moment(self) -> None:
        record = self.one(self.record(90, size=(640, 360)))
        path = self.media / record.filename
        for at, time in ((None, 0), (999_000, 0), (1001_500, 1000), (1002_000, 2000), (1009_000, 2000)):
            self.assertEqual(find(path, record, at).time, time, at)
        data = draw(find(path, record, 1002_000))
        self.assertEqual(jpeg.size(data), (WIDTH, 180))
        self.assertLess(len(data), 30_000)
        self.assertGreater(brightness(data), brightness(draw(find(path, record))))  # it brightens

    def test_what_is_small_stays_so(self) -> None:
        record = self.one(self.record(30, size=(160, 90)))
        self.assertEqual(jpeg.size(draw(find(self.media / record.filename, record))), (160, 90))

    def test_other_codecs(self) -> None:
        for codec in ("hevc", "mjpeg"):
            self.camera().pipeline.opened(Format(codec, 640, 360, 30.0))
            self.set(mode="continuous")
            start = self.clock.seconds() + 1
            times = [start + at / 30 for at in range(60)]
            self.play([
                Packet(one.data, codec, time, 1000 + time, time, one.keyframe)
                for time, one in zip(times, coded(codec, 60, size=(640, 360)), strict=True)
            ])  # fmt: skip
            self.set(mode="off")
            self.camera().pipeline.source.forget()
            record = self.one(self.rows()[-1]["id"])
            self.assertEqual(record.codec, codec)
            data = draw(find(self.media / record.filename, record, record.end))
            self.assertEqual(jpeg.size(data), (WIDTH, 180))


class RestTests(ThumbnailCase):
    def setUp(self) -> None:
        super().setUp()
        self.number = self.record()

    def test_made_once(self) -> None:
        answer = self.ask("GET", self.path(self.number), by="viewer")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "image/jpeg"))
        self.assertEqual(jpeg.size(answer.body), (320, 180))
        self.assertIn("max-age=600", answer.headers["cache-control"])
        self.assertIn("private", answer.headers["cache-control"])
        self.assertEqual(answer.headers["vary"], "Authorization, Cookie")
        again = self.ask("GET", self.path(self.number), by="viewer")
        self.assertEqual((again.body, self.recordings.thumbnails.made), (answer.body, 1))
        known = self.ask("GET", self.path(self.number), by="viewer", if_none_match=answer.headers["etag"])
        self.assertEqual((known.status, known.body), (304, b""))
        for at in (1001_100, 1001_900):  # one key frame
            other = self.ask("GET", self.path(self.number, at), by="viewer")
            self.assertNotEqual(other.headers["etag"], answer.headers["etag"])
        self.assertEqual((self.recordings.thumbnails.made, len(self.names())), (2, 2))

    def test_they_go_with_their_recording(self) -> None:
        other = self.record(60, 10.0)
        for id in (self.number, other):
            self.ask("GET", self.path(id), by="viewer")
        self.get(self.recordings.retention.look())
        used = self.app.state["storage/used"].value
        self.assertEqual(used, sum(path.stat().st_size for path in self.media.rglob("*.*") if path.is_file()))
        self.assertEqual(self.ask("DELETE", f"/api/recordings/{self.number}", by="admin").status, 204)
        self.assertEqual(self.names(), ["cam1,1970,01,01,001650_000.mp4,0.jpg"])
        self.assertEqual(self.ask("GET", self.path(self.number), by="viewer").status, 404)
        (self.media / self.rows()[0]["filename"]).unlink()  # by somebody else
        self.again()
        self.assertEqual((self.names(), self.recordings.thumbnails.used), ([], 0))

    def test_none_is_kept_of_what_was_deleted_meanwhile(self) -> None:
        def slow(still: Still) -> bytes:
            (self.media / self.rows()[0]["filename"]).unlink()
            return draw(still)

        self.patch(thumbnails, "draw", slow)
        self.assertEqual(self.ask("GET", self.path(self.number), by="viewer").status, 200)
        self.assertEqual((self.names(), self.recordings.thumbnails.used), ([], 0))

    def test_they_are_known_after_a_restart(self) -> None:
        body = self.ask("GET", self.path(self.number), by="viewer").body
        self.again()
        self.recordings.thumbnails.made = 0
        self.assertEqual(self.ask("GET", self.path(self.number), by="viewer").body, body)
        self.assertEqual(self.recordings.thumbnails.made, 0)
        (self.folder_of_them / self.names()[0]).write_bytes(body[:100])  # the power went
        self.assertEqual(self.ask("GET", self.path(self.number), by="viewer").body, body)
        self.assertEqual(self.recordings.thumbnails.made, 1)

    def test_a_folder_that_cannot_be_read_keeps_nobody_from_recording(self) -> None:
        def refuse(folder: Path) -> None:
            raise PermissionError(13, "Permission denied")

        self.patch(thumbnails, "_listed", refuse)
        self.again()
        self.film(1, 20.0)
        self.assertEqual(self.ask("GET", self.path(self.number), by="viewer").status, 200)

    def test_they_are_no_recordings(self) -> None:
        self.ask("GET", self.path(self.number), by="viewer")
        self.again()
        self.assertEqual(len(self.rows()), 1)

    def test_the_oldest_go_when_there_are_too_many(self) -> None:
        self.ask("GET", self.path(self.number), by="viewer")
        size = self.recordings.thumbnails.used
        self.patch(thumbnails, "LARGEST", size + size // 2)
        self.ask("GET", self.path(self.number, 1002_000), by="viewer")
        self.assertEqual(self.names(), ["cam1,1970,01,01,001640_000.mp4,2000.jpg"])
        (kept,) = self.folder_of_them.glob("*")
        self.assertEqual(self.recordings.storage.thumbnails, kept.stat().st_size)

    def test_without_room_nothing_is_kept(self) -> None:
        self.recordings.storage.block("full")
        self.assertEqual(self.ask("GET", self.path(self.number), by="viewer").status, 200)
        self.assertEqual(self.names(), [])

    def test_who_may_not_see_the_camera(self) -> None:
        self.films("door")
        self.recordings["door"].start()
        self.play([jpeg_packet(0)], "door")
        self.recordings["door"].stop()
        self.assertEqual(self.ask("GET", self.path(self.number), by="nobody").status, 403)
        self.assertEqual(self.ask("GET", self.path(self.number), by="limited").status, 200)
        move = lambda connection: connection.execute("UPDATE records SET camera = 'door'")  # noqa: E731
        self.recordings.index.commit_now([(move, ())])
        self.assertEqual(self.ask("GET", self.path(self.number, 1001_000), by="limited").status, 404)
        self.assertEqual(self.recordings.thumbnails.made, 1)

    def test_what_is_written_may_change(self) -> None:
        self.set(mode="continuous")
        self.film(75, 20.0)
        id = self.rows()[-1]["id"]
        answer = self.ask("GET", self.path(id, 1029_000), by="viewer")
        self.assertEqual((answer.status, answer.headers["cache-control"]), (200, "private, no-cache"))

    def test_a_picture_that_was_kept(self) -> None:
        packet = coded("mjpeg", 1, size=(1280, 720))[0]
        self.picture = lambda: Packet(packet.data, "mjpeg", 0.0, 1100.0, self.clock.seconds())
        id = self.get(self.recordings.keep_picture("cam1")).id
        answer = self.ask("GET", self.path(id), by="viewer")
        self.assertEqual((answer.status, jpeg.size(answer.body)), (200, (320, 180)))

    def test_damaged(self) -> None:
        path = self.media / self.rows()[0]["filename"]
        path.write_bytes(path.read_bytes()[:50])
        self.assertEqual(self.ask("GET", self.path(self.number), by="viewer").status, 404)

    def test_a_queue_that_is_full(self) -> None:
        pool = self.app.threads.pools["encode"]
        pool.at_once = False
        waiting = [self.request("GET", self.path(self.number), by="viewer") for _ in range(thumbnails.QUEUE)]
        answer = self.ask("GET", self.path(self.number), by="viewer")
        self.assertEqual((answer.status, answer.headers["retry-after"]), (429, "1"))
        for wire in waiting[1:-1]:
            self.lose(wire)  # they will not be made
        while pool.waiting:
            pool.run()
        self.lose(waiting[0])
        self.lose(waiting[-1])
        self.assertEqual(self.recordings.thumbnails.made, 1)
        self.assertEqual(self.ask("GET", self.path(self.number), by="viewer").status, 200)
