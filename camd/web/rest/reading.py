"""Reading a request: parameters, body and conditions, as an Operation declares them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from ...errors import Invalid
from ...wire.strictjson import loads
from ..request import Request
from .operation import Operation, Parameter, Rejected
from .schema import Schema, check

#: Longest value of a parameter (characters).
_LONGEST = 1024
_JSON_TYPE = re.compile(rb'application/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?', re.IGNORECASE)
_TAG = re.compile(r'\s*(?:(\*)|(W/)?"([^"]*)")\s*(?:,|$)')


def read_path(parameters: Iterable[Parameter], values: dict[str, bytes]) -> dict[str, str]:
    """The variable parts of the path. Raises Rejected 404: what does not fit cannot be there."""
    found = {}
    for parameter in parameters:
        if parameter.where != "path":
            continue
        try:
            found[parameter.name] = _one(parameter, values[parameter.name])
        except (Invalid, UnicodeDecodeError):
            raise Rejected(404, "Not found") from None
    return found


def read_query(operation: Operation, args: dict[bytes, list[bytes]]) -> dict[str, Any]:
    """The declared parameters of the query; others are ignored. Raises Rejected 400."""
    found: dict[str, Any] = {}
    for parameter in operation.parameters:
        given = args.get(parameter.name.encode())
        if parameter.where != "query":
            continue
        if given is None:
            if parameter.required:
                raise Rejected(400, f"{parameter.name}: it is needed", key=parameter.name)
            continue
        try:
            if parameter.many:
                items = [_one(parameter, value) for value in given]
                check(items, parameter.schema, parameter.name)
                found[parameter.name] = items
            else:
                found[parameter.name] = _one(parameter, given[-1])
        except UnicodeDecodeError:
            raise Rejected(400, f"{parameter.name}: Value is not UTF-8", key=parameter.name) from None
        except Invalid as error:
            raise Rejected(400, str(error), key=parameter.name) from None
    return found


def _one(parameter: Parameter, raw: bytes) -> Any:
    """One value of a parameter in the type that its schema says."""
    schema = parameter.schema["items"] if parameter.many else parameter.schema
    text = raw.decode()
    if len(text) > _LONGEST:
        raise Invalid(parameter.name, f"Value must have at most {_LONGEST} characters")
    value: Any = text
    if schema["type"] == "integer":
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise Invalid(parameter.name, "Value must be a whole number")
        value = int(text)
    elif schema["type"] == "boolean":
        if text not in ("true", "false"):
            raise Invalid(parameter.name, "Value must be true or false")
        value = text == "true"
    check(value, schema, parameter.name)
    return value


def read_body(request: Request, schema: Schema) -> Any:
    """The JSON body. Raises Rejected 415 (not declared as JSON) or 400 (no JSON), and Invalid for what
    does not fit its schema. A form of another site cannot send this type."""
    kind = request.getHeader(b"content-type") or b""
    if not _JSON_TYPE.fullmatch(kind.strip()):
        raise Rejected(415, "The body must be JSON, with Content-Type: application/json", "INVALID_FORMAT")
    if request.getHeader(b"content-encoding") not in (None, b"identity"):
        raise Rejected(415, "The body must not be compressed", "INVALID_FORMAT")
    data = request.content.read()
    try:
        value = loads(data, max(len(data), 1))
    except Invalid as error:
        raise Rejected(400, error.reason, "INVALID_FORMAT") from None
    check(value, schema)
    return value


# -- conditions (RFC 9110 section 13)


def tag_of(content: bytes) -> str:
    """A validator for these bytes."""
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def is_unchanged(request: Request, tag: str) -> bool:
    """Whether If-None-Match says that the client has this already."""
    given = _header(request, b"if-none-match")
    return given is not None and _names(given, tag, weak=True)


def has_conditions(request: Request) -> bool:
    return any(request.requestHeaders.hasHeader(name) for name in (b"if-match", b"if-none-match"))


def check_conditions(request: Request, tag: str | None) -> None:
    """Before something is changed: raises Rejected 412 if it is not what the client thinks. tag: of what
    is there now, None for nothing."""
    wanted, unwanted = _header(request, b"if-match"), _header(request, b"if-none-match")
    if (wanted is not None and (tag is None or not _names(wanted, tag))) or (
        unwanted is not None and tag is not None and _names(unwanted, tag, weak=True)
    ):
        raise Rejected(412, "It has changed meanwhile; read it again", "PRECONDITION_FAILED")


def _header(request: Request, name: bytes) -> str | None:
    values = request.requestHeaders.getRawHeaders(name)
    return None if values is None else b", ".join(values).decode("latin-1")


def _names(header: str, tag: str, weak: bool = False) -> bool:
    """Whether a list of entity tags has this one; a malformed list names nothing."""
    place = 0
    while place < len(header):
        match = _TAG.match(header, place)
        if match is None:
            return False
        if match[1] or (match[3] == tag and (weak or not match[2])):
            return True
        place = match.end()
    return False
