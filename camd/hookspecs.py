"""The contract between camd and its plugins. Bundled and third-party plugins use the same hooks.

A plugin is a module (or object) with `@hookimpl` functions, named in the entry-point group
`camd.plugins`. Hooks run at start or on rare events, in the reactor thread, and return values or
Deferreds; they receive only the arguments they name. There is no hook per frame: frames go by
subscription (`app.cameras["cam1"].stream(...)`). `app` is the facade `camd.app.App`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from .state.permission import Permission, Principal

if TYPE_CHECKING:
    from twisted.application.service import IService
    from twisted.web.resource import IResource

    from .app import App
    from .media.sound import Microphone
    from .media.source import Source
    from .state import Event, Spec

hookspec = pluggy.HookspecMarker("camd")
hookimpl = pluggy.HookimplMarker("camd")


#: In place of a permission: whoever is signed in.
ANY = "authenticated"
#: The same, and guests if they may do anything at all: for what is filtered by the rights of its reader.
READER = "reader"


@dataclass(frozen=True, slots=True)
class Route:
    """A resource on both web sites. Without a permission there is no route.

    path: "/ticker". read: the permission for GET and HEAD, write: for every other method (None: no
    other method); ANY: whoever is signed in; READER: guests with any permission, too. The resource
    finds who asks at `request.principal`.
    media: a picture or a stream: `?token=` and device passwords are good for it, and it counts as a
    picture in the rate limits. encrypted: something secret comes in, so plain HTTP from elsewhere than
    this machine is led to HTTPS.
    """

    path: str
    resource: IResource
    read: Permission | str
    write: Permission | str | None = None
    media: bool = False
    encrypted: bool = False
    open: bool = False

    def __post_init__(self) -> None:
        if self.open:
            return
        for name in ("read", "write"):
            value = getattr(self, name)
            if isinstance(value, str) and value not in (ANY, READER):
                object.__setattr__(self, name, Permission[value])
        if self.read is None:
            raise ValueError(f"route {self.path}: a route needs a read permission")

    @classmethod
    def public(cls, path: str, resource: IResource, encrypted: bool = False) -> Route:
        """A route that asks nobody who they are, and whose resource is careful by itself: `app.web.identify`
        tells who asks, if they say so. The tests hold the list of them."""
        return cls(path, resource, None, encrypted=encrypted, open=True)


@dataclass(frozen=True, slots=True)
class Method:
    """A call for clients: {"call": name, "args": {...}}. function(**args) returns a JSON value or a
    Deferred of one; args: parameter name -> bool, int, float, str, list or dict. An argument `camera` is
    the id of one, which the caller must be allowed. whole: it changes users and settings of all cameras, so it
    takes System_rw and User_rw as well, and nobody may who sees some cameras only."""

    name: str
    args: dict[str, type]
    permission: Permission | str
    function: Callable[..., Any]
    doc: str = ""
    whole: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.permission, str):
            object.__setattr__(self, "permission", Permission[self.permission])

    def missing(self, by: Principal, camera: str = "") -> Permission | None:
        """What this caller lacks, None if it may call it."""
        place = f"cameras/{camera}/" if camera else "cameras//" if self.whole else ""
        asked = Permission(self.permission)
        needed = (asked, *((Permission.System_rw, Permission.User_rw) if self.whole else ()))
        return next((one for one in needed if not by.may(one, place)), None)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of /health: name, whether it is well, and a text for people."""

    name: str
    ok: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A device of the network. uuid: its name among all; services: addresses, the best one first."""

    uuid: str
    name: str
    hardware: str = ""
    location: str = ""
    services: tuple[str, ...] = ()


@hookspec
def camd_sources(app: App) -> dict[str, Callable[[str], Source]]:
    """Kinds of cameras: scheme of `source = "<scheme>:<address>"` -> function(address) -> Source. app: for
    sources that work with other cameras; its `cameras` are empty while the hook is called."""


@hookspec
def camd_microphones(app: App) -> dict[str, Callable[[str], Microphone]]:
    """Kinds of microphones: scheme of `sound = "<scheme>:<address>"` -> function(address) -> Microphone, see
    `camd.media.sound`."""


@hookspec
def camd_encoders(app: App) -> dict[str, Callable[..., Any]]:
    """Encoders, run in the encode pool: "mjpeg" -> function(quality) -> function(Frame) -> Packet; "h264" ->
    function(VideoSettings) -> VideoEncoder, see `camd.media.video`; "aac" and "opus" -> function() ->
    SoundEncoder, see `camd.media.sound`."""


@hookspec
def camd_observables(app: App) -> list[Spec]:
    """State of the plugin's own; afterwards `app.state[name]` is its Observable."""


@hookspec
def camd_resources(app: App) -> list[Route]:
    """Web resources of the plugin's own, on HTTP and HTTPS."""


@hookspec
def camd_methods(app: App) -> list[Method]:
    """Calls for WebSocket and HTTP clients."""


@hookspec
def camd_services(app: App) -> list[IService]:
    """Services that run as long as the daemon; started last, stopped first."""


@hookspec
def camd_event(event: Event) -> None:
    """Something happened: motion, an input, a camera lost. Rare, never once per frame."""


@hookspec
def camd_health(app: App) -> list[Check]:
    """Lines of /health; called at each request, so answer from what is known."""


@hookspec
def camd_search(seconds: float) -> list[Found]:
    """Devices that answer within that time. For `camd discover`, a process of its own where there is no App: the
    one hook that blocks."""


@hookspec
def camd_probe(url: str, username: str, password: str) -> dict[str, Any]:
    """What a device of the network is and has, as `POST /api/onvif/probe` tells it. For `camd probe`, and blocks like
    `camd_search`."""
