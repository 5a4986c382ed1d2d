"""Mode: whether the main camera is a picture in picture, as one switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from camd.errors import SourceError, Unsupported
from camd.state import SYSTEM, Observable, Permission, Spec, Watch

from .layout import SCHEME, Layout

if TYPE_CHECKING:
    from camd.app import App

MODE = Spec(
    "pip/mode", str, default="off", choices=("off", "on"), read=Permission.Device_r, write=Permission.Device_rw,
    doc="Whether the main camera is a picture in picture.",
)  # fmt: skip
_MAIN = "system/main_camera"


class Mode(Service):
    """`pip/mode`: "on" makes the first camera of the kind pip the main camera, "off" the first one in it."""

    def __init__(self, app: App):
        self.setName("pip")
        self._state = app.state
        self._cameras = app.cameras
        self._mode = app.state.declare(MODE, self._set)
        self._watch: Watch | None = None

    def startService(self) -> None:
        super().startService()
        self._watch = self._state.observe(_MAIN, self._changed)

    def stopService(self) -> None:
        super().stopService()
        if self._watch is not None:
            self._watch.close()

    def _changed(self, main: Observable) -> None:
        self._mode.publish("on" if self._layout(main.value) is not None else "off")

    def _set(self, mode: str) -> str | Deferred[str]:
        main = self._state[_MAIN]
        shown = self._layout(main.value)
        if mode == "on":
            pips = [camera for camera in self._cameras if self._layout(camera) is not None]
            if not pips:
                raise Unsupported(f"No camera is a picture in picture; add one with source = {SCHEME}:...")
            wanted = main.value if shown is not None else pips[0]
        else:
            wanted = main.value if shown is None else shown.first
        # Not as whoever set the mode, for an observable does not hear who that was. The mode asks for the permission
        # that choosing the main camera asks for, and nobody gets to see a camera by it that is not shown to them.
        return main.set(wanted, SYSTEM).addCallback(lambda _: mode)

    def _layout(self, camera: object) -> Layout | None:
        source = self._state.get(f"cameras/{camera}/source")
        scheme, _, address = str(source.value if source is not None else "").partition(":")
        try:
            return Layout.parse(address) if scheme == SCHEME else None
        except SourceError:
            return None
