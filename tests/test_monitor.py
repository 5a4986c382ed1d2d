"""The monitor plugin: what it samples, what it publishes, and how little it says when nothing happens."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
from camd_plugins import monitor
from camd_plugins.monitor import health, sampler, service
from camd_plugins.monitor.figures import FIGURES, MIB, specs
from camd_plugins.monitor.lag import TICK, LoopLag
from camd_plugins.monitor.sampler import Sampler
from camd_plugins.monitor.sensor import find_sensor, read_sensor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.hookspecs import Check
from camd.state import Spec, State
from camd.testing import app_for_tests

GB = 10**9
SAMPLE = {
    "system/cpu": 1.23456,
    "system/cpu_total": 10.0,
    "system/load": 0.5,
    "system/memory": 60 * MIB,
    "system/memory_available": 3 * GB,
    "system/memory_total": 4 * GB,
    "system/disk_free": 30 * GB,
    "system/disk_total": 100 * GB,
    "system/temperature": 40.0,
    "system/network_rx": 1000.0,
    "system/network_tx": 500.0,
}
BY_NAME = {figure.spec.name: figure for figure in FIGURES}


class SlowClient:
    def __init__(self, queue_depth: int):
        self.queue_depth = queue_depth


def traffic(sent: int, received: int) -> SimpleNamespace:
    """The counters of one network, as psutil gives them."""
    return SimpleNamespace(bytes_sent=sent, bytes_recv=received)


class MonitorTests(SynchronousTestCase):
    """The plugin in a real App, with a sampler that gives `sample`."""

    def setUp(self) -> None:
        self.sample = dict(SAMPLE)
        case = self

        class FakeSampler:
            def __init__(self, data_dir: Path):
                case.data_dir = data_dir

            def read(self) -> dict[str, Any]:
                return case.sample

        self.patch(monitor, "Sampler", FakeSampler)
        folder = Path(self.mktemp())
        self.app = app_for_tests(folder, {"monitor": monitor})
        self.addCleanup(self.app.extensions.stop_services)
        self.assertEqual(self.data_dir, folder)
        self.changes: list[str] = []
        self.app.state.observe("", lambda observable: self.changes.append(observable.name))
        self.changes.clear()

    def value(self, name: str) -> Any:
        return self.app.state[name].value

    def test_every_figure_is_there_after_the_first_sample(self) -> None:
        for spec in specs():
            self.assertIsNotNone(self.value(spec.name), spec.name)
            spec.check(self.value(spec.name))
        self.assertEqual(self.value("system/cpu"), 1.2)
        self.assertEqual(self.value("system/memory"), 60 * MIB)
        self.assertEqual(self.value("system/websocket_clients"), 0)
        self.assertEqual(set(self.value("system/threads")), {"capture", "encode", "io", "db", "auth", "record", "index"})
        self.assertEqual(self.value("system/response_time"), {"p50": None, "p95": None, "p99": None})

    def test_an_idle_minute_says_only_that_it_passed(self) -> None:
        for second in range(65):
            self.sample["system/cpu"] = 1.0 + 0.3 * (second % 2)
            self.sample["system/cpu_total"] = 10.0 + second % 4
            self.sample["system/memory"] += 1024
            self.sample["system/disk_free"] -= 10_000
            self.sample["system/network_rx"] = 500 + 7 * second
            self.app.reactor.advance(1)
        self.assertEqual(self.changes, ["system/uptime"])

    def test_a_change_is_told_within_seconds(self) -> None:
        self.sample["system/cpu"] = 55.5
        self.app.web.websocket._clients = dict.fromkeys((SlowClient(1), SlowClient(2)))
        self.app.reactor.advance(service.INTERVAL)
        self.assertEqual(self.changes, ["system/cpu", "system/websocket_clients", "system/websocket_queue"])
        self.assertEqual([self.value(name) for name in self.changes], [55.5, 2, 3])

    def test_all_changes_of_a_sample_are_one_delivery(self) -> None:
        batches: list[bool] = []
        self.app.state.on_batch = batches.append
        self.app.reactor.advance(service.INTERVAL)
        self.assertEqual(batches, [True, False])

    def test_a_figure_that_cannot_be_had_keeps_its_value(self) -> None:
        del self.sample["system/disk_free"]
        self.app.reactor.advance(service.INTERVAL)
        self.assertEqual(self.value("system/disk_free"), BY_NAME["system/disk_free"].rounded(30 * GB))

    def test_response_times_are_those_of_the_last_minute(self) -> None:
        for _ in range(100):
            self.app.web.durations.observe_request("GET", "/", 200, 0.002)
        self.app.reactor.advance(service.INTERVAL)
        published = self.value("system/response_time")
        self.assertTrue(0.001 < published["p50"] < 0.0025, published)
        self.assertGreaterEqual(published["p99"], published["p50"])
        for _ in range(service.WINDOW + 1):
            self.app.reactor.advance(service.INTERVAL)
        self.assertIsNone(self.value("system/response_time")["p50"])

    def test_its_metrics(self) -> None:
        self.app.reactor.pump([TICK] * 4)
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in self.app.metrics.collect()
            for sample in family.samples
        }
        self.assertEqual(samples["camd_storage_free_bytes", "data"], self.value("system/disk_free"))
        self.assertEqual(samples["camd_threads", "io", "workers"], 1)
        self.assertEqual(samples["camd_event_loop_lag_seconds_count",], 4)
        self.assertIn(("camd_system_memory_available_bytes",), samples)

    def test_its_health_checks(self) -> None:
        ((name, checks),) = self.app.plugins.call("camd_health", app=self.app)
        self.assertEqual(name, "monitor")
        self.assertEqual([check.name for check in checks], ["memory", "disk", "event_loop"])
        self.assertTrue(all(check.ok for check in checks), checks)

    def test_nothing_is_left_after_a_stop(self) -> None:
        self.app.extensions.stop_services()
        self.assertEqual(self.app.reactor.getDelayedCalls(), [])
        names = [family.name for family in self.app.metrics.collect()]
        self.assertNotIn("camd_event_loop_lag_seconds", names)

    def test_a_sample_that_comes_after_the_stop_is_dropped(self) -> None:
        pool = self.app.threads.pools["io"]
        pool.at_once = False
        self.app.reactor.advance(service.INTERVAL)
        self.app.extensions.stop_services()
        self.sample["system/cpu"] = 99.0
        pool.run()
        self.assertEqual(self.changes, [])

    def test_a_hanging_disk_piles_up_no_jobs(self) -> None:
        pool = self.app.threads.pools["io"]
        pool.at_once = False
        for _ in range(10):
            self.app.reactor.advance(service.INTERVAL)
        self.assertEqual(pool.qsize(), 1)


class FigureTests(SynchronousTestCase):
    def test_bands(self) -> None:
        for name, published, quiet, loud in (
            ("system/cpu", 0.5, 1.4, 1.6),
            ("system/cpu", 50.0, 54.0, 56.0),
            ("system/memory", 60 * MIB, 61 * MIB, 61 * MIB + 1),
            ("system/network_rx", 0, 1900, 2100),
            ("system/network_rx", 1_000_000, 1_200_000, 0),
            ("system/loop_lag", 0.002, 0.006, 0.008),
            ("system/websocket_clients", 3, 3, 4),
            ("system/response_time", {"p50": 0.001}, {"p50": 0.00115}, {"p50": 0.0013}),
            ("system/response_time", {"p50": 0.001}, {"p50": 0.001}, {"p50": None}),
            ("system/threads", {"io": {"working": 0}}, {"io": {"working": 0}}, {"io": {"working": 1}}),
        ):
            self.assertFalse(BY_NAME[name].moved(published, quiet), (name, published, quiet))
            self.assertTrue(BY_NAME[name].moved(published, loud), (name, published, loud))
            self.assertTrue(BY_NAME[name].moved(None, quiet), name)

    def test_published_values_are_round_and_fit_their_spec(self) -> None:
        for name, measured, rounded in (
            ("system/cpu", 1.23456, 1.2),
            ("system/memory", 4097, 4096),
            ("system/network_rx", 1234.5, 1200),
            ("system/uptime", 119.0, 120),
            ("system/loop_lag", 0.0123456, 0.012),
            ("system/response_time", {"p50": 0.00123456, "p95": None}, {"p50": 0.00123, "p95": None}),
        ):
            value = BY_NAME[name].rounded(measured)
            self.assertEqual(value, rounded)
            self.assertEqual(BY_NAME[name].spec.check(value), rounded)

    def test_every_figure_is_documented(self) -> None:
        page = (Path(__file__).parent.parent / "docs" / "monitoring.md").read_text()
        for name in BY_NAME:
            self.assertIn(f"`{name}`", page)


class SamplerTests(SynchronousTestCase):
    """The real thing on the machine that runs the tests."""

    def test_it_reads_what_the_machine_says(self) -> None:
        clock = Clock()
        sample = Sampler(Path("/"), clock.seconds).read()
        self.assertNotIn("system/network_rx", sample)
        self.assertTrue(0 < sample["system/memory"] < sample["system/memory_total"])
        self.assertTrue(0 < sample["system/disk_free"] <= sample["system/disk_total"])
        self.assertEqual(sample["system/disk_total"], psutil.disk_usage("/").total)
        self.assertGreaterEqual(sample["system/cpu"], 0)
        for name, value in sample.items():
            BY_NAME[name].spec.check(BY_NAME[name].rounded(value))

    def test_network_rates(self) -> None:
        counters = {
            "lo": traffic(9, 9),
            "wan": traffic(1000, 5000),
        }
        self.patch(psutil, "net_io_counters", lambda pernic: counters)
        clock = Clock()
        reader = Sampler(Path("/"), clock.seconds)
        reader.read()
        counters["wan"] = traffic(2000, 15000)
        counters["lo"] = traffic(10**9, 10**9)
        clock.advance(5)
        sample = reader.read()
        self.assertEqual((sample["system/network_rx"], sample["system/network_tx"]), (2000, 200))
        counters.pop("wan")
        clock.advance(5)
        self.assertEqual(reader.read()["system/network_rx"], 0)

    def test_bridges_do_not_count_twice(self) -> None:
        devices = Path(self.mktemp())
        (devices / "eth0" / "device").mkdir(parents=True)
        self.patch(sampler, "_DEVICES", devices)
        counters = {name: traffic(0, 0) for name in ("eth0", "br0")}
        self.patch(psutil, "net_io_counters", lambda pernic: counters)
        clock = Clock()
        reader = Sampler(Path("/"), clock.seconds)
        reader.read()
        counters.update({name: traffic(0, 500) for name in counters})
        clock.advance(1)
        self.assertEqual(reader.read()["system/network_rx"], 500)

    def test_what_cannot_be_read_is_left_out(self) -> None:
        sample = Sampler(Path("/no such folder")).read()
        self.assertNotIn("system/disk_free", sample)
        self.assertIn("system/memory", sample)


class SensorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())

    def add(self, file: str, label: str, kind: str, value: str = "41500\n") -> Path:
        path = self.root / file
        path.parent.mkdir(parents=True)
        path.with_name(label).write_text(kind + "\n")
        path.write_text(value)
        return path

    def test_no_sensor(self) -> None:
        self.assertIsNone(find_sensor(self.root))
        self.add("hwmon/hwmon0/temp1_input", "name", "nvme")
        self.assertIsNone(find_sensor(self.root))

    def test_the_processor_comes_before_the_board(self) -> None:
        board = self.add("thermal/thermal_zone0/temp", "type", "acpitz")
        self.assertEqual(find_sensor(self.root), board)
        processor = self.add("hwmon/hwmon3/temp1_input", "name", "coretemp")
        self.assertEqual(find_sensor(self.root), processor)

    def test_a_value(self) -> None:
        self.assertEqual(read_sensor(self.add("thermal/thermal_zone0/temp", "type", "cpu-thermal")), 41.5)
        broken = self.add("thermal/thermal_zone1/temp", "type", "cpu-thermal", "")
        self.assertRaises(OSError, read_sensor, broken)

    def test_without_a_sensor_there_is_no_such_state(self) -> None:
        self.patch(monitor.figures, "find_sensor", lambda: None)
        self.assertNotIn("system/temperature", [spec.name for spec in specs()])
        self.patch(monitor.figures, "find_sensor", lambda: Path("somewhere"))
        self.assertIn("system/temperature", [spec.name for spec in specs()])


class LoopLagTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.observed: list[float] = []
        self.late = 0.0
        self.lag = LoopLag(self.clock, self.observed.append, lambda: self.clock.seconds() + self.late)
        self.lag.start()

    def test_a_punctual_loop(self) -> None:
        self.clock.pump([TICK] * 4)
        self.assertEqual(self.observed, [0.0] * 4)
        self.assertEqual(self.lag.take(), 0.0)

    def test_the_worst_since_the_last_look(self) -> None:
        for blocked in (0.1, 0.4, 0.2):
            self.late += blocked
            self.clock.advance(TICK)
        self.assertEqual([round(seconds, 6) for seconds in self.observed], [0.1, 0.4, 0.2])
        self.assertAlmostEqual(self.lag.take(), 0.4)
        self.assertEqual(self.lag.take(), 0.0)

    def test_what_is_overdue_counts_already(self) -> None:
        self.late += 3
        self.assertAlmostEqual(self.lag.take(), 3 - TICK)

    def test_stop(self) -> None:
        self.lag.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class HealthTests(SynchronousTestCase):
    def checks(self, **values: float) -> dict[str, Check]:
        state = State()
        for name in ("memory_available", "memory_total", "disk_free", "disk_total", "loop_lag"):
            state.declare(Spec(f"system/{name}", float))
            if name in values:
                state[f"system/{name}"].publish(values[name])
        return {check.name: check for check in health.checks(state)}

    def test_well(self) -> None:
        checks = self.checks(
            memory_available=GB, memory_total=4 * GB, disk_free=9e9, disk_total=1e11, loop_lag=0.002
        )
        self.assertEqual(
            checks,
            {
                "memory": Check("memory", True, "1 GB of 4 GB available"),
                "disk": Check("disk", True, "9 GB of 100 GB free"),
                "event_loop": Check("event_loop", True, "up to 2 ms late"),
            },
        )

    def test_scarce_and_late(self) -> None:
        checks = self.checks(
            memory_available=1e8, memory_total=4e9, disk_free=4e9, disk_total=1e11, loop_lag=1.5
        )
        self.assertEqual([check.ok for check in checks.values()], [False] * 3)

    def test_before_the_first_sample(self) -> None:
        self.assertEqual(
            {(check.ok, check.text) for check in self.checks().values()}, {(True, "not measured yet")}
        )

    def test_a_plugin_blocked_while_its_state_is_asked_for(self) -> None:
        self.assertTrue(all(check.ok for check in health.checks(State())))
