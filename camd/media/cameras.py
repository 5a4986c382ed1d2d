"""Cameras: all of them by id, made from the configuration and changed with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from ..config import CameraConfig
from ..errors import SourceError
from ..state.permission import Permission
from ..state.spec import Spec
from ..state.state import State
from .camera import Camera
from .source import Source

#: Makes a Camera of its configuration and an open-able source.
Make = Callable[[CameraConfig, Source], Camera]


class Missing:
    """Stands in for a source of a kind that nobody provides, so that the camera can say so."""

    def __init__(self, text: str):
        self._text = text

    def _fail(self, *_: Any) -> Any:
        raise SourceError(self._text)

    probe = present = open = read = set = _fail

    def close(self) -> None:
        pass

    def dropped(self) -> int:
        return 0


class Cameras(Mapping[str, Camera]):
    """The cameras in the order of the configuration. Reactor thread only.

    kinds: scheme -> function(address) -> Source, from the plugins. on_count(n) hears how many
    sources may be open at once.
    """

    log = Logger()

    def __init__(
        self,
        state: State,
        kinds: Mapping[str, Callable[[str], Source]],
        make: Make,
        on_count: Callable[[int], None] = lambda count: None,
    ):
        self._state = state
        self._kinds = kinds
        self._make = make
        self._on_count = on_count
        self._cameras: dict[str, Camera] = {}
        self._main: str | None = None
        self._main_name = state.declare(self._main_spec())

    def __getitem__(self, camera: str) -> Camera:
        return self._cameras[camera]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._cameras))

    def __len__(self) -> int:
        return len(self._cameras)

    @property
    def main(self) -> Camera | None:
        """The camera behind the short addresses: the configured one, else the first."""
        if self._main in self._cameras:
            return self._cameras[self._main]
        return next(iter(self._cameras.values()), None)

    def configure(self, configs: Mapping[str, CameraConfig], main: str | None = None) -> None:
        """Make it so: cameras that are new start, cameras that are gone end, those whose
        configuration changed are made anew, and nothing happens to the others."""
        for camera in list(self._cameras.values()):
            if configs.get(camera.id) != camera.config:
                self._remove(camera)
        self._on_count(len(configs))
        kept, self._cameras = self._cameras, {}
        for config in configs.values():
            camera = self._cameras[config.id] = kept.get(config.id) or self._make(config, self._source(config))
            if config.id not in kept:
                camera.start()
        self._main = main
        self._state.declare(self._main_spec(), self._choose_main)
        self._main_name.publish(self.main.id if self.main else "")

    def _main_spec(self) -> Spec:
        return Spec(
            "system/main_camera", str, default="", choices=tuple(self._cameras), read=Permission.Device_r,
            write=Permission.Device_rw if self._cameras else None,
            doc="The camera behind /snapshot and /stream, until the configuration is read again.",
        )

    def _choose_main(self, camera: str) -> str:
        self._main = camera
        return camera

    def stop(self) -> Deferred[Any]:
        """Fires when every device is closed."""
        return DeferredList([camera.stop() for camera in self._cameras.values()], consumeErrors=True)

    def _source(self, config: CameraConfig) -> Source:
        scheme, _, address = config.source.partition(":")
        factory = self._kinds.get(scheme)
        if factory is None:
            known = ", ".join(sorted(self._kinds)) or "none"
            return Missing(f"no source of the kind {scheme!r}; there are: {known}")
        try:
            return factory(address)
        except SourceError as error:
            return Missing(str(error))
        except Exception as error:
            self.log.failure("source of camera {camera}", camera=config.id)
            return Missing(f"the source could not be made: {error}")

    def _remove(self, camera: Camera) -> None:
        del self._cameras[camera.id]
        camera.stop().addErrback(lambda failure: self.log.failure("camera {camera}", failure, camera=camera.id))
        camera.pipeline.source.end()
        for observable in self._state.select(f"cameras/{camera.id}/*"):
            self._state.remove(observable.name)


