"""Metrics of recording, read from what is counted anyway when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from .recordings import Recordings


class RecordingMetrics(Collector):
    """Reactor thread only."""

    def __init__(self, recordings: Recordings):
        self._recordings = recordings

    def collect(self) -> Iterator[Metric]:
        active = GaugeMetricFamily(
            "camd_recording_active", "1 while the camera is recorded.", labels=["camera"]
        )
        written = CounterMetricFamily(
            "camd_recording_bytes", "Bytes recorded since the start.", labels=["camera"]
        )
        lost = CounterMetricFamily(
            "camd_recording_lost_pictures", "Pictures that found no room.", labels=["camera"]
        )
        damaged = CounterMetricFamily(
            "camd_recording_damaged_files",
            "Files that were found damaged when they were played, since the start.",
            labels=["camera"],
        )
        for id, recorder in self._recordings.recorders.items():
            active.add_metric([id], float(bool(recorder.file)))
            written.add_metric([id], recorder.written)
            lost.add_metric([id], recorder.lost)
            damaged.add_metric([id], self._recordings.damages.counts.get(id, 0))
        yield from (active, written, lost, damaged)
        storage = self._recordings.storage
        if storage.space is not None:
            yield GaugeMetricFamily("camd_recording_free_bytes", "Free for recordings.", storage.space.free)
        if storage.days_left is not None:
            yield GaugeMetricFamily(
                "camd_recording_seconds_left", "Until recordings have to go.", storage.days_left * 86400
            )
