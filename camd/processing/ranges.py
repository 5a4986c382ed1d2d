"""What values may be: each check returns nothing, or raises Invalid with the value's name and what is right."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from ..errors import Invalid

_FAR = 1e9  #: nothing is; and larger integers cannot be reckoned with


def check_whole(name: str, value: Any, low: int, high: int) -> None:
    """An integer between low and high; True is none."""
    if type(value) is not int:
        raise Invalid(name, f"Value must be a whole number, not {_shown(value)}")
    if not low <= value <= high:
        raise Invalid(name, f"Value must be between {low} and {high}")


def check_number(name: str, value: Any, low: float, high: float) -> None:
    """A finite number between low and high."""
    if type(value) not in (int, float):
        raise Invalid(name, f"Value must be a number, not {_shown(value)}")
    if not low <= value <= high or math.isnan(value):
        raise Invalid(name, f"Value must be between {low:g} and {high:g}")


def check_choice(name: str, value: Any, choices: Collection[Any]) -> None:
    """One of the choices, of the same type: neither True nor 90.0 is a number of degrees."""
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise Invalid(name, "Value must be one of " + ", ".join(map(str, choices)))


def check_numbers(name: str, value: Any, count: int, what: str) -> None:
    """A tuple or list of `count` numbers; what: says so to people ("x, y")."""
    if not isinstance(value, tuple | list) or len(value) != count:
        raise Invalid(name, f"Value must be {count} numbers: {what}")
    if any(type(number) not in (int, float) or not abs(number) < _FAR for number in value):  # NaN, too
        raise Invalid(name, f"Value must be {count} finite numbers: {what}")


def _shown(value: Any) -> str:
    return "null" if value is None else type(value).__name__
