"""How errors look over HTTP: one table from CamdError to status and code, one shape of body.

The body is {"error": {"code", "message", "details", "timestamp"}}, timestamp in Unix milliseconds.
Messages come from our own texts; nothing of the request is ever echoed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from ..errors import (
    CamdError,
    ConfigError,
    Conflict,
    Gone,
    Invalid,
    Locked,
    RateLimited,
    Refused,
    SourceError,
    StorageFull,
    TooLarge,
    Unauthorized,
    Unmet,
    Unsupported,
)
from ..wire import strictjson

_log = Logger()

#: First match wins; a CamdError that is none of these is our own fault.
_TABLE: tuple[tuple[type[CamdError], int, str], ...] = (
    (Invalid, 400, "INVALID_FORMAT"),
    (Locked, 429, "RATE_LIMITED"),
    (RateLimited, 429, "RATE_LIMITED"),
    (Unauthorized, 401, "INVALID_CREDENTIALS"),
    (Refused, 403, "PERMISSION_DENIED"),
    (Gone, 404, "FILE_NOT_FOUND"),
    (Conflict, 409, "CONFLICT"),
    (Unmet, 412, "PRECONDITION_FAILED"),
    (TooLarge, 413, "REQUEST_TOO_LARGE"),
    (StorageFull, 507, "INSUFFICIENT_STORAGE"),
    (ConfigError, 422, "INVALID_FORMAT"),
    (Unsupported, 409, "NOT_SUPPORTED"),
    (SourceError, 503, "CAMERA_NOT_CONNECTED"),
)

#: What a bare status says, where no error of ours says it better.
_STATUS: dict[int, tuple[str, str]] = {
    400: ("INVALID_FORMAT", "Bad request"),
    401: ("INVALID_CREDENTIALS", "Unauthorized"),
    403: ("PERMISSION_DENIED", "Permission denied"),
    404: ("FILE_NOT_FOUND", "Not found"),
    405: ("METHOD_NOT_ALLOWED", "Method not allowed"),
    408: ("REQUEST_TIMEOUT", "The request took too long to arrive"),
    409: ("CONFLICT", "This does not fit what is there"),
    412: ("PRECONDITION_FAILED", "A condition of the request does not hold"),
    413: ("REQUEST_TOO_LARGE", "The request body is too large"),
    414: ("REQUEST_TOO_LARGE", "The request line is too long"),
    416: ("RANGE_NOT_SATISFIABLE", "The file is shorter than that"),
    421: ("MISDIRECTED_REQUEST", "This host name is not served here"),
    429: ("RATE_LIMITED", "Rate limit exceeded"),
    431: ("REQUEST_TOO_LARGE", "The request headers are too large"),
    500: ("INTERNAL_ERROR", "Internal error"),
    501: ("NOT_IMPLEMENTED", "This method is not implemented"),
    503: ("SERVER_BUSY", "Server busy"),
    507: ("INSUFFICIENT_STORAGE", "There is no room for it"),
}


def status_of(error: BaseException) -> tuple[int, str]:
    """The HTTP status and product code of an exception; (500, "INTERNAL_ERROR") for unexpected ones."""
    for kind, status, code in _TABLE:
        if isinstance(error, kind):
            return status, error.code or code
    return 500, "INTERNAL_ERROR"


def standard(status: int) -> tuple[str, str]:
    """Code and message of a bare status, e.g. 404 -> ("FILE_NOT_FOUND", "Not found")."""
    return _STATUS.get(status) or _STATUS[500 if status >= 500 else 400]


def reason(status: int) -> bytes:
    """The reason phrase of a status line."""
    return HTTPStatus(status).phrase.encode("ascii")


def error_body(code: str, message: str, details: Any = None) -> bytes:
    """The product's error object as UTF-8 JSON. details: a JSON value."""
    error = {"code": code, "message": message, "details": details, "timestamp": int(time.time() * 1000)}
    return strictjson.dumps({"error": error}).encode("utf-8", "backslashreplace")


def respond(
    request: IRequest,
    status: int,
    code: str = "",
    message: str = "",
    details: Any = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Set status and headers of an error and return its body, for `return respond(...)` in a render
    method. Without code or message the status says it."""
    standard_code, standard_message = standard(status)
    body = error_body(code or standard_code, message or standard_message, details)
    request.setResponseCode(status, reason(status))
    request.setHeader(b"Content-Type", b"application/json")
    request.setHeader(b"Content-Length", b"%d" % len(body))
    request.setHeader(b"Cache-Control", b"no-store")
    if status == 401 and hasattr(request, "challenges"):
        request.responseHeaders.setRawHeaders(b"WWW-Authenticate", request.challenges())
    for name, value in (headers or {}).items():
        request.setHeader(name, value)
    return body


def render_failure(request: IRequest, failure: Failure) -> None:
    """End a request with what went wrong: an errback's last stop, in the reactor thread.

    Expected errors (CamdError) are answered with their text. Anything else is logged with its
    traceback under an id that the answer carries, and the answer says no more than that. An answer
    that had begun is cut off, so that nobody takes it for whole; a client that left gets nothing.
    """
    status, code = status_of(failure.value)
    details: Any = None
    message = str(failure.value)
    headers: dict[str, str] = {}
    if isinstance(failure.value, (Locked, RateLimited)):
        details = {"retry_after": failure.value.retry_after}
        headers = _retry_headers(failure.value)
        message = ""
    elif isinstance(failure.value, Unauthorized):
        request.stale_nonce = failure.value.stale
    elif isinstance(failure.value, ConfigError):
        details = [str(problem) for problem in failure.value.problems]
    elif isinstance(failure.value, (Invalid, Refused)) and failure.value.key:
        details = {"key": failure.value.key}
    if status == 500:
        request_id = getattr(request, "request_id", "")
        message = ""
        details = {"request_id": request_id} if request_id else None
        _log.failure("{method} {path} failed", failure, method=_text(request.method),
                     path=_text(request.path), request_id=request_id)
    if getattr(request, "finished", False) or getattr(request, "channel", None) is None:
        return
    if request.startedWriting:
        request.loseConnection()
        return
    body = respond(request, status, code, message, details, headers)
    request.write(body)
    request.finish()


def _retry_headers(error: Locked | RateLimited) -> dict[str, str]:
    """When to come again, for HTTP's clients and for the product's."""
    headers = {"Retry-After": str(error.retry_after)}
    if isinstance(error, RateLimited):
        headers["X-RateLimit-Limit"] = str(error.limit)
        headers["X-RateLimit-Remaining"] = "0"
        headers["X-RateLimit-Reset"] = str(int(time.time()) + error.retry_after)
    return headers


def _text(data: bytes | None) -> str:
    return (data or b"").decode("ascii", "backslashreplace")


class ErrorResource(Resource):
    """A leaf that answers every method with one error: `ErrorResource(404)` is the "not found" page.

    refuses: it needs no body to answer, see `Request.answer_early`."""

    isLeaf = True
    refuses = True

    def __init__(self, status: int, code: str = "", message: str = "",
                 headers: Mapping[str, str] | None = None):
        super().__init__()
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers

    def render(self, request: IRequest) -> bytes:
        return respond(request, self.status, self.code, self.message, headers=self.headers)


class Failing(Resource):
    """A leaf that answers every method with an error of ours."""

    isLeaf = True
    refuses = True

    def __init__(self, error: CamdError):
        super().__init__()
        self._error = error

    def render(self, request: IRequest) -> bytes:
        raise self._error


class Branch(Resource):
    """A node of the tree that has children only; for anything else it is a 404 of our shape."""

    def getChild(self, path: bytes, request: IRequest) -> Resource:
        return ErrorResource(404)

    def render(self, request: IRequest) -> bytes:
        return respond(request, 404)
