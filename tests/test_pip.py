"""The plugin pip: two cameras in one picture, compared with one put together here."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy
from camd_plugins import cpro, pip
from camd_plugins.pip.layout import CORNERS, Layout
from camd_plugins.pip.source import PictureInPicture
from twisted.trial.unittest import SynchronousTestCase

from camd.app import CORE
from camd.config import CameraConfig
from camd.errors import Invalid, SourceError, Unsupported
from camd.media import Encoding, Format, Frame, SourceSettings
from camd.state import EVERYONE
from camd.testing import ThreadlessPool, app_for_tests

from .test_motion import Fakes

SETTINGS = SourceSettings("pip", "")


def noise(width: int, height: int, seed: int) -> numpy.ndarray:
    return numpy.random.default_rng(seed).integers(0, 256, (height, width, 3), numpy.uint8)


def halved(image: numpy.ndarray) -> numpy.ndarray:
    """A picture of half the size: the mean of each four pixels."""
    height, width = image.shape[:2]
    sums = image.astype(numpy.uint32).reshape(height // 2, 2, width // 2, 2, 3).sum((1, 3))
    return ((sums + 2) // 4).astype(numpy.uint8)


class LayoutTests(SynchronousTestCase):
    def test_addresses(self) -> None:
        self.assertEqual(Layout.parse("cam1,cam2"), Layout("cam1", "cam2", "bottom-right", 0.25, 2))
        self.assertEqual(
            Layout.parse("a, b?corner=top-left&scale=0.3&border=0"), Layout("a", "b", "top-left", 0.3, 0)
        )

    def test_what_is_none(self) -> None:
        for address, reason in (
            ("", "write two cameras, such as pip:cam1,cam2"),
            ("cam1", "write two cameras"),
            ("cam1,cam2,cam3", "write two cameras"),
            ("cam1,", "write two cameras"),
            ("cam1,cam2?where=left", "'where' is none of corner, scale, border"),
            ("cam1,cam2?corner=left", "corner must be one of top-left, top-right, bottom-left, bottom-right"),
            ("cam1,cam2?scale=0.9", "scale must be between 0.05 and 0.5"),
            ("cam1,cam2?scale=nan", "scale must be between"),
            ("cam1,cam2?scale=", "scale must be between"),
            ("cam1,cam2?border=1.5", "border must be between 0 and 16"),
        ):
            error = self.assertRaises(SourceError, Layout.parse, address)
            self.assertIn(f"pip:{address}: ", str(error))
            self.assertIn(reason, str(error))

    def test_every_corner(self) -> None:
        large, small = noise(100, 60, 1), noise(20, 10, 2)
        for corner in CORNERS:
            expected = large.copy()
            top = 2 if "top" in corner else 60 - 2 - 10
            left = 2 if "left" in corner else 100 - 2 - 20
            expected[top - 1:top + 11, left - 1:left + 21] = (255, 255, 255)
            for y in range(10):
                for x in range(20):
                    expected[top + y, left + x] = small[y, x]
            composed = Layout("a", "b", corner, border=1).compose(large, small)
            numpy.testing.assert_array_equal(composed, expected)
            self.assertFalse(composed.flags.writeable)

    def test_without_the_second(self) -> None:
        large = noise(100, 60, 1)
        numpy.testing.assert_array_equal(Layout("a", "b").compose(large, None), large)

    def test_no_room(self) -> None:
        large = noise(16, 16, 1)
        composed = Layout("a", "b", scale=0.5).compose(large, noise(16, 16, 2))
        numpy.testing.assert_array_equal(composed, large)


class PipCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.fakes = Fakes()
        plugins = {**CORE, "fakes": self.fakes, "pip": pip, "cpro": cpro}
        self.app = app_for_tests(Path(self.mktemp()), plugins)
        self.capture = self.app.threads.pools["capture"] = ThreadlessPool(at_once=False)
        self.addCleanup(self.app.cameras.stop)
        self.addCleanup(self.app.extensions.stop_services)
        self.now = 50.0

    def configure(self, **sources: str) -> None:
        self.app.cameras.configure({camera: CameraConfig(camera, source) for camera, source in sources.items()})

    def give(self, camera: str, image: numpy.ndarray) -> None:
        """The camera delivers a picture."""
        self.now += 1 / 30
        self.app.cameras[camera]._arrived(Frame(image, self.now, 1e6 + self.now, self.now))

    def pretend(self, camera: str, width: int, height: int) -> None:
        """The camera was opened by somebody who watches."""
        self.app.cameras[camera].stream(Encoding("source")).subscribe(lambda item: None)
        self.app.cameras[camera]._opened(Format("bgr", width, height, 25.0))

    def open(self, address: str, first: numpy.ndarray) -> tuple[PictureInPicture, Format]:
        """An open source; its first picture arrives while it waits in `open`."""
        source = PictureInPicture(self.app, address)
        camera = self.app.cameras[Layout.parse(address).first]
        stream, subscribe = camera.stream(Encoding("bgr")), type(camera.pipeline.source).subscribe

        def subscribed(deliver: Any, **options: Any) -> Any:
            subscription = subscribe(stream, deliver, **options)
            self.give(camera.id, first)
            return subscription

        stream.subscribe = subscribed
        self.addCleanup(source.close)
        return source, source.open(SETTINGS)


class SourceTests(PipCase):
    def setUp(self) -> None:
        super().setUp()
        self.configure(cam1="fake:1", cam2="fake:2")
        self.pretend("cam1", 640, 480)
        self.pretend("cam2", 320, 240)
        self.first, self.second = noise(640, 480, 1), noise(320, 240, 2)

    def test_the_picture(self) -> None:
        source, format = self.open("cam1,cam2?corner=top-right&scale=0.25", self.first)
        self.assertEqual(format, Format("bgr", 640, 480, 25.0))
        self.give("cam2", self.second)
        frame = source.read(1.0)
        expected = self.first.copy()
        small, margin = halved(self.second), 13  # a fiftieth of the width
        expected[margin - 2:margin + 122, 640 - margin - 162:640 - margin + 2] = 255
        expected[margin:margin + 120, 640 - margin - 160:640 - margin] = small
        numpy.testing.assert_array_equal(frame.image, expected)
        self.assertFalse(frame.image.flags.writeable)
        self.assertEqual((frame.pts, frame.card), (self.now - 1 / 30, False))

    def test_a_second_that_fits_is_not_enlarged(self) -> None:
        tiny = noise(80, 60, 3)
        source, _ = self.open("cam1,cam2?corner=bottom-left&border=0", self.first)
        self.give("cam2", tiny)
        expected = self.first.copy()
        expected[480 - 13 - 60:480 - 13, 13:13 + 80] = tiny
        numpy.testing.assert_array_equal(source.read(1.0).image, expected)

    def test_the_rate_is_that_of_the_first(self) -> None:
        source, _ = self.open("cam1,cam2", self.first)
        self.assertIsNotNone(source.read(1.0))
        self.give("cam2", self.second)
        self.assertIsNone(source.read(0.0))
        self.give("cam1", self.first)
        self.give("cam1", self.second.repeat(2, 0).repeat(2, 1))
        newest = source.read(0.0)
        self.assertEqual(newest.pts, self.now)
        self.assertEqual(source.dropped(), 1)
        self.assertIsNone(source.read(0.0))

    def test_the_newest_of_the_second(self) -> None:
        source, _ = self.open("cam1,cam2?border=0", self.first)
        for seed in (4, 5):
            newest = noise(320, 240, seed)
            self.give("cam2", newest)
        image = source.read(1.0).image
        numpy.testing.assert_array_equal(image[480 - 13 - 120:480 - 13, 640 - 13 - 160:640 - 13], halved(newest))

    def test_it_waits_for_a_picture(self) -> None:
        source, _ = self.open("cam1,cam2", self.first)
        source.read(0.0)
        later = threading.Timer(0.05, self.give, ("cam1", self.first))
        later.start()
        self.addCleanup(later.join)
        self.assertIsNotNone(source.read(10.0))

    def test_the_card_of_the_second(self) -> None:
        source, _ = self.open("cam1,cam2", self.first)
        camera = self.app.cameras["cam2"]
        camera.condition.become("stalled", "no picture for 2 s")
        camera._show_card()
        before = source.read(1.0).image
        self.assertTrue((before != self.first).any())  # the card, in its place
        self.assertTrue((before[:300] == self.first[:300]).all())

    def test_the_first_stalls(self) -> None:
        source, _ = self.open("cam1,cam2", self.first)
        source.read(0.0)
        camera = self.app.cameras["cam1"]
        camera.condition.become("stalled", "no picture for 2 s")
        camera._show_card()
        error = self.assertRaises(SourceError, source.read, 0.0)
        self.assertEqual((str(error), error.state), ("cam1: no picture for 2 s", "stalled"))

    def test_the_size_changes(self) -> None:
        source, _ = self.open("cam1,cam2", self.first)
        source.read(0.0)
        self.give("cam1", noise(320, 240, 6))
        self.assertIn("has changed", str(self.assertRaises(SourceError, source.read, 0.0)))

    def test_a_camera_is_removed(self) -> None:
        for kept, gone in (("cam1", "cam2"), ("cam2", "cam1")):
            self.configure(cam1="fake:1", cam2="fake:2")
            source, _ = self.open("cam1,cam2", self.first)
            self.configure(**{kept: f"fake:{kept[-1]}"})
            error = self.assertRaises(SourceError, source.read, 0.0)
            self.assertEqual((str(error), error.state), (f"there is no camera {gone}", "absent"))
            source.close()

    def test_what_is_masked_in_one_of_them(self) -> None:
        self.configure(cam1="fake:", cam2="fake:", both="pip:cam1,cam2")
        self.open("cam1,cam2", noise(64, 48, 1))
        both, got = self.app.cameras["both"], []
        slow = both.stream(Encoding("bgr")).subscribe(got.append)
        slow.pauseProducing()
        self.give("both", noise(64, 48, 1))
        self.app.cameras["cam2"].appearance._set("masks", [[[0, 0], [1, 0], [1, 1]]])
        self.assertIsNone(both.newest(Encoding("bgr")))
        slow.resumeProducing()
        self.assertEqual(got, [])

    def test_closing_ends_the_demand(self) -> None:
        source, _ = self.open("cam1,cam2", self.first)

        def watching() -> int:
            return sum(self.app.cameras[c].pipeline.clients().get("plugin", 0) for c in ("cam1", "cam2"))

        watched = watching()
        source.close()
        source.close()
        self.assertEqual(watching(), watched - 2)
        self.assertRaises(SourceError, source.read, 0.0)

    def test_it_has_no_controls(self) -> None:
        source = PictureInPicture(self.app, "cam1,cam2")
        self.assertEqual(source.probe().name, "cam1 with cam2")
        self.assertIn("set it at cam1", str(self.assertRaises(SourceError, source.set, "brightness", 1)))


class CameraTests(PipCase):
    """As a camera among the others."""

    def reason(self, camera: str = "pip") -> tuple[str, str]:
        return self.app.cameras[camera].status, self.app.cameras[camera].reason

    def test_it_is_there_as_long_as_its_first_is(self) -> None:
        self.configure(cam1="fake:1", cam2="fake:2", pip="pip:cam1,cam2")
        self.assertEqual(self.reason(), ("idle", ""))
        self.fakes.sources["1"].away = SourceError("unplugged", "absent")
        self.app.reactor.pump([1.0] * 3)
        self.assertEqual(self.reason(), ("absent", "cam1: unplugged"))
        self.fakes.sources["1"].away = None
        self.app.reactor.pump([1.0] * 3)
        self.assertEqual(self.reason(), ("idle", ""))

    def test_a_camera_that_is_not_there(self) -> None:
        self.configure(cam1="fake:1", pip="pip:cam1,cam2")
        self.assertEqual(self.reason(), ("absent", "there is no camera cam2"))

    def test_an_address_that_is_none(self) -> None:
        self.configure(cam1="fake:1", pip="pip:cam1")
        self.assertEqual(self.reason(), ("backoff", "pip:cam1: write two cameras, such as pip:cam1,cam2"))

    def test_itself(self) -> None:
        self.configure(cam1="fake:1", pip="pip:cam1,pip")
        self.app.reactor.pump([1.0] * 3)
        self.assertEqual(
            self.reason(), ("backoff", "pip, which shows pip: choose another camera for one of them")
        )

    def test_itself_by_a_detour(self) -> None:
        self.configure(cam1="fake:1", a="pip:cam1,b", b="pip:a,cam1")
        self.app.reactor.pump([1.0] * 3)
        self.assertIn("b, which shows a, which shows b", self.reason("a")[1])

    def test_one_within_another_is_no_circle(self) -> None:
        self.configure(cam1="fake:1", cam2="fake:2", a="pip:cam1,cam2", b="pip:a,cam1")
        self.app.reactor.pump([1.0] * 3)
        self.assertEqual(self.reason("b"), ("idle", ""))


class ModeTests(PipCase):
    """pip/mode, and the product's key for it."""

    def setUp(self) -> None:
        super().setUp()
        self.configure(cam1="fake:1", cam2="fake:2", both="pip:cam2,cam1")

    def set(self, name: str, value: Any) -> None:
        self.successResultOf(self.app.state[name].set(value, EVERYONE))

    @property
    def main(self) -> Any:
        return self.app.state["system/main_camera"].value

    @property
    def mode(self) -> Any:
        return self.app.state["pip/mode"].value

    def test_on_and_off(self) -> None:
        self.assertEqual((self.main, self.mode), ("cam1", "off"))
        self.set("pip/mode", "on")
        self.assertEqual((self.main, self.mode), ("both", "on"))
        self.set("pip/mode", "off")
        self.assertEqual((self.main, self.mode), ("cam2", "off"))

    def test_it_follows_the_main_camera(self) -> None:
        self.set("system/main_camera", "both")
        self.assertEqual(self.mode, "on")
        self.set("pip/mode", "on")
        self.assertEqual(self.main, "both")
        self.set("system/main_camera", "cam1")
        self.set("pip/mode", "off")
        self.assertEqual((self.main, self.mode), ("cam1", "off"))

    def test_without_such_a_camera(self) -> None:
        self.configure(cam1="fake:1")
        error = self.failureResultOf(self.app.state["pip/mode"].set("on", EVERYONE), Unsupported).value
        self.assertIn("add one with source = pip:", str(error))

    def test_in_the_product_s_words(self) -> None:
        word = self.app.api.vocabulary.find("pip")
        self.assertEqual(word.get(EVERYONE), "off")
        self.assertEqual(word.translate("on", EVERYONE), {"pip/mode": "on"})
        self.set("pip/mode", "on")
        self.assertEqual(word.get(EVERYONE), "on")
        self.assertRaises(Invalid, word.translate, "corner", EVERYONE)
