"""A named value with a Spec: what the camera *is* now, as against what somebody wished."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from ..errors import Refused
from .permission import Principal
from .spec import Spec, Value

if TYPE_CHECKING:
    from .state import State

#: Brings a checked value to the hardware; returns the readback, or a Deferred of it.
Apply = Callable[[Value], "Value | Deferred[Value]"]


class Observable:
    """One entry of the State. Reactor thread only.

    value: the readback, None while unknown; target: the last request; status: idle, busy, ok, alert.
    rev: revision of the State at which `value` was last published.
    """

    __slots__ = ("spec", "value", "target", "status", "rev", "_apply", "_state", "_next")

    def __init__(self, spec: Spec, state: State, apply: Apply | None = None):
        self.spec = spec
        self.value: Value = spec.default
        self.target: Value = None
        self.status = "idle"
        self.rev = 0
        self._apply = apply
        self._state = state
        self._next: tuple[Value, list[Deferred[Value]]] | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    def publish(self, value: Value) -> None:
        """The owner's side: this is what it is now. Every reader hears of it if it is a change."""
        if value == self.value and type(value) is type(self.value) and self.rev:
            return
        self.value = value
        self._state.changed(self)

    def check(self, value: Any, by: Principal) -> Value:
        """Permission, then type and range, and nothing else happens; raises Refused or Invalid."""
        if not by.may(self.spec.write, self.spec.name):
            raise Refused(self.name, self.spec.write)
        return self.spec.check(value)

    def set(self, value: Any, by: Principal) -> Deferred[Value]:
        """A request: check, apply to the hardware, publish and return the readback.

        While one request is being applied, only the newest of those that follow is kept: a slider
        that is dragged faster than the device answers never builds a queue. The requests it
        replaced get the same readback.
        """
        try:
            value = self.check(value, by)
        except Exception:
            return fail(Failure())
        self.target = value
        if self._apply is None:
            self._took(value)
            return succeed(value)
        if self.status == "busy":
            waiters = self._next[1] if self._next else []
            waiter: Deferred[Value] = Deferred()
            waiters.append(waiter)
            self._next = (value, waiters)
            return waiter
        return self._run(value)

    def redefine(self, spec: Spec, apply: Apply | None) -> None:
        """The owner found out more: another range, another device behind the same name."""
        self.spec = spec
        self._apply = apply

    def describe(self) -> dict[str, Any]:
        """The schema entry: the Spec with the request that is under way or was last made."""
        return {**self.spec.describe(), "target": self.target, "status": self.status}

    def _run(self, value: Value) -> Deferred[Value]:
        self.status = "busy"
        try:
            taken = self._apply(value)
        except Exception:
            return fail(self._failed(Failure()))
        if isinstance(taken, Deferred):
            return taken.addCallbacks(self._took, self._failed)
        return succeed(self._took(taken))

    def _took(self, value: Value) -> Value:
        self.status = "ok"
        if self.spec.persist:
            self._state.remember(self.name, value)
        self.publish(value)
        self._run_next()
        return value

    def _failed(self, failure: Failure) -> Failure:
        self.status = "alert"
        self._run_next()
        return failure

    def _run_next(self) -> None:
        if self._next is None:
            return
        (value, waiters), self._next = self._next, None

        def tell(result: Any) -> None:
            for waiter in waiters:
                waiter.callback(result)  # a Failure given to callback() runs the errbacks

        self._run(value).addBoth(tell)
