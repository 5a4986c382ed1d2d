"""HLS: segments and parts that fit together, a playlist that says so, and an end when nobody asks."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from camd.media import Stream
from camd.media import segments as module
from camd.media.segments import KEPT, Segments
from camd.web.hls import IDLE, PATIENCE
from camd.web.playlist import playlist

from .edge_case import Answer, Wire
from .test_mp4_stream import boxes, content, decode_time
from .video_case import EACH_HALF, VideoCase, video

INDEX = "/cam/cam1/hls/index.m3u8"


def cut(packets: list, first: int = 0) -> Segments:
    segments = Segments(first)
    for packet in packets:
        segments.add(packet)
    return segments


def samples(part: bytes) -> list[int]:
    """Durations of the pictures in a fragment."""
    run = content(part, b"moof", b"traf", b"trun")
    count = int.from_bytes(run[4:8], "big")
    return [int.from_bytes(run[12 + 12 * at:16 + 12 * at], "big") for at in range(count)]


class SegmentsTests(SynchronousTestCase):
    def test_segments_begin_with_key_frames(self) -> None:
        segments = cut(video(100), first=7)
        self.assertEqual([segment.number for segment in segments.shown], [7, 8, 9, 10])
        self.assertEqual([segment.duration for segment in segments.complete], [1.0, 1.0, 1.0])
        self.assertEqual([segment.wall for segment in segments.shown], [1000.0, 1001.0, 1002.0, 1003.0])
        self.assertTrue(all(segment.parts[0].keyframe for segment in segments.complete))

    def test_parts_are_exact_and_follow_each_other(self) -> None:
        segments = cut(video(61))
        parts = [part for segment in segments.complete for part in segment.parts]
        self.assertEqual([part.duration for part in parts], [0.5] * 4)
        self.assertEqual([samples(part.data) for part in parts], [[3000] * 15] * 4)
        self.assertEqual([decode_time(part.data) for part in parts], [0, 45000, 90000, 135000])

    def test_a_segment_is_its_parts(self) -> None:
        segment = cut(video(31)).complete[0]
        self.assertEqual(boxes(segment.data), [b"styp"] + 2 * [b"prft", b"moof", b"mdat"])

    def test_key_frames_that_come_too_often(self) -> None:
        segments = cut(video(100, options=EACH_HALF))
        self.assertEqual([segment.duration for segment in segments.complete], [1.0, 1.0, 1.0])

    def test_add_tells_of_new_parts(self) -> None:
        segments = Segments()
        told = [number for number, packet in enumerate(video(40)) if segments.add(packet)]
        self.assertEqual(told, [15, 30])

    def test_old_ones_go(self) -> None:
        segments = cut([packet for start in range(20) for packet in video(30, start)])
        self.assertEqual([segment.number for segment in segments.complete], list(range(19 - KEPT, 19)))
        self.assertIsNone(segments.find(3))
        self.assertIs(segments.find_init(0), segments.shown[0].init)

    def test_what_is_forgotten_is_nowhere(self) -> None:
        segments = cut(video(100))
        segments.forget()
        self.assertEqual((segments.shown, segments.find(0), segments.find_init(0)), ((), None, None))
        for packet in video(70, 4):
            segments.add(packet)
        self.assertEqual([segment.number for segment in segments.shown], [4, 5, 6])
        self.assertEqual([segment.discontinuity for segment in segments.shown], [True, False, False])

    def test_another_picture_is_a_discontinuity(self) -> None:
        segments = cut([*video(15), *video(20, 0.5, (640, 360))])
        self.assertEqual([segment.discontinuity for segment in segments.shown], [False, True])
        self.assertEqual([segment.init_number for segment in segments.shown], [0, 1])
        self.assertIs(segments.find_init(1), segments.shown[1].init)
        for start in range(2, 12):
            for packet in video(30, start, (640, 360)):
                segments.add(packet)
        self.assertEqual(segments.discontinuities, 1)

    def test_without_an_end_it_is_given_up(self) -> None:
        packets = video(31)
        self.patch(module, "MOST_BYTES", 4 * max(len(packet.data) for packet in packets))
        segments = Segments()
        for number in range(400):
            segments.add(replace(packets[min(number, 1)], pts=number / 30))
        self.assertIsNone(segments.current)
        self.assertEqual(segments.shown, ())
        for packet in video(31, 20.0):
            segments.add(packet)
        self.assertTrue(segments.shown[0].discontinuity)

    def test_broken_pictures_are_left_out(self) -> None:
        segments = cut([replace(video(1)[0], data=b"\0\0\1\x65 no parameter sets"), *video(31, 1.0)])
        self.assertEqual(len(segments.complete), 1)


class PlaylistTests(SynchronousTestCase):
    def test_the_whole_of_it(self) -> None:
        lines = playlist(cut(video(146), first=40), "?rendition=sub").decode().splitlines()
        self.assertEqual(lines[:10], [
            "#EXTM3U",
            "#EXT-X-VERSION:9",
            "#EXT-X-TARGETDURATION:2",
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.500,HOLD-BACK=6",
            "#EXT-X-PART-INF:PART-TARGET=0.500",
            "#EXT-X-MEDIA-SEQUENCE:40",
            "#EXT-X-DISCONTINUITY-SEQUENCE:0",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            '#EXT-X-MAP:URI="40.mp4?rendition=sub"',
            "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:16:40.000Z",
        ])
        self.assertEqual(lines[10:12], ["#EXTINF:1.000000,", "40.m4s?rendition=sub"])  # too old for parts
        self.assertEqual(lines[13:17], [
            '#EXT-X-PART:DURATION=0.500000,URI="41.0.m4s?rendition=sub",INDEPENDENT=YES',
            '#EXT-X-PART:DURATION=0.500000,URI="41.1.m4s?rendition=sub"',
            "#EXTINF:1.000000,",
            "41.m4s?rendition=sub",
        ])
        self.assertEqual(lines[-2:], [
            '#EXT-X-PART:DURATION=0.500000,URI="44.0.m4s?rendition=sub",INDEPENDENT=YES',
            '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="44.1.m4s?rendition=sub"',
        ])

    def test_another_picture(self) -> None:
        text = playlist(cut([*video(30), *video(31, 1.0, (640, 360))]), "").decode()
        self.assertIn('#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI="1.mp4"\n', text)


class HlsTests(VideoCase):
    def setUp(self) -> None:
        super().setUp()
        self.films()
        self.packets = video(300)

    def get_later(self, path: str, by: str = "viewer") -> Wire:
        wire = self.request("GET", path, by=by)
        self.addCleanup(self.lose, wire)
        return wire

    def started(self, query: str = "") -> list[str]:
        """The lines of the first playlist, when there are segments: the last ones have just begun."""
        wire = self.get_later(INDEX + query)
        self.publish(self.packets[:91])
        return Answer(wire.value()).body.decode().splitlines()

    def last(self, lines: list[str]) -> str:
        """The address of the newest whole segment."""
        return [line for line in lines if not line.startswith("#")][-1]

    def test_it_begins_when_somebody_asks(self) -> None:
        self.assertEqual(self.clients(), {})
        wire = self.get_later(INDEX)
        self.assertEqual(self.clients(), {"hls": 1})
        self.publish(self.packets[:90])
        self.assertEqual(wire.value(), b"")
        self.publish(self.packets[90:91])
        answer = Answer(wire.value())
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/vnd.apple.mpegurl"))
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertTrue(answer.body.startswith(b"#EXTM3U\n"))

    def test_sound_that_comes_and_goes(self) -> None:
        lines = self.started()
        self.assertEqual("".join(lines).count("EXT-X-MAP"), 1)
        for number in (1, 2):  # of another microphone
            stream = Stream()
            self.camera().sound = SimpleNamespace(stream={"aac": stream}.get, stop=lambda: succeed(None))
            self.get_later(INDEX)
            self.assertTrue(stream.running, number)
            stream.end()
        self.publish(self.packets[91:151])
        text = Answer(self.get_later(INDEX).value()).body.decode()
        self.assertEqual((text.count("#EXT-X-MAP"), text.count("#EXT-X-DISCONTINUITY\n")), (2, 1))
        self.camera().sound = None
        self.get_later(INDEX)
        self.publish(self.packets[151:211])
        text = Answer(self.get_later(INDEX).value()).body.decode()
        self.assertEqual((text.count("#EXT-X-MAP"), text.count("#EXT-X-DISCONTINUITY\n")), (3, 2))

    def test_what_it_leads_to(self) -> None:
        lines = self.started()
        init = next(re.findall(r'URI="(.*?)"', line)[0] for line in lines if line.startswith("#EXT-X-MAP"))
        parts = [re.findall(r'URI="(.*?)"', line)[0] for line in lines if line.startswith("#EXT-X-PART:")]
        segment = self.last(lines)
        parts = [part for part in parts if part.startswith(segment.partition(".")[0])]
        answers = {name: self.ask("GET", f"/cam/cam1/hls/{name}", by="viewer") for name in (init, segment, *parts)}
        self.assertEqual({(one.status, one.headers["content-type"]) for one in answers.values()}, {(200, "video/mp4")})
        self.assertEqual(boxes(answers[init].body), [b"ftyp", b"moov"])
        self.assertEqual(b"".join(answers[part].body for part in parts), answers[segment].body[24:])

    def test_it_ends_when_nobody_asks(self) -> None:
        first = self.started()
        self.clock.advance(IDLE - 1)
        self.assertEqual(self.ask("GET", INDEX, by="viewer").status, 200)
        self.clock.advance(IDLE - 1)
        self.assertEqual(self.clients(), {"hls": 1})
        self.clock.advance(1)
        self.assertEqual(self.clients(), {})
        segment = self.last(first)
        self.assertEqual(self.ask("GET", f"/cam/cam1/hls/{segment}", by="viewer").status, 404)

    def test_a_reload_that_waits(self) -> None:
        lines = self.started()
        number = int(self.last(lines).partition(".")[0])
        part = self.get_later(f"{INDEX}?_HLS_msn={number + 1}&_HLS_part=0")
        whole = self.get_later(f"{INDEX}?_HLS_msn={number + 1}")
        self.publish(self.packets[91:105])
        self.assertEqual(part.value(), b"")
        self.publish(self.packets[105:106])
        self.assertIn(f'URI="{number + 1}.0.m4s"', Answer(part.value()).body.decode())
        self.publish(self.packets[106:120])
        self.assertEqual(whole.value(), b"")
        self.publish(self.packets[120:121])
        self.assertIn(f"\n{number + 1}.m4s", Answer(whole.value()).body.decode())
        self.assertEqual(self.ask("GET", f"{INDEX}?_HLS_msn={number + 9}", by="viewer").status, 400)
        self.assertEqual(self.ask("GET", f"{INDEX}?_HLS_msn=now", by="viewer").status, 400)

    def test_a_part_that_comes_next(self) -> None:
        hint = re.findall(r'URI="(.*?)"', self.started()[-1])[0]
        wire = self.get_later(f"/cam/cam1/hls/{hint}")
        after = hint.replace(".0.", ".1.")
        self.assertEqual(self.ask("GET", f"/cam/cam1/hls/{after}", by="viewer").status, 404)
        self.publish(self.packets[91:106])
        self.assertEqual(boxes(Answer(wire.value()).body), [b"prft", b"moof", b"mdat"])

    def test_a_client_that_does_not_wait(self) -> None:
        wire = self.get_later(INDEX)
        self.lose(wire)
        self.publish(self.packets[:91])
        self.assertEqual(self.ask("GET", INDEX, by="viewer").status, 200)

    def test_no_video_comes(self) -> None:
        wire = self.get_later(INDEX)
        self.clock.advance(PATIENCE)
        answer = Answer(wire.value())
        self.assertEqual((answer.status, answer.code), (503, "CAMERA_NOT_CONNECTED"))

    def test_few_key_frames(self) -> None:
        """One long segment is better than none."""
        wire = self.get_later(INDEX)
        self.publish(self.packets[:31])
        self.clock.advance(PATIENCE)
        answer = Answer(wire.value())
        self.assertEqual((answer.status, answer.body.count(b"#EXTINF")), (200, 1))

    def test_a_camera_that_goes(self) -> None:
        wire = self.get_later(INDEX)
        for stream in self.camera().pipeline.streams:
            stream.end()
        self.assertEqual(Answer(wire.value()).status, 503)
        self.assertEqual(self.clients(), {})

    def test_what_was_before_a_mask(self) -> None:
        lines = self.started()
        segment = self.last(lines)
        current = int(segment.partition(".")[0]) + 1
        self.assertEqual(self.ask("GET", f"/cam/cam1/hls/{segment}", by="viewer").status, 200)
        waiting = self.get_later(f"/cam/cam1/hls/{current}.m4s")
        self.camera().appearance._set("masks", [[[0, 0], [1, 0], [1, 1]]])
        self.assertEqual(self.ask("GET", f"/cam/cam1/hls/{segment}", by="viewer").status, 404)
        self.clock.advance(PATIENCE)
        self.assertIn(Answer(waiting.value()).status, (404, 503))

    def test_the_query_goes_along(self) -> None:
        token = self.tokens["streamer"]
        query = f"?token={token}&rendition=main&other=2"
        wire = self.get_later(INDEX + query, by="")
        self.publish(self.packets[:121])
        lines = Answer(wire.value()).body.decode().splitlines()
        segment = self.last(lines)
        self.assertTrue(segment.endswith(f".m4s?rendition=main&token={token}"), segment)
        self.assertEqual(self.ask("GET", f"/cam/cam1/hls/{segment}").status, 200)
        self.assertEqual(self.ask("GET", f"/cam/cam1/hls/{segment.partition('?')[0]}").status, 401)

    def test_what_is_not_there(self) -> None:
        self.started()
        for name in ("", "index.m3u", "1.m4s", "1.mp4", "1.2.mp4", "x.m4s", "1.m4s/2", "99999999999999999999.m4s"):
            self.assertEqual(self.ask("GET", f"/cam/cam1/hls/{name}", by="viewer").status, 404, name)
        self.assertEqual(self.ask("GET", f"{INDEX}?rendition=none", by="viewer").status, 400)
        self.assertEqual(self.ask("GET", "/cam/door/hls/index.m3u8", by="limited").status, 403)
        self.assertEqual(self.ask("GET", INDEX).status, 401)
