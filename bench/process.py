"""What a process and the whole machine have used, read from /proc (proc(5))."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class CpuReading:
    """CPU time so far, seconds. threads: by thread id, from the scheduler, in nanoseconds' resolution;
    user, system: of the process, in clock ticks (10 ms)."""

    threads: dict[int, float]
    user: float
    system: float

    def since(self, earlier: CpuReading) -> float:
        """CPU seconds between two readings: the scheduler's, unless a thread ended in between."""
        if earlier.threads and earlier.threads.keys() <= self.threads.keys():
            return sum(spent - earlier.threads.get(thread, 0.0) for thread, spent in self.threads.items())
        return self.user + self.system - earlier.user - earlier.system


class Process:
    """A running process, by its id. Every method reads /proc afresh and raises OSError once it is gone."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._place = Path(f"/proc/{pid}")

    def cpu(self) -> CpuReading:
        """CPU time of all its threads. Children are not counted."""
        threads = {}
        for task in (self._place / "task").iterdir():
            try:
                threads[int(task.name)] = int((task / "schedstat").read_text().split()[0]) / 1e9
            except OSError:  # ended while we looked, or a kernel without CONFIG_SCHED_INFO
                continue
        fields = (self._place / "stat").read_text().rpartition(")")[2].split()
        return CpuReading(threads, int(fields[11]) / _TICK, int(fields[12]) / _TICK)

    def rss(self) -> int:
        """Resident memory, bytes."""
        return int((self._place / "statm").read_text().split()[1]) * _PAGE

    def pss(self) -> int:
        """Resident memory with shared pages divided among their users, bytes. Slower than rss."""
        for line in (self._place / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        raise OSError(f"{self._place}/smaps_rollup has no Pss line")

    def alive(self) -> bool:
        """Whether it runs (a zombie does not)."""
        try:
            return (self._place / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class MachineReading:
    """CPU seconds of all cores so far. busy includes what interrupts took."""

    busy: float
    idle: float
    stolen: float


def machine() -> MachineReading:
    """Read /proc/stat."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, idle, iowait, irq, softirq, steal = (
            int(text) / _TICK for text in file.readline().split()[1:9]
        )
    return MachineReading(user + nice + system + irq + softirq, idle + iowait, steal)


@dataclass
class MemoryWatch:
    """Follows the memory of a process in a thread of its own, for a `with` block.

    before: at the beginning; peak: the most seen, ten times a second; bytes.
    """

    process: Process
    before: int = 0
    peak: int = 0
    pss_before: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.before = self.peak = self.process.rss()
        self.pss_before = self.process.pss()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    def _follow(self) -> None:
        while not self._over.wait(0.1):
            try:
                self.peak = max(self.peak, self.process.rss())
            except OSError:
                return
