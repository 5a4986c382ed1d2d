"""Fragmented MP4, read: whole files, files that were cut off, and files that lie."""

from __future__ import annotations

import io
import itertools
from datetime import timedelta
from functools import cache
from struct import pack

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.wire import boxes, fmp4, samples, track
from camd.wire.boxes import box, full_box
from camd.wire.fmp4 import Run, Sample

_FUZZ = settings(derandomize=True, database=None, max_examples=200, deadline=timedelta(seconds=0.5))
_LINE = track.mjpeg(64, 48)
_INIT = fmp4.init_segment(_LINE)


@cache
def recording() -> tuple[bytes, tuple[int, ...]]:
    """A file of four fragments of three pictures, and where each box that can be an end ends."""
    data, ends = _INIT, [len(_INIT)]
    for number in range(4):
        pictures = [Sample((bytes([number]) * 40,), 3000, index == 0) for index in range(3)]
        data += fmp4.fragment(number, Run(_LINE, number * 9000, pictures), wall=1.7e9)
        ends.append(len(data))
    return data, tuple(ends)


def everything(data: bytes) -> list[samples.StoredSample]:
    file = io.BytesIO(data)
    return [one for pair in boxes.fragments(file) for one in samples.samples(file, *pair)]


def fragment_of(*runs: bytes, data: bytes = bytes(100), header: bytes | None = None) -> bytes:
    """A fragment with these "trun" boxes."""
    header = full_box(b"tfhd", 0, 0x020000, pack(">I", 1)) if header is None else header
    return box(b"moof", box(b"traf", header, full_box(b"tfdt", 0, 0, bytes(4)), *runs)) + box(b"mdat", data)


class WalkTests(SynchronousTestCase):
    def kinds(self, data: bytes) -> list[bytes]:
        return [found.kind for found in boxes.walk(io.BytesIO(data))]

    def test_boxes_one_after_another(self) -> None:
        found = list(boxes.walk(io.BytesIO(box(b"free", b"abc") + box(b"mdat"))))
        self.assertEqual([(one.kind, one.offset, one.size, one.end) for one in found],
                         [(b"free", 0, 11, 11), (b"mdat", 11, 8, 19)])

    def test_a_part_of_a_file(self) -> None:
        data, ends = recording()
        found = boxes.walk(io.BytesIO(data), ends[1], ends[2])
        self.assertEqual([one.kind for one in found], [b"prft", b"moof", b"mdat"])

    def test_long_sizes(self) -> None:
        data = pack(">I4sQ", 1, b"mdat", 20) + b"abcd" + box(b"free")
        first, second = boxes.walk(io.BytesIO(data))
        self.assertEqual((first.header, first.size, second.offset), (16, 20, 20))

    def test_to_the_end(self) -> None:
        self.assertEqual(self.kinds(box(b"free") + pack(">I4s", 0, b"mdat") + b"abcdef"), [b"free", b"mdat"])

    def test_lies(self) -> None:
        for data in (b"\0\0\0", b"\0\0\0\7free", b"\0\0\0\x09free", b"\0\0\0\1mdat\0\0", bytes(64),
                     pack(">I4sQ", 1, b"mdat", 8), pack(">I4sQ", 1, b"mdat", 2**64 - 1)):
            self.assertRaises(Invalid, self.kinds, data)
            self.assertRaises(Invalid, list, boxes.children(data))

    def test_too_many(self) -> None:
        self.patch(boxes, "LIMIT", 10)
        self.assertEqual(len(self.kinds(box(b"free") * 9)), 9)
        self.assertRaises(Invalid, self.kinds, box(b"free") * 11)


class WholeEndTests(SynchronousTestCase):
    def test_wherever_it_was_cut(self) -> None:
        data, ends = recording()
        for cut in range(len(data) + 1):
            expected = max((end for end in ends if end <= cut), default=0)
            self.assertEqual(boxes.whole_end(io.BytesIO(data[:cut])), expected, cut)

    def test_what_was_never_written_is_zeros(self) -> None:
        data, ends = recording()
        for cut in (ends[2], ends[2] + 5, ends[2] + 50, ends[3] - 200):
            self.assertIn(boxes.whole_end(io.BytesIO(data[:cut] + bytes(4096))), ends[:4])

    def test_from_where_it_is_known_to_be_whole(self) -> None:
        data, ends = recording()
        self.assertEqual(boxes.whole_end(io.BytesIO(data[:-1]), ends[2]), ends[3])
        self.assertEqual(boxes.whole_end(io.BytesIO(data[:ends[2] + 9]), ends[2]), ends[2])

    def test_pictures_that_nothing_describes(self) -> None:
        data, ends = recording()
        self.assertEqual(boxes.whole_end(io.BytesIO(data[ends[0]:])), 0)
        self.assertEqual(boxes.whole_end(io.BytesIO(b"")), 0)

    def test_data_without_an_index(self) -> None:
        self.assertEqual(boxes.whole_end(io.BytesIO(_INIT + box(b"mdat", b"abc"))), len(_INIT))


class SampleTests(SynchronousTestCase):
    def test_of_a_recording(self) -> None:
        data, _ = recording()
        found = everything(data)
        self.assertEqual([one.time for one in found], [3000 * index for index in range(12)])
        self.assertEqual([one.keyframe for one in found], [True, False, False] * 4)
        self.assertEqual([data[one.offset:one.offset + one.size] for one in found],
                         [bytes([index // 3]) * 40 for index in range(12)])

    def test_timescales(self) -> None:
        two = fmp4.init_segment(_LINE, track.opus(2))
        self.assertEqual(samples.timescales(io.BytesIO(two)), {1: 90000, 2: 48000})
        for data in (b"", box(b"moof"), box(b"moov"), box(b"moov", box(b"trak")), box(b"moov", b"abc"), two[:-1]):
            self.assertRaises(Invalid, samples.timescales, io.BytesIO(data))

    def test_defaults(self) -> None:
        header = full_box(b"tfhd", 0, 0x020038, pack(">IIII", 5, 100, 10, 0x00010000))
        run = full_box(b"trun", 0, 0x000004, pack(">II", 3, 0))
        found = everything(fragment_of(run, header=header))
        self.assertEqual([(one.track, one.time, one.size, one.keyframe) for one in found],
                         [(5, 0, 10, True), (5, 100, 10, False), (5, 200, 10, False)])

    def test_runs_follow_each_other(self) -> None:
        run = full_box(b"trun", 0, 0x000300, pack(">III", 1, 50, 30))
        found = everything(fragment_of(run, run))
        self.assertEqual([one.time for one in found], [0, 50])
        self.assertEqual(found[1].offset, found[0].offset + 30)

    def test_outside_the_data(self) -> None:
        sizes = full_box(b"trun", 0, 0x000200, pack(">III", 2, 60, 60))
        before = full_box(b"trun", 0, 0x000201, pack(">IiI", 1, 0, 10))
        behind = full_box(b"trun", 0, 0x000201, pack(">IiI", 1, 2**31 - 1, 10))
        for run in (sizes, before, behind):
            self.assertRaises(Invalid, everything, fragment_of(run))

    def test_a_number_of_samples_that_nothing_holds(self) -> None:
        for flags in (0, 0x100, 0x200, 0xF00):
            run = full_box(b"trun", 0, flags, pack(">I", 2**32 - 1))
            self.assertRaises(Invalid, everything, fragment_of(run))

    def test_the_same_bytes_again_and_again(self) -> None:
        header = full_box(b"tfhd", 0, 0x020010, pack(">II", 1, 1))
        run = full_box(b"trun", 0, 0x000001, pack(">Ii", 100, 8 + 8 + 20 + 16 + 2000 * 20 + 8))
        error = self.assertRaises(Invalid, everything, fragment_of(*[run] * 2000, header=header))
        self.assertIn("more than 65536 samples", str(error))

    def test_what_is_not_read(self) -> None:
        absolute = full_box(b"tfhd", 0, 1, pack(">IQ", 1, 0))
        run = full_box(b"trun", 0, 0x000200, pack(">II", 1, 10))
        self.assertRaises(Invalid, everything, fragment_of(run, header=absolute))
        self.assertRaises(Invalid, everything, fragment_of(run, header=b""))
        self.patch(samples, "LARGEST_INDEX", 20)
        self.assertRaises(Invalid, everything, fragment_of(run))


class GarbageTests(SynchronousTestCase):
    def look(self, data: bytes) -> None:
        """Whatever it is: an answer, or Invalid."""
        file = io.BytesIO(data)
        self.assertLessEqual(boxes.whole_end(file), len(data))
        for look in (lambda: list(boxes.walk(file)), lambda: everything(data),
                     lambda: samples.timescales(file), lambda: list(boxes.children(data))):
            try:
                look()
            except Invalid:
                pass

    @_FUZZ
    @given(st.binary(max_size=500))
    def test_anything(self, data: bytes) -> None:
        self.look(data)
        self.look(_INIT + data)

    @_FUZZ
    @given(st.lists(st.tuples(st.integers(0, 2500), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4))
    def test_a_recording_with_other_bytes_in_it(self, changes: list[tuple[int, bytes]]) -> None:
        data = bytearray(recording()[0])
        for offset, new in changes:
            data[offset:offset + len(new)] = new
        self.look(bytes(data))

    def test_each_byte_of_a_fragment_at_its_limits(self) -> None:
        data, ends = recording()
        for offset, value in itertools.product(range(ends[1]), (0, 1, 0x7F, 0xFF)):
            self.look(data[:offset] + bytes([value]) + data[offset + 1:ends[2]])
