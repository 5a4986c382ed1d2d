"""A file as the answer to a request: what is told of it, conditions, ranges (RFC 9110 8.8, 13, 14)."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString, stringToDatetime
from twisted.web.http_headers import Headers
from twisted.web.server import NOT_DONE_YET

from ..wire.byte_range import Unsatisfiable, parse_range
from .errors import render_failure, respond
from .request import Request
from .sendfile import PIECE, FileSender, Io, Pump

#: For what strangers have made: it runs no script and loads nothing, not even where a browser shows it.
SANDBOX = b"sandbox; default-src 'none'"


@dataclass(frozen=True, slots=True)
class Document:
    """An open file and what a client is told of it. Whoever sends it closes it.

    file: descriptor. modified: nanoseconds since 1970. type: Content-Type. name: the file is offered to be kept
    under this name; without it a browser may show it. headers: further ones.
    """

    file: int
    size: int
    modified: int
    type: str = "application/octet-stream"
    name: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @classmethod
    def of(cls, file: int, **about: Any) -> Document:
        """That of an open regular file. Blocks."""
        found = os.fstat(file)
        return cls(file, found.st_size, found.st_mtime_ns, **about)

    @property
    def etag(self) -> bytes:
        """Another one for each content, as far as time and size tell."""
        return etag_of(self.modified, self.size)

    def read(self, at: int, length: int) -> bytes:
        """Blocks."""
        return os.pread(self.file, length, at)

    def close(self) -> None:
        os.close(self.file)


def send_document(request: Request, open_document: Callable[[], Document], io: Io) -> int:
    """Answer GET or HEAD with a file: 200, 206, 304, 412 or 416. Reactor thread only; returns NOT_DONE_YET.

    open_document() is called in a thread and raises CamdError if there is none.
    """
    answer = _Answer(request, io)
    request.notifyFinish().addBoth(answer.gone)
    io(open_document).addCallback(answer.send).addErrback(answer.failed)
    return NOT_DONE_YET


def etag_of(modified: int, size: int) -> bytes:
    """The tag of a file that was changed then (nanoseconds since 1970) and has so many bytes."""
    return b'"%x-%x"' % (modified, size)


def attachment(name: str) -> bytes:
    """Content-Disposition of a file that is to be kept under this name (RFC 6266, 8187)."""
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    value = f'attachment; filename="{plain}"'
    if plain != name:
        value += f"; filename*=UTF-8''{quote(name, safe='')}"
    return value.encode("ascii")


class _Answer:
    """One request for a file, until it is answered or the client is gone."""

    def __init__(self, request: Request, io: Io):
        self._request = request
        self._io = io
        self._gone = False
        self._sender: FileSender | Pump | None = None

    def gone(self, _: Any) -> None:
        """The request is over, one way or the other."""
        self._gone = True
        if self._sender is not None:
            self._sender.stopProducing()

    def failed(self, failure: Failure) -> None:
        if not self._gone:
            render_failure(self._request, failure)

    def send(self, document: Document) -> None:
        idle: Deferred[None] | None = None
        try:
            if not self._gone:
                idle = self._begin(document)
        finally:
            if idle is None:
                self._io(document.close)
            else:
                idle.addCallback(lambda _: self._io(document.close))

    def _begin(self, document: Document) -> Deferred[None] | None:
        """Send the head, and what can be sent of the body now. None: no more is to come."""
        request = self._request
        _describe(request, document)
        answer = answer_conditions(request, document.etag, document.modified)
        if answer is not None:
            self._finish(answer)
            return None
        start, stop = 0, document.size
        try:
            part = _part(request, document)
        except Unsatisfiable:
            request.setHeader(b"content-range", b"bytes */%d" % document.size)
            self._finish(respond(request, 416))
            return None
        if part is not None:
            start, stop = part
            request.setResponseCode(206)
            request.setHeader(b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, document.size))
        request.setHeader(b"content-length", b"%d" % (stop - start))
        request.write(b"")
        if request.method == b"HEAD" or start == stop:
            request.finish()
            return None
        return self._send(document, start, stop)

    def _send(self, document: Document, start: int, stop: int) -> Deferred[None]:
        request = self._request
        if FileSender.fits(request):
            sender = self._sender = FileSender(request, document.file, start, stop, self._io, request.finish)
        else:
            sender = self._sender = Pump(request, _reader(document, start, stop), self._io, request.finish)
        sender.start()
        return sender.idle

    def _finish(self, body: bytes) -> None:
        if body:
            self._request.write(body)
        self._request.finish()


def _reader(document: Document, start: int, stop: int) -> Callable[[], bytes]:
    """Reads one piece after the other."""
    at = start

    def read() -> bytes:
        nonlocal at
        data = document.read(at, min(PIECE, stop - at))
        at += len(data)
        if not data and at < stop:
            raise EOFError("the file became shorter while it was sent")
        return data

    return read


def _describe(request: Request, document: Document) -> None:
    headers = request.responseHeaders
    for name, value in (
        (b"content-type", document.type.encode("ascii")),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", b"private, no-cache"),
        *document.headers,
    ):
        headers.setRawHeaders(name, [value])
    if document.name:
        headers.setRawHeaders(b"content-disposition", [attachment(document.name)])
        headers.setRawHeaders(b"content-security-policy", [SANDBOX])


def answer_conditions(request: Request, etag: bytes, modified: int) -> bytes | None:
    """Tell which file there is, changed at `modified` (nanoseconds since 1970); and the body of 304 or 412 if that is
    what the conditions of a GET or HEAD come to, None if it is to be sent."""
    request.responseHeaders.setRawHeaders(b"etag", [etag])
    request.responseHeaders.setRawHeaders(b"last-modified", [datetimeToString(modified // 10**9)])
    status = condition(request.requestHeaders, etag, modified)
    if status == 412:
        return respond(request, 412)
    if status == 304:
        request.setResponseCode(304)
        return b""
    return None


def condition(headers: Headers, etag: bytes, modified: int, reading: bool = True) -> int:
    """What the conditions in these headers come to for a file that is there, in the order of RFC 9110 13.2.2: 412,
    304, or 200. reading: for GET and HEAD; others are never answered with 304."""
    second = modified // 10**9
    wanted = headers.getRawHeaders(b"if-match")
    if wanted is not None:
        if not names_tag(wanted, etag, weak=False):
            return 412
    elif (since := _moment(headers.getRawHeaders(b"if-unmodified-since"))) is not None and second > since:
        return 412
    known = headers.getRawHeaders(b"if-none-match")
    if known is not None:
        if not names_tag(known, etag, weak=True):
            return 200
        return 304 if reading else 412
    since = _moment(headers.getRawHeaders(b"if-modified-since"))
    return 304 if reading and since is not None and second <= since else 200


def _part(request: Request, document: Document) -> tuple[int, int] | None:
    """What is asked for of the file; None is all of it. Raises Unsatisfiable."""
    headers = request.requestHeaders
    ranges = headers.getRawHeaders(b"range")
    if ranges is None or len(ranges) != 1 or request.method != b"GET":  # HEAD has no ranges (14.2)
        return None
    unless = headers.getRawHeaders(b"if-range")
    # A date counts only if it is exactly ours (13.1.5).
    if unless is None or unless[0].strip() == document.etag or _moment(unless) == document.modified // 10**9:
        return parse_range(ranges[0], document.size)
    return None


def names_tag(values: list[bytes], etag: bytes, weak: bool) -> bool:
    """Whether a list of tags has this one, or is "*"."""
    tags = [tag.strip() for value in values for tag in value.split(b",")]
    if weak:
        tags = [tag.removeprefix(b"W/") for tag in tags]
    return etag in tags or b"*" in tags


def _moment(values: list[bytes] | None) -> int | None:
    """Seconds since 1970 of a date; None if there is none, or no valid one."""
    if values is None:
        return None
    try:
        return int(stringToDatetime(values[0]))
    except (ValueError, LookupError):
        return None
