"""RTSP messages (RFC 2326): a server's side of the connection, as a byte stream.

Requests of strangers, so everything is bounded before it is kept, and what belongs to no known client is
refused. Where real clients are sloppy it is not: bare line feeds, empty lines between messages, header
names in any case and with spaces, folded lines, spaces in the URL.

RTSP 2.0 (RFC 7826) has the same framing and other semantics: its requests come out with their version,
to be answered 505. So do the HTTP requests that open a tunnel, without their bodies (see `rtsp_tunnel`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from string import ascii_letters
from types import MappingProxyType

from ..errors import CamdError

VERSION = "RTSP/1.0"
METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER")

HEAD_LIMIT = 8192  #: bytes of request line and headers
HEADER_LIMIT = 64  #: headers
URL_LIMIT = 2048  #: characters
BODY_LIMIT = 8192  #: bytes; a list of parameters
#: Bytes of an interleaved frame; RTCP is smaller, and nothing else is wanted from a client. Longer ones are
#: passed over without being kept.
FRAME_LIMIT = 2048

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Time-out",
    413: "Request Entity Too Large",
    414: "Request-URI Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    451: "Parameter Not Understood",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    457: "Invalid Range",
    459: "Aggregate Operation Not Allowed",
    460: "Only Aggregate Operation Allowed",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "RTSP Version Not Supported",
    551: "Option not supported",
}

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_LINE = re.compile(r"\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_METHOD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_LENGTH = re.compile(r"[0-9]{1,6}")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_VERSIONS = re.compile(r"(RTSP|HTTP)/[0-9]\.[0-9]")


class BadMessage(CamdError):
    """What came is not a message; the connection is lost to RTSP, and closes after an answer with `status`.
    cseq: of the message, "" if it was not reached."""

    def __init__(self, status: int, text: str, cseq: str = ""):
        self.status = status
        self.cseq = cseq
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. version: "RTSP/1.0", or whatever else it says; headers: names in lower case, repeated
    ones joined with ", "."""

    method: str
    url: str
    version: str = VERSION
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes = b""

    @property
    def cseq(self) -> str:
        """What the answer repeats; "" without one, which RFC 2326 section 12.17 does not allow."""
        return self.headers.get("cseq", "")


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Binary data on a channel (RFC 2326 section 10.12)."""

    channel: int
    data: bytes


class Parser:
    """Bytes in, messages out, however they were cut. Keeps at most one message, and what was fed behind it.

        parser.feed(data)
        for message in parser: ...

    The iteration ends when a message is incomplete, and may be taken up after the next `feed`, or be left in
    the middle while a request waits for its answer: whoever does so stops reading. Raises BadMessage, and
    then again each time. skipped: interleaved frames passed over.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._buffer = bytearray()
        self._searched = 0  # so far there is no end of a head
        self._to_skip = 0
        self._head: Request | None = None
        self._body_size = 0
        self._broken: BadMessage | None = None

    def feed(self, data: bytes) -> None:
        """Take what the connection received."""
        if self._broken is None:
            self._buffer += data

    def rest(self) -> bytes:
        """What came behind the last message, which is not RTSP any more: the data of a tunnel."""
        data = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return data

    def __iter__(self) -> Iterator[Request | Interleaved]:
        return self

    def __next__(self) -> Request | Interleaved:
        if self._broken is not None:
            raise self._broken
        try:
            while True:
                message = self._next()
                if not isinstance(message, Request) or message.method:
                    break  # else the answer to a request that we never made
        except BadMessage as error:
            self._broken = error
            self._buffer.clear()
            raise
        if message is None:
            raise StopIteration
        return message

    def _next(self) -> Request | Interleaved | None:
        buffer = self._buffer
        if self._head is not None:
            return self._body()
        while buffer:
            if self._to_skip:
                passed = min(self._to_skip, len(buffer))
                del buffer[:passed]
                self._to_skip -= passed
            elif buffer[0] == 0x24:
                if len(buffer) < 4:
                    return None
                size = 4 + int.from_bytes(buffer[2:4], "big")
                if size <= FRAME_LIMIT:
                    return self._frame(size)
                self._to_skip = size
                self.skipped += 1
            elif buffer[0] in b"\r\n":
                del buffer[: len(buffer) - len(buffer.lstrip(b"\r\n"))]
                self._searched = 0
            elif chr(buffer[0]) not in ascii_letters:  # TLS, most likely
                raise BadMessage(400, "not RTSP")
            else:
                return self._request()
        return None

    def _frame(self, size: int) -> Interleaved | None:
        buffer = self._buffer
        if len(buffer) < size:
            return None
        frame = Interleaved(buffer[1], bytes(buffer[4:size]))
        del buffer[:size]
        return frame

    def _request(self) -> Request | None:
        buffer = self._buffer
        end = _END_OF_HEAD.search(buffer, max(0, self._searched - 3), HEAD_LIMIT)
        if end is None:
            if len(buffer) >= HEAD_LIMIT:
                raise BadMessage(431, f"request line and headers are longer than {HEAD_LIMIT} bytes")
            self._searched = len(buffer)
            return None
        head = buffer[: end.start()].decode("utf-8", "replace")
        del buffer[: end.end()]
        self._searched = 0
        self._head, self._body_size = _read_head(head)
        return self._body()

    def _body(self) -> Request | None:
        head, size, buffer = self._head, self._body_size, self._buffer
        if head is None or len(buffer) < size:
            return None
        self._head = None
        if not size:
            return head
        body = bytes(buffer[:size])
        del buffer[:size]
        return Request(head.method, head.url, head.version, head.headers, body)


def _read_head(head: str) -> tuple[Request, int]:
    """A request without its body, and the size of that; an answer is a request without method."""
    first, *lines = _LINE.split(_FOLD.sub(" ", head))
    headers = _read_headers(lines)
    cseq = headers.get("cseq", "")
    if _FORBIDDEN.search(head):
        raise BadMessage(400, "control characters in the headers", _safe(cseq))
    method, _, url = first.partition(" ")
    url, _, version = url.strip().rpartition(" ")
    url = url.strip()
    if _VERSIONS.fullmatch(method):
        method, url, version = "", "*", method
    elif not _METHOD.fullmatch(method) or not url or not _VERSIONS.fullmatch(version):
        raise BadMessage(400, "the request line is not METHOD URL RTSP/1.0", _safe(cseq))
    if len(url) > URL_LIMIT:
        raise BadMessage(414, f"the URL is longer than {URL_LIMIT} characters", _safe(cseq))
    request = Request(method, url, version, MappingProxyType(headers))
    return request, 0 if version.startswith("HTTP") else _body_size(headers)


def _read_headers(lines: list[str]) -> dict[str, str]:
    if len(lines) > HEADER_LIMIT:
        raise BadMessage(431, f"more than {HEADER_LIMIT} headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not _TOKEN.fullmatch(name):
            raise BadMessage(400, "a header is not Name: value", _safe(headers.get("cseq", "")))
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _body_size(headers: dict[str, str]) -> int:
    text = headers.get("content-length", "0")
    cseq = _safe(headers.get("cseq", ""))
    if not _LENGTH.fullmatch(text):
        raise BadMessage(400, "Content-Length is not a number", cseq)
    if int(text) > BODY_LIMIT:
        raise BadMessage(413, f"the body is longer than {BODY_LIMIT} bytes", cseq)
    return int(text)


def _safe(cseq: str) -> str:
    """A CSeq that may be repeated."""
    return cseq if re.fullmatch(r"[0-9]{1,10}", cseq) else ""


def response(status: int, cseq: str = "", headers: Iterable[tuple[str, str]] = (), body: bytes = b"",
             version: str = VERSION) -> bytes:
    """One answer. cseq: of its request, left out unless it is a number; headers: in this order, with
    Content-Length added where there is a body. Raises ValueError if a header would begin another line."""
    lines = [f"{version} {status} {REASONS.get(status, 'Status')}"]
    if _safe(cseq):
        lines.append(f"CSeq: {cseq}")
    lines += (f"{name}: {value}" for name, value in headers)
    if body:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ValueError("a line break in a header")
    return head.encode() + b"\r\n\r\n" + body
