"""Holds a process to a share of one core, as a small board would."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import Protocol, Self

_PERIOD = 0.1  # seconds, the kernel's default for CPU bandwidth


class Quota(Protocol):
    """A limit on one process, for a `with` block. doc: how it is done, for the tables."""

    doc: str

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def quota(pid: int, share: float) -> Quota:
    """The best limit this machine allows: cgroup v2, cgroup v1, else stop and continue signals.

    share: of one core. The first two need the right to make a group (root, or a delegated one).
    """
    for kind in (_Group2, _Group1):
        with contextlib.suppress(OSError):
            return kind(pid, share)
    return _Signals(pid, share)


class _Group:
    """A control group made for one process; removed at the end."""

    def __init__(self, place: Path, doc: str, pid: int, settings: dict[str, int | str]) -> None:
        self.doc = doc
        self._place = place
        self._pid = pid
        self._settings = settings
        self._mother = place.parent
        place.mkdir()
        try:
            for name, value in settings.items():
                (place / name).write_text(str(value))
        except OSError:
            place.rmdir()
            raise

    def __enter__(self) -> Self:
        (self._place / "cgroup.procs").write_text(str(self._pid))
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # already gone
            (self._mother / "cgroup.procs").write_text(str(self._pid))
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                self._place.rmdir()
                return
            except OSError:  # a dying process leaves its group a moment later
                time.sleep(0.05)


def _Group2(pid: int, share: float) -> _Group:
    """Control group v2: `cpu.max` (kernel, Documentation/admin-guide/cgroup-v2.rst)."""
    root = Path("/sys/fs/cgroup")
    if "cpu" not in (root / "cgroup.controllers").read_text().split():
        raise OSError("no cpu controller in the unified hierarchy")
    with contextlib.suppress(OSError):  # it may be on already
        (root / "cgroup.subtree_control").write_text("+cpu")
    period = int(_PERIOD * 1e6)
    doc = f"cgroup v2, cpu.max {share:.0%} of a core"
    return _Group(root / f"camd-bench-{os.getpid()}", doc, pid, {"cpu.max": f"{int(share * period)} {period}"})


def _Group1(pid: int, share: float) -> _Group:
    """Control group v1: `cpu.cfs_quota_us` (kernel, Documentation/scheduler/sched-bwc.rst)."""
    period = int(_PERIOD * 1e6)
    doc = f"cgroup v1, cpu.cfs_quota_us {share:.0%} of a core"
    settings: dict[str, int | str] = {"cpu.cfs_period_us": period, "cpu.cfs_quota_us": int(share * period)}
    return _Group(Path(f"/sys/fs/cgroup/cpu/camd-bench-{os.getpid()}"), doc, pid, settings)


class _Signals:
    """Stops the process for the rest of each period. Rough: it may use two cores while it runs."""

    def __init__(self, pid: int, share: float) -> None:
        self.doc = f"no control group: SIGSTOP for {1 - share:.0%} of every {_PERIOD:g} s"
        self._pid = pid
        self._share = share
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._alternate, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _alternate(self) -> None:
        try:
            while not self._over.wait(_PERIOD * self._share):
                os.kill(self._pid, signal.SIGSTOP)
                time.sleep(_PERIOD * (1 - self._share))
                os.kill(self._pid, signal.SIGCONT)
        except ProcessLookupError:
            return
