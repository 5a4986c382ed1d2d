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
from .mount import Login, Mount
from .sound import Microphone, Sound
from .source import Source, SourceSettings, expect
from .trial import Trial, try_source

#: Makes a Camera of its configuration and an open-able source.
Make = Callable[[CameraConfig, Source], Camera]
MakeSound = Callable[[CameraConfig, Callable[[CameraConfig], Microphone]], Sound]


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
    sources may be open at once. login(config): the user name and the password of a camera; blocks.
    microphones: scheme -> function(address) -> Microphone, from the plugins; make_sound(config, microphone): the
    Sound of a camera that has a microphone.
    """

    log = Logger()

    def __init__(
        self,
        state: State,
        kinds: Mapping[str, Callable[[str], Source]],
        make: Make,
        on_count: Callable[[int], None] = lambda count: None,
        login: Callable[[CameraConfig], tuple[str, str]] = lambda config: ("", ""),
        microphones: Mapping[str, Callable[[str], Microphone]] | None = None,
        make_sound: MakeSound | None = None,
    ):
        self._state = state
        self._kinds = kinds
        self._make = make
        self._on_count = on_count
        self._login = login
        self._microphones = {} if microphones is None else microphones  # may be filled later
        self._make_sound = make_sound
        self._mounts: dict[str, Mount] = {}
        self._cameras: dict[str, Camera] = {}
        self._main: str | None = None
        self._configured_main: str | None = None
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
        """Make it so: cameras that are new start, cameras that are gone end, those whose configuration changed
        take it and keep their clients, and nothing happens to the others."""
        for camera in list(self._cameras.values()):
            if camera.id not in configs:
                self._remove(camera)
        self._on_count(len(configs) + sum(bool(config.sound) for config in configs.values()))
        kept, self._cameras = self._cameras, {}
        for config in configs.values():
            camera = kept.get(config.id)
            if camera is None:
                mount = self._mounts[config.id] = Mount(self.source(config), self._login_of(config))
                self._cameras[config.id] = self._make(config, mount)
                self._cameras[config.id].start()
                self._listen(self._cameras[config.id])
                continue
            self._cameras[config.id] = camera
            if camera.config != config:
                self._change(camera, config)
        if main != self._configured_main or self._main not in self._cameras:
            self._main = self._configured_main = main
        self._state.declare(self._main_spec(), self._choose_main)
        self._main_name.publish(self.main.id if self.main else "")

    def _change(self, camera: Camera, config: CameraConfig) -> None:
        is_other = config.device != camera.config.device
        if is_other:
            self._mounts[camera.id].exchange(self.source(config), self._login_of(config))
        else:
            expect(self._mounts[camera.id], config.fps)
        camera.reconfigure(config, is_other)
        self._listen(camera)

    def _listen(self, camera: Camera) -> None:
        """There is sound if the configuration names a microphone."""
        config, sound = camera.config, camera.sound
        if sound is not None and config.sound:
            sound.reconfigure(config)
        elif sound is not None:
            camera.sound = None
            sound.end()
        elif config.sound and self._make_sound is not None:
            camera.sound = self._make_sound(config, self._microphone)
            camera.sound.start()

    def renew(self, camera: str) -> Source:
        """A fresh source for a camera whose present one hangs."""
        config = self._cameras[camera].config
        mount = self._mounts[camera] = Mount(self.source(config), self._login_of(config))
        return mount

    def _login_of(self, config: CameraConfig) -> Login:
        return lambda: self._login(config)

    def login(self, camera: str) -> tuple[str, str]:
        """The user name and the password of a camera; both "" for none. Blocks; raises SourceError."""
        return self._login(self._cameras[camera].config)

    def try_source(self, config: CameraConfig, username: str, password: str) -> Trial:
        """Look what is in the source of a camera that is not there yet. Blocks as long as the source does."""
        mount = Mount(self.source(config), lambda: (username, password))
        return try_source(mount, SourceSettings(config.id, config.address, fps=config.fps, password=password))

    def _main_spec(self) -> Spec:
        return Spec(
            "system/main_camera", str, default="", choices=tuple(self._cameras), read=Permission.Device_r,
            write=Permission.Device_rw if self._cameras else None,
            doc="The camera behind /snapshot and /stream, until `main_camera` of the configuration changes.",
        )

    def _choose_main(self, camera: str) -> str:
        self._main = camera
        return camera

    def stop(self) -> Deferred[Any]:
        """Fires when every device is closed."""
        sounds = [camera.sound for camera in self._cameras.values() if camera.sound is not None]
        return DeferredList([one.stop() for one in (*self._cameras.values(), *sounds)], consumeErrors=True)

    @property
    def kinds(self) -> list[str]:
        """The kinds of sources that somebody provides."""
        return sorted(self._kinds)

    def knows(self, source: str) -> bool:
        """Whether somebody provides this kind of source."""
        return source.partition(":")[0] in self._kinds

    def source(self, config: CameraConfig) -> Source:
        """The source of a camera, not opened; one that says why not if nobody provides it."""
        source = self._device("source", config.source, config.id, self._kinds)
        expect(source, config.fps)
        return source

    def _microphone(self, config: CameraConfig) -> Microphone:
        return self._device("microphone", config.sound, config.id, self._microphones)

    def _device(self, what: str, name: str, camera: str, kinds: Mapping[str, Callable[[str], Any]]) -> Any:
        scheme, _, address = name.partition(":")
        factory = kinds.get(scheme)
        if factory is None:
            known = ", ".join(sorted(kinds)) or "none"
            return Missing(f"no {what} of the kind {scheme!r}; there are: {known}")
        try:
            return factory(address)
        except SourceError as error:
            return Missing(str(error))
        except Exception as error:
            self.log.failure("{what} of camera {camera}", what=what, camera=camera)
            return Missing(f"the {what} could not be made: {error}")

    def _remove(self, camera: Camera) -> None:
        del self._cameras[camera.id], self._mounts[camera.id]
        if camera.sound is not None:
            camera.sound.end()
        camera.stop().addErrback(lambda failure: self.log.failure("camera {camera}", failure, camera=camera.id))
        camera.pipeline.source.end()
        for observable in self._state.select(f"cameras/{camera.id}/*"):
            self._state.remove(observable.name)
