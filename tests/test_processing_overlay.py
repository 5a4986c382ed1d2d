"""What is written onto pictures: where, how large, readable on any ground; and which logos are taken."""

from __future__ import annotations

import os
import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.processing import Overlay
from camd.processing import logo as logo_file
from camd.processing.overlay import POSITIONS

from .pictures import noise

NOON = 1_700_000_000.75  #: 2023-11-14 22:13:20.75 UTC


def grey(width: int = 640, height: int = 360, tone: int = 128) -> numpy.ndarray:
    return numpy.full((height, width, 3), tone, numpy.uint8)


def box(image: numpy.ndarray, ground: numpy.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what differs."""
    rows, columns = numpy.nonzero((image != ground).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


class TextTests(SynchronousTestCase):
    def test_nothing_to_write_is_the_very_same_picture(self) -> None:
        image = grey()
        self.assertIs(Overlay().apply(image, NOON), image)
        self.assertIs(Overlay(" \n ").apply(image, NOON), image)

    def test_a_writable_picture_is_drawn_into_and_another_is_not(self) -> None:
        mine, theirs = grey(), grey()
        theirs.flags.writeable = False
        self.assertIs(Overlay("hello").apply(mine, NOON), mine)
        drawn = Overlay("hello").apply(theirs, NOON)
        self.assertTrue((drawn == mine).all() and (theirs == 128).all())

    def test_where_it_is(self) -> None:
        for position, (across, down) in POSITIONS.items():
            left, top, right, bottom = box(Overlay("hello\nyou", True, position).apply(grey(), NOON), grey())
            margin = 9 + 6  # of the picture, and what lettering leaves around itself
            room = ((left, 640 - right), (top, 360 - bottom))
            for share, (before, after) in zip((across, down), room, strict=True):
                self.assertGreaterEqual(min(before, after), 8, position)
                if share == 0.5:
                    self.assertLess(abs(before - after), 12, position)
                else:
                    self.assertLess(before if share == 0 else after, margin + 6, position)

    def test_size_follows_the_height(self) -> None:
        def height(picture: int, size: int) -> int:
            ground = grey(1280, picture)
            _left, top, _right, bottom = box(Overlay("H", size=size).apply(ground.copy(), NOON), ground)
            return bottom - top

        self.assertLess(abs(height(720, 8) / height(360, 8) - 2), 0.2)
        self.assertLess(abs(height(720, 16) / height(720, 8) - 2), 0.2)

    def test_readable_on_any_ground(self) -> None:
        for ground in (grey(tone=0), grey(tone=255), grey(), noise(640, 360)):
            image = Overlay("HHHH", size=12).apply(ground.copy(), NOON)
            left, top, right, bottom = box(image, ground)
            patch = image[top:bottom, left:right].max(axis=2)
            self.assertGreater((patch > 240).mean(), 0.1)
            self.assertGreater((patch < 16).mean(), 0.1)

    def test_long_text_is_made_smaller_and_stays_within(self) -> None:
        text = "a long text that would never fit into the picture at this size"
        for align in ("top-left", "top-right"):
            left, _top, right, bottom = box(Overlay(text, size=20, position=align).apply(grey(), NOON), grey())
            self.assertTrue(left > 4 and right < 636, (left, right))
            self.assertLess(bottom, 60)
        Overlay(text * 3, True, "bottom-right", 20).apply(grey(34, 20), NOON)  # no room at all

    def test_scripts_and_control_characters(self) -> None:
        for text in ("Überwachung – Halle 3", "камера", "摄像机", "tab\tbell\a", "e\u0301"):
            image = Overlay(text).apply(grey(), NOON)
            self.assertTrue((image != 128).any(), text)

    def test_what_is_refused(self) -> None:
        for key, values in {
            "overlay/text": {"text": "x" * 201}, "overlay/time": {"time": 1}, "overlay/utc": {"utc": None},
            "overlay/position": {"position": "middle"}, "overlay/size": {"size": 21},
            "overlay/logo_size": {"logo_size": 0}, "overlay/logo": {"logo": 5},
        }.items():  # fmt: skip
            self.assertEqual(self.assertRaises(Invalid, Overlay, **values).key, key)
        self.assertRaises(Invalid, Overlay, "a\nb\nc\nd\ne")
        self.assertRaises(Invalid, Overlay, None)
        for time_format in ("", "%Y" * 33, "%c" * 30, None, "\ud800"):
            error = self.assertRaises(Invalid, Overlay, time_format=time_format)
            self.assertEqual(error.key, "overlay/time_format")


class TimeTests(SynchronousTestCase):
    def setUp(self) -> None:
        before = os.environ.get("TZ")
        os.environ["TZ"] = "XYZ-3:30"
        time.tzset()
        self.addCleanup(time.tzset)
        self.addCleanup(os.environ.pop, "TZ") if before is None else self.addCleanup(
            os.environ.__setitem__, "TZ", before
        )

    def test_the_pictures_own_time(self) -> None:
        self.assertEqual(Overlay(time=True, utc=True).lines(NOON), ("2023-11-14 22:13:20",))
        self.assertEqual(Overlay(time=True).lines(NOON), ("2023-11-15 01:43:20",))
        self.assertEqual(Overlay("a\nb", True, utc=True).lines(NOON), ("a", "b", "2023-11-14 22:13:20"))

    def test_format(self) -> None:
        overlay = Overlay(time=True, time_format="%d.%m.%y %H:%M:%S.%f %Z", utc=True)
        self.assertEqual(overlay.lines(NOON), ("14.11.23 22:13:20.750000 UTC",))
        self.assertEqual(Overlay(time=True, time_format="%Z").lines(NOON), ("XYZ",))

    def test_drawn_once_a_second(self) -> None:
        overlay = Overlay("name", True)
        first = overlay.apply(grey(), NOON)  # at .75
        stamp = overlay._stamps["text"][1]
        self.assertTrue((overlay.apply(grey(), NOON + 0.2) == first).all())
        self.assertIs(overlay._stamps["text"][1], stamp)
        self.assertFalse((overlay.apply(grey(), NOON + 0.3) == first).all())


class LogoTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def save(self, picture: numpy.ndarray, name: str = "logo.png") -> str:
        path = self.folder / name
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        return str(path)

    def square(self, opacity: int) -> str:
        picture = numpy.zeros((50, 100, 4), numpy.uint8)
        picture[..., 2], picture[..., 3] = 200, opacity
        return self.save(picture)

    def test_in_the_corner_opposite_of_the_text_at_its_size(self) -> None:
        image = Overlay(logo=self.square(255), logo_size=25).apply(grey(), NOON)
        left, top, right, bottom = box(image, grey())
        self.assertEqual((right - left, bottom - top), (180, 90))
        self.assertEqual((640 - right, 360 - bottom), (9, 9))
        self.assertTrue((image[top:bottom, left:right] == (0, 0, 200)).all())

    def test_every_position(self) -> None:
        for position in POSITIONS:
            image = Overlay("x", position=position, logo=self.square(255)).apply(grey(), NOON)
            red = (image == (0, 0, 200)).all(axis=2)
            self.assertEqual(int(red.sum()), 43 * 86, position)

    def test_a_wide_logo_stays_within(self) -> None:
        path = self.save(numpy.zeros((10, 400, 3), numpy.uint8))
        left, _top, right, _bottom = box(Overlay(logo=path, logo_size=50).apply(grey(), NOON), grey())
        self.assertEqual((left, right), (9, 631))

    def test_opacity_mixes(self) -> None:
        image = Overlay(logo=self.square(102), logo_size=25).apply(grey(), NOON)
        expected = numpy.array([128 * 0.6, 128 * 0.6, 128 * 0.6 + 200 * 0.4])
        self.assertLessEqual(numpy.abs(image[300, 600] - expected).max(), 1.5)
        self.assertTrue((Overlay(logo=self.square(0)).apply(grey(), NOON) == 128).all())

    def test_kinds_of_png(self) -> None:
        tone = numpy.full((8, 8), 180, numpy.uint8)
        for picture in (tone, cv2.merge([tone] * 3), cv2.merge([tone] * 4), tone.astype(numpy.uint16) * 257):
            image = Overlay(logo=self.save(picture)).apply(grey(), NOON)
            left, top, _right, _bottom = box(image, grey())
            self.assertGreater(int(image[top + 5, left + 5, 0]), 150)

    def test_read_once(self) -> None:
        path = self.square(255)
        overlay = Overlay(logo=path)
        os.unlink(path)
        for height in (360, 240):
            self.assertTrue((overlay.apply(grey(640, height), NOON) != 128).any())

    def test_the_same_values_are_the_same_overlay_until_the_file_changes(self) -> None:
        path = self.square(255)
        first = Overlay.of(text="a", logo=path)
        self.assertIs(Overlay.of(text="a", logo=path), first)
        self.save(numpy.zeros((9, 9, 3), numpy.uint8))
        self.assertIsNot(Overlay.of(text="a", logo=path), first)
        os.unlink(path)
        self.assertRaises(Invalid, Overlay.of, text="a", logo=path)

    def refused(self, path: str) -> str:
        error = self.assertRaises(Invalid, Overlay, logo=path)
        self.assertEqual(error.key, "overlay/logo")
        return error.reason

    def test_what_is_no_logo(self) -> None:
        whole = Path(self.square(255)).read_bytes()
        path = self.folder / "other.png"
        self.assertIn("is no file", self.refused(str(path)))
        self.assertIn("is no file", self.refused(str(self.folder)))
        self.assertIn("is no file", self.refused("/dev/zero"))
        self.refused("a\0b")
        for data, reason in (
            (b"", "is no PNG"), (b"\xff\xd8\xff\xe0" + bytes(99), "is no PNG"), (whole[:30], "is no PNG"),
            (whole[:-1], "its end is missing"), (whole[:60], "its end is missing"),
            (whole[:50] + bytes([whole[50] ^ 1]) + whole[51:], "the sum of a part is wrong"),
            (whole + bytes(1 << 20), "more than 1 MB"),
        ):  # fmt: skip
            path.write_bytes(data)
            self.assertIn(reason, self.refused(str(path)))
        size = struct.pack(">II", 2049, 10) + whole[24:29]
        path.write_bytes(whole[:16] + size + zlib.crc32(b"IHDR" + size).to_bytes(4, "big") + whole[33:])
        self.assertIn("2049x10 pixels", self.refused(str(path)))

    def test_what_cannot_be_unpacked_after_all_is_left_out(self) -> None:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return (
                len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
            )

        head = struct.pack(">IIBBBBB", 8, 8, 77, 99, 0, 0, 0)  # no such depth or kind of colour
        path = self.folder / "odd.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
        overlay = Overlay(logo=str(path))
        self.patch(logo_file, "_log", warned := Warned())
        for _ in range(3):
            self.assertTrue((overlay.apply(grey(), NOON) == 128).all())
        self.assertEqual(warned.count, 1)


class Warned:
    """Counts warnings."""

    count = 0

    def warn(self, text: str) -> None:
        self.count += 1
