"""Place: whether the place where recordings are kept still answers. A share of a server that went away may
let every call wait for ever (nfs(5), "hard"), and a thread that waits there cannot be ended: so one thread
asks, the others are told."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ..state.permission import Permission
from ..state.spec import Spec
from ..state.state import State
from .storage import Storage

if TYPE_CHECKING:
    from ..threads import Threads

#: Between two questions (seconds).
EVERY = 30.0
#: A place that has not answered for so long hangs (seconds). A disk that has to start turning needs ten.
LIMIT = 15.0
#: File systems whose server may go away; these are written to, for some still answer then what they remember.
NETWORK = ("nfs", "cifs", "smb", "fuse.", "ceph", "glusterfs", "9p", "afs", "davfs", "ocfs2", "gfs2")
_PROBE = ".camd-probe"
_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Found:
    """What a place is like. type: of its file system, "" if nobody knows; state: ok, error, hanging."""

    path: str
    type: str = ""
    state: str = "ok"
    reason: str = ""


def type_of(root: Path, mounts: str) -> str:
    """The type of the file system that a path lies on, "" if that is not known. mounts: as in proc(5),
    mountinfo."""
    best, found = -1, ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = Path(fields[4].replace("\\040", " "))
        if root.is_relative_to(point) and len(point.parts) >= best:  # of two in one place the later is on top
            best, found = len(point.parts), after.split(" ")[0]
    return found


def ask(root: Path, make: bool = False) -> Found:
    """Look at a place, and write there if its server may be gone. make: it is camd's own. Blocks, perhaps for
    ever; raises nothing."""
    type = ""
    with suppress(OSError):
        type = type_of(root, _MOUNTS.read_text(errors="replace"))
    try:
        if make:
            root.mkdir(0o750, exist_ok=True)
        os.statvfs(root)
        if type.startswith(NETWORK):
            _write(root / _PROBE)
    except OSError as error:
        return Found(str(root), type, "error", error.strerror or str(error))
    return Found(str(root), type)


def _write(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    try:
        os.write(descriptor, b"camd looks whether this place answers\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


class Place:
    """Reactor thread only. hangs: it did not answer in time, and has not since."""

    log = Logger()

    def __init__(self, state: State, threads: Threads, reactor: Any, storage: Storage):
        self.hangs = False
        self._threads = threads
        self._reactor = reactor
        self._storage = storage
        self._asked: str | None = None
        self._limit: Any = None
        self._bearing: list[Deferred[None]] = []
        self._shown = state.declare(
            Spec(
                "storage/places",
                list,
                read=Permission.Storage_r,
                doc="Places of recordings: path, type of file system, state (ok, error, hanging), reason.",
            )
        )
        self._ticker = LoopingCall(self.look)
        self._ticker.clock = reactor

    def start(self) -> None:
        self._ticker.start(EVERY)

    def stop(self) -> None:
        if self._ticker.running:
            self._ticker.stop()
        if self._limit is not None and self._limit.active():
            self._limit.cancel()

    def look(self) -> None:
        """Ask again, unless the last question has not been answered: one thread may hang there, and no
        more."""
        if self._asked is not None:
            return
        root = self._storage.root
        self._asked = str(root)
        self._limit = self._reactor.callLater(LIMIT, self._silent)
        self._threads.io(ask, root, self._storage.is_own).addBoth(self._answered)

    def bear(self, work: Coroutine[Any, Any, Any] | Deferred[Any]) -> Deferred[None]:
        """Fires when this is done, or as soon as it is known that the place hangs; the work goes on by itself
        then. Fails as the work does."""
        done: Deferred[None] = Deferred()
        if self.hangs:
            done.callback(None)
        else:
            self._bearing.append(done)
        ensureDeferred(work).addBoth(self._done, done)
        return done

    def _done(self, result: Any, done: Deferred[None]) -> Any:
        if not done.called:
            self._bearing.remove(done)
            done.callback(result)  # a Failure given to callback() runs the errbacks
            return None
        return result  # one that comes too late is logged by Twisted

    def _silent(self) -> None:
        """The limit is over."""
        self.hangs = True
        reason = f"{self._asked} does not answer: is its server there?"
        self._shown.publish([asdict(Found(str(self._asked), state="hanging", reason=reason))])
        self._storage.block(reason)
        bearing, self._bearing = self._bearing, []
        for done in bearing:
            done.callback(None)

    def _answered(self, found: Any) -> None:
        """Whether anything can be recorded there is found out by Retention, which can go on now."""
        self._asked = None
        if self._limit.active():
            self._limit.cancel()
        if not isinstance(found, Found):
            self.log.failure("looking at the place of recordings", found)
            return
        if self.hangs:
            self.hangs = False
            self.log.info("{path} answers again", path=found.path)
        self._shown.publish([asdict(found)])
