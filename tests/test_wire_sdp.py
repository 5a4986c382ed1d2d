from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from camd.wire import sdp

SPS = bytes.fromhex("6742c01fda014016e9a808080a000003000200000300611e306540")
PPS = bytes.fromhex("68ce0fc8")
FORMAT = (
    "packetization-mode=1;profile-level-id=42C01F;"
    "sprop-parameter-sets=Z0LAH9oBQBbpqAgICgAAAwACAAADAGEeMGVA,aM4PyA=="
)


class Description(SynchronousTestCase):
    def test_exact(self) -> None:
        text = sdp.describe([sdp.h264(SPS, PPS, 30.0), sdp.opus(False)], "Front door", 42, 3, "192.0.2.10")
        self.assertEqual(text.decode().split("\r\n"), [
            "v=0",
            "o=- 42 3 IN IP4 192.0.2.10",
            "s=Front door",
            "c=IN IP4 0.0.0.0",
            "t=0 0",
            "a=control:*",
            "a=range:npt=now-",
            "m=video 0 RTP/AVP 96",
            "a=rtpmap:96 H264/90000",
            f"a=fmtp:96 {FORMAT}",
            "a=framerate:30",
            "a=control:trackID=0",
            "m=audio 0 RTP/AVP 99",
            "a=rtpmap:99 opus/48000/2",
            "a=fmtp:99 sprop-stereo=0",
            "a=control:trackID=1",
            "",
        ])

    def test_tracks(self) -> None:
        for track, expected in (
            (sdp.h265(b"\x40\x01", b"\x42\x01", b"\x44\x01"),
             ("video", 98, "H265/90000", "sprop-vps=QAE=;sprop-sps=QgE=;sprop-pps=RAE=")),
            (sdp.jpeg(), ("video", 26, "JPEG/90000", "")),
            # RFC 3640 section 3.3.6, with a configuration of 2 channels at 48 kHz
            (sdp.aac(48_000, 2, b"\x11\x90"), ("audio", 97, "MPEG4-GENERIC/48000/2",
             "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190")),
            (sdp.opus(True), ("audio", 99, "opus/48000/2", "sprop-stereo=1")),
            (sdp.metadata(), ("application", 107, "vnd.onvif.metadata/90000", "")),
        ):
            self.assertEqual((track.media, track.payload_type, track.encoding, track.format), expected)
        self.assertEqual(sdp.jpeg(29.97002997).attributes, ("framerate:29.97",))

    def test_version_6_and_given_controls(self) -> None:
        text = sdp.describe([sdp.jpeg()], "", 1, address="fe80::1%eth0",
                            controls=["rtsp://h/cam1/trackID=0?token=x"]).decode()
        self.assertIn("o=- 1 1 IN IP6 fe80::1\r\ns=-\r\nc=IN IP6 ::\r\n", text)
        self.assertIn("m=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\na=control:rtsp://h/cam1/trackID=0?token=x", text)
        self.assertRaises(ValueError, sdp.describe, [sdp.jpeg()], "", 1, controls=["a", "b"])

    def test_a_name_stays_on_its_line(self) -> None:
        text = sdp.describe([sdp.jpeg()], "a\r\nm=audio\x00\u2028 b", 1)
        self.assertIn(b"\r\ns=a m=audio b\r\n", text)
