"""What went wrong, in WAMP's words: one table."""

from __future__ import annotations

from typing import Protocol

from autobahn.wamp import message

from camd.errors import (
    CamdError, Conflict, Gone, Invalid, Locked, RateLimited, Refused, SourceError, Unauthorized, Unsupported,
)  # fmt: skip

from .topics import InvalidUri

#: URIs of the specification that answer more than an error of camd's.
AUTHENTICATION_FAILED = "wamp.error.authentication_failed"
AUTHENTICATION_REQUIRED = "wamp.error.authentication_required"
CANCELED = "wamp.error.canceled"
GOODBYE = "wamp.close.goodbye_and_out"
INVALID_URI = "wamp.error.invalid_uri"
NO_MATCHING_AUTH_METHOD = "wamp.error.no_matching_auth_method"
NO_SUCH_PROCEDURE = "wamp.error.no_such_procedure"
NO_SUCH_REALM = "wamp.error.no_such_realm"
NO_SUCH_REGISTRATION = "wamp.error.no_such_registration"
NO_SUCH_SUBSCRIPTION = "wamp.error.no_such_subscription"
NOT_AUTHORIZED = "wamp.error.not_authorized"
PROTOCOL_VIOLATION = "wamp.error.protocol_violation"
SYSTEM_SHUTDOWN = "wamp.close.system_shutdown"
#: And of ours.
INTERNAL = "camd.error.internal"


class Busy(CamdError):
    """A limit of this session is reached."""


class Request(Protocol):
    """Any message that is answered."""

    MESSAGE_TYPE: int
    request: int


#: The first class that fits counts.
_URIS: tuple[tuple[type[Exception], str], ...] = (
    (Refused, NOT_AUTHORIZED),
    (Invalid, "wamp.error.invalid_argument"),
    (InvalidUri, INVALID_URI),
    (Locked, "camd.error.locked"),
    (Unauthorized, "wamp.error.authentication_denied"),
    (RateLimited, "camd.error.rate_limited"),
    (Busy, "camd.error.busy"),
    (Gone, "camd.error.gone"),
    (Conflict, "camd.error.conflict"),
    (Unsupported, "camd.error.unsupported"),
    (SourceError, "camd.error.device"),
    (CamdError, "camd.error.failed"),
    (Exception, INTERNAL),
)


def uri_of(error: Exception) -> str:
    return next(uri for kind, uri in _URIS if isinstance(error, kind))


def text_of(error: Exception) -> str:
    """For people; of a mistake of ours it says no more than that."""
    return str(error) if isinstance(error, CamdError) else "see the log of camd"


def error_message(request: Request, error: Exception) -> message.Error:
    """The ERROR that answers a request: the text of the error as its argument; by keyword `key` (the name
    meant) and `retry_after` (seconds), where there are such."""
    details = {}
    for name in ("key", "retry_after"):
        value = getattr(error, name, None) if isinstance(error, CamdError) else None
        if value:
            details[name] = value
    return message.Error(
        request.MESSAGE_TYPE, request.request, uri_of(error), [text_of(error)], details or None
    )


def refusal(request: Request, uri: str, text: str) -> message.Error:
    """The ERROR with one of the URIs above."""
    return message.Error(request.MESSAGE_TYPE, request.request, uri, [text])
