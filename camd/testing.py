"""Fakes for the tests of camd and of plugins: a source with a script, threads and time under control.

    class LampTests(SynchronousTestCase):
        def test_it_goes_out_after_a_minute(self):
            app = app_for_tests(Path(self.mktemp()), {"lamp": camd_lamp})
            self.addCleanup(app.extensions.stop_services)
            app.reactor.advance(60)
            self.assertEqual(app.state["lamp/brightness"].value, 0)

Nothing here opens a socket, starts a thread or sleeps.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from .errors import SourceError
from .media import Capabilities, Format, Frame, Packet, SourceSettings
from .state import Value

if TYPE_CHECKING:
    from .app import App
    from .config import Config

#: In the script of a FakeSource: `read` does not return before `let_go` is called.
HANG = object()


def jpeg_packet(number: int = 0, data: bytes = b"\xff\xd8 not really a picture \xff\xd9") -> Packet:
    """Packet `number` of a camera with 30 pictures a second that began at 0."""
    return Packet(data, "mjpeg", pts=number / 30, wall=number / 30, grabbed=number / 30)


class FakeSource:
    """A Source that does what its script says.

    script: what `read` gives, one after the other: a Frame or Packet, None for nothing within the
    timeout, an exception to raise, or HANG. After the last one `read` raises SourceError.
    away: while it is an exception, every use of the device raises it. Read by tests: `opened`
    (settings of each open), `values` (controls), `is_open`.
    """

    def __init__(
        self,
        script: Iterable[Any] = (),
        format: Format | None = None,
        capabilities: Capabilities | None = None,
    ):
        self.script = deque(script)
        self.format = format or Format("mjpeg", 640, 480, 30.0)
        self.capabilities = capabilities or Capabilities(name="fake")
        self.away: Exception | None = None
        self.lost = 0
        self.opened: list[SourceSettings] = []
        self.values: dict[str, Value] = dict(self.capabilities.values)
        self.is_open = False
        self._going = threading.Event()

    def let_go(self) -> None:
        """End a HANG, from another thread."""
        self._going.set()

    def probe(self) -> Capabilities:
        self.present()
        return self.capabilities

    def present(self) -> None:
        if self.away is not None:
            raise self.away

    def open(self, settings: SourceSettings) -> Format:
        self.present()
        self.opened.append(settings)
        self.is_open = True
        return self.format

    def read(self, timeout: float) -> Frame | Packet | None:
        self.present()
        if not self.script:
            raise SourceError("the script is over")
        item = self.script.popleft()
        if item is HANG:
            self._going.wait()
            return None
        if isinstance(item, Exception):
            raise item
        return item

    def set(self, name: str, value: Value) -> Value:
        self.present()
        self.values[name] = value
        return value

    def close(self) -> None:
        self.is_open = False

    def dropped(self) -> int:
        return self.lost


class ThreadlessPool:
    """Stands in for a ThreadPool: a job runs at once, or with at_once False when `run` is called."""

    workers = 1

    def __init__(self, at_once: bool = True):
        self.at_once = at_once
        self.waiting: deque[tuple[Any, Callable[..., Any], Any, Any]] = deque()

    @property
    def working(self) -> list[None]:
        return []

    @property
    def waiters(self) -> list[None]:
        return [None]

    @property
    def q(self) -> ThreadlessPool:
        return self

    def qsize(self) -> int:
        return len(self.waiting)

    def callInThread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.callInThreadWithCallback(None, function, *args, **kwargs)

    def callInThreadWithCallback(
        self,
        onResult: Callable[[bool, Any], None] | None,
        function: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        self.waiting.append((onResult, function, args, kwargs))
        if self.at_once:
            self.run()

    def run(self) -> None:
        """Run what waits, and what that brings with it."""
        while self.waiting:
            on_result, function, args, kwargs = self.waiting.popleft()
            try:
                ok, result = True, function(*args, **kwargs)
            except Exception:
                ok, result = False, Failure()
            if on_result is not None:
                on_result(ok, result)

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def adjustPoolsize(self, minthreads: int | None = None, maxthreads: int | None = None) -> None: ...


class FakeReactor(MemoryReactorClock):
    """A reactor whose time passes by `advance` only. What other threads ask for is done at once, for
    with a ThreadlessPool there are no other threads."""

    def callFromThread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)


def app_for_tests(
    data_dir: Path, plugins: Mapping[str, Any] | None = None, config: Config | None = None
) -> App:
    """The real App on a FakeReactor and ThreadlessPools, with these plugins (name -> module) loaded
    and their services started. No installed plugin is loaded, no camera started, no port opened, and
    whoever asks over the web is taken for somebody with every permission (`app.web.assume`)."""
    from .app import App
    from .config import Config
    from .state import EVERYONE

    data_dir.mkdir(exist_ok=True)
    app = App(config or Config(data_dir=data_dir), FakeReactor())
    app.threads.pools = {name: ThreadlessPool() for name in app.threads.pools}
    app.web.assume = EVERYONE
    app.plugins.discover = lambda blocked=(), distributions=None: None
    for started in (app.extensions.load(plugins or {}), app.extensions.start_services()):
        _finish(ensureDeferred(started))
    return app


def _finish(done: Deferred[Any]) -> None:
    """Raise what failed; with threadless pools a Deferred has its result at once."""
    failures: list[Failure] = []
    done.addErrback(failures.append)
    if failures:
        failures[0].raiseException()
