"""The second track: what a camera hears, beside its pictures or alone, over one session."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.media import Packet, Stream
from camd.wire import rtcp, rtp
from camd.wire.rtp_aac import AacPacketiser

from .rtsp_case import TCP, URL, Line, Reply, RtspCase

VIDEO, SOUND = f"{URL}/trackID=0", f"{URL}/trackID=1"
SECOND = "RTP/AVP/TCP;unicast;interleaved=2-3"


class Heard:
    """Stands in for a camera's Sound: the test says what there is to hear."""

    def __init__(self) -> None:
        self.aac = Stream()

    def stream(self, codec: str) -> Stream:
        return self.aac

    def say(self, pts: float, data: bytes = b"frame") -> None:
        self.aac.publish(Packet(data, "aac", pts, 1_700_000_000.0 + pts, pts))


def packets(data: bytes) -> list[tuple[int, Any]]:
    """What came interleaved: channel, and RTP header or RTCP."""
    found = []
    while data:
        channel, length = data[1], int.from_bytes(data[2:4], "big")
        body = data[4 : 4 + length]
        found.append((channel, rtp.parse(body) if channel % 2 == 0 else body))
        data = data[4 + length :]
    return found


class SoundCase(RtspCase):
    def setUp(self) -> None:
        super().setUp()
        self.heard = Heard()
        self.camera = self.app.cameras["cam1"]
        self.camera.sound = self.heard
        self.addCleanup(setattr, self.camera, "sound", None)
        self.client = self.line()

    def both(self) -> str:
        session = self.opened(self.client).session
        reply = self.client.send("SETUP", SOUND, transport=SECOND, session=session)
        self.assertEqual((reply.status, reply.session), (200, session))
        return session

    def play(self, session: str) -> Reply:
        self.client.send("PLAY", session=session)
        self.show_key()
        return self.client.read()

    def taken(self, line: Line | None = None) -> list[tuple[int, Any]]:
        wire = line or self.client
        data = wire.value()
        wire.clear()
        return packets(data)


class DescribeTests(SoundCase):
    def test_two_tracks(self) -> None:
        text = self.described(self.client).body.decode()
        self.assertEqual([line for line in text.splitlines() if line.startswith("m=")],
                         ["m=video 0 RTP/AVP 96", "m=audio 0 RTP/AVP 97"])
        self.assertIn("a=rtpmap:97 MPEG4-GENERIC/48000/1\r\n", text)
        self.assertIn("mode=AAC-hbr", text)
        self.assertIn("config=1188", text)
        self.assertRegex(text, "a=control:.*/trackID=1(\\?.*)?\r\n$")
        self.assertFalse(self.heard.aac.running, "nobody listens yet")

    def test_a_new_version_when_it_comes(self) -> None:
        origin = lambda reply: next(one for one in reply.body.decode().splitlines() if one.startswith("o="))
        self.camera.sound = None
        before = self.described(self.client)
        self.assertNotIn(b"m=audio", before.body)
        self.camera.sound = self.heard
        after = self.client.send("DESCRIBE")
        number, version, *_ = origin(before).split(" ")[1:]
        self.assertEqual(origin(after).split(" ")[1:3], [number, str(int(version) + 1)])


class SetupTests(SoundCase):
    def test_one_session_with_two_tracks(self) -> None:
        first = self.opened(self.client)
        second = self.client.send("SETUP", SOUND, transport=SECOND, session=first.session)
        self.assertIn("interleaved=2-3", second.headers["transport"])
        ssrc = [reply.headers["transport"].partition("ssrc=")[2][:8] for reply in (first, second)]
        self.assertNotEqual(*ssrc)

    def test_channels_that_are_taken(self) -> None:
        session = self.opened(self.client).session
        reply = self.client.send("SETUP", SOUND, transport=TCP, session=session)
        self.assertIn("interleaved=2-3", reply.headers["transport"])

    def test_what_cannot_be(self) -> None:
        session = self.both()
        setup = lambda url, **headers: self.client.send("SETUP", url, transport=TCP, **headers).status
        self.assertEqual(setup(SOUND, session=session), 455)
        self.assertEqual(setup(f"{URL}/trackID=2", session=session), 404)
        self.assertEqual(setup(SOUND.replace("cam1", "door"), session=session), 404)
        self.assertEqual(setup(VIDEO.replace("cam1", "door"), session=session), 459)

    def test_no_more_tracks_while_it_plays(self) -> None:
        session, _ = self.played(self.client)
        self.assertEqual(self.client.send("SETUP", SOUND, transport=SECOND, session=session).status, 455)

    def test_without_sound_there_is_no_such_track(self) -> None:
        self.camera.sound = None
        self.described(self.client)
        self.assertEqual(self.client.send("SETUP", SOUND, transport=TCP).status, 404)


class PlayTests(SoundCase):
    def test_both_tracks_begin_together(self) -> None:
        self.shown = 30
        session = self.both()
        begin = (self.shown - 1) / 30  # of the key frame that was described, which a newcomer gets first
        self.client.send("PLAY", session=session)
        self.assertTrue(self.heard.aac.running)
        self.heard.say(self.shown / 30 - 0.01)  # before the answer, which comes with the first picture
        self.assertEqual(self.client.value(), b"")
        self.show_key()
        answer = self.client.read()
        info = [dict(part.partition("=")[::2] for part in one.split(";"))
                for one in answer.headers["rtp-info"].split(",")]
        self.assertEqual([one["url"].partition("?")[0] for one in info], [VIDEO, SOUND])
        self.assertNotIn("seq", info[1])
        self.assertEqual({channel for channel, _ in packets(answer.rest)}, {0, 1})
        self.heard.say(begin - 0.005)
        self.assertEqual(self.taken(), [], "older than the first picture")
        self.heard.say(begin + 0.010)
        (reports, about), (channel, packet) = self.taken()
        self.assertEqual((reports, channel), (3, 2))
        self.assertIn(packet.ssrc, rtcp.parse(about).sources)
        self.assertEqual((packet.timestamp - int(info[1]["rtptime"])) & 0xFFFFFFFF, 480)
        self.heard.say(begin + 0.031)
        self.show()
        self.assertEqual([channel for channel, _ in self.taken()], [2, 0])

    def test_reports_for_both(self) -> None:
        self.play(self.both())
        self.heard.say(self.shown / 30)
        self.taken()
        self.clock.advance(5)
        self.assertEqual(sorted(channel for channel, _ in self.taken()), [1, 3])

    def test_pictures_alone(self) -> None:
        self.played(self.client)
        self.assertFalse(self.heard.aac.running)
        self.show()
        self.assertEqual({channel for channel, _ in self.taken()}, {0})

    def test_sound_alone(self) -> None:
        self.described(self.client)
        session = self.client.send("SETUP", SOUND, transport=TCP).session
        self.client.send("PLAY", session=session)
        self.heard.say(1.0)
        answer = self.client.read()
        self.assertIn(";seq=", answer.headers["rtp-info"])
        self.assertEqual([channel for channel, _ in packets(answer.rest)], [1, 0])
        self.show()
        self.assertEqual(self.taken(), [])

    def test_pause_and_play(self) -> None:
        session = self.both()
        self.play(session)
        self.heard.say(self.shown / 30)
        self.taken()
        self.assertEqual(self.client.send("PAUSE", session=session).status, 200)
        self.assertFalse(self.heard.aac.running)
        self.show()
        self.assertEqual(self.taken(), [])
        self.assertEqual({channel for channel, _ in packets(self.play(session).rest)}, {0, 1})
        self.heard.say(self.shown / 30)
        self.assertEqual([channel for channel, _ in self.taken()], [3, 2])

    def test_teardown_ends_both(self) -> None:
        session = self.both()
        self.play(session)
        self.assertEqual(self.app.rtsp.sessions(), {"tcp": 1, "udp": 0})
        self.client.send("TEARDOWN", session=session)
        self.assertFalse(self.heard.aac.running)
        self.assertEqual(self.app.rtsp.sessions(), {"tcp": 0, "udp": 0})

    def test_one_packet_for_all_who_listen(self) -> None:
        self.play(self.both())
        other = self.line()
        session = self.opened(other).session
        other.send("SETUP", SOUND, transport=SECOND, session=session)
        other.send("PLAY", session=session)
        self.show_key()
        other.clear()
        self.client.clear()
        self.heard.say(self.shown / 30)
        mine, others = self.taken()[-1], self.taken(other)[-1]
        self.assertEqual(mine, others)

    def test_a_client_that_does_not_read_loses_sound_and_keeps_no_more_than_some(self) -> None:
        self.play(self.both())
        self.heard.say(self.shown / 30)
        self.taken()
        self.client.protocol.pauseProducing()
        for number in range(100):
            self.heard.say(self.shown / 30 + number * 1024 / 48000)
        self.assertEqual(self.taken(), [])
        self.client.protocol.resumeProducing()
        came = [packet for channel, packet in self.taken() if channel == 2]
        self.assertEqual(len(came), 10)
        self.assertEqual(self.heard.aac.running, True)

    def test_pictures_that_fill_a_connection_again_hold_the_sound_too(self) -> None:
        self.play(self.both())
        self.heard.say(self.shown / 30)
        self.client.protocol.pauseProducing()
        self.show()
        write = self.client.write

        def full(data: bytes) -> None:
            write(data)
            self.client.protocol.pauseProducing()

        self.patch(self.client, "write", full)
        self.client.protocol.resumeProducing()
        self.taken()
        for number in range(10):
            self.heard.say((self.shown + number) / 30)
        self.assertEqual(self.taken(), [])

    def test_one_track_is_ended_for_itself(self) -> None:
        session = self.both()
        self.play(session)
        self.heard.say(self.shown / 30)
        self.taken()
        self.assertEqual(self.client.send("TEARDOWN", SOUND, session=session).status, 200)
        self.assertFalse(self.heard.aac.running)
        self.show()
        self.assertEqual({channel for channel, _ in self.taken()}, {0})
        self.assertEqual(self.client.send("PAUSE", session=session).status, 200)
        reply = self.client.send("SETUP", SOUND, transport=SECOND, session=session)
        self.assertIn("interleaved=2-3", reply.headers["transport"])
        for track in (VIDEO, SOUND):
            self.assertEqual(self.client.send("TEARDOWN", track, session=session).status, 200)
        self.assertEqual(self.client.send("PAUSE", session=session).status, 454)

    def test_sound_that_is_taken_away_leaves_the_pictures(self) -> None:
        session = self.both()
        self.play(session)
        self.heard.say(self.shown / 30)
        self.taken()
        self.camera.sound = None
        self.heard.aac.end()
        [(channel, goodbye)] = self.taken()
        self.assertEqual(channel, 3)
        self.assertTrue(rtcp.parse(goodbye).goodbye)
        self.show()
        self.assertEqual({channel for channel, _ in self.taken()}, {0})
        self.assertEqual(self.client.send("PAUSE", session=session).status, 200)

    def test_the_camera_goes(self) -> None:
        self.play(self.both())
        self.camera.pipeline.source.end()
        self.assertFalse(self.heard.aac.running)


class AacTests(SynchronousTestCase):
    def make(self, data: bytes) -> Any:
        return AacPacketiser(97, 48_000, ssrc=1, sequence=7, offset=100)(Packet(data, "aac", 2.0, 2.0, 2.0))

    def test_one_frame_in_a_packet(self) -> None:
        unit = self.make(b"x" * 300)
        (packet,) = unit.packets
        header = rtp.parse(packet)
        self.assertEqual((header.payload_type, header.marker, header.timestamp), (97, True, 96_100))
        self.assertEqual(bytes(packet[header.payload]), bytes.fromhex("00100960") + b"x" * 300)

    def test_a_frame_in_pieces(self) -> None:
        data = bytes(range(256)) * 12
        packets = self.make(data).packets
        headers = [rtp.parse(packet) for packet in packets]
        self.assertEqual([header.marker for header in headers], [False, False, True])
        self.assertEqual({bytes(packet[12:16]) for packet in packets}, {bytes.fromhex("0010") + (3072 << 3).to_bytes(2, "big")})
        self.assertEqual(b"".join(bytes(packet[16:]) for packet in packets), data)

    def test_what_does_not_fit(self) -> None:
        for data in (b"", bytes(8192)):
            self.assertRaises(Invalid, self.make, data)
