"""Viewers by WebRTC, each a Python process of its own; they need aiortc."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from typing import Any, Self

from .client import MeasurementError
from .peer import ROOT

#: How often a viewer tells how many pictures it has: with every tenth.
_TOLD = 10


class WebRtcViewers:
    """`count` viewers of one address (WHEP), who show a token, for a `with` block that begins when all have pictures.

    Raises MeasurementError if one has none within 20 s.
    """

    def __init__(self, url: str, token: str, count: int) -> None:
        if importlib.util.find_spec("aiortc") is None:
            raise MeasurementError("viewers by WebRTC need aiortc: pip install aiortc")
        self._address = url, token
        self._children: list[subprocess.Popen[str]] = []
        self._pictures = [0] * count
        self._said = [""] * count

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        # They decode, which is work for other machines than the server's: here they get what it leaves.
        command = ["nice", "-n", "19", sys.executable, "-m", "tests.e2e.webrtc_client", *self._address]
        try:
            for number in range(len(self._pictures)):
                child = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self._children.append(child)
                threading.Thread(target=self._follow, args=(number, child), daemon=True).start()
            deadline = time.monotonic() + 20
            while min(self._pictures) <= _TOLD:
                if time.monotonic() > deadline:
                    raise MeasurementError(f"WebRTC viewers have {self._pictures} pictures; the last words: {self._said}")
                time.sleep(0.1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()
            child.wait()

    @property
    def pictures(self) -> list[int]:
        """Of each, so far, to the last ten."""
        return list(self._pictures)

    def _follow(self, number: int, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None and child.stdin is not None
        with child.stdout, child.stdin:
            for line in child.stdout:
                self._said[number] = line.strip()[:200]
                try:
                    said: dict[str, Any] = json.loads(line)
                except ValueError:
                    continue
                self._pictures[number] = said.get("pictures", self._pictures[number])
