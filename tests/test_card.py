"""The placeholder card: a JPEG of the right size, legible, with everything in it."""

from __future__ import annotations

import cv2
import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.encoders.card import card

WHEN = 1_790_000_000.0
LONG = "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920: no such device; check the cable, or choose another. " * 4


def drawn(camera: str, reason: str, width: int, height: int, when: float = WHEN) -> numpy.ndarray:
    data = card(camera, reason, when, width, height).data
    return cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_COLOR)


class Card(SynchronousTestCase):
    def test_is_a_jpeg_packet_marked_as_card(self) -> None:
        packet = card("front", "unplugged", WHEN, 640, 360)
        self.assertEqual((packet.codec, packet.card, packet.wall), ("mjpeg", True, WHEN))
        self.assertTrue(packet.data.startswith(b"\xff\xd8"))
        self.assertIsInstance(packet.data, bytes)

    def test_any_size_and_length_of_text(self) -> None:
        for width, height in ((160, 120), (320, 240), (640, 480), (720, 1280), (1281, 721), (3840, 2160)):
            for camera, reason in (("cam1", "opening"), ("", ""), ("long name " * 9, LONG)):
                self.assertEqual(drawn(camera, reason, width, height).shape, (height, width, 3))

    def test_dark_and_calm_with_bright_words(self) -> None:
        for width, height in ((320, 240), (1280, 720), (3840, 2160)):
            image = cv2.cvtColor(drawn("front", "unplugged", width, height), cv2.COLOR_BGR2GRAY)
            self.assertLess(numpy.median(image), 60)
            self.assertGreater(image.max(), 220)
            self.assertLess((image > 120).mean(), 0.1)

    def test_words_keep_clear_of_the_rim_and_of_the_time(self) -> None:
        for width, height in ((160, 120), (320, 240), (640, 480), (1280, 720)):
            for camera, reason in (("cam1", "opening"), ("long name " * 9, LONG)):
                image = cv2.cvtColor(drawn(camera, reason, width, height), cv2.COLOR_BGR2GRAY)
                rows = numpy.flatnonzero((image > 110).any(axis=1))
                columns = numpy.flatnonzero((image > 110).any(axis=0))
                self.assertGreater(rows[0], 1)
                self.assertLess(rows[-1], height - 3)
                self.assertGreater(columns[0], 0.05 * width)
                self.assertLess(columns[-1], 0.95 * width)
                self.assertGreater(numpy.diff(rows).max(), 2)  # the time stands apart

    def test_name_reason_and_time_each_show(self) -> None:
        base = drawn("front", "unplugged", 320, 240).astype(int)
        for other in (
            drawn("back", "unplugged", 320, 240),
            drawn("front", "stalled", 320, 240),
            drawn("front", "unplugged", 320, 240, WHEN + 1),
        ):
            self.assertGreater(numpy.abs(base - other).max(), 100)

    def test_names_beyond_ascii(self) -> None:
        plain = drawn("?????", "", 640, 360).astype(int)
        for name in ("Überwachung", "カメラ 正門", "Камера", "🙂\n\x00"):
            self.assertGreater(numpy.abs(plain - drawn(name, "", 640, 360)).max(), 100)
