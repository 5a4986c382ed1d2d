"""Profiles: values of a camera's controls under a name, brought back together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger

from ..errors import CamdError, Conflict, Invalid, SourceError
from ..state.observable import Observable
from ..state.permission import SYSTEM, Permission
from ..state.spec import Spec, Value
from ..state.state import State
from .controls import Controls

#: How many of its own a camera may have.
MOST = 32
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Level:
    """Where in the range of a control, whatever that is: 0 its default, -100 the lowest, 100 the highest value."""

    percent: int

    def of(self, spec: Spec) -> Value:
        if spec.type not in (int, float) or spec.min is None or spec.max is None:
            return None
        base = spec.default if isinstance(spec.default, int | float) else spec.min
        reach = spec.max - base if self.percent > 0 else base - spec.min
        step = spec.step or 1
        wanted = base + reach * self.percent / 100
        return spec.type(spec.min + round((wanted - spec.min) / step) * step)


@dataclass(frozen=True, slots=True)
class Choice:
    """The first of a control's choices that contains one of these words."""

    words: tuple[str, ...]

    def of(self, spec: Spec) -> Value:
        found = (choice for word in self.words for choice in spec.choices if word in str(choice).casefold())
        return next(found, None)


Wish = Level | Choice | bool
_DEFAULT = Level(0)
_AUTOMATIC: dict[str, Wish] = {
    "auto_exposure": Choice(("aperture priority", "auto")),
    "gain_automatic": True,
    "white_balance_automatic": True,
    "focus_automatic_continuous": True,
}
#: Name -> control -> what it should be. A camera gets what it has of that, within its ranges.
BUILT_IN: dict[str, dict[str, Wish]] = {
    "indoor": {
        **_AUTOMATIC, "exposure_dynamic_framerate": False, "backlight_compensation": _DEFAULT,
        "brightness": _DEFAULT, "contrast": _DEFAULT, "saturation": _DEFAULT, "sharpness": _DEFAULT,
        "gamma": _DEFAULT, "hue": _DEFAULT,
    },
    "outdoor": {  # light enough for short exposures; a bright sky must not make all else dark
        **_AUTOMATIC, "exposure_dynamic_framerate": False, "wide_dynamic_range": True,
        "backlight_compensation": Level(50), "brightness": _DEFAULT, "contrast": Level(20),
        "saturation": Level(10), "sharpness": Level(10), "gamma": _DEFAULT, "hue": _DEFAULT,
    },
    "low_light": {  # longer exposures at a lower rate; what sharpens makes noise of the dark
        **_AUTOMATIC, "exposure_dynamic_framerate": True, "backlight_compensation": Level(100),
        "brightness": Level(20), "contrast": Level(-10), "saturation": Level(-20), "sharpness": Level(-50),
        "gamma": Level(20), "hue": _DEFAULT,
    },
    "microscopy": {  # nothing may drift while somebody compares: all automatics off, the lens where it is
        "auto_exposure": Choice(("manual",)), "gain_automatic": False, "white_balance_automatic": False,
        "focus_automatic_continuous": False, "exposure_dynamic_framerate": False,
        "backlight_compensation": Level(-100), "gain": Level(-100), "brightness": _DEFAULT,
        "contrast": Level(20), "saturation": _DEFAULT, "sharpness": Level(50), "gamma": _DEFAULT,
        "hue": _DEFAULT,
    },
}  # fmt: skip


class Profiles:
    """The profiles of one camera: those that every camera has, and its own. Reactor thread only.

    `cameras/<id>/profile` is the one that was applied last, "" once a control was changed after that; writing
    it applies one. Its own are kept with the values that clients set.
    """

    log = Logger()

    def __init__(self, prefix: str, state: State, controls: Controls):
        self._key = f"{prefix}profiles"
        self._name = f"{prefix}profile"
        self._state = state
        self._controls = controls
        self._applying = False
        saved = state.saved.get(self._key)
        self._own: dict[str, dict[str, Value]] = dict(saved) if isinstance(saved, dict) else {}
        observable = self._declare()
        observable.publish(observable.target or "")
        controls.on_change = self._control_changed

    @property
    def names(self) -> list[str]:
        """The built-in ones, then the camera's own."""
        return [*BUILT_IN, *self._own]

    @property
    def active(self) -> str:
        """The one whose values the controls have, "" if it is none."""
        return str(self._state[self._name].value or "")

    def values(self, name: str) -> dict[str, Value]:
        """What a profile means for this camera, in the order in which it is applied. Raises Invalid."""
        if name not in self.names:
            raise Invalid("profile", f"there is no profile {name!r}; there are {', '.join(self.names)}")
        found: dict[str, Value] = {}
        for control in self._controls.names:
            spec = self._controls.observable(control).spec
            value = self._wanted(name, control, spec)
            if value is None:
                continue
            try:
                found[control] = spec.check(value)
            except Invalid:  # saved with another device behind this camera
                continue
        return found

    def save(self, name: str) -> list[str]:
        """Keep the values of all controls under this name, except of those that are inactive; all names.
        Raises Invalid, and Conflict for a name that is built in, or if there are too many."""
        name = name.strip()
        if not name or len(name) > _LONGEST or not name.isprintable():
            raise Invalid("name", f"a name has 1 to {_LONGEST} printable characters")
        if name in BUILT_IN:
            raise Conflict(f"{name} is built in; choose another name")
        if name not in self._own and len(self._own) >= MOST:
            raise Conflict(f"A camera has at most {MOST} profiles of its own; delete one first")
        inactive = self._controls.inactive
        values = {control: self._controls.observable(control).value for control in self._controls.names}
        self._keep({**self._own, name: {
            control: value for control, value in values.items() if value is not None and control not in inactive
        }})  # fmt: skip
        self._is_now(name)
        return self.names

    def delete(self, name: str) -> list[str]:
        """Forget a profile of the camera's own; the names that are left. Raises Invalid."""
        if name in BUILT_IN:
            raise Invalid("name", f"{name} is built in and stays")
        if name not in self._own:
            raise Invalid("name", f"there is no profile {name!r}")
        if self.active == name:
            self._is_now("")
        self._keep({known: values for known, values in self._own.items() if known != name})
        return self.names

    def reset(self) -> Deferred[None]:
        """Every control to its default; no profile is in use then."""
        self._is_now("")
        return ensureDeferred(self._controls.reset())

    # -- applying

    async def _apply(self, name: str) -> str:
        """Set what the profile says; controls that refuse are left as they are. SourceError if all do."""
        errors: list[CamdError] = []
        wanted = self.values(name) if name else {}
        self._applying = True
        try:
            for control, value in wanted.items():
                try:
                    await self._controls.observable(control).set(value, SYSTEM)
                except CamdError as error:
                    self.log.info("profile {profile}: {error}", profile=name, error=error)
                    errors.append(error)
                    if isinstance(error, SourceError) and error.state in ("absent", "stalled"):
                        raise
        finally:
            self._applying = False
        if wanted and len(errors) == len(wanted):
            raise errors[0]
        return name

    def _wanted(self, name: str, control: str, spec: Spec) -> Value:
        if name in self._own:
            return self._own[name].get(control)
        wish = BUILT_IN[name].get(control)
        return wish.of(spec) if isinstance(wish, Level | Choice) else wish

    def _control_changed(self) -> None:
        if not self._applying and self.active:
            self._is_now("")

    # -- keeping

    def _is_now(self, name: str) -> None:
        self._state.remember(self._name, name)
        self._state[self._name].publish(name)

    def _keep(self, own: Mapping[str, dict[str, Value]]) -> None:
        self._own = dict(own)
        self._state.remember(self._key, dict(own))
        self._declare()

    def _declare(self) -> Observable:
        spec = Spec(
            self._name, str, default="", choices=("", *self.names), read=Permission.Device_r,
            write=Permission.Device_rw, persist=True, doc="Whose values the controls have; setting it applies them.",
        )  # fmt: skip
        return self._state.declare(spec, lambda name: ensureDeferred(self._apply(str(name))))
