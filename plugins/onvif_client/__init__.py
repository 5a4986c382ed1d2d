"""ONVIF, the client side: cameras of the network are found out about, steered, and their events heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from camd.hookspecs import Route, hookimpl

from . import device
from .resource import Asking, Probe, Proxy, device_address
from .service import Devices

if TYPE_CHECKING:
    from twisted.application.service import IService

    from camd.app import App

_devices: WeakKeyDictionary[App, Devices] = WeakKeyDictionary()


def devices_of(app: App) -> Devices:
    """The followed devices of an App, once its plugins are loaded."""
    return _devices[app]


@hookimpl
def camd_resources(app: App) -> list[Route]:
    devices = _devices[app] = Devices(app)
    asking = Asking(app)
    return [
        Route("/api/onvif/probe", Probe(app, asking, device.probe), "System_rw", "System_rw", encrypted=True),
        Route("/api/onvif", Proxy(app, asking, devices), "System_rw", "System_rw"),
    ]


@hookimpl
def camd_services(app: App) -> list[IService]:
    return [_devices[app]]


@hookimpl
def camd_probe(url: str, username: str, password: str) -> dict[str, Any]:
    address = device_address(url)
    return device.probe(address, (username, password)).described(address, username)
