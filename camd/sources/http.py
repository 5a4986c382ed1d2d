"""HttpClient: asks a camera over HTTP or HTTPS, one question at a time. Blocks, within its time-out."""

from __future__ import annotations

import ssl
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, urljoin, urlsplit

from ..errors import SourceError
from ..wire import challenge
from .trouble import LATER

#: A camera that leads from one address to the next more often leads nowhere.
_REDIRECTS = 5
#: Of an answer that nobody wants, so much is read to keep the connection (bytes).
_REST = 64 * 1024


class HttpClient:
    """Gets pages of one camera: keeps the connection, logs in when asked to, follows redirects.

    verify: whether the certificate must be one that this computer trusts. timeout: seconds for a connection,
    and for each piece of an answer. Errors are those of http.client and sockets; SourceError for a camera that
    leads nowhere. One thread at a time.
    """

    def __init__(self, username: str, password: str, verify: bool, timeout: float):
        self._login = username, password
        self._verify = verify
        self._timeout = timeout
        self._connection: HTTPConnection | None = None
        self._origin: tuple[str, str] | None = None
        self._challenge: challenge.Challenge | None = None
        self._strange = False  # a redirect led away: what is there must not learn the login

    def get(self, url: str) -> tuple[HTTPResponse, str]:
        """The answer, its body unread, and the address that gave it: another one after redirects.

        401 comes back if there is no login, or a wrong one: it is tried once.
        """
        home = urlsplit(url)
        for _ in range(_REDIRECTS + 1):
            here = urlsplit(url)
            self._strange = here.hostname != home.hostname or (home.scheme, here.scheme) == ("https", "http")
            response = self._ask(url)
            if response.status == 401 and self._known(response):
                response = self._ask(url)
            location = response.getheader("Location")
            if response.status not in (301, 302, 303, 307, 308) or not location:
                return response, url
            self._finish(response)
            url = _followed(url, location)
        raise SourceError(f"it leads from one address to the next, {_REDIRECTS} times", retry=LATER)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _known(self, response: HTTPResponse) -> bool:
        """Whether the server asks for a login in a way that camd can answer, and was not answered yet."""
        offered = challenge.choose(response.headers.get_all("WWW-Authenticate") or ())
        stale = offered is not None and offered.fields.get("stale", "").lower() == "true"
        refused = self._challenge is not None and not stale
        self._challenge = offered
        if refused or offered is None or not any(self._login) or self._strange:
            self._challenge = None
            return False
        self._finish(response)
        return True

    def _ask(self, url: str) -> HTTPResponse:
        parts = urlsplit(url)
        origin = parts.scheme, parts.netloc
        if origin != self._origin:
            self.close()
            self._origin, self._challenge = origin, None
        if self._connection is not None:
            try:
                return self._request(self._connection, parts)
            except (HTTPException, ConnectionError, ssl.SSLError):  # it was kept, and closed over there
                self.close()
        self._connection = self._connect(parts)
        return self._request(self._connection, parts)

    def _connect(self, parts: SplitResult) -> HTTPConnection:
        host = parts.hostname or ""
        if parts.scheme == "http":
            return HTTPConnection(host, parts.port, timeout=self._timeout)
        context = ssl.create_default_context()
        if not self._verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return HTTPSConnection(host, parts.port, timeout=self._timeout, context=context)

    def _request(self, connection: HTTPConnection, parts: SplitResult) -> HTTPResponse:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": "camd", "Accept": "*/*"}
        if self._challenge is not None:
            headers["Authorization"] = self._challenge.answer("GET", target, *self._login)
        connection.request("GET", target, headers=headers)
        return connection.getresponse()

    def _finish(self, response: HTTPResponse) -> None:
        """Be done with an answer; the connection is kept if that costs little."""
        response.read(_REST)
        if not response.isclosed():
            self.close()


def _followed(url: str, location: str) -> str:
    """The address that an answer leads to. Raises SourceError if it is none."""
    try:
        url = urljoin(url, location)
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return url
    except ValueError:  # no port, no IPv6 address
        pass
    raise SourceError("it leads to an address that is no web address", retry=LATER)
