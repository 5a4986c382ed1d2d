"""Adjustments: direction, order, ends, and what must not change."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.processing.adjust import Adjustment

from .pictures import smooth

NAMES = ("brightness", "contrast", "saturation", "sharpness", "gamma", "hue", "noise_suppression", "red_gain",
         "blue_gain")  # fmt: skip


def make_image() -> numpy.ndarray:
    coarse = numpy.random.default_rng(3).integers(0, 256, (6, 8, 3), dtype=numpy.uint8)
    image = cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_LINEAR)
    image[:10, :40], image[:10, 40:80] = 0, 255
    image.flags.writeable = False
    return image


def colourfulness(image: numpy.ndarray) -> float:
    return float((image.max(axis=2).astype(int) - image.min(axis=2)).mean())


def detail(image: numpy.ndarray) -> float:
    return float(numpy.abs(numpy.diff(image.astype(int), axis=1)).sum())


def ramp() -> numpy.ndarray:
    """256 x 3 grey tones in one row."""
    return numpy.repeat(numpy.arange(256, dtype=numpy.uint8)[None, :, None], 3, axis=2)


class AdjustTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.image = make_image()

    def apply(self, **values: int) -> numpy.ndarray:
        return Adjustment(**values).apply(self.image)

    def test_neutral_is_the_very_same_picture(self) -> None:
        self.assertEqual(Adjustment().reasons, ())
        self.assertIs(Adjustment().apply(self.image), self.image)
        for name in NAMES:
            self.assertEqual(Adjustment(**{name: 49}).reasons, ("the picture is adjusted",))

    def test_the_picture_is_never_changed(self) -> None:
        before = self.image.copy()
        for name in NAMES:
            for value in (10, 20, 80, 99):
                image = self.apply(**{name: value})
                self.assertFalse(numpy.shares_memory(image, self.image))
                self.assertEqual((image.shape, image.dtype), (self.image.shape, self.image.dtype))
        self.assertTrue((before == self.image).all())

    def test_brightness_grows_with_every_step(self) -> None:
        means = [float(self.apply(brightness=value).mean()) for value in range(101)]
        self.assertTrue(all(low + 0.5 < high for low, high in pairwise(means)), means)
        self.assertEqual(means[50], self.image.mean())

    def test_brightness_ends_nearly_black_and_nearly_white(self) -> None:
        self.assertLess(self.apply(brightness=0).max(), 16)
        self.assertGreater(self.apply(brightness=100).min(), 239)
        for contrast in (0, 100):  # whatever the contrast
            self.assertLess(self.apply(brightness=0, contrast=contrast).max(), 16)
            self.assertGreater(self.apply(brightness=100, contrast=contrast).min(), 239)

    def test_tones_keep_their_order(self) -> None:
        for values in ({"brightness": 10}, {"brightness": 90}, {"contrast": 0}, {"contrast": 100},
                       {"gamma": 10}, {"gamma": 300}, {"red_gain": 100, "blue_gain": 0, "gamma": 200}):  # fmt: skip
            tones = Adjustment(**values).apply(ramp()).astype(int)
            self.assertTrue((numpy.diff(tones, axis=1) >= 0).all(), values)

    def test_contrast_spreads_tones_about_the_middle(self) -> None:
        spread = [float(self.apply(contrast=value).std()) for value in (0, 25, 50, 75, 100)]
        self.assertEqual(spread, sorted(set(spread)))
        grey = numpy.full((4, 4, 3), 128, numpy.uint8)
        self.assertLessEqual(abs(int(Adjustment(contrast=100).apply(grey)[0, 0, 0]) - 128), 1)

    def test_saturation_from_grey_to_vivid_at_the_same_luma(self) -> None:
        colour = [colourfulness(self.apply(saturation=value)) for value in (0, 25, 50, 75, 100)]
        self.assertEqual(colour, sorted(set(colour)))
        self.assertEqual(colour[0], 0)
        luma = [cv2.cvtColor(self.apply(saturation=value), cv2.COLOR_BGR2GRAY).mean() for value in (0, 50)]
        self.assertLess(abs(luma[0] - luma[1]), 1)

    def test_sharpness_from_blur_to_strong_edges(self) -> None:
        edges = [detail(self.apply(sharpness=value)) for value in (0, 25, 50, 75, 100)]
        self.assertEqual(edges, sorted(set(edges)))

    def test_gamma_is_a_power_of_the_tone(self) -> None:
        tones = numpy.arange(256)
        for gamma in (10, 50, 220, 300):
            expected = 255 * (tones / 255) ** (100 / gamma)
            self.assertLessEqual(numpy.abs(Adjustment(gamma=gamma).apply(ramp())[0, :, 1] - expected).max(), 0.5)
        self.assertGreater(Adjustment(gamma=200).apply(ramp())[0, 64, 0], 100)  # more is brighter

    def test_gains_are_of_their_colour_only(self) -> None:
        tones = numpy.arange(256)
        for name, channel in (("blue_gain", 0), ("red_gain", 2)):
            for value, factor in ((0, 0.5), (25, 0.5**0.5), (100, 2.0)):
                image = Adjustment(**{name: value}).apply(ramp())[0]
                expected = numpy.minimum(255, tones * factor)
                self.assertLessEqual(numpy.abs(image[:, channel] - expected).max(), 0.5)
                others = numpy.delete(image, channel, axis=1)
                self.assertTrue((others == tones[:, None]).all())

    def test_one_table_does_what_the_tones_do_one_by_one(self) -> None:
        values = {"red_gain": 60, "blue_gain": 40, "gamma": 120, "contrast": 55, "brightness": 58}
        image = ramp()
        for name, value in values.items():
            image = Adjustment(**{name: value}).apply(image)
        self.assertLessEqual(numpy.abs(image - Adjustment(**values).apply(ramp()).astype(int)).max(), 4)

    def test_hue_turns_red_towards_yellow_and_green(self) -> None:
        red = numpy.array([[[60, 60, 160]]], numpy.uint8)
        turned = [Adjustment(hue=hue).apply(red)[0, 0].astype(int) for hue in (-120, -45, 45, 120)]
        self.assertGreater(turned[0][0], turned[0][2])  # towards blue
        self.assertGreater(turned[1][0], turned[1][1])
        self.assertGreater(turned[2][1], turned[2][0])  # towards yellow: red and green
        self.assertGreater(turned[3][1], turned[3][2])  # green

    def test_hue_and_saturation_by_the_formula(self) -> None:
        """BT.601: luma stays, the colour differences turn and grow."""
        image = make_image() // 2 + 64  # so that nothing is cut off
        blue, green, red = (image[..., channel].astype(float) for channel in range(3))
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        for saturation, hue in ((50, 30), (50, -180), (70, 75), (0, 90), (30, 0)):
            turn, share = numpy.radians(hue), saturation / 50
            cb, cr = (blue - luma) / 1.772, (red - luma) / 1.402
            cb, cr = (share * (cb * numpy.cos(turn) - cr * numpy.sin(turn)),
                      share * (cb * numpy.sin(turn) + cr * numpy.cos(turn)))  # fmt: skip
            expected = numpy.stack(
                [luma + 1.772 * cb, luma - (0.114 * 1.772 * cb + 0.299 * 1.402 * cr) / 0.587, luma + 1.402 * cr],
                axis=2,
            )
            result = Adjustment(saturation=saturation, hue=hue).apply(image)
            self.assertLessEqual(numpy.abs(result - expected.clip(0, 255)).max(), 1.5, (saturation, hue))

    def test_half_a_turn_is_the_same_both_ways(self) -> None:
        self.assertTrue((self.apply(hue=180) == self.apply(hue=-180)).all())

    def test_noise_goes_and_edges_stay(self) -> None:
        clean = numpy.full((96, 128, 3), 90, numpy.uint8)
        clean[:, 64:] = 190
        noisy = clean + numpy.random.default_rng(4).normal(0, 6, clean.shape)
        noisy = numpy.rint(noisy).astype(numpy.uint8)
        errors, depth = [], []
        for strength in (0, 25, 50, 100):
            result = Adjustment(noise_suppression=strength).apply(noisy).astype(int)
            errors.append(float(numpy.abs(result - clean)[:, numpy.r_[4:60, 68:124]].mean()))
            depth.append(int(numpy.abs(result - noisy).max()))
            step = result[:, 66].mean() - result[:, 61].mean()
            self.assertGreater(step, 90)
        self.assertEqual(errors, sorted(errors, reverse=True))
        self.assertLess(errors[-1], errors[0] / 2.5)
        self.assertTrue(all(d <= s for d, s in zip(depth, (0, 6, 12, 24), strict=True)), depth)

    def test_noise_suppression_sees_no_bands(self) -> None:
        """It works in bands of rows; where they meet must not show."""
        image = smooth(64, 200)
        above = Adjustment(noise_suppression=80).apply(image)
        below = Adjustment(noise_suppression=80).apply(image[30:])
        self.assertTrue((above[40:190] == below[10:160]).all())

    def test_all_at_once(self) -> None:
        image = self.apply(**dict.fromkeys(NAMES, 60))
        self.assertEqual(image.shape, self.image.shape)

    def test_what_is_out_of_range(self) -> None:
        for name in NAMES:
            for value in (-200, 301, 50.0, True, "50", None):
                self.assertEqual(self.assertRaises(Invalid, Adjustment, **{name: value}).key, name)
