"""Metrics of the copies."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Figures:
    """lag: seconds; bytes: that went over the line; copied, missed, failures: counted."""

    def __init__(self, registry: CollectorRegistry):
        self.lag = Gauge(
            "camd_s3_lag_seconds",
            "How long ago the oldest was finished that is not copied.",
            registry=registry,
        )
        self.bytes = Counter("camd_s3_copied_bytes", "Bytes sent to object storage.", registry=registry)
        self.copied = Counter("camd_s3_copied_files", "Files that are in object storage.", registry=registry)
        self.missed = Counter(
            "camd_s3_missed_files", "Files that were gone or changed before.", registry=registry
        )
        self.failures = Counter("camd_s3_failures", "Tries that failed.", registry=registry)
