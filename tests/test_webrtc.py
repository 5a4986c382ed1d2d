"""The plugin webrtc: offers, sessions and whose they are, and the child that serves them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from camd_plugins.webrtc import gateway as gateway_module
from camd_plugins.webrtc import process as process_module
from camd_plugins.webrtc.framing import Picture, Sound, Unpacker, pack_message, pack_picture, pack_sound
from camd_plugins.webrtc.gateway import BACKOFF, LINGER, MOST, MOST_OF_ONE
from camd_plugins.webrtc.process import ANSWER, END, READ, START, _environment
from twisted.internet.defer import maybeDeferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from camd.errors import Invalid
from camd.media import Packet, Stream
from camd.state import EVERYONE, Permission, Principal
from camd.web.origin import Origins

from .rest_client import Answer
from .webrtc_case import ANN, BEN, OFFER, WebRtcCase


class FramingTests(SynchronousTestCase):
    def test_pieces_of_any_size(self) -> None:
        sent = (
            pack_message({"a": 1}) + b"".join(pack_picture(3, 1 << 40, True, b"x" * 1000)) + pack_message({})
        )
        for size in (1, 5, 7, len(sent)):
            unpacker = Unpacker(2000)
            found = [
                piece for at in range(0, len(sent), size) for piece in unpacker.take(sent[at : at + size])
            ]
            self.assertEqual(found, [{"a": 1}, Picture(3, 1 << 40, True, b"x" * 1000), {}], size)

    def test_sound(self) -> None:
        sent = pack_sound(3, 1 << 40, b"opus") + pack_message({})
        self.assertEqual(list(Unpacker(2000).take(sent)), [Sound(3, 1 << 40, b"opus"), {}])

    def test_what_cannot_be_meant(self) -> None:
        for data in (b"\xff\0\0\0\0", b"\0\0\0\2\0[]", b"\0\0\0\1\1x", b"\0\0\0\1\2x", b"\0\0\0\1\0{"):
            self.assertRaises(ValueError, list, Unpacker(2000).take(data))


class WhepTests(WebRtcCase):
    def test_a_session(self) -> None:
        transport = self.post()
        self.assertEqual((len(self.children), transport.value()), (1, b""))
        self.child.ready()
        self.picture(keyframe=True)
        asked = self.child.asked("offer")
        self.assertEqual(asked["sdp"], OFFER)
        self.assertEqual(asked["network"], {"ports": None, "addresses": [], "ice_servers": []})
        self.assertEqual(self.child.pictures, [Picture(asked["feed"], 3000, True, b"unit 1")])
        self.child.answer(sdp="an answer")
        answer = Answer(transport.value())
        self.assertEqual((answer.status, answer.body), (201, b"an answer"))
        self.assertEqual(answer.headers["content-type"], "application/sdp")
        self.assertEqual(answer.headers["location"], f"/cam/cam1/whep/{asked['session']}")
        self.assertGreater(len(asked["session"]), 20)
        self.assertEqual(self.value("viewers"), 1)
        self.assertEqual(self.app.cameras["cam1"].pipeline.clients(), {"webrtc": 1})

        gone = self.ask("DELETE", answer.headers["location"])
        self.assertEqual(gone.status, 200)
        self.assertEqual(self.child.asked("close")["session"], asked["session"])
        self.assertEqual(self.child.asked("forget")["feed"], asked["feed"])
        self.assertEqual(self.value("viewers"), 0)
        self.assertEqual(self.app.cameras["cam1"].pipeline.clients(), {})
        self.assertEqual(self.ask("DELETE", answer.headers["location"]).status, 404)

    def test_sound(self) -> None:
        """It is heard for viewers who want to, once for all of them, and as long as one does."""
        sound = Stream()
        self.app.cameras["cam1"].sound = SimpleNamespace(stream={"opus": sound}.get, stop=lambda: succeed(None))
        self.watch()
        self.assertTrue(self.child.asked("offer")["sound"])
        self.assertFalse(sound.running)
        watched = []
        for _ in range(2):
            transport = self.post()
            self.child.answer(sdp=OFFER, sound=True)
            watched.append(Answer(transport.value()).headers["location"])
        self.assertEqual(len(sound.subscriptions), 1)
        sound.publish(Packet(b"heard", "opus", 2.5, 2.5, 2.5))
        self.assertEqual(self.child.sounds, [Sound(self.child.asked("offer")["feed"], 120_000, b"heard")])
        self.ask("DELETE", watched[0])
        self.assertTrue(sound.running)
        self.child.producer.pauseProducing()
        sound.publish(Packet(b"late", "opus", 2.6, 2.6, 2.6))
        self.assertEqual(len(self.child.sounds), 1)
        self.child.producer.resumeProducing()
        self.assertEqual(self.child.sounds[1].data, b"late")
        self.ask("DELETE", watched[1])
        self.assertFalse(sound.running)

    def test_sound_that_was_away(self) -> None:
        """Who comes afterwards hears, and so do those who heard before."""
        for _ in range(2):
            sound = Stream()
            self.app.cameras["cam1"].sound = SimpleNamespace(
                stream={"opus": sound}.get, stop=lambda: succeed(None)
            )
            self.watch()
            self.post()
            self.child.answer(sdp=OFFER, sound=True)
            self.assertTrue(sound.running)
            sound.end()
            self.assertFalse(sound.running)

    def test_a_camera_without_sound(self) -> None:
        self.watch()
        self.assertFalse(self.child.asked("offer")["sound"])

    def test_many_viewers_are_one_client(self) -> None:
        self.watch()
        self.watch()
        self.watch("/cam/cam1/whep?rendition=main")
        self.picture(keyframe=True)
        self.assertEqual(self.app.cameras["cam1"].pipeline.clients(), {"webrtc": 1})
        self.assertEqual(len(self.child.pictures), 1)
        self.watch("/cam/cam2/whep")
        self.assertEqual((len(self.children), self.value("viewers")), (1, 4))
        self.assertEqual(len(self.app.web.presence.visits), 4)

    def test_methods(self) -> None:
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            answer = self.ask(method, "/cam/cam1/whep")
            self.assertEqual((answer.status, answer.headers["allow"]), (405, "POST, OPTIONS"), method)
        answer = self.ask("OPTIONS", "/cam/cam1/whep")
        self.assertEqual((answer.status, answer.headers["accept-post"]), (204, "application/sdp"))
        location = self.watch().headers["location"]
        self.assertEqual(self.ask("GET", location).headers["allow"], "PATCH, DELETE, OPTIONS")
        self.assertIn("sdpfrag", self.ask("OPTIONS", location).headers["accept-patch"])
        self.assertEqual(self.ask("GET", "/api/webrtc/offer").status, 405)
        self.assertEqual(self.ask("DELETE", location + "/more").status, 404)

    def test_another_type(self) -> None:
        answer = self.ask("POST", "/cam/cam1/whep", b"{}", "application/json")
        self.assertEqual((answer.status, answer.headers["accept-post"]), (415, "application/sdp"))
        self.assertEqual(self.children, [])

    def test_candidates(self) -> None:
        answer = self.watch()
        location, etag = answer.headers["location"], answer.headers["etag"]
        kind = "application/trickle-ice-sdpfrag"
        fragment = b"a=mid:0\r\na=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\n"
        for headers in ({}, {"If_Match": etag}):
            transport = self.begin("PATCH", location, fragment, kind, **headers)
            self.assertEqual(self.child.asked("candidates")["sdp"], fragment.decode())
            self.child.answer(sdp="")
            self.assertEqual(Answer(transport.value()).status, 204)
        self.assertEqual(self.ask("PATCH", location, fragment, kind, If_Match='"x"').status, 412)
        restart = b"a=ice-ufrag:abcd\r\na=ice-pwd:efgh\r\n"
        self.assertEqual(self.ask("PATCH", location, restart, kind, If_Match="*").status, 422)
        self.assertEqual(self.ask("PATCH", location, fragment, "application/sdp").status, 415)
        transport = self.begin("PATCH", location, fragment, kind)
        self.child.answer(error="offer", text="a candidate that cannot be read")
        self.assertEqual(Answer(transport.value()).status, 400)
        transport = self.begin("PATCH", location, fragment, kind)
        self.child.answer(error="session", text="this session has ended")
        self.assertEqual(Answer(transport.value()).status, 404)

    def test_refusals_of_the_child(self) -> None:
        for why, status in (("offer", 400), ("ports", 503), ("picture", 503), ("internal", 503)):
            transport = self.post()
            if not self.child.protocol.started.called:
                self.child.ready()
            self.child.answer(error=why, text="so it is")
            answer = Answer(transport.value())
            self.assertEqual(answer.status, status, why)
            self.assertIn("so it is", answer.error["message"])
            self.assertEqual((self.value("viewers"), self.gateway.sessions), (0, {}))

    def test_what_a_viewer_does_not_play_is_encoded(self) -> None:
        self.app.cameras["cam1"].pipeline._codecs.encoders["h264"] = lambda settings: None
        transport = self.post()
        self.child.ready()
        own = self.child.asked("offer")["feed"]
        self.child.answer(error="profile", text="B pictures")
        self.assertEqual(transport.value(), b"", transport.value())
        self.assertEqual(self.child.asked("forget")["feed"], own)
        self.assertNotEqual(self.child.asked("offer")["feed"], own)
        feed = next(iter(self.gateway.sessions.values())).feed
        self.assertEqual(feed.key[1].bitrate, 2_000_000)
        self.child.answer(error="profile", text="nothing of this")
        answer = Answer(transport.value())
        self.assertEqual((answer.status, answer.error["code"]), (409, "NOT_SUPPORTED"))
        self.assertEqual(self.app.cameras["cam1"].pipeline.clients(), {})

    def test_there_is_no_encoder(self) -> None:
        pipeline = self.app.cameras["cam1"].pipeline
        pipeline.opened(pipeline.format.__class__("mjpeg", 640, 480, 30.0))
        transport = self.post()
        self.child.ready()
        answer = Answer(transport.value())
        self.assertEqual(answer.status, 409)
        self.assertIn("no h264 encoder", answer.error["message"])

    def test_the_viewer_leaves_before_its_answer(self) -> None:
        transport = self.post()
        self.child.ready()
        transport.protocol.connectionLost(gateway_module.Gone("x"))
        self.child.answer(sdp="an answer")
        self.assertEqual((self.value("viewers"), self.gateway.sessions), (0, {}))
        location = self.watch().headers["location"]
        transport = self.begin("PATCH", location, b"a=mid:0\r\n", "application/trickle-ice-sdpfrag")
        transport.protocol.connectionLost(gateway_module.Gone("x"))
        self.child.answer(sdp="")

    def test_links_to_servers(self) -> None:
        servers = [{"urls": "stun:a.lan:3478"}, {"urls": "turn:b.lan", "username": 'u"', "credential": "c"}]
        self.app.state["webrtc/ice_servers"].set(servers, EVERYONE)
        links = self.begin("OPTIONS", "/cam/cam1/whep").value().decode()
        self.assertIn('Link: <stun:a.lan:3478>; rel="ice-server"\r\n', links)
        self.assertIn(
            '<turn:b.lan>; rel="ice-server"; username="u\\""; credential="c"; credential-type', links
        )


class OfferTests(WebRtcCase):
    def offer(self, **values: Any) -> Any:
        return self.begin("POST", "/api/webrtc/offer", json.dumps(values).encode(), "application/json")

    def test_the_products_way(self) -> None:
        transport = self.offer(type="offer", sdp=OFFER)
        self.child.ready()
        self.child.answer(sdp="an answer")
        answer = Answer(transport.value())
        session = self.child.asked("offer")["session"]
        self.assertEqual(
            (answer.status, answer.json["type"], answer.json["sdp"]), (200, "answer", "an answer")
        )
        self.assertEqual(answer.json["session"], f"/cam/cam1/whep/{session}")  # of the main camera
        self.assertEqual(self.ask("DELETE", answer.json["session"]).status, 200)
        self.offer(type="offer", sdp=OFFER, camera="cam2")
        self.assertEqual(next(iter(self.gateway.sessions.values())).camera, "cam2")

    def test_mistakes(self) -> None:
        for values in ({}, {"type": "answer", "sdp": ""}, {"type": "offer"}, {"type": "offer", "sdp": 3}):
            self.assertEqual(Answer(self.offer(**values).value()).status, 400, values)
        answer = Answer(self.offer(type="offer", sdp=OFFER, camera="cam9").value())
        self.assertEqual(answer.status, 404)
        answer = Answer(self.offer(type="offer", sdp=OFFER, rendition="huge").value())
        self.assertEqual(answer.status, 400)


class RightsTests(WebRtcCase):
    def test_a_session_is_its_users(self) -> None:
        location = self.watch().headers["location"]
        self.app.web.assume = BEN
        fragment = (b"a=mid:0\r\n", "application/trickle-ice-sdpfrag")
        for answer in (
            self.ask("DELETE", location),
            self.ask("PATCH", location, *fragment),
            self.ask("DELETE", location[:-1]),
            self.ask("DELETE", location.replace("cam1", "cam2")),
        ):
            self.assertEqual(answer.status, 404)
        self.app.web.assume = ANN
        self.assertEqual(self.ask("DELETE", location.replace("cam1", "cam2")).status, 404)
        self.assertEqual(self.value("viewers"), 1)
        self.assertEqual(self.ask("DELETE", location).status, 200)

    def test_who_may_not(self) -> None:
        self.app.web.assume = Principal("carl", frozenset({Permission.Device_rw}))
        self.assertEqual(Answer(self.post().value()).status, 403)
        self.app.web.assume = Principal("dora", ANN.permissions, cameras=frozenset({"cam2"}))
        self.assertEqual(Answer(self.post().value()).status, 403)
        self.assertEqual(Answer(self.post("/cam/none/whep").value()).status, 403)
        self.assertEqual(self.children, [])
        self.app.web.assume = ANN
        self.assertEqual(Answer(self.post("/cam/none/whep").value()).status, 404)

    def test_a_page_with_a_cookie(self) -> None:
        """A form cannot send an offer, so our own page may."""
        request = SimpleNamespace(
            method=b"POST", has_body=True, requestHeaders=Headers({b"sec-fetch-site": [b"same-origin"]})
        )
        for kind in (b"application/sdp", b"application/trickle-ice-sdpfrag", b"application/json"):
            request.requestHeaders.setRawHeaders(b"content-type", [kind])
            Origins().check_cookie(request)
        request.requestHeaders.setRawHeaders(b"content-type", [b"text/plain"])
        self.assertRaises(Invalid, Origins().check_cookie, request)

    def test_of_another_site(self) -> None:
        self.assertEqual(Answer(self.post(Origin="https://evil.example").value()).status, 403)
        self.assertEqual(self.children, [])

    def test_rights_that_end(self) -> None:
        self.watch()
        self.rights["ann"] = Principal(
            "ann", ANN.permissions, how="bearer", key="1", cameras=frozenset({"cam1"})
        )
        self.app.web.presence.look()
        self.assertEqual(self.value("viewers"), 1)
        self.rights["ann"] = Principal(
            "ann", ANN.permissions, how="bearer", key="1", cameras=frozenset({"cam2"})
        )
        self.app.web.presence.look()
        self.assertEqual(self.value("viewers"), 0)
        self.assertTrue(self.child.asked("close"))
        self.watch("/cam/cam2/whep")
        self.rights["ann"] = None
        self.app.web.presence.look()
        self.assertEqual((self.value("viewers"), self.app.web.presence.visits), (0, {}))

    def test_rights_that_end_before_the_answer(self) -> None:
        transport = self.post()
        self.rights["ann"] = None
        self.app.web.presence.look()
        self.child.ready()
        self.assertEqual(Answer(transport.value()).status, 404)
        self.assertEqual(self.gateway.sessions, {})

    def test_not_more_than_there_is_room_for(self) -> None:
        for _ in range(MOST_OF_ONE):
            self.watch()
        answer = Answer(self.post().value())
        self.assertEqual((answer.status, answer.error["code"]), (503, "SERVER_BUSY"))
        self.patch(gateway_module, "MOST_OF_ONE", 1000)
        for _ in range(MOST - MOST_OF_ONE):
            self.watch()
        self.assertEqual(Answer(self.post().value()).status, 503)

    def test_switched_off(self) -> None:
        self.watch()
        self.app.state["webrtc/enabled"].set(False, EVERYONE)
        self.assertEqual(Answer(self.post().value()).status, 409)
        self.assertEqual(self.value("viewers"), 0)

    def test_without_aiortc(self) -> None:
        self.patch(gateway_module, "find_spec", lambda name: None)
        answer = Answer(self.post().value())
        self.assertEqual(answer.status, 409)
        self.assertIn("pip install 'camd[webrtc]'", answer.error["message"])


class FlowTests(WebRtcCase):
    def test_a_child_that_does_not_read(self) -> None:
        self.watch()
        self.picture(keyframe=True)
        self.child.producer.pauseProducing()
        for _ in range(200):
            self.picture()
        self.assertEqual(len(self.child.pictures), 1)
        self.assertGreater(self.app.cameras["cam1"].drops()["client"], 90)
        self.watch()  # messages still go
        self.picture(keyframe=True)
        self.child.producer.resumeProducing()
        self.picture()
        self.assertEqual([picture.data for picture in self.child.pictures[1:]], [b"unit 202", b"unit 203"])
        self.app.reactor.advance(READ * 2)
        self.assertEqual(self.child.signals, [])

    def test_a_newcomer_while_it_does_not_read(self) -> None:
        self.watch()
        self.child.producer.pauseProducing()
        self.watch("/cam/cam2/whep")
        self.picture(keyframe=True, camera="cam2")
        self.assertEqual(self.child.pictures, [])
        self.child.producer.resumeProducing()
        self.assertEqual(len(self.child.pictures), 1)

    def test_one_camera_fills_the_pipe_again(self) -> None:
        self.watch()
        self.watch("/cam/cam2/whep")
        for camera in ("cam1", "cam2"):
            self.picture(keyframe=True, camera=camera)
        self.child.producer.pauseProducing()
        for camera in ("cam1", "cam2"):
            self.picture(camera=camera)
        write = self.child.write

        def full(data: bytes) -> None:
            write(data)
            self.child.producer.pauseProducing()

        self.patch(self.child, "write", full)
        self.child.producer.resumeProducing()
        self.picture(camera="cam2")
        self.assertEqual(len(self.child.pictures), 3)

    def test_a_child_that_never_reads_again(self) -> None:
        self.watch()
        self.child.producer.pauseProducing()
        self.app.reactor.advance(READ)
        self.assertEqual(self.child.signals, ["KILL"])
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_wishes_for_key_frames(self) -> None:
        self.watch()
        feed = self.child.asked("offer")["feed"]
        stream = next(iter(self.gateway.sessions.values())).feed._stream
        asked: list[bool] = []
        self.patch(
            type(stream), "request_keyframe", lambda stream: bool(asked.append(True)) or len(asked) > 1
        )
        self.child.say(say="keyframe", feed=feed)
        self.child.say(say="keyframe", feed=feed + 100)
        self.assertEqual(len(asked), 1)
        self.app.reactor.advance(1)  # refused the first time
        self.assertEqual(len(asked), 2)
        self.app.reactor.advance(10)
        self.assertEqual(len(asked), 2)

    def test_dropped_pictures_are_counted(self) -> None:
        self.watch()
        self.child.say(say="dropped", count=7)
        self.assertEqual(self.value("dropped"), 7)
        self.child.die()
        self.app.reactor.advance(BACKOFF[-1])
        self.watch()
        self.child.say(say="dropped", count=2)
        self.assertEqual(self.value("dropped"), 9)


class ChildTests(WebRtcCase):
    def test_it_runs_while_somebody_watches(self) -> None:
        self.assertEqual(self.children, [])
        location = self.watch().headers["location"]
        self.app.reactor.advance(LINGER * 2)
        self.ask("DELETE", location)
        self.app.reactor.advance(LINGER - 1)
        self.assertFalse(self.child.input_closed)
        location = self.watch().headers["location"]
        self.app.reactor.advance(LINGER)
        self.assertFalse(self.child.input_closed)
        self.ask("DELETE", location)
        self.app.reactor.advance(LINGER)
        self.assertTrue(self.child.input_closed)
        self.child.die()
        self.assertEqual((self.value("restarts"), len(self.children)), (0, 1))
        self.watch()
        self.assertEqual(len(self.children), 2)

    def test_a_viewer_that_is_gone(self) -> None:
        self.watch()
        session = self.child.asked("offer")["session"]
        self.child.say(say="state", session=session, state="connected")
        self.assertEqual(self.value("viewers"), 1)
        self.child.say(say="state", session=session, state="closed")
        self.child.say(say="state", session=session, state="closed")
        self.assertEqual((self.value("viewers"), self.app.web.presence.visits), (0, {}))

    def test_it_dies(self) -> None:
        self.watch()
        transport = self.post()
        self.child.die()
        self.assertEqual((self.value("viewers"), self.value("restarts")), (0, 1))
        self.assertEqual(Answer(transport.value()).status, 503)
        self.assertEqual(self.app.cameras["cam1"].pipeline.clients(), {})
        for wait in BACKOFF[1:3]:  # the first time it starts again at once
            self.watch()
            self.child.die()
            answer = Answer(self.post().value())
            self.assertEqual(answer.status, 503)
            self.assertIn("starts again", answer.error["message"])
            self.app.reactor.advance(wait)
        self.assertEqual(self.watch().status, 201)
        self.app.reactor.advance(1000)
        self.child.die()
        self.assertEqual(self.watch().status, 201)

    def test_it_dies_while_it_starts(self) -> None:
        first, second = self.post(), self.post()
        self.child.die()
        for transport in (first, second):
            self.assertEqual(Answer(transport.value()).status, 503)
        self.assertEqual(self.gateway.sessions, {})

    def test_it_does_not_start(self) -> None:
        self.post()
        self.app.reactor.advance(START)
        self.assertEqual(self.child.signals, ["KILL"])

    def test_it_does_not_answer(self) -> None:
        transport = self.post()
        self.child.ready()
        self.app.reactor.advance(ANSWER)
        self.assertEqual(Answer(transport.value()).status, 503)
        self.child.answer(sdp="too late")
        self.assertEqual(self.gateway.sessions, {})

    def test_it_talks_nonsense(self) -> None:
        for data in (
            b"\xff\xff\xff\xff\0",
            pack_message({"hey": 1}),
            b"".join(pack_picture(1, 1, True, b"")),
        ):
            self.watch()
            self.child.protocol.outReceived(data)
            self.assertEqual(self.child.signals, ["KILL"])
            self.child.die()
            self.app.reactor.advance(BACKOFF[-1])

    def test_the_daemon_stops(self) -> None:
        self.watch()
        stopped = self.gateway.stopService()
        self.assertTrue(self.child.input_closed)
        self.assertNoResult(stopped)
        self.app.reactor.advance(END)
        self.assertEqual(self.child.signals, ["KILL"])
        self.child.die()
        self.successResultOf(stopped)
        self.assertEqual(self.value("restarts"), 0)

    def test_the_camera_goes(self) -> None:
        self.watch()
        self.app.cameras["cam1"].pipeline.source.end()
        self.assertEqual(self.value("viewers"), 0)

    def test_it_writes_much(self) -> None:
        said: list[Any] = []
        self.patch(
            process_module.Process, "log", SimpleNamespace(warn=lambda text, **fields: said.append(fields))
        )
        self.post()
        for _ in range(3):
            self.child.protocol.errReceived(10 * b"oh\n")
        self.assertEqual(said, 20 * [{"line": "oh"}])
        self.app.reactor.advance(10)
        self.child.protocol.errReceived(b"well\n")
        self.assertEqual(said[20:], [{"count": 10}, {"line": "well"}])

    def test_it_gets_no_secrets(self) -> None:
        ours = {"CAMD_SECRET": "x", "NOTIFY_SOCKET": "/run/x", "LANG": "C", "PYTHONPATH": "/elsewhere"}
        environment = _environment(ours)
        self.assertEqual(sorted(environment), ["LANG", "PYTHONPATH"])


class OptionsTests(WebRtcCase):
    def set(self, name: str, value: Any) -> None:
        self.successResultOf(self.app.state[f"webrtc/{name}"].set(value, EVERYONE))

    def test_a_range_of_ports(self) -> None:
        self.set("port_min", 41000)
        answer = Answer(self._after_ready().value())
        self.assertEqual(answer.status, 400)
        self.set("port_max", 41009)
        self.set("addresses", ["203.0.113.7", "2001:DB8::1"])
        self.watch()
        network = self.child.asked("offer")["network"]
        self.assertEqual(network["ports"], [41000, 41009])
        self.assertEqual(network["addresses"], ["203.0.113.7", "2001:db8::1"])

    def _after_ready(self) -> Any:
        transport = self.post()
        self.child.ready()
        return transport

    def test_values_that_are_none(self) -> None:
        for name, value in (
            ("addresses", ["camera.example"]), ("addresses", ["192.0.2.1"] * 9),
            ("ice_servers", ["stun:a"]), ("ice_servers", [{"urls": "http://a"}]), ("ice_servers", [{}]),
            ("ice_servers", [{"urls": "stun:a", "more": ""}]), ("ice_servers", [{"urls": "stun:a\r\nX: y"}]),
            ("port_min", 70000),
        ):  # fmt: skip
            observable = self.app.state[f"webrtc/{name}"]
            before = observable.value
            self.failureResultOf(maybeDeferred(observable.set, value, EVERYONE), Invalid)
            self.assertEqual(observable.value, before)
