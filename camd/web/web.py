"""Web: everything that the HTTP and the HTTPS site share: routes, identities, limits, counters."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import IResource

from ..auth.host_names import own_names
from ..config import Config
from ..errors import CamdError
from ..hookspecs import ANY, READER, Route
from ..state.permission import Permission, Principal
from .api_resource import ApiResource
from .cameras import CameraPaths
from .credentials import Credentials
from .delays import Delays
from .files import ArchiveResource, DownloadResource, FilesResource, Listed, UploadResource
from .guard import Guard
from .identify import Identify
from .login import Login, Logout, Setup
from .media_socket import MediaFactory
from .metrics import MetricsResource, RequestDurations
from .origin import Origins
from .page import Page
from .pictures import MjpegStream, Snapshot
from .presence import Presence
from .proxy import Proxies
from .ratelimit import RateLimits
from .request import Request
from .routes import Routes
from .site import Site
from .status import Health, Ready, Schema, Status
from .upgrade import Upgrade
from .websocket import StateFactory

if TYPE_CHECKING:
    from autobahn.twisted.websocket import WebSocketServerFactory

    from ..app import App
    from .api import Dialect

#: How long a stopping daemon waits for WebSocket clients to say goodbye (seconds).
FAREWELL = 1.0
_Media, _System, _Files = Permission.Media_r, Permission.System_r, Permission.Storage_r


class Web:
    """What both sites share. Reactor thread only.

    routes: every Route that is served; actions: those of /?action=. presence: what stays open on the
    strength of an identity. limits: how often one may ask. websocket: the factory of /api, which counts
    all WebSockets but those of /api/media, whose factory is media_websocket. delays: of pictures, by output.
    users: who is who. assume: for tests, the identity that everybody is taken for.
    """

    log = Logger()

    def __init__(self, app: App):
        self.users = app.users
        self.audit = app.audit.record
        self.assume: Principal | None = None
        self.durations = RequestDurations()
        self.presence = Presence(app.users, app.reactor)
        self.limits = RateLimits(app.reactor.seconds)
        self.origins = Origins()
        self.redirect_https = False
        self.websocket: StateFactory | None = None
        self._dialects: list[StateFactory] = []
        self.api_websocket: IResource | None = None
        self.delays = Delays(app.reactor.seconds)
        self.media_websocket = MediaFactory(app.cameras, self.delays, app.config.websocket, app.reactor, self)
        self._app = app
        self._identify = Identify(app.users, self.origins, self.limits, self._main_camera)
        guard = Guard(self)
        snapshot = Snapshot(lambda: app.cameras.main, app.reactor)
        stream = MjpegStream(lambda: app.cameras.main, self.presence)
        self.actions = {
            b"snapshot": Route("/?action=snapshot", snapshot, read=_Media, media=True),
            b"stream": Route("/?action=stream", stream, read=_Media, media=True),
        }
        self.routes = Routes(guard.admit, Page(guard, self.actions))
        self._serve_core(snapshot, stream)
        self.site = Site(self.routes, app.reactor, finished=self._finished)
        self.site.challenges = self._challenges
        self.configure(app.config)

    def _serve_core(self, snapshot: IResource, stream: IResource) -> None:
        app = self._app
        for path in ("/snapshot", "/snapshot.jpg", "/camera.jpeg", "/image"):
            self.add(Route(path, snapshot, read=_Media, media=True))
        self.add(Route("/stream", stream, read=_Media, media=True))
        cameras = CameraPaths(app.cameras, self.presence, app.reactor, self.delays)
        self.add(Route("/cam", cameras, read=_Media, media=True))
        media = Upgrade(self.media_websocket, self, self.media_websocket)
        self.add(Route("/api/media", media, read=_Media, media=True))
        for path in ("/health", "/healthz"):
            self.add(Route.public(path, Health(app)))
        for path in ("/ready", "/readyz"):
            self.add(Route.public(path, Ready(app)))
        self.add(Route("/metrics", MetricsResource(app.metrics), read=_System))
        self.add(Route.public("/api", ApiResource(app.api, self, lambda: self.api_websocket)))
        self.add(Route("/api/status", Status(app), read=_System))
        self.add(Route("/api/schema", Schema(app), read=READER))
        self.add(Route.public("/api/login", Login(self), encrypted=True))
        self.add(Route.public("/api/setup", Setup(self), encrypted=True))
        self.add(Route("/api/logout", Logout(self), read=ANY, write=ANY))
        files, upload = app.files, UploadResource(app.files, self)
        self.add(Route("/files", FilesResource(files, self), read=_Files, write=Permission.Storage_rw))
        self.add(Route("/upload", upload, read=Permission.Storage_rw, write=Permission.Storage_rw))
        self.add(Route("/download", DownloadResource(files, self), read=_Files))
        self.add(Route("/api/files", Listed(files, self), read=_Files))
        self.add(Route("/api/files/zip", ArchiveResource(files, self), read=_Files))

    def configure(self, config: Config) -> None:
        """Take what the configuration says about names, proxies, foreign pages and limits."""
        web, auth, limits, site = config.web, config.auth, config.limits, self.site
        site.max_connections = limits.max_connections
        site.body_limit = limits.max_body
        site.request_timeout = site.idle_timeout = limits.request_timeout
        if self.websocket is not None:
            for factory in (self.websocket, self.media_websocket, *self._dialects):
                factory.configure(config.websocket)
        self.limits.enabled, self.limits.factor = auth.rate_limits, auth.rate_factor
        self.origins = self._identify.origins = site.origins = Origins(web.origins)
        self.redirect_https = web.redirect_https
        self.routes.base_path = web.base_path
        site.proxies = Proxies(web.trusted_proxies, web.base_path)
        site.allow_hosts([*own_names(), *config.tls.names, *web.host_names, *self._app.certificate.names])

    @property
    def needs_setup(self) -> bool:
        """Whether there is no administrator yet."""
        return self.assume is None and self.users.needs_setup

    def identify(self, request: Request) -> Principal | Deferred[Principal]:
        """Who asks; see Identify."""
        if self.assume is not None:
            request.principal = self.assume
            return self.assume
        return self._identify(request)

    async def sign_in(self, given: Credentials, address: str) -> Principal:
        """Who sends these credentials within a message. Raises Unauthorized, Locked, RateLimited."""
        try:
            if given.token:
                principal = self._identify.by_token(given.token, address, "password")
            else:
                principal = await self.users.by_password(given.username, given.password, address, "password")
        except CamdError:
            self.limits.charge(None, address, False)
            raise
        self.limits.charge(principal, address, False)
        return principal

    def add(self, route: Route) -> None:
        """Serve a route on both sites; raises Invalid if the path is taken."""
        self.routes.add(route)

    def remove(self, path: str) -> None:
        """Take a plugin's resource out again."""
        self.routes.remove(path)

    def serve_websocket(self, factory: StateFactory) -> None:
        """The WebSocket at /api."""
        self.websocket = factory
        self.api_websocket = self.websocket_resource(factory)

    def dialect_resource(self, dialect: Dialect) -> IResource:
        """What /api is, for clients that speak another language: GET upgrades to a WebSocket, which takes one
        of the same places, and POST answers one message."""
        core = self.websocket
        factory = StateFactory(
            dialect, core.broadcast, self._app.config.websocket, self._app.reactor, self, dialect.vocabulary, core
        )
        self._dialects.append(factory)
        upgrade = self.websocket_resource(factory)
        return ApiResource(dialect, self, lambda: upgrade)

    def websocket_resource(self, factory: WebSocketServerFactory) -> IResource:
        """A resource that upgrades to the factory's protocol; see Upgrade."""
        return Upgrade(factory, self)

    def https_address(self, host: bytes) -> bytes:
        """Where the HTTPS site is for somebody who knows us by this name: b"https://camera:8443"; b"" if
        there is none."""
        for url in self._app.listeners.urls if host else ():
            if url.startswith("https:"):
                port = urlsplit(url).port
                name = host.rpartition(b":")[0] if not host.endswith(b"]") and b":" in host else host
                return b"https://" + name + (b"" if port in (443, None) else b":%d" % port)
        return b""

    async def stop(self) -> None:
        """Say goodbye: WebSocket clients hear 1001, other connections are closed."""
        self.presence.stop()
        farewells = [factory.close(FAREWELL) for factory in (self.websocket, self.media_websocket)]
        for farewell in farewells:
            await farewell
        await self.site.close()

    def _main_camera(self) -> str:
        main = self._app.cameras.main
        return main.id if main is not None else ""

    def _challenges(self, request: Request) -> list[bytes]:
        """How to sign in. Browsers ask their user for a password when they read "Basic" or "Digest", which is
        right for an address in their address bar, and wrong for what our own page asks for: it has a form."""
        if _is_of_a_page(request):
            return [b'Bearer realm="camd"']
        challenges = [b'Basic realm="camd", charset="UTF-8"', b'Bearer realm="camd"']
        # A browser would choose Digest, and its user enter the password of the account, which cannot do that.
        if request.media and not _agent(request).startswith(b"Mozilla/"):
            digests = self.users.digest_challenges(request.stale_nonce)
            return [digest.encode() for digest in digests] + challenges
        return challenges

    def _finished(self, request: Request, route: str, seconds: float, code: int) -> None:
        method = request.method.decode("ascii", "replace")
        self.durations.observe_request(method, route or "other", code, seconds)


def _is_of_a_page(request: Request) -> bool:
    """Whether a page asks, not a program and not the address bar. On plain HTTP browsers do not tell, but
    only the address bar asks for HTML."""
    headers = request.requestHeaders
    mode = headers.getRawHeaders(b"sec-fetch-mode")
    if mode is not None:
        return mode != [b"navigate"]
    accepted = headers.getRawHeaders(b"accept", (b"",))[0]
    return _agent(request).startswith(b"Mozilla/") and b"text/html" not in accepted


def _agent(request: Request) -> bytes:
    return request.requestHeaders.getRawHeaders(b"user-agent", (b"",))[0]
