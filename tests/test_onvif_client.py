"""ONVIF devices of the network: how camd follows, steers and hears them; the devices are fakes."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from camd_plugins import motion, onvif_client
from camd_plugins.onvif_client.description import Description, Profile
from camd_plugins.onvif_client.follower import REFUSED, WAITS, Follower
from camd_plugins.onvif_client.motor import LOOK, Motor
from camd_plugins.onvif_client.notice import Notice, notices
from camd_plugins.onvif_client.peer import DeviceError, Peer, _Answer
from camd_plugins.onvif_client.range import Range
from camd_plugins.onvif_client.resource import device_address
from camd_plugins.onvif_client.service import Devices
from lxml import etree
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.config import CameraConfig
from camd.errors import Invalid, Unsupported
from camd.state import EVERYONE
from camd.testing import app_for_tests

URL = "http://far.test/onvif/device_service"
ABOUT = Description(
    "Dome", "Maker", "Dome", "1.0", "77", {"device": URL}, (Profile("p1", stream="rtsp://far.test/one"),),
    ("pan", "tilt", "zoom"), {"brightness": (0.0, 255.0)}, True,
)  # fmt: skip


def motion_of(on: bool, topic: str = "VideoSource/MotionAlarm", camera: str = "source") -> Notice:
    return Notice("motion", topic, on, frozenset({camera}))


class FakeDevice:
    """A device with a script. told: what it was told; happening: answers to `pull`, an exception is
    raised."""

    away: DeviceError | None = None
    about = ABOUT
    made: list[FakeDevice]

    def __init__(self, url: str, login: tuple[str, str], stream: str):
        self.asked_as = (url, login, stream)
        self.told: list[tuple[Any, ...]] = []
        self.happening: list[Any] = []
        self.place: tuple[float, float, float] | None = (0.0, 0.0, 0.0)
        self.moving: bool | None = False
        self.values = {"brightness": 128.0}
        self.tokens = frozenset({"source", "configuration"})
        self.has_places = True
        self.services = {"device": url}
        self.closed = self.left = False
        self.renewed = 0
        self.made.append(self)

    def _present(self) -> None:
        if type(self).away is not None:
            raise type(self).away

    def open(self) -> Description:
        self._present()
        return self.about

    look = subscribe = _present

    def pull(self) -> list[Notice]:
        self._present()
        found = self.happening.pop(0) if self.happening else []
        if isinstance(found, Exception):
            raise found
        return found

    def renew(self) -> None:
        self.renewed += 1

    def imaging(self) -> dict[str, float]:
        return dict(self.values)

    def set_imaging(self, name: str, value: float) -> float:
        self._present()
        self.values[name] = min(value, 200.0)
        return self.values[name]

    def status(self) -> Any:
        self._present()
        return self.place, self.moving

    def move(self, *args: float) -> None:
        self.told.append(("move", *args))

    def drive(self, *args: float) -> None:
        self._present()
        self.told.append(("drive", *args))

    def stop(self, *args: bool) -> None:
        self.told.append(("stop", *args))

    def close(self) -> None:
        self.closed = True

    def leave(self) -> None:
        self._present()
        self.left = True


class FollowerCase(SynchronousTestCase):
    plugins: dict[str, Any] = {}

    def setUp(self) -> None:
        class Scripted(FakeDevice):
            made: list[FakeDevice] = []

        self.device_class = Scripted
        self.app = app_for_tests(Path(self.mktemp()), dict(self.plugins))
        self.addCleanup(self.app.extensions.stop_services)
        self.clock = self.app.reactor
        self.service = Devices(self.app, lambda app, id, url: Follower(app, id, url, Scripted))
        self.configure()
        self.service.startService()
        self.addCleanup(self.service.stopService)
        self.clock.advance(0)

    def configure(self, **changes: Any) -> None:
        values = {"source": "rtsp://far.test/one", "onvif": URL, "username": "eva"} | changes
        self.app.cameras.configure({"far": CameraConfig("far", **values)})

    @property
    def device(self) -> Any:
        return self.device_class.made[-1]

    def value(self, name: str) -> Any:
        found = self.app.state.get(f"cameras/far/{name}")
        return None if found is None else found.value

    def hear(self, *notices: Notice) -> None:
        self.device.happening.append(list(notices))
        self.clock.advance(1)


class FollowerTests(FollowerCase):
    def test_it_is_there(self) -> None:
        self.assertEqual(self.device.asked_as, (URL, ("eva", ""), "one"))
        self.assertEqual((self.value("onvif"), self.value("onvif/state")), (URL, "connected"))
        self.assertEqual(self.value("imaging/brightness"), 128.0)
        self.assertEqual(self.app.cameras["far"].ptz.axes, {"pan", "tilt", "zoom"})

    def test_it_goes_and_is_looked_for_with_longer_waits(self) -> None:
        self.hear(motion_of(True))
        self.device_class.away = DeviceError("far.test: Connection refused")
        self.clock.advance(1)
        self.assertEqual(self.value("onvif/state"), "away")
        self.assertEqual(self.value("onvif/reason"), "far.test: Connection refused")
        self.assertIs(self.value("motion"), False)
        for count, wait in enumerate((*WAITS, WAITS[-1]), 1):
            self.assertEqual(len(self.device_class.made), count)
            self.clock.advance(wait - 0.01)
            self.assertEqual(len(self.device_class.made), count)
            self.clock.advance(0.01)
        self.device_class.away = None
        self.clock.advance(WAITS[-1])
        self.assertEqual((self.value("onvif/state"), self.value("onvif/reason")), ("connected", ""))
        self.hear(motion_of(True))
        self.assertIs(self.value("motion"), True)
        self.assertTrue(all(one.closed for one in self.device_class.made[:-1]))

    def test_a_wrong_login_is_not_tried_until_it_locks(self) -> None:
        self.device_class.away = DeviceError("not authorized", refused=True)
        self.clock.advance(1)
        count = len(self.device_class.made)
        self.clock.advance(REFUSED - 1)
        self.assertEqual(len(self.device_class.made), count)
        self.device_class.away = None
        self.configure(username="adam")  # whose login is tried at once
        self.clock.advance(0)
        self.assertEqual((self.device.asked_as[1][0], self.value("onvif/state")), ("adam", "connected"))

    def test_the_subscription_is_renewed(self) -> None:
        for _ in range(70):
            self.clock.advance(1)
        self.assertGreaterEqual(self.device.renewed, 2)
        self.assertLess(self.device.renewed, 5)

    def test_one_that_cannot_renew_goes_on(self) -> None:
        def renew(device: Any) -> None:
            raise DeviceError("Renew: not supported")

        self.patch(self.device_class, "renew", renew)
        self.clock.pump([1] * 70)
        self.assertEqual((self.value("onvif/state"), len(self.device_class.made)), ("connected", 1))

    def test_answers_that_nobody_thought_of(self) -> None:
        def pull(device: Any) -> Any:
            raise AttributeError("no such thing")

        self.patch(self.device_class, "pull", pull)
        self.clock.pump([1] * 20)
        self.assertEqual(self.value("onvif/state"), "away")
        self.assertGreater(len(self.device_class.made), 3)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1, "said once")

    def test_one_without_events_is_looked_at(self) -> None:
        self.device_class.about = Description("Box", profiles=ABOUT.profiles)
        self.configure(username="adam")
        self.clock.advance(0)
        self.assertEqual(self.value("onvif/state"), "connected")
        self.device_class.away = DeviceError("gone")
        self.clock.advance(30)
        self.assertEqual(self.value("onvif/state"), "away")

    def test_it_is_left(self) -> None:
        self.configure(onvif="")
        self.clock.advance(0)
        self.assertTrue(self.device.closed)
        self.clock.advance(1)
        self.assertTrue(self.device.left)
        self.assertEqual((self.value("onvif"), self.value("onvif/state")), ("", None))
        self.assertIsNone(self.value("imaging/brightness"))
        self.assertTrue(self.app.cameras["far"].ptz.is_digital)
        self.clock.advance(600)
        self.assertEqual(len(self.device_class.made), 1)

    def test_the_camera_goes(self) -> None:
        self.app.cameras.configure({})
        self.clock.advance(0)
        self.assertTrue(self.device.closed)
        self.assertEqual(self.app.state.select("cameras/far/*"), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_imaging(self) -> None:
        set_ = self.app.state["cameras/far/imaging/brightness"].set
        self.assertEqual(self.successResultOf(set_(90.0, EVERYONE)), 90.0)
        self.assertEqual(self.successResultOf(set_(255.0, EVERYONE)), 200.0, "what the device made of it")
        self.assertEqual(self.value("imaging/brightness"), 200.0)
        self.failureResultOf(set_(256.0, EVERYONE), Invalid)
        self.device_class.away = DeviceError("gone")
        self.failureResultOf(set_(10.0, EVERYONE), DeviceError)


class AlarmTests(FollowerCase):
    def setUp(self) -> None:
        super().setUp()
        self.events: list[Any] = []
        self.app.events.subscribe(self.events.append)

    def test_motion_with_its_events(self) -> None:
        self.hear(motion_of(True))
        self.assertIs(self.value("motion"), True)
        self.hear(motion_of(True, "RuleEngine/CellMotionDetector/Motion", "configuration"))
        self.hear(motion_of(False))
        self.assertIs(self.value("motion"), True, "the other topic still says so")
        self.hear(motion_of(False, "RuleEngine/CellMotionDetector/Motion", "configuration"))
        self.assertIs(self.value("motion"), False)
        found = [(event.kind, event.camera, event.end is None, event.data) for event in self.events]
        self.assertEqual(
            found,
            [("motion", "far", True, {"source": "onvif"}), ("motion", "far", False, {"source": "onvif"})],
        )

    def test_another_camera_of_the_device(self) -> None:
        self.hear(motion_of(True, camera="other"))
        self.assertIsNone(self.value("motion"))

    def test_tampering_and_inputs(self) -> None:
        self.hear(
            Notice("tampering", "TamperDetector/Tamper", True),
            Notice("inputs", "Trigger/DigitalInput", True, item="In 1/é"),
        )
        self.assertEqual((self.value("tampering"), self.value("inputs/in_1__")), (True, True))

    def test_inputs_are_bounded(self) -> None:
        self.hear(*(Notice("inputs", "x", True, item=str(number)) for number in range(100)))
        self.assertLess(len(self.app.state.select("cameras/far/inputs/*")), 40)


class MotionHereTests(FollowerCase):
    plugins = {"motion": motion}

    def test_what_camd_sees_itself_counts_more(self) -> None:
        self.hear(motion_of(True))
        self.assertIs(self.value("motion"), True)
        self.hear(motion_of(False))
        self.app.state["cameras/far/motion/enabled"].publish(True)
        self.hear(motion_of(True))
        self.assertIs(self.value("motion"), False)


class MotorTests(SynchronousTestCase):
    def setUp(self) -> None:
        class Scripted(FakeDevice):
            made: list[FakeDevice] = []

        self.clock = Clock()
        self.device = Scripted(URL, ("", ""), "")
        self.ptz = SimpleNamespace(position=(0.0, 0.0, 1.0), moving=False, told=self.told)
        self.motor = Motor(self.ptz, self.device, ("pan", "tilt", "zoom"), maybeDeferred, self.clock)

    def told(self, position: Any, moving: bool) -> None:
        self.ptz.position, self.ptz.moving = position, moving

    def test_a_place(self) -> None:
        self.device.moving = True
        self.motor.move((0.5, -0.5, 5.5), 1.0)
        self.assertEqual(self.device.told, [("move", 0.5, -0.5, 0.5, 1.0)])
        self.assertTrue(self.ptz.moving)
        self.device.place = (0.5, -0.5, 0.5)
        self.clock.advance(LOOK)
        self.assertEqual((self.ptz.position, self.ptz.moving), ((0.5, -0.5, 5.5), True))
        self.device.moving = False
        self.clock.advance(LOOK)
        self.assertFalse(self.ptz.moving)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_does_not_say_whether_it_moves(self) -> None:
        self.device.moving = None
        self.motor.drive((0.5, 0.0, 0.0), 5)
        for place in (0.1, 0.2):
            self.device.place = (place, 0.0, 0.0)
            self.clock.advance(LOOK)
            self.assertTrue(self.ptz.moving)
        self.clock.pump([LOOK] * 3)
        self.assertFalse(self.ptz.moving)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_says_nothing_at_all(self) -> None:
        self.device.moving = self.device.place = None
        self.motor.drive((0.5, 0.0, 0.0), 5)
        self.clock.pump([LOOK] * 3)
        self.assertEqual((self.ptz.position, self.ptz.moving), ((0.0, 0.0, 1.0), False))

    def test_one_that_says_that_it_moves_for_ever(self) -> None:
        self.device.moving = True
        self.motor.drive((0.5, 0.0, 0.0), 5)
        self.clock.pump([LOOK] * 300)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_only_the_newest_order_waits(self) -> None:
        under_way: list[Deferred[Any]] = []

        def run(f: Any, *args: Any) -> Deferred[Any]:
            under_way.append(Deferred())
            return under_way[-1].addCallback(lambda _: f(*args))

        motor = Motor(self.ptz, self.device, ("pan",), run, self.clock)
        for number in range(1, 6):
            motor.drive((number / 10, 0.0, 0.0), 1)
        motor.stop(True, True)
        while under_way:
            under_way.pop(0).callback(None)
        self.assertEqual(self.device.told, [("drive", 0.1, 0.0, 0.0, 1), ("stop", True, True)])

    def test_what_it_cannot(self) -> None:
        self.device.has_places = False
        with self.assertRaises(Unsupported):
            self.motor.move((0.0, 0.0, 1.0), 1.0)

    def test_it_is_away(self) -> None:
        type(self.device).away = DeviceError("gone")
        self.motor.drive((0.5, 0.0, 0.0), 5)
        self.assertFalse(self.ptz.moving)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class NoticeTests(SynchronousTestCase):
    def read(self, topic: str, message: str) -> list[Notice]:
        """From an answer as zeep gives it: elements, in the tree they came in."""
        tree = etree.fromstring(
            f'<n:NotificationMessage xmlns:n="n" xmlns:t="t"><n:Topic>{topic}</n:Topic>'
            f"<n:Message>{message}</n:Message></n:NotificationMessage>"
        )
        one = SimpleNamespace(Message=SimpleNamespace(_value_1=tree[1][0] if len(tree[1]) else None))
        return list(notices(SimpleNamespace(NotificationMessage=[one])))

    def message(self, data: str, operation: str = "Changed") -> str:
        source = '<t:SimpleItem Name="VideoSourceConfigurationToken" Value="V1"/>'
        return (
            f'<t:Message PropertyOperation="{operation}"><t:Source>{source}</t:Source>'
            f"<t:Data>{data}</t:Data></t:Message>"
        )

    def test_motion(self) -> None:
        topic = "tns1:RuleEngine/CellMotionDetector/Motion"
        for value, on in (("true", True), ("1", True), ("false", False), ("0", False)):
            item = f'<t:SimpleItem Name="IsMotion" Value="{value}"/>'
            self.assertEqual(
                self.read(topic, self.message(item)),
                [Notice("motion", "RuleEngine/CellMotionDetector/Motion", on, frozenset({"V1"}))],
            )
        self.assertFalse(self.read(topic, self.message("", "Deleted"))[0].on)

    def test_what_has_no_name_here(self) -> None:
        state = '<t:SimpleItem Name="State" Value="true"/>'
        for topic, message in (
            ("tns1:Monitoring/ProcessorUsage", self.message(state)),
            ("tns1:VideoSource/MotionAlarm", self.message('<t:SimpleItem Name="Other" Value="1"/>')),
            ("tns1:VideoSource/MotionAlarm", ""),
            ("", self.message(state)),
        ):
            self.assertEqual(self.read(topic, message), [])
        self.assertEqual(list(notices(None)), [])


class SmallTests(SynchronousTestCase):
    def test_ranges(self) -> None:
        space = SimpleNamespace(XRange=SimpleNamespace(Min=-180, Max=180))
        found = Range.of([space], "XRange")
        self.assertEqual(
            (found.theirs(0.75), found.ours(90, 0.5), found.ours(None, 0.5), found.ours(999, 0.5)),
            (90.0, 0.75, 0.5, 1.0),
        )
        self.assertFalse(Range.of([], "XRange"))
        self.assertFalse(Range.of([SimpleNamespace()], "XRange"))

    def test_an_answer_that_drips_ends_in_time(self) -> None:
        """Headers, too: a byte now and then kept a thread for as long as the device liked."""
        for sent in (b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1"):
            ours, theirs = socket.socketpair()
            self.addCleanup(ours.close)
            self.addCleanup(theirs.close)
            theirs.sendall(sent)
            answer = _Answer(ours, end=time.monotonic() + 0.05)
            self.addCleanup(answer.close)
            with self.assertRaises(TimeoutError):
                answer.begin()
                answer.read1(10)
            theirs.sendall(b"a")
            with self.assertRaises(TimeoutError):
                answer.fp.raw.readinto(bytearray(1))

    def test_nothing_leads_elsewhere(self) -> None:
        peer = Peer("http://10.0.0.20:81/onvif/device_service")
        for named, meant in (
            ("http://192.168.1.9:8080/onvif/media?x=1", "http://10.0.0.20:81/onvif/media?x=1"),
            ("http://10.0.0.20:8080/onvif/media", "http://10.0.0.20:8080/onvif/media"),
            ("https://10.0.0.20/onvif/media", "https://10.0.0.20/onvif/media"),
        ):
            self.assertEqual(peer.at_home(named), meant)
        self.assertEqual(peer.at_home("rtsp://eva:word@evil.test:554/a#b"), "rtsp://10.0.0.20:554/a")
        self.assertEqual(Peer("http://[fe80::1]/x").at_home("http://h/y"), "http://[fe80::1]/y")
        for wrong in ("", "/path", "http://", "http://h:99999/", "http://h/\n", "http://h/" + "x" * 2000):
            with self.assertRaises(DeviceError):
                peer.at_home(wrong)
        with self.assertRaises(DeviceError):
            peer.post("ftp://10.0.0.20/", b"", "text/xml")

    def test_addresses_as_people_give_them(self) -> None:
        for given, meant in (
            ("10.0.0.20", "http://10.0.0.20/onvif/device_service"),
            ("camera.local:8080", "http://camera.local:8080/onvif/device_service"),
            ("https://10.0.0.20/", "https://10.0.0.20/onvif/device_service"),
            ("http://10.0.0.20/other", "http://10.0.0.20/other"),
        ):
            self.assertEqual(device_address(given), meant)
        for wrong in ("", "ftp://x/", "http://eva:word@x/", "http://x:0/", "http://[x/", "a b"):
            with self.assertRaises(Invalid):
                device_address(wrong)

    def test_what_a_client_gets(self) -> None:
        told = ABOUT.described(URL, "eva")
        self.assertEqual(
            told["camera"], {"name": "Dome", "source": "rtsp://far.test/one", "onvif": URL, "username": "eva"}
        )
        self.assertIsNone(Description("Box").described(URL, "")["camera"])

    def test_the_plugin_is_quiet_without_devices(self) -> None:
        app = app_for_tests(Path(self.mktemp()), {"onvif_client": onvif_client})
        self.addCleanup(app.extensions.stop_services)
        app.cameras.configure({"a": CameraConfig("a", "test:")})
        app.reactor.advance(1)
        self.assertEqual([one.name for one in app.state.select("cameras/a/onvif/*")], [])
