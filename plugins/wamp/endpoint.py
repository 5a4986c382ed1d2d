"""The resource at /wamp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.web.resource import IResource, Resource

if TYPE_CHECKING:
    from camd.app import App


class Endpoint(Resource):
    """GET upgrades to a WebSocket with one of the subprotocols wamp.2.json, wamp.2.msgpack and wamp.2.cbor."""

    isLeaf = True

    def __init__(self, app: App):
        super().__init__()
        self._app = app
        self._upgrade: IResource | None = None

    def render_GET(self, request: Any) -> Any:
        if b"websocket" not in (request.getHeader(b"upgrade") or b"").lower():
            request.setResponseCode(426)
            request.setHeader(b"upgrade", b"websocket")
            request.setHeader(b"content-type", b"text/plain; charset=utf-8")
            return b"Connect with a WAMP client: this is a WebSocket\n"
        if self._upgrade is None:
            # Not before somebody asks: a box without WAMP clients does not pay for the messages.
            from .transport import WampFactory

            self._upgrade = self._app.web.websocket_resource(WampFactory(self._app))
        return self._upgrade.render(request)
