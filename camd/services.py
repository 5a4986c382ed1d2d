"""A service tree that waits: children start in order, each awaited, and stop in reverse.

Twisted's MultiService starts all children without waiting and stops all at once, so "the port is
open" could come before "the cameras are there", and a failure would have no name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure


class Step(Service):
    """One child of the tree from two functions, which may return Deferreds or be coroutines."""

    def __init__(self, name: str, start: Callable[[], Any] = lambda: None, stop: Callable[[], Any] = lambda: None):
        self.setName(name)
        self._start = start
        self._stop = stop

    def startService(self) -> Any:
        super().startService()
        return self._start()

    def stopService(self) -> Any:
        super().stopService()
        return self._stop()


class StartError(Exception):
    """A child could not start; its text is one line for the operator."""


class RootService(MultiService):
    """The root of camd. `started` fires when every child runs, or fails with StartError; never if it is told
    to stop before that.

    A child that must not end the daemon (a camera, a plugin) handles its own failure; any failure
    that reaches the root does end it: what runs already is stopped in reverse order.
    """

    log = Logger()

    def __init__(self) -> None:
        super().__init__()
        self.started: Deferred[None] = Deferred()
        self._running: list[Any] = []

    def startService(self) -> None:
        # Not MultiService's: it would start the children all at once.
        Service.startService(self)
        ensureDeferred(self._start()).addBoth(self._settled)

    def _settled(self, outcome: Any) -> None:
        """All run, or one could not; a daemon that is being stopped has none that waits for it."""
        if self.running:
            self.started.callback(outcome)
        elif isinstance(outcome, Failure):
            self.log.failure("a service failed while camd was told to stop", outcome)

    async def _start(self) -> None:
        for child in list(self):
            if not self.running:
                break
            try:
                await maybeDeferred(child.startService)
            except Exception as error:
                raise StartError(f"{child.name}: {error}") from error
            self._running.append(child)
        if not self.running:  # stopped while the last child was starting
            await self._stop()

    def stopService(self) -> Deferred[None]:
        Service.stopService(self)
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        while self._running:
            child = self._running.pop()
            try:
                await maybeDeferred(child.stopService)
            except Exception:
                self.log.failure("{name} did not stop cleanly", name=child.name)

