"""What RTSP clients ask, and what they are answered."""

from __future__ import annotations

from prometheus_client import generate_latest
from twisted.trial.unittest import SynchronousTestCase

from camd.config import AuthConfig
from camd.errors import Gone, Invalid
from camd.media import Format
from camd.rtsp.names import Wanted, wanted
from camd.rtsp.session import FIRST_WAIT, TIMEOUT
from camd.wire import rtcp, rtp
from camd.wire.rtsp_headers import parse_url

from .coded_video import LIVE, Coded, coded
from .rtsp_case import TCP, URL, Reply, RtspCase, packets, transport_of


class NamesTests(SynchronousTestCase):
    def wanted(self, path: str) -> Wanted:
        return wanted(parse_url(f"rtsp://host{path}"), "front")

    def test_paths(self) -> None:
        for path, expected in {
            "": ("front", "main"), "/": ("front", "main"), "/door": ("door", "main"), "/door/": ("door", "main"),
            "/door/main": ("door", "main"), "/door/sub": ("door", "sub"), "/door/sub/trackID=0": ("door", "sub"),
            "/stream": ("front", "main"), "/live": ("front", "main"), "/stream0": ("front", "main"),
            "/stream1": ("front", "main"), "/onvif/profile_1": ("front", "main"), "/stream2": ("front", "sub"),
            "/onvif/profile_2": ("front", "sub"), "/main": ("front", "main"), "/sub": ("front", "sub"),
        }.items():  # fmt: skip
            found = self.wanted(path)
            self.assertEqual((found.camera, found.rendition), expected, path)
        for path in ("/door/other", "/a/b/c", "/onvif/profile_3"):
            self.assertRaises(Gone, self.wanted, path)

    def test_options(self) -> None:
        found = self.wanted("/door?resolution=640x360&fps=10&bitrate=500000&tcp&codec=H265&token=x")
        self.assertEqual(found, Wanted("door", "main", "hevc", (640, 360), 10.0, 500_000, None, "tcp"))
        self.assertEqual(self.wanted("/door?codec=jpeg&quality=70").quality, 70)
        for wrong in ("resolution=1x", "resolution=9x9", "fps=x", "fps=0", "fps=nan", "bitrate=1", "codec=vp8",
                      "quality=0", "fps=inf"):  # fmt: skip
            self.assertRaises(Invalid, self.wanted, f"/door?{wrong}")


class DescribeTests(RtspCase):
    def test_it(self) -> None:
        line = self.line()
        reply = self.described(line)
        self.assertEqual((reply.status, reply.headers["content-type"]), (200, "application/sdp"))
        self.assertTrue(reply.headers["content-base"].startswith(f"{URL}/?token="))
        sdp = reply.body.decode()
        self.assertIn("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", sdp)
        self.assertIn("sprop-parameter-sets=", sdp)
        self.assertIn("a=control:rtsp://camd:8554/cam1/main/trackID=0?token=", sdp)
        self.assertIn("IN IP4 192.0.2.99", sdp)

    def test_control_is_relative_without_a_query(self) -> None:
        self.auth_guest()
        line = self.line("")
        self.assertIn(b"a=control:trackID=0\r\n", self.described(line).body)

    def auth_guest(self) -> None:
        admin = self.users.by_token(self.tokens["admin"])
        self.get(self.users.set_role(admin, "guest", ["Media_r"]))

    def test_the_second_one_waits_for_nothing(self) -> None:
        line = self.line()
        first = self.described(line)
        self.assertEqual(line.send("DESCRIBE").body, first.body)

    def test_jpeg_on_demand(self) -> None:
        camera = self.app.cameras["cam1"]
        camera.pipeline.opened(Format("mjpeg", 320, 180, 30.0))
        self.codec, self.video = "mjpeg", coded("mjpeg", 3)
        line = self.line()
        reply = self.described(line, URL + "?codec=mjpeg")
        self.assertIn(b"m=video 0 RTP/AVP 26\r\n", reply.body)

    def test_jpeg_that_rtp_has_no_place_for_is_encoded_anew(self) -> None:
        import cv2
        import numpy

        from camd.encoders import jpeg

        self.get(self.app.extensions.load({"jpeg": jpeg}))
        camera = self.app.cameras["cam1"]
        camera.pipeline.opened(Format("mjpeg", 320, 184, 30.0))
        options = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
        data = cv2.imencode(".jpg", numpy.full((184, 320, 3), 90, numpy.uint8), options)[1].tobytes()
        self.codec, self.video = "mjpeg", (Coded(data, 0, 0, True),)
        line = self.line()
        reply = line.send("DESCRIBE", URL + "?codec=mjpeg")
        for _ in range(3):
            self.show()
            self.clock.advance(0)
        reply = line.read()
        self.assertEqual(reply.status, 200, reply.body)
        used = [one.encoding.quality for one in self.server.catalogue if one.is_used]
        self.assertEqual(used, [camera.pipeline.quality])
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_h264_without_an_encoder(self) -> None:
        self.app.cameras["cam1"].pipeline.opened(Format("mjpeg", 320, 180, 30.0))
        line = self.line()
        reply = line.send("DESCRIBE", URL + "?codec=h264")
        text = b"codec: there is no h264 encoder here, and the camera gives mjpeg; ask for mjpeg\r\n"
        self.assertEqual((reply.status, reply.body), (415, text))
        self.codec, self.video = "mjpeg", coded("mjpeg", 3)
        self.assertIn(b"m=video 0 RTP/AVP 26\r\n", self.described(line).body)

    def test_no_picture(self) -> None:
        line = self.line()
        line.send("DESCRIBE")
        self.clock.pump([1.0] * 9)
        reply = line.read()
        self.assertEqual((reply.status, reply.body), (404, b"the camera cam1 gives no picture\r\n"))

    def test_other_types(self) -> None:
        line = self.line()
        self.assertEqual(line.send("DESCRIBE", accept="text/html").status, 406)
        self.assertEqual(self.described(line, accept="application/sdp, text/html").status, 200)

    def test_unknown_ones(self) -> None:
        line = self.line()
        for url, status in (("rtsp://camd/none", 404), ("rtsp://camd/cam1/other", 404), ("*", 404),
                            ("rtsp://camd/cam1?fps=x", 400), ("mailto:x", 400)):  # fmt: skip
            reply = line.send("DESCRIBE", url) if not url.startswith("*") else line.send("DESCRIBE", "rtsp://camd/x/y/z")
            self.assertEqual(reply.status, status, url)

    def test_new_parameter_sets_are_a_new_version(self) -> None:
        line = self.line()
        before = self.described(line).body
        self.video = coded("h264", 30, LIVE["h264"], (640, 360))
        self.shown = 0
        self.app.cameras["cam1"].pipeline.opened(Format("h264", 640, 360, 30.0))
        after = self.described(line).body
        version = lambda sdp: sdp.split(b"o=- ")[1].split()[:2]
        self.assertEqual(version(before)[0], version(after)[0])
        self.assertLess(int(version(before)[1]), int(version(after)[1]))


class SetupTests(RtspCase):
    def test_interleaved(self) -> None:
        line = self.line()
        reply = self.opened(line)
        self.assertEqual(reply.status, 200)
        self.assertRegex(reply.headers["session"], r"^[0-9a-f]{24};timeout=60$")
        self.assertEqual(transport_of(reply)["interleaved"], "0-1")
        self.assertIn("ssrc", transport_of(reply))

    def test_the_first_possible_transport_counts(self) -> None:
        line = self.line()
        reply = self.opened(line, transport=f"RAW/RAW/UDP, RTP/AVP;multicast, RTP/SAVP;unicast;client_port=1-2, {TCP}")
        self.assertEqual(transport_of(reply)["interleaved"], "0-1")
        for impossible in ("RTP/AVP;multicast", "RTP/AVP;unicast", 'RTP/AVP/TCP;unicast;mode="RECORD"'):
            self.assertEqual(line.send("SETUP", URL, transport=impossible).status, 461, impossible)
        for wrong in ("", "x", "RTP/AVP;client_port=99999-1"):
            self.assertEqual(line.send("SETUP", URL, transport=wrong).status, 400, wrong)

    def test_the_url_can_choose(self) -> None:
        line = self.line()
        self.assertEqual(self.opened(line, URL + "?udp").status, 461)
        self.assertEqual(self.opened(line, URL + "?tcp", "RTP/AVP;unicast;client_port=5000-5001").status, 461)
        self.assertEqual(self.opened(line, URL + "?tcp", f"RTP/AVP;unicast;client_port=5000-5001,{TCP}").status, 200)

    def test_channels_are_nobody_elses(self) -> None:
        line = self.line()
        self.assertEqual(transport_of(self.opened(line, transport="RTP/AVP/TCP"))["interleaved"], "0-1")
        self.assertEqual(transport_of(self.opened(line, transport=TCP))["interleaved"], "2-3")
        self.assertEqual(transport_of(self.opened(line, transport=TCP.replace("0-1", "9-4")))["interleaved"], "9-4")

    def test_a_track_is_set_up_once(self) -> None:
        line = self.line()
        session = self.opened(line).session
        self.assertEqual(self.opened(line, session=session).status, 455)
        self.assertEqual(line.send("SETUP", "rtsp://camd/door", transport=TCP, session=session).status, 459)
        self.assertEqual(line.send("SETUP", URL + "/trackID=1", transport=TCP).status, 404)

    def test_so_many_sessions(self) -> None:
        line = self.line()
        statuses = [self.opened(line, transport="RTP/AVP/TCP").status for _ in range(9)]
        self.assertEqual(statuses, [200] * 8 + [453])

    def test_so_many_sizes(self) -> None:
        """Each is encoded for itself."""
        statuses = [self.line().send("DESCRIBE", f"{URL}?fps={number + 1}").status for number in range(9)]
        self.assertEqual(statuses, [0] * 8 + [453], "the others wait for a picture")


class PlayTests(RtspCase):
    def test_answer_report_and_picture_leave_together(self) -> None:
        line = self.line()
        session = self.opened(line).session
        line.send("PLAY", session=session, range="npt=0.000-")
        writes: list[bytes] = []
        line.write = writes.append
        self.show_key()
        reply = Reply(writes[0])
        self.assertEqual((reply.status, reply.session, reply.headers["range"]), (200, session, "npt=now-"))
        channels = packets(reply.rest)
        self.assertEqual([channels[0][0], {channel for channel, _ in channels[1:]}], [1, {0}])
        self.assertEqual(channels[0][1][1], rtcp.SENDER_REPORT)
        first = rtp.parse(channels[1][1])
        self.assertIn(f"seq={first.sequence};rtptime={first.timestamp}", reply.headers["rtp-info"])
        self.assertIn("url=rtsp://camd:8554/cam1/main/trackID=0?token=", reply.headers["rtp-info"])

    def test_without_a_picture_the_answer_comes_alone(self) -> None:
        line = self.line()
        line.send("PLAY", session=self.opened(line).session)
        self.clock.advance(FIRST_WAIT)
        reply = line.read()
        self.assertEqual((reply.status, reply.rest), (200, b""))
        self.assertNotIn("seq=", reply.headers["rtp-info"])
        self.show_key()
        self.assertEqual(packets(line.value())[0][0], 1)

    def test_pause_and_play(self) -> None:
        line = self.line()
        session, reply = self.played(line)
        self.show(5)
        count = len(packets(line.value()))
        self.assertGreaterEqual(count, 5)
        line.clear()
        reply = line.send("PAUSE", session=session)
        self.assertEqual((reply.status, reply.session), (200, session))
        self.show(5)
        self.assertEqual(line.value(), b"")
        self.assertEqual(self.app.cameras["cam1"].pipeline.clients(), {})
        line.send("PLAY", session=session)
        self.show(1)  # the group of pictures that is under way, from its key frame
        reply = line.read()
        self.assertEqual(reply.status, 200)
        first = rtp.parse(packets(reply.rest)[1][1])
        self.assertIn(f"seq={first.sequence};rtptime={first.timestamp}", reply.headers["rtp-info"])

    def test_play_again_is_no_harm(self) -> None:
        line = self.line()
        session, _ = self.played(line)
        self.assertEqual(line.send("PLAY", session=session).status, 200)
        self.assertEqual(self.app.cameras["cam1"].pipeline.clients(), {"rtsp": 1})

    def test_ranges(self) -> None:
        line = self.line()
        session = self.opened(line).session
        self.assertEqual(line.send("PLAY", session=session, range="smpte=0-").status, 457)

    def test_teardown(self) -> None:
        line = self.line()
        session, _ = self.played(line)
        reply = line.send("TEARDOWN", session=session)
        self.assertEqual(packets(reply.rest), [])
        self.assertEqual(self.app.cameras["cam1"].pipeline.clients(), {})
        self.assertEqual(line.send("PLAY", session=session).status, 454)

    def test_parameters(self) -> None:
        line = self.line()
        session = self.opened(line).session
        self.assertEqual(line.send("GET_PARAMETER", session=session).status, 200)
        self.assertEqual(line.send("GET_PARAMETER").status, 200)
        self.assertEqual(line.send("SET_PARAMETER", body=b"volume: 3\r\n", session=session).status, 451)
        self.assertEqual(line.send("GET_PARAMETER", session="none").status, 454)

    def test_reports(self) -> None:
        line = self.line()
        self.played(line)
        self.clock.advance(5.0)
        channel, report = packets(line.value())[-1]
        self.assertEqual((channel, report[1], len(report) % 4), (1, rtcp.SENDER_REPORT, 0))

    def test_metrics(self) -> None:
        line = self.line()
        self.played(line)
        self.line("").raw(b"\x16\x03\x01")
        text = generate_latest(self.app.metrics).decode()
        for expected in ('camd_clients{kind="rtsp"} 1.0', 'camd_rtsp_sessions{transport="tcp"} 1.0',
                         "camd_rtsp_connections 2.0", "camd_rtsp_malformed_total 1.0",
                         'camd_output_delay_seconds_count{output="rtsp"}'):  # fmt: skip
            self.assertIn(expected, text)

    def test_a_camera_that_goes_ends_its_clients(self) -> None:
        line = self.line()
        self.played(line)
        line.clear()
        self.app.cameras["cam1"].pipeline.source.end()
        self.assertTrue(line.lost)
        self.assertIn(rtcp.GOODBYE, [report[-7] for channel, report in packets(line.value()) if channel == 1])


class OtherTests(RtspCase):
    def test_options(self) -> None:
        line = self.line("")
        for url in ("*", URL):
            reply = line.send("OPTIONS", url)
            self.assertEqual(reply.status, 200)
            self.assertIn("DESCRIBE, SETUP, PLAY", reply.headers["public"])

    def test_versions(self) -> None:
        line = self.line()
        self.assertEqual(line.raw(b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n").status, 505)

    def test_without_cseq(self) -> None:
        line = self.line()
        self.assertEqual(line.send("OPTIONS", CSeq=None).status, 400)

    def test_methods_of_others(self) -> None:
        line = self.line()
        for method, status in (("ANNOUNCE", 405), ("RECORD", 405), ("REDIRECT", 405), ("FLY", 501)):
            self.assertEqual(line.send(method).status, status, method)
        reply = self.described(line, require="www.onvif.org/ver20/backchannel")
        self.assertEqual((reply.status, reply.headers["unsupported"]), (551, "www.onvif.org/ver20/backchannel"))

    def test_pipelined(self) -> None:
        """The second waits until the first, which waits for a picture, is answered."""
        line = self.line()
        token = f"{URL}?token={self.tokens['viewer']}"
        data = line.raw(f"DESCRIBE {token} RTSP/1.0\r\nCSeq: 7\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 8\r\n\r\n".encode())
        self.assertEqual((data.status, line.producerState), (0, "paused"))
        self.show_key()
        answers = line.value().decode()
        self.assertLess(answers.index("CSeq: 7"), answers.index("CSeq: 8"))
        self.assertEqual(line.producerState, "producing")

    def test_idle(self) -> None:
        line, player = self.line(), self.line()
        self.played(player)
        self.clock.pump([5.0] * (TIMEOUT // 5 + 1))
        self.assertTrue(line.lost)
        self.assertFalse(player.lost, "the connection that carries the video is alive as long as it is")


class GuestTests(RtspCase):
    auth = AuthConfig(rate_limits=False, guest=("Media_r",))

    def test_guests_may_see(self) -> None:
        line = self.line("")
        self.assertEqual(self.played(line)[1].status, 200)
        self.assertEqual(line.send("DESCRIBE", "rtsp://camd/none").status, 404)


class HevcTests(RtspCase):
    codec = "hevc"

    def test_the_cameras_own(self) -> None:
        line = self.line()
        sdp = self.described(line).body
        for expected in (b"m=video 0 RTP/AVP 98\r\na=rtpmap:98 H265/90000\r\n", b"sprop-vps=", b"sprop-sps=", b"sprop-pps="):
            self.assertIn(expected, sdp)
        _, reply = self.played(line)
        self.assertEqual(reply.status, 200)
        self.show(30)
        self.assertGreaterEqual(len({rtp.parse(data).timestamp for channel, data in packets(line.value()) if channel == 0}), 30)

    def test_not_with_another_bitrate(self) -> None:
        reply = self.line().send("DESCRIBE", URL + "?codec=h265&bitrate=100000")
        self.assertEqual((reply.status, reply.body[:25]), (415, b"there is no H.265 of that"))

    def test_another_codec_ends_it(self) -> None:
        """Whoever comes again gets what the camera gives now."""
        line = self.line()
        self.played(line)
        self.codec, self.video = "h264", coded("h264", 90)
        self.shown = 0
        self.app.cameras["cam1"].pipeline.opened(Format("h264", 320, 180, 30.0))
        line.clear()
        self.show(5)
        self.assertEqual(line.value(), b"")
        self.clock.advance(5.0)
        self.assertTrue(line.lost)
        self.assertIn(b"H264/90000", self.described(self.line()).body)
