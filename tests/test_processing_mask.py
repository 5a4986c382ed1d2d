"""Privacy masks against a fill by the even-odd rule, row by row."""

from __future__ import annotations

import math

import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.processing import masks_from_json
from camd.processing.mask import Masks

from .pictures import inside, touched, widened

TRIANGLE = ((0.1, 0.15), (0.9, 0.3), (0.3, 0.85))
CONCAVE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.3), (0.1, 0.9))
SLIVER = ((0.05, 0.5), (0.95, 0.505), (0.95, 0.51))
STAR = tuple(
    (0.5 + 0.4 * math.sin(turn), 0.5 - 0.4 * math.cos(turn)) for turn in (k * 0.8 * math.pi for k in range(5))
)
OUTLINES = {"triangle": TRIANGLE, "concave": CONCAVE, "sliver": SLIVER, "star": STAR}


def masked(polygons: tuple, width: int, height: int) -> numpy.ndarray:
    image = numpy.full((height, width, 3), 255, numpy.uint8)
    result = Masks(polygons).apply(image)
    assert (image == 255).all()
    return (result == 0).all(axis=2)


class AreaTests(SynchronousTestCase):
    def test_every_pixel_that_a_mask_touches_is_black_and_few_others(self) -> None:
        for name, polygon in OUTLINES.items():
            for width, height in ((80, 60), (61, 83)):
                black = masked((polygon,), width, height)
                self.assertFalse((touched(polygon, width, height) & ~black).any(), name)
                self.assertFalse((black & ~widened(touched(polygon, width, height), 2)).any(), name)

    def test_what_a_star_surrounds_twice_is_outside(self) -> None:
        self.assertFalse(inside(STAR, 80, 80)[40, 40])
        self.assertFalse(masked((STAR,), 80, 80)[40, 40])

    def test_a_rectangle_by_the_pixel(self) -> None:
        box = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.5), (0.25, 0.5))
        expected = numpy.zeros((40, 80), bool)
        expected[9:22, 19:62] = True  # 10:20, 20:60; one around; and those on the lower and right edge
        self.assertTrue((masked((box,), 80, 40) == expected).all())

    def test_the_whole_picture(self) -> None:
        for size in ((80, 60), (33, 7)):
            self.assertTrue(masked((((0, 0), (1, 0), (1, 1), (0, 1)),), *size).all())

    def test_overlapping_masks_are_both_black(self) -> None:
        moved = tuple((x + 0.05, y + 0.05) for x, y in TRIANGLE)
        both = masked((TRIANGLE, moved), 80, 60)
        self.assertTrue((both == masked((TRIANGLE,), 80, 60) | masked((moved,), 80, 60)).all())

    def test_what_is_shown_is_as_it_was(self) -> None:
        image = numpy.random.default_rng(5).integers(0, 256, (60, 80, 3), dtype=numpy.uint8)
        black = masked((CONCAVE,), 80, 60)
        self.assertTrue((Masks((CONCAVE,)).apply(image) == image * ~black[..., None]).all())


class JsonTests(SynchronousTestCase):
    def test_as_clients_write_them(self) -> None:
        self.assertEqual(masks_from_json([]), ())
        self.assertEqual(
            masks_from_json([[[0, 0], [1, 0.5], [0.5, 1]]]), (((0.0, 0.0), (1.0, 0.5), (0.5, 1.0)),)
        )

    def test_what_is_none(self) -> None:
        fine = [[0, 0], [1, 0], [1, 1]]
        masks_from_json([fine] * 32)
        masks_from_json([[[0.5, 0.5]] * 32])
        for wrong in (
            None, {}, "mask", 5, [fine] * 33, [5], [None], [[]], [fine[:2]], [[[0.5, 0.5]] * 33],
            [[[0, 0], [1, 0], [1, 1.01]]], [[[0, 0], [1, 0], [-0.1, 1]]], [[[0, 0], [1, 0], [1]]],
            [[[0, 0], [1, 0], [1, 1, 1]]], [[[0, 0], [1, 0], [1, float("nan")]]],
            [[[0, 0], [1, 0], [1, float("inf")]]], [[[0, 0], [1, 0], [1, True]]], [[[0, 0], [1, 0], [1, "1"]]],
            [[[0, 0], [1, 0], "11"]], [[[0, 0], [1, 0], [1, None]]], [[[0, 0], [1, 0], [1, 10**400]]],
        ):  # fmt: skip
            error = self.assertRaises(Invalid, masks_from_json, wrong)
            self.assertEqual(error.key, "masks")

    def test_the_mask_is_named(self) -> None:
        fine = [[0, 0], [1, 0], [1, 1]]
        error = self.assertRaises(Invalid, masks_from_json, [fine, [[0, 0], [1, 0], [1, 2]]])
        self.assertEqual(str(error), "masks: mask 2: x and y must be between 0 and 1, from the top left")
