"""Starts a peer for one measurement and stops it again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote

from .client import MeasurementError
from .peer import Peer
from .process import Process

_UNLIMITED = 100_000


class Server:
    """A running peer, for a `with` block. Fresh directory and ports each time; killed at the end.

    limit: of WebSocket clients. Raises MeasurementError when the peer does not listen in 20 s.
    """

    def __init__(self, peer: Peer, limit: int = _UNLIMITED) -> None:
        self.peer = peer
        self._limit = limit
        self._directory = tempfile.TemporaryDirectory(prefix="bench-")
        self._places = {"{directory}": self._directory.name, "{limit}": str(limit),
                        "{port}": str(_free_port()), "{tls_port}": str(_free_port()), "{rtsp_port}": str(_free_port())}
        self.process: Process
        self._child: subprocess.Popen[bytes]

    @property
    def directory(self) -> Path:
        """Its own one."""
        return Path(self._directory.name)

    @property
    def port(self) -> int:
        """The TCP port of plain HTTP."""
        return int(self._places["{port}"])

    @property
    def tls_port(self) -> int:
        """The TCP port of HTTPS, of peers that have it."""
        return int(self._places["{tls_port}"])

    @property
    def token(self) -> str:
        """What shows who asks, of peers that want to know; else ""."""
        return unquote(self._places.get("{token}", ""))

    def url(self, what: str, *, tls: bool = False) -> str:
        """The address of the `stream`, the `snapshot`, the `websocket` or the `download`."""
        scheme = ("ws" if what == "websocket" else "http") + ("s" if tls else "")
        return f"{scheme}://127.0.0.1:{self.tls_port if tls else self.port}{self._fill(getattr(self.peer, what))}"

    @property
    def video(self) -> str:
        """The address of its video over RTSP."""
        return f"rtsp://127.0.0.1:{self._fill(self.peer.rtsp)}"

    def __enter__(self) -> Self:
        directory = self.directory
        for name, content in self.peer.files.items():
            (directory / name).write_text(self._fill(content))
        environment = {**os.environ, **{name: self._fill(value) for name, value in self.peer.environment.items()}}
        for command, given in self.peer.prepare:
            done = subprocess.run([self._fill(word) for word in command], input=given, env=environment, text=True,
                                  capture_output=True, cwd=directory, check=False)
            if done.returncode:
                raise MeasurementError(f"{command[0]} {' '.join(command[1:5])}: {done.stderr[-400:].strip()}")
            self._places["{token}"] = quote(done.stdout.strip(), safe="")
        with (directory / "log").open("wb") as log:
            self._child = subprocess.Popen(
                [self._fill(word) for word in self.peer.command],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory, start_new_session=True,
            )
        self.process = Process(self._child.pid)
        try:
            self._wait_until_listening(20.0)
            time.sleep(self.peer.settle)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for signum, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            try:
                os.killpg(self._child.pid, signum)
                self._child.wait(patience)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._child.poll()
        self._directory.cleanup()

    def log(self) -> str:
        """What it has said so far."""
        return (self.directory / "log").read_text(errors="replace")

    def _fill(self, text: str) -> str:
        for place, value in self._places.items():
            text = text.replace(place, value)
        return text

    def _wait_until_listening(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self._child.poll() is not None:
                raise MeasurementError(f"ended with status {self._child.returncode}: {self.log()[-400:].strip()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
                return
            except OSError:
                time.sleep(0.05)
        raise MeasurementError(f"did not listen within {patience:.0f} s: {self.log()[-400:].strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
