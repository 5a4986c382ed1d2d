"""Metrics in Prometheus' text format: read from camd's own counters when somebody asks.

Nothing is done per frame. A request costs one dictionary look-up and two additions; counts of
cameras and connections are taken from where they are kept anyway, at scrape time.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from twisted.logger import Logger
from twisted.web.resource import Resource

from .. import __version__
from ..media.statistics import Timings

if TYPE_CHECKING:
    from ..app import App
    from .request import Request

#: Upper bounds of the buckets for the time of one request (seconds).
REQUEST_BOUNDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Of method, route and code together; beyond that a request is counted under the route "other". Each
#: is 15 lines of text, and a scrape blocks the reactor for 6 us a line.
_SERIES_LIMIT = 64


class RequestDurations:
    """How long HTTP requests took, by method, route and status code. Reactor thread only.

    overall: all of them together, for percentiles.
    """

    def __init__(self) -> None:
        self.overall = _timings()
        self.series: dict[tuple[str, str, int], Timings] = {}

    def observe_request(self, method: str, route: str, code: int, seconds: float) -> None:
        """Count one finished request. route: the template ("/cam/{id}/snapshot.jpg"), never the path.

        Streams and WebSockets end when the client goes: their time says nothing and is not counted.
        """
        timings = self.series.get((method, route, code))
        if timings is None:
            timings = self._add(method, route, code)
        timings.add(seconds)
        self.overall.add(seconds)

    def _add(self, method: str, route: str, code: int) -> Timings:
        if method not in _METHODS:
            method = "other"  # whatever a client sends must not become a series of its own
        if len(self.series) >= _SERIES_LIMIT:
            route = "other"
        return self.series.setdefault((method, route, code), _timings())

    def percentiles(
        self, qs: Iterable[float] = (0.5, 0.95, 0.99), since: Timings | None = None
    ) -> dict[str, float | None]:
        """{"p50": seconds, ...} of all requests, or of those since an earlier `snapshot`."""
        qs = tuple(qs)
        values = percentiles(self.overall if since is None else _difference(self.overall, since), qs)
        return {f"p{q * 100:g}": value for q, value in zip(qs, values, strict=True)}

    def snapshot(self) -> Timings:
        """The overall histogram as it is now, to be given to `percentiles` later."""
        return Timings(self.overall.bounds, list(self.overall.counts), self.overall.total)


def percentiles(histogram: Timings, qs: Iterable[float]) -> list[float | None]:
    """The values below which the fractions `qs` (0..1) of the observations lie, in seconds.

    Linear within a bucket, so as exact as the bounds are close; observations above the last bound
    count as the last bound. None while there are no observations.
    """
    observations = sum(histogram.counts)
    return [_quantile(histogram, q * observations) if observations else None for q in qs]


def _quantile(histogram: Timings, rank: float) -> float:
    below, low = 0, 0.0
    for high, count in zip(histogram.bounds, histogram.counts, strict=False):
        if count and below + count >= rank:
            return low + (high - low) * max(rank - below, 0) / count
        below, low = below + count, high
    return low


def _timings() -> Timings:
    return Timings(REQUEST_BOUNDS, [0] * (len(REQUEST_BOUNDS) + 1))


def _difference(now: Timings, before: Timings) -> Timings:
    counts = [a - b for a, b in zip(now.counts, before.counts, strict=True)]
    return Timings(now.bounds, counts, now.total - before.total)


class Registry(CollectorRegistry):
    """A CollectorRegistry in which a collector that raises costs its own metrics only.

    Plugins register collectors here; a broken one must not blind the monitoring of all the rest.
    """

    log = Logger()

    def register(self, collector: Collector) -> None:
        super().register(_Guarded(collector, self.log))

    def unregister(self, collector: Collector) -> None:
        super().unregister(_Guarded(collector, self.log))


class _Guarded:
    """Stands for a collector in the Registry; equal to another one for the same collector."""

    __slots__ = ("_collector", "_failed", "_log")

    def __init__(self, collector: Collector, log: Logger):
        self._collector = collector
        self._log = log
        self._failed = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Guarded) and other._collector is self._collector

    def __hash__(self) -> int:
        return id(self._collector)

    def describe(self) -> Iterable[Metric]:
        describe = getattr(self._collector, "describe", None)
        return describe() if describe is not None else ()

    def collect(self) -> Iterable[Metric]:
        try:
            return list(self._collector.collect())
        except Exception:
            if not self._failed:  # once: a scrape comes every few seconds
                self._log.failure("the metrics of {collector} are missing", collector=self._collector)
            self._failed = True
            return ()


class CoreCollector(Collector):
    """The metrics of the core, read from the App at each scrape. Their names are API.

    certificate_expiry: UTC seconds at which the certificate in use ends, None without TLS.
    """

    def __init__(self, app: App):
        self._app = app
        self.certificate_expiry: float | None = None

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "camd", "Which camd this is.", {"version": __version__, "python": platform.python_version()}
        )
        yield from self._cameras()
        yield from self._clients()
        yield from self._requests()
        yield from self._rtsp()
        yield from self._sound()
        yield from self._delays()
        if self.certificate_expiry is not None:
            yield GaugeMetricFamily(
                "camd_certificate_expiry_timestamp_seconds",
                "When the TLS certificate in use expires.",
                self.certificate_expiry,
            )

    def _cameras(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("camd_camera_up", "1 if the camera can deliver pictures.", labels=["camera"])
        frames = CounterMetricFamily("camd_camera_frames", "Pictures from the camera.", labels=["camera"])
        size = CounterMetricFamily(
            "camd_camera_bytes", "Encoded or packed bytes from the camera.", labels=["camera"]
        )
        dropped = CounterMetricFamily(
            "camd_camera_dropped_frames",
            "Pictures lost, by the stage that lost them.",
            labels=["camera", "stage"],
        )
        age = GaugeMetricFamily(
            "camd_camera_frame_age_seconds", "Age of the newest picture while streaming.", labels=["camera"]
        )
        reconnects = CounterMetricFamily(
            "camd_camera_reconnects", "Failures while streaming, by the state they led to.",
            labels=["camera", "reason"],
        )  # fmt: skip
        hanging = GaugeMetricFamily(
            "camd_camera_hanging_calls", "Calls to the device that have not returned and were given up.",
            labels=["camera"],
        )  # fmt: skip
        given_up = CounterMetricFamily(
            "camd_camera_given_up_calls", "Calls to the device that were given up since the start.",
            labels=["camera"],
        )  # fmt: skip
        encode = HistogramMetricFamily(
            "camd_camera_encode_seconds", "Time to encode one picture.", labels=["camera", "codec"]
        )
        for camera in self._app.cameras.values():
            label = [camera.id]
            statistics = camera.statistics
            up.add_metric(label, float(camera.online))
            frames.add_metric(label, statistics.frames)
            size.add_metric(label, statistics.bytes)
            for stage, count in camera.drops().items():
                dropped.add_metric([*label, stage], count)
            hanging.add_metric(label, camera.device.calls.hanging)
            given_up.add_metric(label, camera.device.calls.given_up)
            seconds = camera.age
            if seconds is not None:
                age.add_metric(label, seconds)
            for reason, count in statistics.reconnects.items():
                reconnects.add_metric([*label, reason], count)
            for codec, times in statistics.encode_times.items():
                _add_histogram(encode, [*label, codec], times)
        yield from (up, frames, size, dropped, age, reconnects, hanging, given_up, encode)

    def _clients(self) -> Iterator[Metric]:
        websocket, media = self._app.web.websocket, self._app.web.media_websocket
        kinds = {"websocket": websocket.clients, "media": media.clients}
        for camera in self._app.cameras.values():
            for kind, count in camera.pipeline.clients().items():
                kinds[kind] = kinds.get(kind, 0) + count
        clients = GaugeMetricFamily("camd_clients", "Connected clients by kind.", labels=["kind"])
        for kind, count in kinds.items():
            clients.add_metric([kind], count)
        yield clients
        refused = CounterMetricFamily("camd_clients_refused", "Clients turned away.", labels=["reason"])
        refused.add_metric(["limit"], websocket.refused + media.refused)
        refused.add_metric(["rtsp"], self._app.rtsp.refused)
        for status, count in self._app.web.site.refusals.items():
            refused.add_metric([str(status)], count)
        yield refused
        yield GaugeMetricFamily(
            "camd_ws_queue_depth",
            "State changes that wait for slow WebSocket clients.",
            websocket.queue_depth,
        )
        yield CounterMetricFamily(
            "camd_ws_dropped_changes", "State changes that newer ones replaced while a client was slow.",
            websocket.drops,
        )  # fmt: skip

    def _requests(self) -> Iterator[Metric]:
        durations = HistogramMetricFamily(
            "camd_http_request_duration_seconds",
            "Time from a request's headers to the end of its answer.",
            labels=["method", "route", "code"],
        )
        for (method, route, code), timings in self._app.web.durations.series.items():
            _add_histogram(durations, [method, route, str(code)], timings)
        yield durations

    def _rtsp(self) -> Iterator[Metric]:
        rtsp = self._app.rtsp
        yield GaugeMetricFamily("camd_rtsp_connections", "Connections of RTSP clients.", len(rtsp.connections))
        sessions = GaugeMetricFamily("camd_rtsp_sessions", "RTSP sessions that play.", labels=["transport"])
        for transport, count in rtsp.sessions().items():
            sessions.add_metric([transport], count)
        yield sessions
        yield CounterMetricFamily(
            "camd_rtsp_malformed", "Connections closed for what they sent, which was no RTSP.", rtsp.malformed
        )
        yield CounterMetricFamily("camd_rtsp_lost_sends", "Sends over UDP that the kernel refused.", rtsp.udp.lost)

    def _sound(self) -> Iterator[Metric]:
        blocks = CounterMetricFamily("camd_sound_blocks", "Blocks that the microphone gave.", labels=["camera"])
        dropped = CounterMetricFamily(
            "camd_sound_dropped", "Blocks and packets of sound lost, by the stage that lost them.",
            labels=["camera", "stage"],
        )  # fmt: skip
        for camera in self._app.cameras.values():
            if camera.sound is not None:
                blocks.add_metric([camera.id], camera.sound.blocks)
                for stage, count in camera.sound.drops().items():
                    dropped.add_metric([camera.id, stage], count)
        yield from (blocks, dropped)

    def _delays(self) -> Iterator[Metric]:
        delays = HistogramMetricFamily(
            "camd_output_delay_seconds",
            "Time from when camd had a picture to when it is written to a client, by the kind of output.",
            labels=["output"],
        )
        for output, timings in self._app.web.delays.series.items():
            _add_histogram(delays, [output], timings)
        yield delays


def _add_histogram(family: HistogramMetricFamily, labels: list[str], timings: Timings) -> None:
    total = 0
    buckets = []
    for bound, count in zip((*timings.bounds, float("inf")), timings.counts, strict=True):
        total += count
        buckets.append((floatToGoString(bound), total))
    family.add_metric(labels, buckets, timings.total)


def core_registry(app: App) -> tuple[Registry, CoreCollector]:
    """The registry with the core's metrics, the process's and the garbage collector's."""
    registry = Registry()
    core = CoreCollector(app)
    registry.register(core)
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry, core


class MetricsResource(Resource):
    """GET /metrics in the text format 0.0.4, which every collector accepts.

    OpenMetrics, which some would prefer, says nothing more here and takes twice as long to write.
    """

    isLeaf = True

    def __init__(self, registry: CollectorRegistry):
        super().__init__()
        self._registry = registry

    def render_GET(self, request: Request) -> bytes:
        request.setHeader("content-type", CONTENT_TYPE_PLAIN_0_0_4)
        request.setHeader("cache-control", "no-store")
        by = request.principal
        limited = by is not None and by.cameras is not None
        return generate_latest(_Only(self._registry, by.cameras) if limited else self._registry)


class _Only:
    """A registry as somebody sees it who may know some cameras only: without the samples of others."""

    def __init__(self, registry: CollectorRegistry, cameras: frozenset[str]):
        self._registry = registry
        self._cameras = cameras

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            known = (None, *self._cameras)
            metric.samples = [one for one in metric.samples if one.labels.get("camera") in known]
            yield metric
