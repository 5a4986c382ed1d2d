"""Connections that stay open: who they are, and what happens when that changes or ends."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.config import AuthConfig
from camd.state import Permission, Principal
from camd.web.client import SIGN_IN_TIME
from camd.web.presence import INTERVAL, SIGNED_OUT, Presence

from .auth_case import OTHER, PASSWORD
from .edge_case import EdgeCase, Socket, Wire

VIEWER = Principal("viewer", frozenset({Permission.Media_r}), how="session", key="session:1")
GUEST = Principal("guest", frozenset(), how="guest")
ORIGIN = {"origin": "http://camd"}


class Users:
    def __init__(self) -> None:
        self.on_change: list[Any] = []
        self.guest = GUEST
        self.now: dict[str, Principal | None] = {}
        self.asked = 0

    def still_valid(self, principal: Principal) -> Principal | None:
        self.asked += 1
        return self.now.get(principal.name, principal)


class PresenceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.users, self.clock = Users(), Clock()
        self.presence = Presence(self.users, self.clock)
        self.told: list[Any] = []

    def change(self) -> None:
        self.users.on_change[0]()
        self.clock.advance(0)

    def test_nothing_changed(self) -> None:
        self.presence.enter(VIEWER, self.told.append)
        self.change()
        self.assertEqual(self.told, [])

    def test_rights_changed(self) -> None:
        visit = self.presence.enter(VIEWER, self.told.append)
        now = self.users.now["viewer"] = Principal("viewer", frozenset(), how="session", key="session:1")
        self.change()
        self.change()
        self.assertEqual((self.told, visit.principal), ([now], now))

    def test_it_ended(self) -> None:
        self.presence.enter(VIEWER, self.told.append)
        self.users.now["viewer"] = None
        self.change()
        self.assertEqual((self.told, len(self.presence.visits)), ([None], 0))

    def test_guests(self) -> None:
        self.presence.enter(GUEST, self.told.append)
        self.users.guest = Principal("guest", frozenset({Permission.Media_r}), how="guest")
        self.change()
        self.assertEqual(self.told, [self.users.guest])

    def test_equal_identities_are_asked_about_once(self) -> None:
        for _ in range(50):
            self.presence.enter(
                Principal("viewer", frozenset({Permission.Media_r}), how="session"), self.told.append
            )
        self.change()
        self.assertEqual(self.users.asked, 1)

    def test_many_changes_are_one_look(self) -> None:
        self.presence.enter(VIEWER, self.told.append)
        for _ in range(5):
            self.users.on_change[0]()
        self.clock.advance(0)
        self.assertEqual(self.users.asked, 1)

    def test_time_is_looked_at_too_while_somebody_is_there(self) -> None:
        visit = self.presence.enter(VIEWER, self.told.append)
        self.users.now["viewer"] = None
        self.clock.advance(INTERVAL)
        self.assertEqual(self.told, [None])
        visit.leave()
        self.clock.advance(INTERVAL)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_fails_costs_itself_only(self) -> None:
        self.presence.enter(VIEWER, lambda now: 1 / 0)
        self.presence.enter(VIEWER, self.told.append)
        self.users.now["viewer"] = None
        self.change()
        self.assertEqual(self.told, [None])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stop(self) -> None:
        self.presence.enter(VIEWER, self.told.append)
        self.presence.look_soon()
        self.presence.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SocketCase(EdgeCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin = self.users.by_token(self.tokens["admin"])

    def states(self, socket: Socket) -> list[str]:
        return [message["state"] for message in socket.received() if "state" in message]

    def publish(self, *names: str) -> None:
        for name in names:
            observable = self.app.state[name]
            observable.publish(observable.value + "!")


class SignInTests(SocketCase):
    def test_token_and_password(self) -> None:
        for who in ({"token": self.tokens["viewer"]}, {"username": "viewer", "password": PASSWORD}):
            socket = self.socket()
            answer = socket.ask({**who, "id": 3})
            self.assertEqual(
                answer,
                {
                    "authenticated": True,
                    "permissions": ["Device_r", "Media_r", "Storage_r", "System_r"],
                    "id": 3,
                },
            )
            self.assertEqual(
                socket.ask({"get": ["lamp/device_r"]})["values"], {"lamp/device_r": "value of Device_r"}
            )

    def test_before_it_nothing(self) -> None:
        socket = self.socket()
        for message in (
            {"get": ["*"]},
            {"schema": True},
            {"lamp/device_rw": "x"},
            {"call": "lamp.blink", "args": {"times": 1}},
            {"subscribe": ["*"]},
            {"since": 0, "boot": ""},
            {"nonsense": 1},
            {"get": ["no/such"]},
            [],
        ):
            self.assertEqual(socket.ask(message), {"error": "Unauthorized"}, message)
        self.publish("lamp/device_r", "lamp/system_r")
        self.assertEqual(self.states(socket), [])
        self.assertTrue(socket.is_open)

    def test_wrong(self) -> None:
        socket = self.socket()
        self.assertEqual(socket.ask({"token": "x"}), {"error": "Unauthorized"})
        self.assertEqual(
            socket.ask({"username": "viewer", "password": "x", "id": 1}), {"error": "Unauthorized", "id": 1}
        )
        self.assertEqual(socket.ask({"username": "viewer"})["error"], "Invalid value")
        self.assertEqual(socket.ask({"token": self.tokens["admin"], "get": ["*"]})["error"], "Invalid value")
        self.assertEqual(socket.ask({"get": ["*"]}), {"error": "Unauthorized"})

    def test_locked(self) -> None:
        socket = self.socket()
        for _ in range(5):
            socket.ask({"username": "viewer", "password": "x"})
        answer = socket.ask({"username": "viewer", "password": PASSWORD})
        self.assertEqual(answer, {"error": "Unauthorized", "retry_after": 300})

    def test_changes_are_heard_from_then_on(self) -> None:
        socket = self.socket()
        socket.ask({"token": self.tokens["viewer"]})
        self.publish("lamp/device_r", "lamp/user_r", "lamp/system_r")
        self.assertEqual(self.states(socket), ["lamp/device_r", "lamp/system_r"])

    def test_one_may_become_somebody_else(self) -> None:
        socket = self.socket(by="admin")
        socket.ask({"token": self.tokens["streamer"]})
        self.publish("lamp/device_r", "lamp/media_r", "lamp/user_r")
        self.assertEqual(self.states(socket), ["lamp/media_r"])
        self.get(self.users.change(self.admin, "streamer", enabled=False))
        self.clock.advance(0)
        self.assertEqual(socket.received(), [{"close": SIGNED_OUT}])

    def test_not_in_time(self) -> None:
        socket, other = self.socket(), self.socket()
        other.ask({"token": self.tokens["nobody"]})
        self.clock.advance(SIGN_IN_TIME - 0.1)
        self.assertEqual(socket.received(), [])
        self.clock.advance(0.2)
        self.assertEqual(socket.received(), [{"close": SIGNED_OUT}])
        self.assertEqual(other.received(), [])

    def test_guests_that_may_something_stay(self) -> None:
        self.get(self.users.set_role(self.admin, "guest", ["Media_r"]))
        socket = self.socket()
        self.clock.advance(SIGN_IN_TIME + 1)
        self.publish("lamp/media_r", "lamp/device_r")
        self.assertEqual(self.states(socket), ["lamp/media_r"])
        self.assertEqual(
            socket.ask({"get": ["lamp/device_r"]}), {"error": "Unauthorized", "key": "lamp/device_r"}
        )
        self.get(self.users.set_role(self.admin, "guest", []))
        self.clock.advance(0.1)
        self.publish("lamp/media_r")
        self.assertEqual(self.states(socket), [])
        self.clock.advance(SIGN_IN_TIME + 0.1)
        self.assertEqual(socket.received(), [{"close": SIGNED_OUT}])

    def test_while_a_password_is_checked(self) -> None:
        self.clock.advance(301)
        self.app.threads.pools["auth"].at_once = False
        socket = self.socket()
        socket.send({"username": "viewer", "password": PASSWORD})
        self.assertEqual(socket.received(), [])
        self.app.threads.pools["auth"].run()
        self.assertEqual(socket.received()[0]["authenticated"], True)

    def test_lost_while_a_password_is_checked(self) -> None:
        self.clock.advance(301)
        self.app.threads.pools["auth"].at_once = False
        socket = self.socket()
        socket.send({"username": "viewer", "password": PASSWORD})
        self.lose(socket.wire)
        self.app.threads.pools["auth"].run()
        self.assertEqual(socket.received(), [])
        self.assertEqual(len(self.app.web.presence.visits), 0)


class ChangeTests(SocketCase):
    def test_rights_taken_and_given(self) -> None:
        socket = self.socket(by="viewer")
        self.get(self.users.change(self.admin, "viewer", role="guest", additional_permissions=["User_r"]))
        self.clock.advance(0)
        self.publish("lamp/device_r", "lamp/user_r")
        self.assertEqual(self.states(socket), ["lamp/user_r"])
        self.assertEqual(socket.ask({"get": ["lamp/device_r"]})["error"], "Permission denied")
        self.assertEqual(set(socket.ask({"schema": True})["schema"]), {"lamp/user_r"})

    def test_cameras_taken(self) -> None:
        socket = self.socket(by="viewer")
        self.get(self.users.change(self.admin, "viewer", cameras=["cam1"]))
        self.clock.advance(0)
        self.publish("cameras/door/reason", "cameras/cam1/reason")
        self.assertEqual(self.states(socket), ["cameras/cam1/reason"])

    def test_what_ends_a_session(self) -> None:
        def logout(cookie: str) -> None:
            self.ask("POST", "/api/logout", cookie=cookie, sec_fetch_site="same-origin")

        def password(_: str) -> None:
            self.get(self.users.change(self.admin, "viewer", password=OTHER))
            self.get(self.users.change(self.admin, "viewer", password=PASSWORD + "x"))

        def disable(_: str) -> None:
            self.get(self.users.change(self.admin, "operator", enabled=False))

        def remove(_: str) -> None:
            self.get(self.users.remove(self.admin, "streamer"))

        for name, end in (
            ("viewer", logout),
            ("viewer", password),
            ("operator", disable),
            ("streamer", remove),
        ):
            cookie = self.login(name)
            socket = self.socket(cookie=cookie, **ORIGIN)
            wire = self.request("GET", "/stream", cookie=cookie)
            self.assertFalse(wire.lost)
            end(cookie)
            self.clock.advance(0)
            self.assertEqual(socket.received()[-1], {"close": SIGNED_OUT}, end)
            self.assertTrue(wire.lost, end)
            self.lose(wire)

    def test_a_token_that_is_revoked(self) -> None:
        socket, wire = self.socket(by="viewer"), self.request("GET", f"/stream?token={self.tokens['viewer']}")
        other = self.socket(by="operator")
        (entry,) = [one for one in self.users.tokens(self.admin) if one["user"] == "viewer"]
        self.get(self.users.revoke_token(self.admin, entry["id"]))
        self.clock.advance(0)
        self.assertEqual(socket.received()[-1], {"close": SIGNED_OUT})
        self.assertTrue(wire.lost)
        self.assertTrue(other.is_open)
        self.lose(wire)

    def test_a_stream_of_a_camera_that_is_taken(self) -> None:
        one, two = (
            self.request("GET", "/cam/cam1/stream.mjpg", by="viewer"),
            self.request("GET", "/cam/door/stream.mjpg", by="viewer"),
        )
        self.get(self.users.change(self.admin, "viewer", cameras=["cam1"]))
        self.clock.advance(0)
        self.assertEqual((one.lost, two.lost), (False, True))
        for wire in (one, two):
            self.lose(wire)

    def test_a_stream_by_a_token_of_the_page_outlives_its_minute_but_not_its_session(self) -> None:
        cookie = self.login("viewer")
        token = self.users.url_token(self.users.by_session(cookie.partition("=")[2]), "cam1")
        wire = self.request("GET", f"/cam/cam1/stream.mjpg?token={token}")
        self.clock.advance(90)
        self.assertFalse(wire.lost)
        self.ask("POST", "/api/logout", cookie=cookie, sec_fetch_site="same-origin")
        self.clock.advance(0)
        self.assertTrue(wire.lost)
        self.lose(wire)

    def test_idle_sessions_end_and_active_ones_stay(self) -> None:
        idle, active = (
            self.socket(cookie=self.login("viewer"), **ORIGIN),
            self.socket(cookie=self.login("viewer"), **ORIGIN),
        )
        for _ in range(31):
            self.clock.pump([10.0] * 6)
            if active.is_open:
                active.ask({"get": []})
        self.assertIn({"close": SIGNED_OUT}, idle.received())
        self.assertTrue(active.is_open)
        self.assertEqual(active.ask({"get": []})["values"], {})

    def test_nothing_is_kept_of_those_who_left(self) -> None:
        sockets = [self.socket(by="viewer") for _ in range(5)]
        wires: list[Wire] = [self.request("GET", "/stream", by="viewer") for _ in range(5)]
        self.assertEqual(len(self.app.web.presence.visits), 10)
        for wire in [*wires, *(socket.wire for socket in sockets)]:
            self.lose(wire)
        self.assertEqual((len(self.app.web.presence.visits), self.app.web.websocket.clients), (0, 0))


class RateTests(SocketCase):
    auth = AuthConfig(rate_limits=True)

    def test_messages(self) -> None:
        socket, other = self.socket(by="viewer"), self.socket(by="viewer")
        socket.send(*({"get": [], "id": n} for n in range(120)))
        self.clock.pump([0] * 50)
        answers = socket.received()
        self.assertEqual([one["id"] for one in answers], list(range(120)))
        self.assertTrue(all("values" in one for one in answers[:100]))
        self.assertEqual(
            answers[100],
            {"error": "Rate limit exceeded", "limit": 100, "period": "second", "retry_after": 1, "id": 100},
        )
        self.assertEqual(other.ask({"get": []})["values"], {})
        self.assertTrue(socket.is_open)
        self.clock.advance(1)
        self.assertEqual(socket.ask({"get": []})["values"], {})

    def test_what_is_no_message_counts_too(self) -> None:
        socket = self.socket(by="viewer")
        socket.send(*([] for _ in range(101)))
        self.clock.pump([0] * 50)
        self.assertEqual(socket.received()[100]["error"], "Rate limit exceeded")

    def test_off(self) -> None:
        self.app.web.limits.enabled = False
        socket = self.socket(by="viewer")
        socket.send(*({"get": []} for _ in range(300)))
        self.clock.pump([0] * 100)
        answers = socket.received()
        self.assertEqual((len(answers), all("values" in one for one in answers)), (300, True))

    def test_places_are_limited_and_told_of(self) -> None:
        self.app.web.websocket.max_clients = 1
        self.socket(by="viewer")
        answer = self.socket(by="viewer").handshake
        self.assertEqual(
            (answer.status, answer.body, answer.headers["retry-after"]), (503, b"Server busy", "5")
        )
        self.assertEqual(self.socket("/api?token=wrong").handshake.status, 401)


class PlaceTests(SocketCase):
    """Strangers take the places of nobody who says who they are."""

    def setUp(self) -> None:
        super().setUp()
        self.count = self.app.web.websocket
        self.count.max_clients = 2

    def test_the_oldest_stranger_gives_way(self) -> None:
        oldest, other = self.socket(), self.socket()
        first = self.socket(by="viewer")
        self.assertEqual((oldest.is_open, other.is_open, first.is_open), (False, True, True))
        self.assertEqual((self.count.clients, self.count.refused), (2, 1))
        self.lose(oldest.wire)
        self.assertEqual(self.count.clients, 2)
        second = self.socket(by="operator")
        self.assertEqual((other.is_open, first.is_open, second.is_open), (False, True, True))
        self.assertEqual(self.socket(by="viewer").handshake.status, 503)
        self.assertEqual((first.is_open, second.is_open, self.count.clients), (True, True, 2))

    def test_strangers_move_nobody(self) -> None:
        held = [self.socket(), self.socket()]
        self.assertEqual(self.socket().handshake.status, 503)
        self.assertEqual([socket.is_open for socket in held], [True, True])

    def test_who_signed_in_stays(self) -> None:
        signed_in, stranger = self.socket(), self.socket()
        self.assertTrue(signed_in.ask({"token": self.tokens["viewer"]})["authenticated"])
        self.assertTrue(self.socket(by="viewer").is_open)
        self.assertEqual((signed_in.is_open, stranger.is_open), (True, False))

    def test_guests_that_may_something_stay(self) -> None:
        self.get(self.users.set_role(self.admin, "guest", ["Device_r"]))
        held = [self.socket(), self.socket()]
        self.assertEqual(self.socket(by="viewer").handshake.status, 503)
        self.assertEqual([socket.is_open for socket in held], [True, True])
