"""Runs a C client against a server and reads the server's counters at the edges of its window."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .build import build
from .process import CpuReading, MachineReading, MemoryWatch, Process, machine


class MeasurementError(Exception):
    """A measurement failed; the text says what the client or server said."""


@dataclass(frozen=True, slots=True)
class _Moment:
    when: float
    cpu: CpuReading
    machine: MachineReading
    rss: int

    @classmethod
    def of(cls, process: Process) -> _Moment:
        return cls(time.monotonic(), process.cpu(), machine(), process.rss())


def options(url: str, **values: Any) -> list[str]:
    """Command-line options of a C client. A list is repeated; slow_rate becomes --slow-rate."""
    parts = urlsplit(url)
    tls = parts.scheme in ("https", "wss")
    found = ["--host", parts.hostname or "127.0.0.1", "--port", str(parts.port or (443 if tls else 80))]
    found += ["--path", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), "--tls", str(int(tls))]
    for name, value in values.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            found += ["--" + name.replace("_", "-"), str(one)]
    return found


class Client:
    """One C client at work. `finish` waits for its end and returns what it measured.

    program: "mjpeg", "rtsp", "broadcast", "connect" or "snapshot"; arguments: from `options`; server: the process
    whose counters are read when the client announces `ready`, `start` and `end`.
    """

    def __init__(self, program: str, arguments: list[str], server: Process) -> None:
        self.server = server
        self._moments: dict[str, _Moment] = {}
        self._pss_ready: int | None = None
        self._watch = MemoryWatch(server)
        self._watch.__enter__()
        self._child = subprocess.Popen(
            [str(build(f"clients/{program}.c")), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def finish(self, on_ready: Callable[[], None] | None = None) -> dict[str, Any]:
        """The client's figures, with those of `server` and `machine` over its window.

        on_ready: called at the event `ready`, before the client may go on. Raises MeasurementError.
        """
        result = None
        child = self._child
        assert child.stdout is not None and child.stdin is not None and child.stderr is not None
        try:
            for line in child.stdout:
                event = json.loads(line)
                name = event.pop("event")
                if name == "result":
                    result = event
                    continue
                self._moments[name] = _Moment.of(self.server)
                if name == "ready":
                    self._pss_ready = self.server.pss()
                    if on_ready:
                        on_ready()
                    child.stdin.write("go\n")
                    child.stdin.flush()
            said = child.stderr.read().strip()
            child.wait()
        except OSError as error:
            raise MeasurementError(f"the server ended during the measurement: {error}") from error
        finally:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                pipe.close()
            self._watch.__exit__()
        if result is None:
            raise MeasurementError(said or f"the client ended with status {child.returncode}")
        return result | self._server_figures() | self._window_figures(result)

    def _server_figures(self) -> dict[str, Any]:
        memory = {"rss_before": self._watch.before, "pss_before": self._watch.pss_before,
                  "rss_peak": max([self._watch.peak, *(moment.rss for moment in self._moments.values())])}
        try:
            memory["pss_after"] = self.server.pss()
        except OSError as error:
            raise MeasurementError(f"the server ended during the measurement: {error}") from error
        if ready := self._moments.get("ready"):
            memory |= {"rss_ready": ready.rss, "pss_ready": self._pss_ready}
        return {"memory": memory}

    def _window_figures(self, result: dict[str, Any]) -> dict[str, Any]:
        if not {"start", "end"} <= self._moments.keys():
            return {}
        start, end = self._moments["start"], self._moments["end"]
        span = end.when - start.when
        cpu = end.cpu.since(start.cpu)
        stolen = end.machine.stolen - start.machine.stolen
        others = end.machine.busy - start.machine.busy - cpu - result["client_cpu"]
        return {
            "cpu": cpu,
            "cpu_user": end.cpu.user - start.cpu.user,
            "cpu_system": end.cpu.system - start.cpu.system,
            "cpu_share": cpu / span,
            "machine": {
                "cores": os.cpu_count(),
                "client_share": result["client_cpu"] / span,
                "others_share": max(0.0, others / span),
                "stolen_share": stolen / span,
            },
        }


def measure(
    program: str, arguments: list[str], server: Process, on_ready: Callable[[], None] | None = None
) -> dict[str, Any]:
    """Run one client to its end; see Client."""
    return Client(program, arguments, server).finish(on_ready)
