"""Appearance: what is done to a camera's picture before anybody sees it, as observables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.logger import Logger

from ..errors import Invalid
from ..state.permission import Permission
from ..state.spec import Spec, Value
from ..state.state import State

_R, _RW = Permission.Device_r, Permission.Device_rw
_LOGO = "overlay/logo"
#: One of four lines, in all the ways in which they end.
_BREAK, _LINE = r"(\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029])", r"[^\n\v\f\r\x1c-\x1e\x85\u2028\u2029]*"
#: What `processing` takes, as JSON Schema says it.
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_POINT = {"type": "array", "items": _SHARE, "minItems": 2, "maxItems": 2}
_POLYGON = {"type": "array", "items": _POINT, "minItems": 3, "maxItems": 32}
_SPECS = (
    Spec("camera/rotate", int, default=0, choices=(0, 90, 180, 270), unit="degrees", read=_R, write=_RW, persist=True,
         doc="How far the picture is turned, clockwise."),
    Spec("camera/flip", str, default="none", choices=("none", "horizontal", "vertical", "both"), read=_R, write=_RW,
         persist=True, doc="How the picture is mirrored, after it was turned."),
    Spec("camera/crop", list, default=[0.0, 0.0, 1.0, 1.0], read=_R, write=_RW, persist=True,
         schema={"minItems": 4, "maxItems": 4, "items": _SHARE},
         doc="The part of the picture that is shown: x, y, width and height, each 0 to 1."),
    Spec("camera/masks", list, default=[], read=_R, write=_RW, persist=True,
         schema={"maxItems": 32, "items": _POLYGON},
         doc="Parts of the picture that nobody ever sees: polygons of points [x, y], each 0 to 1."),
    Spec("camera/overlay/text", str, default="", read=_R, write=_RW, persist=True, doc="Text on the picture.",
         schema={"maxLength": 200, "pattern": f"^({_LINE}{_BREAK}){{0,3}}{_LINE}{_BREAK}?$"}),
    Spec("camera/overlay/time", bool, default=False, read=_R, write=_RW, persist=True,
         doc="Whether date and time are on the picture."),
    Spec("camera/overlay/position", str, default="top-left", read=_R, write=_RW, persist=True,
         choices=("top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right"),
         doc="Where text and time are."),
    Spec("camera/overlay/size", int, default=4, min=2, max=20, unit="%", read=_R, write=_RW, persist=True,
         doc="Height of the letters, in parts of the picture's."),
    Spec("camera/overlay/logo", str, default="", read=_R, write=Permission.System_rw, persist=True,
         schema={"format": "png-path"},
         doc="A PNG file on camd's machine that is shown in the opposite corner."),
)
#: A mask over the whole picture.
_EVERYTHING = [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]]


class Appearance:
    """Orientation, crop, masks and overlay of one camera under its prefix ("cameras/cam1/"), joined with
    the view of its digital pan-tilt-zoom and the adjustments that its device lacks. Reactor thread only.

    process(**values) takes all of them whenever one changes, and raises Invalid for what cannot be done;
    then nothing changes.
    """

    log = Logger()

    def __init__(self, prefix: str, state: State, process: Callable[..., None]):
        self._process = process
        self._values: dict[str, Any] = {}
        for spec in _SPECS:
            name = spec.name.partition("/")[2]
            observable = state.declare(replace(spec, name=prefix + name), partial(self._set, name))
            wanted = spec.default if observable.target is None else observable.target
            try:
                observable.publish(self._set(name, wanted))
            except Invalid as error:  # such as a logo that is gone
                self.log.warn("{name} not restored: {error}", name=observable.name, error=error)
                # Masks that cannot be read must not become none: better nothing is seen until somebody sets them.
                observable.publish(self._set(name, _EVERYTHING if name == "masks" else spec.default))

    def change(self, **values: Any) -> None:
        """Take these values of the Processing beside those set here: view, brightness, gamma, ..."""
        self._take({**self._values, **values})

    def _set(self, name: str, value: Value) -> Value:
        self._take({**self._values, name: value})
        return value

    def _take(self, values: dict[str, Any]) -> None:
        overlay = {name.partition("/")[2]: value for name, value in values.items() if name.startswith("overlay/")}
        plain = {name: value for name, value in values.items() if "/" not in name}
        try:
            self._process(overlay=overlay, **plain)
        except Invalid as error:
            if error.key != _LOGO or not self._values.get(_LOGO) or values[_LOGO] != self._values[_LOGO]:
                raise
            # Its file was there when it was set: that must not keep a mask from the picture, nor stop a move.
            self.log.warn("the logo is not shown: {error}", error=error)
            self._process(overlay={**overlay, "logo": ""}, **plain)
        self._values = values
