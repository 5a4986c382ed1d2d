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
from .later import unsupported
from .limits import Limit, Limits
from .profiles import Profiles
from .recordings import Recordings
from .resource import Answer, Elsewhere, Endpoint, tells

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
    "/api/v1/recordings": "/api/recordings",
    "/api/recording/list": "/api/recordings",
}

_AS_IT_RUNS = unsupported("a camera streams by itself while somebody watches")


def routes(app: App, limits: Limits) -> list[Route]:
    """All of them."""
    profiles = Profiles(app)
    cameras, accounts, recordings = Cameras(app), Accounts(app), Recordings(app)
    table: tuple[tuple[tuple[str, ...], str | None, str | None, dict[str, Answer]], ...] = (
        # paths, permission to read (None: public) and to write, methods
        (both("/api/auth/login"), None, None, {"POST": accounts.login}),
        (("/api/auth/refresh",), None, None, {"POST": accounts.refresh}),
        (("/api/token",), ANY, ANY, {"POST": accounts.token}),
        (("/api/auth/apikey",), ANY, ANY, {"POST": accounts.create_key, "DELETE": accounts.revoke_key}),
        (("/api/auth/apikeys",), ANY, None, {"GET": accounts.keys}),

        (("/api/camera/status",), "Device_r", None, {"GET": cameras.status}),
        (both("/api/camera/info"), "Device_r", None, {"GET": cameras.info}),
        ((*both("/api/camera/settings"), "/api/camera/config"), "Device_r", "Device_rw",
         {"GET": cameras.settings, "PUT": cameras.change_settings}),
        (("/api/camera/controls",), "Device_r", "Device_rw", {"PUT": cameras.change_controls}),
        (("/api/camera/profiles",), "Device_r", "Device_rw",
         {"GET": profiles.list, "POST": profiles.save}),
        (("/api/camera/profile",), "Device_r", "Device_rw", {"POST": profiles.apply}),
        (both("/api/camera/start"), "Device_r", "Device_rw", {"POST": _AS_IT_RUNS}),
        (both("/api/camera/stop"), "Device_r", "Device_rw", {"POST": _AS_IT_RUNS}),
        (both("/api/camera/snapshot"), "Media_r", "Media_rw", {"POST": recordings.snapshot}),

        (both("/api/recording/start"), "Media_r", "Media_rw", {"POST": recordings.start}),
        (both("/api/recording/stop"), "Media_r", "Media_rw", {"POST": recordings.stop}),
        (("/api/recording/tag",), "Media_r", "Media_rw", {"POST": recordings.tag}),
        (("/api/recording/status",), "Media_r", None, {"GET": recordings.status}),

        (("/ws", "/api/v1/ws"), None, None, {"GET": _moved}),
    )  # fmt: skip
    found = [
        Route(
            path, Endpoint(limits.calls, path in BELOW, **methods), read, write,
            encrypted=path in ENCRYPTED, open=read is None,
        )
        for paths, read, write, methods in table
        for path in paths
    ]  # fmt: skip
    known = {route.path: route for route in app.web.routes}
    found += [_elsewhere(path, known[meant], limits.pictures) for path, meant in PICTURES.items()]
    found += [_elsewhere(path, known[meant], limits.calls) for path, meant in CALLS.items()]
    return found


def both(path: str) -> tuple[str, str]:
    """A path below /api, and the same below /api/v1."""
    return path, path.replace("/api/", "/api/v1/", 1)


def _elsewhere(path: str, route: Route, limit: Limit) -> Route:
    return replace(route, path=path, resource=Elsewhere(limit, route.resource, route.path))


@tells({404: "It says where clients connect"})
def _moved(request: Any) -> Any:
    """GET /ws: not here."""
    raise Gone("WebSocket clients connect to /api/v1, or to /api")


#: What one of them is about stands below its path.
BELOW = frozenset(("/api/auth/apikey",))
#: Secrets come in or go out.
ENCRYPTED = frozenset((*both("/api/auth/login"), "/api/auth/refresh", "/api/auth/apikey", "/api/token"))
