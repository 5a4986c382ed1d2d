"""ONVIF, the device side: recorders find camd's cameras, watch, steer and configure them, and hear of events.

SOAP at /onvif on both web sites. It answers once there is an administrator, like everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from camd.hookspecs import Route, hookimpl
from camd.state import Permission, Spec

from . import devices, notify, profiles, scopes
from .accounts import Accounts
from .analytics import Analytics
from .clock import Clock
from .context import Context
from .device import Device
from .device_io import DeviceIO
from .devices import Devices
from .events import Events
from .host import Host
from .hub import Hub
from .imaging import Imaging
from .masks import Masks
from .media import Media
from .media2 import Media2
from .media_configurations import MediaConfigurations
from .network import Network
from .operation import Service
from .osd import Media2Osd, MediaOsd
from .ptz import Ptz
from .resource import Onvif
from .scopes import Scopes
from .security import Tokens

if TYPE_CHECKING:
    from twisted.application.service import IService

    from camd.app import App

#: In the order in which GetServices lists them; those without a path are parts of others.
SERVICES: tuple[type[Service], ...] = (
    Device,
    Host,
    Scopes,
    Accounts,
    Media,
    MediaConfigurations,
    MediaOsd,
    Media2,
    Media2Osd,
    Masks,
    Events,
    Imaging,
    Ptz,
    Analytics,
    DeviceIO,
)
_devices: WeakKeyDictionary[App, Devices] = WeakKeyDictionary()

STATES = (
    Spec("onvif/uuid", str, default="", persist=True, doc="The name of this device among all, made once."),
    Spec(
        "onvif/discoverable",
        bool,
        default=True,
        write=Permission.System_rw,
        persist=True,
        doc="Whether searching recorders find this device.",
    ),
    Spec(
        "onvif/scopes",
        list,
        default=[],
        write=Permission.System_rw,
        persist=True,
        schema=scopes.SHAPE,
        doc="Scopes that ONVIF clients set, such as name and location; empty: made of the host's name.",
    ),
    Spec(
        "onvif/profiles",
        dict,
        default={},
        read=Permission.Media_r,
        write=Permission.Device_rw,
        persist=True,
        schema=profiles.SHAPE,
        doc="Media profiles that ONVIF clients made, by token.",
    ),
    Spec(
        "onvif/consumers",
        list,
        default=[],
        write=Permission.System_rw,
        persist=True,
        schema=notify.SHAPE,
        doc="Addresses, networks and host names that events may be sent to, beside that of the subscriber.",
    ),
    Spec(
        "onvif/ports",
        dict,
        default={},
        write=Permission.System_rw,
        persist=True,
        schema=devices.SHAPE,
        doc="Cameras that are ONVIF devices of their own: id -> port.",
    ),
    Spec("onvif/devices", list, default=[], doc="The ONVIF devices of this machine, as they are announced."),
    Spec("onvif/subscriptions", int, default=0, doc="Clients that hear of events now."),
)


def devices_of(app: App) -> Devices:
    """The ONVIF devices of an App, once its plugins are loaded."""
    return _devices[app]


@hookimpl
def camd_observables(app: App) -> list[Spec]:
    return list(STATES)


@hookimpl
def camd_resources(app: App) -> list[Route]:
    clock, network = Clock(app.clock), Network(app.reactor.seconds)
    hub = Hub(app, clock)

    def make(camera: str) -> Context:
        context = Context(app, clock, network, hub, camera)
        context.services = [service(context) for service in SERVICES]
        return context

    devices = _devices[app] = Devices(app, make)
    tokens = Tokens(clock, app.reactor.seconds)
    # Asks nobody who they are, for some operations are for everybody. media: device passwords are good here.
    return [Route("/onvif", Onvif(app, devices, tokens), None, media=True, open=True)]


@hookimpl
def camd_services(app: App) -> list[IService]:
    devices = devices_of(app)
    return [devices.whole.hub, devices]
