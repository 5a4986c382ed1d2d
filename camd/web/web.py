"""Web: the one resource tree that the HTTP and the HTTPS site share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET
from twisted.web.static import File

from ..auth.tls import own_names
from ..errors import Invalid
from ..hookspecs import Route
from ..media.camera import Camera
from ..media.cameras import Cameras
from ..state.permission import EVERYONE, Permission, Principal
from ..wire.strictjson import loads
from .api import Api, Session, error_answer
from .errors import Branch, ErrorResource, respond
from .metrics import MetricsResource, RequestDurations
from .pictures import MjpegStream, Snapshot
from .request import Request
from .site import Site
from .status import Health, Ready, Schema, Status, send_json

if TYPE_CHECKING:
    from ..app import App
    from ..config import Config
    from .websocket import StateFactory

STATIC = Path(__file__).parent / "static"
#: How long a stopping daemon waits for WebSocket clients to say goodbye (seconds).
FAREWELL = 1.0
_Device, _Media, _System = Permission.Device_r, Permission.Media_r, Permission.System_r


NOT_FOUND = ErrorResource(404)


class Guard(Resource):
    """Lets a request through to a resource if its identity holds the route's permission."""

    def __init__(self, route: Route, identify: Callable[[Request], Principal]):
        super().__init__()
        self._route = route
        self._identify = identify
        self.isLeaf = getattr(route.resource, "isLeaf", False)
        for limit in ("body_limit", "body_timeout"):  # what the site asks for before a body is read
            if hasattr(route.resource, limit):
                setattr(self, limit, getattr(route.resource, limit))

    def _refusal(self, request: Request) -> IResource | None:
        needed = self._route.read if request.method in (b"GET", b"HEAD") else self._route.write
        request.route = self._route.path
        if needed is None:
            return ErrorResource(405, headers={"Allow": "GET, HEAD"})
        if not self._identify(request).may(needed):
            return ErrorResource(403, message=f"This needs the permission {needed.name}")
        return None

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        return self._refusal(request) or self._route.resource.getChildWithDefault(path, request)

    def render(self, request: Request) -> Any:
        return (self._refusal(request) or self._route.resource).render(request)


class Static(File):
    """The files of the page. No listings; always asked again, so a new version is seen at once."""

    childNotFound = NOT_FOUND

    def directoryListing(self) -> IResource:
        return NOT_FOUND

    def getChild(self, path: bytes, request: Request) -> IResource:
        request.setHeader(b"cache-control", b"no-cache")
        request.route = "/"
        return super().getChild(path, request)


class Root(Resource):
    """/: the page, or a picture for clients of mjpg-streamer (/?action=stream)."""

    def __init__(self, static: Static, actions: dict[bytes, IResource]):
        super().__init__()
        self._static = static
        self._actions = actions

    def getChild(self, path: bytes, request: Request) -> IResource:
        if path == b"":
            action = request.args.get(b"action", [b""])[-1]
            return self._actions.get(action) or self._static.getChild(b"index.html", request)
        return self._static.getChild(path, request)


class CameraPaths(Resource):
    """/cam/<id>/...: what one camera offers."""

    def __init__(self, cameras: Cameras, reactor: Any):
        super().__init__()
        self._cameras = cameras
        self._reactor = reactor

    def getChild(self, path: bytes, request: Request) -> IResource:
        camera = self._cameras.get(path.decode("ascii", "replace"))
        if camera is None:
            return NOT_FOUND
        return OneCamera(camera, self._reactor)


class OneCamera(Resource):
    """The addresses of one camera."""

    def __init__(self, camera: Camera, reactor: Any):
        super().__init__()
        self.putChild(b"snapshot.jpg", Snapshot(lambda: camera, reactor))
        self.putChild(b"stream.mjpg", MjpegStream(lambda: camera))

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        if path in self.children:
            request.route = "/cam/{id}/" + path.decode()
        return super().getChildWithDefault(path, request)

    def getChild(self, path: bytes, request: Request) -> IResource:
        return NOT_FOUND


class ApiResource(Resource):
    """/api: POST answers one message, GET upgrades to the WebSocket, below it are documents."""

    def __init__(self, api: Api, identify: Callable[[Request], Principal], websocket: Callable[[], IResource]):
        super().__init__()
        self._api = api
        self._identify = identify
        self._websocket = websocket

    def getChild(self, path: bytes, request: Request) -> IResource:
        return self if path == b"" else NOT_FOUND

    def render(self, request: Request) -> Any:
        request.route = "/api"
        return super().render(request)

    def render_GET(self, request: Request) -> Any:
        if b"websocket" not in (request.getHeader(b"upgrade") or b"").lower():
            request.setHeader(b"upgrade", b"websocket")
            message = "Connect with a WebSocket, or POST a message as JSON"
            return respond(request, 426, "UPGRADE_REQUIRED", message)
        return self._websocket().render(request)

    def render_POST(self, request: Request) -> Any:
        try:
            message = loads(request.content.read(), 64 * 1024)
        except Invalid as error:
            return send_json(request, error_answer(error), 400)
        answer = ensureDeferred(self._api.answer(message, Session(self._identify(request))))
        lost = request.notifyFinish()
        lost.addErrback(lambda _: answer.cancel())
        answer.addCallback(self._send, request, lost)
        answer.addErrback(lambda failure: None)  # only a cancelled request comes here
        return NOT_DONE_YET

    def _send(self, answer: dict[str, Any], request: Request, lost: Deferred[None]) -> None:
        body = send_json(request, answer)
        request.setHeader(b"content-length", b"%d" % len(body))
        request.write(body)
        request.finish()


class Web:
    """The resource tree with its routes, the WebSocket and the request counters. Reactor thread only.

    add(route): a resource for both sites; identify(request): who asks.
    """

    log = Logger()

    def __init__(self, app: App):
        self.durations = RequestDurations()
        self.websocket: StateFactory | None = None
        self._app = app
        self._websocket_resource: IResource | None = None
        cameras, reactor = app.cameras, app.reactor
        snapshot = Snapshot(lambda: cameras.main, reactor)
        stream = MjpegStream(lambda: cameras.main)
        self.root = Root(Static(str(STATIC)), {b"snapshot": snapshot, b"stream": stream})
        for path in ("/snapshot", "/snapshot.jpg", "/camera.jpeg", "/image"):
            self.add(Route(path, snapshot, read=_Media))
        self.add(Route("/stream", stream, read=_Media))
        self.add(Route("/cam", CameraPaths(cameras, reactor), read=_Media))
        for path in ("/health", "/healthz"):
            self.add(Route(path, Health(app), read=_System))
        for path in ("/ready", "/readyz"):
            self.add(Route(path, Ready(app), read=_System))
        self.add(Route("/metrics", MetricsResource(app.metrics), read=_System))
        self.root.putChild(b"api", ApiResource(app.api, self.identify, lambda: self._websocket_resource))
        self.add(Route("/api/status", Status(app), read=_System))
        self.add(Route("/api/schema", Schema(app), read=_System))
        limits = app.config.limits
        self.site = Site(
            self.root,
            reactor,
            max_connections=limits.max_connections,
            body_limit=limits.max_body,
            request_timeout=limits.request_timeout,
            idle_timeout=limits.request_timeout,
            host_names=[*own_names(), *app.config.tls.names],
            finished=self._finished,
        )

    def configure(self, config: Config) -> None:
        """Take limits that a reload changed."""
        self.site.max_connections = config.limits.max_connections
        self.site.body_limit = config.limits.max_body
        self.site.request_timeout = self.site.idle_timeout = config.limits.request_timeout
        self.websocket.configure(config.websocket)

    def _finished(self, request: Request, route: str, seconds: float, code: int) -> None:
        self.durations.observe_request(request.method.decode("ascii", "replace"), route or "other", code, seconds)

    def identify(self, request: Any) -> Principal:
        """Who asks. Until there are accounts, everybody holds every permission."""
        return EVERYONE

    def add(self, route: Route) -> None:
        """Put a resource into the tree of both sites; raises Invalid if the path is taken."""
        node: Any = self.root
        names = route.path.strip("/").split("/")
        for name in names[:-1]:
            child = node.getStaticEntity(name.encode())
            if child is None:
                child = Branch()
                node.putChild(name.encode(), child)
            node = child
        if node.getStaticEntity(names[-1].encode()) is not None:
            raise Invalid(route.path, "this path is taken")
        node.putChild(names[-1].encode(), Guard(route, self.identify))

    def remove(self, path: str) -> None:
        """Take a plugin's resource out again."""
        node: Any = self.root
        *parents, name = path.strip("/").split("/")
        for parent in parents:
            node = node.getStaticEntity(parent.encode())
        node.delEntity(name.encode())

    def serve_websocket(self, factory: StateFactory) -> None:
        from autobahn.twisted.resource import WebSocketResource  # imports the reactor

        websocket = WebSocketResource(factory)

        class Limited(Resource):
            isLeaf = True

            def render(self, request: Request) -> Any:
                if factory.full:
                    factory.refused += 1
                    request.setResponseCode(503, b"Server busy")
                    request.setHeader(b"retry-after", b"5")
                    return b"Server busy"
                request.endless = True
                return websocket.render(request)

        self.websocket = factory
        self._websocket_resource = Limited()

    async def stop(self) -> None:
        """Say goodbye: WebSocket clients hear 1001, other connections are closed."""
        await self.websocket.close(FAREWELL)
        await self.site.close()
