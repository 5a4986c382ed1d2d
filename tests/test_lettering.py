"""Text in pictures, with the fonts of OpenCV 5 and with the strokes of OpenCV 4."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from camd.media import lettering
from camd.media.lettering import fitting_size, text_width, transliterate, wrap, write


def extent(text: str, size: int) -> tuple[int, int, int, int]:
    """Left, right, top, bottom of the ink when written at (50, 150)."""
    import numpy

    image = numpy.zeros((300, 1200, 3), numpy.uint8)
    write(image, text, 50, 150, size, (255, 255, 255))
    rows, columns = numpy.nonzero(image.max(axis=2) > 64)
    return columns.min(), columns.max(), rows.min(), rows.max()


class Fonts(SynchronousTestCase):
    def test_capitals_are_about_seven_tenths_of_the_size_and_stand_on_the_baseline(self) -> None:
        for size in (20, 40, 80):
            _left, _right, top, bottom = extent("HEX", size)
            self.assertTrue(0.6 * size < bottom - top < 0.8 * size, (size, top, bottom))
            self.assertLessEqual(abs(bottom - 149), 2 + size // 20)  # half a stroke hangs below

    def test_measured_width_is_the_written_width(self) -> None:
        for text in ("Front door", "2026-11-24 12:34:56.789 UTC"):
            left, right, _top, _bottom = extent(text, 40)
            self.assertLessEqual(abs(right - left - text_width(text, 40)), 14)

    def test_all_digits_have_one_width(self) -> None:
        for size in (13, 30, 52):
            self.assertEqual(len({text_width(digit * 12, size, 500) for digit in "0123456789"}), 1)

    def test_accents_may_come_decomposed(self) -> None:
        self.assertEqual(extent("e\N{COMBINING ACUTE ACCENT}", 40), extent("é", 40))


class Strokes(Fonts):
    """OpenCV 4 has no FontFace: the same promises hold."""

    def setUp(self) -> None:
        self.patch(lettering, "_face", lambda: None)

    def test_accents_may_come_decomposed(self) -> None:
        self.assertEqual(extent("é", 40), extent("e", 40))


class Fitting(SynchronousTestCase):
    def test_size_shrinks_until_the_text_fits(self) -> None:
        self.assertEqual(fitting_size("short", 500, 40, 10), 40)
        size = fitting_size("a rather long name for a camera", 300, 60, 10)
        self.assertLessEqual(text_width("a rather long name for a camera", size), 300)
        self.assertEqual(fitting_size("x" * 500, 100, 60, 10), 10)

    def test_wrap_breaks_at_spaces_and_keeps_every_word(self) -> None:
        text = "The camera is unplugged; it comes back by itself when plugged in."
        lines = wrap(text, 200, 20, 9)
        self.assertEqual(" ".join(lines), text)
        self.assertTrue(all(text_width(line, 20) <= 200 for line in lines))

    def test_wrap_breaks_words_longer_than_a_line(self) -> None:
        path = "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_ABCDEF-video-index0"
        lines = wrap(path, 200, 20, 9)
        self.assertEqual("".join(lines), path)
        self.assertTrue(all(text_width(line, 20) <= 200 for line in lines))

    def test_what_does_not_fit_is_marked(self) -> None:
        lines = wrap("word " * 50, 200, 20, 2)
        self.assertEqual(len(lines), 2)
        self.assertTrue(lines[-1].endswith("…"))
        self.assertLessEqual(text_width(lines[-1], 20), 200)

    def test_wrap_ends_even_where_not_one_letter_fits(self) -> None:
        self.assertEqual(len(wrap("abc", 1, 20, 3)), 3)
        self.assertEqual(wrap("", 100, 20, 3), [])

    def test_transliteration(self) -> None:
        for text, ascii in (("Überwachung Süd", "Uberwachung Sud"), ("Straße", "Strasse"), ("Łódź", "Lodz"),
                            ("“a” – b…", '"a" - b...'), ("門", "?"), ("a\tb", "a b")):
            self.assertEqual(transliterate(text), ascii)
