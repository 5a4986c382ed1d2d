"""Calls over WAMP: the state, the methods of plugins, pictures, and how each can fail."""

from __future__ import annotations

from typing import Any

from autobahn.wamp import message
from autobahn.wamp.exception import ProtocolError
from camd_plugins.wamp.caller import MAX_STREAMS
from twisted.internet.defer import Deferred, fail

from camd.errors import Conflict, Gone, Locked, SourceError, Unauthorized, Unsupported
from camd.state import Permission, Principal
from camd.testing import jpeg_packet

from .test_wamp_session import ADMIN, ONLY_BACK, VIEWER, SessionCase


class CallTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin = self.join(ADMIN)
        self.viewer = self.join(VIEWER)

    def test_get(self) -> None:
        answer = self.call(self.admin, "camd.get", "lamp/colour", "cameras/*")
        self.assertEqual(
            answer["values"], {"lamp/colour": "red", "cameras/front/level": 1, "cameras/back/level": 1}
        )
        self.assertEqual((answer["rev"], answer["boot"]), (self.state.rev, self.state.boot))
        self.assertEqual(self.call(self.admin, "camd.get")["values"], {})

    def test_get_what_may_not_be_read(self) -> None:
        uri, _, details = self.call(self.viewer, "camd.get", "lamp/secret")
        self.assertEqual((uri, details), ("wamp.error.not_authorized", {"key": "lamp/secret"}))
        self.assertNotIn("lamp/secret", self.call(self.viewer, "camd.get", "*")["values"])
        values = self.call(self.join(ONLY_BACK), "camd.get", "cameras/*")["values"]
        self.assertEqual(values, {"cameras/back/level": 1})

    def test_get_wrongly(self) -> None:
        for args, kwargs, key in (
            (["no/such"], {}, "no/such"),
            ([1], {}, "get"),
            ([["a/b"]], {}, "get"),
            ([], {"x": 1}, "x"),
        ):
            uri, _, details = self.call(self.admin, "camd.get", *args, **kwargs)
            self.assertEqual((uri, details["key"]), ("wamp.error.invalid_argument", key))

    def test_set(self) -> None:
        answer = self.call(self.admin, "camd.set", {"lamp/colour": "blue", "cameras/front/level": 4})
        self.assertEqual(
            answer, {"values": {"lamp/colour": "blue", "cameras/front/level": 4}, "rev": self.state.rev}
        )
        self.assertEqual(
            self.call(self.admin, "camd.set", "lamp/colour", "green")["values"], {"lamp/colour": "green"}
        )

    def test_set_is_all_or_nothing(self) -> None:
        for values, uri, key in (
            (
                {"lamp/colour": "blue", "cameras/front/level": 10},
                "wamp.error.invalid_argument",
                "cameras/front/level",
            ),
            ({"lamp/colour": "blue", "no/such": 1}, "wamp.error.invalid_argument", "no/such"),
            ({"lamp/colour": "blue", "lamp/secret": "y"}, "wamp.error.not_authorized", "lamp/secret"),
            ({"lamp/colour": "blue", "cameras/front/level": 9}, "camd.error.device", "cameras/front/level"),
            ({"lamp/colour": "blue", "get": ["*"]}, "wamp.error.invalid_argument", "get"),
        ):
            error = self.call(self.admin, "camd.set", values)
            self.assertEqual((error[0], error[2]["key"]), (uri, key))
            self.assertEqual(self.state["lamp/colour"].value, "red")
        self.assertEqual(error[1], "get: no such state")

    def test_set_needs_the_permission(self) -> None:
        uri, text, details = self.call(self.viewer, "camd.set", "lamp/colour", "blue")
        self.assertEqual((uri, details), ("wamp.error.not_authorized", {"key": "lamp/colour"}))
        self.assertEqual(text, "lamp/colour: permission denied")

    def test_set_wrongly(self) -> None:
        for args in (
            [], [1], [{}], ["lamp/colour"], [{"lamp/colour": b"\xff"}], [{"lamp/colour": "\0x"}], ["x", 1],
            [{"lamp/colour": "a"}, {"lamp/colour": "b"}], [{1: 2}], [{"schema": True}],
        ):  # fmt: skip
            self.assertEqual(self.call(self.admin, "camd.set", *args)[0], "wamp.error.invalid_argument", args)
        self.assertEqual(self.call(self.admin, "camd.set", x=1)[0], "wamp.error.invalid_argument")

    def test_schema(self) -> None:
        schema = self.call(self.viewer, "camd.schema")
        self.assertEqual(schema["cameras/front/level"]["max"], 9)
        self.assertNotIn("lamp/secret", schema)
        self.assertEqual(self.call(self.viewer, "camd.schema", 1)[0], "wamp.error.invalid_argument")

    def test_methods(self) -> None:
        self.assertEqual(self.call(self.viewer, "camd.lamp.add", 2, 3), 5)
        self.assertEqual(self.call(self.viewer, "camd.lamp.add", a=2, b=3), 5)
        self.assertEqual(self.call(self.viewer, "camd.lamp.add", 2, b=3), 5)
        for args, kwargs in (
            ((2,), {}),
            ((2, 3, 4), {}),
            ((2, 3), {"a": 2}),
            ((2, "3"), {}),
            ((2, 3), {"c": 1}),
        ):
            self.assertEqual(
                self.call(self.viewer, "camd.lamp.add", *args, **kwargs)[0], "wamp.error.invalid_argument"
            )
        self.assertEqual(self.call(self.viewer, "camd.lamp.reboot")[0], "wamp.error.not_authorized")
        self.assertIsNone(self.call(self.admin, "camd.lamp.reboot"))
        self.assertIn("values", self.call(self.viewer, "camd.get"))

    def test_no_such_procedure(self) -> None:
        for procedure in ("camd.nope", "lamp.add", "camd.", "wamp.session.count", "camd.lamp"):
            self.assertEqual(self.call(self.admin, procedure)[0], "wamp.error.no_such_procedure")

    def test_errors_by_one_table(self) -> None:
        for error, uri, details in (
            (Gone("away"), "camd.error.gone", {}),
            (Conflict("taken"), "camd.error.conflict", {}),
            (Unsupported("no motor"), "camd.error.unsupported", {}),
            (SourceError("broken"), "camd.error.device", {}),
            (Locked(7), "camd.error.locked", {"retry_after": 7}),
            (Unauthorized(), "wamp.error.authentication_denied", {}),
        ):
            self.plugin.result = fail(error)
            self.assertEqual(self.call(self.viewer, "camd.lamp.wait"), (uri, str(error), details))

    def test_a_mistake_of_ours_says_nothing(self) -> None:
        self.plugin.result = fail(ZeroDivisionError("secret"))
        self.assertEqual(
            self.call(self.viewer, "camd.lamp.wait"), ("camd.error.internal", "see the log of camd", {})
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_calls_that_wait(self) -> None:
        session, transport = self.viewer
        first, second = Deferred(), Deferred()
        self.plugin.result = first
        session.onMessage(message.Call(1, "camd.lamp.wait"))
        self.plugin.result = second
        session.onMessage(message.Call(2, "camd.lamp.wait"))
        self.assertEqual((session.caller.waiting, transport.take()), (2, []))
        second.callback("two")
        first.callback("one")
        self.assertEqual([(one.request, one.args) for one in transport.take()], [(2, ["two"]), (1, ["one"])])
        self.assertEqual((session.caller.waiting, transport.turns), (0, 2))

    def test_canceled(self) -> None:
        session, transport = self.viewer
        for mode in (None, "skip", "kill", "killnowait"):
            self.plugin.result = Deferred()
            session.onMessage(message.Call(5, "camd.lamp.wait"))
            session.onMessage(message.Cancel(5, mode))
            (error,) = transport.take()
            self.assertEqual((error.request_type, error.request, error.error), (48, 5, "wamp.error.canceled"))
            self.plugin.result.callback("too late")
            self.assertEqual((transport.take(), session.caller.waiting), ([], 0))
        session.onMessage(message.Cancel(5))
        session.onMessage(message.Cancel(99))
        self.assertEqual(transport.take(), [])

    def test_answers_after_the_end_go_nowhere(self) -> None:
        session, transport = self.viewer
        self.plugin.result = Deferred()
        session.onMessage(message.Call(5, "camd.lamp.wait"))
        session.onClose(True)
        self.plugin.result.callback("too late")
        self.assertEqual(transport.take(), [])

    def test_a_request_that_is_under_way_already(self) -> None:
        session, _ = self.viewer
        self.plugin.result = Deferred()
        session.onMessage(message.Call(5, "camd.lamp.wait"))
        self.assertRaises(ProtocolError, session.onMessage, message.Call(5, "camd.get"))

    def test_opaque_payload(self) -> None:
        call = message.Call(
            5, "camd.get", payload=b"x", enc_algo="cryptobox", enc_serializer="json", enc_key="k"
        )
        session, transport = self.viewer
        session.onMessage(call)
        self.assertEqual(transport.take()[0].error, "wamp.error.invalid_argument")


class SnapshotTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.front = self.cameras["front"]
        self.viewer = self.join(VIEWER)
        self.app.reactor.advance(100)

    def ask_for(self, *args: Any, **kwargs: Any) -> Any:
        session, transport = self.viewer
        session.onMessage(
            message.Call(self.number(), "camd.snapshot", args=list(args), kwargs=kwargs or None)
        )
        return transport

    def packet(self, age: float, data: bytes = b"new", card: bool = False) -> Any:
        packet = jpeg_packet(data=data)
        return type(packet)(data, "mjpeg", 0, 0, self.app.reactor.seconds() - age, card=card)

    def test_what_is_there(self) -> None:
        self.front.last = self.packet(0.9)
        self.assertEqual(self.call(self.viewer, "camd.snapshot"), b"new")
        self.assertEqual(self.call(self.viewer, "camd.snapshot", "front", None, 1), b"new")
        self.assertEqual(self.front.asked, [])

    def test_what_comes(self) -> None:
        for last in (None, self.packet(1.1), self.packet(0, card=True)):
            self.front.last = last
            transport = self.ask_for("front", quality=70)
            self.assertEqual(transport.take(), [])
            self.front.pictures.publish(self.packet(0))
            self.assertEqual([one.args for one in transport.take()], [[b"new"]])
            self.assertEqual(self.front.asked.pop().quality, 70)
            self.assertFalse(self.front.pictures.running)

    def test_max_age(self) -> None:
        self.front.last = self.packet(0.5)
        transport = self.ask_for(max_age=0.1)
        self.front.pictures.publish(self.packet(0.2))
        self.assertEqual(transport.take(), [])
        self.front.pictures.publish(self.packet(0.1, b"newer"))
        self.assertEqual(transport.take()[0].args, [b"newer"])
        self.front.last = self.packet(50)
        self.assertEqual(self.call(self.viewer, "camd.snapshot", max_age=60), b"new")

    def test_no_picture(self) -> None:
        transport = self.ask_for()
        self.front.pictures.publish(self.packet(0, card=True))
        (error,) = transport.take()
        text = "The camera front gives no picture: the cable is out"
        self.assertEqual((error.error, error.args), ("camd.error.gone", [text]))
        transport = self.ask_for()
        self.app.reactor.advance(5)
        (error,) = transport.take()
        self.assertEqual((error.error, error.args), ("camd.error.gone", ["No picture within 5 s"]))
        transport = self.ask_for()
        self.front.pictures.end()
        (error,) = transport.take()
        self.assertEqual((error.error, error.args), ("camd.error.gone", ["The camera front is gone"]))
        self.assertEqual(self.front.pictures.subscriptions, ())
        self.app.web.presence.stop()
        self.assertEqual(self.app.reactor.getDelayedCalls(), [])

    def test_wrongly(self) -> None:
        for args, key in (
            (["nope"], "camera"), ([1], "camera"), (["front", 0], "quality"), (["front", 101], "quality"),
            (["front", True], "quality"), (["front", 50.0], "quality"), (["front", None, -1], "max_age"),
            (["front", None, "1"], "max_age"), (["front", None, float("nan")], "max_age"),
        ):  # fmt: skip
            uri, _, details = self.call(self.viewer, "camd.snapshot", *args)
            self.assertEqual((uri, details["key"]), ("wamp.error.invalid_argument", key), args)

    def test_who_may(self) -> None:
        self.front.last = self.cameras["back"].last = self.packet(0)
        blind = self.join(Principal("blind", frozenset({Permission.Device_rw})))
        self.assertEqual(self.call(blind, "camd.snapshot")[0], "wamp.error.not_authorized")
        neighbour = self.join(ONLY_BACK)
        self.assertEqual(self.call(neighbour, "camd.snapshot", "back"), b"new")
        for camera in ("front", "nope", None):  # not even whether there is one
            self.assertEqual(self.call(neighbour, "camd.snapshot", camera)[0], "wamp.error.not_authorized")

    def test_without_cameras(self) -> None:
        self.cameras.clear()
        self.assertEqual(self.call(self.viewer, "camd.snapshot")[0], "wamp.error.invalid_argument")


class StreamTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.front = self.cameras["front"]
        self.session, self.transport = self.viewer = self.join(VIEWER)

    def view(self, request: int, *args: Any, **kwargs: Any) -> None:
        call = message.Call(
            request, "camd.stream", args=list(args), kwargs=kwargs or None, receive_progress=True
        )
        self.session.onMessage(call)

    def test_pictures(self) -> None:
        self.view(7, "front", quality=40)
        self.assertEqual((self.transport.take(), self.front.asked[0].quality), ([], 40))
        self.front.pictures.publish(jpeg_packet(3, b"three"))
        (result,) = self.transport.take()
        self.assertEqual(
            (result.request, result.progress, result.args, result.kwargs),
            (7, True, [b"three"], {"wall": 0.1}),
        )
        self.assertEqual([one.kind for one in self.front.pictures.subscriptions], ["wamp"])
        self.assertEqual(self.session.caller.waiting, 0)

    def test_a_card_says_so(self) -> None:
        self.view(7)
        packet = jpeg_packet()
        self.front.pictures.publish(type(packet)(b"card", "mjpeg", 0, 2, 0, card=True))
        self.assertEqual(self.transport.take()[0].kwargs, {"wall": 2, "card": True})

    def test_canceled(self) -> None:
        self.view(7)
        self.session.onMessage(message.Cancel(7, "killnowait"))
        (error,) = self.transport.take()
        self.assertEqual((error.request, error.error), (7, "wamp.error.canceled"))
        self.assertFalse(self.front.pictures.running)

    def test_the_camera_goes(self) -> None:
        self.view(7)
        self.front.pictures.end()
        (result,) = self.transport.take()
        self.assertEqual((result.request, bool(result.progress), result.args), (7, False, None))

    def test_a_viewer_that_does_not_read_gets_the_newest(self) -> None:
        self.view(7, "front")
        self.view(8, "back")
        self.session.pause()
        for number in range(5):
            self.front.pictures.publish(jpeg_packet(number, b"%d" % number))
        self.assertEqual(self.transport.take(), [])
        self.session.resume()
        self.assertEqual([one.args for one in self.transport.take()], [[b"4"]])
        self.assertEqual(self.front.pictures.drops, 4)
        self.front.pictures.publish(jpeg_packet(5, b"5"))
        self.assertEqual(len(self.transport.take()), 1)

    def test_each_stream_gets_its_turn(self) -> None:
        self.view(7, "front")
        self.view(8, "back")
        self.session.pause()
        self.front.pictures.publish(jpeg_packet(0, b"front"))
        self.cameras["back"].pictures.publish(jpeg_packet(0, b"back"))
        self.transport.room = 1
        self.session.resume()
        self.assertEqual([one.args for one in self.transport.take()], [[b"front"]])
        self.front.pictures.publish(jpeg_packet(1, b"next"))
        self.transport.room = None
        self.session.resume()
        self.assertEqual([one.args for one in self.transport.take()], [[b"next"], [b"back"]])

    def test_refused(self) -> None:
        self.session.onMessage(message.Call(7, "camd.stream"))
        self.assertEqual(self.transport.take()[0].error, "wamp.error.invalid_argument")
        for args, uri in (
            (["nope"], "wamp.error.invalid_argument"),
            (["front", 500], "wamp.error.invalid_argument"),
        ):
            self.view(7, *args)
            self.assertEqual(self.transport.take()[0].error, uri)
        self.session.by = ONLY_BACK
        self.view(7, "front")
        self.assertEqual(self.transport.take()[0].error, "wamp.error.not_authorized")
        self.assertFalse(self.front.pictures.running)

    def test_not_too_many(self) -> None:
        for number in range(MAX_STREAMS):
            self.view(number + 1)
        self.view(99)
        (error,) = self.transport.take()
        self.assertEqual((error.request, error.error), (99, "camd.error.busy"))
        self.session.onMessage(message.Cancel(1))
        self.transport.take()
        self.view(99)
        self.assertEqual(self.transport.take(), [])
