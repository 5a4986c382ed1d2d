"""RTSP as bytes: what real clients send, and what nobody should."""

from __future__ import annotations

import base64
import contextlib
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.wire.authorization import parse_fields
from camd.wire.rtsp import (
    BODY_LIMIT,
    FRAME_LIMIT,
    HEAD_LIMIT,
    BadMessage,
    Interleaved,
    Parser,
    Request,
    response,
)
from camd.wire.rtsp_headers import (
    Transport,
    Url,
    parse_range,
    parse_session,
    parse_transports,
    parse_url,
    rtp_info,
    session,
)
from camd.wire.rtsp_tunnel import TunnelDecoder, cookie

FIXTURES = Path(__file__).parent / "fixtures" / "rtsp"
OPTIONS = b"OPTIONS rtsp://host/cam1 RTSP/1.0\r\nCSeq: 1\r\n\r\n"


def read(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def parsed(*pieces: bytes) -> tuple[list[object], int]:
    """The messages, and the status of what ended them (0: nothing did)."""
    parser = Parser()
    messages: list[object] = []
    for piece in pieces:
        parser.feed(piece)
        try:
            messages += parser
        except BadMessage as error:
            return messages, error.status
    return messages, 0


class Clients(SynchronousTestCase):
    def test_every_client_is_understood(self) -> None:
        methods = {
            "ffmpeg-tcp-digest.txt": "OPTIONS DESCRIBE DESCRIBE SETUP PLAY",
            "ffmpeg-udp.txt": "OPTIONS DESCRIBE SETUP PLAY",
            "gstreamer-tcp-digest.txt": "OPTIONS DESCRIBE DESCRIBE SETUP PLAY",
            "gstreamer-udp.txt": "OPTIONS DESCRIBE SETUP PLAY",
            "vlc.txt": "OPTIONS DESCRIBE DESCRIBE SETUP PLAY GET_PARAMETER TEARDOWN",
            "recorder.txt": "OPTIONS DESCRIBE SETUP PLAY SET_PARAMETER",
        }
        for name, expected in methods.items():
            messages, status = parsed(read(name))
            self.assertEqual((" ".join(m.method for m in messages), status), (expected, 0), name)
            for message in messages:
                self.assertTrue(message.cseq.isdigit())
                url = parse_url(message.url)
                self.assertEqual(url.names[0], "cam1")
                self.assertEqual(url.track, 0 if message.method == "SETUP" else None, name)

    def test_any_cut_gives_the_same(self) -> None:
        for path in FIXTURES.glob("*.txt"):
            data = path.read_bytes()
            if "tunnel" not in path.name:
                whole = parsed(data)
                self.assertEqual(parsed(*(data[i : i + 1] for i in range(len(data)))), whole, path.name)

    def test_a_sloppy_recorder(self) -> None:
        messages, _ = parsed(read("recorder.txt"))
        first, describe, setup, play, parameter = messages
        self.assertEqual(first.headers, {"cseq": "1", "x-folded": "one two"})
        self.assertEqual(describe.headers["accept"], "application/sdp, application/rtsl")
        url = parse_url(setup.url)
        self.assertEqual((url.names, url.query, url.track), (("cam1", "main"), {"token": "abc"}, 0))
        offers = parse_transports(setup.headers["transport"])
        self.assertEqual([(o.tcp, o.client_port, o.interleaved) for o in offers],
                         [(False, (6970, 6971), None), (True, None, (0, 1))])
        self.assertEqual(parse_session(play.headers["session"]), "abc123")
        self.assertEqual(parse_session(parameter.headers["session"]), "abc123")
        self.assertEqual(parameter.body, b"a: b\n")

    def test_digest_fields(self) -> None:
        messages, _ = parsed(read("ffmpeg-tcp-digest.txt"))
        scheme, _, rest = messages[-1].headers["authorization"].partition(" ")
        fields = parse_fields(rest)
        self.assertEqual((scheme, fields["uri"], fields["nc"], fields["qop"]),
                         ("Digest", messages[-1].url, "00000003", "auth"))
        self.assertEqual(parse_fields('a="x\\"y", B = z'), {"a": 'x"y', "b": "z"})
        self.assertEqual(parse_fields("a=1, b=2 c=3, d=4"), {"a": "1"})

    def test_tunnels(self) -> None:
        for client in ("ffmpeg", "gstreamer"):
            (get,), _ = parsed(read(f"{client}-tunnel-get.txt"))
            parser = Parser()
            parser.feed(read(f"{client}-tunnel-post.txt"))
            post = next(parser)
            self.assertTrue(cookie(get))
            self.assertEqual(cookie(get), cookie(post))
            data = parser.rest()
            self.assertEqual(list(parser), [])
            decoder = TunnelDecoder()
            requests = b"".join(decoder.feed(data[i : i + 1]) for i in range(len(data)))
            self.assertEqual(requests, TunnelDecoder().feed(data))
            messages, status = parsed(requests)
            self.assertEqual([m.method for m in messages], ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
            self.assertEqual(status, 0)

    def test_what_is_no_tunnel(self) -> None:
        (request,), _ = parsed(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        self.assertEqual((request.version, cookie(request)), ("HTTP/1.1", ""))
        self.assertRaises(BadMessage, TunnelDecoder().feed, b"!!!!")


class Framing(SynchronousTestCase):
    def test_interleaved_frames_between_requests(self) -> None:
        data = OPTIONS + b"$\x01\x00\x02hi" + b"\r\n\r\n" + OPTIONS + b"$\x00\x00\x00"
        expected = [Request, Interleaved, Request, Interleaved]
        for step in (1, 3, len(data)):
            messages, status = parsed(*(data[i : i + step] for i in range(0, len(data), step)))
            self.assertEqual([type(m) for m in messages], expected)
            self.assertEqual(messages[1], Interleaved(1, b"hi"))
            self.assertEqual(status, 0)

    def test_long_frames_are_passed_over_unkept(self) -> None:
        parser = Parser()
        parser.feed(b"$\x00\xff\xff")
        for _ in range(65535 // 5):
            parser.feed(b"12345")
            self.assertEqual(list(parser), [])
            self.assertLessEqual(len(parser._buffer), 5)
        parser.feed(OPTIONS)
        self.assertEqual([m.method for m in parser], ["OPTIONS"])
        self.assertEqual(parser.skipped, 1)

    def test_the_versions_of_others(self) -> None:
        messages, status = parsed(b"PLAY_NOTIFY rtsp://h/ RTSP/2.0\r\nCSeq: 7\r\n\r\n" + OPTIONS)
        self.assertEqual((messages[0].version, messages[0].cseq, len(messages), status), ("RTSP/2.0", "7", 2, 0))

    def test_answers_are_passed_over_with_their_bodies(self) -> None:
        messages, status = parsed(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nabc" + OPTIONS)
        self.assertEqual(([m.method for m in messages], status), (["OPTIONS"], 0))

    def test_what_is_refused(self) -> None:
        line = b"OPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: 5\r\n"
        for data, status in (
            (b"\x16\x03\x01", 400),
            (b" OPTIONS * RTSP/1.0\r\n\r\n", 400),
            (b"OPTIONS\r\n\r\n", 400),
            (b"OPTIONS RTSP/1.0\r\n\r\n", 400),
            (b"OPTIONS * RTSP/1.0x\r\n\r\n", 400),
            (b"OPT(IONS * RTSP/1.0\r\n\r\n", 400),
            (b"M" * 33 + b" * RTSP/1.0\r\n\r\n", 400),
            (line + b"no colon\r\n\r\n", 400),
            (line + b"a\0b: c\r\n\r\n", 400),
            (line + b"a: b\rc\r\n\r\n", 400),
            (line + b"Content-Length: -1\r\n\r\n", 400),
            (line + b"Content-Length: 1, 2\r\n\r\n", 400),
            (line + b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1), 413),
            (b"OPTIONS /" + b"x" * 2048 + b" RTSP/1.0\r\n\r\n", 414),
            (line + b"a: b\r\n" * 64 + b"\r\n", 431),
            (b"A" * HEAD_LIMIT, 431),
        ):
            self.assertEqual(parsed(data), ([], status), data[:60])
            self.assertEqual(parsed(*(data[i : i + 1] for i in range(len(data)))), ([], status), data[:60])

    def test_a_lost_connection_stays_lost_and_keeps_nothing(self) -> None:
        parser = Parser()
        parser.feed(b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\nx\r\n\r\n" + OPTIONS)
        error = self.assertRaises(BadMessage, next, parser)
        self.assertEqual((error.status, error.cseq), (400, "9"))
        parser.feed(OPTIONS)
        self.assertRaises(BadMessage, next, parser)
        self.assertEqual(parser.rest(), b"")

    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(st.lists(st.sampled_from([
        OPTIONS, b"$\x00\x00\x03abc", b"$\x02\xff\xff", b"\r\n", b"\n", b"\r", b" ", b"SETUP ", b"RTSP/1.0", b"CSeq: 3",
        b"Content-Length: 4\r\n\r\n", b":", b"\0", b"\xff\xfe", b"A" * 500, b"HTTP/1.0", b"/x?y=z/trackID=1",
    ]) | st.binary(max_size=30), max_size=12), st.lists(st.integers(1, 700), min_size=1, max_size=8))
    def test_garbage(self, parts: list[bytes], steps: list[int]) -> None:
        data = b"".join(parts)
        pieces = []
        position = 0
        while position < len(data):
            step = steps[len(pieces) % len(steps)]
            pieces.append(data[position : position + step])
            position += step
        self.assertEqual(parsed(*pieces), parsed(data))

    @settings(max_examples=50, deadline=None, derandomize=True, database=None)
    @given(st.binary(min_size=1, max_size=64))
    def test_memory_is_bounded(self, piece: bytes) -> None:
        parser = Parser()
        try:
            for _ in range(400):
                parser.feed(piece)
                list(parser)
                self.assertLess(len(parser._buffer), HEAD_LIMIT + BODY_LIMIT + FRAME_LIMIT)
        except BadMessage:
            self.assertEqual(len(parser._buffer), 0)


class Answers(SynchronousTestCase):
    def test_exact(self) -> None:
        self.assertEqual(
            response(200, "3", [("Content-Base", "rtsp://h/cam1/"), ("Content-Type", "application/sdp")], b"v=0\r\n"),
            b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Base: rtsp://h/cam1/\r\nContent-Type: application/sdp\r\n"
            b"Content-Length: 5\r\n\r\nv=0\r\n",
        )
        self.assertEqual(response(454), b"RTSP/1.0 454 Session Not Found\r\n\r\n")
        self.assertEqual(response(505, "x: y"), b"RTSP/1.0 505 RTSP Version Not Supported\r\n\r\n")

    def test_no_header_begins_another(self) -> None:
        for value in ("a\r\nSet-Cookie: b", "a\nb", "a\rb"):
            self.assertRaises(ValueError, response, 200, "1", [("Content-Base", value)])


class Headers(SynchronousTestCase):
    def test_transports_of_the_rfc(self) -> None:
        """RFC 2326 section 12.39."""
        multicast, unicast = parse_transports(
            'RTP/AVP;multicast;ttl=127;mode="PLAY", RTP/AVP;unicast;client_port=3456-3457;mode="PLAY"'
        )
        self.assertEqual(multicast, Transport(multicast=True))
        self.assertEqual(unicast, Transport(client_port=(3456, 3457)))
        answer = unicast.chosen(server_port=(5000, 5001), ssrc=0x93CB001E)
        self.assertEqual(
            str(answer), 'RTP/AVP;unicast;client_port=3456-3457;server_port=5000-5001;ssrc=93CB001E;mode="PLAY"'
        )
        self.assertEqual(parse_transports(str(answer)), (answer,))

    def test_transports_of_others(self) -> None:
        self.assertEqual(str(parse_transports("rtp/avp/tcp;interleaved=4")[0]),
                         'RTP/AVP/TCP;unicast;interleaved=4-5;mode="PLAY"')
        self.assertEqual(parse_transports("RTP/AVPF;unicast;client_port=4000-4001")[0].profile, "RTP/AVPF")
        self.assertEqual(parse_transports("RTP/SAVP/TCP;interleaved=0-1")[0].profile, "RTP/SAVP")
        offer = parse_transports("RTP/AVP;unicast;destination=198.51.100.7;client_port=5000-5001;mode=record")[0]
        self.assertEqual((offer.mode, str(offer).count("198.51")), ("RECORD", 0))

    def test_transports_refused(self) -> None:
        for text in ("", ",", "RAW/RAW/UDP", "RTP/AVP;client_port=0-1", "RTP/AVP;client_port=70000", "RTP/AVP/SCTP",
                     "RTP/AVP/TCP;interleaved=255", "RTP/AVP/TCP;interleaved=a-b", "," * 9 + "RTP/AVP", ";" * 5000):
            self.assertRaises(Invalid, parse_transports, text)

    def test_urls(self) -> None:
        for text, base, names, query, track in (
            ("rtsp://h:8554/cam1/main", "rtsp://h:8554/cam1/main/", "cam1 main", {}, None),
            ("RTSP://u:p@h/cam1/main/trackID=0", "rtsp://h/cam1/main/", "cam1 main", {}, 0),
            ("rtsps://[::1]:322/cam1/?token=a%20b&tcp", "rtsps://[::1]:322/cam1/?token=a%20b&tcp", "cam1",
             {"token": "a b", "tcp": ""}, None),
            ("rtsp://h/cam1?token=x/trackID=1", "rtsp://h/cam1/?token=x", "cam1", {"token": "x"}, 1),
            ("rtsp://h/cam1?token=x/", "rtsp://h/cam1/?token=x", "cam1", {"token": "x"}, None),
            ("rtsp://h/cam1/trackID=1?token=x", "rtsp://h/cam1/?token=x", "cam1", {"token": "x"}, 1),
            ("rtsp://h/cam1/?/streamid=2", "rtsp://h/cam1/", "cam1", {}, 2),
            ("rtsp://h", "rtsp://h/", "", {}, None),
            ("rtsp://h/a%2Fb/c%20d", "rtsp://h/a%2Fb/c%20d/", "a/b|c d", {}, None),
            ("/cam1", "/cam1/", "cam1", {}, None),
            ("*", "*", "", {}, None),
        ):
            url = parse_url(text)
            split = names.split("|") if "|" in names else names.split()
            self.assertEqual(url, Url(base, tuple(split), query, track), text)
        for text in ("ftp://h/", "cam1", "rtsp:/h", "http//x"):
            self.assertRaises(Invalid, parse_url, text)

    def test_controls_lead_back(self) -> None:
        self.assertEqual(parse_url("rtsp://h/cam1/main").control(0), "trackID=0")
        url = parse_url("rtsp://h/cam1/main?token=x&fps=5")
        again = parse_url(url.control(1))
        self.assertEqual((again.base, again.track), (url.base, 1))

    def test_ranges(self) -> None:
        for text, expected in (
            ("npt=0.000-", (0.0, None)),
            ("npt=now-", (None, None)),
            ("npt = 10-20.5;time=19970123T143720Z", (10.0, 20.5)),
            ("npt=1:02:03.5-", (3723.5, None)),
            ("npt=-5", (None, 5.0)),
        ):
            self.assertEqual(parse_range(text), expected)
        for text in ("", "npt", "npt=", "npt=-", "clock=19961108T142300Z-", "smpte=0:10:00-", "npt=x-", "npt=1e5-"):
            self.assertRaises(Invalid, parse_range, text)

    def test_session_and_rtp_info(self) -> None:
        self.assertEqual(session("12345678", 60), "12345678;timeout=60")
        self.assertEqual(parse_session("12345678;timeout=60"), "12345678")
        for text in ("", ";", "a b", "x" * 65, "ä"):
            self.assertRaises(Invalid, parse_session, text)
        # RFC 2326 section 12.33
        self.assertEqual(
            rtp_info([("rtsp://foo.com/bar.avi/streamid=0", 45102, None), ("rtsp://foo.com/bar.avi/streamid=1", 30211, 7)]),
            "url=rtsp://foo.com/bar.avi/streamid=0;seq=45102,url=rtsp://foo.com/bar.avi/streamid=1;seq=30211;rtptime=7",
        )

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(st.text(max_size=200) | st.text("RTP/AVCunicast;,=-0123456789 :&?%nptrack/ID", max_size=200))
    def test_garbage(self, text: str) -> None:
        for parse in (parse_transports, parse_url, parse_range, parse_session, parse_fields):
            try:
                parse(text)
            except Invalid:
                pass

    def test_nothing_takes_long(self) -> None:
        """Time that grows with the square of what a stranger sends would be seconds here."""
        size = 20_000
        begin = time.process_time()
        for part in ("a", " ", "a ", "a=", "a= ", 'a="', 'a="\\', "/", "/trackID=1", "/trackID=1/", ";", ",", "1:", "%"):
            for head in ("", "a=", "rtsp://h/?", "npt="):
                text = head + part * (size // len(part)) + "x y"
                for parse in (parse_transports, parse_url, parse_range, parse_session, parse_fields):
                    with contextlib.suppress(Invalid):
                        parse(text)
        self.assertLess(time.process_time() - begin, 5)

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 9))
    def test_tunnel_of_any_cut(self, messages: list[bytes], step: int) -> None:
        text = b"\r\n".join(base64.b64encode(message) for message in messages)
        decoder = TunnelDecoder()
        got = b"".join(decoder.feed(text[i : i + step]) for i in range(0, len(text), step))
        self.assertEqual(got, b"".join(messages))
