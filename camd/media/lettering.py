"""Text in pictures: the burnt-in name and clock, the words on a placeholder card.

OpenCV 5 brings scalable fonts for most scripts; OpenCV 4 only knows strokes for ASCII, so there the
text is transliterated as far as Unicode tells how. Both have digits of one width, which keeps a
running clock still. Sizes are the font's height in pixels (capitals are about 0.7 of it); weights
are 100 (thin) to 900 (black). Any thread; an image belongs to the thread that draws on it.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

Colour = tuple[int, int, int]  #: blue, green, red, as in Frame.image

_BOUNDLESS = (1 << 15, 1 << 12)  # the picture size that measuring supposes
_STROKE_HEIGHT = 30.0  # font height, in pixels, of a Hershey font at scale 1
#: Letters that no Unicode decomposition takes apart.
_LATIN = str.maketrans({
    "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "’": "'", "‘": "'",
    "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "·": "-",
})


def text_width(text: str, size: int, weight: int = 400) -> int:
    """Width in pixels that `write` will need for one line of text."""
    import cv2

    face = _face()
    if face is None:
        (width, _height), _base = cv2.getTextSize(transliterate(text), *_strokes(size, weight))
        return width
    return cv2.getTextSize(_BOUNDLESS, _clean(text), (0, 0), face, size, weight=weight)[2]


def write(image: numpy.ndarray, text: str, x: int, baseline: int, size: int, colour: Colour,
          weight: int = 400) -> None:
    """Write one line into the image (uint8 BGR, writable); x: its left edge, baseline: its foot."""
    import cv2

    face = _face()
    if face is None:
        font, scale, thickness = _strokes(size, weight)
        cv2.putText(image, transliterate(text), (x, baseline), font, scale, colour, thickness, cv2.LINE_AA)
    else:
        cv2.putText(image, _clean(text), (x, baseline), colour, face, size, weight=weight)


def fitting_size(text: str, width: int, size: int, smallest: int, weight: int = 400) -> int:
    """The size, at most `size`, at which the text is at most `width` wide, but never under `smallest`."""
    while size > smallest and text_width(text, size, weight) > width:
        size -= max(1, size // 16)
    return max(size, smallest)


def wrap(text: str, width: int, size: int, lines: int, weight: int = 400) -> list[str]:
    """Break text into at most `lines` lines of at most `width` pixels; what is left over becomes "…".

    Breaks at spaces; a word longer than a line (a path, a script without spaces) at any letter.
    """
    done: list[str] = []
    words = _clean(text).split()
    while words and len(done) < lines:
        line = words.pop(0)
        while words and text_width(f"{line} {words[0]}", size, weight) <= width:
            line += f" {words.pop(0)}"
        kept = _longest(line, width, size, weight)
        if kept < len(line):
            words.insert(0, line[kept:])
        done.append(line[:kept])
    if words:
        last = f"{done[-1]} {words[0]}"
        done[-1] = last[:_longest(last, width - text_width("…", size, weight), size, weight)].rstrip() + "…"
    return done


def transliterate(text: str) -> str:
    """The text in printable ASCII: "Überwachung" -> "Uberwachung"; "?" for what has no Latin letter."""
    plain = unicodedata.normalize("NFKD", _clean(text).translate(_LATIN))
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return "".join(letter if " " <= letter <= "~" else "?" for letter in bare)


def _longest(line: str, width: int, size: int, weight: int) -> int:
    """How many letters of the line fit, at least one: a line must take something or wrap never ends."""
    low, high = 1, len(line)
    while low < high:
        middle = (low + high + 1) // 2
        if text_width(line[:middle], size, weight) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def _clean(text: str) -> str:
    """Composed letters (the fonts do not place accents) and no control characters."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in composed)


def _face() -> Any:
    """The scalable sans-serif font, or None in OpenCV 4. Cheap, hence never shared between threads."""
    import cv2

    return cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None


def _strokes(size: int, weight: int) -> tuple[int, float, int]:
    import cv2

    return cv2.FONT_HERSHEY_SIMPLEX, size / _STROKE_HEIGHT, max(1, round(size * weight / 7000))
