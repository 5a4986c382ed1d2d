"""Overlay: text, the time and a logo, burnt into the picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..errors import Invalid
from . import logo as logo_file
from .ranges import check_choice, check_whole
from .stamp import Stamp, lettered, scaled

if TYPE_CHECKING:
    import numpy

#: Anchor -> where it is, as shares of the room that is left: across, down.
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
    """What is put onto pictures, and where. Immutable but for a cache; one thread at a time.

    text: at most MOST_LINES lines; what the system's fonts lack is shown as well as can be. time: whether
    the picture's own time stands below, as time_format has it (strftime), in UTC or local time.
    position: a key of POSITIONS. size: font height, logo_size: height of the logo, in percent of the
    picture's height. logo: path of a PNG file, which stands above the text; read here, once, so with a
    logo this constructor blocks and must not run in the reactor thread. Raises Invalid.
    """

    text: str = ""
    time: bool = False
    position: str = "top-left"
    size: int = 4
    logo: str | None = None
    time_format: str = "%Y-%m-%d %H:%M:%S"
    utc: bool = False
    logo_size: int = 12
    _logo: numpy.ndarray | None = field(init=False, repr=False, compare=False, default=None)
    #: The newest stamp of each kind with what it was made for: a clock changes once a second.
    _stamps: dict[str, tuple[Any, Stamp]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        _check_text(self.text)
        for name in ("time", "utc"):
            check_choice(name, getattr(self, name), (True, False))
        check_choice("position", self.position, POSITIONS)
        check_whole("size", self.size, 2, 20)
        check_whole("logo_size", self.logo_size, 2, 50)
        _check_format(self.time_format)
        if self.logo is not None and not isinstance(self.logo, str):
            raise Invalid("logo", "Value must be the path of a PNG file")
        if self.logo:
            object.__setattr__(self, "_logo", logo_file.load(self.logo))

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
        margin = max(2, round(height * _MARGIN))
        stamps = self._make_stamps(width - 2 * margin, height - 2 * margin, height, self.lines(wall))
        across, down = POSITIONS[self.position]
        y = margin + round((height - 2 * margin - sum(stamp.height for stamp in stamps)) * down)
        for stamp in stamps:
            x = margin + round((width - 2 * margin - stamp.width) * across)
            stamp.put(image, max(0, x), max(0, y))
            y += stamp.height
        return image

    def lines(self, wall: float) -> tuple[str, ...]:
        """The text of a picture of this time, UTC seconds since 1970."""
        lines = self.text.splitlines() if self.text.strip() else []
        if self.time:
            lines.append(_clock(wall, self.time_format, self.utc))
        return tuple(lines)

    def _make_stamps(self, width: int, height: int, full: int, lines: tuple[str, ...]) -> list[Stamp]:
        """Logo and text, which fit into width and height; full: height of the whole picture."""
        stamps = []
        if self._logo is not None:
            room = (width, min(height, round(full * self.logo_size / 100)))
            stamps.append(self._kept("logo", room, scaled, self._logo, *room))
        if lines:
            made_for = (lines, max(1, round(full * self.size / 100)), width, POSITIONS[self.position][0])
            stamps.append(self._kept("text", made_for, lettered, *made_for))
        return stamps

    def _kept(self, kind: str, made_for: Any, make: Any, *args: Any) -> Stamp:
        known = self._stamps.get(kind)
        if known is None or known[0] != made_for:
            known = self._stamps[kind] = (made_for, make(*args))
        return known[1]


def _clock(wall: float, time_format: str, utc: bool) -> str:
    moment = datetime.fromtimestamp(wall, UTC)
    return (moment if utc else moment.astimezone()).strftime(time_format)


def _check_text(text: Any) -> None:
    if not isinstance(text, str):
        raise Invalid("text", "Value must be a text")
    if len(text) > MOST_LETTERS or len(text.splitlines()) > MOST_LINES:
        raise Invalid("text", f"Value must have at most {MOST_LETTERS} letters in at most {MOST_LINES} lines")


def _check_format(time_format: Any) -> None:
    if not isinstance(time_format, str) or not 0 < len(time_format) <= _LONGEST_FORMAT:
        raise Invalid("time_format", f"Value must be a text of 1 to {_LONGEST_FORMAT} letters, as for strftime")
    try:
        sample = _clock(0.0, time_format, True)
    except (ValueError, UnicodeError) as error:
        raise Invalid("time_format", f"Value is no format of strftime: {error}") from None
    if not 0 < len(sample) <= _LONGEST_TIME:
        raise Invalid("time_format", f"Value must give 1 to {_LONGEST_TIME} letters, not {len(sample)}")
