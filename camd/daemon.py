"""Daemon: camd as one process: its start told in three lines, its signals, its watchdog, its end."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import ILogObserver, Logger

from . import __version__
from .app import App, build
from .config import Config
from .config.change import Read
from .configuration import reasons
from .errors import CamdError
from .log import bridge, hand_over, levels, observer
from .memory import keep_small
from .services import RootService, StartError

_log = Logger(namespace="camd")
#: Exit code of a daemon that wants to be started again (sysexits.h EX_TEMPFAIL).
EX_AGAIN = 75
_NOWHERE = "nowhere, all listeners are off"


def _own_address() -> str:
    """The address of this host towards the world, else its name. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


class Root(RootService):
    """The root service, which brings its own log observer to the application that it is put into."""

    def __init__(self, log_observer: ILogObserver):
        super().__init__()
        self._log_observer = log_observer

    def setServiceParent(self, parent: Any) -> None:
        hand_over(parent, self._log_observer)
        super().setServiceParent(parent)


class Daemon:
    """Runs one App. root: the service tree; read: see App."""

    def __init__(self, config: Config, read: Read, reactor: Any, trace_hooks: bool = False):
        # Timers must not jump when the wall clock is set: boards without a clock do that at boot.
        reactor.seconds = time.monotonic
        levels.set("", config.log_level)
        for chatty in ("twisted", "log_legacy"):  # "Site starting on 8080" and the like
            levels.set(chatty, "warn")
        bridge()
        keep_small()
        self._reactor = reactor
        self._notify_address = os.environ.pop("NOTIFY_SOCKET", None)
        self._watchdog = LoopingCall(self._notify, "WATCHDOG=1")
        self.app = App(config, reactor, trace_hooks, read)
        self.app.on_restart = lambda: self._end(EX_AGAIN)
        self.root = build(self.app, Root(observer(config.log_format, sys.stdout)))
        self.root.started.addCallbacks(self._started, self._not_started)
        self.root.started.addErrback(lambda failure: _log.failure("start", failure))
        # From now on, for by default the signal ends a process.
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._hang_up))

    def _started(self, _: Any) -> None:
        app = self.app
        _log.info("camd {version} runs: {cameras}", version=__version__,
                  cameras=", ".join(f"{c.id} ({c.config.source})" for c in app.cameras.values()))
        app.users.setup.on_new_code = lambda code: self._invite()
        if app.users.needs_setup:
            app.users.on_change.append(self._set_up)
            self._invite()
        else:
            self._welcome()
        self._notify("READY=1")
        self._reactor.addSystemEventTrigger("before", "shutdown", self._notify, "STOPPING=1")
        interval = int(os.environ.get("WATCHDOG_USEC", 0)) / 1e6
        if interval > 0:
            self._watchdog.start(interval / 3)
        # What is loaded stays: without it in every full collection the worst pause falls from 80 ms to 2.
        gc.collect()
        gc.freeze()

    def _set_up(self) -> None:
        users = self.app.users
        if not users.needs_setup:
            users.on_change.remove(self._set_up)
            self._welcome()

    def _welcome(self) -> None:
        """Where the page and the pictures are."""
        app = self.app
        pages = app.listeners.pages
        first = next(iter(pages), "")
        _log.info("page     {page}", page="   ".join(pages) or _NOWHERE)
        main = app.cameras.main
        if main is not None and first:
            _log.info("picture  {first}cam/{id}/snapshot.jpg   {first}cam/{id}/stream.mjpg",
                      first=first, id=main.id)
        rtsp = [url for url in app.listeners.urls if url not in pages]
        if main is not None and rtsp:
            _log.info("video    {urls}", urls="   ".join(f"{url}{main.id}/main" for url in rtsp))

    def _invite(self) -> None:
        """Where camd is set up: the links carry the code, so only those who read this can. From elsewhere
        than this machine the setup page is served by HTTPS."""
        urls, setup = self.app.listeners.pages, self.app.users.setup
        if not setup.code or not self.app.users.needs_setup:
            return
        link = urls[0] + setup.link_path if urls else _NOWHERE
        _log.info("set up   {link}   (within 30 minutes; later: camd setup-code)", link=link)
        for url in urls:
            if url.startswith("https://localhost:"):  # all interfaces
                url = url.replace("localhost", _own_address())
                _log.info("         {link}   (from another machine)", link=url + setup.link_path)

    def _not_started(self, failure: Any) -> None:
        """One line, and exit code 1: twistd alone would say 0, for the reactor itself ran well."""
        failure.trap(StartError)
        _log.critical("camd cannot start: {reason}", reason=failure.getErrorMessage())
        self._end(1)

    def _end(self, code: int) -> None:
        self._reactor.addSystemEventTrigger("after", "shutdown", self._exit, code)
        self._reactor.callWhenRunning(self._reactor.stop)

    def _exit(self, code: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def _hang_up(self) -> None:
        """SIGHUP: reload, but not before the start is done."""
        self.root.started.addCallback(lambda _: self._reload())

    def _reload(self) -> None:
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        ensureDeferred(self._take_new()).addBoth(lambda _: self._notify("READY=1"))

    async def _take_new(self) -> None:
        try:
            await self.app.configuration.reload()
        except CamdError as error:
            for problem in reasons(error):
                _log.error("configuration not taken: {problem}", problem=problem)
        except Exception:
            _log.failure("reload failed")
        else:
            _log.info("configuration and certificates read again")

    def _notify(self, text: str) -> None:
        """Tell systemd (sd_notify(3)); without it nothing happens."""
        if not self._notify_address:
            return
        address = self._notify_address
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.sendto(text.encode(), address)
        except OSError as error:
            _log.warn("systemd not told {text!r}: {error}", text=text, error=error)
