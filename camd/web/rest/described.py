"""What the core serves with resources of their own: described here, served elsewhere.

A test walks the tree of both sites and fails on a route that stands neither here nor in an Operation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...hookspecs import ANY, READER, Route
from ...media.rendition import RENDITIONS
from ...state.permission import Permission, Principal
from ...state.spec import Spec
from .files import FILES
from .operation import PUBLIC, Answer, Operation, Parameter
from .schema import BOOLEAN, Schema, component, listing, of_writing, record, text
from .users import CAMERAS, NAME, PASSWORD

_OF_PLUGINS = "routes of plugins"
_MEDIA, _SYSTEM = Permission.Media_r, Permission.System_r
_CAMERA = Parameter("id", text(least=1, most=32), "The id of the camera", "path")
_QUALITY = Parameter(
    "quality",
    {"type": "integer", "minimum": 1, "maximum": 100},
    "JPEG quality; without it the camera's own pictures",
)
_MAX_AGE = Parameter(
    "max_age", {"type": "number", "minimum": 0, "maximum": 3600}, "Oldest picture that will do, in seconds"
)
_SIDE = "(1[6-9]|[2-9][0-9]|[1-9][0-9]{2,3})"
_RENDITION = Parameter("rendition", {"type": "string", "enum": list(RENDITIONS)}, "Which one; main without")
_SIZE = Parameter("size", {"type": "string", "pattern": f"^{_SIDE}x{_SIDE}$"}, "A box like 640x360 to fit into")
_FPS = Parameter("fps", {"type": "number", "minimum": 0.1, "maximum": 1000}, "Pictures a second at most")
_BITRATE = Parameter("bitrate", {"type": "integer", "minimum": 16_000, "maximum": 100_000_000}, "Bit/s, of H.264")
_PICTURE: Schema = {"type": "string", "contentMediaType": "image/jpeg"}
_NO_PICTURE = "No picture can be had now"
_MESSAGE: Schema = {"type": "object", "description": "A message of the WebSocket: see docs/websocket-api.md"}
_CHECKS: Schema = {"type": "object", "additionalProperties": text(most=4096)}
_LOGIN = record({"username": NAME, "password": text(least=1, most=1024)})
_SETUP = record({"code": text(least=1, most=64), "username": NAME, "password": PASSWORD})
_SESSION = component(
    "Session",
    record(
        {
            "token": text("The secret of the session, good as bearer"),
            "username": text(),
            "permissions": listing({"type": "string"}),
            "cameras": CAMERAS,
        }
    ),
)


def _picture(path: str, camera: bool = False) -> Operation:
    answers = {
        200: Answer(
            "A JPEG",
            _PICTURE,
            "image/jpeg",
            {"X-Timestamp": "When it was taken, Unix seconds", "X-Camd-Frame-Age": "Its age in seconds"},
        ),
        400: Answer("A parameter is out of range"),
        404: Answer("There is no camera"),
        503: Answer(_NO_PICTURE + ": a JPEG that says why, or an error"),
    }
    where = (_CAMERA,) if camera else ()
    return Operation(
        "GET", path, _MEDIA, "One picture", answers,
        parameters=(*where, _RENDITION, _SIZE, _QUALITY, _MAX_AGE),
        tag="pictures",
    )


def _stream(path: str, camera: bool = False) -> Operation:
    answers = {
        200: Answer("JPEGs without end", {"type": "string"}, "multipart/x-mixed-replace; boundary=frame"),
        400: Answer("A parameter is out of range"),
        404: Answer("There is no camera"),
    }
    where = (_CAMERA,) if camera else ()
    return Operation(
        "GET",
        path,
        _MEDIA,
        "Every picture, until the client leaves",
        answers,
        doc="A slow client gets the newest picture only. `/?action=stream` is the same as `/stream`.",
        parameters=(*where, _RENDITION, _SIZE, _FPS, _QUALITY),
        tag="pictures",
    )


def _video(path: str, summary: str, kind: str, *parameters: Parameter) -> Operation:
    answers = {
        200: Answer(summary, {"type": "string"}, kind),
        400: Answer("A parameter is out of range, or there is no such video"),
        404: Answer("There is no camera, or no such segment"),
        503: Answer("There is no video now"),
    }
    return Operation("GET", path, _MEDIA, summary, answers, parameters=(_CAMERA, *parameters), tag="pictures")


def _health(path: str) -> Operation:
    health = record(
        {
            "status": {"type": "string", "enum": ["healthy", "degraded"]},
            "timestamp": {"type": "string", "format": "date-time"},
        },
        {"checks": _CHECKS},
    )
    return Operation(
        "GET",
        path,
        PUBLIC,
        "Whether the process is well",
        {200: Answer("It answers", health)},
        doc="`checks` is for holders of `System_r`.",
        tag="health",
    )


def _ready(path: str) -> Operation:
    ready = record({"ready": BOOLEAN}, {"reasons": _CHECKS})
    answers = {200: Answer("They can", ready), 503: Answer("One of them cannot", ready)}
    return Operation(
        "GET",
        path,
        PUBLIC,
        "Whether the cameras can deliver",
        answers,
        doc="`reasons` are for holders of `System_r`.",
        tag="health",
    )


#: Of the core, by path.
DESCRIBED: tuple[Operation, ...] = (
    *FILES,
    *(_picture(path) for path in ("/snapshot", "/snapshot.jpg", "/camera.jpeg", "/image")),
    _picture("/cam/{id}/snapshot.jpg", camera=True),
    _stream("/stream"),
    _stream("/cam/{id}/stream.mjpg", camera=True),
    _video("/cam/{id}/stream.mp4", "A video without end", "video/mp4", _RENDITION, _SIZE, _FPS, _BITRATE),
    _video("/cam/{id}/hls/index.m3u8", "The playlist of HLS", "application/vnd.apple.mpegurl", _RENDITION, _SIZE, _FPS,
           _BITRATE),
    Operation(
        "GET",
        "/api/media",
        _MEDIA,
        "The WebSocket of pictures and video",
        {101: Answer("Wishes in JSON, pictures in binary"), 426: Answer("A WebSocket is wanted")},
        doc="With `Upgrade: websocket`.",
        tag="pictures",
    ),
    *(_health(path) for path in ("/health", "/healthz")),
    *(_ready(path) for path in ("/ready", "/readyz")),
    Operation(
        "GET",
        "/metrics",
        _SYSTEM,
        "Figures for Prometheus",
        {200: Answer("Text exposition format", {"type": "string"}, "text/plain")},
        tag="health",
    ),
    Operation(
        "GET",
        "/api/status",
        _SYSTEM,
        "Everything that a dashboard asks for",
        {200: Answer("Sizes in bytes", component("Status", {"type": "object"}))},
        tag="health",
    ),
    Operation(
        "GET",
        "/api/schema",
        READER,
        "All states with type, range, unit and permissions",
        {200: Answer("What the asker may read", record({"schema": {"type": "object"}}))},
        tag="state",
    ),
    Operation(
        "GET",
        "/api",
        READER,
        "The WebSocket",
        {101: Answer("Messages in JSON, both ways"), 426: Answer("A WebSocket is wanted")},
        doc="With `Upgrade: websocket`.",
        tag="state",
    ),
    Operation(
        "POST",
        "/api",
        READER,
        "One message of the WebSocket, answered",
        {
            200: Answer("The answer; a refusal is one with `error`", _MESSAGE),
            400: Answer("Not JSON", _MESSAGE),
        },
        body={"description": "A message of the WebSocket: see docs/websocket-api.md. To what is none `error` is the answer"},
        tag="state",
    ),
    Operation(
        "POST",
        "/api/login",
        PUBLIC,
        "Sign in",
        {
            200: Answer("Signed in; the secret is in `token`, and in a cookie", _SESSION),
            401: Answer("The name or the password is wrong"),
        },
        doc="With HTTP Basic the body may be left out.",
        body=_LOGIN,
        optional=True,
        tag="me",
    ),
    Operation(
        "POST",
        "/api/logout",
        ANY,
        "Sign out",
        {200: Answer("The session ended", record({"authenticated": BOOLEAN}))},
        doc="An API token is not touched.",
        tag="me",
    ),
    Operation(
        "POST",
        "/api/setup",
        PUBLIC,
        "Create the first administrator",
        {
            200: Answer("Created, and signed in", _SESSION),
            401: Answer("The code is wrong"),
            409: Answer("There is an administrator already"),
        },
        doc="With the code that camd printed when it started.",
        body=_SETUP,
        tag="me",
    ),
)


def of_alias(route: Route, known: list[Operation]) -> list[Operation]:
    """The Operations of a route that stands for another, whose path its resource tells in `stands_for`."""
    meant = getattr(route.resource, "stands_for", "")
    return [
        replace(one, path=route.path + one.path.removeprefix(meant), tag=_OF_PLUGINS)
        for one in known
        if meant and (one.path == meant or one.path.startswith(meant + "/"))
    ]


def of_route(route: Route, by: Principal) -> list[Operation]:
    """What can be said of a route that nobody described: its methods, who may, and what its resource says
    of itself: in `described`, or in the first sentence of its docstring. by: who reads it.

    described: method -> {"summary", "answers": {status: text, or text and JSON Schema}, "body": JSON Schema or None} and,
    where the body may be left out, "optional": True. A body may be a function of `by` that gives the schema, and have
    Specs in it, each for what may be written to a state."""
    resource = route.resource
    described = getattr(resource, "described", None)
    if described is not None:
        return [
            Operation(
                method,
                route.path,
                _needed(route, method),
                one["summary"],
                {status: _told(said) for status, said in one["answers"].items()},
                parameters=(_CAMERA,) if "{id}" in route.path else (),
                body=_body(one["body"], by),
                tag=_OF_PLUGINS,
                optional=one.get("optional", False),
            )
            for method, one in described.items()
            if _needed(route, method) is not None
        ]
    text = " ".join((type(resource).__doc__ or "").split()).partition(". ")[0].removesuffix(".")
    named = {name.removeprefix("render_") for name in dir(resource) if name.startswith("render_")} - {"HEAD"}
    methods = named or ({"GET", "POST"} if route.write is not None else {"GET"})
    found = []
    for method in sorted(methods):
        permission = _needed(route, method)
        if permission is not None:
            answers = {200: Answer("As the resource says")}
            found.append(
                Operation(
                    method, route.path, permission, text[:200] or "A resource", answers, tag=_OF_PLUGINS
                )
            )
    return found


def _told(said: str | tuple[str, Schema]) -> Answer:
    return Answer(said) if isinstance(said, str) else Answer(*said)


def _body(told: Any, by: Principal) -> Schema | None:
    return _spelled(told(by) if callable(told) else told)


def _spelled(node: Any) -> Any:
    """A schema with what each Spec in it says."""
    if isinstance(node, Spec):
        return of_writing(node)
    if isinstance(node, dict):
        return {word: _spelled(below) for word, below in node.items()}
    return [_spelled(below) for below in node] if isinstance(node, list) else node


def _needed(route: Route, method: str) -> Permission | str | None:
    return PUBLIC if route.open else route.read if method == "GET" else route.write
