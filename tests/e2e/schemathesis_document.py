"""What schemathesis is asked to ask: nearly everything in an OpenAPI document."""

from __future__ import annotations

import copy
import json
from typing import Any

Schema = dict[str, Any]

#: Operations that are not asked, as a pattern of their ids, by reason. All of them have tests of their own.
LEFT_OUT = {
    "ends with the client only": r"get (stream|cam/\{id\}/stream\.(mjpg|mp4))",
    "waits for the first seconds of a stream": r"get cam/\{id\}/hls/index\.m3u8",
    "a WebSocket": r"get (api|api/v1|api/media|wamp)",
    "the body is a form": r"post upload",
    "the body is a file, whatever its type": r"put files/\{path\}",
    "begins a stream, and the body is no JSON": r"post cam/\{id\}/whep",
    "another name of api/v1/users, which is asked; to check passwords takes long": r"\w+ api/(auth|admin)/users(/.*)?",
    "leads camd to other ports and cameras": r"(patch|put) api/config/\{section\}",
}
EXCLUDED = "^(" + "|".join(LEFT_OUT.values()) + ")$"
_STATE = "/api/state/"
#: What tells one state from another, to whoever asks for it.
_TELLING = ("type", "pattern", "format", "items", "additionalProperties", "propertyNames", "prefixItems", "multipleOf")


def asked(document: Schema) -> Schema:
    """The document with one state of each kind: those that differ in name and range only are one operation to camd."""
    found = copy.deepcopy(document)
    read, written = (found["components"]["schemas"][name]["properties"] for name in ("StateValues", "StateChanges"))
    kinds = set()
    for path in [path for path in found["paths"] if path.startswith(_STATE)]:
        name = path.removeprefix(_STATE)
        kind = json.dumps([_kind(schemas.get(name)) for schemas in (read, written)])
        if kind in kinds:
            del found["paths"][path]
            written.pop(name, None)  # from what sets many at once; whoever points to it is gone, too
        kinds.add(kind)
    return found


def _kind(schema: Schema | None) -> Schema | None:
    if schema is None:
        return None
    return {word: schema[word] for word in _TELLING if word in schema} | {"choices": "enum" in schema}
