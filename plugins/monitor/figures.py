"""The figures that monitor publishes: what each means, and how much of a change is worth telling.

Every change is sent to every client that may read it, so an idle machine must publish next to
nothing: a figure is published only when it has left a band around the last published value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from camd.state import Spec, Value

from .sensor import find_sensor

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. A change counts when it exceeds `band` (in the unit of the Spec) and also the
    part `ratio` of the published value. Published values are multiples of `step`."""

    spec: Spec
    band: float = 0.0
    ratio: float = 0.0
    step: float = 1

    def moved(self, published: Value, measured: Value) -> bool:
        """Whether the measured value is far enough from the published one to be told."""
        if isinstance(published, dict) and isinstance(measured, dict):
            return published.keys() != measured.keys() or any(
                self.moved(published[key], value) for key, value in measured.items()
            )
        if not _is_number(published) or not _is_number(measured):
            return published != measured
        return abs(measured - published) > max(self.band, self.ratio * abs(published))

    def rounded(self, value: Value) -> Value:
        """The value as it is published."""
        if isinstance(value, dict):
            return {key: self.rounded(part) for key, part in value.items()}
        if not _is_number(value):
            return value
        steps = round(value / self.step)
        return round(steps * self.step, 6) if self.spec.type is not int else int(steps * self.step)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _figure(name: str, type: type, unit: str, doc: str, **bands: float) -> Figure:
    return Figure(Spec(name, type, unit=unit, read="System_r", doc=doc), **bands)


#: In the order in which they are shown.
FIGURES = (
    _figure("system/cpu", float, "%", "Processor time that camd uses; 100 % is one core.",
            band=1, ratio=0.1, step=0.1),
    _figure("system/cpu_total", float, "%", "Processor time in use on the machine; 100 % is all cores.",
            band=5, step=0.1),
    _figure("system/load", float, "", "Processes that run or want to run, averaged over a minute.",
            band=0.2, ratio=0.2, step=0.01),
    _figure("system/memory", int, "B", "Memory that camd holds (resident).", band=MIB, step=4096),
    _figure("system/memory_available", int, "B", "Memory that programs can still get.",
            band=64 * MIB, ratio=0.05, step=MIB),
    _figure("system/memory_total", int, "B", "Memory of the machine."),
    _figure("system/disk_free", int, "B", "Free space where camd keeps its data.",
            band=64 * MIB, ratio=0.01, step=MIB),
    _figure("system/disk_total", int, "B", "Size of the file system where camd keeps its data."),
    _figure("system/temperature", float, "°C", "Temperature of the processor.", band=1, step=0.1),
    _figure("system/network_rx", int, "B/s", "Received by the machine, all networks together.",
            band=2000, ratio=0.25, step=100),
    _figure("system/network_tx", int, "B/s", "Sent by the machine, all networks together.",
            band=2000, ratio=0.25, step=100),
    _figure("system/uptime", int, "s", "How long camd runs, to the minute.", step=60),
    _figure("system/loop_lag", float, "s", "The longest wait for camd's event loop in the last 5 s.",
            band=0.005, ratio=0.5, step=0.001),
    _figure("system/threads", dict, "", "Thread pools: workers (threads), working (busy ones), "
            "waiting (jobs that wait for a thread)."),
    _figure("system/websocket_clients", int, "", "Connected WebSocket clients."),
    _figure("system/websocket_queue", int, "", "State changes that wait for slow WebSocket clients."),
    _figure("system/response_time", dict, "s", "Time to answer an HTTP request in the last minute: the times "
            "that 50, 95 and 99 % of the requests stayed below; null without requests.",
            band=0.0002, ratio=0.25, step=0.00001),
)  # fmt: skip


def specs() -> list[Spec]:
    """What is declared on this machine: a temperature only where there is a sensor."""
    absent = {"system/temperature"} if find_sensor() is None else set()
    return [figure.spec for figure in FIGURES if figure.spec.name not in absent]
