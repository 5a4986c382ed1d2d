"""How camd is doing, for programs: /health, /ready, /api/status and /api/schema."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from socket import gethostname
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from .. import __version__
from ..errors import CamdError
from ..hookspecs import Check
from ..media.camera import Camera
from ..state.permission import Permission, Principal
from ..wire.strictjson import dumps
from .api import schema_for
from .request import Request

if TYPE_CHECKING:
    from ..app import App


def cameras_for(app: App, by: Principal) -> list[Camera]:
    """The cameras that this identity may know of."""
    return [camera for camera in app.cameras.values() if by.cameras is None or camera.id in by.cameras]


def checks(app: App, by: Principal) -> list[Check]:
    """Every line of /health that this identity may read: the cameras, the plugins, and what these check."""
    found = [
        Check(f"camera {camera.id}", camera.online or camera.status == "disabled", _state(camera))
        for camera in cameras_for(app, by)
    ]
    found += [
        Check(f"plugin {info.name}", info.state != "alert", info.reason) for info in app.plugins if not info.core
    ]
    if app.certificate.context is not None:
        found.append(Check("certificate", not app.certificate.warning, app.certificate.warning))
    for _, lines in app.plugins.call("camd_health", app=app):
        found += lines
    return found


def _state(camera: Camera) -> str:
    return f"{camera.status}: {camera.reason}" if camera.reason else camera.status


def send_json(request: Request, value: Any, status: int = 200) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"cache-control", b"no-store")
    return dumps(value).encode()


class _Told(Resource):
    """A document that everybody gets, and holders of System_r in full."""

    isLeaf = True

    def __init__(self, app: App):
        super().__init__()
        self.app = app

    def render_GET(self, request: Request) -> Any:
        web = self.app.web
        if web.needs_setup:
            return self.document(request, None)
        reader: Deferred[Principal] = maybeDeferred(web.identify, request)
        # A wrong identity is none here: whoever watches over camd shall not be told it is down for that.
        reader.addErrback(lambda failure: failure.trap(CamdError) and None)
        if reader.called and not reader.paused:
            results: list[Principal | None] = []
            reader.addCallback(results.append)
            return self.document(request, self._reader(results[0]))
        gone: list[Any] = []
        request.notifyFinish().addErrback(gone.append)
        reader.addCallback(lambda by: gone or self._finish(request, by))
        return NOT_DONE_YET

    def _reader(self, by: Principal | None) -> Principal | None:
        return by if by is not None and by.may(Permission.System_r) else None

    def _finish(self, request: Request, by: Principal | None) -> None:
        body = self.document(request, self._reader(by))
        request.setHeader(b"content-length", b"%d" % len(body))
        request.write(body)
        request.finish()

    def document(self, request: Request, by: Principal | None) -> bytes:
        """The answer; by None: to anybody."""
        raise NotImplementedError


class Health(_Told):
    """GET /health: whether the process is well. 200 as long as it answers; "status" says more: a
    camera that is away is no reason to restart the daemon."""

    def document(self, request: Request, by: Principal | None) -> bytes:
        lines = checks(self.app, _EVERY_CAMERA if by is None else by)
        status = "healthy" if all(line.ok for line in lines) else "degraded"
        if by is None:
            return send_json(request, {"status": status, "timestamp": _now()})
        return send_json(request, {
            "status": status,
            "timestamp": _now(),
            "checks": {line.name: "ok" if line.ok else line.text or "failed" for line in lines},
        })


class Ready(_Told):
    """GET /ready: whether the configured cameras can deliver; 503 with the reasons if one cannot.
    A camera that nobody watches is ready if it could be opened."""

    def document(self, request: Request, by: Principal | None) -> bytes:
        cameras = self.app.cameras.values()
        waiting = [camera for camera in cameras if not camera.online and camera.status != "disabled"]
        answer: dict[str, Any] = {"ready": not waiting}
        if by is not None:
            known = cameras_for(self.app, by)
            answer["reasons"] = {camera.id: _state(camera) for camera in waiting if camera in known}
        return send_json(request, answer, 503 if waiting else 200)


class Status(Resource):
    """GET /api/status: one document with everything a dashboard asks for, sizes in bytes."""

    isLeaf = True

    def __init__(self, app: App):
        super().__init__()
        self._app = app
        self._started = time.monotonic()

    def render_GET(self, request: Request) -> bytes:
        return send_json(request, self.document(request.principal, request.getHost()))

    def document(self, by: Principal, here: Any) -> dict[str, Any]:
        """What this identity may know; a holder of System_r. here: the address that it came to."""
        app = self._app
        cameras = cameras_for(app, by)
        main = app.cameras.main if app.cameras.main in cameras else next(iter(cameras), None)
        return {
            "status": "online" if main is not None and main.online else "error" if main else "offline",
            "timestamp": _now(),
            "version": __version__,
            "build": __version__,
            "uptime": round(time.monotonic() - self._started, 1),
            "cameras": [self._camera(camera) for camera in cameras],
            "camera": self._camera(main) if main else {"connected": False},
            "system": _system(
                {o.name.partition("/")[2]: o.value for o in app.state.select("system/*") if by.may(o.spec.read)}
            ),
            "network": {"ip": getattr(here, "host", None), "hostname": gethostname(), "connected": True},
            "connections": {"websocket": app.web.websocket.clients, "refused": app.web.websocket.refused},
            "queue_depth": app.web.websocket.queue_depth,
            "response_time": app.web.durations.percentiles(),
            "threads": dict(app.threads.jobs),
            "plugins": {info.name: {"state": info.state, "reason": info.reason} for info in app.plugins},
        }

    def _camera(self, camera: Camera) -> dict[str, Any]:
        recorder = self._app.recordings.recorders.get(camera.id)
        format = camera.pipeline.format
        return {
            "id": camera.id,
            "name": camera.name,
            "connected": camera.online,
            "state": camera.status,
            "reason": camera.reason,
            "resolution": format.size if format else None,
            "framerate": format.fps if format else None,
            "recording": recorder is not None and bool(recorder.file),
            "format": format.codec if format else None,
            "measured_fps": camera.measured_fps,
            "frames": camera.statistics.frames,
            "encodes": sum(camera.statistics.encodes.values()),
            "encoded": camera.statistics.encodes,
            "drops": camera.drops(),
            "clients": camera.pipeline.clients(),
            "outputs": camera.pipeline.outputs(),
        }


def _system(values: dict[str, Any]) -> dict[str, Any]:
    """The state of the system, and the same as the product writes it; null is not known."""
    return {
        **values,
        "temperature": values.get("temperature"),
        "cpu_usage": values.get("cpu_total"),
        "memory": {
            **_space(values.get("memory_total"), values.get("memory_available"), "available"),
            "camd": values.get("memory"),
        },
        "disk": _space(values.get("disk_total"), values.get("disk_free"), "free"),
    }


def _space(total: int | None, left: int | None, word: str) -> dict[str, int | None]:
    """Bytes in all, left and used."""
    return {"total": total, word: left, "used": total - left if total is not None and left is not None else None}


class Schema(Resource):
    """GET /api/schema: every state name that the asker may read, with type, range, unit and permissions."""

    isLeaf = True

    def __init__(self, app: App):
        super().__init__()
        self._app = app

    def render_GET(self, request: Request) -> bytes:
        return send_json(request, {"schema": schema_for(self._app.state, request.principal)})


_EVERY_CAMERA = Principal("", frozenset())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
