"""Discovery: recorders find camd, and camd finds cameras (WS-Discovery); browsers find its page (mDNS).

It begins when there is an administrator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from camd.hookspecs import Check, Found, Method, Route, hookimpl
from camd.state import Permission, Spec

from .resource import Discover
from .service import FOUND, Discovery

if TYPE_CHECKING:
    from twisted.application.service import IService

    from camd.app import App

_services: WeakKeyDictionary[App, Discovery] = WeakKeyDictionary()

STATES = (
    Spec(FOUND, list, default=[], doc="ONVIF devices of the network, as the last search found them."),
    Spec("discovery/mdns", bool, default=True, write=Permission.System_rw, persist=True,
         doc="Whether the page and the streams are told by mDNS."),
)  # fmt: skip


@hookimpl
def camd_observables(app: App) -> list[Spec]:
    return list(STATES)


@hookimpl
def camd_resources(app: App) -> list[Route]:
    service = _services[app] = Discovery(app)
    return [Route("/api/onvif/discover", Discover(service.search), "System_r")]


@hookimpl
def camd_methods(app: App) -> list[Method]:
    search = _services[app].search
    return [Method("discovery.search", {}, "System_r", search, "Search the network for ONVIF devices.")]


@hookimpl
def camd_services(app: App) -> list[IService]:
    return [_services[app]]


@hookimpl
def camd_health(app: App) -> list[Check]:
    trouble = _services[app].trouble
    return [Check("discovery", not trouble, trouble)]


@hookimpl
def camd_search(seconds: float) -> list[Found]:
    from .lookout import look

    return look(seconds)
