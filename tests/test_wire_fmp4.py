"""Fragmented MP4, written: read back by FFmpeg's library in the same process, and by our own reader."""

from __future__ import annotations

import io
from fractions import Fraction

import av
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid, Unsupported
from camd.wire import boxes, fmp4, nal, samples, track
from camd.wire.fmp4 import Run, Sample
from camd.wire.track import Track

from .coded_video import Coded, coded

B_PICTURES = "preset=medium:profile=high:g=30:bf=2"


def sample(picture: Coded, codec: str, duration: int = 3000) -> Sample:
    pieces = (picture.data,) if codec == "mjpeg" else nal.sample(nal.split(picture.data), codec)
    return Sample(pieces, duration, picture.keyframe, (picture.pts - picture.dts) * 3000)


def written(codec: str, pictures: tuple[Coded, ...], at_once: int = 1, wall: float | None = None) -> bytes:
    """A file of these pictures at 30 a second, so many in a fragment."""
    line = track.video(codec, pictures[0].data, (320, 180))
    parts = [fmp4.init_segment(line)]
    for number, start in enumerate(range(0, len(pictures), at_once), 1):
        group = pictures[start:start + at_once]
        time = (group[0].dts - pictures[0].dts) * 3000
        parts.append(fmp4.fragment(number, Run(line, time, [sample(one, codec) for one in group]), wall=wall))
    return b"".join(parts)


def read(data: bytes) -> tuple[av.VideoCodecContext, list[tuple[Fraction, bool]], int]:
    """What FFmpeg makes of it: the codec, time and key flag of each packet, and the number of pictures."""
    with av.open(io.BytesIO(data), options={"err_detect": "explode"}) as container:
        stream = container.streams.video[0]
        packets, pictures = [], 0
        for packet in container.demux(stream):
            if packet.size:
                packets.append((packet.pts * packet.time_base, packet.is_keyframe))
            pictures += len(packet.decode())
        return stream.codec_context, packets, pictures


class VideoTests(SynchronousTestCase):
    def test_each_codec_one_picture_a_fragment_and_many(self) -> None:
        for codec, options in (("h264", None), ("h264", B_PICTURES), ("hevc", None), ("mjpeg", None)):
            pictures = coded(codec, 45, options)
            start = pictures[0].dts
            for at_once in (1, 30):
                context, packets, count = read(written(codec, pictures, at_once))
                self.assertEqual((context.name, context.width, context.height), (codec, 320, 180))
                self.assertEqual(count, 45)
                self.assertEqual(packets, [(Fraction(one.pts - start, 30), one.keyframe) for one in pictures])

    def test_nothing_drifts(self) -> None:
        """Pictures at 29.97 a second, each rounded for itself; after an hour still to the tick."""
        pictures = coded("h264", 40)
        line = track.video("h264", pictures[0].data)
        times = [index * 1.001 / 30 + 3600 for index in range(40)]
        data = fmp4.init_segment(line) + b"".join(
            fmp4.fragment(index, Run(line, line.ticks(time), [sample(one, "h264", line.ticks(fmp4.HOLD))]))
            for index, (one, time) in enumerate(zip(pictures, times, strict=True))
        )
        for (found, _), time in zip(read(data)[1], times, strict=True):
            self.assertAlmostEqual(float(found), time, delta=1 / 90000)

    def test_wall_clock(self) -> None:
        """NTP time of the capture (RFC 5905 section 6), and the media time it belongs to."""
        line = track.mjpeg(320, 180)
        data = fmp4.fragment(1, Run(line, 4500, [Sample((b"x",), 3000)]), wall=1_700_000_000.25)
        (kind, content), *others = boxes.children(data)
        self.assertEqual(kind, b"prft")
        self.assertEqual(bytes(content).hex(), "01000018" "00000001" f"{1_700_000_000 + 2208988800:08x}" "40000000"
                         "0000000000001194")
        self.assertEqual([kind for kind, _ in others], [b"moof", b"mdat"])

    def test_wall_clock_disturbs_nobody(self) -> None:
        self.assertEqual(read(written("h264", coded("h264", 45), 1, 1.7e9))[2], 45)

    def test_a_segment_of_hls(self) -> None:
        data = written("h264", coded("h264", 45), 15)
        line = track.video("h264", coded("h264", 45)[0].data)
        begin = len(fmp4.init_segment(line))
        self.assertEqual(read(data[:begin] + fmp4.SEGMENT_TYPE + data[begin:])[2], 45)

    def test_when_it_was_taken(self) -> None:
        line = track.video("h264", coded("h264", 45)[0].data)
        start = len(fmp4.init_segment(line))
        data = fmp4.init_segment(line, wall=1_700_000_000) + written("h264", coded("h264", 45))[start:]
        with av.open(io.BytesIO(data)) as container:
            self.assertEqual(container.metadata["creation_time"], "2023-11-14T22:13:20.000000Z")

    def test_new_parameter_sets_are_a_new_track(self) -> None:
        first, second = (track.video("h264", coded("h264", 2, None, size)[0].data)
                         for size in ((320, 180), (640, 360)))
        self.assertNotEqual(first, second)
        self.assertEqual(first, track.video("h264", coded("h264", 45)[0].data))

    def test_refused(self) -> None:
        self.assertRaises(Invalid, track.video, "h264", coded("h264", 45)[1].data)
        self.assertRaises(Invalid, track.video, "hevc", coded("hevc", 45)[1].data)
        self.assertRaises(Invalid, track.video, "mjpeg", b"")
        self.assertRaises(Unsupported, track.video, "yuyv422", b"")


class SoundTests(SynchronousTestCase):
    """Sound beside pictures, from FFmpeg's encoders."""

    def sound(self, name: str, rate: int) -> tuple[av.AudioCodecContext, list[av.Packet]]:
        encoder = av.CodecContext.create(name, "w")
        encoder.sample_rate, encoder.layout, encoder.format = rate, "mono", "fltp" if name == "aac" else "flt"
        encoder.time_base = Fraction(1, rate)
        encoder.open()
        packets = []
        for number in range(50):
            frame = av.AudioFrame(encoder.format.name, "mono", encoder.frame_size)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.pts = rate, number * encoder.frame_size
            packets += encoder.encode(frame)
        return encoder, packets

    def check(self, line: Track, name: str, packets: list[av.Packet], step: int) -> None:
        pictures = coded("h264", 45)
        video = track.video("h264", pictures[0].data)
        data = fmp4.init_segment(video, line)
        for number, picture in enumerate(pictures):
            heard = [Sample((bytes(packets[number]),), step)]
            data += fmp4.fragment(number, Run(video, number * 3000, [sample(picture, "h264")]),
                                  Run(line, number * step, heard))
        with av.open(io.BytesIO(data)) as container:
            self.assertEqual([stream.codec_context.name for stream in container.streams], ["h264", name])
            stream = container.streams.audio[0]
            self.assertEqual((stream.rate, stream.channels), (line.timescale, 1))
            self.assertEqual(sum(1 for packet in container.demux(stream) if packet.size), 45)
        with av.open(io.BytesIO(data)) as container:
            self.assertGreater(sum(frame.samples for frame in container.decode(audio=0)), 43 * step)
        self.assertEqual(fmp4.content_type(video, line), f'video/mp4; codecs="{video.codec},{line.codec}"')

    def test_aac(self) -> None:
        encoder, packets = self.sound("aac", 44100)
        line = track.aac(encoder.extradata, 44100, 1)
        self.assertEqual(line.codec, "mp4a.40.2")
        self.check(line, "aac", packets, 1024)

    def test_opus(self) -> None:
        encoder, packets = self.sound("libopus", 48000)
        self.check(track.opus(1), "opus", packets, encoder.frame_size)

    def test_refused(self) -> None:
        self.assertRaises(Invalid, track.aac, b"", 44100, 2)
        self.assertRaises(Invalid, track.aac, bytes(200), 44100, 2)
        self.assertRaises(Invalid, track.opus, 6)

    def test_sound_alone(self) -> None:
        self.assertEqual(fmp4.content_type(track.opus(2)), 'audio/mp4; codecs="opus"')


class LayoutTests(SynchronousTestCase):
    def test_lengths_are_those_of_the_boxes(self) -> None:
        data = written("h264", coded("h264", 45), 30)
        self.assertEqual([kind for kind, _ in boxes.children(data)],
                         [b"ftyp", b"moov", b"moof", b"mdat", b"moof", b"mdat"])
        moof = next(content for kind, content in boxes.children(data) if kind == b"moof")
        self.assertEqual([kind for kind, _ in boxes.children(moof)], [b"mfhd", b"traf"])

    def test_our_reader_finds_what_was_written(self) -> None:
        pictures = coded("h264", 45, B_PICTURES)
        data = written("h264", pictures, 30)
        file = io.BytesIO(data)
        found = [one for pair in boxes.fragments(file) for one in samples.samples(file, *pair)]
        for stored, picture in zip(found, pictures, strict=True):
            expected = b"".join(nal.sample(nal.split(picture.data), "h264"))
            self.assertEqual(data[stored.offset:stored.offset + stored.size], expected)
            self.assertEqual((stored.track, stored.duration, stored.keyframe), (1, 3000, picture.keyframe))
            self.assertEqual(stored.time, (picture.dts - pictures[0].dts) * 3000)
            self.assertEqual(stored.shift, (picture.pts - picture.dts) * 3000)
