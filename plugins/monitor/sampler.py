"""Reads the machine's figures, from /proc, /sys and the file system."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from camd.state import Value

from .sensor import find_sensor, read_sensor

_DEVICES = Path("/sys/class/net")


class Sampler:
    """Reads all figures in one go, by state name; a figure that cannot be had is left out.

    Blocks, for as long as a dead network file system if the data directory is on one: call it in the
    io pool, never twice at once. data_dir: whose file system is watched; now: seconds, monotonic.
    """

    def __init__(self, data_dir: Path, now: Callable[[], float] = time.monotonic, sensor: Path | None = None):
        self._data_dir = data_dir
        self._now = now
        self._sensor = sensor or find_sensor()
        self._process = psutil.Process()
        self._network: tuple[float, int, int] | None = None
        self._readings = (self._processor, self._memory, self._disk, self._temperature, self._network_rates)

    def read(self) -> dict[str, Value]:
        figures: dict[str, Value] = {}
        for reading in self._readings:
            try:
                figures.update(reading())
            except (OSError, psutil.Error):
                continue  # a container without /proc/net, a sensor asleep: the others still count
        return figures

    def _processor(self) -> dict[str, Value]:
        return {
            "system/cpu": self._process.cpu_percent(),
            "system/cpu_total": psutil.cpu_percent(),
            "system/load": os.getloadavg()[0],
        }

    def _memory(self) -> dict[str, Value]:
        machine = psutil.virtual_memory()
        return {
            "system/memory": self._process.memory_info().rss,
            "system/memory_available": machine.available,
            "system/memory_total": machine.total,
        }

    def _disk(self) -> dict[str, Value]:
        disk = psutil.disk_usage(str(self._data_dir))
        return {"system/disk_free": disk.free, "system/disk_total": disk.total}

    def _temperature(self) -> dict[str, Value]:
        return {} if self._sensor is None else {"system/temperature": read_sensor(self._sensor)}

    def _network_rates(self) -> dict[str, Value]:
        """Bytes a second since the last reading; nothing the first time."""
        networks = psutil.net_io_counters(pernic=True)
        # Bridges and tunnels repeat what a card carries; a container has no card, only virtual ends.
        cards = [name for name in networks if (_DEVICES / name / "device").exists()]
        counted = [networks[name] for name in cards or networks if name != "lo"]
        received = sum(network.bytes_recv for network in counted)
        sent = sum(network.bytes_sent for network in counted)
        moment = self._now()
        before, self._network = self._network, (moment, received, sent)
        if before is None or moment <= before[0]:
            return {}
        seconds = moment - before[0]
        return {  # a network that went takes its counters along: that is no negative rate
            "system/network_rx": max(0, received - before[1]) / seconds,
            "system/network_tx": max(0, sent - before[2]) / seconds,
        }
