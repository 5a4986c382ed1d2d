"""Sequence parameter sets and decoder configurations of H.264 and H.265, against FFmpeg's reading of them."""

from __future__ import annotations

import io
from datetime import timedelta
from fractions import Fraction

import av
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.wire import h264, h265, nal
from camd.wire.bits import Bits

from .coded_video import Coded, coded

_FUZZ = settings(derandomize=True, database=None, max_examples=300, deadline=timedelta(seconds=0.5))


def parameter_sets(pictures: tuple[Coded, ...], codec: str) -> tuple[bytes, ...]:
    return nal.parameter_sets(pictures[0].data, codec)


def configuration_of_ffmpeg(pictures: tuple[Coded, ...], codec: str) -> bytes:
    """The content of "avcC" or "hvcC" as FFmpeg's muxer writes it."""
    file = io.BytesIO()
    stream = io.BytesIO(b"".join(picture.data for picture in pictures))
    with av.open(stream, format=codec) as pictures_in, av.open(file, "w", format="mp4") as container:
        out = container.add_stream_from_template(pictures_in.streams.video[0])
        for number, packet in enumerate(pictures_in.demux(video=0)):
            if packet.size:
                packet.stream, packet.pts, packet.dts, packet.time_base = out, number, number, Fraction(1, 30)
                container.mux(packet)
    data = file.getvalue()
    at = data.index(b"avcC" if codec == "h264" else b"hvcC")
    return data[at + 4:at - 4 + int.from_bytes(data[at - 4:at], "big")]


class BitTests(SynchronousTestCase):
    def test_numbers(self) -> None:
        bits = Bits(bytes([0b1_010_011_0, 0b0100_0010, 0b1_0000000]))
        self.assertEqual([bits.unsigned() for _ in range(5)], [0, 1, 2, 3, 4])

    def test_signed_numbers(self) -> None:
        bits = Bits(bytes([0b1_010_011_0, 0b0100_0010, 0b1_0000000]))
        self.assertEqual([bits.signed() for _ in range(5)], [0, 1, -1, 2, -2])

    def test_the_end(self) -> None:
        self.assertRaises(Invalid, Bits(b"\xff").read, 9)
        self.assertRaises(Invalid, Bits(b"\0\0").unsigned)
        self.assertRaises(Invalid, Bits(bytes(100)).unsigned)


class H264Tests(SynchronousTestCase):
    def read(self, options: str, **kwargs: object) -> h264.Sequence:
        return h264.sequence(parameter_sets(coded("h264", 2, options, **kwargs), "h264")[0])

    def test_of_a_live_encoder(self) -> None:
        found = h264.sequence(parameter_sets(coded("h264", 40), "h264")[0])
        self.assertEqual((found.width, found.height, found.fps, found.reorder), (320, 180, 30.0, 0))
        self.assertEqual(found.codec, "avc1.42C00D")

    def test_codec_string_of_a_common_camera(self) -> None:
        """RFC 6381 section 3.3: profile, constraints and level as they stand in the parameter set."""
        self.assertEqual(h264.Sequence(0x42, 0xC0, 0x1F, 1280, 720).codec, "avc1.42C01F")

    def test_cropping(self) -> None:
        for size in ((638, 358), (1920, 1080), (48, 34)):
            found = self.read("preset=ultrafast", size=size)
            self.assertEqual((found.width, found.height), size)

    def test_what_encoders_can_say(self) -> None:
        """Every part of the usability information, scaling lists, B pictures, fields."""
        for options in (
            "preset=medium",
            "x264-params=cqm=jvt",
            "x264-params=nal-hrd=cbr,vbv-maxrate=500,vbv-bufsize=500,bitrate=500,force-cfr=1",
            "x264-params=overscan=show,videoformat=pal,fullrange=on,colorprim=bt709,chromaloc=1",
            "x264-params=pic-struct=1,sar=7/5,colormatrix=bt709",
            "x264-params=interlaced=1",
        ):
            found = self.read(options, size=(720, 404), fps=25)
            self.assertEqual((found.width, found.height, found.fps), (720, 404, 25.0), options)
            self.assertEqual(found.profile, 100)

    def test_other_chroma_and_depth(self) -> None:
        for pixels, chroma, depth in (("yuv422p", 2, 8), ("yuv444p", 3, 8), ("yuv420p10le", 1, 10)):
            found = self.read("preset=ultrafast", size=(322, 182), pixels=pixels)
            self.assertEqual((found.width, found.height), (322, 182))
            self.assertEqual((found.chroma, found.luma_depth, found.chroma_depth), (chroma, depth, depth))

    def test_reordering(self) -> None:
        self.assertEqual(self.read("preset=medium:bf=3").reorder, 2)
        self.assertEqual(self.read("preset=medium:bf=0:profile=main").reorder, 0)

    def test_configuration(self) -> None:
        for pictures in (coded("h264", 40), coded("h264", 2, "preset=medium")):
            ours = h264.configuration(parameter_sets(pictures, "h264"))
            self.assertEqual(ours, configuration_of_ffmpeg(pictures, "h264"))

    def test_what_is_missing(self) -> None:
        sets = parameter_sets(coded("h264", 40), "h264")
        for some in ((), sets[:1], sets[1:], (b"\x67", sets[1])):
            self.assertRaises(Invalid, h264.configuration, some)

    def test_too_long(self) -> None:
        self.assertRaises(Invalid, h264.sequence, b"\x67" + b"\xff" * 100_000)

    @_FUZZ
    @given(st.binary(max_size=300), st.integers(0, 60), st.booleans())
    def test_anything(self, data: bytes, keep: int, real: bool) -> None:
        start = parameter_sets(coded("h264", 2, "preset=medium"), "h264")[0][:keep] if real else b"\x67"
        try:
            found = h264.sequence(start + data)
        except Invalid:
            return
        self.assertTrue(found.width > 0 and found.height > 0)


class H265Tests(SynchronousTestCase):
    def read(self, options: str = "", **kwargs: object) -> h265.Sequence:
        options = f"preset=ultrafast:x265-params=log-level=none,repeat-headers=1{options}"
        return h265.sequence(parameter_sets(coded("hevc", 2, options, **kwargs), "hevc")[1])

    def test_of_a_live_encoder(self) -> None:
        found = h265.sequence(parameter_sets(coded("hevc", 40), "hevc")[1])
        self.assertEqual((found.width, found.height, found.reorder), (320, 180, 0))
        self.assertEqual(found.codec, "hvc1.1.6.L60.90")

    def test_codec_string_of_a_common_camera(self) -> None:
        found = h265.Sequence(0, 0, 1, 0x60000000, b"\xb0\0\0\0\0\0", 93, 1, True, 1280, 720, 1, 8, 8, 0)
        self.assertEqual(found.codec, "hvc1.1.6.L93.B0")

    def test_codec_string_with_everything(self) -> None:
        found = h265.Sequence(1, 1, 4, 0x08000000, b"\xb9\0\x88\0\0\0", 153, 1, True, 64, 64, 3, 10, 10, 0)
        self.assertEqual(found.codec, "hvc1.A4.10.H153.B9.0.88")

    def test_cropping(self) -> None:
        for size in ((638, 358), (1920, 1080), (322, 182)):
            found = self.read(size=size)
            self.assertEqual((found.width, found.height), size)

    def test_other_chroma_depth_and_order(self) -> None:
        for pixels, chroma, depth in (("yuv422p", 2, 8), ("yuv444p", 3, 8), ("yuv420p10le", 1, 10)):
            found = self.read(size=(322, 182), pixels=pixels)
            self.assertEqual((found.width, found.height, found.chroma), (322, 182, chroma))
            self.assertEqual((found.luma_depth, found.chroma_depth), (depth, depth))
        self.assertGreater(self.read(",bframes=4,b-pyramid=1").reorder, 0)

    def test_temporal_layers(self) -> None:
        found = self.read(",temporal-layers=3,bframes=3,b-adapt=0")
        self.assertEqual((found.width, found.height), (320, 180))
        self.assertGreater(found.layers, 1)

    def test_configuration(self) -> None:
        """FFmpeg's, and the note with each kind of parameter set that none are in the samples."""
        pictures = coded("hevc", 40)
        theirs = configuration_of_ffmpeg(pictures, "hevc")
        for kind in (nal.HEVC_VPS, nal.HEVC_SPS, nal.HEVC_PPS):
            theirs = theirs.replace(bytes((kind, 0, 1)), bytes((0x80 | kind, 0, 1)), 1)
        self.assertEqual(h265.configuration(parameter_sets(pictures, "hevc")), theirs)

    def test_what_is_missing(self) -> None:
        sets = parameter_sets(coded("hevc", 40), "hevc")
        for some in ((), sets[:2], sets[1:], (sets[0], b"\x42\1", sets[2])):
            self.assertRaises(Invalid, h265.configuration, some)

    @_FUZZ
    @given(st.binary(max_size=300), st.integers(2, 60), st.booleans())
    def test_anything(self, data: bytes, keep: int, real: bool) -> None:
        start = parameter_sets(coded("hevc", 40), "hevc")[1][:keep] if real else b"\x42\1"
        try:
            found = h265.sequence(start + data)
        except Invalid:
            return
        self.assertTrue(found.width > 0 and found.height > 0)
        self.assertTrue(found.codec.startswith("hvc1."))
