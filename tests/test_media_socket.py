"""/api/media: what is asked for comes, to those who may, and no client can harm another or be harmed."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from twisted.internet.defer import succeed

from camd.config import WebSocketConfig
from camd.direct import UNSENT
from camd.media import Packet
from camd.media.policy import GOP_LIMIT
from camd.media.segments import PART, SEGMENT
from camd.media.stream import Stream
from camd.state import Permission
from camd.web.hls import IDLE
from camd.web.media_socket import MAX_CHANNELS
from camd.web.presence import SIGNED_OUT
from camd.wire.fmp4 import HOLD

from .auth_case import PASSWORD
from .edge_case import HOME, Socket
from .video_case import VideoCase, video


class Binary(NamedTuple):
    """A binary message, taken apart."""

    kind: int
    flags: int
    channel: int
    sequence: int
    wall: float
    data: bytes


def taken_apart(message: bytes) -> Binary:
    return Binary(*struct.unpack(">BBHId", message[:16]), message[16:])


class MediaSocketCase(VideoCase):
    def media(self, by: str = "viewer", **options: Any) -> Socket:
        return self.socket("/api/media", by=by, **options)

    def binary(self, socket: Socket) -> list[Binary]:
        return [taken_apart(one) for one in socket.received() if isinstance(one, bytes)]


class WatchTests(MediaSocketCase):
    def test_jpegs(self) -> None:
        socket = self.media()
        answer = socket.ask({"watch": {"channel": 3, "camera": "cam1"}, "id": "a"})
        self.assertEqual(answer, {"watching": 3, "camera": "cam1", "codec": "mjpeg", "id": "a"})
        packets = self.jpegs(3)
        self.assertEqual(
            self.binary(socket), [Binary(1, 1, 3, n, packet.wall, packet.data) for n, packet in enumerate(packets)]
        )
        self.assertEqual(self.clients(), {"grid": 1})

    def test_a_rate(self) -> None:
        socket = self.media()
        socket.ask({"watch": {"channel": 0, "camera": "cam1", "fps": 10}})
        self.jpegs(30)
        messages = self.binary(socket)
        self.assertEqual(len(messages), 10)
        self.assertEqual([one.sequence for one in messages], list(range(10)))  # what is not wanted is not missed

    def test_several_cameras(self) -> None:
        socket = self.media()
        for channel, camera in ((1, "cam1"), (2, "door"), (3, "cam1")):
            socket.ask({"watch": {"channel": channel, "camera": camera}})
        self.jpegs(2)
        self.jpegs(1, "door")
        self.assertEqual([one.channel for one in self.binary(socket)], [1, 3, 1, 3, 2])

    def test_a_card_says_so(self) -> None:
        socket = self.media()
        socket.ask({"watch": {"channel": 1, "camera": "cam1"}})
        self.publish([replace(self.picture(), card=True)])
        self.assertEqual(self.binary(socket)[0].flags, 3)

    def test_sound(self) -> None:
        """A channel of its own: pictures know nothing of it."""
        self.films()
        stream = Stream()
        self.camera().sound = SimpleNamespace(stream={"aac": stream}.get, stop=lambda: succeed(None))
        socket = self.media()
        for channel, codec in enumerate(("h264", "aac")):
            socket.ask({"watch": {"channel": channel, "camera": "cam1", "codec": codec}})
        self.publish(video(2))
        for number in range(3):
            stream.publish(Packet(b"sound", "aac", 5 + number * 1024 / 48000, 1005.0, 5.0))
        messages = socket.received()
        told = [one for one in messages if isinstance(one, dict)]
        self.assertEqual([one["type"][:9] for one in told], ["video/mp4", "audio/mp4"])
        found = [taken_apart(one) for one in messages if isinstance(one, bytes)]
        self.assertEqual(
            [(one.kind, one.channel, one.sequence) for one in found],
            [(2, 0, 0), (3, 0, 0), (3, 0, 1), (2, 1, 0), (3, 1, 0), (3, 1, 1), (3, 1, 2)],
        )
        self.assertEqual(self.app.web.delays.series["mse"].count, 2)  # of the pictures
        stream.end()
        self.assertEqual(socket.received(), [{"ended": 1, "reason": "the sound is gone"}])
        self.assertFalse(stream.running)

    def test_unwatch(self) -> None:
        socket = self.media()
        socket.ask({"watch": {"channel": 1, "camera": "cam1"}})
        self.assertEqual(socket.ask({"unwatch": 1, "id": 5}), {"unwatched": 1, "id": 5})
        self.assertEqual(socket.ask({"unwatch": 1}), {"unwatched": 1})
        self.jpegs(1)
        self.assertEqual(socket.received(), [])
        self.assertEqual(self.clients(), {})

    def test_a_channel_is_given_something_else(self) -> None:
        socket = self.media()
        socket.ask({"watch": {"channel": 1, "camera": "cam1"}})
        self.jpegs(2)
        socket.ask({"watch": {"channel": 1, "camera": "door"}})
        self.jpegs(1)
        self.jpegs(1, "door")
        self.assertEqual([one.sequence for one in self.binary(socket)], [0])
        self.assertEqual((self.clients(), self.clients("door")), ({}, {"grid": 1}))

    def test_what_is_wrong_is_answered(self) -> None:
        socket = self.media()
        one = {"channel": 1, "camera": "cam1"}
        for message, key in (
            ([], ""),
            ({}, ""),
            ({"get": ["x"]}, "get"),
            ({"watch": one, "unwatch": 1}, "watch"),
            ({"watch": 1}, "watch"),
            ({"watch": {"camera": "cam1"}}, "channel"),
            ({"watch": {**one, "channel": True}}, "channel"),
            ({"watch": {**one, "channel": 65536}}, "channel"),
            ({"watch": {**one, "camera": "garden"}}, "camera"),
            ({"watch": {**one, "codec": "av1"}}, "codec"),
            ({"watch": {**one, "codec": ["h264"]}}, "codec"),
            ({"watch": {**one, "codec": "aac"}}, "codec"),  # it has no sound
            ({"watch": {**one, "rendition": "huge"}}, "rendition"),
            ({"watch": {**one, "size": 5}}, "size"),
            ({"watch": {**one, "size": "wide"}}, "size"),
            ({"watch": {**one, "fps": 0}}, "fps"),
            ({"watch": {**one, "fps": "10"}}, "fps"),
            ({"watch": {**one, "quality": 101}}, "quality"),
            ({"watch": {**one, "bitrate": 1.5, "codec": "h264"}}, "bitrate"),
            ({"watch": {**one, "colour": 1}}, "colour"),
            ({"unwatch": "1"}, "unwatch"),
        ):
            answer = socket.ask(message)
            self.assertEqual((answer["error"], answer["key"]), ("Invalid value", key), message)
        self.assertTrue(socket.is_open)
        self.assertEqual(self.clients(), {})

    def test_channels_are_limited(self) -> None:
        socket = self.media()
        for channel in range(MAX_CHANNELS):
            self.assertIn("watching", socket.ask({"watch": {"channel": channel, "camera": "cam1"}}))
        self.assertEqual(socket.ask({"watch": {"channel": 64, "camera": "cam1"}})["key"], "channel")
        self.assertIn("watching", socket.ask({"watch": {"channel": 5, "camera": "door"}}))  # has its place

    def test_a_camera_that_goes(self) -> None:
        socket = self.media()
        socket.ask({"watch": {"channel": 1, "camera": "cam1"}})
        for stream in self.camera().pipeline.streams:
            stream.end()
        self.assertEqual(socket.received(), [{"ended": 1, "reason": "the camera is gone"}])

    def test_a_client_that_goes(self) -> None:
        socket = self.media()
        socket.ask({"watch": {"channel": 1, "camera": "cam1"}})
        self.lose(socket.wire)
        self.assertEqual((self.clients(), self.app.web.media_websocket.clients), ({}, 0))


    def test_camd_stops(self) -> None:
        socket = self.media()
        socket.ask({"watch": {"channel": 1, "camera": "cam1"}})
        self.app.web.media_websocket.close(1.0)
        self.jpegs(1)
        self.assertEqual(socket.received(), [{"close": 1001}])


class PageTests(MediaSocketCase):
    """docs/video.md is true."""

    page = (Path(__file__).parent.parent / "docs" / "video.md").read_text()

    def test_the_conversation(self) -> None:
        socket, answer = self.media(), None
        lines = [line for line in self.page.splitlines() if line[:2] in ("> ", "< ")]
        self.assertEqual(len(lines), 8)
        for line in lines:
            if line[0] == ">":
                answer = socket.ask(json.loads(line[2:]))
            else:
                self.assertEqual(answer, json.loads(line[2:]))

    def test_the_numbers(self) -> None:
        for text in (f"up to {MAX_CHANNELS} channels", f"up to {GOP_LIMIT} pictures", f"keep {UNSENT // 1024} KiB",
                     f"last {SEGMENT:.0f} s at least", f"Parts of {PART} s", f"{IDLE:.0f} s after the last request",
                     f"said to last {HOLD:.0f} s"):
            self.assertIn(text, self.page)


class VideoTests(MediaSocketCase):
    def test_video(self) -> None:
        self.films()
        socket = self.media()
        answer = socket.ask({"watch": {"channel": 9, "camera": "cam1", "codec": "h264"}})
        self.assertEqual(answer, {"watching": 9, "camera": "cam1", "codec": "h264"})
        packets = video(40)
        self.publish(packets)
        told, *messages = socket.received()
        self.assertEqual(told, {**answer, "type": 'video/mp4; codecs="avc1.42C00D"'})
        init, *fragments = map(taken_apart, messages)
        self.assertEqual((init[:5], init.data[4:8]), ((2, 1, 9, 0, 1000.0), b"ftyp"))
        self.assertEqual([one.sequence for one in fragments], list(range(40)))
        self.assertEqual([one.flags for one in fragments], [int(packet.keyframe) for packet in packets])
        self.assertEqual([one.wall for one in fragments], [packet.wall for packet in packets])
        self.assertEqual({one.kind for one in fragments}, {3})
        self.assertEqual(self.clients(), {"mse": 1})

    def test_a_newcomer_begins_with_what_the_others_have(self) -> None:
        self.films()
        first, second = self.media(), self.media()
        wish = {"watch": {"channel": 1, "camera": "cam1", "codec": "h264"}}
        first.ask(wish)
        packets = video(40)
        self.publish(packets[:5])
        self.binary(first)
        second.ask(wish)
        self.publish(packets[5:6])
        fragments = [one for one in self.binary(second) if one.kind == 3]
        self.assertEqual([one.flags for one in fragments], [1, 0, 0, 0, 0, 0])
        self.assertEqual(fragments[-1].data, self.binary(first)[-1].data)

    def test_other_parameter_sets(self) -> None:
        self.films()
        socket = self.media()
        socket.ask({"watch": {"channel": 1, "camera": "cam1", "codec": "h264"}})
        self.publish(video(3))
        socket.received()
        self.publish(video(3, 1.0, (640, 360)))
        told, *messages = socket.received()
        self.assertEqual(told["type"], 'video/mp4; codecs="avc1.42C01E"')
        self.assertEqual([taken_apart(one).kind for one in messages], [2, 3, 3, 3])
        self.publish(video(3, 2.0, (640, 360)))  # a key frame with the same ones
        self.assertEqual([one.kind for one in self.binary(socket)], [3, 3, 3])


class SlowClientTests(MediaSocketCase):
    def test_pictures(self) -> None:
        slow, quick = self.media(), self.media()
        for socket in (slow, quick):
            socket.ask({"watch": {"channel": 1, "camera": "cam1"}})
        slow.wire.producer.pauseProducing()
        self.jpegs(10)
        self.assertEqual(slow.received(), [])
        self.assertEqual(len(self.binary(quick)), 10)
        slow.wire.producer.resumeProducing()
        newest = self.binary(slow)
        self.assertEqual([(one.sequence, one.data) for one in newest], [(9, b"\xff\xd8 9 \xff\xd9")])
        self.jpegs(1, first=10)
        self.assertEqual(self.binary(slow)[0].sequence, 10)
        self.assertEqual(self.camera().pipeline.drops()["client"], 9)

    def test_video_goes_on_at_a_key_frame(self) -> None:
        self.films()
        socket = self.media()
        socket.ask({"watch": {"channel": 1, "camera": "cam1", "codec": "h264"}})
        packets = video(150)
        self.publish(packets[:1])
        socket.received()
        socket.wire.producer.pauseProducing()
        self.publish(packets[1:130])
        socket.wire.producer.resumeProducing()
        messages = self.binary(socket)
        self.assertEqual((messages[0].flags, messages[0].sequence), (1, 120))
        self.assertEqual([one.sequence for one in messages], list(range(120, 130)))

    def test_every_channel_has_its_turn(self) -> None:
        """A connection that takes one picture at a time gives the next one to whoever waited longest."""
        socket = self.media()
        for channel in range(3):
            socket.ask({"watch": {"channel": channel, "camera": "cam1"}})
        self.jpegs(1)
        socket.received()
        producer = socket.wire.producer
        write = socket.wire.write
        self.patch(socket.wire, "write", lambda data: (write(data), producer.pauseProducing()))
        producer.pauseProducing()
        served = []
        for number in range(1, 7):
            self.jpegs(1, first=number)
            producer.resumeProducing()
            served += [one.channel for one in self.binary(socket)]
        self.assertEqual(served, [0, 1, 2, 0, 1, 2])

    def test_asked_for_while_it_does_not_read(self) -> None:
        socket = self.media()
        socket.wire.producer.pauseProducing()
        socket.send({"watch": {"channel": 1, "camera": "cam1"}})
        self.jpegs(2)
        self.assertEqual(socket.received(), [])
        socket.wire.producer.resumeProducing()
        self.assertEqual(socket.received(), [{"watching": 1, "camera": "cam1", "codec": "mjpeg"}])


class RightsTests(MediaSocketCase):
    def test_who_may_not_gets_no_connection(self) -> None:
        for by, status in (("", 401), ("nobody", 403)):
            socket = self.media(by)
            self.assertEqual(socket.handshake.status, status)
        self.assertEqual(self.ask("GET", "/api/media", by="viewer").status, 426)

    def test_by_url_and_by_cookie(self) -> None:
        token = self.tokens["streamer"]
        self.assertTrue(self.socket(f"/api/media?token={token}").is_open)
        self.assertEqual(self.socket("/api/media?token=wrong").handshake.status, 401)
        cookie = self.login("viewer")
        self.assertTrue(self.media("", cookie=cookie, origin="http://camd").is_open)
        self.assertEqual(self.media("", cookie=cookie, origin="http://elsewhere").handshake.status, 403)

    def test_who_is_limited_to_some_cameras(self) -> None:
        socket = self.media("limited")
        self.assertIn("watching", socket.ask({"watch": {"channel": 1, "camera": "cam1"}}))
        for camera in ("door", "garden"):
            answer = socket.ask({"watch": {"channel": 2, "camera": camera}})
            self.assertEqual(answer, {"error": "Permission denied", "key": "camera"})
        self.assertEqual([entry["camera"] for entry in self.events("refused")], ["door", "garden"])

    def test_rights_that_are_taken(self) -> None:
        socket = self.media("viewer")
        for channel, camera in enumerate(("cam1", "door")):
            socket.ask({"watch": {"channel": channel, "camera": camera}})
        admin = self.get(self.users.by_password("admin", PASSWORD, HOME))
        self.get(self.users.change(admin, "viewer", cameras=["cam1"]))
        self.clock.advance(0)
        told = [one for one in socket.received() if "ended" in one]
        self.assertEqual(told, [{"ended": 1, "reason": "not permitted any more"}])
        self.jpegs(1)
        self.assertEqual(len(self.binary(socket)), 1)

    def test_an_account_that_ends(self) -> None:
        socket = self.media("viewer")
        socket.ask({"watch": {"channel": 1, "camera": "cam1"}})
        admin = self.get(self.users.by_password("admin", PASSWORD, HOME))
        self.get(self.users.remove(admin, "viewer"))
        self.clock.advance(0)
        self.assertEqual(socket.received(), [{"close": SIGNED_OUT}])
        self.assertEqual(self.clients(), {})

    def test_it_has_a_limit_of_its_own(self) -> None:
        config = WebSocketConfig(ping_interval=0, max_media_clients=1)
        self.app.web.media_websocket.configure(config)
        self.assertTrue(self.media().is_open)
        refused = self.media()
        self.assertEqual((refused.handshake.status, refused.handshake.body), (503, b"Server busy"))
        self.assertTrue(self.socket("/api", by="viewer").is_open)
        self.assertEqual(self.app.web.websocket.clients, 1)

    def test_permissions_that_are_no_pictures(self) -> None:
        self.assertNotIn(Permission.Media_r, self.users.guest.permissions)
        self.assertEqual(self.media("").handshake.status, 401)
