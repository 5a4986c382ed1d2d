"""The service: samples every few seconds and publishes what is worth telling."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from prometheus_client import Histogram
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from camd.state import Value

from .figures import FIGURES
from .lag import LoopLag
from .metrics import Collector
from .sampler import Sampler

if TYPE_CHECKING:
    from camd.app import App

#: Seconds between samples.
INTERVAL = 5.0
#: Response times are those of this many samples: a minute.
WINDOW = 12
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)


class Monitor(Service):
    """Keeps the state below `system/` current, and the metrics that come from the same sample."""

    log = Logger()

    def __init__(self, app: App, sampler: Sampler):
        self.setName("monitor")
        self._app = app
        self._sampler = sampler
        self._started = 0.0
        self._responses: deque[Any] = deque(maxlen=WINDOW)
        self._sampling = LoopingCall(self._sample)
        self._sampling.clock = app.reactor
        histogram = Histogram(
            "camd_event_loop_lag_seconds",
            "How much later than asked the event loop called back.",
            buckets=LAG_BUCKETS,
            registry=None,
        )
        self._lag = LoopLag(app.reactor, histogram.observe)
        self._collectors = (histogram, Collector(app.state))

    def startService(self) -> None:
        super().startService()
        for collector in self._collectors:
            self._app.metrics.register(collector)
        self._started = self._app.reactor.seconds()
        self._lag.start()
        self._sampling.start(INTERVAL).addErrback(self._failed)

    def stopService(self) -> None:
        super().stopService()
        self._lag.stop()
        if self._sampling.running:
            self._sampling.stop()
        for collector in self._collectors:
            self._app.metrics.unregister(collector)

    def _sample(self) -> Deferred[None]:
        threads = self._threads()  # before the sampler itself keeps one busy
        return self._app.threads.io(self._sampler.read).addCallback(self._publish, threads)

    def _publish(self, sample: dict[str, Value], threads: Value) -> None:
        if not self.running:
            return
        measured = {**sample, **self._of_camd(), "system/threads": threads}
        state = self._app.state
        with state.batch():
            for figure in FIGURES:
                observable = state.get(figure.spec.name)
                value = measured.get(figure.spec.name)
                if observable is not None and value is not None:
                    value = figure.rounded(value)
                    if figure.moved(observable.value, value):
                        observable.publish(value)

    def _of_camd(self) -> dict[str, Value]:
        """What camd knows of itself, without asking the machine."""
        web = self._app.web
        uptime = self._app.reactor.seconds() - self._started
        since = self._responses[0] if self._responses else None
        response_time = web.durations.percentiles(since=since)
        self._responses.append(web.durations.snapshot())
        return {
            "system/uptime": uptime - uptime % 60,
            "system/loop_lag": self._lag.take(),
            "system/websocket_clients": web.websocket.clients,
            "system/websocket_queue": web.websocket.queue_depth,
            "system/response_time": response_time,
        }

    def _threads(self) -> Value:
        return {
            name: {"workers": pool.workers, "working": len(pool.working), "waiting": pool.q.qsize()}
            for name, pool in self._app.threads.pools.items()
        }

    def _failed(self, failure: Any) -> None:
        self.log.failure("sampling ended; the state below system/ stays as it is", failure)
