"""The plugin motion: its state, its events, and what it costs while nobody wants it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
from camd_plugins import motion
from twisted.trial.unittest import SynchronousTestCase

from camd.app import CORE
from camd.config import CameraConfig
from camd.errors import Invalid, SourceError
from camd.hookspecs import hookimpl
from camd.media import Capabilities, Format, Frame
from camd.state import EVERYONE, Event
from camd.testing import FakeSource, ThreadlessPool, app_for_tests

from .test_motion_detector import HEIGHT, RATE, WIDTH, picture, scene

START = 1_000_000.0


class Fakes:
    """The kind of camera of these tests; away: an error while it is not there."""

    def __init__(self) -> None:
        self.sources: dict[str, FakeSource] = {}

    @hookimpl
    def camd_sources(self) -> dict[str, Any]:
        return {"fake": self._source}

    def _source(self, address: str) -> FakeSource:
        return self.sources.setdefault(address, FakeSource(capabilities=Capabilities("Fake")))


class MotionCase(SynchronousTestCase):
    SAVED = ""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        if self.SAVED:
            (folder / "state.json").write_text(self.SAVED)
        self.fakes = Fakes()
        self.app = app_for_tests(folder, {**CORE, "fakes": self.fakes, "motion": motion})
        self.app.threads.pools["capture"] = ThreadlessPool(at_once=False)
        self.addCleanup(self.app.cameras.stop)
        self.addCleanup(self.app.extensions.stop_services)
        self.events: list[Event] = []
        self.app.events.subscribe(lambda event: event.kind == "motion" and self.events.append(event))
        self.still = scene()
        self.now = 50.0
        self.configure("cam1")

    def configure(self, *cameras: str) -> None:
        self.app.cameras.configure({camera: CameraConfig(camera, f"fake:{camera}") for camera in cameras})
        self.app.reactor.advance(0)

    def value(self, name: str = "", camera: str = "cam1") -> Any:
        return self.app.state[f"cameras/{camera}/motion{name}"].value

    def set(self, name: str, value: Any) -> Any:
        setting = self.app.state[f"cameras/cam1/{name}"].set(value, EVERYONE)
        self.app.reactor.advance(0)
        return self.successResultOf(setting)

    def switch_on(self) -> None:
        self.set("motion/enabled", True)
        self.camera._opened(Format("bgr", WIDTH, HEIGHT, 30.0))
        self.see(self.still, seconds=2.0)

    @property
    def camera(self) -> Any:
        return self.app.cameras["cam1"]

    @property
    def subscriptions(self) -> int:
        return self.camera.pipeline.clients().get("plugin", 0)

    def see(self, grey: numpy.ndarray, seconds: float = 1 / RATE) -> None:
        """The camera gives this picture for so long, 30 times a second."""
        for _ in range(round(seconds * 30)):
            self.now += 1 / 30
            image = picture(grey)
            image.flags.writeable = False
            self.camera._arrived(Frame(image, self.now, START + self.now, self.now))
            self.app.reactor.advance(0)

    def move(self, pictures: int = 3) -> None:
        for step in range(pictures):
            grey = self.still.copy()
            x = 30 + 10 * step
            grey[40:60, x:x + 20] = 255 - grey[40:60, x:x + 20]
            self.see(grey)


class StateTests(MotionCase):
    def test_it_is_off_and_costs_nothing(self) -> None:
        self.assertFalse(self.value("/enabled"))
        self.assertFalse(self.value())
        self.assertEqual((self.subscriptions, self.camera.status), (0, "idle"))

    def test_every_name_can_be_read_before_anything_happened(self) -> None:
        names = [o.name for o in self.app.state.select("cameras/cam1/motion*")]
        self.assertEqual(len(names), 9)
        self.assertEqual([name for name in names if self.app.state[name].value is None], [])

    def test_switching_it_on_and_off(self) -> None:
        self.set("motion/enabled", True)
        self.assertEqual(self.subscriptions, 1)
        self.set("motion/enabled", False)
        self.assertEqual(self.subscriptions, 0)

    def test_zones_are_checked(self) -> None:
        setting = self.app.state["cameras/cam1/motion/zones"].set([[[0, 0], [2, 0], [1, 1]]], EVERYONE)
        self.failureResultOf(setting, Invalid)
        self.assertEqual(self.value("/zones"), [])
        triangle = [[0, 0], [1, 0], [1, 1]]
        self.assertEqual(self.set("motion/zones", [triangle]), [triangle])

    def test_movement_begins_and_ends(self) -> None:
        self.switch_on()
        self.assertEqual((self.value(), self.events), (False, []))
        began = START + self.now
        self.move()
        self.assertTrue(self.value())
        self.assertGreater(self.value("/score"), 1)
        self.assertEqual(len(self.value("/box")), 4)
        self.see(self.still, 1.0)
        self.assertTrue(self.value())
        self.see(self.still, self.value("/hold"))
        self.assertEqual((self.value(), self.value("/score"), self.value("/box")), (False, 0.0, []))
        start, end = self.events
        self.assertEqual((start.camera, start.end), ("cam1", None))
        self.assertEqual(start.start, end.start)
        self.assertApproximates(start.start, began, 0.25)
        self.assertApproximates(end.end, began + 0.6, 0.25)
        self.assertGreaterEqual(end.data["score"], start.data["score"])
        self.assertEqual(sorted(end.data), ["box", "score"])
        x, y, width, height = end.data["box"]
        self.assertTrue(0 <= x <= x + width <= 1 and 0 <= y <= y + height <= 1)

    def test_it_is_told_within_half_a_second(self) -> None:
        self.switch_on()
        began, grey = self.now, self.still.copy()
        grey[40:60, 40:60] = 255 - grey[40:60, 40:60]
        while not self.value() and self.now < began + 5:
            self.see(grey, 1 / 30)
        self.assertLess(self.now - began, 0.5)

    def test_what_is_too_small(self) -> None:
        self.switch_on()
        self.set("motion/minimum_size", 20.0)
        self.move()
        self.assertFalse(self.value())

    def test_what_is_outside_of_the_zones(self) -> None:
        self.switch_on()
        self.set("motion/zones", [[[0.0, 0.0], [1.0, 0.0], [1.0, 0.3], [0.0, 0.3]]])
        self.move()
        self.assertFalse(self.value())

    def test_only_five_pictures_a_second_are_looked_at(self) -> None:
        self.switch_on()
        before = self.app.threads.jobs["encode"]
        self.see(self.still, 2.0)
        self.assertEqual(self.app.threads.jobs["encode"] - before, 10)

    def test_clients_do_not_hear_of_every_picture(self) -> None:
        self.switch_on()
        told = []
        self.app.state.observe("cameras/cam1/motion/score", lambda o: told.append(o.value))
        self.move(8)
        self.assertLessEqual(len(told), 4)

    def test_a_bug_in_the_detector_ends_it_and_nothing_else(self) -> None:
        self.switch_on()
        self.patch(motion.detector.Detector, "look", lambda *_: 1 / 0)
        self.see(self.still)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((self.subscriptions, self.camera.status), (0, "streaming"))


class AppearanceTests(MotionCase):
    """The picture changes because somebody changed it."""

    def test_the_picture_is_turned_over(self) -> None:
        self.switch_on()
        self.set("rotate", 180)
        self.see(self.still[::-1, ::-1], 3.0)
        self.assertEqual(self.events, [])

    def test_a_mask(self) -> None:
        self.switch_on()
        self.set("masks", [[[0.1, 0.1], [0.4, 0.1], [0.4, 0.6], [0.1, 0.6]]])
        self.see(self.still, 3.0)
        self.assertEqual(self.events, [])

    def test_the_clock_in_the_picture(self) -> None:
        self.switch_on()
        self.set("overlay/size", 10)
        self.set("overlay/time", True)
        self.see(self.still, 5.0)
        self.assertEqual(self.events, [])
        self.move()
        self.assertTrue(self.value())


class ComingAndGoingTests(MotionCase):
    def test_a_camera_that_comes_later(self) -> None:
        self.configure("cam1", "cam2")
        self.assertFalse(self.value("/enabled", "cam2"))

    def test_its_names_go_with_the_camera(self) -> None:
        self.configure("cam1", "cam2")
        self.configure("cam2")
        self.assertEqual([o.name for o in self.app.state if o.name.startswith("cameras/cam1/")], [])
        self.assertFalse(self.value("/enabled", "cam2"))

    def test_motion_ends_with_the_camera(self) -> None:
        self.switch_on()
        self.move()
        self.configure("cam2")
        self.assertEqual([event.end is None for event in self.events], [True, False])

    def test_a_camera_that_comes_back_is_watched_again(self) -> None:
        self.switch_on()
        self.configure()
        self.configure("cam1")
        self.assertEqual((self.value("/enabled"), self.subscriptions), (True, 1))

    def test_motion_ends_when_it_is_switched_off(self) -> None:
        self.switch_on()
        self.move()
        self.set("motion/enabled", False)
        self.assertFalse(self.value())
        self.assertEqual([event.end is None for event in self.events], [True, False])

    def test_an_absent_camera_draws_no_cards_for_it(self) -> None:
        self.switch_on()
        self.fakes.sources["cam1"].away = SourceError("unplugged", "absent")
        self.app.threads.pools["capture"].run()  # fails to open
        self.app.reactor.advance(0)
        self.assertEqual((self.camera.status, self.subscriptions), ("absent", 0))
        self.app.reactor.pump([1.0] * 3)
        self.assertEqual(self.subscriptions, 0)
        self.fakes.sources["cam1"].away = None
        self.app.reactor.pump([1.0, 0.0, 0.0])
        self.assertEqual(self.subscriptions, 1)

    def test_the_end_of_the_daemon(self) -> None:
        self.switch_on()
        self.successResultOf(self.app.extensions.stop_services())
        self.assertEqual(self.subscriptions, 0)


class SavedTests(MotionCase):
    SAVED = (
        '{"cameras/cam1/motion/enabled": true, "cameras/cam1/motion/sensitivity": 70,'
        ' "cameras/cam1/motion/zones": [[[0, 0], [1, 0], [1, 0.3]]]}'
    )

    def test_settings_survive_a_restart(self) -> None:
        self.assertEqual((self.value("/enabled"), self.value("/sensitivity")), (True, 70))
        self.assertEqual(self.value("/zones"), [[[0, 0], [1, 0], [1, 0.3]]])
        self.assertEqual(self.subscriptions, 1)


class DamagedTests(MotionCase):
    SAVED = '{"cameras/cam1/motion/zones": [7]}'

    def test_zones_that_are_none_any_more(self) -> None:
        self.assertEqual(self.value("/zones"), [])
