"""Alarms: what a device's events say, as camd's state of a camera."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from camd.state import Event, Permission, Spec

from .notice import Notice

if TYPE_CHECKING:
    from camd.app import App

_DOCS = {
    "motion": "Whether something moves now.",
    "tampering": "Whether somebody tampers with the camera.",
    "inputs": "Whether this input of the device is on.",
}
_MOST_INPUTS = 32


class Alarms:
    """Motion, tampering and inputs of one camera. Reactor thread only.

    Where camd itself looks for motion (`motion/enabled`), what the device thinks of motion does not count. A
    device may tell the same by several topics: as long as one says so, it is so.
    """

    def __init__(self, app: App, camera: str):
        self._app = app
        self._camera = camera
        self._prefix = f"cameras/{camera}/"
        self._on: dict[str, set[str]] = {}  # name -> topics that say so
        self._since: dict[str, float] = {}

    def take(self, notice: Notice, tokens: frozenset[str]) -> None:
        """tokens: by which the device names this camera."""
        if notice.cameras and tokens and not notice.cameras & tokens:
            return  # another camera of the same device
        name = notice.kind if notice.kind != "inputs" else f"inputs/{_word(notice.item)}"
        if name not in self._on and len(self._on) >= _MOST_INPUTS:
            return
        topics = self._on.setdefault(name, set())
        (topics.add if notice.on else topics.discard)(notice.topic)
        self._publish(name, bool(topics))

    def end(self) -> None:
        """The device is not heard any more."""
        names, self._on = list(self._on), {}
        for name in names:
            self._publish(name, False)

    def _publish(self, name: str, on: bool) -> None:
        app, full = self._app, self._prefix + name
        if self._camera not in app.cameras or (name == "motion" and self._is_watched_here()):
            self._since.pop(name, None)
            return
        if full not in app.state:
            doc = _DOCS[name.partition("/")[0]]
            app.state.declare(Spec(full, bool, default=False, read=Permission.Device_r, doc=doc))
        app.state[full].publish(on)
        begun = self._since.get(name)
        if on == (begun is not None):
            return
        if begun is None:
            begun = self._since[name] = time.time()
            app.events.publish(Event(name.partition("/")[0], self._camera, begun, None, {"source": "onvif"}))
        else:
            del self._since[name]
            app.events.publish(
                Event(name.partition("/")[0], self._camera, begun, time.time(), {"source": "onvif"})
            )

    def _is_watched_here(self) -> bool:
        own = self._app.state.get(self._prefix + "motion/enabled")
        return own is not None and bool(own.value)


def _word(token: str) -> str:
    """A token as it can stand in a name."""
    return (
        "".join(
            character if character.isalnum() and character.isascii() else "_" for character in token.lower()
        )
        or "0"
    )
