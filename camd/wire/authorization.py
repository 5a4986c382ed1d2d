"""The Authorization header as a server reads it: Basic (RFC 7617) and the parameters of Digest (RFC 7616).

It is read before anybody knows who asks, so it takes time in proportion to its length, whatever it says.
"""

from __future__ import annotations

import base64
import binascii
import re

from ..errors import Unauthorized

_FIELD = re.compile(r'[\s,]*+([A-Za-z0-9_-]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]*+))\s*+(?:,|$)')
_ESCAPED = re.compile(r"\\(.)")


def parse_fields(text: str) -> dict[str, str]:
    """name=value, name="value" behind the scheme, up to what is not of this form; names in lower case. Pure."""
    fields = {}
    position = 0
    while match := _FIELD.match(text, position):  # not a search, which would try each place in turn
        name, quoted, plain = match.groups()
        fields[name.lower()] = _ESCAPED.sub(r"\1", quoted) if quoted is not None else plain
        position = match.end()
    return fields


def basic_pair(encoded: bytes) -> tuple[str, str]:
    """Name and password of Basic, in UTF-8 or what was usual before. Pure. Raises Unauthorized."""
    try:
        pair = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        raise Unauthorized from None
    try:
        text = pair.decode()
    except UnicodeDecodeError:
        text = pair.decode("latin-1")
    name, colon, password = text.partition(":")
    if not colon:
        raise Unauthorized
    return name, password
