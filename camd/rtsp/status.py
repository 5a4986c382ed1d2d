"""Status: what an answer says is wrong, by a status of RTSP or by the error that led to it."""

from __future__ import annotations

from ..errors import (
    CamdError,
    Conflict,
    Gone,
    Invalid,
    Locked,
    RateLimited,
    Refused,
    Unauthorized,
    Unsupported,
)
from ..wire.rtsp import BadMessage


class RtspError(CamdError):
    """What only RTSP has a word for. status: as in `wire.rtsp.REASONS`; headers: of the answer."""

    def __init__(self, status: int, text: str, headers: tuple[tuple[str, str], ...] = ()):
        super().__init__(text)
        self.status = status
        self.headers = headers


#: The first that fits counts.
_STATUSES: tuple[tuple[type[CamdError], int], ...] = (
    (Locked, 429),
    (RateLimited, 429),
    (Unauthorized, 401),
    (Refused, 403),
    (Gone, 404),
    (Conflict, 455),
    (Unsupported, 415),
    (Invalid, 400),
)


def status_of(error: CamdError) -> int:
    """The status of an answer to a request that failed so."""
    if isinstance(error, RtspError | BadMessage):
        return error.status
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
