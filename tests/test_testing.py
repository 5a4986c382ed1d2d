"""The fakes behave as what they stand for: the same cases, with the fake and with the real thing."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import getChildForRequest
from twisted.web.test.requesthelper import DummyRequest

from camd.errors import SourceError
from camd.media import Source, SourceSettings
from camd.testing import HANG, FakeReactor, FakeSource, ThreadlessPool, app_for_tests, jpeg_packet
from camd.threads import DaemonPool

SETTINGS = SourceSettings("cam1", "")


class PoolCases:
    """A pool runs a job and gives back what it returned or raised."""

    reactor: object
    pool: object

    def defer(self, function: object, *args: object) -> Deferred[object]:
        return deferToThreadPool(self.reactor, self.pool, function, *args)

    def test_a_result(self) -> Deferred[None]:
        return self.defer(divmod, 7, 2).addCallback(self.assertEqual, (3, 1))

    def test_a_failure(self) -> Deferred[object]:
        return self.assertFailure(self.defer(divmod, 7, 0), ZeroDivisionError)

    def test_figures(self) -> None:
        self.assertEqual((self.pool.q.qsize(), self.pool.working), (0, []))
        self.assertIsInstance(self.pool.workers, int)
        self.assertIsInstance(self.pool.waiters, list)


class ThreadlessPoolTests(PoolCases, TestCase):
    def setUp(self) -> None:
        self.reactor, self.pool = FakeReactor(), ThreadlessPool()

    def test_when_told(self) -> None:
        self.pool.at_once = False
        result = self.defer(divmod, 7, 2)
        self.assertEqual(self.pool.q.qsize(), 1)
        self.assertNoResult(result)
        self.pool.run()
        self.assertEqual(self.successResultOf(result), (3, 1))


class DaemonPoolTests(PoolCases, TestCase):
    def setUp(self) -> None:
        self.reactor, self.pool = reactor, DaemonPool(0, 1, "test")
        self.pool.start()
        self.addCleanup(self.pool.stop)


class FakeSourceTests(SynchronousTestCase):
    def test_it_is_a_source(self) -> None:
        methods = {name for name in vars(Source) if not name.startswith("_")}
        self.assertLessEqual(methods, set(dir(FakeSource)))

    def test_its_script(self) -> None:
        source = FakeSource([jpeg_packet(1), None, OSError("unplugged")])
        self.assertEqual(source.open(SETTINGS), source.format)
        self.assertEqual(source.read(1), jpeg_packet(1))
        self.assertIsNone(source.read(1))
        self.assertRaises(OSError, source.read, 1)
        self.assertRaises(SourceError, source.read, 1)
        source.close()
        self.assertEqual((source.opened, source.is_open), ([SETTINGS], False))

    def test_a_read_that_hangs(self) -> None:
        source = FakeSource([HANG])
        reading = threading.Thread(target=source.read, args=(1,), daemon=True)
        reading.start()
        self.assertTrue(reading.is_alive())
        source.let_go()
        reading.join(10)
        self.assertFalse(reading.is_alive())

    def test_away(self) -> None:
        source = FakeSource([jpeg_packet()])
        source.away = SourceError("unplugged", "absent")
        for use in (source.probe, source.present, lambda: source.open(SETTINGS), lambda: source.read(1)):
            self.assertRaises(SourceError, use)
        source.away = None
        self.assertEqual(source.probe().name, "fake")

    def test_controls(self) -> None:
        source = FakeSource()
        self.assertEqual(source.set("brightness", 3), 3)
        self.assertEqual(source.values, {"brightness": 3})


class AppTests(SynchronousTestCase):
    def test_no_installed_plugin_no_camera_no_port(self) -> None:
        app = app_for_tests(Path(self.mktemp()))
        self.assertEqual((list(app.plugins), list(app.cameras)), ([], []))
        self.assertEqual(app.reactor.tcpServers, [])

    def test_a_plugin_from_its_state_to_its_service(self) -> None:
        file = Path(__file__).parent / "fixtures" / "camd_ticker" / "camd_ticker.py"
        spec = importlib.util.spec_from_file_location("camd_ticker", file)
        camd_ticker = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(camd_ticker)
        app = app_for_tests(Path(self.mktemp()), {"ticker": camd_ticker})
        self.assertEqual(app.state["ticker/count"].value, 1)
        request = DummyRequest([b"ticker"])
        self.assertEqual(getChildForRequest(app.web.routes, request).render(request), b"1\n")
        app.extensions.stop_services()

    def test_a_plugin_that_fails_is_seen(self) -> None:
        app = app_for_tests(Path(self.mktemp()), {"empty": object()})
        self.assertEqual(app.state["plugins/empty"].value, "alert")
