"""The product's routes that camd does not have anyway, in one table.

Routes of camd that only have another name here keep their permissions; all have the product's rate limits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from camd.errors import Gone
from camd.hookspecs import ANY, Route

from .accounts import Accounts
from .cameras import Cameras
from .later import Files, Recordings, keep, record, unsupported
from .limits import Limits
from .resource import Elsewhere, Endpoint

if TYPE_CHECKING:
    from camd.app import App

#: Name here -> camd's route.
PICTURES = {"/api/snapshot": "/camera.jpeg"}
CALLS = {
    "/status": "/api/status",
    "/api/info": "/api/status",
    "/api/v1/status": "/api/status",
    "/api/health": "/health",
    "/api/ready": "/ready",
    "/api/auth/logout": "/api/logout",
    "/api/v1/users": "/api/users",
    "/api/auth/users": "/api/users",
    "/api/admin/users": "/api/users",
}
#: The product changes things with PUT where camd has PATCH.
PATCHED = {b"PUT": b"PATCH"}

_AS_IT_RUNS = unsupported("a camera streams by itself while somebody watches")
_NO_PROFILES = unsupported("this camd has no profiles")


def routes(app: App, limits: Limits) -> list[Route]:
    """All of them."""
    known = {route.path: route for route in app.web.routes}
    cameras, accounts, recordings, files = Cameras(app), Accounts(app), Recordings(app), Files()

    def calls(below: bool = False, **methods: Any) -> Endpoint:
        return Endpoint(limits.calls, below, **methods)

    return [
        *(_elsewhere(path, known[meant], limits.pictures) for path, meant in PICTURES.items()),
        *(_elsewhere(path, known[meant], limits.calls) for path, meant in CALLS.items()),

        *both("/api/auth/login", lambda path: Route.public(path, calls(POST=accounts.login), encrypted=True)),
        Route.public("/api/auth/refresh", calls(POST=accounts.refresh), encrypted=True),
        Route("/api/token", calls(POST=accounts.token), read=ANY, write=ANY, encrypted=True),
        Route("/api/auth/apikey", calls(True, POST=accounts.create_key, DELETE=accounts.revoke_key), read=ANY, write=ANY,
              encrypted=True),
        Route("/api/auth/apikeys", calls(GET=accounts.keys), read=ANY),

        Route("/api/camera/status", calls(GET=cameras.status), read="Device_r"),
        *both("/api/camera/info", lambda path: Route(path, calls(GET=cameras.info), read="Device_r")),
        *(
            Route(path, calls(GET=cameras.settings, PUT=cameras.change_settings), read="Device_r", write="Device_rw")
            for path in ("/api/camera/settings", "/api/v1/camera/settings", "/api/camera/config")
        ),
        Route("/api/camera/controls", calls(PUT=cameras.change_controls), read="Device_rw", write="Device_rw"),
        Route("/api/camera/profiles", calls(GET=cameras.profiles, POST=_NO_PROFILES), read="Device_r", write="Device_rw"),
        Route("/api/camera/profile", calls(POST=_NO_PROFILES), read="Device_rw", write="Device_rw"),
        *both("/api/camera/start", lambda path: Route(path, calls(POST=_AS_IT_RUNS), read="Device_rw", write="Device_rw")),
        *both("/api/camera/stop", lambda path: Route(path, calls(POST=_AS_IT_RUNS), read="Device_rw", write="Device_rw")),
        *both("/api/camera/snapshot", lambda path: Route(path, calls(POST=keep), read="Media_rw", write="Media_rw")),

        *both("/api/recording/start", lambda path: Route(path, calls(POST=record), read="Media_rw", write="Media_rw")),
        *both("/api/recording/stop", lambda path: Route(path, calls(POST=record), read="Media_rw", write="Media_rw")),
        Route("/api/recording/status", calls(GET=recordings.status), read="Media_r"),
        Route("/api/recording/tag", calls(POST=record), read="Media_rw", write="Media_rw"),
        Route("/api/recording/list", calls(GET=recordings.list), read="Media_r"),
        *both("/api/recordings", lambda path: Route(
            path, calls(True, GET=recordings.list, DELETE=recordings.remove), read="Media_r", write="Storage_rw")),

        Route("/files", Endpoint(limits.files, True, GET=files.list, DELETE=files.gone), read="Storage_r", write="Storage_rw"),
        Route("/api/files", Endpoint(limits.files, GET=files.list), read="Storage_r"),
        Route("/download", Endpoint(limits.files, True, GET=files.gone), read="Storage_r"),
        Route("/upload", Endpoint(limits.uploads, POST=keep), read="Storage_rw", write="Storage_rw"),

        *(Route.public(path, calls(GET=_moved)) for path in ("/ws", "/api/v1/ws")),
    ]  # fmt: skip


def both(path: str, make: Any) -> list[Route]:
    """A route below /api that is also below /api/v1."""
    return [make(path), make(path.replace("/api/", "/api/v1/", 1))]


def _elsewhere(path: str, route: Route, limit: Any) -> Route:
    return replace(route, path=path, resource=Elsewhere(limit, route.resource, PATCHED))


def _moved(request: Any) -> Any:
    raise Gone("WebSocket clients connect to /api/v1, or to /api")
