"""Renditions: sizes, rates and bitrates in which one camera can be watched, as observables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ..errors import Invalid
from ..state.permission import Permission
from ..state.spec import Spec, Value
from ..state.state import State
from .rendition import RENDITIONS, Rendition, VideoSettings

_R, _RW = Permission.Media_r, Permission.Media_rw
#: What the renditions are if nobody says otherwise; size "" and fps 0: as the camera gives it.
_DEFAULTS: dict[str, dict[str, Value]] = {
    "main": {"size": "", "fps": 0.0, "quality": 0, "bitrate": 2_000_000},
    "sub": {"size": "640x360", "fps": 15.0, "quality": 0, "bitrate": 500_000},
}
_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")
#: 16 to 16384, as in a pattern.
_SIDE = "(1[6-9]|[2-9][0-9]|[1-9][0-9]{2,3}|1[0-5][0-9]{3}|16[0-2][0-9]{2}|163[0-7][0-9]|1638[0-4])"
_SPECS = (
    Spec("camera/size", str, unit="px", schema={"pattern": "^$|^" + _SIDE + "x" + _SIDE + "$"},
         doc="The box into which the picture is fitted, never enlarged; empty: as it is."),
    Spec("camera/fps", float, min=0, max=1000, unit="frames/s", doc="Pictures a second at most; 0: all."),
    Spec("camera/quality", int, min=0, max=100, unit="%",
         doc="Quality of JPEG pictures; 0: the camera's `jpeg_quality`."),
    Spec("camera/bitrate", int, min=16_000, max=100_000_000, unit="bit/s",
         doc="Bitrate of H.264, where camd encodes."),
    Spec("camera/key_interval", float, default=2.0, min=0.2, max=60, unit="s",
         doc="Time between key frames of H.264."),
    Spec("camera/preset", str, default="ultrafast", choices=_PRESETS,
         doc="How hard the encoder tries, in x264's words."),
    Spec("camera/profile", str, default="baseline", choices=("baseline", "main", "high"),
         doc="Profile of H.264."),
)  # fmt: skip


class Renditions:
    """The settings of main and sub under the prefix of a camera ("cameras/cam1/"). Reactor thread only.

    render(rendition) takes a Rendition whenever one changes.
    """

    def __init__(self, prefix: str, state: State, render: Callable[[Rendition], None]):
        self._render = render
        self._values: dict[str, dict[str, Any]] = {name: {} for name in RENDITIONS}
        for rendition in RENDITIONS:
            for spec in _SPECS:
                name = spec.name.partition("/")[2]
                default = _DEFAULTS[rendition].get(name, spec.default)
                path = f"{prefix}{rendition}/{name}"
                ours = replace(spec, name=path, default=default, read=_R, write=_RW, persist=True)
                observable = state.declare(ours, partial(self._set, rendition, name))
                value = default if observable.target is None else observable.target
                self._values[rendition][name] = value
                observable.publish(value)
            self._render(_rendition(rendition, self._values[rendition]))

    def _set(self, rendition: str, name: str, value: Value) -> Value:
        values = {**self._values[rendition], name: value}
        self._render(_rendition(rendition, values))
        self._values[rendition] = values
        return value


def _rendition(name: str, values: dict[str, Any]) -> Rendition:
    video = VideoSettings(values["bitrate"], values["key_interval"], values["preset"], values["profile"])
    return Rendition(name, box(values["size"]), values["fps"] or None, values["quality"] or None, video)


def box(size: str) -> tuple[int, int] | None:
    """Width and height of "640x360", None of ""; raises Invalid for anything else."""
    if not size:
        return None
    width, _, height = size[:16].partition("x")  # nobody reckons with thousands of digits
    if not (width.isascii() and height.isascii() and width.isdigit() and height.isdigit()):
        raise Invalid("size", 'Value must be like "640x360", or empty')
    if not all(16 <= int(side) <= 16384 for side in (width, height)):
        raise Invalid("size", "Both sides must be between 16 and 16384")
    return int(width), int(height)
