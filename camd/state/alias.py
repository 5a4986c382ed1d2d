"""Other names for what the State holds: how a plugin lets the clients of another product speak."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from .observable import Observable
from .permission import Principal
from .spec import Value


class Alias(Protocol):
    """One name of a vocabulary. It holds nothing by itself: it is read from observables and set through
    them, so that whatever is checked and counted for those is so for it, too.

    name: without "/", and none of the words of the state protocol.
    """

    name: str

    def may_read(self, by: Principal) -> bool:
        """Whether this identity may know the value: no more than the observables behind it allow."""

    def get(self, by: Principal) -> Value:
        """The value as it is now, for this reader."""

    def translate(self, value: Any, by: Principal) -> dict[str, Value]:
        """State names and values that bring this value about; none if it is what is there already.
        Raises Refused or Invalid with the alias as key."""


class Vocabulary(Protocol):
    """The aliases of one language."""

    def find(self, name: str) -> Alias | None:
        """The alias of that name, None if there is none."""

    def of(self, observable: Observable) -> Iterable[Alias]:
        """The aliases whose value may be another since this observable changed. Called with every
        change, so it must be quick."""

    def message(self, alias: Alias, value: Value) -> dict[str, Value]:
        """How a change is told."""
