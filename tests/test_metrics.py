"""Metrics: what is counted, how it is asked for, and that nobody can make them grow without end."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import getChildForRequest
from twisted.web.test.requesthelper import DummyRequest

from camd.config import CameraConfig
from camd.hookspecs import hookimpl
from camd.media import Encoding, Format
from camd.media.statistics import Timings
from camd.state import EVERYONE
from camd.testing import FakeSource, app_for_tests, jpeg_packet
from camd.web.metrics import MetricsResource, Registry, RequestDurations, percentiles

DOCS = Path(__file__).parent.parent / "docs" / "monitoring.md"


def histogram(**counts: int) -> Timings:
    return Timings((1.0, 2.0, 4.0), list(counts.values()), 0.0)


class PercentileTests(SynchronousTestCase):
    def test_nothing_observed(self) -> None:
        self.assertEqual(percentiles(histogram(a=0, b=0, c=0, rest=0), (0.5, 0.99)), [None, None])

    def test_linear_within_a_bucket(self) -> None:
        self.assertEqual(percentiles(histogram(a=10, b=0, c=0, rest=0), (0.5, 1.0)), [0.5, 1.0])
        self.assertEqual(percentiles(histogram(a=0, b=0, c=4, rest=0), (0.25, 0.5)), [2.5, 3.0])

    def test_over_several_buckets(self) -> None:
        self.assertEqual(percentiles(histogram(a=50, b=45, c=5, rest=0), (0.5, 0.95)), [1.0, 2.0])

    def test_what_is_above_the_last_bound_counts_as_it(self) -> None:
        self.assertEqual(percentiles(histogram(a=1, b=0, c=0, rest=99), (0.5,)), [4.0])


class RequestDurationsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.durations = RequestDurations()

    def test_a_request_is_counted_once_in_its_series_and_once_overall(self) -> None:
        self.durations.observe_request("GET", "/health", 200, 0.002)
        self.durations.observe_request("GET", "/health", 200, 0.003)
        self.durations.observe_request("POST", "/api", 400, 0.2)
        series = self.durations.series
        self.assertEqual(set(series), {("GET", "/health", 200), ("POST", "/api", 400)})
        self.assertEqual(sum(series["GET", "/health", 200].counts), 2)
        self.assertAlmostEqual(series["GET", "/health", 200].total, 0.005)
        self.assertEqual(sum(self.durations.overall.counts), 3)

    def test_a_client_cannot_make_series_of_its_own(self) -> None:
        for number in range(1000):
            self.durations.observe_request(f"HACK{number}", "/", 405, 0.001)
            self.durations.observe_request("GET", f"/{number}", 404, 0.001)
        self.assertLess(len(self.durations.series), 100)
        self.assertEqual(sum(self.durations.overall.counts), 2000)

    def test_percentiles_of_all_and_of_the_recent_ones(self) -> None:
        self.assertEqual(self.durations.percentiles(), {"p50": None, "p95": None, "p99": None})
        for _ in range(100):
            self.durations.observe_request("GET", "/", 200, 2.0)
        before = self.durations.snapshot()
        for _ in range(100):
            self.durations.observe_request("GET", "/", 200, 0.0007)
        recent = self.durations.percentiles(since=before)
        self.assertTrue(all(0.0005 < value < 0.001 for value in recent.values()), recent)
        self.assertGreater(self.durations.percentiles((0.9,))["p90"], 1)


class RegistryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry = Registry()

    def names(self) -> list[str]:
        return [metric.name for metric in self.registry.collect()]

    def test_a_collector_that_raises_costs_its_own_metrics_only(self) -> None:
        def collect() -> Any:
            yield GaugeMetricFamily("half", "Lost, too.", 1)
            raise RuntimeError("no")

        self.registry.register(SimpleNamespace(collect=collect))
        Counter("good", "Fine.", registry=self.registry)
        self.assertEqual(self.names(), ["good"])
        self.assertEqual(self.names(), ["good"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_a_collector_can_be_taken_out(self) -> None:
        counter = Counter("good", "Fine.", registry=self.registry)
        self.registry.unregister(counter)
        self.assertEqual(self.names(), [])

    def test_two_collectors_cannot_have_one_name(self) -> None:
        Counter("good", "Fine.", registry=self.registry)
        self.assertRaises(ValueError, Counter, "good", "Another.", registry=self.registry)


class MetricsTests(SynchronousTestCase):
    """The metrics of a daemon with one camera that gave three JPEGs and then failed."""

    def setUp(self) -> None:
        source = FakeSource([jpeg_packet(n) for n in range(3)], Format("mjpeg", 640, 480, 30.0))
        fake = ModuleType("fake")
        fake.camd_sources = hookimpl(lambda: {"fake": lambda address: source})
        self.app = app_for_tests(Path(self.mktemp()), {"fake": fake})
        self.app.cameras.configure({"cam1": CameraConfig("cam1", "fake:")})
        self.addCleanup(self.app.cameras.stop)
        self.app.cameras["cam1"].stream(Encoding("source")).subscribe(lambda packet: None, kind="mjpeg")
        self.app.web.durations.observe_request("GET", "/health", 200, 0.002)
        self.app.core_metrics.certificate_expiry = 1.8e9

    def scrape(self) -> bytes:
        request = DummyRequest([b"metrics"])
        request.principal = EVERYONE
        body = MetricsResource(self.app.metrics).render(request)
        self.assertEqual(
            request.responseHeaders.getRawHeaders("content-type"),
            ["text/plain; version=0.0.4; charset=utf-8"],
        )
        self.assertEqual(request.responseHeaders.getRawHeaders("cache-control"), ["no-store"])
        return body

    def samples(self) -> dict[tuple[str, frozenset[Any]], float]:
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.scrape().decode())
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        return self.samples()[name, frozenset(labels.items())]

    def test_the_camera(self) -> None:
        self.assertEqual(self.value("camd_camera_frames_total", camera="cam1"), 3)
        self.assertEqual(self.value("camd_camera_bytes_total", camera="cam1"), 3 * len(jpeg_packet().data))
        self.assertEqual(self.value("camd_camera_up", camera="cam1"), 0)
        self.assertEqual(self.value("camd_camera_reconnects_total", camera="cam1", reason="backoff"), 1)
        self.app.cameras["cam1"].statistics.encode_times["mjpeg"].add(0.002)
        self.assertEqual(self.value("camd_camera_encode_seconds_count", camera="cam1", codec="mjpeg"), 1)
        for stage in self.app.cameras["cam1"].drops():
            self.value("camd_camera_dropped_frames_total", camera="cam1", stage=stage)

    def test_clients(self) -> None:
        self.assertEqual(self.value("camd_clients", kind="mjpeg"), 1)
        self.assertEqual(self.value("camd_clients", kind="websocket"), 0)
        self.app.web.websocket.refused = 2
        self.assertEqual(self.value("camd_clients_refused_total", reason="limit"), 2)
        self.assertEqual(self.value("camd_ws_queue_depth"), 0)
        self.assertEqual(self.value("camd_ws_dropped_changes_total"), 0)

    def test_requests(self) -> None:
        labels = {"method": "GET", "route": "/health", "code": "200"}
        name = "camd_http_request_duration_seconds"
        self.assertEqual(self.value(f"{name}_count", **labels), 1)
        self.assertEqual(self.value(f"{name}_sum", **labels), 0.002)
        self.assertEqual(self.value(f"{name}_bucket", le="0.001", **labels), 0)
        self.assertEqual(self.value(f"{name}_bucket", le="0.0025", **labels), 1)
        self.assertEqual(self.value(f"{name}_bucket", le="+Inf", **labels), 1)

    def test_the_process_and_the_certificate(self) -> None:
        names = {name for name, _ in self.samples()}
        self.assertLessEqual(
            {"camd_info", "process_resident_memory_bytes", "process_cpu_seconds_total",
             "python_gc_collections_total"},
            names,
        )  # fmt: skip
        self.assertEqual(self.value("camd_certificate_expiry_timestamp_seconds"), 1.8e9)
        self.app.core_metrics.certificate_expiry = None
        self.assertNotIn("camd_certificate_expiry_timestamp_seconds", {name for name, _ in self.samples()})

    def test_every_metric_is_documented(self) -> None:
        text = DOCS.read_text()
        for family in self.app.metrics.collect():
            if family.name.startswith("camd"):
                self.assertIn(f"`{family.name}", text)

    def test_a_scrape_stays_small(self) -> None:
        """A line takes the reactor about 6 us to write: at most 5 ms, whatever clients asked for."""
        for number in range(1000):
            self.app.web.durations.observe_request("GET", f"/{number}", 404, 0.001)
        self.assertLess(self.scrape().count(b"\n"), 1200)

    def test_the_route(self) -> None:
        request = DummyRequest([b"metrics"])
        body = getChildForRequest(self.app.web.routes, request).render(request)
        self.assertIn(b'camd_camera_up{camera="cam1"} 0.0', body)
