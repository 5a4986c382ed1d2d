"""WebSocket frames as bytes (RFC 6455 section 5.2)."""

from __future__ import annotations

from struct import pack


def text_frame(payload: bytes) -> bytes:
    """One final, unmasked text frame, as a server sends it. payload: UTF-8. Pure."""
    length = len(payload)
    if length < 126:
        return b"\x81" + length.to_bytes(1, "big") + payload
    if length < 65536:
        return pack(">BBH", 0x81, 126, length) + payload
    return pack(">BBQ", 0x81, 127, length) + payload


def binary_head(length: int) -> bytes:
    """What comes before `length` bytes in one final, unmasked binary frame, as a server sends it. Pure."""
    if length < 126:
        return pack(">BB", 0x82, length)
    if length < 65536:
        return pack(">BBH", 0x82, 126, length)
    return pack(">BBQ", 0x82, 127, length)
