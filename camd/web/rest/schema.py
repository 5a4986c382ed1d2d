"""JSON Schema (2020-12), the part of it that our messages need: made from Specs, and checked.

Schemas are plain dictionaries, for they go out as they are. `COMPONENTS` has those with a name of their
own; `ref` points to one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from ...errors import Invalid
from ...state.permission import Permission
from ...state.spec import Spec

Schema = dict[str, Any]

#: Schemas by name, as in the document's `components/schemas`.
COMPONENTS: dict[str, Schema] = {}
_POINTER = "#/components/schemas/"
#: A step that JSON Schema cannot say is written as the list of its values, if it is not longer than this.
_LISTED = 256
#: Longest text that a Spec accepts.
_TEXT = 4096

BOOLEAN: Schema = {"type": "boolean"}
#: Unix milliseconds, as the product counts time.
MOMENT: Schema = {"type": ["integer", "null"], "description": "Unix milliseconds"}


def component(name: str, schema: Schema) -> Schema:
    """Give a schema a name; returns what points to it."""
    if COMPONENTS.setdefault(name, schema) is not schema:
        raise ValueError(f"there is a schema {name} already")
    return {"$ref": _POINTER + name}


PERMISSION = component(
    "Permission", {"type": "string", "enum": [permission.name for permission in Permission]}
)
PERMISSIONS: Schema = {"type": "array", "items": PERMISSION, "maxItems": 32}


def record(
    required: dict[str, Schema] | None = None,
    optional: dict[str, Schema] | None = None,
    *,
    closed: bool = False,
    doc: str = "",
) -> Schema:
    """An object with these members. closed: no others, which is right for what comes in; what goes out
    stays open, so that a later version can say more."""
    schema: Schema = {"type": "object", "properties": {**(required or {}), **(optional or {})}}
    if required:
        schema["required"] = list(required)
    if closed:
        schema["additionalProperties"] = False
    if doc:
        schema["description"] = doc
    return schema


def text(doc: str = "", *, least: int = 0, most: int = 256, pattern: str = "") -> Schema:
    """A string of so many characters."""
    schema: Schema = {"type": "string", "maxLength": most}
    if least:
        schema["minLength"] = least
    if pattern:
        schema["pattern"] = pattern
    if doc:
        schema["description"] = doc
    return schema


def listing(items: Schema, *, most: int = 0, doc: str = "") -> Schema:
    schema: Schema = {"type": "array", "items": items}
    if most:
        schema["maxItems"] = most
    if doc:
        schema["description"] = doc
    return schema


def nullable(schema: Schema, doc: str = "") -> Schema:
    """The schema, or null."""
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        found = {**schema, "type": [schema["type"], "null"]}
    else:
        found = {"anyOf": [schema, {"type": "null"}]}
    return {**found, "description": doc} if doc else found


# -- from Specs

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def of_reading(spec: Spec) -> Schema:
    """What a state name may hold: its type, or null while it is unknown. A device may well report what it
    would not accept, so ranges are not promised."""
    return _described({"type": [_TYPES[spec.type], "null"]}, spec)


def of_writing(spec: Spec) -> Schema:
    """What `Spec.check` accepts, as far as JSON Schema can say it."""
    schema: Schema = {"type": _TYPES[spec.type]}
    if spec.type in (int, float):
        for word, bound in (("minimum", spec.min), ("maximum", spec.max)):
            if bound is not None:
                schema[word] = bound
        if spec.step and spec.type is int:
            _add_step(schema, spec)
    if spec.type is str and not spec.choices:
        schema["maxLength"] = _TEXT
    if spec.choices:
        schema["enum"] = list(spec.choices)
    schema.update(spec.schema)
    return _described(schema, spec)


def _add_step(schema: Schema, spec: Spec) -> None:
    low, step = int(spec.min or 0), int(spec.step or 1)
    if step == 1:
        return
    if low % step == 0:
        schema["multipleOf"] = step
    elif spec.max is not None and (spec.max - low) // step < _LISTED:
        schema["enum"] = list(range(low, int(spec.max) + 1, step))


def _described(schema: Schema, spec: Spec) -> Schema:
    if spec.doc:
        schema["description"] = spec.doc
    if spec.unit:
        schema["x-unit"] = spec.unit
    if spec.default is not None:
        schema["default"] = spec.default
    return schema


# -- checking

_KINDS: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """As JSON Schema means it: `$` is the very end, where Python's is also before a last line break."""
    return re.compile(re.sub(r"(?<!\\)\$(?=[|)]|\Z)", r"\\Z", pattern))


def check(value: Any, schema: Schema, key: str = "") -> None:
    """Raise Invalid with the place ("cameras/0") and the reason if the value does not fit. Pure."""
    if "$ref" in schema:
        check(value, COMPONENTS[schema["$ref"].removeprefix(_POINTER)], key)
    if "anyOf" in schema:
        _check_any(value, schema["anyOf"], key)
    if "type" in schema:
        _check_type(value, schema["type"], key)
    if "enum" in schema and not any(
        value == known and type(value) is type(known) for known in schema["enum"]
    ):
        raise Invalid(key, "Value must be one of " + ", ".join(map(str, schema["enum"])))
    if isinstance(value, str):
        _check_text(value, schema, key)
    elif isinstance(value, list):
        _check_list(value, schema, key)
    elif isinstance(value, dict):
        _check_object(value, schema, key)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _check_number(value, schema, key)


def _check_any(value: Any, schemas: Iterable[Schema], key: str) -> None:
    first: Invalid | None = None
    for schema in schemas:
        try:
            return check(value, schema, key)
        except Invalid as error:
            first = first or error
    raise first or Invalid(key, "Value is not acceptable")


def _check_type(value: Any, wanted: str | list[str], key: str) -> None:
    names = [wanted] if isinstance(wanted, str) else wanted
    if type(value) is float and value.is_integer() and "integer" in names:  # 1.0 is one, too
        return
    if not any(type(value) in _KINDS[name] for name in names):  # exact: True is an int to isinstance
        raise Invalid(key, f"Value must be of type {' or '.join(names)}")


def _check_text(value: str, schema: Schema, key: str) -> None:
    if len(value) < schema.get("minLength", 0):
        raise Invalid(key, f"Value must have at least {schema['minLength']} characters")
    if len(value) > schema.get("maxLength", len(value)):
        raise Invalid(key, f"Value must have at most {schema['maxLength']} characters")
    if "pattern" in schema and not _compiled(schema["pattern"]).search(value):
        raise Invalid(key, f"Value must match {schema['pattern']}")


def _check_number(value: float, schema: Schema, key: str) -> None:
    low, high = schema.get("minimum", value), schema.get("maximum", value)
    if not low <= value <= high:
        if "minimum" in schema and "maximum" in schema:
            raise Invalid(key, f"Value must be between {low} and {high}")
        raise Invalid(
            key, f"Value must be at least {low}" if value < low else f"Value must be at most {high}"
        )


def _check_list(value: list[Any], schema: Schema, key: str) -> None:
    if len(value) < schema.get("minItems", 0):
        raise Invalid(key, f"Value must have at least {schema['minItems']} items")
    if len(value) > schema.get("maxItems", len(value)):
        raise Invalid(key, f"Value must have at most {schema['maxItems']} items")
    for number, item in enumerate(value if "items" in schema else ()):
        check(item, schema["items"], _below(key, str(number)))


def _check_object(value: dict[str, Any], schema: Schema, key: str) -> None:
    for name in schema.get("required", ()):
        if name not in value:
            raise Invalid(_below(key, name), "is missing")
    if len(value) < schema.get("minProperties", 0):
        raise Invalid(key, f"Value must have at least {schema['minProperties']} members")
    if len(value) > schema.get("maxProperties", len(value)):
        raise Invalid(key, f"Value must have at most {schema['maxProperties']} members")
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, item in value.items():
        if name in known:
            check(item, known[name], _below(key, name))
        elif others is False:
            raise Invalid(key, f"has no member {_quoted(name)}; there are: {', '.join(known) or 'none'}")
        elif isinstance(others, dict):
            check(item, others, _below(key, name))


def _below(key: str, name: str) -> str:
    return f"{key}/{name}" if key else name


def _quoted(name: str) -> str:
    return json.dumps(name[:64])
