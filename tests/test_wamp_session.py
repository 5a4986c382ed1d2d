"""WAMP sessions, message by message: joining, leaving, and what clients may not do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autobahn.wamp import message
from autobahn.wamp.exception import ProtocolError
from autobahn.wamp.role import RoleCallerFeatures
from camd_plugins.wamp import session as sessions
from camd_plugins.wamp import transport as transports
from camd_plugins.wamp.realm import Realm
from camd_plugins.wamp.session import JOIN_PATIENCE, Session
from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Locked, RateLimited, SourceError, Unauthorized
from camd.hookspecs import Method, hookimpl
from camd.media import Stream
from camd.state import GUEST_NAME, Permission, Principal, Spec
from camd.testing import app_for_tests
from camd.web.presence import Presence

ADMIN = Principal("admin", frozenset(Permission), how="bearer", key="t1")
VIEWER = Principal("viewer", frozenset({Permission.Device_r, Permission.Media_r}), how="password")
ONLY_BACK = Principal("neighbour", VIEWER.permissions, cameras=frozenset({"back"}))
GUEST = Principal(GUEST_NAME, frozenset(), how="guest")
ROLES = {"caller": RoleCallerFeatures()}


class Users:
    """Accounts that a test can see through. now: who is somebody else by now; checks: passwords that were
    asked about; answer: what came of it; touched: whose sessions were used."""

    guest = GUEST

    def __init__(self) -> None:
        self.on_change: list[Any] = []
        self.now: dict[str, Principal | None] = {}
        self.checks: list[tuple[str, str, str]] = []
        self.answer: Any = None
        self.touched: list[str] = []

    def stand_in(self, app: Any) -> None:
        """Take the place of the accounts of an App."""
        app.users = app.web.users = self
        app.web.presence = Presence(self, app.reactor)
        app.web.sign_in = self.sign_in

    async def sign_in(self, given: Any, address: str) -> Principal:
        if given.token:
            if given.token == "camd_good":
                return ADMIN
            raise Unauthorized
        self.checks.append((given.username, given.password, address))
        return await self.answer

    def touch(self, principal: Principal) -> None:
        self.touched.append(principal.name)

    def still_valid(self, principal: Principal) -> Principal | None:
        return self.now.get(principal.name, principal)


class Camera:
    """Pictures by hand. stream(...) is one for all qualities; ended when the camera goes."""

    reason = "the cable is out"
    status = "backoff"

    def __init__(self, name: str) -> None:
        self.id = name
        self.pictures = Stream()
        self.last: Any = None
        self.asked: list[Any] = []

    def stream(self, encoding: Any) -> Stream:
        self.asked.append(encoding)
        return self.pictures

    def newest(self, encoding: Any) -> Any:
        return self.last


class Cameras(dict):
    @property
    def main(self) -> Camera | None:
        return next(iter(self.values()), None)


class Transport:
    """Where a session's messages go. room: how many more it takes before it is full."""

    address = "192.0.2.1"

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.sent: list[message.Message] = []
        self.code: int | None = None
        self.room: int | None = None
        self.session: Session | None = None
        self.turns = 0

    def send(self, msg: message.Message) -> None:
        self.sent.append(msg)
        if self.room is not None:
            self.room -= 1
            if self.room == 0:
                self.session.pause()

    def leave(self, code: int) -> None:
        self.code = code

    def answered(self) -> None:
        self.turns += 1

    def take(self) -> list[message.Message]:
        sent, self.sent = self.sent, []
        return sent


class Plugin:
    """Some state and some calls."""

    def __init__(self) -> None:
        self.device: dict[str, Any] = {}
        self.result: Any = None

    @hookimpl
    def camd_observables(self, app: Any) -> list[Spec]:
        def apply(value: int) -> int:
            if value == 9:
                raise SourceError("the device says no")
            return value

        for camera in ("front", "back"):
            spec = Spec(
                f"cameras/{camera}/level", int, default=1, min=0, max=9, read="Device_r", write="Device_rw"
            )
            app.state.declare(spec, apply)
        return [
            Spec("lamp/colour", str, default="red", read="Device_r", write="Device_rw"),
            Spec("lamp/secret", str, default="x", read="User_rw"),
            Spec("lamp/unknown", int, read="Device_r"),
        ]

    @hookimpl
    def camd_methods(self, app: Any) -> list[Method]:
        return [
            Method("lamp.add", {"a": int, "b": int}, "Device_r", lambda a, b: a + b),
            Method("lamp.wait", {}, "Device_r", lambda: self.result),
            Method("lamp.reboot", {}, "Reboot_rw", lambda: None),
            Method("get", {}, "Device_r", lambda: "never reached: camd.get is ours"),
        ]


class SessionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.plugin = Plugin()
        self.app = app_for_tests(Path(self.mktemp()), {"lamp": self.plugin})
        self.addCleanup(self.app.extensions.stop_services)
        self.users = Users()
        self.users.stand_in(self.app)
        self.visits = self.app.web.presence.visits
        self.cameras = self.app.cameras = Cameras(front=Camera("front"), back=Camera("back"))
        self.state = self.app.state
        self.realm = Realm(self.app)
        self.request = 0

    def connect(self, principal: Principal = GUEST) -> tuple[Session, Transport]:
        session, transport = Session(self.realm), Transport(principal)
        transport.session = session
        session.onOpen(transport)
        return session, transport

    def join(self, principal: Principal = ADMIN) -> tuple[Session, Transport]:
        session, transport = self.connect(principal)
        session.onMessage(message.Hello("camd", ROLES))
        (welcome,) = transport.take()
        self.assertIsInstance(welcome, message.Welcome)
        return session, transport

    def number(self) -> int:
        self.request += 1
        return self.request

    def ask(self, peer: tuple[Session, Transport], kind: Any, *args: Any, **kwargs: Any) -> message.Message:
        """Send a request and return the one answer to it."""
        session, transport = peer
        number = self.number()
        session.onMessage(kind(number, *args, **kwargs))
        (answer,) = transport.take()
        self.assertEqual(answer.request, number)
        return answer

    def call(self, peer: tuple[Session, Transport], procedure: str, *args: Any, **kwargs: Any) -> Any:
        """The result of a call, or (uri, text, details) of its error."""
        answer = self.ask(peer, message.Call, procedure, args=list(args), kwargs=kwargs or None)
        if isinstance(answer, message.Error):
            self.assertEqual(answer.request_type, message.Call.MESSAGE_TYPE)
            return answer.error, answer.args[0], answer.kwargs or {}
        self.assertFalse(answer.progress)
        return answer.args[0]

    def subscribe(
        self, peer: tuple[Session, Transport], topic: str, match: str = "exact", retained: bool = False
    ) -> Any:
        """(subscription id, events that came at once)"""
        session, transport = peer
        session.onMessage(message.Subscribe(self.number(), topic, match, retained))
        answer, *events = transport.take()
        self.assertIsInstance(answer, message.Subscribed)
        return answer.subscription, events


class JoiningTests(SessionCase):
    def hello(
        self, methods: list[str] | None, principal: Principal = GUEST, **kwargs: Any
    ) -> tuple[Session, Transport]:
        session, transport = self.connect(principal)
        session.onMessage(message.Hello(kwargs.pop("realm", "camd"), ROLES, methods, **kwargs))
        return session, transport

    def aborted(self, transport: Transport, reason: str) -> str:
        (abort,) = transport.take()
        self.assertIsInstance(abort, message.Abort)
        self.assertEqual((abort.reason, transport.code), (reason, 1000))
        self.assertEqual(len(self.visits), 0)
        return abort.message

    def test_the_handshake_said_who_it_is(self) -> None:
        for methods in (None, ["anonymous"]):
            _, transport = self.hello(methods, VIEWER)
            (welcome,) = transport.take()
            self.assertEqual(welcome.realm, "camd")
            self.assertEqual((welcome.authid, welcome.authrole), ("viewer", "user"))
            self.assertEqual((welcome.authmethod, welcome.authprovider), ("anonymous", "password"))
            self.assertEqual(welcome.authextra, {"permissions": ["Device_r", "Media_r"]})
            self.assertEqual(set(welcome.roles), {"broker", "dealer"})
            features = welcome.marshal()[2]["roles"]
            self.assertEqual(
                features,
                {
                    "broker": {"features": {"pattern_based_subscription": True, "event_retention": True}},
                    "dealer": {"features": {"progressive_call_results": True, "call_canceling": True}},
                },
            )

    def test_guests(self) -> None:
        for methods in (None, ["anonymous"], []):
            _, transport = self.hello(methods, GUEST)
            self.aborted(transport, "wamp.error.authentication_required")
        _, transport = self.hello(None, Principal(GUEST_NAME, frozenset({Permission.Media_r}), how="guest"))
        (welcome,) = transport.take()
        self.assertEqual(
            (welcome.authid, welcome.authrole, welcome.authprovider), ("guest", "guest", "guest")
        )

    def challenge(
        self, authid: str | None, ticket: str, methods: list[str] | None = None
    ) -> tuple[Session, Transport]:
        session, transport = self.hello(methods or ["ticket"], authid=authid)
        (challenge,) = transport.take()
        self.assertEqual((challenge.method, challenge.extra), ("ticket", {}))
        session.onMessage(message.Authenticate(ticket))
        return session, transport

    def test_a_password(self) -> None:
        self.users.answer = Deferred()
        _, transport = self.challenge("viewer", "secret", ["anonymous", "ticket"])
        self.assertEqual(self.users.checks, [("viewer", "secret", "192.0.2.1")])
        self.assertEqual(transport.take(), [])
        self.users.answer.callback(VIEWER)
        (welcome,) = transport.take()
        self.assertEqual((welcome.authid, welcome.authmethod), ("viewer", "ticket"))

    def test_a_token(self) -> None:
        for authid in (None, "", "whatever"):
            _, transport = self.challenge(authid, "camd_good")
            (welcome,) = transport.take()
            self.assertEqual(
                (welcome.authid, welcome.authmethod, welcome.authprovider), ("admin", "ticket", "bearer")
            )
        self.assertEqual(self.users.checks, [])

    def test_wrong_tickets(self) -> None:
        for ticket, error, reason in (
            ("wrong", Unauthorized(), "wamp.error.authentication_denied"),
            ("camd_bad", Unauthorized(), "wamp.error.authentication_denied"),
            ("wrong", Locked(300), "camd.error.locked"),
            ("wrong", RateLimited(100), "camd.error.rate_limited"),
        ):
            self.users.answer = fail(error)
            _, transport = self.challenge("viewer", ticket)
            self.assertEqual(self.aborted(transport, reason), str(error))

    def test_a_check_that_fails_itself(self) -> None:
        self.users.answer = fail(ZeroDivisionError("of the database"))
        _, transport = self.challenge("viewer", "secret")
        self.assertNotIn("database", self.aborted(transport, "wamp.error.authentication_failed"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_client_that_leaves_while_its_ticket_is_checked(self) -> None:
        for leave in (lambda s: s.onClose(False), lambda s: s.onMessage(message.Abort("wamp.error.x"))):
            self.users.answer = Deferred()
            session, transport = self.challenge("viewer", "secret")
            leave(session)
            self.users.answer.callback(VIEWER)
            self.assertEqual((transport.take(), len(self.visits)), ([], 0))

    def test_nothing_to_agree_on(self) -> None:
        _, transport = self.hello(["wampcra", "cryptosign"], VIEWER)
        self.aborted(transport, "wamp.error.no_matching_auth_method")
        _, transport = self.hello(None, VIEWER, realm="realm1")
        self.aborted(transport, "wamp.error.no_such_realm")
        _, transport = self.hello(None, VIEWER, realm=None)
        self.assertIsInstance(transport.take()[0], message.Welcome)

    def test_too_late(self) -> None:
        _, silent = self.connect(VIEWER)
        _, slow = self.hello(["ticket"])
        self.join()
        slow.take()
        self.app.reactor.advance(JOIN_PATIENCE)
        for transport in (silent, slow):
            self.aborted_after_time(transport)
        self.assertEqual(len(self.visits), 1)

    def aborted_after_time(self, transport: Transport) -> None:
        (abort,) = transport.take()
        self.assertEqual((abort.reason, transport.code), ("wamp.error.authentication_required", 1000))

    def test_what_comes_at_the_wrong_time(self) -> None:
        session, _ = self.connect()
        for early in (
            message.Call(1, "camd.get"),
            message.Goodbye(),
            message.Authenticate("x"),
            message.Subscribe(1, "a.b"),
        ):
            self.assertRaises(ProtocolError, session.onMessage, early)
        session, _ = self.hello(["ticket"])
        for early in (message.Call(1, "camd.get"), message.Hello("camd", ROLES)):
            self.assertRaises(ProtocolError, session.onMessage, early)
        self.users.answer = Deferred()
        session, _ = self.challenge("viewer", "secret")
        self.assertRaises(ProtocolError, session.onMessage, message.Authenticate("another"))
        session, _ = self.join()
        for late in (message.Hello("camd", ROLES), message.Authenticate("x")):
            self.assertRaises(ProtocolError, session.onMessage, late)


class LeavingTests(SessionCase):
    def test_the_client_says_goodbye(self) -> None:
        session, transport = self.join()
        self.subscribe((session, transport), "camd.state.lamp.colour")
        session.onMessage(message.Goodbye())
        (answer,) = transport.take()
        self.assertIsInstance(answer, message.Goodbye)
        self.assertEqual((answer.reason, transport.code), ("wamp.close.goodbye_and_out", 1000))
        self.state["lamp/colour"].publish("blue")
        session.onMessage(message.Call(7, "camd.get"))
        self.assertEqual((transport.take(), len(self.visits)), ([], 0))

    def test_camd_says_goodbye(self) -> None:
        session, transport = self.join()
        session.leave("wamp.close.system_shutdown", "camd stops", 1001)
        (goodbye,) = transport.take()
        self.assertEqual(
            (goodbye.reason, goodbye.message, transport.code),
            ("wamp.close.system_shutdown", "camd stops", 1001),
        )
        session, transport = self.connect()
        session.leave("wamp.close.system_shutdown", "camd stops", 1001)
        self.assertIsInstance(transport.take()[0], message.Abort)

    def test_the_connection_is_lost(self) -> None:
        session, transport = self.join()
        self.subscribe((session, transport), "camd.state.", "prefix")
        session.onMessage(message.Call(7, "camd.stream", receive_progress=True))
        session.onClose(False)
        self.assertFalse(self.cameras["front"].pictures.running)
        self.state["lamp/colour"].publish("blue")
        self.assertEqual(transport.take(), [])
        session.send(message.Goodbye())
        self.app.reactor.advance(JOIN_PATIENCE)

    def test_rights_that_change(self) -> None:
        session, transport = self.join(VIEWER)
        self.subscribe((session, transport), "camd.state.cameras.", "prefix")
        session.onMessage(message.Call(7, "camd.stream", args=["front"], receive_progress=True))
        session.onMessage(message.Call(8, "camd.stream", args=["back"], receive_progress=True))
        self.users.now["viewer"] = Principal("viewer", VIEWER.permissions, cameras=frozenset({"back"}))
        self.users_changed()
        (error,) = transport.take()
        self.assertEqual((error.request, error.error), (7, "wamp.error.not_authorized"))
        self.assertFalse(self.cameras["front"].pictures.running)
        self.assertTrue(self.cameras["back"].pictures.running)
        self.state["cameras/front/level"].publish(5)
        self.assertEqual(transport.take(), [])
        self.state["cameras/back/level"].publish(5)
        self.assertEqual(len(transport.take()), 1)

    def test_identities_that_end(self) -> None:
        some_guest = Principal(GUEST_NAME, frozenset({Permission.Media_r}), how="guest")
        for by in (VIEWER, some_guest):
            _, transport = self.join(by)
            _, other = self.join(ADMIN)
            self.users.now["viewer"] = None
            self.users_changed()
            (goodbye,) = transport.take()
            self.assertIsInstance(goodbye, message.Goodbye)
            self.assertEqual((goodbye.reason, transport.code), ("wamp.error.authentication_required", 1000))
            self.assertEqual((other.take(), other.code), ([], None))

    def users_changed(self) -> None:
        self.users.on_change[0]()
        self.app.reactor.advance(0)

    def test_a_session_of_the_page_that_is_used(self) -> None:
        page = Principal("viewer", VIEWER.permissions, how="session")
        self.ask(self.join(page), message.Call, "camd.get")
        self.ask(self.join(VIEWER), message.Call, "camd.get")
        self.assertEqual(self.users.touched, ["viewer"])


class NotForClientsTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin = self.join(ADMIN)

    def test_register(self) -> None:
        error = self.ask(self.admin, message.Register, "camd.mine")
        self.assertEqual((error.request_type, error.error), (64, "wamp.error.not_authorized"))
        error = self.ask(self.admin, message.Unregister, 1)
        self.assertEqual((error.request_type, error.error), (66, "wamp.error.no_such_registration"))

    def test_publish(self) -> None:
        listener = self.join(ADMIN)
        self.subscribe(listener, "camd.state.", "prefix")
        error = self.ask(self.admin, message.Publish, "camd.state.lamp.colour", args=["x"], acknowledge=True)
        self.assertEqual((error.request_type, error.error), (16, "wamp.error.not_authorized"))
        session, transport = self.admin
        session.onMessage(message.Publish(99, "camd.state.lamp.colour", args=["x"]))
        self.assertEqual((transport.take(), listener[1].take()), ([], []))

    def test_what_only_routers_send(self) -> None:
        session, _ = self.admin
        for wrong in (
            message.Result(1), message.Event(1, 1), message.Subscribed(1, 1), message.Yield(1),
            message.Invocation(1, 1),
            message.Error(68, 1, "a.b"), message.Challenge("ticket", {}), message.Published(1, 1),
        ):  # fmt: skip
            self.assertRaises(ProtocolError, session.onMessage, wrong)

    def test_every_message_of_a_client_has_a_place(self) -> None:
        self.assertEqual({kind for _, kind in sessions._EXPECTED}, set(transports._MESSAGES.values()))
