"""Ranges of bytes: the part of a file that a client asks for (RFC 9110 14)."""

from __future__ import annotations

import re

_ONE = re.compile(rb"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.IGNORECASE)


class Unsatisfiable(ValueError):
    """The range begins behind the end of the file."""


def parse_range(header: bytes, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last of a `Range` header, for a file of `size` bytes. Pure.

    None: the whole file. That is the answer to several ranges at once, too, and to what nobody understands: a
    server may always do so (14.2), and clients that resume or seek ask for one. Raises Unsatisfiable.
    """
    match = _ONE.fullmatch(header)
    if match is None or match[1] == match[2] == b"":
        return None
    if not match[1]:  # the last so many bytes
        length = int(match[2])
        if not length or not size:
            raise Unsatisfiable
        return max(0, size - length), size
    first = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None
    if first >= size:
        raise Unsatisfiable
    return first, min(last + 1, size)
