"""CBOR of strangers (RFC 8949), read as far as JSON goes.

A general reader builds whatever a tag asks for: regular expressions, mails, numbers with a billion digits,
lists that contain themselves. Nothing of that has a place in a message, so here every tag is an error.
"""

from __future__ import annotations

import struct
from typing import Any

DEPTH_LIMIT = 64

_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_INDEFINITE = 31
_BREAK = object()


def loads(data: bytes) -> Any:
    """The one item in data: None, bool, int, float, str, bytes, list, or dict with str keys. Pure; raises
    ValueError."""
    reader = _Reader(data)
    item = reader.item(0)
    if item is _BREAK or reader.at != len(data):
        raise ValueError("more than one item")
    return item


class _Reader:
    __slots__ = ("at", "data")

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def take(self, length: int) -> bytes:
        begin, self.at = self.at, self.at + length
        if self.at > len(self.data):
            raise ValueError("the message ends too early")
        return self.data[begin : self.at]

    def item(self, depth: int) -> Any:
        if depth > DEPTH_LIMIT:
            raise ValueError(f"nested deeper than {DEPTH_LIMIT} levels")
        kind, info = divmod(self.take(1)[0], 32)
        if kind == 7:
            return self._simple(info)
        if kind == 6:
            raise ValueError("tags are not accepted")
        if info == _INDEFINITE and kind >= 2:
            length = None
        elif info < 28:
            length = info if info < 24 else int.from_bytes(self.take(1 << (info - 24)))
        else:
            raise ValueError(f"reserved length {info}")
        if kind == 0:
            return length
        if kind == 1:
            return -1 - length
        if kind in (2, 3):
            return self._string(kind, length, depth)
        if kind == 4:
            return self._items(length, depth)
        return self._map(length, depth)

    def _simple(self, info: int) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        if info in _FLOATS:
            return struct.unpack(_FLOATS[info], self.take(1 << (info - 24)))[0]
        if info == _INDEFINITE:
            return _BREAK
        raise ValueError(f"unknown simple value {info}")

    def _string(self, kind: int, length: int | None, depth: int) -> str | bytes:
        if length is not None:
            data = self.take(length)
            return data.decode() if kind == 3 else data
        pieces = self._items(None, depth)
        if not all(type(piece) is (str if kind == 3 else bytes) for piece in pieces):
            raise ValueError("a string in pieces of another kind")
        return ("" if kind == 3 else b"").join(pieces)

    def _items(self, length: int | None, depth: int) -> list[Any]:
        items: list[Any] = []
        while length is None or len(items) < length:
            item = self.item(depth + 1)
            if item is _BREAK:
                if length is None:
                    break
                raise ValueError("the end of something that had not begun")
            items.append(item)
        return items

    def _map(self, length: int | None, depth: int) -> dict[str, Any]:
        items = self._items(None if length is None else 2 * length, depth)
        if len(items) % 2:
            raise ValueError("a key without a value")
        if not all(type(key) is str for key in items[::2]):
            raise ValueError("the keys of a map must be text")
        return dict(zip(items[::2], items[1::2], strict=True))
