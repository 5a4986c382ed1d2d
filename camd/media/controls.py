"""Controls: what can be adjusted on a camera, as observables, whoever carries it out.

A control the device has is set on the device; what of the usual ones it lacks (brightness, contrast, gamma and
the like) is applied to the picture. Clients see no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from ..errors import CamdError, SourceError
from ..state.observable import Observable
from ..state.permission import Permission
from ..state.spec import Spec, Value
from ..state.state import State
from .source import Capabilities

if TYPE_CHECKING:
    from .device import Device

_PERCENT = Spec(
    "adjustment/percent", int, default=50, min=0, max=100, unit="%", read=Permission.Device_r,
    write=Permission.Device_rw, persist=True,
)  # fmt: skip
#: Applied to the picture where the device has no such control; the default leaves it untouched.
ADJUSTMENTS = {
    "brightness": replace(_PERCENT, doc="Brightness of the picture."),
    "contrast": replace(_PERCENT, doc="Contrast of the picture."),
    "saturation": replace(_PERCENT, doc="Strength of the colours."),
    "sharpness": replace(_PERCENT, doc="Sharpness of the picture."),
    "gamma": replace(_PERCENT, default=100, min=10, max=300, doc="Gamma of the picture; 100 leaves it as it is."),
    "hue": replace(_PERCENT, default=0, min=-180, max=180, unit="degrees", doc="How far the colours are turned."),
    "noise_suppression": replace(_PERCENT, default=0, doc="Strength with which noise is smoothed away."),
    "red_gain": replace(_PERCENT, doc="Strength of red, for white balance."),
    "blue_gain": replace(_PERCENT, doc="Strength of blue, for white balance."),
}
#: Values that the device changes by itself are read again this often while it streams (seconds).
REFRESH = 5


class Controls:
    """The controls of one camera under its prefix ("cameras/cam1/"). Reactor thread only.

    The device is asked one thing at a time, never behind a read. adjust(**values) is called with all adjustments
    whenever one changes. on_change(): a client has changed one.
    """

    log = Logger()

    def __init__(
        self,
        prefix: str,
        state: State,
        device: Device,
        adjust: Callable[..., None],
    ):
        self.on_change: Callable[[], None] = lambda: None
        self._prefix = prefix
        self._state = state
        self._device = device
        self._adjust = adjust
        self._order: list[str] = []
        self._adjustments: dict[str, Value] = {}
        self._inactive: frozenset[str] = frozenset()
        self._volatile: frozenset[str] = frozenset()
        self._ticks = 0
        self._looking = self._stale = False
        self._lock = DeferredLock()

    @property
    def names(self) -> list[str]:
        """Bare names of the controls that keep what is set, in the order in which they are to be set."""
        return [name for name in (*self._order, *self._adjustments) if self.observable(name).spec.persist]

    @property
    def inactive(self) -> frozenset[str]:
        """Those of the device that have no effect now."""
        return self._inactive

    def observable(self, name: str) -> Observable:
        """The control of that bare name. Raises Invalid."""
        return self._state[self._prefix + name]

    def declare(self, capabilities: Capabilities) -> None:
        """Offer what this device has; what another device behind the same camera had is withdrawn."""
        specs = {spec.name.partition("/")[2]: spec for spec in capabilities.controls}
        for name in self._order:
            if name not in specs:
                self._state.remove(self._prefix + name)
        self._order = list(specs)
        for name, spec in specs.items():
            self._state.declare(
                replace(spec, name=self._prefix + name), partial(self._apply, name) if spec.write else None
            )
        self._state.declare(
            Spec(
                f"{self._prefix}inactive", list, default=[], read=Permission.Device_r,
                doc="Controls that have no effect now, because an automatic chooses their value.",
            )
        )
        self._read(capabilities)
        self._adjustments = {}
        for name, spec in ADJUSTMENTS.items():
            if name not in specs:
                spec = replace(spec, name=self._prefix + name)
                observable = self._state.declare(spec, partial(self._set_adjustment, name))
                self._adjustments[name] = spec.default if observable.target is None else observable.target
                observable.publish(self._adjustments[name])
        self._adjust(**self._adjustments)

    async def reapply(self) -> None:
        """Bring the values that were set back to a device that was opened again."""
        done = False
        for name in self._order:
            observable = self.observable(name)
            saved = self._state.saved.get(observable.name)
            if not observable.spec.persist or saved is None:
                continue
            try:
                observable.publish(await self._set(name, saved))
                done = True
            except CamdError as error:  # such as a manual value while its automatic is on
                self.log.info("{name} not restored: {error}", name=observable.name, error=error)
                if _is_away(error):
                    return
        if done:
            self.refresh()

    async def reset(self) -> None:
        """Bring every control to its default, and forget what was set. Raises SourceError if the device is away.

        What an automatic governs now can be set only once it is off, what one will govern only before it is on:
        so all are tried against their order, and what was refused a second time in it.
        """
        refused = await self._to_defaults(reversed(self._order))
        refused = await self._to_defaults(name for name in self._order if name in refused)
        for name in refused:
            self.log.info("{name} is left as it is", name=self._prefix + name)
        for name in self._adjustments:
            observable = self.observable(name)
            observable.target = None
            observable.publish(self._set_adjustment(name, observable.spec.default))
        for name in (*self._order, *self._adjustments):
            self._state.saved.pop(self._prefix + name, None)
        self._state.on_saved()
        self.refresh()

    async def _to_defaults(self, names: Iterable[str]) -> list[str]:
        """Set these to their defaults; those that the device refused."""
        refused = []
        for name in list(names):
            observable = self.observable(name)
            if not observable.spec.persist:  # buttons, and what can only be read
                continue
            try:
                observable.publish(await self._set(name, observable.spec.default))
                observable.target = None
            except CamdError as error:
                if _is_away(error):
                    raise
                refused.append(name)
        return refused

    def tick(self, streams: bool) -> None:
        """Once a second: read again what the device changes by itself while it streams."""
        self._ticks += streams
        if streams and self._volatile and self._ticks % REFRESH == 0:
            self.refresh()

    def refresh(self) -> None:
        """Read what the device holds and which controls are inactive, a moment later."""
        if self._looking:
            self._stale = True
        elif self._order:
            self._looking, self._stale = True, False
            looked = self._lock.run(self._device.probe)
            looked.addCallbacks(self._looked, lambda failure: self.log.info("{error}", error=failure.value))
            looked.addBoth(self._done_looking)

    def _done_looking(self, _: Any) -> None:
        self._looking = False
        if self._stale:
            self.refresh()

    def _looked(self, capabilities: Capabilities) -> None:
        known = [replace(spec, name=self._prefix + spec.name.partition("/")[2]) for spec in capabilities.controls]
        if known == [self.observable(name).spec for name in self._order]:
            self._read(capabilities)
        else:  # such as one that can only be read now
            self.declare(capabilities)

    def _apply(self, name: str, value: Value) -> Deferred[Value]:
        applied = self._set(name, value)
        applied.addCallback(self._changed, name)
        return applied

    def _changed(self, taken: Value, name: str) -> Value:
        self.on_change()
        if self.observable(name).spec.type is not int:  # an automatic changes others, too
            self.refresh()
        return taken

    def _set(self, name: str, value: Value) -> Deferred[Value]:
        return self._lock.run(self._device.set, name, value)

    def _read(self, capabilities: Capabilities) -> None:
        for name in self._order:
            if name in capabilities.values:
                self.observable(name).publish(capabilities.values[name])
        self._inactive, self._volatile = capabilities.inactive, capabilities.volatile
        self._state[f"{self._prefix}inactive"].publish([name for name in self._order if name in self._inactive])

    def _set_adjustment(self, name: str, value: Value) -> Value:
        self._adjustments[name] = value
        self._adjust(**self._adjustments)
        self.on_change()
        return value


def _is_away(error: CamdError) -> bool:
    """Whether the device will answer nothing else either."""
    return isinstance(error, SourceError) and error.state in ("absent", "stalled")
