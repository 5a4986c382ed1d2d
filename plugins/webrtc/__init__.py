"""WebRTC: browsers watch cameras with the least delay, by WHEP or the product's call.

The work is done by a child process (see `child`), which runs only while somebody watches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from camd.hookspecs import Route, hookimpl

if TYPE_CHECKING:
    from twisted.application.service import IService

    from camd.app import App

    from .gateway import Gateway

#: By daemon: its hooks are called one after the other, and work with the same Gateway.
_gateways: WeakKeyDictionary[App, Gateway] = WeakKeyDictionary()


def gateway_of(app: App) -> Gateway:
    """The Gateway of a daemon."""
    if app not in _gateways:
        from .gateway import Gateway  # the child imports this module, too, and needs nothing of it

        _gateways[app] = Gateway(app)
    return _gateways[app]


@hookimpl
def camd_resources(app: App) -> list[Route]:
    from .resources import Offer, Whep

    def main_camera() -> str:
        return app.cameras.main.id if app.cameras.main is not None else ""

    gateway = gateway_of(app)
    return [
        Route("/cam/{id}/whep", Whep(gateway), read="Media_r", write="Media_r", media=True),
        Route("/api/webrtc/offer", Offer(gateway, main_camera), read="Media_r", write="Media_r"),
    ]


@hookimpl
def camd_services(app: App) -> list[IService]:
    return [gateway_of(app)]
