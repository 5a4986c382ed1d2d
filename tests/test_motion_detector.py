"""The motion detector: a block that moves is found, noise and light are not."""

from __future__ import annotations

import numpy
from camd_plugins.motion.alarm import Alarm
from camd_plugins.motion.detector import LEARNING, NOTHING, Detector, Finding, Tuning
from camd_plugins.motion.zones import MOST, MOST_POINTS, blocks, polygons
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid

RATE = 5.0
WIDTH, HEIGHT = 160, 90


def scene(seed: int = 1) -> numpy.ndarray:
    """A still picture with structure: float, height x width, 40 to 200."""
    coarse = numpy.random.default_rng(seed).uniform(40, 200, (HEIGHT // 10, WIDTH // 10))
    return numpy.kron(coarse, numpy.ones((10, 10)))


def picture(grey: numpy.ndarray) -> numpy.ndarray:
    image = numpy.clip(numpy.rint(grey), 0, 255).astype(numpy.uint8)
    return numpy.repeat(image[:, :, None], 3, axis=2)


class DetectorCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.detector = Detector()
        self.noise = numpy.random.default_rng(2)
        self.now = 100.0
        self.still = scene()

    def see(self, grey: numpy.ndarray, tuning: Tuning = Tuning(), noise: float = 2.0) -> Finding:
        """The next picture, a fifth of a second after the one before, with this much noise."""
        self.now += 1 / RATE
        return self.detector.look(picture(grey + self.noise.normal(0, noise, grey.shape)), self.now, tuning)

    def learn(self, seconds: float = 3.0, noise: float = 2.0) -> None:
        for _ in range(round(seconds * RATE)):
            self.assertEqual(self.see(self.still, noise=noise), NOTHING)

    def with_block(self, x: int, y: int, size: int = 16, level: float = 40.0) -> numpy.ndarray:
        """The scene with a square that is so much darker or brighter than what is behind it."""
        grey = self.still.copy()
        part = grey[y:y + size, x:x + size]
        part += numpy.where(part > 128, -level, level)
        return grey


class MovementTests(DetectorCase):
    def test_a_moving_block_is_found_where_it_is(self) -> None:
        self.learn()
        for step in range(8):
            x, y = 20 + 12 * step, 30
            finding = self.see(self.with_block(x, y))
            left, top, width, height = finding.box
            self.assertLessEqual(left, x / WIDTH)
            self.assertGreaterEqual(left + width, (x + 16) / WIDTH - 0.01)
            self.assertLessEqual(top, y / HEIGHT + 0.03)
            self.assertGreaterEqual(top + height, (y + 16) / HEIGHT - 0.03)
            self.assertApproximates(finding.score, 100 * 16 * 16 / (WIDTH * HEIGHT), 1.0)

    def test_the_first_picture_with_it_tells(self) -> None:
        self.learn()
        self.assertGreater(self.see(self.with_block(60, 40)).score, 1)

    def test_the_background_behind_it_is_clean_again(self) -> None:
        self.learn()
        self.see(self.with_block(60, 40))
        self.assertEqual(self.see(self.still), NOTHING)

    def test_what_stays_becomes_background(self) -> None:
        self.learn()
        parked = self.with_block(60, 40)
        found = [self.see(parked).score > 0.5 for _ in range(round(30 * RATE))]
        self.assertTrue(all(found[:round(3 * RATE)]))
        self.assertFalse(any(found[-round(10 * RATE):]))

    def test_sensitivity(self) -> None:
        faint = 10.0
        self.learn()
        self.assertEqual(self.see(self.with_block(60, 40, level=faint), Tuning(10)), NOTHING)
        self.assertEqual(self.see(self.with_block(60, 40, level=faint), Tuning(50)), NOTHING)
        self.assertGreater(self.see(self.with_block(60, 40, level=faint), Tuning(90)).score, 0.5)

    def test_zones(self) -> None:
        left = Tuning(zones=(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)),))
        self.learn()
        self.assertEqual(self.see(self.with_block(120, 40), left), NOTHING)
        self.assertGreater(self.see(self.with_block(20, 40), left).score, 1)

    def test_a_blind_strip(self) -> None:
        self.learn()
        self.assertEqual(self.see(self.with_block(60, 0, 8), Tuning(blind=(0.1, 0.0))), NOTHING)
        self.assertEqual(self.see(self.with_block(60, 82, 8), Tuning(blind=(0.0, 0.1))), NOTHING)
        self.assertGreater(self.see(self.with_block(60, 82, 8)).score, 0)


class StillnessTests(DetectorCase):
    def silent(self, pictures: object, tuning: Tuning = Tuning(), noise: float = 2.0) -> None:
        findings = [self.see(grey, tuning, noise) for grey in pictures]
        self.assertEqual([finding for finding in findings if finding.box is not None], [])

    def test_noise(self) -> None:
        self.silent([self.still] * round(60 * RATE), noise=12.0)

    def test_noise_at_the_keenest(self) -> None:
        self.silent([self.still] * round(60 * RATE), Tuning(100), noise=2.0)

    def test_little_light_makes_a_dark_noisy_picture(self) -> None:
        self.still = self.still / 10
        self.silent([self.still] * round(60 * RATE), noise=6.0)

    def test_slow_light_change(self) -> None:
        steps = round(20 * RATE)
        self.learn()
        self.silent(self.still * (1 + 0.4 * step / steps) for step in range(steps))
        self.silent(self.still * (1.4 - 0.9 * step / steps) for step in range(steps))

    def test_light_that_changes_on_one_side(self) -> None:
        steps = round(20 * RATE)
        slope = numpy.linspace(0, 0.4, WIDTH)[None, :]
        self.learn()
        self.silent(self.still * (1 + slope * step / steps) for step in range(steps))

    def test_an_exposure_that_jumps_a_little(self) -> None:
        self.learn()
        self.silent(self.still * gain for gain in [1.0, 1.06, 1.06, 0.97, 0.97, 1.0] * 10)

    def test_light_that_is_switched_on(self) -> None:
        self.still = self.still / 4
        self.learn()
        self.silent([self.still * 3 + 40] * round(10 * RATE))

    def test_and_after_it_movement_is_found_again(self) -> None:
        self.learn()
        self.still = 240 - self.still
        self.learn(LEARNING + 0.4)
        self.assertGreater(self.see(self.with_block(60, 40)).score, 1)


class PictureTests(DetectorCase):
    def test_another_size_is_another_scene(self) -> None:
        self.learn()
        self.assertEqual(self.detector.look(picture(self.still.T), self.now + 0.2, Tuning()), NOTHING)

    def test_a_pause_is_forgotten(self) -> None:
        self.learn()
        self.now += 10
        self.assertEqual(self.see(self.with_block(60, 40)), NOTHING)

    def test_very_small_pictures(self) -> None:
        for number in range(10):
            self.detector.look(numpy.full((2, 16, 3), 100, numpy.uint8), number / RATE, Tuning())

    def test_black_and_white_ones(self) -> None:
        for level in [0] * 10 + [255] * 10 + [0] * 10:
            self.assertEqual(self.see(numpy.full((HEIGHT, WIDTH), level), noise=0), NOTHING)


class AlarmTests(SynchronousTestCase):
    def told(self, moves: str, minimum_time: float = 0.3, hold: float = 0.9) -> str:
        """A letter is a fifth of a second: "x" something moves, "." nothing; "1" is on, "0" off."""
        alarm = Alarm()
        told = ""
        for number, letter in enumerate(moves):
            before = alarm.on
            self.assertEqual(alarm.take(letter == "x", number / RATE, minimum_time, hold), alarm.on != before)
            told += str(int(alarm.on))
        return told

    def test_it_begins_after_the_minimum_time(self) -> None:
        self.assertEqual(self.told(".xxx"), "0001")

    def test_a_flash_is_none(self) -> None:
        self.assertEqual(self.told(".x.xx.x.x.xx."), "0" * 13)

    def test_it_ends_after_the_hold_time(self) -> None:
        self.assertEqual(self.told("xxx.........."), "0011111000000")

    def test_movement_in_between_prolongs_it(self) -> None:
        self.assertEqual(self.told("xxx...x........"), "001111111110000")

    def test_at_once(self) -> None:
        self.assertEqual(self.told("x.", 0, 0), "10")


class ZonesTests(SynchronousTestCase):
    NAME = "cameras/cam1/motion/zones"

    def test_none_is_everywhere(self) -> None:
        self.assertTrue(blocks((), 40, 22).all())

    def test_blocks(self) -> None:
        triangle = (((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)),)
        inside = blocks(triangle, 40, 40)
        self.assertTrue(inside[2, 2] and inside[2, 36] and inside[36, 2])
        self.assertFalse(inside[37, 37] or inside[39, 2])
        self.assertApproximates(inside.mean(), 0.5, 0.03)

    def test_two_of_them(self) -> None:
        zones = tuple(((x, 0.0), (x + 0.25, 0.0), (x + 0.25, 1.0), (x, 1.0)) for x in (0.0, 0.75))
        self.assertEqual(blocks(zones, 8, 1).tolist(), [[True, True, False, False, False, False, True, True]])

    def test_what_is_none(self) -> None:
        corner = [[0, 0], [1, 0], [1, 1]]
        self.assertEqual(polygons(self.NAME, [corner]), (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),))
        for value, reason in (
            ([corner] * (MOST + 1), f"at most {MOST} zones"),
            ([corner, "x"], f"zone 2 must be a list of 3 to {MOST_POINTS} points"),
            ([corner[:2]], "zone 1 must be a list"),
            ([[[0.5, 0.5]] * (MOST_POINTS + 1)], "zone 1 must be a list"),
            ([[[0, 0], [1, 0], [1, 1.1]]], "zone 1: each point must be [x, y], both between 0 and 1"),
            ([[[0, 0], [1, 0], [1, True]]], "zone 1: each point"),
            ([[[0, 0], [1, 0], [1]]], "zone 1: each point"),
        ):
            error = self.assertRaises(Invalid, polygons, self.NAME, value)
            self.assertIn(reason, str(error))


