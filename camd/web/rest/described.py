"""What the core serves with resources of their own: described here, served elsewhere.

A test walks the tree of both sites and fails on a route that stands neither here nor in an Operation.
"""

from __future__ import annotations

from typing import Any

from ...state.permission import Permission
from .operation import PUBLIC, READER, Answer, Operation, Parameter
from .schema import BOOLEAN, Schema, component, record, text

_MEDIA, _SYSTEM = Permission.Media_r, Permission.System_r
_CAMERA = Parameter("id", text(least=1, most=32), "The id of the camera", "path")
_QUALITY = Parameter("quality", {"type": "integer", "minimum": 1, "maximum": 100}, "JPEG quality; without it the camera's own pictures")
_MAX_AGE = Parameter("max_age", {"type": "number", "minimum": 0, "maximum": 3600}, "Oldest picture that will do, in seconds")
_PICTURE: Schema = {"type": "string", "contentMediaType": "image/jpeg"}
_NO_PICTURE = "No picture can be had now"
_MESSAGE: Schema = {"type": "object", "description": "A message of the WebSocket: see docs/state.md"}
_CHECKS: Schema = {"type": "object", "additionalProperties": text(most=4096)}
_LOGIN = record({"username": text(least=1, most=64), "password": text(least=1, most=1024)}, closed=True)


def _picture(path: str, camera: bool = False) -> Operation:
    answers = {
        200: Answer("A JPEG", _PICTURE, "image/jpeg", {
            "X-Timestamp": "When it was taken, Unix seconds",
            "X-Camd-Frame-Age": "Its age in seconds",
        }),
        400: Answer("A parameter is out of range"),
        404: Answer("There is no camera"),
        503: Answer(_NO_PICTURE + ": a JPEG that says why, or an error"),
    }
    where = (_CAMERA,) if camera else ()
    return Operation("GET", path, _MEDIA, "One picture", answers, parameters=(*where, _QUALITY, _MAX_AGE), tag="pictures")


def _stream(path: str, camera: bool = False) -> Operation:
    answers = {
        200: Answer("JPEGs without end", {"type": "string"}, "multipart/x-mixed-replace; boundary=frame"),
        400: Answer("A parameter is out of range"),
        404: Answer("There is no camera"),
    }
    where = (_CAMERA,) if camera else ()
    return Operation("GET", path, _MEDIA, "Every picture, until the client leaves", answers,
                     doc="A slow client gets the newest picture only.", parameters=(*where, _QUALITY), tag="pictures")


def _health(path: str) -> Operation:
    health = record({"status": {"type": "string", "enum": ["healthy", "degraded"]},
                     "timestamp": {"type": "string", "format": "date-time"}}, {"checks": _CHECKS})
    return Operation("GET", path, PUBLIC, "Whether the process is well", {200: Answer("It answers", health)},
                     doc="`checks` is for holders of `System_r`.", tag="health")


def _ready(path: str) -> Operation:
    ready = record({"ready": BOOLEAN}, {"reasons": _CHECKS})
    answers = {200: Answer("They can", ready), 503: Answer("One of them cannot", ready)}
    return Operation("GET", path, _SYSTEM, "Whether the cameras can deliver", answers, tag="health")


#: Of the core, by path.
DESCRIBED: tuple[Operation, ...] = (
    *(_picture(path) for path in ("/snapshot", "/snapshot.jpg", "/camera.jpeg", "/image")),
    _picture("/cam/{id}/snapshot.jpg", camera=True),
    _stream("/stream"),
    _stream("/cam/{id}/stream.mjpg", camera=True),
    *(_health(path) for path in ("/health", "/healthz")),
    *(_ready(path) for path in ("/ready", "/readyz")),
    Operation("GET", "/metrics", _SYSTEM, "Figures for Prometheus", {
        200: Answer("Text exposition format", {"type": "string"}, "text/plain"),
    }, tag="health"),
    Operation("GET", "/api/status", _SYSTEM, "Everything that a dashboard asks for", {
        200: Answer("Sizes in bytes", component("Status", {"type": "object"})),
    }, tag="health"),
    Operation("GET", "/api/schema", READER, "All states with type, range, unit and permissions", {
        200: Answer("What the asker may read", record({"schema": {"type": "object"}})),
    }, tag="state"),
    Operation("GET", "/api", READER, "The WebSocket", {
        101: Answer("Messages in JSON, both ways"),
        426: Answer("A WebSocket is wanted"),
    }, doc="With `Upgrade: websocket`.", tag="state"),
    Operation("POST", "/api", READER, "One message of the WebSocket, answered", {
        200: Answer("The answer; a refusal is one with `error`", _MESSAGE),
        400: Answer("Not JSON", _MESSAGE),
    }, body=_MESSAGE, tag="state"),
)


def of_route(path: str, read: Permission | str | None, write: Permission | str | None, resource: Any) -> list[Operation]:
    """What can be said of a route that nobody described: its methods, who may, and what its resource says
    of itself in the first sentence of its docstring."""
    summary = " ".join((type(resource).__doc__ or "").split()).partition(". ")[0] or "A resource"
    named = {name.removeprefix("render_") for name in dir(resource) if name.startswith("render_")} - {"HEAD"}
    methods = named or ({"GET"} | ({"POST"} if write is not None else set()))
    return [
        Operation(method, path, permission, summary[:200], {200: Answer("As the resource says")}, tag="plugins")
        for method in sorted(methods)
        if (permission := read if method == "GET" else write) is not None
    ]
