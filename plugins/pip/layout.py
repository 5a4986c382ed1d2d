"""Layout: which two cameras, and where the second one is in the picture of the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from camd.errors import SourceError

if TYPE_CHECKING:
    import numpy

SCHEME = "pip"
CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")
#: Of the second picture, as a share of the first one's sides.
SMALLEST, LARGEST = 0.05, 0.5
WIDEST_BORDER = 16
#: To the edges of the picture, as a share of its width.
MARGIN = 0.02


@dataclass(frozen=True, slots=True)
class Layout:
    """first, second: ids of cameras. corner: one of CORNERS. scale: sides of the box into which the second
    picture is fitted, as a share of the first one's. border: white, around the second picture, in pixels."""

    first: str
    second: str
    corner: str = "bottom-right"
    scale: float = 0.25
    border: int = 2

    @classmethod
    def parse(cls, address: str) -> Layout:
        """The layout in "cam1,cam2?corner=top-right&scale=0.3&border=0"; raises SourceError that says what is
        wrong with it."""
        cameras, _, options = address.partition("?")
        names = [name.strip() for name in cameras.split(",")]
        if len(names) != 2 or not all(names):
            raise SourceError(f"{SCHEME}:{address}: write two cameras, such as {SCHEME}:cam1,cam2")
        values = {}
        for name, text in parse_qsl(options, keep_blank_values=True):
            if name not in _OPTIONS:
                raise SourceError(f"{SCHEME}:{address}: {name!r} is none of {', '.join(_OPTIONS)}")
            expected, read = _OPTIONS[name]
            try:
                values[name] = read(text)
            except ValueError:
                raise SourceError(f"{SCHEME}:{address}: {name} must be {expected}") from None
        return cls(*names, **values)

    def box(self, width: int, height: int) -> tuple[int, int]:
        """The room for the second picture in a first one of that size; all in pixels."""
        return max(16, round(width * self.scale)), max(16, round(height * self.scale))

    def compose(self, large: numpy.ndarray, small: numpy.ndarray | None) -> numpy.ndarray:
        """A new picture, read-only: the large one with the small one in the corner; both uint8, BGR."""
        image = large.copy()
        if small is not None:
            height, width = small.shape[:2]
            margin = max(self.border, round(image.shape[1] * MARGIN))
            y = margin if self.corner.startswith("top") else image.shape[0] - margin - height
            x = margin if self.corner.endswith("left") else image.shape[1] - margin - width
            if min(x, y) >= self.border:  # else the first one is tiny
                rim = self.border
                image[y - rim:y + height + rim, x - rim:x + width + rim] = 255
                image[y:y + height, x:x + width] = small
        image.flags.writeable = False
        return image


def _corner(text: str) -> str:
    if text not in CORNERS:
        raise ValueError(text)
    return text


def _scale(text: str) -> float:
    if not SMALLEST <= float(text) <= LARGEST:
        raise ValueError(text)
    return float(text)


def _border(text: str) -> int:
    if not 0 <= int(text) <= WIDEST_BORDER:
        raise ValueError(text)
    return int(text)


#: Option -> what it may be, and how to read it.
_OPTIONS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "corner": (f"one of {', '.join(CORNERS)}", _corner),
    "scale": (f"between {SMALLEST} and {LARGEST}", _scale),
    "border": (f"between 0 and {WIDEST_BORDER}", _border),
}
