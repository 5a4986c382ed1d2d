"""Brightness, contrast, saturation, sharpness: direction, order, ends."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.encoders.adjust import Adjustment
from camd.media.frame import Frame


def make_frame() -> Frame:
    coarse = numpy.random.default_rng(3).integers(0, 256, (6, 8, 3), dtype=numpy.uint8)
    image = cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_LINEAR)
    image[:10, :40], image[:10, 40:80] = 0, 255
    image.flags.writeable = False
    return Frame(image, 1.5, 2.5, 3.5)


def colourfulness(image: numpy.ndarray) -> float:
    return float((image.max(axis=2).astype(int) - image.min(axis=2)).mean())


def detail(image: numpy.ndarray) -> float:
    return float(numpy.abs(numpy.diff(image.astype(int), axis=1)).sum())


class Adjusting(SynchronousTestCase):
    def setUp(self) -> None:
        self.frame = make_frame()

    def apply(self, **values: int) -> numpy.ndarray:
        return Adjustment(**values).apply(self.frame).image

    def test_neutral_is_the_very_same_frame(self) -> None:
        self.assertTrue(Adjustment().neutral)
        self.assertIs(Adjustment().apply(self.frame), self.frame)
        for name in ("brightness", "contrast", "saturation", "sharpness"):
            self.assertFalse(Adjustment(**{name: 49}).neutral)

    def test_the_frame_is_never_changed_and_the_result_is_read_only(self) -> None:
        before = self.frame.image.copy()
        for name in ("brightness", "contrast", "saturation", "sharpness"):
            for value in (0, 20, 80, 100):
                frame = Adjustment(**{name: value}).apply(self.frame)
                self.assertIsNot(frame.image, self.frame.image)
                self.assertFalse(frame.image.flags.writeable)
                self.assertEqual(frame.image.shape, self.frame.image.shape)
                self.assertEqual((frame.pts, frame.wall, frame.grabbed), (1.5, 2.5, 3.5))
        self.assertTrue((before == self.frame.image).all())

    def test_brightness_grows_with_every_step(self) -> None:
        means = [float(self.apply(brightness=value).mean()) for value in range(101)]
        self.assertTrue(all(low + 0.5 < high for low, high in pairwise(means)), means)
        self.assertEqual(means[50], self.frame.image.mean())

    def test_brightness_ends_nearly_black_and_nearly_white(self) -> None:
        self.assertLess(self.apply(brightness=0).max(), 16)
        self.assertGreater(self.apply(brightness=100).min(), 239)
        for contrast in (0, 100):  # whatever the contrast
            self.assertLess(self.apply(brightness=0, contrast=contrast).max(), 16)
            self.assertGreater(self.apply(brightness=100, contrast=contrast).min(), 239)

    def test_tones_keep_their_order(self) -> None:
        ramp = numpy.repeat(numpy.arange(256, dtype=numpy.uint8)[None, :, None], 3, axis=2)
        frame = Frame(ramp, 0, 0, 0)
        for values in ({"brightness": 10}, {"brightness": 90}, {"contrast": 0}, {"contrast": 100}):
            tones = Adjustment(**values).apply(frame).image[0, :, 0].astype(int)
            self.assertTrue((numpy.diff(tones) >= 0).all(), values)

    def test_contrast_spreads_tones_about_the_middle(self) -> None:
        spread = [float(self.apply(contrast=value).std()) for value in (0, 25, 50, 75, 100)]
        self.assertEqual(spread, sorted(set(spread)))
        grey = Frame(numpy.full((4, 4, 3), 128, numpy.uint8), 0, 0, 0)
        self.assertLessEqual(abs(int(Adjustment(contrast=100).apply(grey).image[0, 0, 0]) - 128), 1)

    def test_saturation_from_grey_to_vivid_at_the_same_luma(self) -> None:
        colour = [colourfulness(self.apply(saturation=value)) for value in (0, 25, 50, 75, 100)]
        self.assertEqual(colour, sorted(set(colour)))
        self.assertEqual(colour[0], 0)
        luma = [cv2.cvtColor(self.apply(saturation=value), cv2.COLOR_BGR2GRAY).mean() for value in (0, 50)]
        self.assertLess(abs(luma[0] - luma[1]), 1)

    def test_sharpness_from_blur_to_strong_edges(self) -> None:
        edges = [detail(self.apply(sharpness=value)) for value in (0, 25, 50, 75, 100)]
        self.assertEqual(edges, sorted(set(edges)))

    def test_all_at_once(self) -> None:
        image = self.apply(brightness=60, contrast=60, saturation=60, sharpness=60)
        self.assertEqual(image.shape, self.frame.image.shape)
