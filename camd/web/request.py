"""One HTTP request and its answer, on top of twisted.web's.

What differs from `twisted.web.server.Request`:

- every answer carries the security headers and a Date, none a Server banner;
- head and body leave in one system call where possible (see `direct`);
- bodies are counted against `body_limit` and stay in memory: with such limits a temporary file
  would only cost time; forms are never parsed. A resource that takes larger ones gets them piece by
  piece, see `Receiver`;
- errors have the shape of `errors` and echo nothing;
- HEAD works for every resource that has GET, without a word in the log.
"""

from __future__ import annotations

from io import BytesIO
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_to_bytes

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import server
from twisted.web.error import UnsupportedMethod
from twisted.web.http import NO_BODY_CODES, datetimeToString, parse_qs
from twisted.web.resource import IResource

from ..direct import DirectWriter, writer_for
from ..errors import Invalid
from ..wire.strictjson import dumps, loads
from .errors import render_failure, respond
from .proxy import address_of

if TYPE_CHECKING:
    from ..state.permission import Principal
    from .proxy import Way
    from .site import Site

CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    b"connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; frame-ancestors 'none'; "
    b"base-uri 'self'; form-action 'none'"
)
#: On every answer, unless the resource has set its own.
SECURITY_HEADERS = (
    (b"Content-Security-Policy", CONTENT_SECURITY_POLICY),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
)
#: Methods that a resource may lack (405); others no resource has (501).
_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT",
                      b"QUERY"))
_LINES = tuple((name, b"\r\n%b: %b" % (name, value)) for name, value in SECURITY_HEADERS)
SECURITY_BLOCK = b"".join(line for _, line in _LINES)


class Receiver(Protocol):
    """Takes a body piece by piece, as it arrives. Reactor thread only.

    A resource has one for those requests for which its `receive(request)` returns one, before anything of the
    body is read; what that raises is the answer. Then its render method is called when all has come, as ever,
    and finds the receiver at `request.receiver`. `request.channel.hold()` and `release()` are its brakes.
    limit: bytes of the whole body.
    """

    limit: int

    def write(self, data: bytes) -> None:
        """The next piece."""

    def abandon(self) -> None:
        """The rest will not come. Called once, or never."""


class Request(server.Request):
    """A request on one of our sites. Reactor thread only.

    route: the pattern that led to the resource ("/cam/{id}/snapshot.jpg"), set by who routes, for
    metrics. body_limit: bytes. started: `perf_counter` when the head was complete. endless: it ends
    when the client goes (streams, WebSockets), so its duration says nothing. principal: who asks, once
    that was asked (see `identify`). media: it is for a picture or a stream. has_body: one followed its
    headers.
    """

    site: Site
    channel: Any = None
    defaultContentType = None
    route = ""
    endless = False
    body_limit = 0
    body_timeout = 0.0
    started = 0.0
    principal: Principal | None = None
    media = False
    has_body = False
    receiver: Receiver | None = None
    stale_nonce = False
    _way: Way | None = None
    _log = Logger()
    _resource: IResource | None = None
    _received = 0
    _bodyless = False
    _id = ""

    @property
    def request_id(self) -> str:
        """Names this request in the log and in the answer to an internal error."""
        if not self._id:
            self._id = self.site.next_request_id()
        return self._id

    @property
    def way(self) -> Way:
        """How the request came here: from whom, and what they see of us."""
        if self._way is None:
            self._way = self.site.proxies.way(self)
        return self._way

    @property
    def address(self) -> str:
        """Where the client is, as far as we can trust those in between."""
        if self._way is None and not self.site.proxies:  # asked for each picture
            return address_of(self.client)
        return self.way.address

    def challenges(self) -> list[bytes]:
        """What a 401 says about how to sign in (RFC 9110 11.6.1)."""
        return self.site.challenges(self)

    # -- JSON in and out

    def read_json(self, limit: int = 64 * 1024) -> Any:
        """What the body says. limit: bytes. Raises Invalid; also for another Content-Type, for such a body
        could be sent by a form on any page."""
        kind = (self.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            raise Invalid("", "the body must be application/json, and its Content-Type say so")
        return loads(self.content.read(), limit)

    def send_json(self, value: Any, status: int = 200) -> None:
        """Answer with this value and be done."""
        body = dumps(value).encode()
        self.setResponseCode(status)
        for name, text in ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)),
                           (b"cache-control", b"no-store")):
            self.responseHeaders.setRawHeaders(name, (text,))
        self.write(body)
        self.finish()

    # -- coming in

    def begin(self, method: bytes, target: bytes, version: bytes) -> None:
        """Take the request line; the headers are there, the body is not."""
        self.started = perf_counter()
        self.site = self.channel.site
        self.method, self.uri, self.clientproto = method, target, version
        self.path, _, query = target.partition(b"?")
        self.args = parse_qs(query, 1) if query else {}
        self.has_body = self.channel.length != 0

    def find(self) -> IResource | None:
        """The resource that will answer; None for "OPTIONS *". Looked up once, and before the body is
        read if there is one."""
        if self._resource is None and self.path != b"*":
            self.prepath = []
            self.postpath = [unquote_to_bytes(part) for part in self.path[1:].split(b"/")]
            self._resource = self.site.getResourceFor(self)
        return self._resource

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()

    def expect_body(self, length: int | None) -> tuple[int, str] | None:
        """Find the resource now, for it knows how large a body may be, and who takes it. length: bytes, None
        where nobody knows. Returns the status and text of a refusal, if the request must end here."""
        try:
            resource = self.find()
        except Exception:
            self._log.failure("no way to {path}", path=self.path)
            return 500, ""
        receive = getattr(resource, "receive", None)
        try:
            self.receiver = receive(self) if receive is not None else None
        except Exception:
            self.answer_early(Failure())
            return None
        taker = self.receiver
        self.body_limit = taker.limit if taker else getattr(resource, "body_limit", self.site.body_limit)
        self.body_timeout = getattr(resource, "body_timeout", self.site.request_timeout)
        if length is not None and length > self.body_limit:
            if not getattr(resource, "refuses", False):
                return 413, f"The request body is larger than {self.body_limit} bytes"
            self.answer_early(resource)
        return None

    def hand_over(self, resource: IResource, pieces: list[bytes], length: int | None) -> None:
        """Another resource is to answer, and gets what has come of the body so far, and the rest. length: of all."""
        self._resource, self.receiver = resource, None
        self.channel.release()
        wrong = self.expect_body(length)
        if wrong is not None:
            self.channel.refuse(*wrong)
        for piece in pieces:
            if self.receiver is not None:
                self.receiver.write(piece)
            else:
                self.content.write(piece)

    def answer_early(self, answer: IResource | Failure) -> None:
        """Answer before the whole body has come, with a resource or with what went wrong. Nothing more of the
        body is taken, and the connection ends."""
        if self.channel is None or self.startedWriting:
            return
        self.content = BytesIO()
        self.channel.persistent = 0
        self.channel.deafen()
        self.setHeader(b"Connection", b"close")
        self.abandon_body()
        if isinstance(answer, Failure):
            self.processingFailed(answer)
            return
        try:
            self.render(answer)
        except Exception:
            self.processingFailed(Failure())

    def abandon_body(self) -> None:
        """The rest of the body will not come, or nobody wants it."""
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.abandon()

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        if self.channel is None or self.channel.is_deaf:
            return
        if self._received > self.body_limit:
            if getattr(self._resource, "refuses", False):
                self.answer_early(self._resource)
            else:
                self.channel.refuse(413, f"The request body is larger than {self.body_limit} bytes")
        elif self.receiver is None:
            self.content.write(data)
        else:
            self.channel.progress(len(data))
            self.receiver.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        self.content.seek(0)
        self.process()

    def process(self) -> None:
        try:
            resource = self.find()
            if resource is None:
                self._handleStar()
            else:
                self.render(resource)
        except Exception:
            self.processingFailed(Failure())

    def render(self, resource: IResource) -> None:
        """Let the resource answer; it returns bytes, or NOT_DONE_YET and finishes later."""
        try:
            body = resource.render(self)
        except UnsupportedMethod as error:
            body = self._unsupported(resource, error.allowedMethods)
        if body is server.NOT_DONE_YET:
            return
        if not isinstance(body, bytes):
            raise TypeError(f"{resource!r} returned {type(body).__name__}, not bytes or NOT_DONE_YET")
        if self.code not in NO_BODY_CODES and (body or self.method != b"HEAD"):
            self.responseHeaders.setRawHeaders(b"Content-Length", (b"%d" % len(body),))
        self.write(body)
        self.finish()

    def _unsupported(self, resource: IResource, allowed: list[bytes]) -> bytes | int:
        if self.method == b"HEAD" and b"GET" in allowed:
            self._bodyless = True
            self.method = b"GET"
            try:
                return resource.render(self)
            finally:
                self.method = b"HEAD"
        if self.method not in _METHODS:
            return respond(self, 501)
        return respond(self, 405, headers={"Allow": b", ".join(allowed).decode("ascii")})

    def processingFailed(self, reason: Failure) -> Failure:
        render_failure(self, reason)
        return reason

    # -- going out

    def write(self, data: bytes) -> None:
        if self.startedWriting:
            if self.finished:
                raise RuntimeError("Request.write called on a request after Request.finish was called.")
            if self._bodyless or self._disconnected or not data:
                return
            self.sentLength += len(data)
            if self.chunked:
                self.channel.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            else:
                self.channel.writer.write(data)
        elif not self._disconnected:
            self._begin_answer(data)

    def _begin_answer(self, data: bytes) -> None:
        self.startedWriting = 1
        headers = self.responseHeaders
        self._bodyless = self._bodyless or self.method == b"HEAD" or self.code in NO_BODY_CODES
        if (
            not (self.endless or self._bodyless)
            and self.clientproto == b"HTTP/1.1"
            and not headers.hasHeader(b"Content-Length")
        ):
            headers.setRawHeaders(b"Transfer-Encoding", (b"chunked",))
            self.chunked = 1
        if self.lastModified is not None and not headers.hasHeader(b"Last-Modified"):
            headers.setRawHeaders(b"Last-Modified", (datetimeToString(self.lastModified),))
        if self.etag is not None:
            headers.setRawHeaders(b"ETag", (self.etag,))
        if self.cookies:
            headers.setRawHeaders(b"Set-Cookie", self.cookies)
        head = self._head()
        if self._bodyless or not data:
            self.channel.writer.write(head)
            return
        self.sentLength = len(data)
        if self.chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self.channel.writer.write_pair(head, data)

    def _head(self) -> bytes:
        lines = [b"%b %d %b" % (self.clientproto, self.code, self.code_message)]
        names = set()
        for name, values in self.responseHeaders.getAllRawHeaders():
            names.add(name)
            for value in values:
                lines.append(b"\r\n%b: %b" % (name, value))
        if b"Date" not in names:
            lines.append(b"\r\nDate: " + self.site.date)
        for name, line in _LINES:
            if name not in names:
                lines.append(line)
        lines.append(b"\r\n\r\n")
        return b"".join(lines)

    def stream(self) -> DirectWriter:
        """Send the head of an answer without end, and return the writer for its raw bytes.

        The body is not chunked and ends with the connection. Register a push producer on the request
        to hear when the client is slow, and use `notifyFinish` to hear when it is gone. For HEAD
        call `finish` instead.
        """
        self.endless = True
        self.setHeader(b"Connection", b"close")
        self.channel.persistent = 0
        self._begin_answer(b"")
        return writer_for(self)

    def finish(self) -> None:
        headers = self.responseHeaders
        empty = not (self.startedWriting or self.method == b"HEAD" or self.code in NO_BODY_CODES)
        if empty and not headers.hasHeader(b"Content-Length"):
            headers.setRawHeaders(b"Content-Length", (b"0",))
        super().finish()

    def connectionLost(self, reason: Failure) -> None:
        if self.started and not self.finished:
            self.site.log(self)
        self.abandon_body()
        super().connectionLost(reason)
