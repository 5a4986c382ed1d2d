"""Choice: which video or pictures of a camera a client asks for, in a query or in a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Invalid
from ..media.frame import INTER, Encoding
from ..media.rendition import RENDITIONS
from ..media.renditions import box
from .request import Request

#: What a query may say about a video, and about pictures.
VIDEO = ("codec", "rendition", "size", "fps", "bitrate")
PICTURES = ("rendition", "size", "fps", "quality")
_NUMBERS = frozenset(("fps", "bitrate", "quality"))


def video_of(request: Request) -> Encoding:
    """What the query of a request asks for: ?codec=h264&rendition=sub&size=640x360&fps=10&bitrate=500000. Raises
    Invalid; whether the values can be had is seen when the stream is asked for."""
    return encoding(_given(request, VIDEO), INTER)


def pictures_of(request: Request) -> Encoding:
    """The same for JPEG: ?rendition=sub&size=640x360&fps=10&quality=70."""
    return encoding({**_given(request, PICTURES), "codec": "mjpeg"}, frozenset(("mjpeg",)))


def number_of(request: Request, name: str, low: float, high: float) -> float | None:
    """One number of the query, None if it is not there. Raises Invalid."""
    return _checked(_given(request, (name,), frozenset((name,))), name, float, low, high)


def _given(request: Request, names: tuple[str, ...], numbers: frozenset[str] = _NUMBERS) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name in names:
        if values := request.args.get(name.encode()):
            text = values[-1].decode("latin-1")
            if not text:
                raise Invalid(name, "Value must not be empty")
            given[name] = _number(name, text) if name in numbers else text
    return given


def encoding(wanted: Mapping[str, Any], codecs: frozenset[str]) -> Encoding:
    """The Encoding of these words, whose values came from outside. codecs: those that can be had here, H.264
    if the words do not say. Raises Invalid."""
    codec = wanted.get("codec", "h264")
    if not isinstance(codec, str) or codec not in codecs:
        raise Invalid("codec", f"Value must be one of {', '.join(sorted(codecs))}")
    rendition = wanted.get("rendition", "main")
    if rendition not in RENDITIONS:
        raise Invalid("rendition", f"Value must be one of {', '.join(RENDITIONS)}")
    size = wanted.get("size", "")
    if not isinstance(size, str):
        raise Invalid("size", 'Value must be like "640x360", or empty')
    return Encoding(
        codec,
        _checked(wanted, "quality", int, 1, 100) if codec == "mjpeg" else None,
        rendition,
        box(size),
        _checked(wanted, "fps", float, 0.1, 1000),
        _checked(wanted, "bitrate", int, 16_000, 100_000_000) if codec in INTER else None,
    )


def _checked(wanted: Mapping[str, Any], name: str, kind: type, low: float, high: float) -> Any:
    value = wanted.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or kind is int and value != value // 1:
        raise Invalid(name, f"Value must be of type {kind.__name__}")
    if not low <= value <= high:
        raise Invalid(name, f"Value must be between {low} and {high}")
    return kind(value)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Invalid(name, "Value must be a number") from None
