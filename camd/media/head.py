"""Heads: what pan, tilt and zoom really move, a window in the picture or the lens of a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..state.permission import SYSTEM
from .controls import Controls

#: pan (-1 left to 1 right), tilt (-1 bottom to 1 top), zoom (1 to Head.most_zoom).
Position = tuple[float, float, float]
HOME: Position = (0.0, 0.0, 1.0)


class Head(Protocol):
    """What moves. axes: those of pan, tilt and zoom that it has."""

    axes: frozenset[str]
    most_zoom: float

    def place(self, position: Position) -> None:
        """Go there now."""

    def share(self, zoom: float) -> float:
        """How far pan or tilt goes to move by the whole width or height of the view at that zoom."""


class MovingHead(Protocol):
    """A device that moves by itself: it is told where to or how fast, and tells where it is (`Ptz.told`). axes and
    most_zoom as of a Head. What it cannot do raises CamdError."""

    axes: frozenset[str]
    most_zoom: float

    def move(self, position: Position, speed: float) -> None:
        """Go there; speed: 0 (not included) to 1."""

    def drive(self, velocity: Position, seconds: float) -> None:
        """Move with these speeds, -1 to 1, for so long."""

    def stop(self, pan_tilt: bool, zoom: bool) -> None:
        """Stay where it is, on these axes."""

    def share(self, zoom: float) -> float:
        """As of a Head."""


class DigitalHead:
    """A window that moves within the picture. view(position) shows it."""

    axes = frozenset({"pan", "tilt", "zoom"})
    most_zoom = 8.0

    def __init__(self, view: Callable[[Position], None]):
        self.place = view

    def share(self, zoom: float) -> float:
        return 2 / (zoom - 1) if zoom > 1 else 0.0


class DeviceHead:
    """The controls pan, tilt and zoom of a device, wherever their ranges lie; zoom is taken as tenfold."""

    most_zoom = 10.0
    _controls_of = {"pan": "pan_absolute", "tilt": "tilt_absolute", "zoom": "zoom_absolute"}

    def __init__(self, controls: Controls):
        self._controls = controls
        self.axes = frozenset(axis for axis, name in self._controls_of.items() if name in controls.names)

    def place(self, position: Position) -> None:
        for axis, value in zip(("pan", "tilt", "zoom"), position, strict=True):
            if axis in self.axes:
                self._set(self._controls_of[axis], (value - 1) / 9 if axis == "zoom" else (value + 1) / 2)

    def share(self, zoom: float) -> float:
        return 0.5 / zoom

    def _set(self, name: str, share: float) -> None:
        observable = self._controls.observable(name)
        low, high, step = observable.spec.min or 0, observable.spec.max or 0, observable.spec.step or 1
        value = int(low + round((high - low) * share / step) * step)
        if value != observable.target:  # while it is busy only the newest is kept, so nothing builds up
            observable.set(min(value, int(high)), SYSTEM).addErrback(lambda failure: None)  # its status tells
