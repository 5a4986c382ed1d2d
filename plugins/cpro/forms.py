"""Forms: how the product writes a value, and how the State holds the same.

A form knows one way there and one way back. `check` takes what a client sent, in the product's own type
and range, whatever the hardware can; `write` turns it into values for the observables behind the key,
`read` turns theirs into what the client sees. All pure; reasons are raised as ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from camd.state import Observable, Spec, Value

#: What a form writes where an observable shall stay as it is.
LEAVE = object()


class Form:
    """The value as it is, of any type; the form of what can only be read."""

    def check(self, value: Any) -> Any:
        return value

    def read(self, observable: Observable) -> Value:
        return observable.value

    def write(self, value: Any, observable: Observable) -> tuple[Any, ...]:
        return (value,)

    def native(self, value: Value) -> Value:
        """The value as `/api` writes it, where it differs from `/api/v1`."""
        return value


class Flag(Form):
    """true or false."""

    def check(self, value: Any) -> bool:
        if type(value) is not bool:
            raise ValueError("Value must be true or false")
        return value


@dataclass(frozen=True, slots=True)
class Choice(Form):
    """One of some words."""

    words: tuple[str, ...]

    def check(self, value: Any) -> str:
        if type(value) is not str or value not in self.words:
            raise ValueError(f"Value must be one of {', '.join(self.words)}")
        return value


@dataclass(frozen=True, slots=True)
class Whole(Form):
    """A whole number within limits, None for no upper one."""

    low: int
    high: int | None = None

    def check(self, value: Any) -> int:
        if type(value) is not int:
            raise ValueError("Value must be a whole number")
        if self.high is None and value < self.low:
            raise ValueError(f"Value must be at least {self.low}")
        if self.high is not None and not self.low <= value <= self.high:
            raise ValueError(f"Value must be between {self.low} and {self.high}")
        return value


@dataclass(frozen=True, slots=True)
class Scale(Whole):
    """A whole number from low to high that stands for the range of the device, whatever that is."""

    low: int = 0
    high: int = 100

    def read(self, observable: Observable) -> Value:
        bottom, top = _range(observable.spec)
        if observable.value is None:
            return None
        part = (observable.value - bottom) / (top - bottom) if top > bottom else 0
        return round(self.low + part * (self.high - self.low))

    def write(self, value: int, observable: Observable) -> tuple[Any, ...]:
        spec = observable.spec
        bottom, top = _range(spec)
        wanted = bottom + (value - self.low) * (top - bottom) / (self.high - self.low)
        step = spec.step or (1 if spec.type is int else 0)
        if step:
            wanted = bottom + round((wanted - bottom) / step) * step
            wanted -= step if wanted > top else 0
        return (spec.type(wanted),)


def _range(spec: Spec) -> tuple[float, float]:
    return (0, 100) if spec.min is None or spec.max is None else (spec.min, spec.max)


class Quality(Whole):
    """JPEG quality: 0 is taken for 1, the lowest there is."""

    def write(self, value: int, observable: Observable) -> tuple[Any, ...]:
        return (max(1, value),)


class Rate(Whole):
    """Pictures per second: the nearest that the device offers."""

    def read(self, observable: Observable) -> Value:
        return None if observable.value is None else round(observable.value)

    def write(self, value: int, observable: Observable) -> tuple[Any, ...]:
        low, high = _range(observable.spec)
        return (float(min(max(value, low), high)),)


class Resolution(Form):
    """Width and height, written 1920x1080."""

    SMALLEST, LARGEST = (320, 240), (3840, 2160)

    def check(self, value: Any) -> str:
        found = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", value) if type(value) is str else None
        if found is None:
            raise ValueError("Value must be a resolution such as 1920x1080")
        size = int(found[1]), int(found[2])
        for number, low, high in zip(size, self.SMALLEST, self.LARGEST, strict=True):
            if not low <= number <= high:
                raise ValueError("Value must be between 320x240 and 3840x2160")
        return value


class Automatic(Form):
    """Whether the camera does it by itself: true or "auto", false or "manual".

    The State has a flag, or a list of ways of which some are automatic.
    """

    _WORDS: Mapping[Any, bool] = {"auto": True, "manual": False, "on": True, "off": False}
    #: Words in the names that devices give to automatic ways: the time that a device chooses by itself is
    #: "aperture priority" to UVC.
    _AUTOMATIC = ("auto", "aperture", "continuous")
    _MANUAL = ("manual", "off")

    def check(self, value: Any) -> bool:
        if type(value) is bool:
            return value
        if type(value) is str and value in self._WORDS:
            return self._WORDS[value]
        raise ValueError('Value must be true, false, "auto" or "manual"')

    def read(self, observable: Observable) -> Value:
        if type(observable.value) is str:
            return self._is_automatic(observable.value)
        return observable.value

    def write(self, value: bool, observable: Observable) -> tuple[Any, ...]:
        spec = observable.spec
        if not spec.choices:
            return (value,)
        if self._is_automatic(str(observable.value)) == value:
            return (LEAVE,)  # several ways are automatic: this one was chosen
        words = self._AUTOMATIC if value else self._MANUAL
        for word in words:
            for choice in spec.choices:
                if word in str(choice).lower():
                    return (choice,)
        raise ValueError(f"the camera offers only {', '.join(map(str, spec.choices))}")

    def _is_automatic(self, choice: str) -> bool:
        return any(word in choice.lower() for word in self._AUTOMATIC)


class WhiteBalance(Automatic):
    """{"mode": "auto" or "manual", "temperature": kelvin}; set also by the words alone."""

    def check(self, value: Any) -> Any:
        if type(value) is not dict:
            return {"mode": "auto" if super().check(value) else "manual"}
        if not value or value.keys() - {"mode", "temperature"}:
            raise ValueError("Value must have mode, temperature or both")
        if value.get("mode", "auto") not in ("auto", "manual"):
            raise ValueError('mode must be "auto" or "manual"')
        if type(value.get("temperature", 0)) is not int:
            raise ValueError("temperature must be a whole number")
        return value

    def read(self, automatic: Observable, temperature: Observable) -> Value:
        return {"mode": "auto" if super().read(automatic) else "manual", "temperature": temperature.value}

    def write(self, value: dict[str, Any], automatic: Observable, temperature: Observable) -> tuple[Any, ...]:
        mode = super().write(value["mode"] == "auto", automatic)[0] if "mode" in value else LEAVE
        return mode, value.get("temperature", LEAVE)


@dataclass(frozen=True, slots=True)
class Head(Form):
    """A camera by its number in the configuration. first: the number of the first one."""

    first: int

    def check(self, value: Any) -> int:
        if type(value) is not int:
            raise ValueError(f"Value must be {self.first} or {self.first + 1}")
        return value

    def read(self, observable: Observable) -> Value:
        cameras = observable.spec.choices
        return cameras.index(observable.value) + self.first if observable.value in cameras else None

    def write(self, value: int, observable: Observable) -> tuple[Any, ...]:
        cameras = observable.spec.choices
        if not 0 <= value - self.first < len(cameras):
            raise ValueError(f"Value must be between {self.first} and {self.first + len(cameras) - 1}")
        return (cameras[value - self.first],)


class Record(Form):
    """Recording: true, false or "pause", in the many words that the product's clients have for them."""

    _WORDS: Mapping[str, bool | str] = {
        "on": True, "start": True, "pause_release": True, "recording": True,
        "off": False, "stop": False, "stopped": False, "pause": "pause", "paused": "pause",
    }  # fmt: skip

    def check(self, value: Any) -> bool | str:
        if type(value) is bool:
            return value
        if type(value) is str and value in self._WORDS:
            return self._WORDS[value]
        raise ValueError('Value must be true, false, "on", "off", "pause" or "pause_release"')

    def read(self, observable: Observable) -> Value:
        return {"recording": True, "paused": "pause"}.get(str(observable.value), False)

    def write(self, value: bool | str, observable: Observable) -> tuple[Any, ...]:
        return ({True: "recording", False: "stopped", "pause": "paused"}[value],)

    def native(self, value: Value) -> Value:
        return {True: "start", False: "stop"}.get(value, value)


class Flip(Form):
    """{"horizontal": flag, "vertical": flag}."""

    def check(self, value: Any) -> dict[str, bool]:
        if type(value) is not dict or not value or value.keys() - {"horizontal", "vertical"}:
            raise ValueError("Value must have horizontal, vertical or both")
        if any(type(flag) is not bool for flag in value.values()):
            raise ValueError("horizontal and vertical must be true or false")
        return value

    def read(self, horizontal: Observable, vertical: Observable) -> Value:
        return {"horizontal": horizontal.value, "vertical": vertical.value}

    def write(self, value: dict[str, bool], *_: Observable) -> tuple[Any, ...]:
        return value.get("horizontal", LEAVE), value.get("vertical", LEAVE)


class Memory(Form):
    """{"used", "total": bytes, "percent"} from what is available and what there is."""

    def read(self, available: Observable, total: Observable) -> Value:
        if available.value is None or not total.value:
            return None
        used = total.value - available.value
        return {"used": used, "total": total.value, "percent": round(used * 100 / total.value, 1)}
