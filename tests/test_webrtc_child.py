"""The child of the plugin webrtc: profiles, addresses, ports, and what viewers get of a stream."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from fractions import Fraction
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

try:
    from camd_plugins.webrtc import network, profiles, viewer
    from camd_plugins.webrtc.framing import CLOCK, Picture, Sound
    from camd_plugins.webrtc.refusal import Refusal

    MISSING = ""
except ImportError as error:
    MISSING = f"needs aiortc: {error}"

from .coded_video import coded


class ChildCase(SynchronousTestCase):
    if MISSING:
        skip = MISSING

    def run_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        """On the child's own kind of loop."""
        with asyncio.Runner(loop_factory=network.Loop) as runner:
            return runner.run(work)


class ProfileTests(ChildCase):
    def offered(self, *names: str, mode: str = "1") -> list[Any]:
        from aiortc.rtcrtpparameters import RTCRtpCodecParameters

        parameters = [{"packetization-mode": mode, "profile-level-id": name} for name in names]
        return [RTCRtpCodecParameters("video/H264", 90000, None, 96, [], one) for one in parameters]

    def chosen(self, profile: str, *names: str) -> list[str]:
        if not any(
            codec.parameters.get("profile-level-id") == "f4001f" for codec in profiles.CODECS["video"]
        ):
            profiles.know_more_profiles()
        found = [
            codec.parameters.get("profile-level-id")
            for codec in profiles.choose(profile, self.offered(*names))
        ]
        self.assertEqual(found.pop(), None)  # for what is sent again
        return found

    def test_the_nearest_first(self) -> None:
        for profile, offered, chosen in (
            ("42c01f", ("42001f", "42e01f", "4d001f"), ["42e01f", "42001f", "4d001f"]),
            ("42c028", ("640c34",), None),
            ("4d4029", ("42e01f", "64001f"), ["64001f"]),
            ("64001e", ("42e01f", "f4001f"), ["f4001f"]),
            ("640033", ("64002a",), ["64001f"]),
            ("42001f", ("42e01f",), None),
            ("6e0028", ("64001f", "f4001f"), None),
        ):
            if chosen is None:
                self.assertRaises(Refusal, self.chosen, profile, *offered)
            else:
                self.assertEqual(self.chosen(profile, *offered), chosen, profile)

    def test_only_what_can_be_sent(self) -> None:
        self.assertRaises(Refusal, profiles.choose, "42c01f", self.offered("42e01f", mode="0"))
        self.assertRaises(Refusal, profiles.choose, "42c01f", self.offered("zz", ""))

    def test_what_a_camera_gives(self) -> None:
        for options, begin in (("profile=baseline:tune=zerolatency", "42"), ("profile=high:bf=0", "64")):
            self.assertEqual(profiles.profile_of(coded("h264", 2, options)[0].data)[:2], begin)
        refusal = self.assertRaises(
            Refusal, profiles.profile_of, coded("h264", 8, "profile=main:bf=2")[0].data
        )
        self.assertEqual((refusal.code, "B pictures" in str(refusal)), ("profile", True))
        for data in (b"", b"\0\0\1", b"\0\0\1\x65abc", b"\0\0\0\1\x67", b"\0\0\1\x67\x42\xc0\x1f"):
            self.assertEqual(self.assertRaises(Refusal, profiles.profile_of, data).code, "video", data)


    def test_sound_is_opus_or_nothing(self) -> None:
        from aiortc import sdp

        head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
        for lines, count in (
            ("a=recvonly\r\na=rtpmap:111 opus/48000/2\r\n", 1),
            ("a=sendonly\r\na=rtpmap:111 opus/48000/2\r\n", 0),
            ("a=recvonly\r\na=rtpmap:111 ISAC/16000\r\n", 0),
        ):
            chosen = profiles.choose_sound(sdp.SessionDescription.parse(head + lines).media)
            self.assertEqual(len(chosen), count, lines)


class NetworkTests(ChildCase):
    def test_a_port_of_the_range(self) -> None:
        async def work() -> None:
            loop: Any = asyncio.get_running_loop()
            taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            loop.ports = (port, port)
            with self.assertRaises(OSError) as caught:
                await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
            self.assertIn(f"no UDP port free from {port} to {port}", str(caught.exception))
            taken.close()
            made, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
            )
            self.assertEqual(made.get_extra_info("sockname")[1], port)
            made.close()
            loop.ports = None
            made, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
            )
            made.close()

        self.run_loop(work())

    def test_further_addresses(self) -> None:
        given = (
            "v=0\r\na=candidate:abc 1 udp 2130706431 192.0.2.2 42100 typ host\r\n"
            "a=candidate:def 1 udp 2130706431 fd00::2 42101 typ host\r\n"
            "a=candidate:ghi 1 udp 1694498815 198.51.100.1 42100 typ srflx raddr 192.0.2.2 rport 42100\r\n"
        )
        lines = network.with_addresses(given, ["203.0.113.7", "2001:db8::1"]).splitlines()
        self.assertEqual(len(lines), 6)
        self.assertEqual(lines[2], "a=candidate:abcx1 1 udp 2130706175 203.0.113.7 42100 typ host")
        self.assertEqual(lines[4], "a=candidate:defx2 1 udp 2130705919 2001:db8::1 42101 typ host")
        self.assertEqual(network.with_addresses(given, []), given)

    def test_no_bridges(self) -> None:
        import ifaddr

        def adapters() -> list[Any]:
            return [
                ifaddr.Adapter(name, name, [ifaddr.IP(ip, 24, name)])
                for name, ip in (("lo", "127.0.0.1"), ("docker0", "172.17.0.1"), ("eth0", "192.0.2.2"),
                                 ("eth1", ("fe80::1", 0, 2)), ("eth2", ("2001:db8::2", 0, 0)))
            ]  # fmt: skip

        self.patch(ifaddr, "get_adapters", adapters)
        self.assertEqual(network.host_addresses(True, True), ["192.0.2.2", "2001:db8::2"])
        self.assertEqual(network.host_addresses(True, False), ["192.0.2.2"])
        self.patch(ifaddr, "get_adapters", lambda: adapters()[:2])
        self.assertEqual(network.host_addresses(True, True), ["127.0.0.1"])


class FeedTests(ChildCase):
    def setUp(self) -> None:
        self.wishes = 0

    def feed(self) -> Any:
        def wish() -> None:
            self.wishes += 1

        return viewer.Feed(wish)

    def picture(self, number: int, keyframe: bool = False, size: int = 10) -> Picture:
        return Picture(1, number * CLOCK // 30, keyframe, b"%d " % number + bytes(size))

    async def taken(self, track: Any, count: int) -> list[tuple[int, int]]:
        """Number and time of the next pictures."""
        packets = [await asyncio.wait_for(track.recv(), 2) for _ in range(count)]
        return [(int(bytes(packet).split(b" ")[0]), packet.pts) for packet in packets]

    async def begun(self, track: Any) -> None:
        """Until its first picture is asked for."""
        while not track._begun:
            await asyncio.sleep(0)

    def test_a_newcomer_catches_up(self) -> None:
        async def work() -> None:
            feed = self.feed()
            for number in range(10):
                feed.publish(self.picture(number, keyframe=number in (0, 5)))
            track = viewer.Video(feed)
            feed.tracks.add(track)
            feed.publish(self.picture(10))  # before its connection stands: part of the past
            taking = asyncio.ensure_future(self.taken(track, 7))
            await self.begun(track)
            feed.publish(self.picture(11))
            taken = await taking
            self.assertEqual([number for number, _ in taken], [5, 6, 7, 8, 9, 10, 11])
            times = [time for _, time in taken]
            self.assertEqual(times[5:], [30000, 33000])  # what is new has its own time
            self.assertEqual({later - time for time, later in zip(times, times[1:6])}, {90})
            self.assertEqual((self.wishes, feed.dropped), (0, 0))

        self.run_loop(work())

    def test_a_newcomer_without_a_past(self) -> None:
        async def work() -> None:
            feed = self.feed()
            feed.publish(self.picture(1))
            track = viewer.Video(feed)
            feed.tracks.add(track)
            taking = asyncio.ensure_future(self.taken(track, 2))
            await self.begun(track)
            for number in range(2, 6):
                feed.publish(self.picture(number, keyframe=number == 4))
            self.assertEqual([number for number, _ in await taking], [4, 5])
            self.assertEqual(self.wishes, 1)  # not one for each picture

        self.run_loop(work())

    def test_a_slow_viewer(self) -> None:
        async def work() -> None:
            feed = self.feed()
            feed.publish(self.picture(0, keyframe=True))
            slow = viewer.Video(feed)
            feed.tracks.add(slow)
            await self.taken(slow, 1)
            for number in range(1, 200):
                feed.publish(self.picture(number))
            self.assertLessEqual(len(slow._pictures), viewer.MOST_WAITING)
            self.assertEqual((feed.dropped, self.wishes), (199, 1))
            feed.publish(self.picture(200, keyframe=True))
            feed.publish(self.picture(201))
            self.assertEqual([number for number, _ in await self.taken(slow, 2)], [200, 201])

        self.run_loop(work())

    def test_the_past_is_bounded(self) -> None:
        feed = self.feed()
        for number in range(2 * viewer.HISTORY_PICTURES):
            feed.publish(self.picture(number, keyframe=not number))
            self.assertLessEqual(len(feed.history), viewer.HISTORY_PICTURES)
        feed.publish(self.picture(1, keyframe=True, size=viewer.HISTORY_BYTES))
        self.assertEqual(feed.history, [])

    def test_sound(self) -> None:
        """The newest counts for who is slow, and nothing comes before somebody listens."""

        async def work() -> None:
            feed = self.feed()
            track = viewer.Audio(feed)
            feed.hear(Sound(1, 0, b"before"))
            waiting = asyncio.ensure_future(track.recv())
            await asyncio.sleep(0)
            for number in range(2 * viewer.MOST_SOUND):
                feed.hear(Sound(1, number * 960, b"%d" % number))
            first = await waiting
            self.assertEqual((bytes(first), first.pts * first.time_base), (b"10", Fraction(10 * 960, 48000)))
            rest = [await track.recv() for _ in range(viewer.MOST_SOUND - 1)]
            self.assertEqual(bytes(rest[-1]), b"19")
            track.stop()
            self.assertEqual(feed.hearers, set())

        self.run_loop(work())

    def test_who_left_hears_no_more(self) -> None:
        async def work() -> None:
            feed = self.feed()
            track = viewer.Audio(feed)
            track.stop()
            with self.assertRaises(viewer.MediaStreamError):
                await asyncio.wait_for(track.recv(), 1)
            self.assertEqual(feed.hearers, set())

        self.run_loop(work())

    def test_a_viewer_that_left(self) -> None:
        async def work() -> None:
            feed = self.feed()
            track = viewer.Video(feed)
            feed.tracks.add(track)
            waiting = asyncio.ensure_future(track.recv())
            await asyncio.sleep(0)
            track.stop()
            with self.assertRaises(viewer.MediaStreamError):
                await waiting
            self.assertEqual(feed.tracks, set())

        self.run_loop(work())


class ViewerTests(ChildCase):
    """What becomes of the candidates of a viewer."""

    CANDIDATES = (
        "a=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\na=candidate:2 1 udp 1 abc.local 9 typ host\r\n"
        "a=end-of-candidates\r\n"
    )

    def prepared(self, servers: list[Any], offer: str) -> str:
        async def work() -> str:
            one = viewer.Viewer(viewer.Feed(lambda: None), servers, lambda state: None)
            text = one._prepared(offer)
            await one.closed()
            return text

        return self.run_loop(work())

    def test_none_is_called(self) -> None:
        self.assertEqual(self.prepared([], "v=0\r\n" + self.CANDIDATES), "v=0\r\n")

    def test_addresses_are_called_if_there_are_servers(self) -> None:
        servers = [{"urls": "stun:192.0.2.1"}]
        offer = self.prepared(servers, "v=0\r\n" + self.CANDIDATES + 100 * self.CANDIDATES)
        self.assertLessEqual(offer.count("a=candidate:"), 20)
        self.assertNotIn(".local", offer)
        self.assertNotIn("end-of", offer)

    def test_fragments(self) -> None:
        async def work() -> None:
            one = viewer.Viewer(viewer.Feed(lambda: None), [], lambda state: None)
            await one.add_candidates("a=mid:0\r\n" + self.CANDIDATES)
            for bad in (
                "a=candidate:",
                "a=candidate:1 1 udp",
                "a=candidate:1 x udp 1 192.0.2.9 9 typ host",
                21 * "a=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\n",
            ):
                with self.assertRaises(Refusal):
                    await one.add_candidates(bad)
            await one.closed()

        self.run_loop(work())

    def test_offers_that_are_none(self) -> None:
        for offer in ("", "x", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", "m=video\r\n", "v=0\r\n\0"):
            self.assertRaises(Refusal, lambda text: viewer._video_of(viewer._media_of(text)), offer)
