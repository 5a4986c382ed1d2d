"""What survives a restart: the values that clients set, in one JSON file written atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from .spec import Value
from .state import State

#: Several changes within this time are one write (seconds).
DELAY = 0.5
#: After a failure the next attempt comes this much later (seconds).
RETRY = 30.0


def read(path: Path) -> dict[str, Value]:
    """The saved values; a missing file is an empty one, a damaged one is set aside and reported."""
    try:
        saved = json.loads(path.read_text("utf-8"))
        if not isinstance(saved, dict):
            raise ValueError("not a JSON object")
        return saved
    except FileNotFoundError:
        return {}
    except ValueError as error:
        aside = path.with_suffix(".damaged")
        os.replace(path, aside)
        Store.log.error("{path} is damaged ({error}); kept as {aside}", path=path, error=error, aside=aside)
        return {}


def write(path: Path, saved: dict[str, Value]) -> None:
    """Replace the file in one step: after a crash it holds the old values or the new ones. Blocks."""
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(saved, file, indent=1, sort_keys=True, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


class Store:
    """Writes `state.saved` a moment after it changed, in the io pool, one write at a time."""

    log = Logger()

    def __init__(self, state: State, path: Path, clock: Any, defer: Callable[..., Deferred[Any]]):
        self._state = state
        self._path = path
        self._clock = clock
        self._defer = defer
        self._call: Any = None
        self._writing: Deferred[Any] | None = None
        self._dirty = False
        state.on_saved = self._changed

    def _changed(self) -> None:
        self._dirty = True
        if self._call is None and self._writing is None:
            self._call = self._clock.callLater(DELAY, self._write)

    def _write(self) -> None:
        self._call = None
        self._dirty = False
        self._writing = self._defer(write, self._path, dict(self._state.saved))
        self._writing.addErrback(self._failed).addCallback(self._written)

    def _failed(self, failure: Any) -> None:
        self.log.error("cannot save {path}: {error}", path=self._path, error=failure.value)
        self._dirty = True
        self._call = self._clock.callLater(RETRY, self._write)

    def _written(self, _: Any) -> None:
        self._writing = None
        if self._dirty:
            self._changed()

    def flush(self) -> None:
        """Write now what is not surely written, in this thread: the last thing a stopping daemon does, when a pool
        may have dropped what it was given last."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        if self._dirty or self._writing is not None:
            self._dirty = False
            write(self._path, self._state.saved)
