"""Video as fragments of MP4: made once, in time, and told anew when it becomes another one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.media.fragments import Fragmenter, Timeline
from camd.media.policy import Gop
from camd.media.stream import Stream
from camd.wire import nal
from camd.wire.boxes import children

from .auth_case import PASSWORD
from .edge_case import HOME, Answer, Wire
from .video_case import VideoCase, video


def boxes(data: bytes) -> list[bytes]:
    return [kind for kind, _ in children(data)]


def content(data: bytes, *path: bytes) -> memoryview:
    """What is in the first box of that path."""
    found = memoryview(data)
    for wanted in path:
        found = next(inner for kind, inner in children(found) if kind == wanted)
    return found


def decode_time(fragment: bytes) -> int:
    return int.from_bytes(content(fragment, b"moof", b"traf", b"tfdt")[4:12], "big")


class FragmenterTests(SynchronousTestCase):
    def test_a_picture_a_fragment(self) -> None:
        work = Fragmenter()
        packets = video(5, start=77.0)
        fragments = [work(packet) for packet in packets]
        self.assertEqual([decode_time(one.data) for one in fragments], [0, 3000, 6000, 9000, 12000])
        self.assertEqual(len({id(one.init) for one in fragments}), 1)
        for packet, one in zip(packets, fragments, strict=True):
            self.assertEqual(boxes(one.data), [b"prft", b"moof", b"mdat"])
            self.assertEqual(
                (one.pts, one.wall, one.grabbed, one.keyframe), (packet.pts, packet.wall, packet.grabbed, packet.keyframe)
            )
        self.assertEqual(boxes(fragments[0].init.data), [b"ftyp", b"moov"])
        self.assertEqual(fragments[0].init.type, 'video/mp4; codecs="avc1.42C00D"')

    def test_it_begins_with_a_key_frame(self) -> None:
        work = Fragmenter()
        packets = video(31)
        self.assertEqual([work(packet) for packet in packets[1:30]], [None] * 29)
        self.assertEqual(decode_time(work(packets[30]).data), 0)

    def test_what_is_not_video_is_left_out(self) -> None:
        packet = video(1)[0]
        self.assertIsNone(Fragmenter()(replace(packet, codec="mjpeg")))

    def test_other_parameter_sets_are_another_init_segment(self) -> None:
        work = Fragmenter()
        first = work(video(1)[0])
        second = work(video(1, 1.0, (640, 360))[0])
        self.assertIsNot(first.init, second.init)
        self.assertEqual((second.init.track.width, second.init.track.height), (640, 360))
        self.assertIs(work(video(1, 2.0, (640, 360))[0]).init, second.init)

    def test_broken_parameter_sets_end_it_until_the_next_key_frame(self) -> None:
        work = Fragmenter()
        packets = video(32)
        work(packets[0])
        slice_only = nal.annex_b([unit for unit in nal.split(packets[0].data) if nal.kind(unit, "h264") == 5])
        self.assertRaises(Invalid, work, replace(packets[0], data=slice_only))
        self.assertIsNone(work(packets[1]))
        self.assertIsNotNone(work(packets[30]))

    def test_in_band(self) -> None:
        packets = video(2)
        plain, in_band = Fragmenter(), Fragmenter(in_band=True)
        kinds = []
        for work in (plain, in_band):
            for packet in packets:
                units = nal.from_lengths(content(work(packet).data, b"mdat"))
                kinds.append({nal.kind(unit, "h264") for unit in units} & {1, 5, 7, 8})
        self.assertEqual(kinds, [{5}, {1}, {5, 7, 8}, {1}])

    def test_one_stage_for_all(self) -> None:
        stream = Stream()
        self.assertIs(stream.derive(Fragmenter()), stream.derive(Fragmenter()))
        self.assertIsNot(stream.derive(Fragmenter()), stream.derive(Fragmenter(in_band=True)))
        first, second = [], []
        for deliver in (first.append, second.append):
            stream.derive(Fragmenter()).subscribe(deliver, Gop())
        for packet in video(3):
            stream.publish(packet)
        self.assertEqual([id(one) for one in first], [id(one) for one in second])


class TimelineTests(SynchronousTestCase):
    def test_from_the_first_picture(self) -> None:
        timeline = Timeline()
        self.assertEqual([timeline(1e6 + at) for at in (0, 0.5, 90)], [0, 45000, 8100000])

    def test_nothing_adds_up(self) -> None:
        timeline = Timeline()
        times = [timeline(5 + number / 29.97) for number in range(30_000)]
        self.assertEqual(times[-1], round(29_999 / 29.97 * 90000))

    def test_it_never_goes_back(self) -> None:
        timeline = Timeline()
        times = [timeline(pts) for pts in (100, 101, 40, 40.1, 40.1)]
        self.assertEqual(times, [0, 90000, 93000, 102000, 105000])


class StreamTests(VideoCase):
    def stream(self, query: str = "", by: str = "viewer", camera: str = "cam1") -> Wire:
        wire = self.request("GET", f"/cam/{camera}/stream.mp4{query}", by=by)
        self.addCleanup(self.lose, wire)
        return wire

    def setUp(self) -> None:
        super().setUp()
        self.films()

    def test_the_file(self) -> None:
        wire = self.stream()
        self.publish(video(3))
        answer = Answer(wire.value())
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "video/mp4"))
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertNotIn("content-length", answer.headers)
        self.assertEqual(boxes(answer.body), [b"ftyp", b"moov"] + 3 * [b"prft", b"moof", b"mdat"])
        self.assertEqual(self.clients(), {"mp4": 1})
        self.lose(wire)
        self.assertEqual(self.clients(), {})

    def test_there_is_one_init_segment_whatever_comes(self) -> None:
        wire = self.stream()
        self.publish([*video(2), *video(2, 1.0, (640, 360))])
        self.assertEqual(boxes(Answer(wire.value()).body).count(b"moov"), 1)

    def test_a_slow_client_loses_up_to_a_key_frame(self) -> None:
        wire = self.stream()
        packets = video(125)
        self.publish(packets[:1])
        wire.clear()
        wire.producer.pauseProducing()
        self.publish(packets[1:])
        self.assertEqual(wire.value(), b"")
        wire.producer.resumeProducing()
        data = wire.value()
        self.assertEqual(boxes(data), 5 * [b"prft", b"moof", b"mdat"])
        self.assertEqual(decode_time(data), 120 * 3000)

    def test_it_ends_with_the_right(self) -> None:
        wire = self.stream(by="viewer")
        admin = self.get(self.users.by_password("admin", PASSWORD, HOME))
        self.get(self.users.change(admin, "viewer", cameras=["door"]))
        self.clock.advance(0)
        self.assertTrue(wire.lost)

    def test_it_ends_with_the_sound(self) -> None:
        """As one file with two tracks it cannot go on; whoever asks anew gets pictures alone."""
        camera, sounds = self.camera(), Stream()
        camera.sound = SimpleNamespace(stream={"aac": sounds}.get, stop=lambda: succeed(None))
        wire = self.stream()
        self.publish(video(3))
        data = wire.value()
        self.assertEqual(content(data[data.index(b"ftyp") - 4 :], b"moov").tobytes().count(b"trak"), 2)
        camera.sound = None
        sounds.end()
        self.assertTrue(wire.lost)
        self.lose(wire)
        self.assertEqual((self.clients(), camera.pipeline.source.running), ({}, False))
        again = self.stream()
        self.publish(video(3, start=1.0))
        self.assertEqual(again.value().count(b"trak"), 1)

    def test_refused(self) -> None:
        self.assertEqual(self.ask("GET", "/cam/cam1/stream.mp4").status, 401)
        self.assertEqual(self.ask("GET", "/cam/cam1/stream.mp4", by="nobody").status, 403)
        self.assertEqual(self.ask("GET", "/cam/door/stream.mp4", by="limited").status, 403)
        for query in ("rendition=x", "size=1", "fps=many", "fps=nan", "bitrate=1", "codec=mjpeg", "bitrate=20000.5"):
            self.assertEqual(self.ask("GET", f"/cam/cam1/stream.mp4?{query}", by="viewer").status, 400, query)

    def test_head(self) -> None:
        answer = self.ask("HEAD", "/cam/cam1/stream.mp4", by="viewer")
        self.assertEqual((answer.status, answer.headers["content-type"], answer.body), (200, "video/mp4", b""))
        self.assertEqual(self.clients(), {})

    def test_the_delay_is_counted(self) -> None:
        self.stream()
        self.publish(video(3))
        self.assertEqual(self.app.web.delays.series["mp4"].count, 3)
