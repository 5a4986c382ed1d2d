"""ONVIF, the device side: recorders find camd's cameras, watch, steer and configure them, and hear of events.

SOAP at /onvif on both web sites. It answers once there is an administrator, like everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from camd.hookspecs import Route, hookimpl
from camd.state import Permission, Spec

from .accounts import Accounts
from .analytics import Analytics
from .context import Context
from .device import Device
from .device_io import DeviceIO
from .events import Events
from .host import Host
from .imaging import Imaging
from .masks import Masks
from .media import Media
from .media2 import Media2
from .media_configurations import MediaConfigurations
from .operation import Operation, Service, operations_of
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
    Device, Host, Scopes, Accounts, Media, MediaConfigurations, MediaOsd, Media2, Media2Osd, Masks, Events, Imaging, Ptz,
    Analytics, DeviceIO,
)  # fmt: skip
_contexts: WeakKeyDictionary[App, Context] = WeakKeyDictionary()

STATES = (
    Spec("onvif/uuid", str, default="", persist=True, doc="The name of this device among all, made once."),
    Spec("onvif/discoverable", bool, default=True, write=Permission.System_rw, persist=True,
         doc="Whether searching recorders find this device."),
    Spec("onvif/scopes", list, default=[], write=Permission.System_rw, persist=True,
         doc="Scopes that ONVIF clients set, such as name and location; empty: made of the host's name."),
    Spec("onvif/profiles", dict, default={}, read=Permission.Media_r, write=Permission.Device_rw, persist=True,
         doc="Media profiles that ONVIF clients made, by token."),
    Spec("onvif/consumers", list, default=[], write=Permission.System_rw, persist=True,
         doc="Addresses, networks and host names that events may be sent to, beside that of the subscriber."),
    Spec("onvif/subscriptions", int, default=0, doc="Clients that hear of events now."),
)  # fmt: skip


def make_context(app: App) -> tuple[Context, dict[str, Operation]]:
    """The services of an App and the table of their operations."""
    context = Context(app)
    context.services = [service(context) for service in SERVICES]
    return context, operations_of(context.services)


def context_of(app: App) -> Context:
    """What the services of this App share, once its plugins are loaded."""
    return _contexts[app]


@hookimpl
def camd_observables(app: App) -> list[Spec]:
    return list(STATES)


@hookimpl
def camd_resources(app: App) -> list[Route]:
    context, operations = make_context(app)
    _contexts[app] = context
    tokens = Tokens(app.users.device_secret, context.clock, app.reactor.seconds)
    paths = frozenset(service.path for service in context.services if service.path)
    resource = Onvif(app, operations, paths, tokens)
    # Asks nobody who they are, for some operations are for everybody; `media`: device passwords are good here.
    return [Route("/onvif", resource, None, media=True, open=True)]


@hookimpl
def camd_services(app: App) -> list[IService]:
    return [context_of(app).hub]
