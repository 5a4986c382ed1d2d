"""A time as one MP4, and recordings over REST: what is given is what the camera gave, bit for bit."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import av

from camd.media import Format, Packet
from camd.record import calls, recordings
from camd.wire import nal
from camd.wire.boxes import fragments
from camd.wire.samples import samples

from .coded_video import coded
from .edge_case import Answer
from .record_case import RecordCase
from .video_case import EACH_HALF, video


def pictures(film: bytes) -> list[bytes]:
    """What each sample of a file holds."""
    file = io.BytesIO(film)
    return [film[s.offset : s.offset + s.size] for pair in fragments(file) for s in samples(file, *pair)]


def given(packets: list[Packet]) -> list[bytes]:
    """The same of what the camera gave."""
    return [b"".join(nal.sample(nal.split(packet.data), packet.codec)) for packet in packets]


class PlayCase(RecordCase):
    plugins = {"recording": calls}

    def setUp(self) -> None:
        super().setUp()
        self.films()

    def record(self, count: int, start: float = 0.0, **options: object) -> list[Packet]:
        self.set(mode="continuous")
        packets = self.film(count, start, **options)
        self.set(mode="off")
        self.camera().pipeline.source.forget()
        return packets

    def range(self, start: int, end: int, by: str = "viewer") -> Answer:
        return self.ask("GET", f"/api/recordings/range?camera=cam1&start={start}&end={end}", by=by)

    def body(self, answer: Answer) -> bytes:
        """Chunked or not."""
        if answer.headers.get("transfer-encoding") != "chunked":
            return answer.body
        data, left = b"", answer.body
        while left:
            size, _, left = left.partition(b"\r\n")
            data, left = data + left[: int(size, 16)], left[int(size, 16) + 2 :]
        return data


class RangeTests(PlayCase):
    def test_it_is_what_the_camera_gave(self) -> None:
        packets = self.record(300)
        answer = self.range(1002_000, 1007_000)
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "video/mp4"))
        film = self.body(answer)
        expected = given(packets[60:210])
        self.assertEqual(
            hashlib.sha256(b"".join(pictures(film))).digest(), hashlib.sha256(b"".join(expected)).digest()
        )

    def test_ten_minutes(self) -> None:
        """Bit for bit, and soon: the first bytes need no look through all of it."""
        minute = video(1800)
        packets = [
            replace(one, pts=one.pts + 60 * n, wall=one.wall + 60 * n, grabbed=one.grabbed + 60 * n)
            for n in range(11)
            for one in minute
        ]
        self.set(segment=120, mode="continuous")
        self.play(packets)
        self.set(mode="off")
        start, took = 1000_000 + 31_000, time.thread_time()
        playback = self.get(self.recordings.play("cam1", start, start + 600_000))
        film = [playback.read(1 << 18)]
        took = time.thread_time() - took
        self.assertLess(took, 0.3)
        while film[-1]:
            film.append(playback.read(1 << 20))
        expected = hashlib.sha256(b"".join(given(packets[930 : 930 + 18000]))).hexdigest()
        self.assertEqual(hashlib.sha256(b"".join(pictures(b"".join(film)))).hexdigest(), expected)

    def shown(self, film: bytes) -> list[float]:
        """The times of the pictures that FFmpeg shows, from the first on."""
        with av.open(io.BytesIO(film)) as container:
            return [round(float(frame.time), 3) for frame in container.decode(video=0)]

    def test_it_begins_with_the_very_picture(self) -> None:
        packets = self.record(300)
        film = self.body(self.range(1002_500, 1003_500))
        self.assertEqual(pictures(film), given(packets[60:105]))  # from the key frame before
        times = self.shown(film)
        self.assertEqual(times[:1], [-0.5])  # decoded, and not shown
        self.assertEqual((len([time for time in times if time >= 0]), times[15]), (30, 0.0))

    def test_an_end_between_two_pictures_and_a_start_before_everything(self) -> None:
        packets = self.record(60)
        self.assertEqual(pictures(self.body(self.range(0, 1001_050))), given(packets[:32]))

    def test_files_that_follow_each_other_become_one(self) -> None:
        self.set(segment=60, mode="continuous")
        packets = self.film(30 * 62)
        packets += self.film(60, 62.0)
        self.set(mode="off")
        self.assertEqual(len(self.rows()), 2)
        film = self.body(self.range(1058_000, 1064_000))
        self.assertEqual(pictures(film), given(packets[58 * 30 : 64 * 30]))
        times = self.shown(film)
        self.assertEqual({round(b - a, 3) for a, b in zip(times, times[1:])}, {0.033, 0.034})

    def test_a_gap_takes_its_time(self) -> None:
        self.record(60)
        self.record(60, 10.0)
        times = self.shown(self.body(self.range(1000_000, 1020_000)))
        self.assertEqual((len(times), times[59], times[60]), (120, 1.967, 10.0))

    def test_what_grows_is_played_as_far_as_it_is_written(self) -> None:
        self.set(mode="continuous")
        packets = self.film(100)
        self.assertEqual(pictures(self.body(self.range(1001_000, 1090_000))), given(packets[30:90]))

    def test_a_video_of_another_size(self) -> None:
        packets = [*self.record(60), *self.record(60, 3.0, size=(160, 90)), *self.record(60, 6.0)]
        film = self.body(self.range(1000_000, 1010_000))
        for made, whole in zip(pictures(film), given(packets), strict=True):
            self.assertTrue(made.endswith(whole))  # its parameter sets are before it
        with av.open(io.BytesIO(film)) as container:
            shown = [(frame.width, round(float(frame.time), 3)) for frame in container.decode(video=0)]
        self.assertEqual([width for width, _ in shown], [320] * 60 + [160] * 60 + [320] * 60)
        self.assertEqual([time for _, time in shown][::60], [0.0, 3.0, 6.0])
        entries = film[film.index(b"stsd") + 4 :]
        self.assertEqual((entries[:8], entries[12:16]), (b"\0\0\0\0\0\0\0\2", b"avc3"))
        self.assertEqual(film.count(b"avc3"), 2)
        # tfhd: a sample entry is named, the second one (ISO/IEC 14496-12 section 8.8.7)
        headers = film.split(b"tfhd")[1:]
        chosen = [int.from_bytes(one[8:12], "big") if one[3] & 2 else 1 for one in headers]
        self.assertEqual(chosen, [1, 1, 2, 2, 1, 1])
        self.assertEqual(self.ffprobe(film), ("", "180"))

    def test_one_part_of_it_is_untouched(self) -> None:
        self.record(60)
        packets = self.record(60, 3.0, size=(160, 90))
        film = self.body(self.range(1003_000, 1010_000))
        self.assertEqual((pictures(film), film.count(b"avc1")), (given(packets), 1))

    def test_a_video_of_another_codec(self) -> None:
        self.record(60)
        self.camera().pipeline.opened(Format("hevc", 320, 180, 30.0))
        self.set(mode="continuous")
        self.play([
            Packet(one.data, "hevc", 3 + at / 30, 1003 + at / 30, 3 + at / 30, one.keyframe)
            for at, one in enumerate(coded("hevc", 60))
        ])  # fmt: skip
        self.set(mode="off")
        answer = self.range(1000_000, 1010_000)
        self.assertEqual(answer.status, 409)
        self.assertIn("1003000", answer.json["error"]["message"])
        self.assertEqual(self.range(1003_000, 1010_000).status, 200)

    def test_parameter_sets_that_change(self) -> None:
        self.record(60)
        self.record(60, 3.0, options=EACH_HALF)
        self.assertEqual(self.range(1000_000, 1010_000).status, 200)

    def test_what_is_refused(self) -> None:
        self.record(60)
        for start, end, status in (
            (1001_000, 1001_000, 422),
            (0, 90_000_000, 422),
            (5, 6, 404),
            (1002_100, 1003_000, 404),
        ):
            self.assertEqual(self.range(start, end).status, status, (start, end))
        self.assertEqual(
            self.ask("GET", "/api/recordings/range?camera=cam1&start=1", by="viewer").status, 400
        )
        self.assertEqual(
            self.ask("GET", "/api/recordings/range?camera=door&start=1&end=9", by="limited").status, 404
        )
        self.assertEqual(self.range(1000_000, 1001_000, by="nobody").status, 403)

    def test_more_files_than_are_played_in_one_go(self) -> None:
        self.record(60)
        self.record(60, 3.0)
        self.patch(recordings, "MOST_FILES", 1)
        self.assertEqual(self.range(1000_000, 1010_000).status, 422)
        self.assertEqual(self.range(1000_000, 1002_000).status, 200)

    def ffprobe(self, film: bytes) -> tuple[str, str]:
        """What it complains about, and how many pictures it decodes."""
        if not shutil.which("ffprobe"):
            self.skipTest("needs ffprobe: apt install ffmpeg")
        path = Path(self.mktemp())
        path.write_bytes(film)
        command = "ffprobe -v warning -count_frames -show_entries stream=nb_read_frames -of csv=p=0"
        done = subprocess.run([*command.split(), str(path)], capture_output=True, text=True, check=True)
        return done.stderr, done.stdout.strip().strip(",")

    def test_ffprobe_has_nothing_to_say(self) -> None:
        self.record(300)
        self.assertEqual(self.ffprobe(self.body(self.range(1002_000, 1005_000))), ("", "90"))


class DamageTests(PlayCase):
    """What cannot be read is left out, and the rest of the range is there."""

    def damage(self, number: int, kind: bytes, nth: int, at: int) -> None:
        """Overwrite four bytes behind the name of a box with zeros, in a file."""
        path = self.media / self.rows()[number]["filename"]
        whole = path.read_bytes()
        place = -1
        for _ in range(nth + 1):
            place = whole.index(kind, place + 1)
        path.write_bytes(whole[: place + at] + bytes(4) + whole[place + at + 4 :])

    def damaged(self) -> dict[str, int]:
        return self.app.recordings.damages.counts

    def times(self, film: bytes) -> list[float]:
        with av.open(io.BytesIO(film)) as container:
            return [round(float(frame.time), 3) for frame in container.decode(video=0)]

    def film_of_all(self) -> bytes:
        answer = self.range(1000_000, 1020_000)
        self.assertEqual(answer.status, 200)
        return self.body(answer)

    def test_one_fragment(self) -> None:
        packets = self.record(120)
        self.assertEqual((pictures(self.film_of_all()), self.damaged()), (given(packets), {}))
        self.damage(0, b"trun", 1, 8)  # it has no pictures any more
        film = self.film_of_all()
        self.assertEqual(pictures(film), given(packets[:30] + packets[60:]))
        times = self.times(film)
        self.assertEqual((len(times), times[29], times[30], times[-1]), (90, 0.967, 2.0, 3.967))
        self.film_of_all()
        self.assertEqual(self.damaged(), {"cam1": 1})

    def test_the_first_fragment(self) -> None:
        packets = self.record(90)
        self.damage(0, b"trun", 0, 8)
        self.assertEqual(pictures(self.film_of_all()), given(packets[30:]))
        self.assertEqual(pictures(self.body(self.range(1002_500, 1003_000))), given(packets[60:]))

    def test_what_refers_to_it_is_left_out_too(self) -> None:
        packets = self.record(150, options=EACH_HALF.replace("g=15", "g=90"))
        self.damage(0, b"trun", 1, 8)
        self.assertEqual(pictures(self.film_of_all()), given(packets[:30] + packets[90:]))

    def test_a_box_that_cannot_be(self) -> None:
        """Where it ends nobody knows, nor where the next one begins."""
        packets = [*self.record(90), *self.record(60, 5.0)]
        self.damage(0, b"moof", 1, -4)
        film = self.film_of_all()
        self.assertEqual(pictures(film), given(packets[:30] + packets[90:]))
        self.assertEqual(self.times(film)[30], 5.0)
        self.assertEqual(self.damaged(), {"cam1": 1})

    def test_a_whole_file(self) -> None:
        packets = [*self.record(60), *self.record(60, 3.0), *self.record(60, 6.0)]
        for box in (b"moov", b"ftyp"):
            self.damage(1, box, 0, -4)
            film = self.film_of_all()
            self.assertEqual(pictures(film), given(packets[:60] + packets[120:]))
            times = self.times(film)
            self.assertEqual((times[59], times[60]), (1.967, 6.0))
        self.assertEqual(self.damaged(), {"cam1": 1})
        self.damage(0, b"ftyp", 0, -4)
        self.assertEqual(pictures(self.film_of_all()), given(packets[120:]))
        self.damage(2, b"ftyp", 0, -4)
        self.assertEqual(self.range(1000_000, 1020_000).status, 404)
        self.assertEqual(self.damaged(), {"cam1": 3})

    def test_one_that_is_shorter_than_it_was(self) -> None:
        packets = [*self.record(90), *self.record(60, 5.0)]
        path = self.media / self.rows()[0]["filename"]
        path.write_bytes(path.read_bytes()[:-10])
        self.assertEqual(pictures(self.film_of_all()), given(packets[:60] + packets[90:]))
        self.assertEqual(self.damaged(), {"cam1": 1})

    def test_one_that_was_deleted(self) -> None:
        """That is no damage."""
        packets = [*self.record(60), *self.record(60, 3.0)]
        (self.media / self.rows()[0]["filename"]).unlink()
        self.assertEqual(pictures(self.film_of_all()), given(packets[60:]))
        self.assertEqual(self.damaged(), {})


class RestTests(PlayCase):
    def setUp(self) -> None:
        super().setUp()
        self.packets = self.record(60)
        self.path = self.media / self.rows()[0]["filename"]

    def test_list(self) -> None:
        answer = self.ask("GET", "/api/recordings", by="viewer").json
        self.assertEqual(answer["total_count"], 1)
        self.assertEqual(answer["pagination"], {"page": 1, "per_page": 50, "pages": 1, "cursor": ""})
        (one,) = answer["recordings"]
        self.assertEqual(
            (one["camera"], one["duration"], one["state"], one["file_size"]),
            ("cam1", 2.0, "ready", self.path.stat().st_size),
        )
        self.assertEqual(self.ask("GET", f"/api/recordings/{one['id']}/info", by="viewer").json, one)
        for query, count in (
            ("camera=door", 0),
            ("camera=door&camera=cam1", 1),
            ("kind=manual", 0),
            ("text=1970", 1),
            ("start=1001000&end=1009000", 1),
            ("tagged=true", 0),
            ("page=2&per_page=1", 1),
        ):
            self.assertEqual(
                self.ask("GET", f"/api/recordings?{query}", by="viewer").json["total_count"], count, query
            )
        self.assertEqual(self.ask("GET", "/api/recordings?cursor=x", by="viewer").status, 400)

    def test_download(self) -> None:
        whole = self.path.read_bytes()
        answer = self.ask("GET", "/api/recordings/1", by="viewer")
        self.assertEqual(
            (answer.status, answer.body, answer.headers["content-type"]), (200, whole, "video/mp4")
        )
        etag = answer.headers["etag"]
        known = self.ask("GET", "/api/recordings/1", by="viewer", if_none_match=etag)
        self.assertEqual((known.status, known.body), (304, b""))
        self.assertIn('inline; filename="cam1-1970', answer.headers["content-disposition"])
        for header, start, end in (
            ("bytes=0-9", 0, 10),
            ("bytes=100-", 100, len(whole)),
            ("bytes=-5", len(whole) - 5, len(whole)),
        ):
            answer = self.ask("GET", "/api/recordings/1", by="viewer", range=header)
            self.assertEqual((answer.status, answer.body), (206, whole[start:end]))
            self.assertEqual(answer.headers["content-range"], f"bytes {start}-{end - 1}/{len(whole)}")
        answer = self.ask("GET", "/api/recordings/1", by="viewer", range=f"bytes={len(whole)}-")
        self.assertEqual((answer.status, answer.code), (416, "RANGE_NOT_SATISFIABLE"))
        answer = self.ask("HEAD", "/api/recordings/1", by="viewer")
        self.assertEqual((answer.body, answer.headers["content-length"]), (b"", str(len(whole))))
        self.path.write_bytes(whole[:-1])  # less than is promised: the client would wait for the rest
        self.assertEqual(self.ask("GET", "/api/recordings/1", by="viewer").status, 404)
        self.path.unlink()
        self.path.symlink_to(Path(__file__).absolute())
        self.assertEqual(self.ask("GET", "/api/recordings/1", by="viewer").status, 404)
        self.path.unlink()
        self.assertEqual(self.ask("GET", "/api/recordings/1", by="viewer").status, 404)
        self.assertEqual(self.ask("GET", "/api/recordings/2", by="viewer").status, 404)

    def test_delete(self) -> None:
        self.assertEqual(self.ask("DELETE", "/api/recordings/1", by="operator").status, 403)
        self.assertEqual(self.ask("DELETE", "/api/recordings/1", by="admin").status, 204)
        self.assertFalse(self.path.exists())
        self.assertEqual(self.ask("DELETE", "/api/recordings/1", by="admin").status, 404)

    def test_tags_and_gaps(self) -> None:
        tag = {"title": "here", "camera": "cam1", "timestamp": 1001_000}
        self.assertEqual(self.ask("POST", "/api/recordings/tags", tag, by="viewer").status, 403)
        id = self.ask("POST", "/api/recordings/tags", tag, by="operator").json["id"]
        (found,) = self.ask("GET", "/api/recordings/tags?start=1000000&end=1002000", by="viewer").json["tags"]
        self.assertEqual((found["title"], found["created_by"]), ("here", "operator"))
        self.assertEqual(self.ask("GET", "/api/recordings/1/info", by="viewer").json["tag_markers"], 1)
        self.assertEqual(
            self.ask("POST", "/api/recordings/tags", {"title": "x", "category": 7}, by="operator").status, 404
        )
        self.assertEqual(self.ask("DELETE", f"/api/recordings/tags/{id}", by="operator").status, 204)
        self.assertEqual(self.ask("DELETE", f"/api/recordings/tags/{id}", by="operator").status, 404)
        self.assertEqual(self.ask("GET", "/api/recordings/gaps", by="viewer").json, {"gaps": []})

    def test_who_sees_one_camera_only(self) -> None:
        self.films("door")
        self.app.state["cameras/door/recording/mode"]
        self.recordings["door"].start()
        self.play(video(60, 5.0), "door")
        self.recordings["door"].stop()
        number = self.rows()[-1]["id"]
        self.assertEqual(self.ask("GET", "/api/recordings", by="limited").json["total_count"], 1)
        self.assertEqual(self.ask("GET", "/api/recordings?camera=door", by="limited").json["total_count"], 0)
        for method, path in (("GET", ""), ("GET", "/info"), ("DELETE", "")):
            self.assertEqual(self.ask(method, f"/api/recordings/{number}{path}", by="limited").status, 404)
        self.assertEqual(self.ask("POST", "/api/recordings/tags", {"title": "all"}, by="limited").status, 403)
        self.assertEqual(self.ask("GET", f"/api/recordings/{number}", by="viewer").status, 200)

    def test_calls(self) -> None:
        socket = self.socket(authorization=f"Bearer {self.tokens['operator']}")

        def call(name: str, **args: object) -> dict:
            socket.send({"call": f"recording.{name}", "args": {"camera": "cam1", **args}, "id": 7})
            return next(message for message in socket.received() if message.get("id") == 7)

        self.assertEqual(call("start")["result"]["state"], "recording")
        self.assertEqual(call("pause")["result"]["state"], "paused")
        self.assertEqual(call("resume")["result"]["state"], "recording")
        self.assertEqual(
            call("stop")["result"], {"camera": "cam1", "state": "stopped", "kind": "", "file": ""}
        )
        self.assertEqual(call("trigger")["result"]["state"], "stopped")
        self.assertEqual(call("tag", title="x")["result"], {"id": 1})
        self.assertEqual(call("snapshot")["result"]["kind"], "snapshot")
        self.assertIn("error", call("start_for", seconds=0.0))
