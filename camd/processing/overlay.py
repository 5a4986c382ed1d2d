"""Overlay: text, the time and a logo, burnt into the picture."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import Invalid
from . import logo as logo_file
from .ranges import check_choice, check_whole
from .stamp import Stamp, lettered, scaled

if TYPE_CHECKING:
    import numpy

#: Where the text is -> as shares of the room that is left, across and down.
POSITIONS = {
    "top-left": (0.0, 0.0), "top": (0.5, 0.0), "top-right": (1.0, 0.0),
    "left": (0.0, 0.5), "center": (0.5, 0.5), "right": (1.0, 0.5),
    "bottom-left": (0.0, 1.0), "bottom": (0.5, 1.0), "bottom-right": (1.0, 1.0),
}  # fmt: skip
MOST_LINES, MOST_LETTERS = 4, 200
_LONGEST_FORMAT, _LONGEST_TIME = 64, 80
_MARGIN = 0.025  #: of the picture's height, to each edge


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is put onto pictures, and where. Immutable, but for keeping what it drew last.

    text: at most MOST_LINES lines. time: whether the picture's own time stands below it, written as
    time_format says (strftime), in UTC or local time. position: a key of POSITIONS. logo: path of a PNG
    file, read and checked here, once; it stands opposite of the text. size: font height, logo_size:
    height of the logo, in percent of the picture's height. Raises Invalid.
    """

    text: str = ""
    time: bool = False
    position: str = "top-left"
    size: int = 4
    logo: str | None = None
    time_format: str = "%Y-%m-%d %H:%M:%S"
    utc: bool = False
    logo_size: int = 12
    _logo: bytes = field(init=False, repr=False, compare=False, default=b"")
    #: The newest stamp of each kind, and what it was made for: a clock changes once a second.
    _stamps: dict[str, tuple[Any, Stamp]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        _check_text(self.text)
        check_choice("overlay/time", self.time, (True, False))
        check_choice("overlay/utc", self.utc, (True, False))
        check_choice("overlay/position", self.position, POSITIONS)
        check_whole("overlay/size", self.size, 1, 20)
        check_whole("overlay/logo_size", self.logo_size, 1, 50)
        _check_format(self.time_format)
        if self.logo is not None and not isinstance(self.logo, str):
            raise Invalid(logo_file.NAME, "Value must be the path of a PNG file")
        if self.logo:
            object.__setattr__(self, "_logo", logo_file.read(self.logo))

    @classmethod
    def of(cls, **values: Any) -> Overlay:
        """The same one for the same values and the same file, so that a camera that is only moved neither
        reads its logo nor draws its text again. Raises Invalid."""
        path, version = values.get("logo"), None
        if path and isinstance(path, str):
            try:
                status = os.stat(path)
                version = (status.st_ino, status.st_mtime_ns, status.st_size)
            except (OSError, ValueError):
                pass  # the constructor finds out, too, and says it better
        try:
            return _kept(version, **values)
        except TypeError:  # what cannot be the key of a cache: a list for a text
            return cls(**values)

    @property
    def reasons(self) -> tuple[str, ...]:
        lettering = bool(self.text.strip()) or self.time
        return ("text on the picture",) * lettering + ("a logo on the picture",) * bool(self.logo)

    def apply(self, image: numpy.ndarray, wall: float) -> numpy.ndarray:
        """The picture (uint8, BGR) with everything on it; drawn into it if it is writable, else into a
        copy. wall: its time, UTC seconds since 1970."""
        if not self.reasons:
            return image
        if not image.flags.writeable:
            image = image.copy()
        height, width = image.shape[:2]
        margin = max(1, round(height * _MARGIN))
        room = max(1, width - 2 * margin)
        across, down = POSITIONS[self.position]
        if self.logo:
            tall = max(1, round(height * self.logo_size / 100))
            stamp = self._drawn("logo", self._draw_logo, room, tall)
            # Opposite of the middle is the middle: there, out of the way.
            anchor = (1.0, 1.0) if (across, down) == (0.5, 0.5) else (1 - across, 1 - down)
            _put(image, stamp, anchor, margin)
        if lines := self.lines(wall):
            stamp = self._drawn("text", lettered, lines, max(1, round(height * self.size / 100)), room, across)
            _put(image, stamp, (across, down), margin)
        return image

    def lines(self, wall: float) -> tuple[str, ...]:
        """The text of a picture of this time, UTC seconds since 1970."""
        lines = self.text.splitlines() if self.text.strip() else []
        if self.time:
            lines.append(_clock(wall, self.time_format, self.utc))
        return tuple(lines)

    def _draw_logo(self, width: int, height: int) -> Stamp:
        return scaled(logo_file.unpack(self._logo), width, height)

    def _drawn(self, kind: str, make: Any, *made_for: Any) -> Stamp:
        known = self._stamps.get(kind)
        if known is None or known[0] != made_for:
            known = self._stamps[kind] = (made_for, make(*made_for))
        return known[1]


@lru_cache(maxsize=32, typed=True)
def _kept(_version: Any, **values: Any) -> Overlay:
    return Overlay(**values)


def _put(image: numpy.ndarray, stamp: Stamp, anchor: tuple[float, float], margin: int) -> None:
    height, width = image.shape[:2]
    x = margin + round((width - 2 * margin - stamp.width) * anchor[0])
    y = margin + round((height - 2 * margin - stamp.height) * anchor[1])
    stamp.put(image, max(0, x), max(0, y))


def _clock(wall: float, time_format: str, utc: bool) -> str:
    moment = datetime.fromtimestamp(wall, UTC)
    return (moment if utc else moment.astimezone()).strftime(time_format)


def _check_text(text: Any) -> None:
    name = "overlay/text"
    if not isinstance(text, str):
        raise Invalid(name, "Value must be a text")
    if len(text) > MOST_LETTERS or len(text.splitlines()) > MOST_LINES:
        raise Invalid(name, f"Value must have at most {MOST_LETTERS} letters in at most {MOST_LINES} lines")


def _check_format(time_format: Any) -> None:
    name = "overlay/time_format"
    if not isinstance(time_format, str) or not 0 < len(time_format) <= _LONGEST_FORMAT:
        raise Invalid(name, f"Value must be a text of 1 to {_LONGEST_FORMAT} letters, as for strftime")
    try:
        sample = _clock(0.0, time_format, True)
    except (ValueError, UnicodeError) as error:
        raise Invalid(name, f"Value is no format of strftime: {error}") from None
    if not 0 < len(sample) <= _LONGEST_TIME:
        raise Invalid(name, f"Value must give 1 to {_LONGEST_TIME} letters, not {len(sample)}")
