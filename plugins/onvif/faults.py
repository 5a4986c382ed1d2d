"""Faults: how ONVIF says no (Core 5.11.2.3), and one table from camd's errors to them."""

from __future__ import annotations

from camd.errors import (
    CamdError,
    Conflict,
    Gone,
    Invalid,
    RateLimited,
    Refused,
    SourceError,
    Unauthorized,
    Unsupported,
)

from .xml import Xml


class Fault(CamdError):
    """An answer that is a SOAP fault.

    sender: whether the request is to blame (HTTP 400), else it is us (500). subcodes: from the outer to
    the inner, "ter:InvalidArgVal", "ter:NoProfile". status: another HTTP status. detail: what stands in
    the Detail.
    """

    def __init__(
        self, reason: str, *subcodes: str, sender: bool = True, status: int = 0, detail: Xml | None = None
    ):
        super().__init__(reason)
        self.reason = reason
        self.subcodes = subcodes
        self.sender = sender
        self.status = status or (400 if sender else 500)
        self.detail = detail


class NotAuthorized(Fault):
    """The sender did not say who they are, was not right about it, or may not do this.

    challenge: they brought nothing, and may want to know how (HTTP 401)."""

    def __init__(self, challenge: bool = False, stale: bool = False):
        super().__init__("Sender not authorized", "ter:NotAuthorized", status=401 if challenge else 400)
        self.challenge = challenge
        self.stale = stale


def invalid(reason: str, subcode: str = "") -> Fault:
    """A value in the request is not acceptable."""
    return Fault(reason, "ter:InvalidArgVal", *([subcode] if subcode else []))


def missing(name: str) -> Fault:
    """Something that must be in the request is not."""
    return Fault(f"{name} is missing", "ter:InvalidArgs")


def not_supported(reason: str) -> Fault:
    """An operation, or a choice within it, that this device does not have."""
    return Fault(reason, "ter:ActionNotSupported", sender=False)


def fault_of(error: CamdError) -> Fault:
    """The fault that says what an error of camd says."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, Unauthorized | Refused):
        return NotAuthorized()
    text = str(error)
    if isinstance(error, Invalid | Gone):
        return invalid(text)
    if isinstance(error, Conflict):
        return invalid(text, "ter:ConfigurationConflict")
    if isinstance(error, Unsupported):
        return not_supported(text)
    if isinstance(error, RateLimited):
        return Fault(text, "ter:Action", sender=False, status=429)
    if isinstance(error, SourceError):
        return Fault(text, "ter:Action", "ter:CaptureError", sender=False)
    return Fault(text, "ter:Action", sender=False)
