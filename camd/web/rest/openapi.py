"""The OpenAPI 3.1 document: every Operation written down, with the state as it is for its reader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ... import __version__
from ...state.observable import Observable
from ...state.permission import Permission, Principal
from ..api import spec_for
from .operation import ANY, PUBLIC, READER, Answer, Operation, Parameter
from .schema import COMPONENTS, Schema, of_reading, of_writing, record, text
from .state import change_schema, value_schema

ONE_STATE = "/api/state/{name}"
_VALUES, _CHANGES = "StateValues", "StateChanges"
_ERROR = record(
    {
        "error": record(
            {
                "code": text("For programs: INVALID_FORMAT, PERMISSION_DENIED, ..."),
                "message": text("For people", most=4096),
                "details": {"description": "More, for some errors: the key that is meant"},
                "timestamp": {"type": "integer", "description": "Unix milliseconds"},
            }
        )
    }
)
_RETRY = {"Retry-After": "Seconds until another try makes sense"}
#: Refusals by status: one text each, for they mean the same everywhere.
_REFUSALS = {
    400: Answer("The request is malformed"),
    401: Answer(
        "Nobody has signed in, or the secret is wrong", headers={"WWW-Authenticate": "What is accepted"}
    ),
    403: Answer("The permission is missing"),
    404: Answer("It is not there"),
    409: Answer("It does not fit what is there"),
    412: Answer("`If-Match` or `If-None-Match` does not hold"),
    413: Answer("The body is too large"),
    415: Answer("The body is not declared as JSON"),
    421: Answer("The host name is not known here"),
    422: Answer("A value is not acceptable; nothing was changed"),
    429: Answer("Too many requests, or wrong passwords", headers=_RETRY),
    503: Answer("The device does not answer, or the server is busy", headers=_RETRY),
}
_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token: `Authorization: Bearer camd_...`",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "Account and password, or any name and an API token as password",
    },
    "digest": {"type": "http", "scheme": "digest", "description": "Account and device password"},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "camd_session",
        "description": "Set by `POST /api/login`",
    },
    "token": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "For pictures, streams and WebSockets of clients that cannot send headers",
    },
}
_HTTP = [{"bearer": []}, {"basic": []}, {"digest": []}, {"cookie": []}]
_ABOUT = """The cameras and the state of this camd over HTTP.

Everything is JSON, UTF-8; times are Unix milliseconds where nothing else is said. An answer to `GET` has an
`ETag`: send it back as `If-None-Match` to save the transfer, or as `If-Match` with a change that must not
overwrite somebody else's. `HEAD` works wherever `GET` does. Unknown query parameters are ignored; unknown
members of a body are refused. The document shows the states that its reader may read."""


def document(
    operations: Iterable[Operation], state: Iterable[Observable], by: Principal, base: str = ""
) -> Schema:
    """The document as a JSON value. base: the path under which a proxy shows the sites. Reactor thread."""
    readable = [o for o in state if by.may(o.spec.read, o.name)]
    writable = [o for o in state if by.may(o.spec.write, o.name)]
    paths: dict[str, Schema] = {}
    tags: dict[str, None] = {}
    for operation in operations:
        if operation.path == ONE_STATE:
            continue
        tags.setdefault(_tag(operation))
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    for path, method, entry in _states(operations, readable, writable, by):
        tags.setdefault(entry["tags"][0])
        paths.setdefault(path, {})[method] = entry
    return {
        "openapi": "3.1.0",
        "info": {"title": "camd", "version": __version__, "description": _ABOUT},
        "servers": [{"url": base or "/"}],
        "tags": [{"name": name} for name in tags],
        "security": _HTTP,
        "paths": paths,
        "components": {
            "securitySchemes": _SECURITY_SCHEMES,
            "schemas": _schemas(readable, writable, by),
            "responses": {str(status): _answer(status, answer) for status, answer in _REFUSALS.items()},
        },
    }


def _states(
    operations: Iterable[Operation], readable: list[Observable], writable: list[Observable], by: Principal
) -> Iterator[tuple[str, str, Schema]]:
    """Path, method and entry of every state that this reader may read or write."""
    one = {operation.method: operation for operation in operations if operation.path == ONE_STATE}
    if not one:
        return
    read, write = one["GET"], one["PUT"]
    like_read, like_write = _operation(read), _operation(write)
    del like_read["parameters"], like_write["parameters"]
    known = set(readable)
    for observable in readable:
        yield (
            _state_path(observable),
            "get",
            _state(read, like_read, observable, _pointer(_VALUES, observable)),
        )
    for observable in writable:
        # Who may write without reading gets the readback all the same.
        values = (
            _pointer(_VALUES, observable) if observable in known else of_reading(spec_for(observable, by))
        )
        entry = _state(write, like_write, observable, values)
        entry["requestBody"] = _body(change_schema(_pointer(_CHANGES, observable)))
        yield _state_path(observable), "put", entry


def _schemas(readable: list[Observable], writable: list[Observable], by: Principal) -> Schema:
    return {
        "Error": _ERROR,
        **COMPONENTS,
        _VALUES: {
            **COMPONENTS[_VALUES],
            "properties": {o.name: of_reading(spec_for(o, by)) for o in readable},
        },
        _CHANGES: {
            **COMPONENTS[_CHANGES],
            "properties": {o.name: of_writing(spec_for(o, by)) for o in writable},
            "additionalProperties": False,
        },
    }


def _state_path(observable: Observable) -> str:
    return ONE_STATE.replace("{name}", observable.name)


def _state_tag(observable: Observable) -> str:
    """What a state belongs to: "state cameras/cam1", "state system"."""
    first, second, *rest = observable.name.split("/")
    return f"state {first}/{second}" if rest and first == "cameras" else f"state {first}"


def _pointer(component: str, observable: Observable) -> Schema:
    name = observable.name.replace("~", "~0").replace("/", "~1")
    return {"$ref": f"#/components/schemas/{component}/properties/{name}"}


def _state(operation: Operation, like: Schema, observable: Observable, values: Schema) -> Schema:
    """The entry of one state: like that of the Operation, without its variable, with values of its own."""
    spec = observable.spec
    needed = spec.read if operation.method == "GET" else spec.write
    answer = _answer(200, Answer(operation.answers[200].doc, value_schema(values)))
    return {
        **like,
        "tags": [_state_tag(observable)],
        "operationId": f"{operation.method.lower()} {observable.name}",
        "summary": f"{operation.summary}: {spec.doc}" if spec.doc else operation.summary,
        "x-permission": needed.name,
        "responses": {**like["responses"], "200": answer},
    }


def _operation(operation: Operation) -> Schema:
    entry: Schema = {
        "tags": [_tag(operation)],
        "operationId": f"{operation.method.lower()} {operation.path.strip('/')}",
        "summary": operation.summary,
        "x-permission": _permission(operation.permission),
    }
    if operation.doc:
        entry["description"] = operation.doc
    if operation.permission == PUBLIC:
        entry["security"] = []
    if operation.parameters:
        entry["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        entry["requestBody"] = _body(operation.stated or operation.body, operation.optional)
    answers = {str(status): _answer(status, answer) for status, answer in operation.answers.items()}
    refused = {str(status): {"$ref": f"#/components/responses/{status}"} for status in _refusals(operation)}
    entry["responses"] = {**refused, **answers}
    return entry


def _refusals(operation: Operation) -> list[int]:
    """Which refusals an Operation can give besides its own answers."""
    found = [421, 429]
    if operation.permission != PUBLIC:
        found += [401]
        found += [403] if operation.permission not in (ANY, READER) or operation.method != "GET" else []
    if any(parameter.where == "query" for parameter in operation.parameters):
        found += [400]
    if operation.places:
        found += [404, 403]
    if operation.body is not None:
        found += [400, 413, 415, 422, 503]
    if operation.method != "GET":
        found += [412]
    return sorted(set(found) - set(operation.answers))


def _permission(permission: Permission | str) -> str:
    return permission.name if isinstance(permission, Permission) else permission


def _tag(operation: Operation) -> str:
    parts = operation.path.strip("/").split("/")
    return operation.tag or (parts[1] if parts[0] == "api" and len(parts) > 1 else parts[0])


def _parameter(parameter: Parameter) -> Schema:
    entry: Schema = {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.doc,
        "schema": parameter.schema,
    }
    if parameter.where == "path" or parameter.required:
        entry["required"] = True
    return entry


def _body(schema: Schema, optional: bool = False) -> Schema:
    return {"required": not optional, "content": {"application/json": {"schema": schema}}}


def _answer(status: int, answer: Answer) -> Schema:
    entry: Schema = {"description": answer.doc}
    schema = answer.schema
    if schema is None and status >= 400:
        schema = {"$ref": "#/components/schemas/Error"}
    if schema is not None or answer.type != "application/json":
        entry["content"] = {answer.type: {"schema": schema} if schema is not None else {}}
    if answer.headers:
        entry["headers"] = {
            name: {"description": doc, "schema": {"type": "string"}} for name, doc in answer.headers.items()
        }
    return entry
