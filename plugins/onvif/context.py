"""Context: what the services share, and how camd is reached by whoever asks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from camd.state import Value

from .cameras import CameraView, Directory, Rendition
from .clock import Clock
from .faults import invalid
from .hub import Hub
from .network import Interface, Network
from .operation import Call, Service
from .profiles import Profile, Profiles
from .scopes import default_scopes, fixed_scopes

if TYPE_CHECKING:
    from camd.app import App

_DEFAULT_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}


class Context:
    """One device. Reactor thread only.

    services: all of the device, in the order in which they are listed; only: the id of its camera if it is a
    device with one, "" for one with all. clock, network and hub are the machine's, shared by its devices.
    """

    model = "camd"

    def __init__(self, app: App, clock: Clock, network: Network, hub: Hub, only: str = ""):
        self.app = app
        self.clock = clock
        self.network = network
        self.hub = hub
        self.only = only
        self.directory = Directory(app, only)
        self.profiles = Profiles(app, self.directory)
        self.services: list[Service] = []

    def state(self, name: str) -> Value:
        observable = self.app.state.get(name)
        return None if observable is None else observable.value

    async def set(self, values: Mapping[str, Value], call: Call) -> None:
        """Set these states for whoever asks, all or nothing, and tell the audit log. Raises CamdError."""
        if values:
            await self.app.api.set(dict(values), call.by, address=call.address)

    # -- who this device is

    @property
    def uuid(self) -> str:
        """Made once, and kept; that of a device with one camera is made of it."""
        base = self._machine()
        return str(uuid.uuid5(uuid.UUID(base), self.only)) if self.only else base

    def _machine(self) -> str:
        name = "onvif/uuid"
        observable = self.app.state[name]
        if not observable.value:
            made = str(uuid.uuid4())
            self.app.state.remember(name, made)
            observable.publish(made)
        return str(observable.value)

    @property
    def serial(self) -> str:
        return self.uuid.rpartition("-")[2].upper()

    def interfaces(self) -> list[Interface]:
        """The machine's; a device with one camera has one, with a hardware address that only it has."""
        found = list(self.network.interfaces())
        if not self.only or not found:
            return found
        own = uuid.UUID(self.uuid).bytes[:5]
        return [replace(found[-1], hardware=":".join(f"{byte:02x}" for byte in (2, *own)))]

    def fixed_scopes(self) -> list[str]:
        cameras = self.directory.known()
        encodings = {rendition.encoding for camera in cameras for rendition in camera.renditions()}
        return fixed_scopes(
            self.model,
            streaming=True,
            t=bool(encodings & {"H264", "H265"}),
            ptz=any(one.has_ptz for one in cameras),
        )

    def scopes(self) -> list[str]:
        """Those that may be changed."""
        if self.only:
            return default_scopes(CameraView(self.app, self.only).name)
        saved = self.state("onvif/scopes")
        return [str(scope) for scope in saved] if saved else default_scopes(self.network.hostname())

    def inputs(self) -> list[str]:
        """Tokens of the digital inputs: what plugins publish as `inputs/<n>`."""
        names = (observable.name.partition("/") for observable in self.app.state.select("inputs/*"))
        return [rest for _, _, rest in names if "/" not in rest]

    # -- where things are

    def address(self, call: Call, service: Service) -> str:
        """Of a service, as this client reaches it."""
        return f"{call.base}/onvif/{service.path}"

    def rtsp_port(self, secure: bool = False) -> int | None:
        """Where RTSP is, plain or with TLS; None if it is switched off."""
        scheme = "rtsps" if secure else "rtsp"
        for url in self.app.listeners.urls:
            if url.startswith(scheme + ":"):
                return urlsplit(url).port or _DEFAULT_PORTS[scheme]
        return None

    def stream_uri(self, call: Call, rendition: Rendition, way: str = "") -> str:
        """way: "" for UDP and TCP, "HTTP" through the tunnel, "TLS". Raises Fault without such a port."""
        scheme = "rtsps" if way == "TLS" else "rtsp"
        port = self.rtsp_port(way == "TLS")
        if port is None and way == "HTTP":  # the web site has the tunnel, too
            web = urlsplit(call.base)
            port = web.port or _DEFAULT_PORTS[web.scheme]
        if port is None:
            raise invalid("this way of streaming is switched off", "ter:InvalidStreamSetup")
        return f"{scheme}://{call.host}:{port}/{rendition.path}"

    def snapshot_uri(self, call: Call, profile: Profile) -> str:
        """Raises Fault without a camera."""
        camera, rendition = self.profiles.camera(profile), self.profiles.rendition(profile)
        if camera is None:
            raise invalid("the profile has no video source", "ter:IncompleteConfiguration")
        small = "?rendition=sub" if rendition is not None and rendition.name == "sub" else ""
        return f"{call.base}/cam/{camera.id}/snapshot.jpg{small}"

    # -- what requests mean

    def wanted_camera(self, call: Call, prefix: str, kind: str) -> CameraView:
        """The camera of the ConfigurationToken or ProfileToken in a request, without either the main one."""
        token, profile = call.text(f"{prefix}:ConfigurationToken"), call.text(f"{prefix}:ProfileToken")
        if token:
            return self.directory.find(kind, token, call.by)
        camera = self.profiles.camera(self.profiles.find(profile, call.by)) if profile else None
        if camera is None:
            camera = next(self.directory.all(call.by), None)
        return camera if camera is not None else self.directory.find(kind, "", call.by)

    def wanted_rendition(self, call: Call, prefix: str) -> Rendition | None:
        """The same for a video encoder; None if no camera is there."""
        token, profile = call.text(f"{prefix}:ConfigurationToken"), call.text(f"{prefix}:ProfileToken")
        if token:
            return self.directory.rendition(token, call.by)
        rendition = self.profiles.rendition(self.profiles.find(profile, call.by)) if profile else None
        return rendition or next(self.directory.renditions(call.by), None)

    def request_keyframe(self, rendition: Rendition | None) -> None:
        """Let the stream go on with a key frame, if somebody watches it."""
        if rendition is None or rendition.encoding == "JPEG":
            return
        pipeline = rendition.camera.camera.pipeline
        stream = pipeline.stream(pipeline.video(rendition.name))
        if stream.running:
            stream.request_keyframe()
