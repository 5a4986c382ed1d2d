"""Names: which camera, and which of its videos, the URL of a player means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..errors import Gone, Invalid
from ..media.rendition import RENDITIONS
from ..media.renditions import box
from ..wire.rtsp_headers import Url

#: What other cameras call the videos of theirs; here it is the main camera.
ALIASES = {
    (): "main",
    ("main",): "main",
    ("sub",): "sub",
    ("stream",): "main",
    ("live",): "main",
    ("stream0",): "main",
    ("stream1",): "main",
    ("stream2",): "sub",
    ("onvif", "profile_1"): "main",
    ("onvif", "profile_2"): "sub",
}
_CODECS = {"mjpeg": "mjpeg", "jpeg": "mjpeg", "h264": "h264", "h265": "hevc", "hevc": "hevc"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a URL asks for. camera: its id; codec: "" for the best there is; size, fps, bitrate and quality as
    in Encoding; transport: "tcp" or "udp" if it has to be that."""

    camera: str
    rendition: str = "main"
    codec: str = ""
    size: tuple[int, int] | None = None
    fps: float | None = None
    bitrate: int | None = None
    quality: int | None = None
    transport: str = ""


def wanted(url: Url, main_camera: str) -> Wanted:
    """What a URL means: /<camera>, /<camera>/sub, an alias; with ?resolution=640x360&fps=10&bitrate=500000,
    ?codec=mjpeg&quality=70, ?tcp. Pure. Raises Gone for other paths, Invalid for values that cannot be."""
    names = url.names
    if names in ALIASES:
        found = Wanted(main_camera, ALIASES[names])
    elif len(names) == 1:
        found = Wanted(names[0])
    elif len(names) == 2 and names[1] in RENDITIONS:
        found = Wanted(names[0], names[1])
    else:
        raise Gone("there is no such stream; they are called /<camera>/main and /<camera>/sub")
    return replace(found, **_options(url.query))


def _options(query: Mapping[str, str]) -> dict[str, object]:
    options: dict[str, object] = {}
    if codec := query.get("codec", "").lower():
        if codec not in _CODECS:
            raise Invalid("codec", f"Value must be one of {', '.join(sorted(_CODECS))}")
        options["codec"] = _CODECS[codec]
    if size := query.get("resolution", ""):
        options["size"] = box(size)
    for name, kind, low, high in (("fps", float, 0.1, 1000), ("bitrate", int, 16_000, 100_000_000),
                                  ("quality", int, 1, 100)):
        if text := query.get(name, ""):
            options[name] = _number(name, text, kind, low, high)
    for name in ("tcp", "udp"):
        if name in query:
            options["transport"] = name
    return options


def _number(name: str, text: str, kind: type, low: float, high: float) -> float | int:
    try:
        value: float | int = kind(text)
    except ValueError:
        raise Invalid(name, "Value must be a number") from None
    if not low <= value <= high:
        raise Invalid(name, f"Value must be between {low} and {high}")
    return value
