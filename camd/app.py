"""The composition root: builds everything and wires it; the rooms hold the logic."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from socket import gethostname
from typing import Any

from twisted.logger import Logger

from . import __version__
from .auth.audit import Audit
from .auth.camera_login import open_login
from .auth.site_certificate import SiteCertificate
from .auth.users import Users
from .backup import calls as backup_calls
from .backup.backups import Backups
from .clock import Clock
from .config import CameraConfig, Config, load
from .config.change import Read
from .configuration import Configuration
from .encoders import card, h264, jpeg, video_decoder
from .encoders import sound as sound_encoders
from .events import Events
from .extensions import Extensions
from .files import Files
from .listeners import Listeners
from .log import levels
from .media.camera import Camera
from .media.cameras import Cameras
from .media.codecs import Codecs
from .media.sound import Sound
from .plugins import Plugins
from .processing import Processing
from .processing.scale import scale
from .record import calls as recording_calls
from .record.metrics import RecordingMetrics
from .record.place import Place
from .record.recordings import Recordings
from .rtsp.server import RtspServer
from .services import RootService, Step
from .sources import alsa, beep, file, network, testpicture, v4l2
from .sources.default import default_source
from .state import Spec, State, Store
from .state import store as state_store
from .threads import Threads
from .web import profiles, ptz, rest
from .web.api import Api
from .web.broadcast import Broadcast
from .web.metrics import core_registry
from .web.web import Web
from .web.websocket import StateFactory

#: Parts of camd that use the plugin hooks like anyone's plugin.
CORE = {"v4l2": v4l2, "file": file, "network": network, "test": testpicture, "jpeg": jpeg, "h264": h264,
        "alsa": alsa, "beep": beep, "sound": sound_encoders, "ptz": ptz, "profiles": profiles, "recording": recording_calls, "backup": backup_calls}


class App:
    """The facade that plugins receive. Reactor thread only.

    state, clock, cameras, recordings, users, audit, events, web, threads, metrics (a prometheus_client registry),
    plugins, config (what is in force), configuration (how it changes), log, reactor.

    read(text): the configuration as it is now, or as it would be with this text in the run-time store; for
    tests it may be left out. on_restart(): ends the process so that it is started again; the daemon's.
    """

    log = Logger(namespace="camd")

    def __init__(self, config: Config, reactor: Any, trace_hooks: bool = False, read: Read | None = None):
        self.config = config
        self._found: CameraConfig | None = None
        self.reactor = reactor
        self.threads = Threads(reactor)
        saved = config.data_dir / "state.json"
        self.state = State(state_store.read(saved))
        self.store = Store(self.state, saved, reactor, self.threads.io)
        for name, value, doc in (("version", __version__, "Version of camd."), ("name", gethostname(), "Name of the host.")):
            self.state.declare(Spec(f"system/{name}", str, default=value, doc=doc))
        self.clock = Clock(self.state, reactor)
        self.plugins = Plugins(reactor, trace=trace_hooks)
        self.events = Events(self.plugins)
        self.extensions = Extensions(self)
        self.codecs = Codecs(
            self.extensions.encoders, jpeg.decode, video_decoder.VideoDecoder, Processing.of, scale, card.card
        )
        self.cameras = Cameras(
            self.state, self.extensions.sources, self._make_camera, self.threads.allow_sources,
            lambda camera: open_login(config.data_dir, camera), self.extensions.microphones, self._make_sound,
        )
        self.recordings = Recordings(config, self.state, self.threads, reactor, self.events.publish,
                                     lambda: self.clock.was_right)
        self.place = Place(self.state, self.threads, reactor, self.recordings.storage)
        self.events.subscribe(self.recordings.hear)
        self.clock.on_step(lambda step: self.recordings.clock_was_set(step.by, step.was_right))
        self.clock.on_synchronised(self.recordings.clock_is_right)
        self.hotplug = v4l2.HotPlug(self.state, self.cameras, reactor, self.threads.io)
        self.metrics, self.core_metrics = core_registry(self)
        self.metrics.register(RecordingMetrics(self.recordings))
        self.audit = Audit(config.data_dir, self.threads, later=reactor.callLater)
        self.users = Users(config.data_dir, self.threads, reactor, self.audit, config)
        self.api = Api(self.state, self.extensions.methods, self.audit.record)
        self.certificate = SiteCertificate(config, self.state, self.threads, reactor, self.audit,
                                           self._certificate_changed)
        self.files = Files(self.state, self.threads.io, config)
        self.listeners = Listeners(self)
        self.configuration = Configuration(self, read or self._read, self._find_camera)
        self.backups = Backups(self, read or self._read)
        self.on_restart: Callable[[], None] = lambda: None
        self.web = Web(self)
        self.rtsp = RtspServer(
            self.cameras, self.users, reactor, self.web.presence, self.web.limits, self.audit.record,
            partial(self.web.delays.note, "rtsp"),
        )
        self.web.site.tunnels = self.rtsp.connection
        broadcast = Broadcast(self.state, reactor)
        self.web.serve_websocket(StateFactory(self.api, broadcast, config.websocket, reactor, self.web))
        for route in rest.routes(self):
            self.web.add(route)

    def _make_camera(self, config: CameraConfig, source: Any) -> Camera:
        return Camera(
            config, source, self.state, self.threads, self.codecs, self.reactor, self.events.publish,
            lambda: self.cameras.renew(config.id),
        )

    def _make_sound(self, config: CameraConfig, microphone: Any) -> Sound:
        return Sound(config, microphone, self.extensions.encoders, self.state, self.threads, self.reactor)

    def _certificate_changed(self, expiry: float) -> None:
        self.core_metrics.certificate_expiry = expiry
        self.web.configure(self.config)  # which knows the names in it

    def _read(self, text: str | None) -> Config:
        options = {"data-dir": str(self.config.data_dir)}
        return load(self.config.file, environ={}, options=options, store=text)

    def _find_camera(self) -> CameraConfig:
        """The camera of a camd that was told of none: the one that it has found already, else it looks. Blocks."""
        return self._found or CameraConfig("cam1", default_source())

    async def start_cameras(self) -> None:
        """The configured cameras; without any, the first V4L2 camera, or else the test picture."""
        configs = self.config.cameras
        self._found = None if configs else await self.threads.io(self._find_camera)
        if self._found is not None:
            configs = {self._found.id: self._found}
        self.cameras.configure(configs, self.config.main_camera)
        self.recordings.follow(self.cameras)

    async def start_recordings(self) -> None:
        """Cameras do not wait for a place that hangs: recording begins when it answers."""

        async def begin() -> None:
            await self.recordings.start()
            self.recordings.follow(self.cameras)

        self.place.start()
        await self.place.bear(begin())

    async def stop_recordings(self) -> None:
        await self.place.bear(self.recordings.stop())
        self.place.stop()

    async def reload(self, config: Config) -> None:
        """Bring another configuration into force and read the certificates again; cameras that did not change
        go on undisturbed. Listeners are not opened here, see Configuration."""
        before, self.config = self.config, config
        levels.set("", config.log_level)
        self.web.configure(config)
        self.files.configure(config)
        self.recordings.configure(config)
        await self.certificate.reload(config)
        if (config.cameras, config.main_camera) != (before.cameras, before.main_camera):
            await self.start_cameras()


def build(app: App, root: RootService) -> RootService:
    """The service tree of an App: children start in this order, each awaited, and stop in reverse."""
    for step in (
        Step("state", stop=app.store.flush),
        Step("threads", app.threads.start, app.threads.stop),
        Step("clock", app.clock.start, app.clock.stop),
        Step("audit", app.audit.start, app.audit.stop),
        Step("users", app.users.start, app.users.stop),
        Step("files", app.files.start),
        Step("plugins", lambda: app.extensions.load(CORE)),
        Step("recordings", app.start_recordings, app.stop_recordings),
        Step("cameras", app.start_cameras, app.cameras.stop),
        Step("devices", app.hotplug.start, app.hotplug.stop),
        Step("http", app.listeners.open_http, app.listeners.close_http),
        Step("https", app.listeners.open_https, app.listeners.close_https),
        Step("rtsp connections", stop=app.rtsp.stop),
        Step("rtsp", app.listeners.open_rtsp, app.listeners.close_rtsp),
        Step("websocket", stop=app.web.stop),
        Step("plugin services", app.extensions.start_services, app.extensions.stop_services),
        Step("configuration", app.configuration.start, app.configuration.stop),
    ):
        step.setServiceParent(root)
    return root
