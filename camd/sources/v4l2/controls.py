"""The controls of a V4L2 device as Specs: brightness, exposure, focus and whatever else it offers.

Names are the standard's where the number is standard (names); what a vendor has added is named
after the device's own text. The values are the device's, in its own range and steps.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ...errors import Invalid, SourceError
from ...state.permission import Permission
from ...state.spec import Spec, Value
from . import abi as v4l2
from .device import Device, decode, explain
from .names import GOVERNORS, NAMES, UNITS

_TYPES = {
    v4l2.CTRL_TYPE_INTEGER: int,
    v4l2.CTRL_TYPE_BOOLEAN: bool,
    v4l2.CTRL_TYPE_MENU: str,
    v4l2.CTRL_TYPE_INTEGER_MENU: str,
    v4l2.CTRL_TYPE_BUTTON: bool,
}
_AWAY = (errno.ENODEV, errno.ENXIO)
# A faulty driver must not keep us here for ever.
_CONTROLS, _MENU_ITEMS = 256, 256


@dataclass(frozen=True, slots=True)
class Control:
    """One control: its number, its kind, its Spec, and its flags when it was asked. menu: raw value -> label."""

    id: int
    kind: int
    spec: Spec
    readable: bool
    flags: int = 0
    menu: MappingProxyType[int, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def name(self) -> str:
        return self.spec.name.partition("/")[2]

    def from_raw(self, raw: int) -> Value:
        """The value for clients; None for a menu entry that the device has never named."""
        if self.menu:
            return self.menu.get(raw)
        return bool(raw) if self.spec.type is bool else raw

    def to_raw(self, value: Value) -> int:
        """The device's number for a value that the Spec has accepted."""
        if self.menu:
            return next(raw for raw, label in self.menu.items() if label == value)
        return int(value)  # type: ignore[arg-type]


class Controls:
    """The controls of one model of device. Immutable once made: any thread may use it, each with a
    descriptor of its own."""

    def __init__(self, device: Device):
        """Ask the device. Raises OSError if it is away; what it cannot describe is left out."""
        self._by_name = {control.name: control for control in _ordered(_enumerate(device))}

    @property
    def specs(self) -> tuple[Spec, ...]:
        """In the order in which the device accepts them: automatics before what they govern."""
        return tuple(control.spec for control in self._by_name.values())

    @property
    def inactive(self) -> frozenset[str]:
        """Those that had no effect when the device was asked, such as a manual value under its automatic."""
        return self._flagged(v4l2.CTRL_FLAG_INACTIVE)

    @property
    def volatile(self) -> frozenset[str]:
        """Those that the device changes by itself, such as the exposure time that its automatic has chosen."""
        return self._flagged(v4l2.CTRL_FLAG_VOLATILE)

    def _flagged(self, flag: int) -> frozenset[str]:
        return frozenset(name for name, control in self._by_name.items() if control.flags & flag)

    def values(self, device: Device) -> dict[str, Value]:
        """What the device holds now, without those that it does not tell. Raises OSError if it is away."""
        values: dict[str, Value] = {}
        for name, control in self._by_name.items():
            if control.kind == v4l2.CTRL_TYPE_BUTTON:
                values[name] = False
            elif control.readable:
                try:
                    value = control.from_raw(_get(device, control))
                except OSError as error:
                    if error.errno in _AWAY:
                        raise
                    continue  # cameras that list a control but fail to read it are common
                if value is not None:
                    values[name] = value
        return values

    def set(self, device: Device, name: str, value: Value) -> Value:
        """Set and read back. Raises SourceError: unknown, not accepted, governed by an automatic."""
        control = self._by_name.get(name)
        if control is None:
            raise SourceError(f"{device.path}: this camera has no control {name}")
        if control.spec.write is None:
            raise SourceError(f"{device.path}: {name} can only be read")
        try:
            value = control.spec.check(value)
        except Invalid as error:
            raise SourceError(f"{device.path}: {name}: {error.reason}") from None
        if control.kind == v4l2.CTRL_TYPE_BUTTON and not value:
            return False
        try:
            if _flags(device, control) & v4l2.CTRL_FLAG_INACTIVE:
                raise self._governed(device, control)
            device.call(device.abi.s_ctrl, id=control.id, value=control.to_raw(value))
        except OSError as error:
            raise self._refused(device, control, error) from error
        if control.kind == v4l2.CTRL_TYPE_BUTTON:
            return False
        if not control.readable:
            return value
        try:
            taken = control.from_raw(_get(device, control))
        except OSError as error:
            raise explain(error, device.path, f"reading {name} back", device.kernel) from error
        if taken is None:
            raise SourceError(
                f"{device.path}: {name}: the camera answers with a choice that it does not offer"
            )
        return taken

    def _refused(self, device: Device, control: Control, error: OSError) -> SourceError:
        doing = f"setting {control.name}"
        if error.errno in _AWAY:
            return explain(error, device.path, doing, device.kernel)
        if error.errno == errno.EBUSY:
            return SourceError(f"{device.path}: {doing}: not possible while the camera streams")
        # Drivers that do not tell which controls are inactive fail in many ways.
        if self._governor(device, control) is not None:
            return self._governed(device, control)
        return SourceError(f"{device.path}: {doing}: the camera refuses it ({error.strerror})")

    def _governed(self, device: Device, control: Control) -> SourceError:
        governor = self._governor(device, control)
        if governor is None:
            text = "the camera controls it by itself in its present settings"
        else:
            text = "it is automatic now; first set {} to {}".format(*governor)
        return SourceError(f"{device.path}: {control.name}: {text}")

    def _governor(self, device: Device, control: Control) -> tuple[str, str] | None:
        """The automatic that governs the control right now, and what switches it off, as JSON shows it."""
        for name, manual in GOVERNORS.get(control.name, ()):
            automatic = self._by_name.get(name)
            if automatic is None or not automatic.readable:
                continue
            try:
                if _get(device, automatic) in manual:
                    continue
            except OSError:
                continue
            labels = [label for raw, label in automatic.menu.items() if raw in manual]
            return name, " or ".join(f'"{label}"' for label in labels) or "false"
        return None


def _get(device: Device, control: Control) -> int:
    return device.call(device.abi.g_ctrl, id=control.id)["value"]


def _flags(device: Device, control: Control) -> int:
    return device.call(device.abi.query_ext_ctrl, id=control.id)["flags"]


def _enumerate(device: Device) -> Iterator[Control]:
    names: set[str] = set()
    following = v4l2.CTRL_FLAG_NEXT_CTRL | v4l2.CTRL_FLAG_NEXT_COMPOUND
    last = 0
    for _ in range(_CONTROLS):
        try:
            got = device.call(device.abi.query_ext_ctrl, id=last | following)
        except OSError as error:
            if error.errno in _AWAY:
                raise
            return  # EINVAL: that was the last; ENOTTY: has none; else: where it goes on is unknown
        if got["id"] <= last:
            return
        last = got["id"]
        control = _control(device, got)
        if control is None:
            continue
        if control.name in names:
            control = replace(control, spec=replace(control.spec, name=f"{control.spec.name}_{last:x}"))
        names.add(control.name)
        yield control


def _control(device: Device, got: dict) -> Control | None:
    """What a query has told, as a Control; None for what has no single plain value."""
    kind, flags = got["type"], got["flags"]
    if (
        kind not in _TYPES
        or got["nr_of_dims"]
        or flags & (v4l2.CTRL_FLAG_DISABLED | v4l2.CTRL_FLAG_HAS_PAYLOAD)
    ):
        return None
    label = decode(got["name"])
    name = NAMES.get(got["id"]) or re.sub("[^a-z0-9]+", "_", label.lower()).strip("_") or f"{got['id']:x}"
    readable = kind != v4l2.CTRL_TYPE_BUTTON and not flags & v4l2.CTRL_FLAG_WRITE_ONLY
    writable = not flags & v4l2.CTRL_FLAG_READ_ONLY
    low, high, default = got["minimum"], got["maximum"], got["default_value"]
    spec = Spec(
        f"control/{name}",
        _TYPES[kind],
        default=bool(default) and kind == v4l2.CTRL_TYPE_BOOLEAN,
        unit=UNITS.get(name, ""),
        read=Permission.Device_r,
        write=Permission.Device_rw if writable else None,
        persist=writable and readable,
        doc=label,
    )
    if spec.type is bool:
        return Control(got["id"], kind, spec, readable, flags)
    if kind == v4l2.CTRL_TYPE_INTEGER:
        if low > high:
            return None
        default = min(max(default, low), high)
        spec = replace(spec, default=default, min=low, max=high, step=_step(got["step"], low, high, default))
        return Control(got["id"], kind, spec, readable, flags)
    menu = _menu(device, got["id"], kind, low, high)
    if not menu:
        return None
    choices = tuple(menu.values())
    spec = replace(spec, default=menu.get(default, choices[0]), choices=choices)
    return Control(got["id"], kind, spec, readable, flags, MappingProxyType(menu))


def _step(step: int, low: int, high: int, default: int) -> int:
    """The step, or 1 where the device lies: its own default would not be allowed, or only `low`."""
    return step if 0 < step <= high - low and (default - low) % step == 0 else 1


def _menu(device: Device, number: int, kind: int, low: int, high: int) -> dict[int, str]:
    """Raw value -> label, each label once. Entries that the device does not describe are no choices."""
    menu: dict[int, str] = {}
    for index in range(max(low, 0), min(high, _MENU_ITEMS) + 1):
        try:
            got = device.call(device.abi.querymenu, id=number, index=index)["union"]
        except OSError as error:
            if error.errno in _AWAY:
                raise
            continue
        label = str(v4l2.INT64.unpack_from(got)[0]) if kind == v4l2.CTRL_TYPE_INTEGER_MENU else decode(got)
        if not label or label in menu.values():
            label = f"{label} {index}".strip()
        menu[index] = label
    return menu


def _ordered(controls: Iterator[Control]) -> list[Control]:
    """In the device's order, but an automatic before the first value that it governs."""
    waiting = {control.name: control for control in controls}
    order: list[Control] = []
    for name in list(waiting):
        for automatic, _ in GOVERNORS.get(name, ()):
            if automatic in waiting:
                order.append(waiting.pop(automatic))
        if name in waiting:
            order.append(waiting.pop(name))
    return order
