"""The service: a Lookout for every camera, as they come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.application.service import Service

from camd.state import Observable, Watch

from .lookout import Lookout

if TYPE_CHECKING:
    from camd.app import App

#: After a change of these the picture looks different without anything having moved.
_LOOKS = frozenset({"rotate", "flip", "crop", "masks", "size", "format"})
_LOOKS_BELOW = ("ptz/", "overlay/")


class Motion(Service):
    """Hears of cameras by their state: who reads `cameras/` learns all there is to know about them."""

    def __init__(self, app: App):
        self.setName("motion")
        self._app = app
        self._lookouts: dict[str, Lookout] = {}
        self._watch: Watch | None = None

    def startService(self) -> None:
        super().startService()
        self._watch = self._app.state.observe("cameras/", self._changed)

    def stopService(self) -> None:
        super().stopService()
        if self._watch is not None:
            self._watch.close()
        for lookout in self._lookouts.values():
            lookout.close()
        self._lookouts.clear()

    def _changed(self, observable: Observable) -> None:
        _, camera, name = observable.name.split("/", 2)
        lookout = self._lookouts.get(camera)
        if name == "state":
            if observable.name not in self._app.state:
                if lookout is not None:  # its names go with the camera's
                    self._lookouts.pop(camera).close()
                return
            if lookout is None:
                lookout = self._lookouts[camera] = Lookout(self._app, camera)
            lookout.forget()
            lookout.follow()
        elif lookout is None:
            return
        elif name == "motion/enabled":
            lookout.follow()
        elif name in _LOOKS or name.startswith(_LOOKS_BELOW):
            lookout.forget()
