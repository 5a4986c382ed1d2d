"""The service: a Follower for every camera that names an ONVIF device, as they come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, succeed

from camd.state import Observable, Watch

from .follower import Follower

if TYPE_CHECKING:
    from camd.app import App


class Devices(Service):
    """Hears of cameras by their state. Reactor thread only; make: of a Follower, for tests."""

    def __init__(self, app: App, make: Any = Follower):
        self.setName("onvif_client")
        self._app = app
        self._make = make
        self._followers: dict[str, Follower] = {}
        self._logins: dict[str, tuple[object, ...]] = {}
        self._watch: Watch | None = None
        self._following: dict[str, Any] = {}

    def __getitem__(self, camera: str) -> Follower | None:
        return self._followers.get(camera)

    def startService(self) -> None:
        super().startService()
        self._watch = self._app.state.observe("cameras/", self._changed)

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        if self._watch is not None:
            self._watch.close()
        for call in self._following.values():
            call.cancel()
        return DeferredList([self._leave(camera) for camera in list(self._followers)])

    def _changed(self, observable: Observable) -> None:
        _, camera, name = observable.name.split("/", 2)
        # In the next turn, for the camera is in the midst of it. `state` changes with a login, too.
        if name in ("onvif", "source", "state") and camera not in self._following:
            self._following[camera] = self._app.reactor.callLater(0, self._follow, camera)

    def _follow(self, id: str) -> None:
        del self._following[id]
        camera = self._app.cameras.get(id)
        url = camera.config.onvif if camera is not None and camera.config.enabled else ""
        wanted = (url, *camera.config.device) if camera is not None and url else None
        if self._logins.get(id) == wanted:
            return
        self._leave(id)
        if wanted is not None:
            self._logins[id] = wanted
            follower = self._followers[id] = self._make(self._app, id, url)
            follower.start()

    def _leave(self, id: str) -> Deferred[None]:
        self._logins.pop(id, None)
        follower = self._followers.pop(id, None)
        return succeed(None) if follower is None else follower.stop()
