from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from camd.wire.byte_range import Unsatisfiable, parse_range


class RangeTests(SynchronousTestCase):
    def test_ranges(self) -> None:
        for header, part in (
            (b"bytes=0-0", (0, 1)),
            (b"bytes=10-19", (10, 20)),
            (b"bytes=10-", (10, 100)),
            (b"bytes=99-1000", (99, 100)),
            (b"bytes=-1", (99, 100)),
            (b"bytes=-1000", (0, 100)),
            (b" Bytes = 1 - 2 ", (1, 3)),
        ):
            self.assertEqual(parse_range(header, 100), part, header)

    def test_what_gets_the_whole(self) -> None:
        for header in (
            b"", b"bytes=", b"bytes=-", b"bytes=5-4", b"bytes=1-2,4-5", b"bytes=0-,0-,0-", b"lines=1-2", b"bytes=a-b",
            b"bytes=--1", b"bytes=1-2-3", b"bytes=+1-2", b"bytes=0x1-2", b"bytes=1.0-2", b"bytes=" + b"9" * 50 + b"-",
        ):  # fmt: skip
            self.assertIsNone(parse_range(header, 100), header)

    def test_behind_the_end(self) -> None:
        for header, size in ((b"bytes=100-", 100), (b"bytes=100-200", 100), (b"bytes=0-", 0), (b"bytes=-0", 100), (b"bytes=-5", 0)):
            self.assertRaises(Unsatisfiable, parse_range, header, size)

    @given(some.binary(max_size=30), some.integers(0, 1 << 40))
    def test_whatever_comes(self, header: bytes, size: int) -> None:
        try:
            part = parse_range(b"bytes=" + header, size)
        except Unsatisfiable:
            return
        if part is not None:
            self.assertTrue(0 <= part[0] < part[1] <= size)
