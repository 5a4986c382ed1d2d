"""Metrics of the copies."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Figures(Collector):
    """lag: seconds; bytes: that went over the line; copied, missed: files; failures: tries. Reactor thread
    only."""

    def __init__(self) -> None:
        self.lag = self.bytes = self.copied = self.missed = self.failures = 0

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "camd_s3_lag_seconds", "How long ago the oldest was finished that is not copied.", self.lag
        )
        for name, text, value in (
            ("copied_bytes", "Bytes sent to object storage.", self.bytes),
            ("copied_files", "Files that are in object storage.", self.copied),
            ("missed_files", "Files that were gone or changed before.", self.missed),
            ("failures", "Tries that failed.", self.failures),
        ):
            yield CounterMetricFamily(f"camd_s3_{name}", text, value)
