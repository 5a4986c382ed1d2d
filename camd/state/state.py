"""The State: every observable of the daemon under its name, and one growing revision."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.logger import Logger

from ..errors import Invalid
from .observable import Apply, Observable
from .spec import Spec, Value

#: Called with each change; an Observable whose `name` is no longer in the State was removed.
Watcher = Callable[[Observable], None]


class Watch:
    """A registered callback; `close()` ends it."""

    __slots__ = ("prefix", "callback", "_state")

    def __init__(self, prefix: str, callback: Watcher, state: State):
        self.prefix = prefix
        self.callback = callback
        self._state = state

    def close(self) -> None:
        self._state._drop(self)


class State:
    """All observables. Reactor thread only.

    rev grows by one with every change, boot names this run of the daemon: together they let a
    client that was away ask for just what it missed. `saved` maps the names whose value survives a
    restart to that value; `on_saved` is called whenever it changes.
    """

    log = Logger()

    def __init__(self, saved: dict[str, Value] | None = None):
        self.boot = secrets.token_hex(8)
        self.rev = 0
        self.saved: dict[str, Value] = saved if saved is not None else {}
        self.on_saved: Callable[[], None] = lambda: None
        self.on_batch: Callable[[bool], None] = lambda begins: None
        self._observables: dict[str, Observable] = {}
        self._watches: tuple[Watch, ...] = ()
        self._forgotten_at = 0  # revision of the last removal: older clients start over
        self._schema = self.declare(
            Spec("system/schema", int, default=0, doc="Grows when names appear, change or go: read the schema again.")
        )

    def __getitem__(self, name: str) -> Observable:
        try:
            return self._observables[name]
        except KeyError:
            raise Invalid(name, "no such state") from None

    def __contains__(self, name: str) -> bool:
        return name in self._observables

    def __iter__(self) -> Iterator[Observable]:
        return iter(list(self._observables.values()))

    def get(self, name: str) -> Observable | None:
        return self._observables.get(name)

    def declare(self, spec: Spec, apply: Apply | None = None) -> Observable:
        """Add a name, or redefine it and keep its value. apply: brings a value to the hardware;
        None: a set is simply published. A saved value that still fits becomes the first value."""
        observable = self._observables.get(spec.name)
        if observable is not None:
            if observable.spec != spec:
                observable.redefine(spec, apply)
                self._schema_changed()
            else:
                observable.redefine(spec, apply)
            return observable
        observable = self._observables[spec.name] = Observable(spec, self, apply)
        saved = self.saved.get(spec.name) if spec.persist else None
        if saved is not None:
            try:
                observable.target = spec.check(saved)
            except Invalid as error:
                self.log.warn("saved value not used: {error}", error=error)
            else:
                if apply is None:
                    observable.value = observable.target
        if observable.value is not None:
            self.changed(observable)
        self._schema_changed()
        return observable

    def remove(self, name: str) -> None:
        """The thing behind the name is gone; its saved value stays for its return."""
        observable = self._observables.pop(name, None)
        if observable is None:
            return
        observable.value = None
        self.changed(observable)
        self._forgotten_at = self.rev
        self._schema_changed()

    def observe(self, prefix: str, callback: Watcher) -> Watch:
        """Call back with everything below the prefix ("" is all) as it is now, then with changes."""
        watch = Watch(prefix, callback, self)
        self._watches += (watch,)
        for observable in self.select(prefix + "*"):
            if observable.rev:
                callback(observable)
        return watch

    def select(self, pattern: str) -> list[Observable]:
        """The observables named: one name, or everything below a prefix that ends in "*"."""
        if pattern.endswith("*"):
            prefix = pattern[:-1]
            return [o for name, o in self._observables.items() if name.startswith(prefix)]
        return [self[pattern]]

    def since(self, rev: int, boot: str) -> list[Observable]:
        """What changed after that revision; everything if it was another run, or names went."""
        if boot != self.boot or rev < self._forgotten_at or rev > self.rev:
            rev = 0
        return [o for o in self._observables.values() if o.rev > rev]

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Several publications that belong together: still one message each, in one delivery."""
        self.on_batch(True)
        try:
            yield
        finally:
            self.on_batch(False)

    def changed(self, observable: Observable) -> None:
        """An observable has a new value: give it its revision and tell the watchers."""
        self.rev += 1
        observable.rev = self.rev
        name = observable.spec.name
        for watch in self._watches:
            if name.startswith(watch.prefix):
                try:
                    watch.callback(observable)
                except Exception:
                    self.log.failure("a watcher of {prefix!r} failed at {name}", prefix=watch.prefix, name=name)

    def remember(self, name: str, value: Value) -> None:
        """Keep this value for the next start."""
        if name not in self.saved or self.saved[name] != value:
            self.saved[name] = value
            self.on_saved()

    def forget(self, name: str) -> None:
        """The opposite of `remember`."""
        if self.saved.pop(name, None) is not None:
            self.on_saved()

    def describe(self) -> dict[str, dict[str, Any]]:
        return {name: observable.describe() for name, observable in self._observables.items()}

    def _drop(self, watch: Watch) -> None:
        self._watches = tuple(w for w in self._watches if w is not watch)

    def _schema_changed(self) -> None:
        schema = self._observables.get("system/schema")
        if schema is not None:
            schema.publish(schema.value + 1)
