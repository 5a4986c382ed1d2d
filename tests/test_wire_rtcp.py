from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.media.frame import Packet
from camd.wire import rtcp
from camd.wire.rtp_nal import H264Packetiser

ONCE = settings(max_examples=200, deadline=None, derandomize=True, database=None)
RECEIVER_REPORT = struct.pack(">BBHI", 0x81, 201, 7, 0xAABBCCDD) + struct.pack(
    ">IB3sIIII", 0x01020304, 64, b"\xff\xff\xfe", 0x0001FFFF, 90, 0x12345678, 65536
)
SDES = struct.pack(">BBHI", 0x81, 202, 2, 0xAABBCCDD) + b"\1\1x\0"


class Sending(SynchronousTestCase):
    def test_sender_report(self) -> None:
        self.assertEqual(
            rtcp.sender_report(0x01020304, 0.5, 7, 8, 9),
            bytes.fromhex("80c80006 01020304 83aa7e80 80000000 00000007 00000008 00000009"),
        )

    def test_ntp_wraps_in_2036(self) -> None:
        self.assertEqual(rtcp.ntp(2**32 - 2_208_988_800 + 1.0) >> 32, 1)

    def test_source_description(self) -> None:
        for name in ("", "a", "ab", "abc", "cam1@camd", "ä" * 300):
            data = rtcp.source_description(5, name)
            self.assertEqual(len(data) % 4, 0)
            self.assertEqual(struct.unpack_from(">BBHIB", data), (0x81, 202, len(data) // 4 - 1, 5, 1))
            self.assertEqual(data[10 : 10 + data[9]], name.encode()[:255])
            self.assertEqual(data[10 + data[9] :].strip(b"\0"), b"")
            self.assertGreater(len(data), 10 + data[9])

    def test_a_report_maps_now(self) -> None:
        stream = H264Packetiser(96, ssrc=1, offset=0)
        self.assertIsNone(rtcp.report(stream, "cam1", 1000.0))
        stream(Packet(b"\0\0\1\x65abc", "h264", 10.0, 1000.0, 10.0))
        for now, wall, pts in ((1000.5, 1000.5, 10.5), (2000.0, 1000.0, 10.0), (999.0, 1000.0, 10.0)):
            data = rtcp.report(stream, "cam1", now)
            self.assertEqual(data, rtcp.sender_report(1, wall, round(pts * 90_000), 1, 4)
                             + rtcp.source_description(1, "cam1"))
        self.assertTrue(rtcp.report(stream, "cam1", 1000.0, ends=True).endswith(bytes.fromhex("81cb0001 00000001")))

    def test_what_is_sent_can_be_read(self) -> None:
        stream = H264Packetiser(96, ssrc=1)
        stream(Packet(b"\0\0\1\x65abc", "h264", 10.0, 1000.0, 10.0))
        feedback = rtcp.parse(rtcp.report(stream, "cam1", 1000.0, ends=True))
        self.assertEqual(feedback, rtcp.Feedback(frozenset((1,)), goodbye=True))

    def test_interleaved(self) -> None:
        self.assertEqual(rtcp.interleaved(b"abc", 1), b"$\x01\x00\x03abc")


class Receiving(SynchronousTestCase):
    def test_receiver_report(self) -> None:
        feedback = rtcp.parse(RECEIVER_REPORT + SDES)
        self.assertEqual(feedback.sources, {0xAABBCCDD})
        self.assertEqual(feedback.blocks,
                         (rtcp.Block(0x01020304, 0.25, -2, 0x0001FFFF, 90, 0x12345678, 65536),))
        self.assertFalse(feedback.keyframe or feedback.goodbye)

    def test_round_trip_of_the_rfc(self) -> None:
        """RFC 3550 section 6.4.1, figure 2: 6.125 s at 11:33:36.5 on 10 November 1995."""
        block = rtcp.Block(1, 0, 0, 0, 0, 0xB7052000, 0x00054000)
        self.assertEqual(block.round_trip(0xB44DB710 + 0.5 - 2_208_988_800), 6.125)

    def test_round_trips_that_cannot_be(self) -> None:
        self.assertIsNone(rtcp.Block(1, 0, 0, 0, 0, 0, 0).round_trip(1000.0))
        now = 1000.0
        self.assertEqual(rtcp.Block(1, 0, 0, 0, 0, rtcp.ntp(now) >> 16 & 0xFFFFFFFF, 65536).round_trip(now), 0.0)

    def test_goodbye_and_keyframe_requests(self) -> None:
        self.assertTrue(rtcp.parse(RECEIVER_REPORT + rtcp.goodbye(0xAABBCCDD)).goodbye)
        loss = struct.pack(">BBHII", 0x81, 206, 2, 5, 1)
        full = struct.pack(">BBHIIII", 0x84, 206, 4, 5, 0, 1, 0)
        for data in (loss, full, RECEIVER_REPORT + loss):
            self.assertTrue(rtcp.parse(data).keyframe)
        self.assertFalse(rtcp.parse(struct.pack(">BBHII", 0x81, 205, 2, 5, 1)).keyframe)

    def test_padding_at_the_end(self) -> None:
        padded = b"\xa1" + SDES[1:3] + b"\3" + SDES[4:] + b"\0\0\0\4"
        self.assertEqual(rtcp.parse(RECEIVER_REPORT + padded).sources, {0xAABBCCDD})
        self.assertRaises(Invalid, rtcp.parse, padded + RECEIVER_REPORT)

    def test_what_is_refused(self) -> None:
        for data in (
            b"",
            RECEIVER_REPORT[:6],
            RECEIVER_REPORT[:-4],
            RECEIVER_REPORT + b"\0",
            RECEIVER_REPORT + b"\0\0\0\0",
            b"\x41" + RECEIVER_REPORT[1:],
            b"\x82" + RECEIVER_REPORT[1:],
            b"\x81\x60" + RECEIVER_REPORT[2:],
            RECEIVER_REPORT * 100,
        ):
            self.assertRaises(Invalid, rtcp.parse, data)

    @ONCE
    @given(st.lists(st.sampled_from([RECEIVER_REPORT, SDES, b"\x80\xc8\x00\x06", b"\x81\xcb\x00\x00", b"\0" * 4])
                    | st.binary(max_size=20), max_size=6))
    def test_garbage(self, parts: list[bytes]) -> None:
        try:
            feedback = rtcp.parse(b"".join(parts))
        except Invalid:
            return
        self.assertLessEqual(len(feedback.blocks), rtcp.SIZE_LIMIT // 24)
