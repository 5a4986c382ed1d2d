"""Topics over WAMP: who gets which event, retained values, and clients that do not read."""

from __future__ import annotations

from typing import Any

from autobahn.wamp import message
from camd_plugins.wamp.broker import Broker
from camd_plugins.wamp.session import Session
from camd_plugins.wamp.subscriber import BATCH, MAX_SUBSCRIPTIONS

from camd.state import Permission, Principal, Spec

from .test_wamp_session import ADMIN, ONLY_BACK, VIEWER, SessionCase, Transport


class TopicTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.admin = self.join(ADMIN)
        self.viewer = self.join(VIEWER)

    def events(self, peer: tuple[Session, Transport]) -> list[Any]:
        return [(one.subscription, one.topic, one.args, one.kwargs) for one in peer[1].take()]

    def test_exact(self) -> None:
        number, events = self.subscribe(self.viewer, "camd.state.lamp.colour")
        self.assertEqual(events, [])
        self.state["lamp/colour"].publish("blue")
        about = {"state": "lamp/colour", "rev": self.state.rev}
        self.assertEqual(self.events(self.viewer), [(number, "camd.state.lamp.colour", ["blue"], about)])
        self.state["cameras/front/level"].publish(3)
        self.assertEqual(self.events(self.viewer), [])
        self.assertEqual(self.events(self.admin), [])

    def test_patterns(self) -> None:
        prefix, _ = self.subscribe(self.viewer, "camd.state.cameras.front.", "prefix")
        wildcard, _ = self.subscribe(self.viewer, "camd.state.cameras..level", "wildcard")
        self.state["cameras/back/level"].publish(3)
        self.assertEqual(
            [event[:2] for event in self.events(self.viewer)], [(wildcard, "camd.state.cameras.back.level")]
        )
        self.state["cameras/front/level"].publish(3)
        first, second = self.viewer[1].take()
        self.assertEqual({first.subscription, second.subscription}, {prefix, wildcard})
        self.assertEqual(first.publication, second.publication)

    def test_the_same_wish_is_the_same_subscription(self) -> None:
        first, _ = self.subscribe(self.viewer, "camd.state.lamp.", "prefix")
        second, _ = self.subscribe(self.viewer, "camd.state.lamp.", "prefix")
        other, _ = self.subscribe(self.admin, "camd.state.lamp.", "prefix")
        self.assertEqual(len({first, second, other}), 1)
        self.state["lamp/colour"].publish("blue")
        mine, theirs = self.viewer[1].take(), self.admin[1].take()
        self.assertEqual(len(mine), 1)
        self.assertIs(mine[0], theirs[0])  # encoded once for both

    def test_unsubscribe(self) -> None:
        number, _ = self.subscribe(self.viewer, "camd.state.lamp.", "prefix")
        self.subscribe(self.admin, "camd.state.lamp.", "prefix")
        self.assertIsInstance(self.ask(self.viewer, message.Unsubscribe, number), message.Unsubscribed)
        self.state["lamp/colour"].publish("blue")
        self.assertEqual((len(self.events(self.viewer)), len(self.events(self.admin))), (0, 1))
        for unknown in (number, 12345):
            error = self.ask(self.viewer, message.Unsubscribe, unknown)
            self.assertEqual((error.request_type, error.error), (34, "wamp.error.no_such_subscription"))

    def test_the_state_is_watched_only_while_somebody_wants_it(self) -> None:
        watches = len(self.state._watches)
        number, _ = self.subscribe(self.viewer, "camd.state.lamp.", "prefix")
        self.subscribe(self.admin, "camd.state.", "prefix")
        self.assertEqual(len(self.state._watches), watches + 1)
        self.ask(self.viewer, message.Unsubscribe, number)
        self.admin[0].onClose(True)
        self.assertEqual(len(self.state._watches), watches)

    def test_retained(self) -> None:
        self.state["lamp/colour"].publish("blue")
        rev = self.state["lamp/colour"].rev
        for match, topic in (
            ("exact", "camd.state.lamp.colour"),
            ("prefix", "camd.state.lamp."),
            ("wildcard", "camd.state.lamp."),
        ):
            number, events = self.subscribe(self.viewer, topic, match, retained=True)
            (event,) = events  # neither lamp/secret nor lamp/unknown, which has no value
            self.assertEqual((event.subscription, event.args, event.retained), (number, ["blue"], True))
            self.assertEqual(event.kwargs, {"state": "lamp/colour", "rev": rev})
        self.state["lamp/colour"].publish("green")
        self.assertEqual([one.retained for one in self.viewer[1].take()], [None] * 3)

    def test_many_retained_values_come_in_turns(self) -> None:
        for number in range(BATCH + 7):
            self.state.declare(Spec(f"many/n{number}", int, default=number, read="Device_r"))
        _, events = self.subscribe(self.viewer, "camd.state.many.", "prefix", retained=True)
        self.assertEqual(len(events), BATCH)
        self.app.reactor.advance(0)
        self.assertEqual([event[2] for event in self.events(self.viewer)], [[BATCH + n] for n in range(7)])
        number, _ = self.subscribe(self.viewer, "camd.state.man", "prefix", retained=True)
        self.ask(self.viewer, message.Unsubscribe, number)
        self.app.reactor.advance(0)
        self.assertEqual(self.events(self.viewer), [])

    def test_what_may_not_be_read(self) -> None:
        error = self.ask(self.viewer, message.Subscribe, "camd.state.lamp.secret")
        self.assertEqual((error.request_type, error.error), (32, "wamp.error.not_authorized"))
        self.subscribe(self.viewer, "camd.state.lamp.", "prefix", retained=True)
        self.subscribe(self.admin, "camd.state.lamp.secret")
        self.state["lamp/secret"].publish("y")
        self.assertEqual((len(self.events(self.viewer)), len(self.events(self.admin))), (0, 1))

    def test_cameras_of_others(self) -> None:
        neighbour = self.join(ONLY_BACK)
        _, events = self.subscribe(neighbour, "camd.state.cameras.", "prefix", retained=True)
        self.assertEqual([event.topic for event in events], ["camd.state.cameras.back.level"])
        self.state["cameras/front/level"].publish(7)
        self.assertEqual(self.events(neighbour), [])
        for camera in ("front", "nope"):  # not even whether there is one
            error = self.ask(neighbour, message.Subscribe, f"camd.state.cameras.{camera}.level")
            self.assertEqual(error.error, "wamp.error.not_authorized")

    def test_names_that_come_and_go(self) -> None:
        self.subscribe(self.viewer, "camd.state.lamp.late")
        self.state.declare(Spec("lamp/late", int, default=1, read="Device_r"))
        self.assertEqual([event[2] for event in self.events(self.viewer)], [[1]])
        self.state.remove("lamp/late")
        ((_, topic, args, about),) = self.events(self.viewer)
        self.assertEqual((topic, args, about["removed"]), ("camd.state.lamp.late", [None], True))
        self.state.declare(Spec("lamp/late", int, default=2, read="User_rw"))
        self.assertEqual(self.events(self.viewer), [])

    def test_topics_that_are_not_ours(self) -> None:
        for topic, match in (
            ("wamp.session.on_join", "exact"),
            ("com.example.", "prefix"),
            ("a..b.c", "wildcard"),
        ):
            error = self.ask(self.viewer, message.Subscribe, topic, match)
            self.assertEqual((error.request_type, error.error), (32, "wamp.error.invalid_uri"))

    def test_not_too_many(self) -> None:
        for number in range(MAX_SUBSCRIPTIONS):
            self.subscribe(self.viewer, f"camd.state.many.n{number}")
        error = self.ask(self.viewer, message.Subscribe, "camd.state.lamp.colour")
        self.assertEqual(error.error, "camd.error.busy")

    def test_a_client_that_does_not_read_gets_the_newest_of_each(self) -> None:
        self.subscribe(self.viewer, "camd.state.lamp.", "prefix")
        self.subscribe(self.viewer, "camd.state.", "prefix")
        session = self.viewer[0]
        session.pause()
        for number in range(100):
            self.state["lamp/colour"].publish(f"colour {number}")
        self.state["cameras/front/level"].publish(5)
        self.state["lamp/secret"].publish("z")
        self.assertEqual((self.events(self.viewer), session.subscriber.queue_depth), ([], 2))
        self.assertEqual(self.app.web.websocket.drops, 99)
        session.resume()
        values = [event[2] for event in self.events(self.viewer)]
        self.assertEqual(values, [["colour 99"], ["colour 99"], [5]])
        self.assertEqual(session.subscriber.queue_depth, 0)

    def test_a_client_that_reads_a_little(self) -> None:
        _, transport = self.viewer
        session = self.viewer[0]
        transport.room = 1
        session.onMessage(message.Subscribe(1, "camd.state.cameras.", "prefix", True))
        self.assertEqual([type(one) for one in transport.take()], [message.Subscribed])
        self.state["cameras/back/level"].publish(8)
        received = []
        for _ in range(4):
            transport.room = 1
            session.resume()
            received += [(one.args[0], one.retained) for one in transport.take()]
        self.assertEqual(received, [(1, True), (8, True), (8, None)])

    def test_rights_that_went_while_it_did_not_read(self) -> None:
        self.subscribe(self.viewer, "camd.state.", "prefix")
        self.viewer[0].pause()
        self.state["lamp/colour"].publish("blue")
        self.viewer[0].by = Principal("viewer", frozenset({Permission.Media_r}))
        self.viewer[0].resume()
        self.assertEqual(self.events(self.viewer), [])

    def test_one_broker_hands_out_one_id_each(self) -> None:
        broker = Broker(self.state)
        ids = {
            broker.subscribe(self.admin[0].subscriber, "exact", f"camd.state.a.n{n}").id for n in range(10)
        }
        self.assertEqual(len(ids), 10)
