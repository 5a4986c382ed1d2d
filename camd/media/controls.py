"""Controls: what can be adjusted on a camera, as observables, whoever carries it out.

A control the device has is set on the device; brightness, contrast, saturation and sharpness that
it lacks are applied to the picture. Clients see no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from ..errors import CamdError
from ..state.permission import Permission
from ..state.spec import Spec, Value
from ..state.state import State
from .source import Capabilities, Source

#: Applied to the picture where the device has no such control; 50 leaves it untouched.
ADJUSTMENTS = {
    "brightness": "Brightness of the picture.",
    "contrast": "Contrast of the picture.",
    "saturation": "Strength of the colours.",
    "sharpness": "Sharpness of the picture.",
}


class Controls:
    """The controls of one camera under its prefix ("cameras/cam1/"). Reactor thread only.

    Device calls run through defer(f, *args), one at a time, never behind a read. adjust(**values)
    is called with all four adjustments whenever one changes.
    """

    log = Logger()

    def __init__(
        self,
        prefix: str,
        state: State,
        source: Source,
        defer: Callable[..., Deferred[Any]],
        adjust: Callable[..., None],
    ):
        self._prefix = prefix
        self._state = state
        self._source = source
        self._defer = defer
        self._adjust = adjust
        self._order: list[str] = []
        self._adjustments: dict[str, int] = {}
        self._lock = DeferredLock()

    def declare(self, capabilities: Capabilities) -> None:
        """Offer what this device has; what another device behind the same camera had is withdrawn."""
        specs = {spec.name.partition("/")[2]: spec for spec in capabilities.controls}
        for name in self._order:
            if name not in specs:
                self._state.remove(self._prefix + name)
        self._order = list(specs)
        for name, spec in specs.items():
            observable = self._state.declare(
                replace(spec, name=self._prefix + name), partial(self._apply, name) if spec.write else None
            )
        self._read(capabilities)
        self._adjustments = {}
        for name, doc in ADJUSTMENTS.items():
            if name not in specs:
                spec = Spec(
                    self._prefix + name, int, default=50, min=0, max=100, unit="%",
                    read=Permission.Device_r, write=Permission.Device_rw, persist=True, doc=doc,
                )
                observable = self._state.declare(spec, partial(self._set_adjustment, name))
                self._adjustments[name] = 50 if observable.target is None else observable.target
                observable.publish(self._adjustments[name])
        self._adjust(**self._adjustments)

    async def reapply(self) -> None:
        """Bring the values that were set back to a device that was opened again."""
        for name in self._order:
            observable = self._state[self._prefix + name]
            saved = self._state.saved.get(observable.name)
            if not observable.spec.persist or saved is None:
                continue
            try:
                observable.publish(await self._set(name, saved))
            except CamdError as error:  # such as a manual value while its automatic is on
                self.log.info("{name} not restored: {error}", name=observable.name, error=error)

    def _apply(self, name: str, value: Value) -> Deferred[Value]:
        applied = self._set(name, value)
        if self._state[self._prefix + name].spec.type is not int:  # an automatic changes others, too
            applied.addCallback(self._look_again)
        return applied

    def _set(self, name: str, value: Value) -> Deferred[Value]:
        return self._lock.run(self._defer, self._source.set, name, value)

    def _look_again(self, taken: Value) -> Value:
        looked = self._lock.run(self._defer, self._source.probe)
        looked.addCallbacks(self._read, lambda failure: self.log.info("{error}", error=failure.value))
        return taken

    def _read(self, capabilities: Capabilities) -> None:
        for name in self._order:
            if name in capabilities.values:
                self._state[self._prefix + name].publish(capabilities.values[name])

    def _set_adjustment(self, name: str, value: int) -> int:
        self._adjustments[name] = value
        self._adjust(**self._adjustments)
        return value
