"""How WAMP messages become bytes: JSON, MessagePack and CBOR.

Autobahn's own serializers are refused: their import brings NumPy along, 10 MB that a box which passes JPEG
through never needs, and they take values that no JSON client could ever read.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from typing import Any

import cbor2
import msgpack
from autobahn.wamp.exception import ProtocolError

from camd.errors import Invalid

from . import cbor

#: How deep arguments may be nested.
DEPTH_LIMIT = 32


class Codec:
    """One encoding. NAME, BINARY and `serialize` are what Autobahn's messages ask for, SERIALIZER_ID what its
    factory does; a message keeps its bytes per codec, so there is one of each for all connections."""

    def __init__(self, name: str, binary: bool, dumps: Callable[[Any], bytes], loads: Callable[[bytes], Any]):
        self.NAME = self.SERIALIZER_ID = name
        self.BINARY = binary
        self.serialize = dumps
        self._loads = loads

    def __copy__(self) -> Codec:
        return self  # Autobahn makes a copy for every connection

    def unserialize(self, payload: bytes, binary: bool) -> list[Any]:
        """The message in a WebSocket message: a list that begins with its type. Raises ProtocolError."""
        if binary != self.BINARY:
            raise ProtocolError(f"{self.NAME} messages are {'binary' if self.BINARY else 'text'}")
        try:
            message = self._loads(payload)
        except (ValueError, RecursionError) as error:  # what each of the readers raises on anything wrong
            raise ProtocolError(f"not {self.NAME}: {error}") from None
        if not isinstance(message, list) or not message or type(message[0]) is not int:
            raise ProtocolError("a message is a list that begins with its type")
        return message


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value that every client can read, or raise Invalid: JSON types, finite numbers, 64 bits."""
    if depth > DEPTH_LIMIT:
        raise Invalid("", f"nested deeper than {DEPTH_LIMIT} levels")
    kind = type(value)
    if kind is list:
        for item in value:
            plain(item, depth + 1)
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise Invalid("", "the keys of a map must be text")
            plain(key, depth + 1)
            plain(item, depth + 1)
    elif kind is str:
        if value.startswith("\0"):  # in JSON that is how bytes look
            raise Invalid("", "a text does not begin with NUL")
    elif kind is int:
        if not -(1 << 63) <= value < 1 << 64:
            raise Invalid("", "the number is too large")
    elif kind is float:
        if not math.isfinite(value):
            raise Invalid("", "Value must be a finite number")
    elif value is not None and kind is not bool:
        raise Invalid("", f"a value of type {kind.__name__} is not accepted")
    return value


def _text(value: Any) -> str:
    """Bytes in JSON: NUL and Base64 (WAMP, "Binary support in JSON")."""
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} has no place in JSON")
    return "\0" + base64.b64encode(value).decode("ascii")


def _from_json(data: bytes) -> Any:
    value = json.loads(data)
    if b"\\u" in data:  # escapes can be half a pair of surrogates, which no other client could be told
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _pack(value: Any) -> bytes:
    return msgpack.packb(value, default=float)  # asked for integers beyond 64 bits only


def _unpack(data: bytes) -> Any:
    try:
        return msgpack.unpackb(data)
    except msgpack.UnpackException as error:  # not all of them are ValueErrors
        raise ValueError(str(error) or type(error).__name__) from None


_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_text).encode

CODECS = (
    Codec("cbor", True, cbor2.dumps, cbor.loads),
    Codec("msgpack", True, _pack, _unpack),
    Codec("json", False, lambda value: _to_json(value).encode(), _from_json),
)
