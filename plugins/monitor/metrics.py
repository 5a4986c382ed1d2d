"""The metrics that come from the sample, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from camd.state import State


class Collector:
    """Reads the published state at each scrape; nothing is measured for it. Names are API."""

    def __init__(self, state: State):
        self._state = state

    def collect(self) -> Iterator[Metric]:
        yield from self._gauge("camd_system_memory_available_bytes", "system/memory_available")
        yield from self._gauge("camd_system_temperature_celsius", "system/temperature")
        free = self._value("system/disk_free")
        if free is not None:
            storage = GaugeMetricFamily("camd_storage_free_bytes", "Free space by store.", labels=["store"])
            storage.add_metric(["data"], free)
            yield storage
        threads = GaugeMetricFamily("camd_threads", "Thread pools by state.", labels=["pool", "state"])
        for pool, counts in (self._value("system/threads") or {}).items():
            for state, count in counts.items():
                threads.add_metric([pool, state], count)
        yield threads

    def _gauge(self, name: str, source: str) -> Iterator[Metric]:
        observable = self._state.get(source)
        if observable is not None and observable.value is not None:
            yield GaugeMetricFamily(name, observable.spec.doc, observable.value)

    def _value(self, name: str) -> object:
        observable = self._state.get(name)
        return None if observable is None else observable.value
