"""Parts of a multipart stream as cameras send it (RFC 2046 section 5.1), taken apart as it arrives."""

from __future__ import annotations

import re

from ..errors import Invalid

#: The largest picture that is taken (bytes).
LIMIT = 32 << 20
_HEAD_LIMIT = 8192
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"(?im)^content-length[ \t]*:[ \t]*(\d{1,9})[ \t\r]*$")
_DELIMITER = re.compile(rb"--[^\s]{1,200}")


class PartReader:
    """Bytes in, bodies of parts out.

    boundary: as the Content-Type names it; "" to learn it from the first line. Cameras name it with and
    without its two dashes and write either, so the dashes count for nothing. Content-Length is believed until
    it was wrong once; without it a part ends where the next begins, which is a picture later.
    """

    def __init__(self, boundary: str = "", limit: int = LIMIT):
        name = boundary.strip().strip('"').lstrip("-")
        self._delimiter = b"--" + name.encode("latin-1", "replace") if name else b""
        self._limit = limit
        self._buffer = bytearray()
        self._in_body = False
        self._length = 0  # of the body that is being read; 0: not known
        self._searched = 0  # so much of the buffer has no delimiter
        self._trusting = True
        self._measured = False  # the part before was as long as it said

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that are complete now. Raises Invalid if this is no multipart stream."""
        self._buffer += data
        bodies = []
        while (body := self._body() if self._in_body else self._head()) is not None:
            if body:
                bodies.append(body)
        if len(self._buffer) > self._limit:
            raise Invalid("", f"{len(self._buffer)} bytes without the end of a picture")
        return bodies

    def _head(self) -> bytes | None:
        """Go past the next delimiter and the header lines behind it; b"" if that is done."""
        buffer = self._buffer
        if not self._delimiter:
            found = _DELIMITER.search(buffer)
            if found is None or found.end() == len(buffer):
                return self._without_a_head()
            self._delimiter = b"--" + found[0].lstrip(b"-")
        begin = buffer.find(self._delimiter)
        if begin < 0:
            return self._without_a_head()
        if self._measured and buffer[:begin].strip(b"\r\n-"):
            self._trusting = False  # the part before was longer, or shorter, than it said
        end = _END_OF_HEAD.search(buffer, begin)
        if end is None:
            if len(buffer) - begin > _HEAD_LIMIT:
                raise Invalid("", f"{_HEAD_LIMIT} bytes of header lines in front of a picture")
            return None
        length = _LENGTH.search(buffer, begin, end.start() + 1)
        self._length = int(length[1]) if length and self._trusting else 0
        del buffer[:end.end()]
        self._in_body, self._searched, self._measured = True, 0, False
        return b""

    def _without_a_head(self) -> None:
        """What comes before the first delimiter is nobody's."""
        if len(self._buffer) > _HEAD_LIMIT and not self._measured:
            raise Invalid("", f"{len(self._buffer)} bytes without the boundary between two pictures")

    def _body(self) -> bytes | None:
        buffer = self._buffer
        if self._length:
            if len(buffer) < self._length:
                return None
            end, self._measured = self._length, True
        else:
            end = buffer.find(self._delimiter, self._searched)
            if end < 0:
                self._searched = max(0, len(buffer) - len(self._delimiter))
                return None
        body = bytes(memoryview(buffer)[:end])
        del buffer[:end]
        self._in_body = False
        return body if self._length else body.rstrip(b"\r\n-")
