"""Discovery in the daemon: what is announced, answered and found, without a network and with time under
control."""

from __future__ import annotations

import json
from ipaddress import ip_interface
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from camd_plugins import discovery, onvif
from camd_plugins.discovery import messages
from camd_plugins.discovery.allowance import READ, REMEMBERED, Allowance
from camd_plugins.discovery.endpoints import Endpoint, Site, endpoints, site_of
from camd_plugins.discovery.found import MOST, Search
from camd_plugins.discovery.matching import NONE
from camd_plugins.discovery.mdns import Mdns, exchange
from camd_plugins.discovery.messages import Match, Message, parse
from camd_plugins.discovery.names import DEVICE, TRANSMITTER, WSD
from camd_plugins.discovery.places import Place
from camd_plugins.discovery.responder import FACTOR, Responder
from camd_plugins.discovery.service import FRESH, LOOK, SEARCH, Discovery
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.hookspecs import Found
from camd.state import Spec, State
from camd.testing import app_for_tests

NEAR = Place("eth0", 2, 4, (ip_interface("10.1.0.1/24"), ip_interface("10.1.9.1/24")))
FAR = Place("eth1", 3, 4, (ip_interface("10.2.0.1/24"),))
SIX = Place("eth0", 2, 6, (ip_interface("fe80::1/64"), ip_interface("2001:db8::1/64")))
LATE = Place("wlan0", 4, 4, (ip_interface("10.3.0.1/24"),))
WEB = Site("http", 8080)
SCOPES = ("onvif://www.onvif.org/Profile/Streaming", "onvif://www.onvif.org/name/box")
BOX = Endpoint("b0", "/onvif/device_service", SCOPES)
CAMERA = Endpoint("c1", "/onvif/device_service", SCOPES, Site(port=8101))


class FakeLink:
    """Keeps what is said. sent: (message, host, port, own); a host of "*" is everybody."""

    def __init__(self, place: Place, reactor: Any = None, heard: Any = None):
        self.place = place
        self.heard = heard
        self.sent: list[tuple[Message, str, int, str]] = []
        self.raw: list[bytes] = []
        self.state = ""
        self.broken: OSError | None = None

    def open(self) -> None:
        if self.broken is not None:
            raise self.broken
        self.state = "open"

    def close(self) -> Deferred[None]:
        self.state = "closed"
        return succeed(None)

    def send(self, data: bytes, host: str, port: int, own: str = "") -> None:
        self.raw.append(data)
        kind = b"discovery/fault<" in data
        self.sent.append((Message("fault", "") if kind else parse(data), host, port, own))

    def tell_everybody(self, data: bytes) -> None:
        self.send(data, "*", 0)

    def said(self) -> list[tuple[str, str]]:
        """(kind, uuid) of what was said since the last time."""
        sent, self.sent = self.sent, []
        return [
            (m.kind, m.matches[0].address.removeprefix("urn:uuid:") if m.matches else "") for m, *_ in sent
        ]


class PlaceTests(SynchronousTestCase):
    def test_who_is_on_the_link(self) -> None:
        for source, own in {"10.1.0.9": "10.1.0.1", "10.1.9.7": "10.1.9.1", "10.2.0.9": "", "8.8.8.8": "",
                            "nonsense": ""}.items():  # fmt: skip
            self.assertEqual(NEAR.facing(source), own, source)
        self.assertEqual(SIX.facing("fe80::7%eth0"), "fe80::1")
        self.assertEqual(SIX.facing("2001:db8::7"), "2001:db8::1")
        self.assertEqual(SIX.facing("2001:db9::7"), "")

    def test_the_web_site(self) -> None:
        for urls, description, expected in (
            (
                ["http://localhost:8080/", "https://localhost:8443/"],
                "tcp:8080",
                Site("http", 8080, "", False),
            ),
            (["http://localhost:8080/"], "tcp:8080:interface=\\:\\:", Site("http", 8080, "", True)),
            (["http://10.1.0.1:80/"], "tcp:80:interface=10.1.0.1", Site("http", 80, "10.1.0.1", False)),
            (["http://[2001:db8::1]:80/"], "", Site("http", 80, "2001:db8::1", True)),
            (["https://localhost:8443/"], None, Site("https", 8443, "", False)),
            ([], None, Site()),
        ):
            self.assertEqual(site_of(urls, description), expected)

    def test_the_addresses_for_who_asks(self) -> None:
        places = (NEAR, FAR, SIX)
        for site, place, own, expected in (
            (WEB, NEAR, "10.1.9.1", ["10.1.9.1"]),
            (WEB, SIX, "fe80::1", ["2001:db8::1", "fe80::1"]),
            (Site("http", 80, "", False), SIX, "fe80::1", ["10.1.0.1", "10.1.9.1"]),
            (Site("http", 80, "10.2.0.1", False), NEAR, "10.1.0.1", []),
            (Site("http", 80, "127.0.0.1", False), NEAR, "10.1.0.1", []),
            (Site("http", 80, "10.2.0.1", False), FAR, "10.2.0.1", ["10.2.0.1"]),
        ):
            self.assertEqual(site.hosts(place, own, places), expected)
        self.assertIsNone(BOX.match(Site(), 1, NEAR, "", places))
        six = CAMERA.match(Site(), 1, SIX, "fe80::1", places)
        assert six is not None
        self.assertEqual(six.xaddrs[0], "http://[2001:db8::1]:8101/onvif/device_service")

    def test_what_onvif_tells(self) -> None:
        told = {
            "uuid": "1",
            "port": None,
            "path": "/x",
            "scopes": ["a", "b c", "d\n", "", "x" * 300],
            "discoverable": True,
        }
        self.assertEqual(endpoints([told, {**told, "discoverable": False}]), (Endpoint("1", "/x", ("a",)),))
        self.assertEqual(endpoints(None), ())

    def test_what_mdns_tells(self) -> None:
        app: Any = SimpleNamespace(
            listeners=SimpleNamespace(urls=["http://localhost:8080/", "https://localhost:8443/"]),
            state=State(), threads=SimpleNamespace(io=lambda _, *args: succeed(told.append(args))),
        )  # fmt: skip
        told: list[Any] = []
        for name, value in (
            ("system/name", "böx"),
            ("onvif/uuid", "0-123456789abc"),
            ("discovery/mdns", True),
        ):
            app.state.declare(Spec(name, type(value), default=value))
        mdns = Mdns(app)
        mdns.tell((NEAR, SIX), Site("http", 8080, "", False))
        ((_, names),) = told
        self.assertEqual((names.instance, names.host), ("camd böx", "camd-123456789abc"))
        self.assertEqual(names.addresses, ("10.1.0.1", "10.1.9.1"))
        self.assertEqual(names.ports, (("http", 8080), ("https", 8443)))
        mdns.tell((NEAR, SIX), Site("http", 8080, "10.1.9.1", False))
        self.assertEqual(told[-1][1].addresses, ("10.1.9.1",))
        mdns.tell((NEAR, SIX), Site("http", 8080, "127.0.0.1", False))
        self.assertEqual(len(told), 2, "nobody could come")

    def test_mdns_is_imported_when_there_is_something_to_tell(self) -> None:
        self.assertIsNone(exchange(None, None))


class AllowanceTests(SynchronousTestCase):
    def test_each_and_all(self) -> None:
        clock = Clock()
        allowance = Allowance(((2.0, 10.0), (5.0, 30.0)), clock.seconds)
        self.assertEqual([allowance.take("a") for _ in range(11)].count(False), 1)
        self.assertFalse(allowance.take("b", 11))
        self.assertTrue(allowance.take("b", 10))
        self.assertEqual(sum(allowance.take(f"c{number}") for number in range(1000)), 10)
        self.assertEqual(len(allowance._each), REMEMBERED)
        clock.advance(1)
        self.assertEqual([allowance.take("a", amount) for amount in (3, 2, 3)], [True, True, False])


class ResponderTests(SynchronousTestCase):
    """Two links; chance says that what may be late is late by half of what it may."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.near, self.far = FakeLink(NEAR), FakeLink(FAR)
        self.dropped: list[str] = []
        links: Any = {NEAR: self.near, FAR: self.far}
        self.responder = Responder(self.clock, links, self.dropped.append, chance=lambda: 0.5)
        self.responder.start(1000)
        self.number = 0

    def announce(self, *endpoints: Endpoint, site: Site = WEB) -> None:
        self.responder.announce(endpoints, site)
        self.clock.advance(1)

    def ask(
        self, host: str = "10.1.0.9", own: str = "", size: int = 600, **wanted: Any
    ) -> list[tuple[str, str]]:
        """What is answered at once to a new question."""
        self.number += 1
        message = Message(**{"kind": "Probe", "id": f"urn:uuid:{self.number}", **wanted})
        self.responder.answer(self.near, message, size, host, 5000, own)  # type: ignore[arg-type]
        return self.near.said()

    def test_hello_and_bye(self) -> None:
        self.responder.announce((BOX,), WEB)
        self.assertEqual(self.near.said(), [], "not all at once with others")
        self.clock.advance(0.25)
        ((hello, *_),) = self.near.sent
        self.assertEqual(hello.matches[0].xaddrs, ("http://10.1.0.1:8080/onvif/device_service",))
        self.assertEqual((self.near.said(), self.far.said()), ([("Hello", "b0")], [("Hello", "b0")]))
        self.announce(BOX)
        self.assertEqual(self.near.said(), [], "nothing is new")
        self.announce(BOX, CAMERA)
        self.assertEqual(self.near.said(), [("Hello", "c1")])
        self.announce(BOX, CAMERA, site=Site("http", 81))
        self.assertEqual(self.near.said(), [("Hello", "b0")], "the other has a port of its own")
        self.announce(CAMERA)
        self.assertEqual(self.near.said(), [("Bye", "b0")])
        self.responder.stop()
        self.assertEqual((self.near.said(), self.far.said()[-1:]), ([("Bye", "c1")], [("Bye", "c1")]))

    def test_a_change_has_a_higher_version(self) -> None:
        self.announce(BOX)
        before = self.near.sent[-1][0].matches[0]
        self.announce(Endpoint("b0", BOX.path, (*SCOPES, "onvif://www.onvif.org/location/roof")))
        after = self.near.sent[-1][0].matches[0]
        self.assertGreater(after.version, before.version)
        self.assertEqual(len(after.scopes), 3)

    def test_what_was_to_be_said_when_it_stops(self) -> None:
        self.responder.announce((BOX,), WEB)
        self.responder.stop()
        self.clock.advance(1)
        self.assertEqual(self.near.said(), [("Bye", "b0")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_question_to_everybody(self) -> None:
        self.announce(BOX)
        self.near.said()
        self.assertEqual(self.ask(types=(TRANSMITTER,), scopes=SCOPES[:1]), [])
        self.clock.advance(0.25)
        ((answer, *place),) = self.near.sent
        self.assertEqual(place, ["10.1.0.9", 5000, "10.1.0.1"])
        self.assertEqual((answer.kind, answer.about), ("ProbeMatches", "urn:uuid:1"))
        self.assertEqual(answer.matches[0].xaddrs, ("http://10.1.0.1:8080/onvif/device_service",))

    def test_a_question_to_us(self) -> None:
        self.announce(BOX, CAMERA)
        self.near.said()
        self.assertEqual(self.ask(own="10.1.9.1"), [("ProbeMatches", "b0"), ("ProbeMatches", "c1")])

    def test_resolve(self) -> None:
        self.announce(BOX, CAMERA)
        self.near.said()
        self.assertEqual(self.ask(kind="Resolve", address="URN:uuid:c1"), [("ResolveMatches", "c1")])
        self.assertEqual(self.ask(kind="Resolve", address="urn:uuid:zz"), [])

    def test_silence_without_a_match(self) -> None:
        self.assertEqual(self.ask(own="10.1.0.1"), [], "there is no device")
        self.announce(BOX)
        self.near.said()
        self.assertEqual(self.ask(own="10.1.0.1", types=("{urn:x}Printer",)), [])
        self.assertEqual(self.ask(own="10.1.0.1", rule=NONE), [])
        self.assertEqual(self.dropped, [])

    def test_once_for_a_question(self) -> None:
        self.announce(BOX)
        self.near.said()
        for expected in ([("ProbeMatches", "b0")], []):
            self.assertEqual(self.ask(own="10.1.0.1", id="urn:uuid:same"), expected)
        self.assertEqual(
            self.ask(own="10.1.0.1", id="urn:uuid:same", host="10.1.0.10"), [("ProbeMatches", "b0")]
        )

    def test_no_more_than_so_many(self) -> None:
        self.announce(BOX, CAMERA)
        self.near.said()
        answers = sum(len(self.ask(own="10.1.0.1")) for _ in range(100))
        self.assertEqual((answers, len(self.dropped)), (60, 70))
        self.assertEqual(set(self.dropped), {"too_many"})

    def test_no_larger_than_the_question_allows(self) -> None:
        self.announce(Endpoint("b0", BOX.path, SCOPES * 30))
        for size, scopes in ((2000, True), (250, False)):
            self.near.raw.clear()
            self.ask(own="10.1.0.1", size=size)
            (answer,) = self.near.raw
            self.assertLessEqual(len(answer), size * FACTOR)
            self.assertEqual(bool(parse(answer).matches[0].scopes), scopes)
        self.assertEqual(self.ask(own="10.1.0.1", size=100), [])
        self.assertEqual(self.dropped, ["too_large"])

    def test_rules_that_are_not_known(self) -> None:
        self.announce(BOX)
        self.near.said()
        self.assertEqual(self.ask(own="10.1.0.1", rule=f"{WSD}/magic"), [("fault", "")])
        self.assertEqual(self.ask(rule=f"{WSD}/magic"), [])
        self.assertEqual(self.dropped, ["unknown_rule"])


class SearchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.search = Search(["urn:uuid:own"])
        self.question = parse(self.search.questions[0]).id

    def hear(
        self, *found: Match, kind: str = "ProbeMatches", about: str = "", source: str = "10.1.0.7"
    ) -> list[Found]:
        self.search.hear(Message(kind, "urn:uuid:x", about or self.question, matches=found), source)
        return list(self.search)

    def match(self, uuid: str = "urn:uuid:7", **more: Any) -> Match:
        return Match(
            uuid, **{"types": (DEVICE,), "xaddrs": ("http://10.1.0.7/onvif/device_service",), **more}
        )

    def test_a_camera(self) -> None:
        scopes = tuple(
            f"onvif://www.onvif.org/{end}" for end in ("Name/Front%20door%00", "hardware/X1", "location/roof")
        )
        self.assertEqual(
            self.hear(self.match("urn:uuid:ABC", scopes=scopes)),
            [Found("abc", "Front door", "X1", "roof", ("http://10.1.0.7/onvif/device_service",))],
        )

    def test_each_once_with_every_address(self) -> None:
        self.hear(self.match(xaddrs=("http://[fe80::7]/x",)), source="fe80::7")
        (found,) = self.hear(self.match(xaddrs=("http://192.168.0.1/x", "http://10.1.0.7/x")))
        self.assertEqual(found.services, ("http://10.1.0.7/x", "http://192.168.0.1/x", "http://[fe80::7]/x"))

    def test_what_does_not_count(self) -> None:
        self.hear(self.match("urn:uuid:own"))
        self.hear(self.match(), kind="Hello")
        self.hear(self.match(), about="urn:uuid:other")
        self.hear(self.match(types=("{urn:x}Printer",)))
        self.hear(self.match(""))
        urls = (
            "ftp://10.1.0.7/",
            "http://",
            "http://u:p@10.1.0.7/",
            "http://[",
            "http://x:99999/",
            "javascript:x",
            "http://x/\n",
        )
        self.assertEqual(self.hear(self.match(xaddrs=urls)), [])

    def test_there_may_be_too_many(self) -> None:
        for number in range(MOST + 9):
            self.hear(self.match(f"urn:uuid:{number}"))
        self.assertEqual(len(self.search.described()), MOST)


class ServiceTests(SynchronousTestCase):
    """The plugins `onvif` and `discovery` of an App whose machine is at self.places."""

    def setUp(self) -> None:
        self.places: tuple[Place, ...] = (NEAR, FAR)
        self.links: list[FakeLink] = []
        self.broken: OSError | None = None
        self.told: list[Any] = []
        self.app = app_for_tests(Path(self.mktemp()), {"onvif": onvif})
        for spec in discovery.STATES:
            self.app.state.declare(spec)
        self.app.listeners.urls[:] = ["http://localhost:8080/"]
        self.service = Discovery(self.app, lambda: self.places, self.link)
        self.patch(self.service._mdns, "tell", lambda *args: self.told.append(args))
        self.addCleanup(self.app.extensions.stop_services)

    def link(self, place: Place, reactor: Any, heard: Any) -> FakeLink:
        self.links.append(FakeLink(place, reactor, heard))
        self.links[-1].broken = self.broken
        return self.links[-1]

    def start(self) -> FakeLink:
        self.service.startService()
        self.addCleanup(lambda: self.service.running and self.service.stopService())
        self.assertEqual(self.links, [])
        self.app.reactor.advance(0)
        self.app.reactor.advance(1)
        return self.links[0]

    def test_it_begins_with_an_administrator(self) -> None:
        self.app.web.assume = None
        self.assertTrue(self.app.web.needs_setup)
        self.service.startService()
        self.addCleanup(self.service.stopService)
        self.app.reactor.advance(LOOK)
        self.assertEqual((self.links, self.told), ([], []))
        self.patch(type(self.app.web), "needs_setup", False)
        self.app.reactor.advance(LOOK)
        self.assertEqual([link.place for link in self.links], [NEAR, FAR])

    def test_from_hello_to_bye(self) -> None:
        near = self.start()
        uuid = self.app.state["onvif/uuid"].value
        self.assertEqual(near.said(), [("Hello", uuid)])
        near.heard(near, messages.probe((TRANSMITTER,)), "10.1.0.9", 5000, "10.1.0.1")
        ((answer, *_),) = near.sent
        self.assertIn("onvif://www.onvif.org/Profile/Streaming", answer.matches[0].scopes)
        self.assertEqual(near.said(), [("ProbeMatches", uuid)])
        stopped = self.service.stopService()
        self.assertEqual((near.said(), near.state), ([("Bye", uuid)], "closed"))
        self.successResultOf(stopped)

    def test_addresses_come_and_go(self) -> None:
        near = self.start()
        near.said()
        self.places = (FAR, LATE)
        self.app.reactor.advance(LOOK)
        self.app.reactor.advance(1)
        self.assertEqual([link.state for link in self.links], ["closed", "open", "open"])
        self.assertEqual([kind for kind, _ in self.links[2].said()], ["Hello"])
        self.assertEqual(self.told[-1][0], (FAR, LATE))

    def test_an_address_that_cannot_be_used_yet(self) -> None:
        self.broken = OSError(98, "Address already in use")
        self.start()
        self.assertIn("eth1: [Errno 98]", self.service.trouble)
        self.broken = None
        self.app.reactor.advance(LOOK)
        self.assertEqual(self.service.trouble, "")
        self.assertEqual([link.state for link in self.links], ["", "", "open", "open"])

    def test_the_mode(self) -> None:
        near = self.start()
        near.said()
        for wanted, kind in ((False, "Bye"), (True, "Hello")):
            self.app.state["onvif/discoverable"].publish(wanted)
            self.app.reactor.advance(1)
            self.app.reactor.advance(1)
            self.assertEqual([kind for kind, _ in near.said()], [kind])
            near.heard(near, messages.probe(), "10.1.0.9", 5000, "10.1.0.1")
            self.assertEqual(bool(near.said()), wanted)

    def test_what_is_not_answered_is_counted(self) -> None:
        near = self.start()
        near.heard(near, b"garbage", "10.1.0.9", 5000, "")
        near.heard(near, messages.probe(), "8.8.8.8", 5000, "")
        for _ in range(int(READ[0][1]) + 4):
            near.heard(near, b"garbage", "10.1.0.9", 5000, "")
        for reason, count in (("malformed", 100), ("off_link", 1), ("too_many", 5)):
            value = self.app.metrics.get_sample_value("camd_discovery_dropped_total", {"reason": reason})
            self.assertEqual(value, count, reason)

    def answer(self, link: FakeLink, number: int = 7) -> None:
        question = next(message for message, host, *_ in reversed(link.sent) if message.kind == "Probe")
        match = Match(f"urn:uuid:{number}", (DEVICE,), (), (f"http://10.1.0.{number}/x",))
        data = messages.probe_matches(match, question.id, messages.Sequence(1))
        link.heard(link, data, f"10.1.0.{number}", 3702, "10.1.0.1")

    def test_a_search(self) -> None:
        near = self.start()
        near.said()
        first, second = self.service.search(), self.service.search()
        second.cancel()
        self.failureResultOf(second)
        self.app.reactor.advance(1)
        self.assertEqual(
            [message.kind for message, *_ in near.sent], ["Probe"] * 4, "two questions, each twice"
        )
        self.answer(near)
        self.assertNoResult(first)
        self.app.reactor.advance(SEARCH)
        devices = self.successResultOf(first)
        self.assertEqual([device["services"] for device in devices], [["http://10.1.0.7/x"]])
        self.assertEqual(self.app.state["discovery/devices"].value, devices)
        near.said()
        self.assertEqual(self.successResultOf(self.service.search()), devices)
        self.assertEqual(near.said(), [], "it is fresh")
        self.app.reactor.advance(FRESH)
        near.said()
        third = self.service.search()
        self.assertTrue(near.said())
        self.service.stopService()
        self.assertEqual(self.successResultOf(third), [])

    def test_answers_that_nobody_asked_for(self) -> None:
        near = self.start()
        self.service.search()
        match = Match("urn:uuid:1", (DEVICE,), (), ("http://x/",))
        data = messages.probe_matches(match, "urn:uuid:2", messages.Sequence(1))
        near.heard(near, data, "10.1.0.7", 3702, "10.1.0.1")
        self.app.reactor.advance(SEARCH)
        self.assertEqual(self.app.state["discovery/devices"].value, [])

    def test_each_start_has_a_higher_instance(self) -> None:
        self.start()
        first = self.app.state.saved["discovery/instance"]
        self.service.stopService()
        self.service.startService()
        self.assertGreater(self.app.state.saved["discovery/instance"], first)

    def test_the_route(self) -> None:
        self.start()
        sent: list[Any] = []
        request = SimpleNamespace(notifyFinish=Deferred, send_json=sent.append)
        discovery.Discover(self.service.search).render_GET(request)
        self.app.reactor.advance(SEARCH)
        self.assertEqual(json.loads(json.dumps(sent)), [{"devices": []}])
