"""Processing as a whole: neutral, order, sizes, and that nothing brings back what is masked."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.media.frame import Frame
from camd.processing import Overlay, Processing, to_picture

from .pictures import enlarged, frame_of, inside, noise, oriented, smooth, touched, widened

ROTATIONS = (0, 90, 180, 270)
FLIPS = ("none", "horizontal", "vertical", "both")
TRIANGLE = ((0.2, 0.15), (0.85, 0.3), (0.4, 0.8))
#: One value of each kind that changes something.
EACH = {
    "rotate": 90, "flip": "vertical", "crop": (0.1, 0.1, 0.5, 0.5), "view": (0.3, -0.2, 2.0),
    "masks": (TRIANGLE,), "brightness": 60, "contrast": 40, "saturation": 70, "sharpness": 80, "gamma": 150,
    "hue": 40, "noise_suppression": 60, "red_gain": 60, "blue_gain": 30, "overlay": Overlay("hello", time=True),
}  # fmt: skip


class NeutralTests(SynchronousTestCase):
    def test_neutral_is_the_very_same_frame(self) -> None:
        frame = frame_of(noise(33, 21))
        self.assertEqual(Processing().reasons, ())
        self.assertIs(Processing().apply(frame), frame)
        self.assertEqual(Processing().output_size(33, 21), (33, 21))

    def test_what_comes_to_nothing_is_neutral(self) -> None:
        frame = frame_of(noise(32, 20))
        for values in (
            {"rotate": 180, "flip": "both"}, {"view": (1.0, -1.0, 1.0)}, {"overlay": Overlay()},
            {"overlay": Overlay("  "), "crop": (0, 0, 1, 1)}, {"masks": []},
        ):  # fmt: skip
            self.assertIs(Processing(**values).apply(frame), frame, values)

    def test_each_value_gives_a_reason(self) -> None:
        for name, value in EACH.items():
            self.assertEqual(len(Processing(**{name: value}).reasons), 1, name)

    def test_reasons_in_order(self) -> None:
        self.assertEqual(
            Processing(**EACH).reasons,
            ("rotated", "flipped", "masked", "cropped", "zoomed", "the picture is adjusted",
             "text on the picture"),
        )  # fmt: skip

    def test_equal_values_are_equal(self) -> None:
        first, second = Processing(**EACH), Processing(**{**EACH, "masks": [[list(p) for p in TRIANGLE]]})
        self.assertEqual((first, hash(first)), (second, hash(second)))
        self.assertNotEqual(first, Processing())

    def test_of_plain_values(self) -> None:
        plain = Processing.of(
            overlay={"text": "hello", "time": True, "logo": ""}, crop=[0.1, 0.1, 0.5, 0.5], masks=[], rotate=90
        )
        self.assertEqual(plain.reasons, ("rotated", "cropped", "text on the picture"))
        self.assertIs(Processing.of({"text": "hello"}).overlay, Processing.of({"text": "hello"}).overlay)
        self.assertIsNone(Processing.of().overlay)
        self.assertEqual(self.assertRaises(Invalid, Processing.of, {"text": ["a"]}).key, "overlay/text")

    def test_nothing_heavy_is_imported_to_say_what_to_do(self) -> None:
        program = (
            "import sys\nfrom camd.processing import Overlay, Processing\n"
            "Processing(90, 'both', masks=(((0, 0), (1, 0), (1, 1)),), overlay=Overlay('a', True)).output_size(8, 8)\n"
            "print(sorted({'cv2', 'numpy', 'av'} & set(sys.modules)))"
        )
        answer = subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.assertEqual((answer.stdout, answer.stderr), ("[]\n", ""))


class FrameTests(SynchronousTestCase):
    def test_the_given_picture_is_never_written_to_and_the_new_one_is_read_only(self) -> None:
        for writable in (False, True):
            image = smooth(64, 48)
            before = image.copy()
            image.flags.writeable = writable
            for name, value in EACH.items():
                frame = Processing(**{name: value}).apply(Frame(image, 1.5, 2.5, 3.5))
                self.assertFalse(frame.image.flags.writeable, name)
                self.assertTrue(frame.image.flags.c_contiguous, name)
                self.assertEqual((frame.image.dtype, frame.image.ndim), (numpy.uint8, 3))
                self.assertEqual((frame.pts, frame.wall, frame.grabbed), (1.5, 2.5, 3.5))
                self.assertTrue((image == before).all(), name)
                self.assertEqual(image.flags.writeable, writable)

    def test_sizes_are_told_and_even(self) -> None:
        for (width, height), rotate, crop, zoom in itertools.product(
            ((64, 48), (63, 47), (17, 33)), (0, 270), ((0, 0, 1, 1), (0.3, 0.2, 0.51, 0.37)), (1.0, 3.3)
        ):
            processing = Processing(rotate, "none", crop, (0.5, 0.5, zoom), brightness=60)
            image = processing.apply(frame_of(noise(width, height))).image
            self.assertEqual(processing.output_size(width, height), (image.shape[1], image.shape[0]))
            self.assertEqual((image.shape[0] % 2, image.shape[1] % 2), (0, 0))
            scene = (height, width) if rotate else (width, height)
            self.assertEqual(processing.oriented_size(width, height), scene)

    def test_tiny_pictures(self) -> None:
        values = {**EACH, "crop": (0.5, 0.5, 1 / 16, 1 / 16), "overlay": Overlay("a\nb\nc", True, "right", 20)}
        for width, height in ((2, 2), (3, 5), (16, 16), (40, 6)):
            image = Processing(**values).apply(frame_of(noise(width, height))).image
            self.assertEqual(image.shape, (2, 2, 3))


class OrderTests(SynchronousTestCase):
    def test_orientation_as_numpy_does_it(self) -> None:
        image = noise(34, 22)
        for rotate, flip in itertools.product(ROTATIONS, FLIPS):
            processed = Processing(rotate, flip).apply(frame_of(image)).image
            self.assertTrue((processed == oriented(image, rotate, flip)).all(), (rotate, flip))

    def test_clockwise(self) -> None:
        image = numpy.zeros((4, 4, 3), numpy.uint8)
        image[0, 0] = 255
        self.assertEqual(Processing(90).apply(frame_of(image)).image[0, 3, 0], 255)

    def test_masks_and_crop_follow_the_orientation(self) -> None:
        image = noise(64, 48)
        for rotate, flip in itertools.product(ROTATIONS, FLIPS):
            expected = oriented(image, rotate, flip).copy()
            height, width = expected.shape[:2]
            expected[height // 4 - 1 : height // 2 + 2, width // 4 - 1 : width // 2 + 2] = 0
            expected = expected[height // 8 : height // 8 + height // 2, width // 4 : width // 4 + width // 2]
            processed = Processing(
                rotate, flip, (0.25, 0.125, 0.5, 0.5),
                masks=(((0.25, 0.25), (0.5, 0.25), (0.5, 0.5), (0.25, 0.5)),),
            ).apply(frame_of(image)).image  # fmt: skip
            self.assertTrue((processed == expected).all(), (rotate, flip))

    def test_masks_crop_and_zoom_in_one(self) -> None:
        image = smooth(160, 120)
        scene = oriented(image, 90, "horizontal").copy()
        scene[widened(touched(TRIANGLE, 120, 160), 1)] = 0
        crop = scene[16 : 16 + 128, 12 : 12 + 96]
        expected = enlarged(crop, (24 * 1.5, 32 * 0.5, 48, 64), 96, 128)
        processing = Processing(90, "horizontal", (0.1, 0.1, 0.8, 0.8), (0.5, 0.5, 2.0), (TRIANGLE,))
        processed = processing.apply(frame_of(image)).image
        self.assertEqual(processed.shape, expected.shape)
        edge = widened(enlarged((crop == 0) * 255, (36, 16, 48, 64), 96, 128).max(axis=2) > 0, 4)
        edge &= ~(widened(enlarged((crop != 0) * 255, (36, 16, 48, 64), 96, 128).max(axis=2) > 0, 4) == 0)
        self.assertLess(numpy.abs(processed - expected)[~edge].max(), 4)
        self.assertGreater((~edge).mean(), 0.5)

    def test_adjusted_after_masks_and_written_upon_last(self) -> None:
        everything = ((0, 0), (1, 0), (1, 1), (0, 1))
        image = Processing(masks=(everything,), brightness=100, overlay=Overlay("MMM", size=20)).apply(
            frame_of(noise(160, 120))
        ).image  # fmt: skip
        self.assertEqual(image[-20:].min(), image[-20:].max())
        self.assertGreater(image[-1, -1, 0], 240)  # the mask was brightened with the rest
        self.assertLess(image.min(), 40)  # the outline of the text was not


class MaskedForGood(SynchronousTestCase):
    """Two pictures that differ under the masks only come out alike, whatever is done to them."""

    def setUp(self) -> None:
        self.area = inside(TRIANGLE, 64, 48) | inside(TRIANGLE, 64, 48)[::-1]
        self.masks = (TRIANGLE, tuple((x, 1 - y) for x, y in TRIANGLE))

    def pair(self, rotate: int, flip: str) -> list[Frame]:
        """Pictures whose scene, once oriented, is the same outside the masks."""
        width, height = (48, 64) if rotate in (90, 270) else (64, 48)
        area = numpy.logical_or.reduce([inside(mask, width, height) for mask in self.masks])
        frames = []
        for secret in (0, 255):
            scene = noise(width, height)
            scene[area] = secret
            back = oriented(scene, 0, flip)  # a flip undoes itself
            frames.append(frame_of(oriented(back, -rotate % 360, "none")))
        return frames

    def test_after_every_combination(self) -> None:
        crops = ((0, 0, 1, 1), (0.2, 0.1, 0.6, 0.7))
        views = ((0.0, 0.0, 1.0), (-0.7, 0.4, 1.3), (0.2, 0.1, 7.0))
        extras = ({}, {"sharpness": 100, "noise_suppression": 100, "saturation": 80, "gamma": 300})
        for rotate, flip, crop, view, extra in itertools.product(ROTATIONS, FLIPS, crops, views, extras):
            processing = Processing(rotate, flip, crop, view, self.masks, **extra)
            one, other = (processing.apply(frame).image for frame in self.pair(rotate, flip))
            self.assertTrue((one == other).all(), (rotate, flip, crop, view, extra))
            plain = Processing(rotate, flip, crop, view, **extra)
            if plain.reasons:  # the test itself can see the difference
                one, other = (plain.apply(frame).image for frame in self.pair(rotate, flip))
                self.assertFalse((one == other).all())

    def test_black_where_the_scene_is_masked(self) -> None:
        image = numpy.full((120, 160, 3), 200, numpy.uint8)
        box = ((0.25, 0.25), (0.5, 0.25), (0.5, 0.5), (0.25, 0.5))
        for crop, view in (((0.1, 0.2, 0.8, 0.6), (0.3, 0.4, 1.7)), ((0, 0, 1, 1), (-0.5, 0.5, 2.5))):
            processed = Processing(crop=crop, view=view, masks=(box,)).apply(frame_of(image)).image
            height, width = processed.shape[:2]
            (left, top), (right, bottom) = (
                to_picture(point, (160, 120), crop, view) for point in (box[0], box[2])
            )
            left, top = max(0, round(left * width)), max(0, round(top * height))
            right, bottom = round(right * width), round(bottom * height)
            masked = processed[top + 1 : bottom - 1, left + 1 : right - 1]
            self.assertGreater(masked.size, 100)
            self.assertEqual(masked.max(), 0)
            self.assertEqual(processed[:, right + 9 :].min(), 200)
            self.assertEqual(processed[bottom + 9 :].min(), 200)


class InvalidTests(SynchronousTestCase):
    def test_what_is_wrong_is_named(self) -> None:
        for name, values in {
            "rotate": (45, 90.0, True, "90", None), "flip": ("sideways", True, None),
            "brightness": (-1, 101, 50.0, True, None), "gamma": (9, 301), "hue": (-181, 181),
            "noise_suppression": (-1, 101), "red_gain": (101,), "blue_gain": ("50",),
            "overlay": ("hello", {}),
            "view": ((0, 0), (0, 0, float("nan")), None, "abc", (0, 0, True)),
        }.items():  # fmt: skip
            for value in values:
                error = self.assertRaises(Invalid, Processing, **{name: value})
                self.assertEqual((error.key, error.reason[:5]), (name, "Value"), value)
