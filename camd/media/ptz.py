"""Ptz: where a camera looks, moved smoothly, with presets; the base of the PTZ of every protocol."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.task import LoopingCall

from ..errors import Invalid
from ..state.permission import Permission
from ..state.spec import Spec, Value
from ..state.state import State
from .controls import Controls
from .head import HOME, DeviceHead, DigitalHead, Head, MovingHead, Position

#: Steps of a move (1/s), and how many of them pass between two messages about where it is.
STEPS, TELL_EVERY = 25, 5
#: Speed 1: pan and tilt go through half of their range in a second, zoom doubles.
_ZOOM_RATE = math.log(2)
#: A continuous move that nobody ends does so by itself (seconds).
LONGEST_DRIVE = 60.0
MOST_PRESETS = 64
_R, _RW = Permission.Device_r, Permission.Device_rw
_SPECS = (
    Spec("camera/ptz/pan", float, default=0.0, min=-1, max=1, read=_R, write=_RW, persist=True,
         doc="Where the camera looks, from -1 (left) to 1 (right)."),
    Spec("camera/ptz/tilt", float, default=0.0, min=-1, max=1, read=_R, write=_RW, persist=True,
         doc="Where the camera looks, from -1 (down) to 1 (up)."),
    Spec("camera/ptz/zoom", float, default=1.0, min=1, max=DigitalHead.most_zoom, read=_R, write=_RW, persist=True,
         doc="How much is enlarged; 1: not at all."),
)  # fmt: skip
_MOVING = Spec("camera/ptz/moving", bool, default=False, read=_R, doc="Whether the camera is moving.")
_PRINTABLE = r"[^\x00-\x1f\x7f-\xa0]"
_NAME = rf"^{_PRINTABLE}*[^\x00-\x20\x7f-\xa0]{_PRINTABLE}*$"  # one that is no space
_SHARE = {"type": "number", "minimum": -1, "maximum": 1}
_PLACE = {
    "type": "array", "minItems": 3, "maxItems": 3,
    "prefixItems": [_SHARE, _SHARE, {"type": "number", "minimum": 1, "maximum": 16}],
}  # fmt: skip
_PRESETS = Spec("camera/ptz/presets", dict, default={}, read=_R, write=_RW, persist=True,
                schema={"maxProperties": MOST_PRESETS, "additionalProperties": _PLACE,
                        "propertyNames": {"pattern": _NAME, "maxLength": 64}},
                doc="Places to go to, by name: pan, tilt and zoom; `home` is the one at rest.")  # fmt: skip


class Ptz:
    """Pan, tilt and zoom of one camera under its prefix ("cameras/cam1/"). Reactor thread only.

    A device that can pan, tilt or zoom is moved; in the picture of any other a window is. view(position)
    shows that window.
    """

    def __init__(self, prefix: str, state: State, reactor: Any, view: Callable[[Position], None]):
        self._prefix = prefix + "ptz/"
        self._state = state
        self._reactor = reactor
        self._digital = DigitalHead(view)
        self._head: Head = self._digital
        self._mover: MovingHead | None = None
        self._target: Position | None = None
        self._speed = 1.0
        self._velocity: Position | None = None
        self._until = 0.0
        self._steps = 0
        self._ticker = LoopingCall(self._step)
        self._ticker.clock = reactor
        wanted = [self._declare(spec).target for spec in _SPECS]
        self._moving = state.declare(replace(_MOVING, name=self._prefix + "moving"))
        self._moving.publish(False)
        self._presets = state.declare(replace(_PRESETS, name=self._prefix + "presets"), self._check_presets)
        self._presets.publish({} if self._presets.target is None else self._presets.target)
        self.position = self._inside(*(HOME[axis] if wish is None else wish for axis, wish in enumerate(wanted)))
        self._digital.place(self.position)
        self._tell()

    def equip(self, controls: Controls) -> None:
        """Move what the device has, now that this is known."""
        device = DeviceHead(controls)
        head: Head = device if device.axes else self._digital
        if type(head) is not type(self._head):
            self._head = head
            self._reach()

    def equip_head(self, head: MovingHead | None) -> None:
        """Let this one move from now on, whatever else there is; None: what there was before."""
        if self._ticker.running:
            self._ticker.stop()
            self._rest()
        self._mover = head
        self._reach()
        self._moving.publish(False)

    def _reach(self) -> None:
        """Another one moves now, with a range of its own; the window in the picture is for when nothing else does."""
        self._digital.place(self.position if self.is_digital else HOME)
        zoom = self._state[self._prefix + "zoom"]
        zoom.redefine(replace(zoom.spec, max=self.most_zoom), partial(self._set, "zoom"))
        self.position = self._inside(*self.position)

    def told(self, position: Position, moving: bool) -> None:
        """Where a MovingHead is, by its own word."""
        self.position = self._inside(*position)
        self._tell()
        self._moving.publish(moving)

    @property
    def is_digital(self) -> bool:
        """Whether a window moves in the picture, and no device."""
        return self._mover is None and self._head is self._digital

    @property
    def axes(self) -> frozenset[str]:
        """Those of pan, tilt and zoom that there are."""
        return (self._mover or self._head).axes

    @property
    def most_zoom(self) -> float:
        return (self._mover or self._head).most_zoom

    @property
    def moving(self) -> bool:
        return bool(self._moving.value)

    # ---------------------------------------------------------------- moves

    def move(self, pan: float, tilt: float, zoom: float, speed: float = 1.0) -> None:
        """Go to a place. speed: 0 (not included) to 1. Raises Invalid outside of the range."""
        self._check(speed, "speed", 0.001, 1)
        self._check(pan, "pan", -1, 1)
        self._check(tilt, "tilt", -1, 1)
        self._check(zoom, "zoom", 1, self.most_zoom)
        aim = self._inside(pan, tilt, zoom)
        if self._mover is not None:
            self._mover.move(aim, speed)
            return
        self._target, self._velocity, self._speed = aim, None, speed
        self._start()

    def shift(self, pan: float, tilt: float, zoom: float, speed: float = 1.0) -> None:
        """Go on by shares of the view: pan 1 shows what was to the right of it, zoom 1 half of what it showed."""
        for value, name in ((pan, "pan"), (tilt, "tilt"), (zoom, "zoom")):
            self._check(value, name, -10, 10)
        share = (self._mover or self._head).share(self.position[2])
        aim = self._inside(
            self.position[0] + pan * share, self.position[1] + tilt * share, self.position[2] * 2.0**zoom
        )
        self.move(*aim, speed)

    def drive(self, pan: float, tilt: float, zoom: float, seconds: float = LONGEST_DRIVE) -> None:
        """Move with these speeds (-1 to 1), for so long or until `stop`."""
        for value, name in ((pan, "pan"), (tilt, "tilt"), (zoom, "zoom")):
            self._check(value, name, -1, 1)
        if seconds <= 0:
            raise Invalid("seconds", "Value must be more than 0")
        if pan == tilt == zoom == 0:
            self.stop()
            return
        if self._mover is not None:
            self._mover.drive((pan, tilt, zoom), min(seconds, LONGEST_DRIVE))
            return
        self._target, self._velocity = None, (pan, tilt, zoom)
        self._until = self._reactor.seconds() + min(seconds, LONGEST_DRIVE)
        self._start()

    def stop(self, pan_tilt: bool = True, zoom: bool = True) -> None:
        """Stay where it is; with one of them alone the other goes on."""
        if self._mover is not None:
            self._mover.stop(pan_tilt, zoom)
        elif self._ticker.running and not self._goes_on(pan_tilt, zoom):
            self._ticker.stop()
            self._rest()

    def _goes_on(self, pan_tilt: bool, zoom: bool) -> bool:
        """Take the axes to stop out of the move; returns whether any is left in it."""
        rest = (0.0, 0.0, 0.0) if self._velocity is not None else self.position
        way = self._velocity or self._target or rest
        stopped = pan_tilt, pan_tilt, zoom
        pan, tilt, enlarged = (
            still if stop else on for on, still, stop in zip(way, rest, stopped, strict=True)
        )
        if self._velocity is not None:
            self._velocity = pan, tilt, enlarged
        else:
            self._target = pan, tilt, enlarged
        return (pan, tilt, enlarged) != rest

    def close(self) -> None:
        """The camera goes: no further move."""
        if self._ticker.running:
            self._ticker.stop()
            self._moving.publish(False)

    # ---------------------------------------------------------------- presets

    @property
    def presets(self) -> dict[str, Position]:
        """Places by name."""
        return {name: tuple(place) for name, place in self._presets.value.items()}

    def go(self, preset: str, speed: float = 1.0) -> None:
        """Go to a preset; `home` is there always. Raises Invalid."""
        place = self.presets.get(preset, HOME if preset == "home" else None)
        if place is None:
            raise Invalid("preset", f"there is no preset {preset!r}")
        self.move(*self._inside(*place), speed)

    def save(self, preset: str) -> None:
        """Keep the place under a name."""
        self._keep({**self._presets.value, preset: [round(value, 4) for value in self.position]})

    def forget(self, preset: str) -> None:
        """Forget a preset. Raises Invalid if there is none."""
        if preset not in self._presets.value:
            raise Invalid("preset", f"there is no preset {preset!r}")
        self._keep({name: place for name, place in self._presets.value.items() if name != preset})

    def _keep(self, presets: dict[str, Any]) -> None:
        self._check_presets(presets)
        self._state.remember(self._presets.name, presets)
        self._presets.publish(presets)

    def _check_presets(self, presets: Any) -> Any:
        if len(presets) > MOST_PRESETS:
            raise Invalid("presets", f"a camera has at most {MOST_PRESETS} presets")
        for name, place in presets.items():
            if not name.strip() or len(name) > 64 or not name.isprintable():
                raise Invalid("presets", "a name has 1 to 64 printable characters")
            numbers = isinstance(place, list) and len(place) == 3 and all(type(n) in (int, float) for n in place)
            if not numbers or not (abs(place[0]) <= 1 and abs(place[1]) <= 1 and 1 <= place[2] <= 16):
                raise Invalid("presets", f"{name}: a place is pan (-1 to 1), tilt (-1 to 1) and zoom (1 to 16)")
        return presets

    # ---------------------------------------------------------------- on the way

    def _start(self) -> None:
        self._moving.publish(True)
        if not self._ticker.running:
            self._steps = 0
            self._ticker.start(1 / STEPS, now=False)

    def _step(self) -> None:
        before = self.position
        if self._velocity is not None:
            self.position = self._driven(self._velocity)
            arrived = self._reactor.seconds() >= self._until
        else:
            self.position = self._approached(self._target or before)
            arrived = self.position == self._target
        if self.position != before:
            self._head.place(self.position)
        self._steps += 1
        if arrived:
            self.stop()
        elif self._steps % TELL_EVERY == 0:
            self._tell()

    def _driven(self, velocity: Position) -> Position:
        pan, tilt, zoom = self.position
        return self._inside(
            pan + velocity[0] / STEPS, tilt + velocity[1] / STEPS, zoom * math.exp(velocity[2] * _ZOOM_RATE / STEPS)
        )

    def _approached(self, target: Position) -> Position:
        pan, tilt, zoom = self.position
        ways = (target[0] - pan, target[1] - tilt, math.log(target[2] / zoom) / _ZOOM_RATE)
        longest = max(map(abs, ways))
        step = self._speed / STEPS
        if longest <= step:
            return target
        share = step / longest  # all axes arrive together
        return pan + ways[0] * share, tilt + ways[1] * share, zoom * math.exp(ways[2] * share * _ZOOM_RATE)

    def _rest(self) -> None:
        self._target = self._velocity = None
        self._tell()
        for spec in _SPECS:
            observable = self._state[self._prefix + spec.name.rpartition("/")[2]]
            self._state.remember(observable.name, observable.value)
        self._moving.publish(False)

    def _tell(self) -> None:
        for spec, value in zip(_SPECS, self.position, strict=True):
            self._state[self._prefix + spec.name.rpartition("/")[2]].publish(round(value, 4))

    def _set(self, axis: str, value: Value) -> Value:
        place = dict(zip(("pan", "tilt", "zoom"), self._target or self.position, strict=True))
        self.move(**{**place, axis: value})
        return self._state[self._prefix + axis].value  # it is on its way

    def _declare(self, spec: Spec) -> Any:
        axis = spec.name.rpartition("/")[2]
        return self._state.declare(replace(spec, name=self._prefix + axis), partial(self._set, axis))

    def _inside(self, pan: float, tilt: float, zoom: float) -> Position:
        return max(-1.0, min(1.0, pan)), max(-1.0, min(1.0, tilt)), max(1.0, min(self.most_zoom, zoom))

    @staticmethod
    def _check(value: float, name: str, low: float, high: float) -> None:
        if not low <= value <= high:
            raise Invalid(name, f"Value must be between {low:g} and {high:g}")
