"""Sound as MP4: alone, beside pictures on their time line, in segments of HLS, and in files."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import av
from twisted.trial.unittest import SynchronousTestCase

from camd.media import Packet
from camd.media.fragments import Fragmenter
from camd.media.policy import Gop
from camd.media.segments import Segments
from camd.media.sound_fragments import (
    INIT,
    LIMIT,
    SAMPLES,
    TRACK,
    SoundedFragmenter,
    SoundedStage,
    SoundFragmenter,
    SoundTimeline,
)
from camd.media.stream import Stream
from camd.record.cutter import Chunk, Cutter
from camd.record.repair import measure
from camd.record.ring import Ring
from camd.record.segment_file import fragment
from camd.record.soundtrack import PATIENCE, Soundtrack
from camd.wire.boxes import children

from .test_mp4_stream import boxes, content, decode_time
from .video_case import video

STEP = SAMPLES / 48000


@cache
def _coded() -> tuple[bytes, ...]:
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48000, "mono", "fltp"
    encoder.time_base = Fraction(1, 48000)
    encoder.open()
    packets: list[bytes] = []
    for number in range(200):
        frame = av.AudioFrame("fltp", "mono", SAMPLES)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.pts = 48000, number * SAMPLES
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return tuple(packets)


def sound(count: int, start: float = 0.0) -> list[Packet]:
    """So many packets of AAC from `start` (seconds) on, of silence; wall is 1000 more."""
    times = [start + number * STEP for number in range(count)]
    return [Packet(data, "aac", at, 1000 + at, at) for data, at in zip(_coded(), times, strict=False)]


def together(*lines: list[Packet]) -> list[Packet]:
    return sorted((packet for line in lines for packet in line), key=lambda packet: packet.pts)


def heard(data: bytes) -> tuple[int, list[int]]:
    """Of a file: how many pictures there are, and the times of the packets of sound, in samples. FFmpeg decodes
    all of it."""
    with av.open(io.BytesIO(data), options={"err_detect": "explode"}) as container:
        pictures, times = 0, []
        for packet in container.demux():
            frames = packet.decode()
            if packet.stream.type == "video":
                pictures += len(frames)
            elif packet.size:
                times.append(packet.pts)
        return pictures, times


class TimelineTests(SynchronousTestCase):
    def test_packets_follow_each_other(self) -> None:
        timeline = SoundTimeline()
        times = [timeline(7.3 + number * STEP, 7.0) for number in range(1000)]
        self.assertEqual(times, [14400 + number * SAMPLES for number in range(1000)])

    def test_what_overlaps_is_left_out(self) -> None:
        timeline = SoundTimeline()
        self.assertEqual(
            [timeline(pts, 1.0) for pts in (0.99, 1.0, 1.0 + STEP, 1.03, 1.5)],
            [None, 0, SAMPLES, None, 24000],
        )


class FragmenterTests(SynchronousTestCase):
    def test_alone(self) -> None:
        work = SoundFragmenter()
        fragments = [work(packet) for packet in sound(50, start=99.0)]
        times = [decode_time(one.data) for one in fragments]
        self.assertEqual(times, [number * SAMPLES for number in range(50)])
        self.assertTrue(all(one.init is INIT and one.keyframe and one.is_sound for one in fragments))
        self.assertEqual(boxes(fragments[0].data), [b"prft", b"moof", b"mdat"])
        self.assertEqual(INIT.type, 'audio/mp4; codecs="mp4a.40.2"')
        self.assertEqual(work, SoundFragmenter())
        with av.open(io.BytesIO(INIT.data + b"".join(one.data for one in fragments))) as container:
            self.assertEqual(sum(frame.samples for frame in container.decode(audio=0)), 50 * SAMPLES)


class TogetherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pictures, self.sounds = Stream(), Stream()
        self.stage = self.pictures.derive(SoundedFragmenter(self.sounds), SoundedStage)

    def publish(self, *lines: list[Packet]) -> None:
        for packet in together(*lines):
            (self.sounds if packet.codec == "aac" else self.pictures).publish(packet)

    def test_one_stage_for_all(self) -> None:
        self.assertIs(self.pictures.derive(SoundedFragmenter(self.sounds), SoundedStage), self.stage)
        self.assertIsNot(self.pictures.derive(SoundedFragmenter(Stream()), SoundedStage), self.stage)
        self.assertIsNot(self.pictures.derive(Fragmenter(in_band=True)), self.stage)

    def test_nothing_is_heard_for_nobody(self) -> None:
        subscription = self.stage.subscribe(lambda item: None, Gop(LIMIT))
        self.assertTrue(self.sounds.running)
        subscription.close()
        self.assertFalse(self.sounds.running or self.pictures.running)

    def test_both_tracks_on_one_time_line(self) -> None:
        got: list = []
        self.stage.subscribe(got.append, Gop(LIMIT))
        self.publish(video(60, start=5.0), sound(100, start=4.99))
        self.assertFalse(got[0].is_sound)
        pictures, times = heard(got[0].init.data + b"".join(one.data for one in got))
        self.assertEqual(pictures, 60)
        self.assertEqual(times[0], round((4.99 + STEP - 5.0) * 48000))
        self.assertEqual({after - before for before, after in pairwise(times)}, {SAMPLES})
        self.assertEqual(got[0].init.type, 'video/mp4; codecs="avc1.42C00D,mp4a.40.2"')

    def test_pictures_do_not_wait(self) -> None:
        """They are as they would be without: each at once, and the same bytes."""
        got: list = []
        self.stage.subscribe(got.append, Gop(LIMIT))
        plain = Fragmenter(in_band=True)
        for packet in video(10):
            self.pictures.publish(packet)
            self.sounds.publish(sound(1, packet.pts)[0])
            self.assertEqual(next(one for one in reversed(got) if not one.is_sound).data, plain(packet).data)

    def test_a_slow_client_loses_sound_with_its_pictures(self) -> None:
        got: list = []
        subscription = self.stage.subscribe(got.append, Gop(LIMIT))
        self.publish(video(1))
        subscription.pauseProducing()
        self.publish(video(150, start=1.0), sound(200, start=1.0))
        self.assertGreater(subscription.drops, 0)
        del got[:]
        subscription.resumeProducing()
        self.assertTrue(got[0].keyframe and not got[0].is_sound)
        self.assertLessEqual(len(got), LIMIT)

    def test_it_ends_with_the_sound(self) -> None:
        """Two tracks were promised, and a player would wait for the second one."""
        got, ended = [], []
        for name in "ab":
            self.stage.subscribe(got.append, Gop(LIMIT), on_end=lambda name=name: ended.append(name))
        self.publish(video(5))
        self.sounds.end()
        self.publish(video(5, start=1.0))
        self.assertEqual((len(got), ended), (10, ["a", "b"]))
        self.assertFalse(self.pictures.running)

    def test_silence_ends_nothing(self) -> None:
        """A device that fails gives nothing for a moment."""
        got: list = []
        self.stage.subscribe(got.append, Gop(LIMIT))
        self.publish(video(5), sound(8))
        self.publish(video(5, start=1.0))
        self.assertEqual(sum(not one.is_sound for one in got), 10)

    def test_nothing_is_left_of_it_when_nobody_watches(self) -> None:
        """However often a camera gets another microphone."""
        self.pictures.discard(SoundedFragmenter(self.sounds))
        for _ in range(3):
            sounds = Stream()
            stage = self.pictures.derive(SoundedFragmenter(sounds), SoundedStage)
            first, second = (stage.subscribe(lambda item: None, Gop(LIMIT)) for _ in range(2))
            first.close()
            self.assertIs(self.pictures.derive(SoundedFragmenter(sounds), SoundedStage), stage)
            second.drops = 5
            second.close()
        self.assertEqual(list(self.pictures.with_derived()), [self.pictures])
        self.assertEqual(self.pictures.drops, 15)  # counters never go down

    def test_newcomers_get_pictures_of_the_past_only(self) -> None:
        self.pictures.history = None
        self.stage.subscribe(lambda item: None, Gop(LIMIT))
        self.publish(video(20), sound(20))
        self.assertTrue(all(not one.is_sound for one in self.stage.history))
        self.assertEqual(len(self.stage.history), 20)
        self.assertFalse(self.stage.last.is_sound)


class SegmentsTests(SynchronousTestCase):
    def test_sound_rides_along(self) -> None:
        segments = Segments(with_sound=True)
        for packet in together(video(100, start=3.0), sound(170, start=3.0)):
            segments.hear(packet) if packet.codec == "aac" else segments.add(packet)
        shown = segments.shown[:3]
        self.assertEqual([segment.duration for segment in shown], [1.0, 1.0, 1.0])
        self.assertTrue(shown[0].init.type.endswith(',mp4a.40.2"'))
        pictures, times = heard(shown[0].init.data + b"".join(segment.data for segment in shown))
        self.assertEqual(pictures, 90)
        self.assertEqual({after - before for before, after in pairwise(times)}, {SAMPLES})
        self.assertLess(abs(len(times) * STEP - 3.0), 2 * STEP)

    def test_sound_that_comes_and_goes(self) -> None:
        """From a key frame on, after which players take another init segment; no picture is lost."""
        segments = Segments()
        for packet in together(video(200, start=3.0), sound(190, start=3.0)):
            if packet.codec == "aac":
                segments.with_sound = 4.5 < packet.pts < 6.5
                segments.hear(packet)
            else:
                segments.add(packet)
        shown = segments.shown
        self.assertEqual([segment.duration for segment in shown[:-1]], [1.0] * 6)
        self.assertEqual([segment.init.type.count("mp4a") for segment in shown], [0, 0, 1, 1, 0, 0, 0])
        self.assertEqual([segment.init_number for segment in shown], [0, 0, 2, 2, 4, 4, 4])
        self.assertEqual([segment.number for segment in shown if segment.discontinuity], [2, 4])
        pictures, times = heard(shown[2].init.data + b"".join(segment.data for segment in shown[2:4]))
        self.assertEqual((pictures, {after - before for before, after in pairwise(times)}), (60, {SAMPLES}))

    def test_pictures_that_do_not_come_let_no_sound_pile_up(self) -> None:
        segments = Segments(with_sound=True)
        segments.add(video(1)[0])
        for _ in range(5000):
            segments.hear(*sound(1))
        self.assertLess(len(segments._heard), 2000)

    def test_without(self) -> None:
        segments = Segments()
        for packet in video(40):
            segments.add(packet)
        kinds = [kind for kind, _ in children(content(segments.shown[0].init.data, b"moov"))]
        self.assertEqual(kinds.count(b"trak"), 1)


class CutterTests(SynchronousTestCase):
    def cut(self, packets: list[Packet], length: float = 300) -> list[Chunk]:
        cutter = Cutter(length, 1 << 30)
        cutter.with_sound = True
        chunks = []
        for packet in packets:
            if packet.codec == "aac":
                cutter.hear(packet)
            elif chunk := cutter.add(packet):
                chunks.append(chunk)
        return [*chunks, cutter.end()]

    def test_each_file_is_whole(self) -> None:
        chunks = self.cut(together(video(120, start=8.0), sound(188, start=8.0)), length=2.0)
        first, second = (
            [chunk for chunk in chunks if chunk.segment.pts == start] for start in (8.0, 10.0)
        )
        self.assertEqual(len(first) + len(second), len(chunks))
        counts = []
        for part in (first, second):
            data = part[0].segment.init + b"".join(
                b"".join(fragment(number, chunk)) for number, chunk in enumerate(part, 1)
            )
            pictures, times = heard(data)
            self.assertEqual(pictures, 60)
            self.assertEqual({after - before for before, after in pairwise(times)}, {SAMPLES})
            counts.append(len(times))
            path = Path(self.mktemp())
            path.write_bytes(data)
            self.assertEqual((measure(path).duration, measure(path).pictures), (2000, 60))
        self.assertEqual(sum(counts), 188)

    def test_sound_that_comes_and_goes_is_another_file(self) -> None:
        cutter = Cutter(300, 1 << 30)
        inits = []
        for with_sound, packets in ((False, video(30)), (True, video(30, 1.0)), (False, video(30, 2.0))):
            cutter.with_sound = with_sound
            for packet in packets:
                cutter.add(packet)
            inits.append(cutter.segment.init)
        self.assertEqual([init.count(b"mp4a") for init in inits], [0, 1, 0])

    def test_the_ring_keeps_both(self) -> None:
        ring = Ring(2.0)
        for packet in together(video(150), sound(200)):
            ring.add(packet)
        kept = list(ring)
        self.assertTrue(kept[0].codec == "h264" and kept[0].keyframe)
        self.assertGreater(sum(packet.codec == "aac" for packet in kept), 80)


class _Camera:
    """As far as a Soundtrack knows one."""

    def __init__(self, stream: Stream | None):
        self.sound = stream and self
        self._stream = stream

    def stream(self, codec: str) -> Stream:
        return self._stream


class SoundtrackTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stream = Stream()
        self.got: list[Packet] = []
        self.track = Soundtrack(_Camera(self.stream), self.got.append)  # type: ignore[arg-type]

    def test_without_sound_pictures_go_on_at_once(self) -> None:
        for camera in (_Camera(None), _Camera(self.stream)):
            track = Soundtrack(camera, self.got.append)  # type: ignore[arg-type]
            track.listen(camera.sound is None)
            self.assertFalse(track.is_on)
            track.add(video(1)[0])
        self.assertEqual(len(self.got), 2)

    def test_late_sound_is_put_in_order(self) -> None:
        self.track.listen(True)
        pictures, sounds = video(60), sound(90)
        for packet in sorted((*pictures, *sounds), key=lambda one: one.pts + 0.06 * (one.codec == "aac")):
            self.track.add(packet)
        self.assertEqual(self.got, together(self.got))
        self.assertGreater(len(self.got), 130)
        self.track.flush()
        self.assertEqual(self.got, together(pictures, sounds))

    def test_pictures_wait_no_longer_than_this(self) -> None:
        self.track.listen(True)
        for packet in video(90):
            self.track.add(packet)
        self.assertLess(abs(self.got[-1].pts - (89 / 30 - PATIENCE)), 0.05)

    def test_the_end_of_it(self) -> None:
        self.track.listen(True)
        self.track.add(video(1)[0])
        self.assertEqual(self.got, [])
        self.track.listen(False)
        self.assertEqual(len(self.got), 1)
        self.assertFalse(self.stream.running)


class TrackTests(SynchronousTestCase):
    def test_it_is_the_second_one(self) -> None:
        self.assertEqual((TRACK.number, TRACK.timescale, TRACK.codec), (2, 48000, "mp4a.40.2"))
