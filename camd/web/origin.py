"""Origins: which pages may do more than look (RFC 6454, RFC 6455 10.2, Fetch Metadata, CORS).

A browser sends requests of any page to anywhere, WebSockets and forms included, and adds what it knows of
the user: cookies, and passwords of HTTP Basic. So

- whatever could change something, and every WebSocket, is refused to pages of other sites;
- a cookie is good for such a request only if the browser proves that it is our own page's: programs that
  send no `Origin` have a token or a password;
- other sites whose pages may use the API are listed, and get the headers of CORS.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from twisted.web.http_headers import Headers

from ..errors import Invalid, Refused

if TYPE_CHECKING:
    from .request import Request

_SAFE = (b"GET", b"HEAD", b"OPTIONS")
#: Bodies that no form of another page can send: a browser asks first (Fetch, CORS-safelisted request headers).
_NOT_OF_FORMS = (
    b"application/json", b"application/octet-stream", b"application/sdp", b"application/trickle-ice-sdpfrag"
)  # fmt: skip
_DEFAULT_PORTS = ((b"http://", b":80"), (b"https://", b":443"))
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_HEADERS = b"Authorization, Content-Type, If-Match, If-None-Match"
_EXPOSED = b"ETag, Last-Modified, Link, Location, Retry-After, X-Timestamp, X-Camd-Frame-Age"


class Foreign(Refused):
    """A cookie came with a request that is not known to be of our own page."""

    def __init__(self) -> None:
        super().__init__("")
        self.args = ("A cookie is taken from camd's own page only; programs send a token or a password",)


class Origins:
    """Our own origin and those that are listed ("https://dash.lan"). Immutable."""

    def __init__(self, listed: Iterable[str] = ()):
        self._listed = frozenset(_plain(origin.lower().encode("ascii", "replace")) for origin in listed)

    def is_foreign(self, request: Request) -> bool:
        """Whether a page of another site asks for more than a look."""
        headers = request.requestHeaders
        if not wants_more(request):
            return False
        origins = headers.getRawHeaders(b"origin")
        if origins is None:
            return headers.getRawHeaders(b"sec-fetch-site", (b"",))[0] in (b"cross-site", b"same-site")
        return len(origins) != 1 or not (self._is_own(origins[0], request) or self.lists(origins[0]))

    def lists(self, origin: bytes) -> bool:
        """Whether this is one of the listed other sites."""
        return _plain(origin.lower()) in self._listed

    def check_cookie(self, request: Request) -> None:
        """Raises Foreign unless a cookie may count for this request, Invalid for a body that is a form's."""
        if not wants_more(request):
            return
        headers = request.requestHeaders
        origins = headers.getRawHeaders(b"origin")
        if origins is not None:
            good = not self.is_foreign(request)
        elif (site := headers.getRawHeaders(b"sec-fetch-site")) is not None:
            good = site == [b"same-origin"]
        else:
            good = self._is_own(_origin_of(headers.getRawHeaders(b"referer")), request)
        if not good:
            raise Foreign
        kind = headers.getRawHeaders(b"content-type", (b"",))[0].partition(b";")[0].strip().lower()
        if request.has_body and kind not in _NOT_OF_FORMS:
            raise Invalid("", "with a cookie the body must be application/json")

    def allow(self, request: Request) -> bool:
        """Add the headers of CORS if a listed page asks; True if it was a preflight, which needs no more."""
        origin = request.requestHeaders.getRawHeaders(b"origin", (b"",))[0]
        answer = request.responseHeaders
        if self._listed:
            answer.addRawHeader(b"vary", b"Origin")
        if not self.lists(origin):
            return False
        answer.setRawHeaders(b"access-control-allow-origin", [origin])
        answer.setRawHeaders(b"access-control-allow-credentials", [b"true"])
        answer.setRawHeaders(b"access-control-expose-headers", [_EXPOSED])
        asks = request.requestHeaders.hasHeader(b"access-control-request-method")
        if request.method != b"OPTIONS" or not asks:
            return False
        answer.setRawHeaders(b"access-control-allow-methods", [_METHODS])
        answer.setRawHeaders(b"access-control-allow-headers", [_HEADERS])
        answer.setRawHeaders(b"access-control-max-age", [b"600"])
        return True

    def _is_own(self, origin: bytes, request: Request) -> bool:
        """Whether an origin is ours. A proxy of which we do not know may have ended the TLS, so https is
        fine where we see http; http where we see https is not."""
        way = request.way
        scheme, found, host = origin.lower().partition(b"://")
        if not found or scheme not in (b"http", b"https") or (way.secure and scheme == b"http"):
            return False
        return _plain(scheme + b"://" + host) == _plain(scheme + b"://" + way.host)


def wants_more(request: Request) -> bool:
    """Whether a request is for more than a look: it may change something, or stays open and may do so."""
    return request.method not in _SAFE or request.requestHeaders.hasHeader(b"upgrade")


def is_upgrade(headers: Headers) -> bool:
    """Whether a request asks for a WebSocket."""
    return b"websocket" in headers.getRawHeaders(b"upgrade", (b"",))[0].lower()


def _plain(origin: bytes) -> bytes:
    """Without the port that the scheme has anyway."""
    for scheme, port in _DEFAULT_PORTS:
        if origin.startswith(scheme) and origin.endswith(port):
            return origin[: -len(port)]
    return origin


def _origin_of(referers: list[bytes] | None) -> bytes:
    """The origin in a Referer header."""
    if not referers:
        return b""
    scheme, found, rest = referers[0].partition(b"://")
    return scheme + found + rest.partition(b"/")[0]
