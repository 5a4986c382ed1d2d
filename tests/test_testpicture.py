"""The built-in test camera: what machines read from it, its pace, and its size."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import camd
from camd.errors import SourceError
from camd.media.source import SourceSettings
from camd.sources.scene import Scene, colour_bar, is_tiny, read_timecode, timecode_height
from camd.sources.testpicture import TestPicture, camd_sources

SIZES = [
    (160, 120), (176, 144), (240, 180), (320, 240), (640, 480), (720, 1280), (1280, 720), (1920, 1080),
    (3840, 2160),
]


class Time:
    """A monotonic clock that only waiting moves."""

    def __init__(self, now: float = 1000.0):
        self.now = now
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def utc(self) -> float:
        return self.now + 1_700_000_000

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def make(time: Time, address: str = "", **wishes: object) -> tuple[TestPicture, object]:
    source = TestPicture(address, time.monotonic, time.utc, time.wait)
    return source, source.open(SourceSettings("cam1", address, **wishes))


class Machine(SynchronousTestCase):
    """What a program can rely on."""

    def test_timecode_equals_pts_at_every_size(self) -> None:
        for width, height in SIZES:
            time = Time(123456.789012)
            source, _format = make(time, width=width, height=height)
            for _ in range(3):
                frame = source.read(1)
                self.assertEqual(frame.image.shape, (height, width, 3))
                self.assertEqual(read_timecode(frame.image), round(frame.pts * 1e6), f"{width}x{height}")
            self.assertGreater(frame.pts, 123456)

    def test_timecode_survives_jpeg(self) -> None:
        import cv2

        for width, height in ((160, 120), (320, 240), (1280, 720)):
            image = Scene("cam1", width, height).draw(3.0, 0x5A5A_1234_8001_FFFE, 0, 1)
            data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
            self.assertEqual(read_timecode(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)), 0x5A5A_1234_8001_FFFE)

    def test_blocks_run_row_by_row_most_significant_first(self) -> None:
        image = Scene("cam1", 320, 240).draw(0, 1 << 63 | 1, 0, 0)  # 20 blocks a row
        self.assertEqual(timecode_height(320), 64)
        self.assertTrue((image[0:16, 0:16] == 255).all())
        self.assertTrue((image[0:16, 16:320] == 0).all())
        self.assertTrue((image[48:64, 48:64] == 255).all())
        self.assertTrue((image[48:64, 0:48] == 0).all())

    def test_colour_bar_is_pure(self) -> None:
        for width, height in SIZES:
            image = Scene("cam1", width, height).draw(11.0, 0, 0, 0)
            bar = colour_bar(width, height)
            self.assertEqual(len(bar), 0 if is_tiny(width, height) else 8)
            for field in bar:
                part = image[field.y:field.y + field.height, field.x:field.x + field.width]
                self.assertTrue((part == field.colour).all(), f"{field} at {width}x{height}")
                self.assertEqual(field.y + field.height, height)

    def test_every_frame_differs_and_is_safe_to_share(self) -> None:
        source, _format = make(Time(), width=320, height=240)
        first, second = source.read(1), source.read(1)
        self.assertFalse((first.image == second.image).all())
        self.assertIsNot(first.image, second.image)
        with self.assertRaises(ValueError):
            first.image[0, 0] = 0

    def test_wall_and_pts_are_the_same_moment(self) -> None:
        time = Time()
        source, _format = make(time, fps=10)
        source.read(1)
        time.now += 0.05 + 0.1
        frame = source.read(1)
        self.assertAlmostEqual(frame.wall - frame.pts, 1_700_000_000, places=4)
        self.assertEqual(frame.grabbed, time.now)


class Pace(SynchronousTestCase):
    def test_no_drift_in_ten_minutes(self) -> None:
        time = Time()
        source, _format = make(time, width=160, height=120, fps=30)
        source._scene = Still()  # only the clock matters here
        frames = [source.read(1) for _ in range(30 * 600)]
        self.assertAlmostEqual(frames[-1].pts - frames[0].pts, (len(frames) - 1) / 30, places=5)
        self.assertTrue(all(abs(b.pts - a.pts - 1 / 30) < 2e-6 for a, b in pairwise(frames)))
        self.assertEqual(source.dropped(), 0)

    def test_never_waits_longer_than_told(self) -> None:
        time = Time()
        source, _format = make(time, fps=1)
        self.assertIsNotNone(source.read(0.25))
        self.assertIsNone(source.read(0.25))
        self.assertIsNone(source.read(0))
        self.assertEqual(max(time.waits), 0.25)
        for _ in range(3):
            last = source.read(0.25)
        self.assertEqual(last.pts, 1001.0)

    def test_a_late_reader_gets_the_newest_and_the_missed_are_counted(self) -> None:
        time = Time()
        source, _format = make(time, fps=10)
        source.read(1)
        time.now = 1000.55
        self.assertAlmostEqual(source.read(0).pts, 1000.5)
        self.assertEqual(source.dropped(), 4)
        self.assertAlmostEqual(source.read(1).pts, 1000.6)
        self.assertAlmostEqual(time.now, 1000.6)

    def test_reopening_starts_anew(self) -> None:
        time = Time()
        source, _format = make(time, fps=10)
        time.now += 5
        source.read(1)
        self.assertEqual(source.dropped(), 50)
        source.close()
        source.close()
        source.open(SourceSettings("cam1", ""))
        self.assertEqual(source.dropped(), 0)
        self.assertEqual(source.read(0).pts, 1005.0)

    def test_real_clock(self) -> None:
        source = TestPicture()
        source.open(SourceSettings("cam1", "", 320, 240, 60))
        frames = [source.read(1) for _ in range(4)]
        for frame in frames:
            self.assertGreaterEqual(frame.grabbed, frame.pts)
        self.assertIsNone(source.read(0))


class Contract(SynchronousTestCase):
    def test_defaults(self) -> None:
        _source, format = make(Time())
        self.assertEqual((format.codec, format.size, format.fps), ("bgr", "1280x720", 30.0))

    def test_wishes_out_of_range_get_the_nearest(self) -> None:
        for wish, got in (((10, 10, 0.1), (160, 120, 1.0)), ((9999, 9999, 500), (3840, 2160, 60.0)),
                          ((641, 361, 12.5), (640, 360, 12.5))):
            _source, format = make(Time(), width=wish[0], height=wish[1], fps=wish[2])
            self.assertEqual((format.width, format.height, format.fps), got)

    def test_probe_offers_sizes_and_no_controls(self) -> None:
        capabilities = TestPicture().probe()
        self.assertIn((1280, 720), {(mode.width, mode.height) for mode in capabilities.modes})
        self.assertEqual(capabilities.controls, ())
        self.assertIsNone(TestPicture().present())

    def test_reading_or_setting_in_vain_is_a_clear_error(self) -> None:
        source = TestPicture()
        self.assertIn("not open", str(self.assertRaises(SourceError, source.read, 1)))
        self.assertIn("'gain'", str(self.assertRaises(SourceError, source.set, "gain", 3)))

    def test_address_replaces_the_burnt_in_name(self) -> None:
        names = [make(Time(), address, width=320, height=240)[0].read(1).image for address in ("", "Gate")]
        self.assertFalse((names[0] == names[1]).all())

    def test_names_of_any_script_and_length(self) -> None:
        for name in ("", "Überwachung", "カメラ 正門", "x" * 300, "a\nb\x00c", "🙂"):
            for size in ((160, 120), (320, 240)):
                Scene(name, *size).draw(0, 0, 0, 10_000_000)

    def test_hook(self) -> None:
        self.assertIsInstance(camd_sources()["test"](""), TestPicture)

    def test_importing_costs_no_pixels_library(self) -> None:
        modules = (
            "camd.sources.testpicture, camd.sources.file, camd.sources.scene, camd.media.lettering, "
            "camd.encoders.jpeg, camd.encoders.h264, camd.processing, camd.encoders.card"
        )
        code = f"import sys, {modules}; print(sorted({{'cv2', 'numpy', 'av'}} & set(sys.modules)))"
        environment = {**os.environ, "PYTHONPATH": str(Path(camd.__file__).parents[1])}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
        )
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.stdout.strip(), "[]")


class Still:
    """A scene that costs nothing to draw."""

    def draw(self, *_what: object) -> object:
        import numpy

        return numpy.zeros((2, 2, 3), numpy.uint8)
