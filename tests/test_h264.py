"""H.264: what the encoder makes, read by a decoder; and how one is chosen."""

from unittest import mock

import av
import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.encoders import candidates, jpeg
from camd.encoders.candidates import Candidates, trial
from camd.encoders.h264_codec import H264Codec
from camd.encoders.video_decoder import VideoDecoder
from camd.errors import CamdError
from camd.media import Format, Frame, Packet
from camd.media.packed import PackedFrame
from camd.media.rendition import VideoSettings
from camd.wire import h264, nal


def picture(number, width=320, height=240):
    """A picture of soft colours that move."""
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [(x + 3 * number) % 256, (y * 2 + number) % 256, (x + y) % 256]
    image = numpy.stack([128 + 100 * numpy.sin(plane / 40) for plane in planes], axis=2).astype(numpy.uint8)
    return Frame(image, pts=100 + number / 30, wall=2e9 + number / 30, grabbed=100.01 + number / 30)


class H264CodecTests(SynchronousTestCase):
    def encode(self, count=10, keys=(), settings=VideoSettings(bitrate=3_000_000), **size):
        codec = H264Codec("libx264", settings)
        self.frames = [picture(number, **size) for number in range(count)]
        return [codec.encode(frame, number in keys) for number, frame in enumerate(self.frames)]

    def test_one_packet_a_picture_at_once_with_its_times(self):
        packets = self.encode()
        self.assertEqual([(p.pts, p.wall, p.grabbed) for p in packets], [(f.pts, f.wall, f.grabbed) for f in self.frames])
        self.assertEqual([p.keyframe for p in packets], [True] + [False] * 9)

    def test_a_key_frame_on_demand_has_its_parameter_sets(self):
        packets = self.encode(keys={6})
        self.assertEqual([p.keyframe for p in packets], [number in (0, 6) for number in range(10)])
        for packet in (packets[0], packets[6]):
            sets = nal.parameter_sets(packet.data, "h264")
            sequence = h264.sequence(sets[0])
            self.assertEqual((len(sets), sequence.width, sequence.height), (2, 320, 240))
            self.assertTrue(sequence.codec.startswith("avc1.42"))

    def test_the_key_interval(self):
        packets = self.encode(25, settings=VideoSettings(key_interval=0.4, fps=25))
        self.assertEqual([number for number, p in enumerate(packets) if p.keyframe], [0, 10, 20])

    def test_colours_survive(self):
        decoder = VideoDecoder(Format("h264", 320, 240, 30))
        packets = self.encode()
        for frame, packet in zip(self.frames, packets, strict=True):
            back = decoder.decode(packet)
            self.assertEqual((back.pts, back.wall, back.grabbed), (frame.pts, frame.wall, frame.grabbed))
            self.assertLess(numpy.abs(back.image.astype(int) - frame.image).mean(), 4)
            self.assertFalse(back.image.flags.writeable)

    def test_raw_pictures_keep_their_colours_and_say_which(self):
        """What OpenCV makes of the samples, a decoder makes of the video; cards between have the same parameter sets."""
        format = Format("yuyv422", 320, 240, 30)
        scene = av.VideoFrame.from_ndarray(picture(0).image, "bgr24")
        raw = scene.reformat(format="yuyv422", dst_colorspace="ITU601", dst_color_range="MPEG").to_ndarray().tobytes()
        raw = PackedFrame(Packet(raw, "yuyv422", 1, 0, 0), format, jpeg.decode)
        codec = H264Codec("libx264", VideoSettings(bitrate=3_000_000, matrix="bt601"))
        packets = [codec.encode(raw, True), codec.encode(picture(0), True), codec.encode(raw, True)]
        self.assertEqual(len({tuple(nal.parameter_sets(packet.data, "h264")) for packet in packets}), 1)
        decoder = VideoDecoder(Format("h264", 320, 240, 30))
        for packet in packets:
            self.assertLess(numpy.abs(decoder.decode(packet).image.astype(int) - raw.image).mean(), 4)
        (seen,) = av.CodecContext.create("h264", "r").decode(av.Packet(packets[0].data)) or [None]
        self.assertEqual((seen.colorspace, seen.color_range), (6, 1))

    def test_odd_sizes_lose_a_line(self):
        packets = self.encode(1, width=321, height=241)
        self.assertEqual(h264.sequence(nal.parameter_sets(packets[0].data, "h264")[0]).width, 320)

    def test_settings_that_are_refused_are_so_each_time(self):
        codec = H264Codec("no such encoder", VideoSettings(bitrate=1))
        for _ in range(2):
            with self.assertRaises(CamdError):
                codec.encode(picture(0), True)

    def test_the_bitrate(self):
        def rate(bitrate):
            noise = numpy.random.default_rng(1)
            codec = H264Codec("libx264", VideoSettings(bitrate=bitrate))
            images = [noise.integers(0, 255, (240, 320, 3), numpy.uint8) for _ in range(60)]
            packets = [codec.encode(Frame(image, n / 30, 0, 0), False) for n, image in enumerate(images)]
            return sum(len(packet.data) for packet in packets) * 8 / 2

        self.assertLess(rate(300_000), 450_000)
        self.assertGreater(rate(3_000_000), 1_500_000)

    def test_what_is_no_video_is_refused_and_the_next_key_frame_mends_it(self):
        decoder = VideoDecoder(Format("h264", 320, 240, 30))
        packets = self.encode(3)
        broken = packets[0].__class__(b"\0\0\0\1\x65" + b"\xff" * 50, "h264", 0, 0, 0)
        try:
            self.assertIsNone(decoder.decode(broken))
        except CamdError as error:
            self.assertIn("cannot be decoded", str(error))
        self.assertIsNotNone(decoder.decode(packets[0]))


class CandidatesTests(SynchronousTestCase):
    def test_x264_works_and_nonsense_does_not(self):
        self.assertEqual(trial("libx264"), "works")
        self.assertIn("no_such_encoder", trial("no_such_encoder"))

    def test_the_first_that_works_is_taken_and_all_are_reported_once(self):
        told = []
        verdicts = {"hardware": "no device", "software": "works", "other": "works"}
        with mock.patch.object(candidates, "trial", verdicts.__getitem__):
            choice = Candidates(told.append, tuple(verdicts))
            self.assertEqual((choice.best, choice.best), ("software", "software"))
        self.assertEqual(told, [verdicts])

    def test_none(self):
        with mock.patch.object(candidates, "trial", lambda name: "no device"):
            self.assertRaises(CamdError, lambda: Candidates().best)
