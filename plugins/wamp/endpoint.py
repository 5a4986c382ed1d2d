"""The resource at /wamp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.web.resource import IResource, Resource

if TYPE_CHECKING:
    from camd.app import App


class Endpoint(Resource):
    """GET upgrades to a WebSocket with the subprotocol wamp.2.json, wamp.2.msgpack or wamp.2.cbor."""

    isLeaf = True

    def __init__(self, app: App):
        super().__init__()
        self._app = app
        self._upgrade: IResource | None = None

    def render(self, request: Any) -> Any:
        if self._upgrade is None:
            # Not before somebody asks: a box without WAMP clients does not pay for them.
            from .transport import WampFactory

            self._upgrade = self._app.web.websocket_resource(WampFactory(self._app))
        return self._upgrade.render(request)
