"""The named thread pools, each for one kind of blocking work.

Why not the reactor's own pool: it has ten threads and also resolves host names, so ten cameras
would stop DNS. Why daemon threads: a device call that never returns cannot be cancelled, and an
ordinary thread would hold the process for as long as it hangs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

#: How long `stop` waits for a pool before it abandons what hangs (seconds).
PATIENCE = 1.0
#: By how much threads that compute stand back (nice(2)): a picture may wait a millisecond, those who wait for the
#: reactor should not.
NICENESS = 5


class DaemonPool(ThreadPool):
    """A Twisted ThreadPool whose threads never hold up the end of the process."""

    @staticmethod
    def threadFactory(*args: Any, **kwargs: Any) -> threading.Thread:
        return threading.Thread(*args, daemon=True, **kwargs)


class ComputingPool(DaemonPool):
    """One whose threads leave the processor to the reactor when both want it (Linux has a niceness for each thread)."""

    @staticmethod
    def threadFactory(*args: Any, target: Callable[[], Any], **kwargs: Any) -> threading.Thread:
        def stand_back() -> None:
            with suppress(OSError):  # what a sandbox forbids is no reason to compute nothing
                own = threading.get_native_id()
                os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, own) + NICENESS)
            target()

        return DaemonPool.threadFactory(*args, target=stand_back, **kwargs)


class Threads:
    """Pools by name: capture (one thread per open source), encode (cores), io, record, auth (two), and with one
    thread each db and index. Those of encode and auth compute, and stand back behind all others.

    Each method runs f(*args) in that pool and returns a Deferred of its result, which fires in the
    reactor thread. jobs counts what was handed to each pool since the start.
    """

    log = Logger()

    def __init__(self, reactor: Any):
        self._reactor = reactor
        cores = os.cpu_count() or 1
        self.pools = {
            "capture": DaemonPool(0, 20, "capture"),
            "encode": ComputingPool(0, cores, "encode"),
            "io": DaemonPool(0, 8, "io"),
            "db": DaemonPool(0, 1, "db"),
            "auth": ComputingPool(0, 2, "auth"),
            "record": DaemonPool(0, 8, "record"),
            "index": DaemonPool(0, 1, "index"),
        }
        self.jobs = dict.fromkeys(self.pools, 0)

    def start(self) -> None:
        for pool in self.pools.values():
            pool.start()

    def allow_sources(self, count: int) -> None:
        """Room for that many open sources, with spares for those that hang: three threads of each may be lost
        to calls that never return (media.calls.MOST), in one pool or the other. Threads are made when needed."""
        self.pools["capture"].adjustPoolsize(0, max(20, 4 * count))
        self.pools["io"].adjustPoolsize(0, 8 + 4 * count)
        self.pools["record"].adjustPoolsize(0, max(8, 2 + count))

    def _run(self, name: str, f: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self.jobs[name] += 1
        return deferToThreadPool(self._reactor, self.pools[name], f, *args)

    def capture(self, f: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """For loops that live as long as an open source."""
        return self._run("capture", f, *args)

    def encode(self, f: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """For pixels: decoding, processing, encoding."""
        return self._run("encode", f, *args)

    def io(self, f: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """For devices, files, blocking libraries."""
        return self._run("io", f, *args)

    def db(self, f: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """For the database: one thread, so writes keep their order."""
        return self._run("db", f, *args)

    def auth(self, f: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """For password hashes, which are slow and large on purpose: two at a time bound both."""
        return self._run("auth", f, *args)

    def record(self, f: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """For what is recorded: each camera has one job at a time here, and a slow disk holds up nothing else."""
        return self._run("record", f, *args)

    def index(self, f: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """For the index of recordings: one thread, so writes keep their order, and nobody signs in more slowly
        because much is recorded."""
        return self._run("index", f, *args)

    def stop(self) -> Deferred[None]:
        """Fires when all threads ended, or after PATIENCE without those that hang.

        ThreadPool.stop joins its threads, so each is called from a thread of its own.
        """
        done: Deferred[None] = Deferred()
        stopping = threading.Thread(target=self._stop_pools, args=(done,), name="stop", daemon=True)
        give_up = self._reactor.callLater(PATIENCE, self._abandon, done)
        done.addBoth(lambda _: give_up.active() and give_up.cancel() and None)
        stopping.start()
        return done

    def _stop_pools(self, done: Deferred[None]) -> None:
        stops = [threading.Thread(target=pool.stop, daemon=True) for pool in self.pools.values()]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()
        self._reactor.callFromThread(lambda: done.called or done.callback(None))

    def _abandon(self, done: Deferred[None]) -> None:
        hanging = [t.name for pool in self.pools.values() for t in pool.threads if t.is_alive()]
        self.log.warn("threads did not end within {patience} s and are abandoned: {hanging}",
                      patience=PATIENCE, hanging=", ".join(hanging))
        if not done.called:
            done.callback(None)
