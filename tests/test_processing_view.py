"""Crop and digital pan-tilt-zoom: the mathematics, and the pixels against bilinear interpolation in NumPy."""

from __future__ import annotations

import itertools

import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.processing import crop_from_json, to_picture, to_scene, window
from camd.processing.view import HOME, WHOLE, Framing, cropped

from .pictures import enlarged, noise, smooth

CROPS = (WHOLE, (0.1, 0.2, 0.7, 0.6), (0.0, 0.0, 1 / 16, 1 / 16), (0.9375, 0.9375, 0.0625, 0.0625))
VIEWS = (HOME, (0.0, 0.0, 2.0), (-1.0, 1.0, 3.7), (1.0, -1.0, 16.0), (0.33, -0.2, 1.01))


class WindowTests(SynchronousTestCase):
    def test_known_ones(self) -> None:
        size = (1280, 720)
        self.assertEqual(window(size, WHOLE, HOME), (0, 0, 1280, 720))
        self.assertEqual(window(size, WHOLE, (0, 0, 2)), (320, 180, 640, 360))
        self.assertEqual(window(size, WHOLE, (-1, 1, 2)), (0, 0, 640, 360))  # left, up
        self.assertEqual(window(size, WHOLE, (1, -1, 4)), (960, 540, 320, 180))  # right, down
        self.assertEqual(window(size, (0.5, 0.5, 0.5, 0.5), (0, 0, 2)), (800, 450, 320, 180))
        self.assertEqual(window(size, (0.5, 0.5, 0.5, 0.5), (1, 1, 1)), (640, 360, 640, 360))

    def test_always_within_the_crop_and_the_crop_within_the_picture(self) -> None:
        for size, crop, view in itertools.product(((1280, 720), (641, 479), (37, 23)), CROPS, VIEWS):
            left, top, width, height = cropped(size, crop)
            self.assertEqual((width % 2, height % 2), (0, 0))
            self.assertTrue(0 <= left <= left + width <= size[0] and 0 <= top <= top + height <= size[1])
            x, y, wide, high = window(size, crop, view)
            self.assertTrue(left <= x and x + wide <= left + width + 1e-9, (size, crop, view))
            self.assertTrue(top <= y and y + high <= top + height + 1e-9, (size, crop, view))
            self.assertAlmostEqual(wide * view[2], width)
            self.assertAlmostEqual(high * view[2], height)

    def test_points_there_and_back(self) -> None:
        for size, crop, view in itertools.product(((1280, 720), (641, 479)), CROPS, VIEWS):
            for point in ((0.0, 0.0), (1.0, 1.0), (0.3, 0.8)):
                again = to_picture(to_scene(point, size, crop, view), size, crop, view)
                self.assertAlmostEqual(again[0], point[0])
                self.assertAlmostEqual(again[1], point[1])

    def test_points_where_they_are(self) -> None:
        size = (1280, 720)
        self.assertEqual(to_scene((0.5, 0.5), size, WHOLE, (0, 0, 8)), (0.5, 0.5))
        self.assertEqual(to_scene((0, 0), size, WHOLE, (1, -1, 2)), (0.5, 0.5))
        self.assertEqual(to_picture((0.5, 0.5), size, (0.5, 0.5, 0.5, 0.5), HOME), (0, 0))
        self.assertEqual(to_picture((0.25, 0.5), size, (0.5, 0.5, 0.5, 0.5), HOME), (-0.5, 0))


class PixelTests(SynchronousTestCase):
    def test_a_crop_is_a_slice(self) -> None:
        image = noise(80, 60)
        part = Framing((0.25, 0.5, 0.5, 0.25)).apply(image)
        self.assertTrue((part == image[30:45, 20:60][:14]).all())  # 15 rows are odd

    def test_nothing_is_a_view_of_the_same_pixels(self) -> None:
        image = noise(80, 60)
        self.assertTrue(numpy.shares_memory(Framing().apply(image), image))
        self.assertEqual(Framing().apply(noise(81, 61)).shape, (60, 80, 3))

    def test_zoom_shows_the_window(self) -> None:
        image = smooth(320, 240)
        for crop, view in itertools.product((WHOLE, (0.1, 0.2, 0.7, 0.6)), VIEWS):
            left, top, width, height = cropped((320, 240), crop)
            x, y, wide, high = window((320, 240), crop, view)
            inner = image[top : top + height, left : left + width]
            expected = enlarged(inner, (x - left, y - top, wide, high), width, height)
            part = Framing(crop, view).apply(image)
            self.assertEqual(part.shape, expected.shape)
            self.assertLess(numpy.abs(part - expected).max(), 4, (crop, view))

    def test_nothing_beside_the_crop_is_seen(self) -> None:
        image = numpy.zeros((60, 80, 3), numpy.uint8)
        image[15:45, 20:60] = 255
        for pan, tilt, zoom in itertools.product((-1.0, 0.0, 1.0), (-1.0, 1.0), (1.0, 1.1, 16.0)):
            part = Framing((0.25, 0.25, 0.5, 0.5), (pan, tilt, zoom)).apply(image)
            self.assertEqual(part.min(), 255)

    def test_a_slow_move_is_even(self) -> None:
        """What stands in the middle moves by the same way with every step, to a pixel of the result."""
        image = numpy.zeros((120, 160, 3), numpy.uint8)
        image[:, 80:] = 255
        edges = []
        for step in range(33):
            row = Framing(view=(step / 320, 0.0, 8.0)).apply(image)[60, :, 0]
            edges.append(int((row < 128).sum()))
        expected = 80 - numpy.arange(33) / 320 * 70 * 8
        self.assertLessEqual(numpy.abs(numpy.array(edges) - expected).max(), 1)


class InvalidTests(SynchronousTestCase):
    def test_crop(self) -> None:
        self.assertEqual(crop_from_json([0, 0.25, 1, 0.5]), (0.0, 0.25, 1.0, 0.5))
        self.assertEqual(crop_from_json([0.9, 0, 0.1, 1]), (0.9, 0.0, 0.1, 1.0))
        for wrong in (
            None, [], [0, 0, 1], [0, 0, 1, 1, 1], {"x": 0}, "0011", [0, 0, 1, True], [0, 0, 1, "1"],
            [0.1, 0, 1, 1], [0, 0.1, 1, 1], [-0.1, 0, 1, 1], [0, 0, 0.06, 1], [0, 0, 1, 0.06], [0, 0, 0, 0],
            [0, 0, 1, -1], [0, 0, float("nan"), 1], [0, 0, 1, float("inf")],
        ):  # fmt: skip
            self.assertEqual(self.assertRaises(Invalid, crop_from_json, wrong).key, "crop", wrong)

    def test_view(self) -> None:
        for key, view in (
            ("zoom", (0, 0, 0.99)), ("zoom", (0, 0, 16.1)), ("pan", (1.1, 0, 1)), ("tilt", (0, -1.1, 1)),
        ):  # fmt: skip
            self.assertEqual(self.assertRaises(Invalid, Framing, WHOLE, view).key, key)
