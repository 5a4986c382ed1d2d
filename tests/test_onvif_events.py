"""Events: what is true at once, what changes only when it does, filters, and subscriptions that end."""

from __future__ import annotations

from typing import Any

from camd_plugins.onvif.hub import MOST
from camd_plugins.onvif.subscription import ATTEMPTS, QUEUE
from lxml import etree
from twisted.internet.testing import StringTransport

from camd.state import SYSTEM, Spec

from .edge_case import Answer
from .onvif_case import NS, PATHS, OnvifCase, envelope

SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
ITEMS = "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter"


class EventsCase(OnvifCase):
    def setUp(self) -> None:
        super().setUp()
        self.motion = self.declare("cameras/cam1/motion", False)
        self.other = self.declare("cameras/door/motion", False)

    def declare(self, name: str, value: Any) -> Any:
        observable = self.app.state.declare(Spec(name, type(value), read="Device_r"))
        observable.publish(value)
        return observable

    def subscribe(self, topics: str = "", content: str = "", end: str = "", **options: Any) -> str:
        """The path of a new pull point."""
        parts = f'<wsnt:TopicExpression Dialect="{SET}">{topics}</wsnt:TopicExpression>' if topics else ""
        parts += f'<wsnt:MessageContent Dialect="{ITEMS}">{content}</wsnt:MessageContent>' if content else ""
        wanted = f"<tev:Filter>{parts}</tev:Filter>" if parts else ""
        wanted += f"<tev:InitialTerminationTime>{end}</tev:InitialTerminationTime>" if end else ""
        made = self.call("tev:CreatePullPointSubscription", wanted, **options)
        return made.findtext(".//wsa:Address", namespaces=NS).partition("/onvif/")[2]

    def question(self, timeout: str = "PT0S", limit: int = 100) -> str:
        return f"<tev:Timeout>{timeout}</tev:Timeout><tev:MessageLimit>{limit}</tev:MessageLimit>"

    def pull(self, path: str, **options: Any) -> list[tuple[str, str, str]]:
        return told(self.call("tev:PullMessages", self.question(), path=path, **options))

    def left(self, answer: Any) -> float:
        """Seconds that a subscription still has."""
        from camd_plugins.onvif.xml import parse_utc

        now, end = (parse_utc(answer.findtext(f"{{*}}{name}")) for name in ("CurrentTime", "TerminationTime"))
        return round(end - now)


def told(answer: Any) -> list[tuple[str, str, str]]:
    """Topic, operation and value of each message, the topic without its prefix and first word."""
    return [
        (
            one.findtext("wsnt:Topic", namespaces=NS).partition("/")[2],
            one.find(".//tt:Message", NS).get("PropertyOperation"),
            one.find(".//tt:Data/tt:SimpleItem", NS).get("Value"),
        )
        for one in answer.iter(f"{{{NS['wsnt']}}}NotificationMessage")
    ]


class PullPointTests(EventsCase):
    def test_first_everything_then_what_changes(self) -> None:
        path = self.subscribe("tns1:VideoSource/MotionAlarm")
        self.assertEqual(self.pull(path), [("MotionAlarm", "Initialized", "false")] * 2)
        self.motion.publish(True)
        self.motion.publish(True)
        self.assertEqual(self.pull(path), [("MotionAlarm", "Changed", "true")])
        self.assertEqual(self.pull(path), [])
        self.call("tev:SetSynchronizationPoint", path=path)
        self.assertEqual(
            sorted(self.pull(path)),
            [("MotionAlarm", "Initialized", "false"), ("MotionAlarm", "Initialized", "true")],
        )
        self.app.state.remove("cameras/cam1/motion")
        self.assertEqual(self.pull(path), [("MotionAlarm", "Deleted", "true")])

    def test_both_motion_topics_and_their_items(self) -> None:
        path = self.subscribe()
        answer = self.call("tev:PullMessages", self.question(), path=path)
        topics = [topic.text for topic in answer.iter(f"{{{NS['wsnt']}}}Topic")]
        self.assertEqual(
            set(topics), {"tns1:VideoSource/MotionAlarm", "tns1:RuleEngine/CellMotionDetector/Motion"}
        )
        items = {item.get("Name"): item.get("Value") for item in answer.iter(f"{{{NS['tt']}}}SimpleItem")}
        self.assertEqual(set(items), {"Source", "State", "VideoSourceConfigurationToken",
                                      "VideoAnalyticsConfigurationToken", "Rule", "IsMotion"})  # fmt: skip
        known = self.call("trt:GetVideoSources")
        self.assertIn(items["Source"], [source.get("token") for source in known])

    def test_whoever_waits_hears_at_once(self) -> None:
        path = self.subscribe("tns1:VideoSource//.")
        self.pull(path)
        wire = self.request(
            "POST",
            f"/onvif/{path}",
            envelope(f"<tev:PullMessages>{self.question('PT60S')}</tev:PullMessages>"),
            by="admin",
            content_type="application/soap+xml",
        )
        self.clock.advance(30)
        self.assertEqual(wire.value(), b"")
        self.motion.publish(True)
        answer = self.response(Answer(wire.value()), "tev:PullMessages")
        self.assertEqual(told(answer), [("MotionAlarm", "Changed", "true")])
        self.lose(wire)

    def test_waiting_has_an_end(self) -> None:
        path = self.subscribe("tns1:VideoSource//.")
        self.pull(path)
        wire = self.request(
            "POST",
            f"/onvif/{path}",
            envelope(f"<tev:PullMessages>{self.question('PT5S')}</tev:PullMessages>"),
            by="admin",
            content_type="application/soap+xml",
        )
        self.clock.advance(5)
        self.assertEqual(told(self.response(Answer(wire.value()), "tev:PullMessages")), [])
        self.lose(wire)

    def test_a_client_that_leaves_loses_nothing(self) -> None:
        path = self.subscribe("tns1:VideoSource//.")
        self.pull(path)
        wire = self.request(
            "POST",
            f"/onvif/{path}",
            envelope(f"<tev:PullMessages>{self.question('PT60S')}</tev:PullMessages>"),
            by="admin",
            content_type="application/soap+xml",
        )
        self.lose(wire)
        self.motion.publish(True)
        self.assertEqual(self.pull(path), [("MotionAlarm", "Changed", "true")])

    def test_so_many_at_a_time(self) -> None:
        path = self.subscribe("tns1:VideoSource//.")
        for _ in range(QUEUE):
            self.motion.publish(not self.motion.value)
        answer = self.call("tev:PullMessages", self.question(limit=7), path=path)
        self.assertEqual(len(told(answer)), 7)
        subscription = next(iter(self.context.hub.subscriptions.values()))
        self.assertEqual(subscription.dropped, 2)

    def test_filters(self) -> None:
        self.declare("inputs/1", True)
        self.declare("system/cpu_total", 12.5)
        for topics, content, expected in (
            (
                "tns1:RuleEngine//.|tns1:Device/Trigger/DigitalInput",
                "",
                {"CellMotionDetector/Motion", "Trigger/DigitalInput"},
            ),
            ("tns1:Device//.", "", {"Trigger/DigitalInput"}),
            ("tns1:Device", "", set()),
            ("tns1:Monitoring/ProcessorUsage", "", {"ProcessorUsage"}),
            (
                "",
                'boolean(//tt:SimpleItem[@Name="LogicalState" and @Value="true"])',
                {"Trigger/DigitalInput"},
            ),
            ("", 'boolean(//tt:SimpleItem[@Name="IsMotion"])', {"CellMotionDetector/Motion"}),
        ):
            path = self.subscribe(topics, content)
            self.assertEqual({topic for topic, _, _ in self.pull(path)}, expected, topics or content)

    def test_filters_that_make_no_sense(self) -> None:
        for part, fault in (
            (
                f'<wsnt:TopicExpression Dialect="{SET}">///</wsnt:TopicExpression>',
                "InvalidTopicExpressionFault",
            ),
            (
                f'<wsnt:TopicExpression Dialect="{SET}">tt:VideoSource</wsnt:TopicExpression>',
                "InvalidTopicExpressionFault",
            ),
            (
                '<wsnt:TopicExpression Dialect="urn:x">tns1:VideoSource</wsnt:TopicExpression>',
                "TopicExpressionDialectUnknownFault",
            ),
            (
                f'<wsnt:MessageContent Dialect="{ITEMS}">count(//*)</wsnt:MessageContent>',
                "InvalidMessageContentExpressionFault",
            ),
        ):
            answer = self.send("tev:CreatePullPointSubscription", f"<tev:Filter>{part}</tev:Filter>")
            self.assertEqual(self.fault(answer), ("Sender", "ter:InvalidArgVal"))
            self.assertIn(f"<wsnt:{fault}".encode(), answer.body)

    def test_each_hears_of_what_they_may_see(self) -> None:
        path = self.subscribe("tns1:VideoSource//.", by="limited")
        self.assertEqual(len(self.pull(path, by="limited")), 1)
        self.other.publish(True)
        self.assertEqual(self.pull(path, by="limited"), [])
        self.assertIn(b"ResourceUnknownFault", self.send("tev:PullMessages", self.question(), path=path).body)

    def test_rights_that_end(self) -> None:
        path = self.subscribe()
        by = self.users.by_token(self.tokens["admin"])
        for token in self.users.tokens(by):
            if token["user"] == "admin":
                self.get(self.users.revoke_token(by, token["id"]))
        self.clock.advance(0)
        self.assertEqual(self.context.hub.subscriptions, {})
        self.assertEqual(self.post(envelope("<tev:PullMessages/>"), path, by="admin").status, 401)

    def test_the_topics_are_described(self) -> None:
        answer = self.call("tev:GetEventProperties")
        topic = answer.find(".//{*}TopicSet/tns1:VideoSource/MotionAlarm", NS)
        self.assertEqual(topic.get(f"{{{NS['wstop']}}}topic"), "true")
        self.assertEqual(topic.find("tt:MessageDescription", NS).get("IsProperty"), "true")


class LifetimeTests(EventsCase):
    def test_it_ends_when_it_said(self) -> None:
        self.subscribe(end="PT10S")
        self.assertEqual(self.app.state["onvif/subscriptions"].value, 1)
        self.clock.pump([1] * 9)
        self.assertEqual(len(self.context.hub.subscriptions), 1)
        self.clock.pump([1] * 2)
        self.assertEqual(self.app.state["onvif/subscriptions"].value, 0)

    def test_home_assistant_renews_it(self) -> None:
        path = self.subscribe(end="PT600S")
        self.clock.pump([1] * 480)
        renewed = self.call("wsnt:Renew", "<wsnt:TerminationTime>PT600S</wsnt:TerminationTime>", path=path)
        self.assertEqual(self.left(renewed), 600)
        moment = "2023-11-14T22:30:20Z"  # 22:13:20 + 8 minutes, and 9 more
        self.assertEqual(
            self.left(
                self.call("wsnt:Renew", f"<wsnt:TerminationTime>{moment}</wsnt:TerminationTime>", path=path)
            ),
            540,
        )
        self.call("wsnt:Unsubscribe", path=path)
        self.assertEqual(self.refused("wsnt:Unsubscribe", path=path)[0], "Sender")

    def test_nothing_lives_for_ever(self) -> None:
        made = self.call(
            "tev:CreatePullPointSubscription", "<tev:InitialTerminationTime>P1Y</tev:InitialTerminationTime>"
        )
        self.assertEqual(self.left(made), 3600)
        answer = self.send(
            "tev:CreatePullPointSubscription",
            "<tev:InitialTerminationTime>-PT1S</tev:InitialTerminationTime>",
        )
        self.assertIn(b"UnacceptableInitialTerminationTimeFault", answer.body)

    def test_asking_keeps_it(self) -> None:
        path = self.subscribe(end="PT10S")
        for _ in range(5):
            self.clock.pump([1] * 9)
            self.pull(path)

    def test_those_who_never_come_back_make_room(self) -> None:
        """Some clients make a subscription with every connection; a recorder that asks is never the one to
        go."""
        recorder = self.subscribe(end="PT3600S")
        for _ in range(MOST + 5):
            self.clock.advance(0.5)
            self.pull(recorder)
            self.subscribe(end="PT3600S")
        self.assertEqual(len(self.context.hub.subscriptions), MOST)
        self.pull(recorder)

    def test_nobody_takes_away_what_others_have(self) -> None:
        recorder = self.subscribe(end="PT3600S")
        for _ in range(MOST + 5):
            self.clock.advance(0.5)
            self.subscribe(end="PT3600S", by="viewer")
        self.assertEqual(len(self.context.hub.subscriptions), MOST)
        self.pull(recorder)

    def test_a_filter_of_thousands_is_refused(self) -> None:
        """Each event would be compared with each."""
        part = f'<wsnt:TopicExpression Dialect="{SET}">{"|".join(["tns1:b"] * 200)}</wsnt:TopicExpression>'
        answer = self.send("tev:CreatePullPointSubscription", f"<tev:Filter>{part}</tev:Filter>")
        self.assertEqual(answer.status, 400)
        self.assertIn(b"InvalidFilterFault", answer.body)


class ConsumerTests(EventsCase):
    def subscribe_at(self, address: str, **options: Any) -> Answer:
        content = f"<wsnt:ConsumerReference><wsa:Address>{address}</wsa:Address></wsnt:ConsumerReference>"
        content += (
            "<wsnt:Filter>"
            f'<wsnt:TopicExpression Dialect="{SET}">tns1:VideoSource//.</wsnt:TopicExpression></wsnt:Filter>'
        )
        return self.send("wsnt:Subscribe", content, **options)

    def connection(self) -> tuple[Any, StringTransport]:
        """The newest connection that camd opened, as it sees it."""
        _, _, factory, _, _ = self.clock.tcpClients.pop()
        protocol = factory.buildProtocol(None)
        transport = StringTransport()
        transport.abortConnection = transport.loseConnection
        protocol.makeConnection(transport)
        return protocol, transport

    def test_the_subscriber_is_told_at_its_own_address(self) -> None:
        self.response(self.subscribe_at("http://192.0.2.7:8081/events?a=b"), "wsnt:Subscribe")
        host, port, *_ = self.clock.tcpClients[-1]
        self.assertEqual((host, port), ("192.0.2.7", 8081))
        protocol, transport = self.connection()
        head, _, body = transport.value().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"POST /events?a=b HTTP/1.1\r\nHost: 192.0.2.7:8081\r\n"), head)
        self.assertEqual([one[1] for one in told(etree.fromstring(body))], ["Initialized"])
        protocol.dataReceived(b"HTTP/1.1 202 Accepted\r\n\r\n")
        _, transport = self.connection()  # what came up meanwhile
        self.assertEqual(len(told(etree.fromstring(transport.value().partition(b"\r\n\r\n")[2]))), 1)

    def test_other_places_must_be_allowed(self) -> None:
        for address in (
            "http://192.0.2.8/",
            "https://192.0.2.7/",
            "http://recorder/",
            "http://192.0.2.7:99999/",
            "ftp://192.0.2.7/",
            "http://a@192.0.2.7/",
        ):
            self.assertIn(b"SubscribeCreationFailedFault", self.subscribe_at(address).body, address)
        self.get(self.app.state["onvif/consumers"].set(["192.0.2.8/31", "Recorder"], SYSTEM))
        for address in ("http://192.0.2.9/", "http://recorder/"):
            self.assertEqual(self.subscribe_at(address).status, 200)

    def test_one_that_cannot_be_reached_is_given_up(self) -> None:
        self.subscribe_at("http://192.0.2.7/")
        for _ in range(ATTEMPTS):
            self.motion.publish(not self.motion.value)
            protocol, _ = self.connection()
            protocol.dataReceived(b"HTTP/1.1 500 No\r\n\r\n")
        self.assertEqual(self.context.hub.subscriptions, {})
        self.assertEqual(self.clock.tcpClients, [])

    def test_one_that_says_nothing_is_not_waited_for(self) -> None:
        self.subscribe_at("http://192.0.2.7/")
        for _ in range(ATTEMPTS):
            self.motion.publish(not self.motion.value)
            self.connection()
            self.clock.pump([1] * 6)
        self.assertEqual(self.context.hub.subscriptions, {})

    def test_it_is_not_asked(self) -> None:
        made = self.response(self.subscribe_at("http://192.0.2.7/"), "wsnt:Subscribe")
        path = made.findtext(".//wsa:Address", namespaces=NS).partition("/onvif/")[2]
        self.assertTrue(path.startswith(PATHS["tev"]))
        self.assertEqual(self.refused("tev:PullMessages", self.question(), path=path)[0], "Sender")
