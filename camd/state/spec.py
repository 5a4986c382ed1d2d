"""What a state name may hold: its type, range, unit, permissions and meaning."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import Invalid
from .permission import Permission

#: The closed list of values: whatever a state holds, every client can serialise.
Value = bool | int | float | str | list | dict | None
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)+")
_JSON_LIMIT = 16 * 1024
_TEXT_LIMIT = 4096
_KINDS = {bool: "bool", int: "int", float: "float", str: "str", list: "json", dict: "json"}


@dataclass(frozen=True, slots=True)
class Spec:
    """Describes one observable. Immutable; pure.

    name: a lower-case path with at least one "/", e.g. "cameras/cam1/brightness".
    type: bool, int, float, str, or list/dict for a small JSON value (16 KiB).
    choices: the only values allowed; with type str this is an enumeration.
    unit: as shown to people ("%", "K", "frames/s"); min, max and step are in this unit.
    read, write: permissions; write None means that only the owner publishes.
    persist: a value set by a client survives a restart.
    schema: what else its owner accepts only, in words of JSON Schema: pattern, items, maxItems... For the
    documents; the owner checks.
    """

    name: str
    type: type
    default: Value = None
    min: float | None = None
    max: float | None = None
    step: float | None = None
    choices: tuple = ()
    unit: str = ""
    read: Permission = Permission.System_r
    write: Permission | None = None
    persist: bool = False
    doc: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise Invalid(self.name, "a state name is a lower-case path with at least one '/'")
        if self.type not in _KINDS:
            raise Invalid(self.name, f"type {self.type!r} is none of bool, int, float, str, list, dict")
        for field in ("read", "write"):  # plugins may write "System_rw"
            value = getattr(self, field)
            if isinstance(value, str):
                try:
                    object.__setattr__(self, field, Permission[value])
                except KeyError:
                    raise Invalid(self.name, f"{field}={value!r} is no permission") from None
        object.__setattr__(self, "choices", tuple(self.choices))

    @property
    def kind(self) -> str:
        """The type's name in the schema: bool, int, float, str, enum or json."""
        return "enum" if self.type is str and self.choices else _KINDS[self.type]

    def check(self, value: Any) -> Value:
        """Return the value as it will be applied, or raise Invalid. Refuses, never clamps."""
        if self.type in (list, dict):
            return self._check_json(value)
        if self.type is float and type(value) is int:
            try:
                value = float(value)
            except OverflowError:
                raise Invalid(self.name, "the number is too large") from None
        if type(value) is not self.type:  # exact: True is an int to isinstance
            raise Invalid(self.name, f"Value must be of type {self.kind}, not {_kind_of(value)}")
        if self.choices and value not in self.choices:
            raise Invalid(self.name, "Value must be one of " + ", ".join(map(str, self.choices)))
        if self.type is float and not math.isfinite(value):
            raise Invalid(self.name, "Value must be a finite number")
        if self.type in (int, float):
            self._check_range(value)
        if self.type is str and len(value) > _TEXT_LIMIT:
            raise Invalid(self.name, f"Value must have at most {_TEXT_LIMIT} characters")
        return value

    def _check_range(self, value: float) -> None:
        low, high = self.min, self.max
        if low is not None and high is not None and not low <= value <= high:
            raise Invalid(self.name, f"Value must be between {low} and {high}")
        if low is not None and value < low:
            raise Invalid(self.name, f"Value must be at least {low}")
        if high is not None and value > high:
            raise Invalid(self.name, f"Value must be at most {high}")
        if self.step and self.type is int and (value - int(low or 0)) % self.step:
            raise Invalid(self.name, f"Value must be {low or 0} plus a multiple of {self.step}")

    def _check_json(self, value: Any) -> Value:
        if type(value) is not self.type:
            raise Invalid(self.name, f"Value must be a JSON {self.type.__name__}")
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise Invalid(self.name, f"Value is not plain JSON: {error}") from None
        if len(text) > _JSON_LIMIT:
            raise Invalid(self.name, f"Value must have at most {_JSON_LIMIT} bytes as JSON")
        return value

    def describe(self) -> dict[str, Any]:
        """The schema entry for clients: JSON types only, absent what does not apply."""
        entry: dict[str, Any] = {"type": self.kind, "doc": self.doc, "read": self.read.name}
        if self.write is not None:
            entry["write"] = self.write.name
        for field in ("default", "min", "max", "step"):
            if getattr(self, field) is not None:
                entry[field] = getattr(self, field)
        if self.choices:
            entry["choices"] = list(self.choices)
        if self.unit:
            entry["unit"] = self.unit
        if self.persist:
            entry["persist"] = True
        if self.schema:
            entry["schema"] = dict(self.schema)
        return entry


def _kind_of(value: Any) -> str:
    return "null" if value is None else _KINDS.get(type(value), type(value).__name__)
