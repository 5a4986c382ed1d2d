"""Connections of RTSP clients: what is no RTSP, who does not read, tunnels, and how many there may be."""

from __future__ import annotations

import base64
import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from camd.media.policy import GOP_LIMIT
from camd.media.video import VideoStage
from camd.rtsp.server import INTERVAL, MOST, PAIRING, SHARE
from camd.wire import rtp
from camd.wire.rtsp import METHODS

from .edge_case import EdgeCase, Wire
from .rtsp_case import TCP, URL, Line, RtspCase, packets

FIXTURES = Path(__file__).parent / "fixtures" / "rtsp"
COOKIE = "x-sessioncookie: abc\r\n"
GET = f"GET /cam1/main HTTP/1.0\r\n{COOKIE}Accept: application/x-rtsp-tunnelled\r\n\r\n".encode()
POST = (f"POST /cam1/main HTTP/1.0\r\n{COOKIE}Content-Type: application/x-rtsp-tunnelled\r\n"
        "Content-Length: 32767\r\n\r\n").encode()


class ReadingTests(RtspCase):
    """Who stops to read costs bounded memory, and nobody else."""

    def hold(self, line: Line) -> None:
        line.producer.pauseProducing()
        line.clear()

    def sequences(self, line: Line) -> list[int]:
        found = [rtp.parse(data) for channel, data in packets(line.value()) if channel == 0]
        line.clear()
        return [header.sequence for header in found]

    def test_it_goes_on_at_a_key_frame(self) -> None:
        slow, quick = self.line(), self.line()
        self.played(slow)
        self.played(quick)
        self.sequences(quick)
        self.hold(slow)
        self.show(GOP_LIMIT + 60)
        self.assertEqual(slow.value(), b"")
        sequences = self.sequences(quick)
        self.assertEqual(sequences, list(range(sequences[0], sequences[0] + len(sequences))), "the other loses nothing")
        subscription = next(one for one in self.server.catalogue if one.players).stage.subscriptions[-1]
        self.assertLessEqual(len(subscription._policy._items), GOP_LIMIT)
        slow.producer.resumeProducing()
        first = packets(slow.value())[0][1]
        self.assertEqual(first[12] & 31, 24, "parameter sets and the key frame, aggregated")
        session = next(iter(slow.protocol.conversation.sessions.values()))
        session.pause()
        self.assertGreater(session.drops, 0)

    def test_who_does_not_read_is_not_answered(self) -> None:
        """Or answers would pile up."""
        line = self.line()
        self.played(line)
        self.hold(line)
        for _ in range(100):
            line.protocol.dataReceived(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        self.assertEqual((line.value(), line.producerState), (b"", "paused"))
        line.producer.resumeProducing()
        self.clock.advance(0)
        self.assertEqual(line.value().count(b"Public:"), 100)

    def test_play_while_held(self) -> None:
        line = self.line()
        session = self.opened(line).session
        line.send("PLAY", session=session)
        line.producer.pauseProducing()
        self.show(3)
        self.assertEqual(line.value(), b"")
        line.producer.resumeProducing()
        self.assertEqual(line.read().status, 200)

    def test_rtcp(self) -> None:
        line = self.line()
        self.played(line)
        asked = []
        self.patch(VideoStage, "request_keyframe", lambda stream: asked.append(stream))
        for data in (b"\x81\xce\0\2" + bytes(8), b"\x80\xc9\0\1" + bytes(4), b"\xff" * 40, b"", b"\x80"):
            for channel in (0, 1, 7):
                line.protocol.dataReceived(b"$" + bytes((channel,)) + len(data).to_bytes(2, "big") + data)
        self.assertEqual(len(asked), 1, "on the channel of RTCP, from what asks for one")
        self.assertFalse(line.lost)


class LimitsTests(RtspCase):
    def test_connections(self) -> None:
        mine = [self.line("", "192.0.2.1") for _ in range(MOST // SHARE + 1)]
        self.assertEqual([line.protocol is None for line in mine], [False] * (MOST // SHARE) + [True])
        others = [self.line("", f"198.51.{number}.1") for number in range(MOST - MOST // SHARE + 1)]
        self.assertIsNone(others[-1].protocol)
        self.assertEqual((self.server.refused, len(self.server.connections)), (2, MOST))
        for line in mine + others:
            self.hang_up(line)
        self.assertEqual((len(self.server.connections), dict(self.server._by_network)), (0, {}))
        self.assertIsNotNone(self.line("", "192.0.2.1").protocol)

    def test_the_clock_runs_for_connections_only(self) -> None:
        self.assertEqual(self.server._watch, None)
        line = self.line()
        self.clock.advance(INTERVAL)
        self.hang_up(line)
        self.assertEqual(self.server._watch, None)

    def test_silent_ones_end(self) -> None:
        lines = [self.line(""), self.line("")]
        lines[1].raw(b"DESCRIBE rtsp://")
        for _ in range(11):
            lines[1].protocol.dataReceived(b"x")
            self.clock.advance(INTERVAL)
        self.assertEqual([line.lost for line in lines], [False, False])
        self.clock.pump([INTERVAL] * 2)
        self.assertEqual([line.lost for line in lines], [True, True])

    def test_stop(self) -> None:
        line = self.line()
        self.played(line)
        line.clear()
        self.get(self.server.stop())
        self.assertTrue(line.lost)
        self.assertEqual(packets(line.value())[-1][0], 1, "goodbye")
        self.assertIsNone(self.line("").protocol)


class TunnelTests(RtspCase):
    def tunnel(self) -> tuple[Line, Line]:
        get, post = self.line(""), self.line("")
        self.assertTrue(get.raw(GET).lines)
        post.raw(POST)
        return get, post

    def say(self, post: Line, text: str, cut: int = 0) -> None:
        data = base64.b64encode(text.replace("\n", "\r\n").encode())
        post.protocol.dataReceived(data[:cut] if cut else data)
        if cut:
            post.protocol.dataReceived(data[cut:])

    def test_a_whole_life(self) -> None:
        get, post = self.tunnel()
        url = f"{URL}?token={self.tokens['viewer']}"
        self.say(post, f"DESCRIBE {url} RTSP/1.0\nCSeq: 1\n\n", cut=17)
        self.show_key()
        self.assertEqual(get.read().status, 200)
        self.say(post, f"SETUP {url} RTSP/1.0\nCSeq: 2\nTransport: RTP/AVP;unicast;client_port=5000-5001\n\n")
        self.assertEqual(get.read().status, 461, "UDP would leave the tunnel")
        self.say(post, f"SETUP {url} RTSP/1.0\nCSeq: 3\nTransport: {TCP}\n\n")
        session = get.read().session
        self.say(post, f"PLAY {url} RTSP/1.0\nCSeq: 4\nSession: {session}\n\n")
        self.show_key()
        reply = get.read()
        self.assertEqual((reply.status, packets(reply.rest)[0][0]), (200, 1))
        self.assertEqual(post.value(), b"")
        self.hang_up(get)
        self.assertTrue(post.lost)

    def test_recorded_clients(self) -> None:
        for client in ("ffmpeg", "gstreamer"):
            get, post = self.line(""), self.line("")
            get.raw((FIXTURES / f"{client}-tunnel-get.txt").read_bytes())
            post.raw((FIXTURES / f"{client}-tunnel-post.txt").read_bytes())
            self.assertIn(b"RTSP/1.0 200 OK", get.value(), client)
            self.hang_up(get)

    def test_halves_without_the_other(self) -> None:
        get = self.line("")
        get.raw(GET)
        self.clock.advance(PAIRING)
        self.assertTrue(get.lost)
        self.hang_up(get)
        self.assertEqual(self.server._tunnels, {})
        self.assertEqual(self.line("").raw(POST).status, 404)

    def test_a_post_comes_anew(self) -> None:
        get, post = self.tunnel()
        self.hang_up(post)
        again = self.line("")
        again.raw(POST)
        self.clock.advance(PAIRING)
        self.assertFalse(get.lost)
        self.say(again, "OPTIONS * RTSP/1.0\nCSeq: 1\n\n")
        self.assertIn(b"Public", get.value())
        self.hang_up(again)
        self.clock.advance(PAIRING)
        self.assertTrue(get.lost)

    def test_the_other_half_has_the_same_address_and_cookie(self) -> None:
        get = self.line("")
        get.raw(GET)
        self.assertEqual(self.line("", "198.51.100.1").raw(POST).status, 404)
        self.assertEqual(self.line("").raw(POST.replace(b"abc", b"abd")).status, 404)
        self.assertEqual(self.line("").raw(GET).status, 404, "it is taken")

    def test_no_base64(self) -> None:
        get, post = self.tunnel()
        post.protocol.dataReceived(b"!!!!")
        self.assertTrue(get.lost and post.lost)

    def test_other_http(self) -> None:
        for text in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /cam1 HTTP/1.0\r\nx-sessioncookie: a\r\n\r\n"):
            line = self.line("")
            self.assertEqual(line.raw(text).status, 400)
            self.assertTrue(line.lost)


class WebTunnelTests(EdgeCase):
    """The same on the port of the web site, for clients that get no other."""

    def asked(self, data: bytes, secure: bool = False) -> Wire:
        wire = self.connect(secure=secure)
        wire.protocol.dataReceived(data)
        return wire

    def test_it(self) -> None:
        get = self.asked(GET.replace(b"\r\n\r\n", b"\r\nHost: camd\r\n\r\n"))
        self.assertIn(b"200 OK\r\nContent-Type: application/x-rtsp-tunnelled", get.value())
        words = base64.b64encode(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        get.clear()
        post = self.asked(POST.replace(b"\r\n\r\n", b"\r\nHost: camd\r\n\r\n") + words)
        self.assertIn(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic:", get.value())
        get.clear()
        post.protocol.dataReceived(words * 2000)  # more than any body may have, and than it said
        self.assertEqual(get.value().count(b"Public:"), 2000)
        self.assertEqual(len(self.app.web.site.channels), 0)
        self.assertEqual(len(self.app.rtsp.connections), 2)
        self.clock.advance(3600)
        self.assertTrue(get.lost, "nobody asked for anything in all that time")
        for wire in (post, get):
            self.assertIsNot(type(wire.protocol).__name__, "Channel")
            self.lose(wire)

    def test_http_is_not_touched(self) -> None:
        wire = self.asked(b"GET /health HTTP/1.1\r\nHost: camd\r\nx-sessioncookie: abc\r\n\r\n")
        self.assertIn(b"HTTP/1.1 200", wire.value())
        self.lose(wire)

    def test_hosts_and_pages_of_others(self) -> None:
        wire = self.asked(GET.replace(b"\r\n\r\n", b"\r\nHost: evil\r\n\r\n"))
        self.assertIn(b"HTTP/1.1 421", wire.value())
        self.lose(wire)
        wire = self.asked(POST.replace(b"\r\n\r\n", b"\r\nHost: camd\r\nOrigin: https://evil\r\n\r\n"))
        self.assertIn(b"HTTP/1.1 403", wire.value())
        self.lose(wire)


REQUESTS = [
    b"%s rtsp://camd:8554/cam1/main RTSP/1.0\r\nCSeq: 1\r\nTransport: %s\r\nSession: 1\r\n\r\n" % (method.encode(), TCP.encode())
    for method in METHODS
]
_CHANGES = (b"\0", b"\r\n", b" ", b"$\0\xff\xff", b"RTSP/9.9", b"%ff", b"9" * 300, b"\xff" * 40, b":" * 50, b"Content-Length: -1\r\n",
            b"Content-Length: 99999\r\n", b"Session: \x7f\r\n", b"CSeq: x\r\n", b"Transport: ;;;\r\n", b"Range: npt=9-\r\n",
            b"Authorization: Digest " + b'a="' * 200 + b"\r\n", b"Authorization: Basic Og==\r\n", b"GET / HTTP/1.1")  # fmt: skip


class MalformedTests(RtspCase):
    def test_a_thousand(self) -> None:
        """Changed, cut and joined requests, from strangers and from a viewer; whoever plays loses nothing."""
        player = self.line(address="127.0.0.1")
        self.played(player)
        player.clear()
        chance = random.Random(5)
        shown = 0
        for number in range(1000):
            data = bytearray(b"".join(chance.choices(REQUESTS, k=chance.randint(1, 3))))
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(data))
                data[at : at + chance.randint(0, 6)] = chance.choice(_CHANGES)
            line = self.line("", "127.0.0.1")
            if number % 2:
                data = data.replace(b"/main ", f"/main?token={self.tokens['viewer']} ".encode())
            for begin in range(0, len(data), size := chance.randint(1, len(data))):
                line.protocol.dataReceived(bytes(data[begin : begin + size]))
            self.hang_up(line)
            if number % 20 == 0:
                self.show()
                shown += 1
        self.assertEqual(self.flushLoggedErrors(), [])
        found = [rtp.parse(data) for channel, data in packets(player.value()) if channel == 0]
        self.assertEqual(len({header.timestamp for header in found}), shown)
        self.assertEqual(list(self.server.connections), [player.protocol])
        self.assertEqual(self.app.cameras["cam1"].pipeline.clients(), {"rtsp": 1})
        self.assertEqual(self.described(self.line(address="127.0.0.1")).status, 200)

    def test_two_hundred_that_leave(self) -> None:
        """At every moment of a session."""
        chance = random.Random(7)
        for number in range(200):
            line = self.line(address="127.0.0.1")
            steps = number % 5
            if steps > 0:
                line.send("DESCRIBE") if steps == 1 else self.opened(line)
            if steps > 2:
                session = next(iter(line.protocol.conversation.sessions))
                line.send("PLAY", session=session)
            if steps > 3:
                self.show(chance.randint(1, 3))
            self.hang_up(line)
        self.clock.pump([INTERVAL] * 4)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual((len(self.server.connections), self.server.sessions()), (0, {"tcp": 0, "udp": 0}))
        self.assertEqual(self.app.cameras["cam1"].pipeline.clients(), {})
        self.assertFalse(self.app.cameras["cam1"].pipeline.source.running)
        self.assertEqual(self.app.web.presence.visits, {})


class GarbageTests(RtspCase):
    def test_bytes(self) -> None:
        @settings(max_examples=150, deadline=None, derandomize=True, database=None)
        @given(st.lists(st.binary(max_size=60) | st.sampled_from(REQUESTS) | st.sampled_from(_CHANGES), max_size=8))
        def feed(pieces: list[bytes]) -> None:
            line = self.line("", "127.0.0.1")
            for piece in pieces:
                line.protocol.dataReceived(piece)
            self.hang_up(line)

        feed()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(len(self.server.connections), 0)
