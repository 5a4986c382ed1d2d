"""How camd is doing, for programs: /health, /ready, /api/status and /api/schema."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from twisted.web.resource import Resource

from .. import __version__
from ..hookspecs import Check
from ..wire.strictjson import dumps
from .api import Session
from .request import Request

if TYPE_CHECKING:
    from ..app import App


def checks(app: App) -> list[Check]:
    """Every line of /health: the cameras, the plugins, and what the plugins check."""
    found = [
        Check(f"camera {camera.id}", camera.online or camera.status == "disabled",
              f"{camera.status}: {camera.reason}" if camera.reason else camera.status)
        for camera in app.cameras.values()
    ]
    found += [Check(f"plugin {info.name}", info.state != "alert", info.reason) for info in app.plugins if not info.core]
    for _, lines in app.plugins.call("camd_health", app=app):
        found += lines
    return found


def send_json(request: Request, value: Any, status: int = 200) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"cache-control", b"no-store")
    return dumps(value).encode()


class Health(Resource):
    """GET /health: whether the process is well. 200 as long as it answers; "status" says more: a
    camera that is away is no reason to restart the daemon."""

    isLeaf = True

    def __init__(self, app: App):
        super().__init__()
        self._app = app

    def render_GET(self, request: Request) -> bytes:
        lines = checks(self._app)
        well = all(line.ok for line in lines)
        return send_json(request, {
            "status": "healthy" if well else "degraded",
            "timestamp": _now(),
            "checks": {line.name: "ok" if line.ok else line.text or "failed" for line in lines},
        })


class Ready(Resource):
    """GET /ready: whether the configured cameras can deliver; 503 with the reasons if one cannot.
    A camera that nobody watches is ready if it could be opened."""

    isLeaf = True

    def __init__(self, app: App):
        super().__init__()
        self._app = app

    def render_GET(self, request: Request) -> bytes:
        reasons = {
            camera.id: f"{camera.status}: {camera.reason}" if camera.reason else camera.status
            for camera in self._app.cameras.values()
            if not camera.online and camera.status != "disabled"
        }
        return send_json(request, {"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)


class Status(Resource):
    """GET /api/status: one document with everything a dashboard asks for, sizes in bytes."""

    isLeaf = True

    def __init__(self, app: App):
        super().__init__()
        self._app = app
        self._started = time.monotonic()

    def render_GET(self, request: Request) -> bytes:
        app = self._app
        main = app.cameras.main
        return send_json(request, {
            "status": "online" if main is not None and main.online else "error" if main else "offline",
            "timestamp": _now(),
            "version": __version__,
            "uptime": round(time.monotonic() - self._started, 1),
            "cameras": [self._camera(camera) for camera in app.cameras.values()],
            "camera": self._camera(main) if main else {"connected": False},
            "system": {o.name.partition("/")[2]: o.value for o in app.state.select("system/*")},
            "connections": {"websocket": app.web.websocket.clients, "refused": app.web.websocket.refused},
            "queue_depth": app.web.websocket.queue_depth,
            "response_time": app.web.durations.percentiles(),
            "threads": dict(app.threads.jobs),
            "plugins": {info.name: {"state": info.state, "reason": info.reason} for info in app.plugins},
        })

    def _camera(self, camera: Any) -> dict[str, Any]:
        format = camera.pipeline.format
        return {
            "id": camera.id,
            "name": camera.name,
            "connected": camera.online,
            "state": camera.status,
            "reason": camera.reason,
            "resolution": format.size if format else None,
            "framerate": format.fps if format else None,
            "format": format.codec if format else None,
            "measured_fps": camera.measured_fps,
            "frames": camera.statistics.frames,
            "encodes": camera.statistics.encodes,
            "drops": camera.drops(),
            "clients": camera.pipeline.clients(),
            "outputs": camera.pipeline.outputs(),
        }


class Schema(Resource):
    """GET /api/schema: every state name with its type, range, unit and permissions."""

    isLeaf = True

    def __init__(self, app: App):
        super().__init__()
        self._app = app

    def render_GET(self, request: Request) -> bytes:
        session = Session(self._app.web.identify(request))
        return send_json(request, {
            "schema": {o.name: o.describe() for o in self._app.state if session.by.may(o.spec.read)}
        })


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
