"""Events: things that happen, told to whoever subscribed and to the plugins."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from .plugins import Plugins
from .state.event import Event


class Events:
    """Reactor thread only."""

    log = Logger()

    def __init__(self, plugins: Plugins):
        self._plugins = plugins
        self._subscribers: list[Callable[[Event], None]] = []

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call back with every Event; returns the function that ends it."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def publish(self, event: Event) -> None:
        for callback in list(self._subscribers):
            try:
                callback(event)
            except Exception:
                self.log.failure("a subscriber of events failed")
        self._plugins.call("camd_event", event=event)
