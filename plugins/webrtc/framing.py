"""How camd and its child speak: messages in JSON and pictures, one after the other in a pipe.

    length of the body (4 bytes) | kind (1 byte) | body
    body of a picture: feed (4 bytes) | time (8 bytes, 90 kHz) | 1 for a key frame | the access unit
    body of a sound: feed (4 bytes) | time (8 bytes, 48 kHz) | the packet

Both sides import this, and the child imports nothing of camd beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from struct import Struct
from typing import Any, NamedTuple

#: What RTP counts time in (1/s): of pictures, and of sound.
CLOCK, SOUND_CLOCK = 90_000, 48_000
_HEAD = Struct(">IB")
_PICTURE = Struct(">IQB")
_SOUND = Struct(">IQ")
_MESSAGE_KIND, _PICTURE_KIND, _SOUND_KIND = 0, 1, 2

Message = dict[str, Any]


class Picture(NamedTuple):
    """One access unit of H.264 (Annex B). time: of RTP, in 1/CLOCK seconds."""

    feed: int
    time: int
    keyframe: bool
    data: bytes


class Sound(NamedTuple):
    """One packet of Opus. time: of RTP, in 1/SOUND_CLOCK seconds."""

    feed: int
    time: int
    data: bytes


def pack_message(message: Message) -> bytes:
    body = json.dumps(message).encode()
    return _HEAD.pack(len(body), _MESSAGE_KIND) + body


def pack_picture(feed: int, time: int, keyframe: bool, data: bytes) -> tuple[bytes, bytes]:
    """Two parts, to be written one after the other: the access unit is not copied."""
    head = _HEAD.pack(_PICTURE.size + len(data), _PICTURE_KIND)
    return head + _PICTURE.pack(feed, time, keyframe), data


def pack_sound(feed: int, time: int, data: bytes) -> bytes:
    return _HEAD.pack(_SOUND.size + len(data), _SOUND_KIND) + _SOUND.pack(feed, time) + data


class Unpacker:
    """Takes bytes as they come and gives what they contain. longest: bytes of a body; a longer one is a
    ValueError, as is everything else that the other side cannot have meant."""

    def __init__(self, longest: int):
        self._longest = longest
        self._buffer = bytearray()

    def take(self, data: bytes) -> Iterator[Message | Picture | Sound]:
        """What became whole with these bytes."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            length, kind = _HEAD.unpack_from(self._buffer)
            if length > self._longest:
                raise ValueError(f"{length} bytes in one piece; at most {self._longest}")
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            body = bytes(memoryview(self._buffer)[_HEAD.size : end])
            del self._buffer[:end]
            yield _parse(kind, body)


def _parse(kind: int, body: bytes) -> Message | Picture | Sound:
    if kind == _PICTURE_KIND and len(body) >= _PICTURE.size:
        feed, time, keyframe = _PICTURE.unpack_from(body)
        return Picture(feed, time, bool(keyframe), body[_PICTURE.size :])
    if kind == _SOUND_KIND and len(body) >= _SOUND.size:
        return Sound(*_SOUND.unpack_from(body), body[_SOUND.size :])
    message = json.loads(body) if kind == _MESSAGE_KIND else None
    if not isinstance(message, dict):
        raise ValueError(f"a piece of kind {kind} that is none")
    return message
