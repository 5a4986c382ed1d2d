"""What went wrong with a camera on the network, and what helps, for people."""

from __future__ import annotations

import errno
import socket
import ssl
from http.client import HTTPException, IncompleteRead

from ..errors import CamdError, SourceError

#: Waits before the next try (seconds): a camera that starts is there soon; a login that was wrong stays
#: wrong, and asking often locks accounts; an address with nothing behind it seldom gets something.
SOON, LATER, WRONG_LOGIN = 1.0, 10.0, 60.0
_AWAY = "is it on, and is this its address?"
_HTTP = {
    403: (LATER, "refuses access: this user may not see the picture, or too many watch"),
    404: (LATER, "has nothing at this address: look up the path in the camera's manual"),
    453: (LATER, "has no bandwidth left: too many watch"),
    461: (LATER, 'offers no way of sending that camd was told to use: leave out or add "#udp"'),
    503: (LATER, "is too busy: perhaps too many watch"),
}
#: FFmpeg's errors with a status in them, by PyAV's names.
_STATUS = {
    "HTTPUnauthorizedError": 401, "HTTPForbiddenError": 403, "HTTPNotFoundError": 404,
    "HTTPTooManyRequestsError": 503,
}


class Answered(CamdError):
    """The camera answered with a status that is no success. status: of HTTP or RTSP."""

    def __init__(self, status: int):
        super().__init__(f"status {status}")
        self.status = status


def changed(before: str, now: str) -> SourceError:
    """The picture is another one now than what was said when the source was opened: sizes, "1280x720"."""
    return SourceError(f"its picture has changed from {before} to {now}; it is opened again", retry=0.0)


def explain(name: str, error: Exception | str, login: bool, started: bool = False) -> SourceError:
    """The SourceError for an error of PyAV, http.client, sockets or ours, or for what is said of the camera.

    name: the camera's address, without a login: only that goes into the text, for what FFmpeg says may hold
    the password. login: whether there was one. started: pictures came already.
    """
    if isinstance(error, SourceError):
        if str(error).startswith(name):
            return error
        return SourceError(f"{name}: {error}", error.state, SOON if error.retry is None else error.retry)
    status = error.status if isinstance(error, Answered) else _STATUS.get(type(error).__name__)
    if status == 401:
        text = "refused the user name or password: correct them" if login else (
            "asks for a user name and a password: set username and password_file")
        return SourceError(f"{name} {text}", retry=WRONG_LOGIN)
    if status:
        wait, text = _HTTP.get(status, (LATER, f"answers with the error {status}"))
        return SourceError(f"{name} {text}", retry=wait)
    if isinstance(error, str):
        return SourceError(f"{name} {error}", retry=LATER)
    if isinstance(error, CamdError):
        return SourceError(f"{name}: {error}", retry=SOON)
    if isinstance(error, TimeoutError) or type(error).__name__ == "ExitError":
        if started:
            return SourceError(f"{name} sends nothing any more", "stalled", SOON)
        return SourceError(f"{name} does not answer: {_AWAY}", "absent", SOON)
    state, text = _network(error)
    return SourceError(f"{name} {text}", state, SOON)


def _network(error: Exception) -> tuple[str, str]:
    number = getattr(error, "errno", None)
    if isinstance(error, socket.gaierror | UnicodeError):  # the latter: no such name is possible
        return "absent", "is not known by this name: check the address, and the name server"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "backoff", ("has a certificate that this computer does not trust: install that of its "
                           'authority, or leave out "#verify"')
    if isinstance(error, ssl.SSLError):
        return "backoff", "speaks no TLS that fits: try the address without encryption"
    if isinstance(error, ConnectionRefusedError):
        return "absent", "refuses the connection: is the port right, and the camera ready?"
    if number in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN):
        return "absent", f"cannot be reached: {_AWAY}"
    if isinstance(error, ConnectionError | IncompleteRead):
        return "backoff", "has closed the connection"
    if isinstance(error, HTTPException):
        return "backoff", "answers with something that is not HTTP"
    return "backoff", f"cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}"
