"""RTP payloads, taken apart again by readers that were written for the tests alone."""

from __future__ import annotations

import struct
from fractions import Fraction
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.media.frame import Packet
from camd.wire import rtp
from camd.wire.rtp import AccessUnit, Packetiser
from camd.wire.rtp_jpeg import JpegPacketiser, read_head
from camd.wire.rtp_nal import H264Packetiser, H265Packetiser

ONCE = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def packet(data: bytes, pts: float = 1.0, keyframe: bool = True) -> Packet:
    return Packet(data, "h264", pts, 1_700_000_000.0 + pts, pts, keyframe)


def noise(size: int, seed: int = 1) -> bytes:
    """Without zeros, so that there is no start code in it."""
    return bytes(Random(seed).choices(range(1, 256), k=size))


def annex_b(*units: bytes) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def taken_apart(data: bytes) -> list[tuple[int, bytes]]:
    """(channel, packet) of an interleaved stream."""
    found = []
    while data:
        dollar, channel, length = struct.unpack_from(">cBH", data)
        assert dollar == b"$"
        found.append((channel, data[4 : 4 + length]))
        data = data[4 + length :]
    return found


def payloads(unit: AccessUnit) -> list[bytes]:
    return [bytes(data[rtp.parse(data).payload]) for data in unit.packets]


def h264_units(unit: AccessUnit) -> list[bytes]:
    """RFC 6184 sections 5.6 to 5.8, backwards."""
    units: list[bytes] = []
    for data in payloads(unit):
        kind = data[0] & 31
        if kind == 24:
            position = 1
            while position < len(data):
                size = int.from_bytes(data[position : position + 2], "big")
                units.append(data[position + 2 : position + 2 + size])
                position += 2 + size
        elif kind == 28:
            start, end = data[1] & 0x80, data[1] & 0x40
            if start:
                assert not end
                units.append(bytes((data[0] & 0xE0 | data[1] & 31,)))
            units[-1] += data[2:]
        else:
            assert 1 <= kind <= 23
            units.append(data)
    return units


def h265_units(unit: AccessUnit) -> list[bytes]:
    """RFC 7798 section 4.4, backwards."""
    units: list[bytes] = []
    for data in payloads(unit):
        kind = data[0] >> 1 & 63
        if kind == 48:
            position = 2
            while position < len(data):
                size = int.from_bytes(data[position : position + 2], "big")
                units.append(data[position + 2 : position + 2 + size])
                position += 2 + size
        elif kind == 49:
            if data[2] & 0x80:
                units.append(bytes((data[0] & 0x81 | (data[2] & 63) << 1, data[1])))
            units[-1] += data[3:]
        else:
            units.append(data)
    return units


class Whole(Packetiser):
    """Any number of bytes, in pieces of ten."""

    def payloads(self, data: bytes) -> list[tuple[bytes, bytes]]:
        return [(b"", data[i : i + 10]) for i in range(0, len(data), 10)]


class Line(SynchronousTestCase):
    """One line of numbers, one AccessUnit for everybody."""

    def test_exact_bytes(self) -> None:
        stream = Whole(96, ssrc=0x01020304, sequence=0xFFFF, offset=0x10)
        unit = stream(packet(b"0123456789ab", 2.0, False))
        self.assertEqual(
            unit.interleaved,
            b"$\x00\x00\x16" b"\x80\x60\xff\xff\x00\x02\xbf\x30\x01\x02\x03\x04" b"0123456789"
            b"$\x00\x00\x0e" b"\x80\xe0\x00\x00\x00\x02\xbf\x30\x01\x02\x03\x04" b"ab",
        )
        self.assertEqual((unit.sequence, unit.timestamp, unit.octets, unit.keyframe), (0xFFFF, 180016, 12, False))
        self.assertEqual((stream.sequence, stream.packets, stream.octets, stream.last), (1, 2, 12, unit))
        self.assertEqual((unit.pts, unit.grabbed, unit.wall, unit.card), (2.0, 2.0, 1_700_000_002.0, False))

    def test_timestamps_wrap(self) -> None:
        stream = Whole(96, offset=0xFFFFFFFF)
        self.assertEqual(stream.timestamp_at(1 / 90_000), 0)
        seconds = 2**32 / 90_000
        self.assertEqual(stream(packet(b"x", 10 * seconds + 1)).timestamp, 89_999)

    def test_numbers_begin_anywhere(self) -> None:
        streams = [Whole(96) for _ in range(4)]
        self.assertEqual(len({(s.ssrc, s.sequence, s.timestamp_at(0)) for s in streams}), 4)

    def test_nothing_to_send(self) -> None:
        stream = Whole(96, sequence=7)
        self.assertIsNone(stream(packet(b"")))
        self.assertEqual((stream.sequence, stream.last), (7, None))

    def test_the_same_on_another_channel(self) -> None:
        unit = Whole(96)(packet(noise(25)))
        there = unit.on(4)
        self.assertEqual([channel for channel, _ in taken_apart(there)], [4, 4, 4])
        self.assertEqual([data for _, data in taken_apart(there)], [data for _, data in taken_apart(unit.interleaved)])
        self.assertIs(unit.on(4), there)
        self.assertIs(unit.on(0), unit.interleaved)
        self.assertEqual([data for _, data in taken_apart(there)], list(unit.packets))

    def test_batches_are_what_the_kernel_cuts(self) -> None:
        unit = H264Packetiser(96)(packet(annex_b(b"\x67" + noise(20), b"\x65" + noise(200_000))))
        cut = []
        for data, segment in unit.batches:
            self.assertLessEqual(len(data), 65_507)
            pieces = [data[i : i + segment] for i in range(0, len(data), segment)]
            self.assertLessEqual(len(pieces), 64)
            cut += pieces
        self.assertEqual(cut, list(unit.packets))
        self.assertEqual(len(unit.batches), 1 + 4)

    @ONCE
    @given(st.lists(st.integers(1, 70), min_size=1, max_size=200), st.integers(0, 1))
    def test_batches_of_any_lengths(self, sizes: list[int], same: int) -> None:
        class Given(Packetiser):
            def payloads(self, data: bytes) -> list[tuple[bytes, bytes]]:
                return [(b"", bytes(size if not same else 9)) for size in sizes]

        unit = Given(96)(packet(b"x"))
        cut = [b.data[i : i + b.segment] for b in unit.batches for i in range(0, len(b.data), b.segment)]
        self.assertEqual(cut, list(unit.packets))
        self.assertTrue(all(len(b.data) <= 64 * b.segment for b in unit.batches))

    def test_headers_of_others(self) -> None:
        header = rtp.parse(bytes.fromhex("b1 e0 0001 00000002 00000003 00000004 abcd0001 00000000") + b"hello\0\0\3")
        self.assertEqual((header.payload_type, header.marker, header.sequence, header.timestamp, header.ssrc),
                         (96, True, 1, 2, 3))
        self.assertEqual(header.payload, slice(24, 29))
        for text in ("", "80" * 11, "40" + "00" * 11, "90" + "00" * 13, "8f" + "00" * 20, "a0" + "00" * 11 + "ff"):
            self.assertRaises(Invalid, rtp.parse, bytes.fromhex(text))

    @ONCE
    @given(st.binary(max_size=80))
    def test_headers_of_strangers(self, data: bytes) -> None:
        try:
            header = rtp.parse(data)
        except Invalid:
            return
        self.assertLessEqual(header.payload.stop, len(data))


class H264(SynchronousTestCase):
    def test_parameter_sets_travel_together(self) -> None:
        sps, pps = b"\x67\x42\xc0\x1f", b"\x68\xce\x3c\x80"
        unit = H264Packetiser(96)(packet(annex_b(sps, pps, b"\x65" + noise(3000))))
        together, *rest = payloads(unit)
        self.assertEqual(together, b"\x78\x00\x04" + sps + b"\x00\x04" + pps)
        self.assertEqual([data[:2] for data in rest], [b"\x7c\x85", b"\x7c\x05", b"\x7c\x45"])
        self.assertEqual([len(data) for data in rest], [1400, 1400, 3000 - 2 * 1398 + 2])

    def test_limits(self) -> None:
        for size, expected in ((1400, [1400]), (1401, [1400, 4]), (2797, [1400, 1400]), (2798, [1400, 1400, 3])):
            unit = H264Packetiser(96)(packet(annex_b(b"\x41" + noise(size - 1))))
            self.assertEqual([len(data) for data in payloads(unit)], expected)
            self.assertEqual([rtp.parse(data).marker for data in unit.packets],
                             [False] * (len(expected) - 1) + [True])

    def test_what_only_a_byte_stream_needs_is_left_out(self) -> None:
        unit = H264Packetiser(96)(packet(annex_b(b"\x09\x10", b"\x0c\xff\xff", b"\x41\x9a")))
        self.assertEqual(payloads(unit), [b"\x41\x9a"])
        self.assertIsNone(H264Packetiser(96)(packet(annex_b(b"\x09\x10"))))
        self.assertIsNone(H264Packetiser(96)(packet(b"no start code")))

    @ONCE
    @given(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 4500)), min_size=1, max_size=8))
    def test_round_trip(self, shapes: list[tuple[int, int]]) -> None:
        units = [bytes((0x60 | kind,)) + noise(size, size) for kind, size in shapes]
        unit = H264Packetiser(96)(packet(annex_b(*units)))
        self.assertEqual(h264_units(unit), units)
        self.assertLessEqual(max(unit.lengths), 1412)
        self.assertEqual(unit.octets, sum(len(data) for data in payloads(unit)))

    def test_what_an_encoder_makes(self) -> None:
        import av
        import numpy

        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 640, 480, "yuv420p", 30
        encoder.time_base = Fraction(1, 30)
        encoder.options = {"tune": "zerolatency", "preset": "ultrafast", "g": "3"}
        random = numpy.random.default_rng(1)
        stream, decoder = H264Packetiser(96), av.CodecContext.create("h264", "r")
        sent = shown = 0
        for number in range(6):
            picture = av.VideoFrame.from_ndarray(random.integers(0, 255, (480, 640, 3), dtype="uint8"), "bgr24")
            picture.pts = number
            for encoded in encoder.encode(picture):
                unit = stream(packet(bytes(encoded), number / 30, encoded.is_keyframe))
                self.assertGreater(len(unit.lengths), 1)
                again = annex_b(*h264_units(unit))
                shown += sum(1 for _ in decoder.decode(av.Packet(again)))
                sent += 1
        shown += sum(1 for _ in decoder.decode(None))
        self.assertEqual((sent, shown), (6, 6))


class H265(SynchronousTestCase):
    def test_parameter_sets_travel_together(self) -> None:
        vps, sps, pps = b"\x40\x01\x0c", b"\x42\x01\x01", b"\x44\x01\xc1"
        unit = H265Packetiser(98)(packet(annex_b(b"\x46\x01\x50", vps, sps, pps, b"\x26\x01" + noise(3000))))
        together, *rest = payloads(unit)
        self.assertEqual(together, b"\x60\x01" + b"".join(b"\x00\x03" + one for one in (vps, sps, pps)))
        self.assertEqual([data[:3] for data in rest], [b"\x62\x01\x93", b"\x62\x01\x13", b"\x62\x01\x53"])

    def test_the_lowest_layers_of_an_aggregate(self) -> None:
        unit = H265Packetiser(98)(packet(annex_b(b"\x03\x0b\x01", b"\x02\x12\x01")))
        self.assertEqual(payloads(unit)[0][:2], b"\x60\x12")

    @ONCE
    @given(st.lists(st.tuples(st.sampled_from([0, 1, 19, 20, 21, 32, 33, 34, 39]), st.integers(1, 4500)),
                    min_size=1, max_size=8))
    def test_round_trip(self, shapes: list[tuple[int, int]]) -> None:
        units = [bytes((kind << 1, 1)) + noise(size, size) for kind, size in shapes]
        unit = H265Packetiser(98)(packet(annex_b(*units)))
        self.assertEqual(h265_units(unit), units)
        self.assertLessEqual(max(unit.lengths), 1412)


def jpeg(width: int, height: int, *options: int) -> bytes:
    import cv2
    import numpy

    picture = numpy.random.default_rng(1).integers(0, 255, (height, width, 3), dtype="uint8")
    return cv2.imencode(".jpg", cv2.GaussianBlur(picture, (3, 3), 0), options)[1].tobytes()


SAMPLING, FACTOR_422, FACTOR_444 = 7, 0x211111, 0x111111  # cv2.IMWRITE_JPEG_SAMPLING_FACTOR
RESTART, OPTIMIZE, PROGRESSIVE = 4, 3, 2


def jpeg_again(unit: AccessUnit) -> bytes:
    """A JPEG made of what RFC 2435 says, and of nothing else."""
    scan = b""
    head = b""
    for data in payloads(unit):
        offset, kind, quality, across, down = struct.unpack_from(">IBBBB", data)
        assert offset == len(scan)
        position, restart = 8, 0
        if kind >= 64:
            restart, count = struct.unpack_from(">HH", data, position)
            assert count == 0xFFFF
            position += 4
        if not offset:
            assert quality == 255
            precision, length = struct.unpack_from(">xBH", data, position)
            assert (precision, length) == (0, 128)
            tables = data[position + 4 : position + 132]
            position += 132
            head = _jpeg_head(kind & 63, across * 8, down * 8, tables, restart)
        scan += data[position:]
    return head + scan + b"\xff\xd9"


def _jpeg_head(kind: int, width: int, height: int, tables: bytes, restart: int) -> bytes:
    def segment(marker: int, data: bytes) -> bytes:
        return bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2, "big") + data

    reference = jpeg(16, 16)  # for its Huffman tables
    begin = reference.index(b"\xff\xc4")
    huffman = reference[begin : reference.index(b"\xff\xda")]
    head = b"\xff\xd8" + segment(0xDB, b"\0" + tables[:64]) + segment(0xDB, b"\1" + tables[64:])
    head += segment(0xDD, restart.to_bytes(2, "big")) if restart else b""
    luma = (0x21, 0x22)[kind]
    head += segment(0xC0, struct.pack(">BHHB", 8, height, width, 3) + bytes((1, luma, 0, 2, 0x11, 1, 3, 0x11, 1)))
    return head + huffman + segment(0xDA, bytes((3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0)))


class Jpeg(SynchronousTestCase):
    def test_round_trip(self) -> None:
        import cv2
        import numpy

        for width, height, options, kind in (
            (640, 480, (), 1),
            (320, 240, (SAMPLING, FACTOR_422), 0),
            (320, 240, (RESTART, 4), 65),
            (16, 16, (), 1),
        ):
            data = jpeg(width, height, *options)
            unit = JpegPacketiser()(packet(data))
            first = payloads(unit)[0]
            self.assertEqual((first[:4], first[4], first[6], first[7]), (bytes(4), kind, width // 8, height // 8))
            again = jpeg_again(unit)
            pictures = [cv2.imdecode(numpy.frombuffer(d, "uint8"), 1) for d in (data, again)]
            self.assertTrue((pictures[0] == pictures[1]).all(), (width, height, options))
            self.assertEqual(set(unit.lengths[:-1]) - {1412}, set())
            self.assertEqual(rtp.parse(unit.packets[0]).payload_type, 26)

    def test_sizes_that_are_no_multiple_of_8_are_rounded_up(self) -> None:
        unit = JpegPacketiser()(packet(jpeg(100, 50)))
        self.assertEqual(payloads(unit)[0][6:8], bytes((13, 7)))

    def test_the_header_may_change(self) -> None:
        stream = JpegPacketiser()
        for data in (jpeg(64, 64), jpeg(64, 64), jpeg(64, 64, 1, 40), jpeg(128, 64)):
            fresh = JpegPacketiser()
            self.assertEqual(payloads(stream(packet(data))), payloads(fresh(packet(data))))

    def test_without_huffman_tables_or_end(self) -> None:
        """As USB cameras send it."""
        whole = jpeg(64, 64)
        begin, end = whole.index(b"\xff\xc4"), whole.index(b"\xff\xda")
        bare = whole[:begin] + whole[end:]
        self.assertEqual(payloads(JpegPacketiser()(packet(bare))), payloads(JpegPacketiser()(packet(whole))))
        padded = bare + bytes(16)
        self.assertEqual(payloads(JpegPacketiser()(packet(padded))), payloads(JpegPacketiser()(packet(whole))))

    def test_what_rtp_cannot_carry(self) -> None:
        import cv2
        import numpy

        whole = jpeg(64, 64)
        frame = whole.index(b"\xff\xc0") + 4
        grey = cv2.imencode(".jpg", numpy.zeros((16, 16), "uint8"))[1].tobytes()
        for data, reason in (
            (b"", "does not begin with SOI"),
            (b"\xff\xd8", "no marker at byte 2"),
            (b"\xff\xd8\xff\xdb\x00\x01", "cut off"),
            (whole[:100], "cut off"),
            (jpeg(2048, 16), "2048x16: use a smaller size, or H.264"),
            (jpeg(64, 64, SAMPLING, FACTOR_444), "4:2:2 or 4:2:0 only"),
            (jpeg(64, 64, PROGRESSIVE, 1), "baseline JPEG only"),
            (jpeg(64, 64, OPTIMIZE, 1), "Huffman tables only"),
            (grey, "three components"),
            (whole[: frame] + b"\x0c" + whole[frame + 1 :], "8 bits"),
            (whole[: whole.index(b"\xff\xda") + 14] + b"\xff\xd9", "scan of 0 bytes"),
        ):
            error = self.assertRaises(Invalid, JpegPacketiser().__call__, packet(data))
            self.assertIn(reason, str(error))

    @ONCE
    @given(st.binary(max_size=60), st.integers(0, 700), st.integers(0, 255))
    def test_damaged_headers(self, garbage: bytes, place: int, value: int) -> None:
        data = bytearray(jpeg(32, 32))
        data[place % len(data)] = value
        for damaged in (b"\xff\xd8" + garbage, bytes(data), bytes(data[:place])):
            try:
                read_head(damaged)
            except Invalid:
                pass
