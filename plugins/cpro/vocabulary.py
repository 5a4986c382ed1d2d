"""The vocabulary of one of the product's two languages: the table of keys, looked up both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from camd.errors import Invalid, Refused
from camd.state import Observable, Principal, Value

from .forms import LEAVE
from .keys import KEYS, Key

if TYPE_CHECKING:
    from camd.app import App

#: The product has two camera heads.
HEADS = ("{1}", "{2}")


class Heads:
    """Which cameras stand for the heads of the product, and which is the main one."""

    def __init__(self, app: App):
        self._app = app

    def places(self) -> dict[str, str | None]:
        """Placeholder in a state name -> id of the camera, None without one."""
        cameras = self._app.cameras
        ids = [*cameras, None, None]
        main = cameras.main
        return {"{main}": main.id if main is not None else None, **dict(zip(HEADS, ids, strict=False))}


class Word:
    """A key under the name that it has in one language: an Alias. Reactor thread only."""

    def __init__(self, app: App, heads: Heads, key: Key, name: str, shown: Callable[[Value], Value]):
        self.name = name
        self.key = key
        self._state = app.state
        self._heads = heads
        self._shown = shown

    def observables(self) -> list[Observable] | None:
        """What is behind the key; None if something of it is not there."""
        found = []
        for template in self.key.states:
            names = names_of(template, self._heads.places())
            observable = next((o for o in map(self._state.get, names) if o is not None), None)
            if observable is None:
                return None
            found.append(observable)
        return found or None

    def may_read(self, by: Principal) -> bool:
        return by.may(self.key.read, self._place()) and all(
            by.may(o.spec.read, o.name) for o in self.observables() or ()
        )

    def get(self, by: Principal) -> Value:
        observables = self.observables()
        value = self.key.form.read(*observables) if observables else None
        return self._shown(self.key.default if value is None else value)

    def translate(self, value: Any, by: Principal) -> dict[str, Value]:
        key, observables = self.key, self.observables()
        changeable = observables is not None and all(o.spec.write is not None for o in observables)
        if not by.may(key.write, self._place()) or (
            changeable and not all(by.may(o.spec.write, o.name) for o in observables)
        ):
            raise Refused(self.name, key.write)
        try:
            wanted = key.form.check(value)
            if not changeable:
                if self._shown(wanted) != self.get(by):
                    raise ValueError(key.missing)
                return {}
            values = key.form.write(wanted, *observables)
        except ValueError as error:
            raise Invalid(self.name, str(error)) from None
        return {o.name: part for o, part in zip(observables, values, strict=True) if part is not LEAVE}

    def _place(self) -> str:
        """A state name beside which the key would be, for identities that are limited to some cameras."""
        places = self._heads.places()
        return next((name for template in self.key.states for name in names_of(template, places)), "")


class Vocabulary:
    """All keys under their names in one language: at /api (native) or at /api/v1."""

    def __init__(self, app: App, native: bool):
        self._native = native
        self._heads = Heads(app)
        self._words = {
            name: Word(app, self._heads, key, name, key.form.native if native else _as_it_is)
            for key in KEYS
            if (name := key.native if native else key.key)
        }
        self._places: dict[str, str | None] = {}
        self._by_state: dict[str, list[Word]] = {}
        # Also while nobody listens: who comes later shall not hear of moves that are long past.
        app.state.observe("system/main_camera", lambda _: self._follow())

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def find(self, name: str) -> Word | None:
        return self._words.get(name)

    def of(self, observable: Observable) -> Iterable[Word]:
        moved = self._follow()
        return dict.fromkeys([*moved, *self._by_state.get(observable.spec.name, ())])

    def _follow(self) -> list[Word]:
        """Look at which cameras stand for the heads; returns the words that mean another one than before."""
        before, places = self._places, self._heads.places()
        if places == before:
            return []
        self._places = places
        self._by_state = {}
        for word in self._words.values():
            for template in word.key.states:
                for name in names_of(template, places):
                    self._by_state.setdefault(name, []).append(word)
        moved = [place for place, camera in places.items() if before.get(place) != camera]
        return [
            w
            for w in self._words.values()
            if any(place in state for place in moved for state in w.key.states)
        ]

    def message(self, word: Word, value: Value) -> dict[str, Value]:
        return {"state": word.name, "value": value} if self._native else {word.name: value}


def names_of(template: str, places: dict[str, str | None]) -> list[str]:
    """The state names that a template may mean now, best first; none without the camera."""
    for place, camera in places.items():
        if place in template:
            if camera is None:
                return []
            template = template.replace(place, camera)
    first, *others = template.split("|")
    return [first, *(first.rpartition("/")[0] + "/" + other for other in others)]


def _as_it_is(value: Value) -> Value:
    return value
