"""JSON of strangers, read without surprises.

`json.loads` takes NaN, lets the last of two equal keys win, recurses as deep as the text says and
spends quadratic time on huge integers. Here each of those is an error, and the cheap checks come
first: size, then encoding, then depth, and only then the parser.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import Invalid

DEPTH_LIMIT = 32
#: Longer than any 64 bit number or any useful fraction; keeps `int()` and `float()` cheap.
DIGITS_LIMIT = 64

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def loads(text: str | bytes, limit: int) -> Any:
    """Parse one JSON text (RFC 8259). limit: bytes of UTF-8; pure. Raises Invalid with key ""."""
    if len(text) > limit:
        raise Invalid("", f"the message is longer than {limit} bytes")
    if isinstance(text, str):
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise Invalid("", "the message is not valid Unicode (lone surrogate)") from None
        if size > limit:
            raise Invalid("", f"the message is longer than {limit} bytes")
    else:
        try:
            text = bytes(text).decode()
        except UnicodeDecodeError as error:
            raise Invalid("", f"the message is not UTF-8 (byte {error.start})") from None
    _check_depth(text)
    try:
        value = _decode(text)
    except json.JSONDecodeError as error:
        raise Invalid("", f"not JSON: {error.msg} at character {error.pos}") from None
    if _SURROGATE_ESCAPE.search(text):
        _check_surrogates(value)
    return value


def _check_depth(text: str) -> None:
    """Before the parser recurses: it has no limit of its own below the interpreter's."""
    if text.count("[") + text.count("{") <= DEPTH_LIMIT:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        if bracket in "[{":
            depth += 1
            if depth > DEPTH_LIMIT:
                raise Invalid("", f"nested deeper than {DEPTH_LIMIT} levels")
        else:
            depth -= 1


def _check_surrogates(value: Any) -> None:
    """A pair of surrogate escapes is one character by now; a lone one cannot be sent on as UTF-8."""
    try:
        dumps(value).encode()
    except UnicodeEncodeError:
        raise Invalid("", "a string holds a lone surrogate") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Invalid("", f"duplicate key {json.dumps(name[:64])}")
            seen.add(name)
    return result


def _constant(name: str) -> NoReturn:
    raise Invalid("", f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > DIGITS_LIMIT:
        raise Invalid("", f"a number has more than {DIGITS_LIMIT} characters")
    return int(digits)


def _float(digits: str) -> float:
    if len(digits) > DIGITS_LIMIT:
        raise Invalid("", f"a number has more than {DIGITS_LIMIT} characters")
    value = float(digits)
    if not math.isfinite(value):
        raise Invalid("", "a number is too large")
    return value


_decode: Callable[[str], Any] = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
).decode

_encode: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def dumps(value: Any) -> str:
    """JSON text with the separators ", " and ": ", not escaped beyond what JSON asks. Pure.

    Raises ValueError on NaN and infinities, TypeError on what JSON cannot hold.
    """
    return _encode(value)
