from __future__ import annotations

import re
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.wire import nal

from .coded_video import LIVE, coded

#: The same examples each time; a reader of bytes that needs half a second for 4 kB is broken.
_FUZZ = settings(derandomize=True, database=None, max_examples=200, deadline=timedelta(seconds=0.5))
#: Bytes like those that start codes are made of.
_STREAM = st.lists(st.sampled_from([b"\0", b"\0\0\1", b"\0\0\0\1", b"\1", b"\x65", b"\x67abc", b"\x40\1", b"\3"]))


class SplitTests(SynchronousTestCase):
    def test_start_codes_of_both_lengths(self) -> None:
        data = b"\0\0\0\1\x67ab\0\0\1\x68c\0\0\0\1\x65de"
        self.assertEqual(nal.split(data), [b"\x67ab", b"\x68c", b"\x65de"])

    def test_zeros_between_units_belong_to_none(self) -> None:
        data = b"\0\0\0\0\0\1\x67ab\0\0\0\0\0\0\1\x65c\0\0\0"
        self.assertEqual(nal.split(data), [b"\x67ab", b"\x65c"])

    def test_empty_units_are_none(self) -> None:
        self.assertEqual(nal.split(b"\0\0\1\0\0\1\0\0\0\0\1\x65\0\0\1"), [b"\x65"])

    def test_no_start_code_no_unit(self) -> None:
        for data in (b"", b"\0\0", b"\x65abc", b"\0\0\0\0"):
            self.assertEqual(nal.split(data), [])

    def test_units_are_views(self) -> None:
        data = b"\0\0\1\x65" + bytes(range(256))
        self.assertIs(nal.split(data)[0].obj, data)

    def test_a_million_zeros_are_no_work(self) -> None:
        self.assertEqual(nal.split(b"\0\0\1\x65" + bytes(1 << 20)), [b"\x65"])

    def test_more_units_than_there_can_be(self) -> None:
        units = nal.split(b"\0\0\1\x67" * 100_000)
        self.assertEqual((len(units), sum(map(len, units))), (nal.LIMIT, 400_000 - 3 * nal.LIMIT))
        self.assertEqual(nal.parameter_sets(b"\0\0\1\x67" * 100_000, "h264")[0], b"\x67")
        self.assertFalse(nal.is_keyframe(b"\0\0\1\x67" * 100_000, "h264"))

    def test_real_pictures_come_together_again(self) -> None:
        for codec in ("h264", "hevc"):
            for picture in coded(codec, 40):
                units = nal.split(picture.data)
                self.assertEqual(nal.split(nal.annex_b(units)), units)
                self.assertEqual(sum(map(len, units)) + 3 * len(units), len(re.sub(
                    b"\0\0\0\1", b"\0\0\1", picture.data)))

    @_FUZZ
    @given(st.binary(max_size=4096) | _STREAM.map(b"".join))
    def test_anything(self, data: bytes) -> None:
        units = nal.split(data)
        for unit in units:
            self.assertTrue(unit and unit[-1])
            self.assertNotIn(b"\0\0\1", bytes(unit))
        self.assertEqual(nal.split(nal.annex_b(units)), units)
        for codec in ("h264", "hevc"):
            nal.is_keyframe(data, codec)
            nal.parameter_sets(data, codec)
            joined = b"".join(nal.sample(units, codec))
            kept = [unit for unit in units if unit in nal.from_lengths(joined)]
            self.assertEqual(len(nal.from_lengths(joined)), len(kept))


class KeyframeTests(SynchronousTestCase):
    def test_as_the_encoder_says(self) -> None:
        for codec in ("h264", "hevc"):
            said = [picture.keyframe for picture in coded(codec, 40)]
            self.assertEqual([nal.is_keyframe(picture.data, codec) for picture in coded(codec, 40)], said)
            self.assertEqual(said.count(True), 2)

    def test_parameter_sets_alone_are_no_picture(self) -> None:
        for codec in ("h264", "hevc"):
            sets = nal.annex_b(nal.parameter_sets(coded(codec, 40)[0].data, codec))
            self.assertFalse(nal.is_keyframe(sets, codec))
            self.assertFalse(nal.is_keyframe(sets + b"\0\0\1", codec))

    def test_the_first_slice_speaks_for_the_picture(self) -> None:
        self.assertTrue(nal.is_keyframe(b"\0\0\1\x09\xf0\0\0\1\x06x\0\0\1\x65x\0\0\1\x41x", "h264"))
        self.assertFalse(nal.is_keyframe(b"\0\0\1\x41x\0\0\1\x65x", "h264"))

    def test_hevc_pictures_that_can_be_joined_at(self) -> None:
        for kind in range(32):
            self.assertEqual(nal.is_keyframe(bytes((0, 0, 1, kind << 1, 1, 7)), "hevc"), 16 <= kind <= 23)


class ParameterSetTests(SynchronousTestCase):
    def test_in_the_order_of_their_types(self) -> None:
        data = b"\0\0\1\x68p\0\0\1\x67s\0\0\1\x06x\0\0\1\x68q\0\0\1\x65\0\0\1\x67late"
        self.assertEqual(nal.parameter_sets(data, "h264"), (b"\x67s", b"\x68p", b"\x68q"))

    def test_each_once(self) -> None:
        data = b"\0\0\1\x67s\0\0\1\x68p" * 3
        self.assertEqual(nal.parameter_sets(data, "h264"), (b"\x67s", b"\x68p"))

    def test_of_real_pictures(self) -> None:
        kinds = [nal.kind(unit, "hevc") for unit in nal.parameter_sets(coded("hevc", 40)[0].data, "hevc")]
        self.assertEqual(kinds, [nal.HEVC_VPS, nal.HEVC_SPS, nal.HEVC_PPS])
        self.assertEqual(nal.parameter_sets(coded("hevc", 40)[1].data, "hevc"), ())

    def test_what_encoders_put_into_every_key_frame(self) -> None:
        for codec in LIVE.keys() - {"mjpeg"}:
            first, second = [picture.data for picture in coded(codec, 40) if picture.keyframe]
            self.assertEqual(nal.parameter_sets(first, codec), nal.parameter_sets(second, codec))


class SampleTests(SynchronousTestCase):
    def test_lengths_instead_of_start_codes(self) -> None:
        units = nal.split(b"\0\0\1\x09\xf0\0\0\1\x67s\0\0\1\x68p\0\0\1\x06sei\0\0\1\x65abc\0\0\1\x0cfill")
        self.assertEqual(b"".join(nal.sample(units, "h264")), b"\0\0\0\4\x06sei\0\0\0\4\x65abc")

    def test_hevc(self) -> None:
        units = [bytes((kind << 1, 1)) for kind in (35, 32, 33, 34, 39, 19, 38, 40)]
        kept = [unit[0] >> 1 for unit in nal.from_lengths(b"".join(nal.sample(units, "hevc")))]
        self.assertEqual(kept, [39, 19, 40])

    def test_lengths_that_do_not_add_up(self) -> None:
        for data in (b"\0\0\0\2a", b"\0\0\0", b"\0\0\0\0", b"\xff\xff\xff\xffab", b"\0\0\0\1a\0"):
            self.assertRaises(Invalid, nal.from_lengths, data)

    @_FUZZ
    @given(st.binary(max_size=200))
    def test_any_lengths(self, data: bytes) -> None:
        try:
            units = nal.from_lengths(data)
        except Invalid:
            return
        self.assertEqual(sum(map(len, units)) + 4 * len(units), len(data))
