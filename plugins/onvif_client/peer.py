"""Peer: HTTP with one device. Blocks; for the io pool.

A device is a stranger on the network, whatever it says of itself: nothing of its answers leads elsewhere than
to its own host, no answer is larger than MOST or takes longer than it may, and the password goes over the
line as a digest only.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from io import BufferedReader, RawIOBase
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from camd.errors import SourceError

#: The longest answer (bytes): the profiles of a recorder with 64 channels have 300 kB.
MOST = 1 << 20
#: To connect, and for all of an answer (seconds).
CONNECTING, ANSWERING = 5.0, 10.0
_PIECE = 65536
_FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}


class DeviceError(SourceError):
    """A device did not do what it was asked for. refused: it does not take the login."""

    def __init__(self, text: str, refused: bool = False):
        super().__init__(text)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. headers: names as they are looked for here; encoding: what zeep asks for."""

    status_code: int
    content: bytes
    headers: dict[str, str]
    encoding: str = "utf-8"


class Peer:
    """Asks one device. Any thread, several at a time. url: of its device service; login: name and password,
    both "" for none."""

    def __init__(self, url: str, login: tuple[str, str] = ("", "")):
        self.url = url
        self._login = login
        self._challenge: dict[str, str] = {}
        self._count = 0
        self._open: set[socket.socket] = set()
        self._closed = False
        self._lock = threading.Lock()

    def at_home(self, url: str) -> str:
        """The address that the device means, at the host by which we know it: behind a router it may not know
        that itself, and nobody shall be led to somebody else. Raises DeviceError if it is none."""
        try:
            parts, own = urlsplit(url.strip()), urlsplit(self.url)
            port = parts.port
        except ValueError:
            raise DeviceError(f"the device names no address: {url[:100]!r}") from None
        if not parts.scheme or not parts.hostname or not url.isprintable() or len(url) > 1024:
            raise DeviceError(f"the device names no address: {url[:100]!r}")
        scheme = parts.scheme.lower()
        if parts.hostname != own.hostname and scheme in ("http", "https"):
            scheme, port = own.scheme, own.port  # what it knows of ports is about another address, too
        host = f"[{own.hostname}]" if ":" in (own.hostname or "") else own.hostname or ""
        return urlunsplit((scheme, f"{host}:{port}" if port else host, parts.path, parts.query, ""))

    def close(self) -> None:
        """End what is under way, for good."""
        with self._lock:
            self._closed = True
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def post(self, url: str, body: bytes, kind: str, patience: float = ANSWERING) -> Reply:
        """Send a message to one of its addresses. Raises DeviceError if no answer comes; one with a status
        that tells of an error is an answer."""
        return self._ask("POST", url, body, {"Content-Type": kind}, patience)

    def get(self, url: str) -> Reply:
        """What is at one of its addresses. Raises DeviceError like `post`."""
        return self._ask("GET", url, None, {}, ANSWERING)

    def _ask(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str], patience: float
    ) -> Reply:
        target = urlsplit(self.at_home(url))
        if target.scheme not in ("http", "https"):
            raise DeviceError(f"{target.netloc}: a service is at http:// or https://")
        try:
            reply = self._exchange(method, target, body, headers, patience)
            if reply.status_code == 401 and self._take_challenge(reply.headers.get("www-authenticate", "")):
                reply = self._exchange(method, target, body, headers, patience)
        except (OSError, HTTPException, ValueError) as error:
            raise DeviceError(f"{target.netloc}: {_reason(error)}") from error
        return reply

    def _exchange(
        self, method: str, target: SplitResult, body: bytes | None, headers: dict[str, str], patience: float
    ) -> Reply:
        end = time.monotonic() + patience
        path = urlunsplit(("", "", target.path or "/", target.query, ""))
        if target.scheme == "https":  # devices have certificates of their own making
            connection: HTTPConnection = HTTPSConnection(
                target.hostname or "", target.port, timeout=CONNECTING, context=_unverified()
            )
        else:
            connection = HTTPConnection(target.hostname or "", target.port, timeout=CONNECTING)
        with closing(connection):
            connection.connect()
            sock = connection.sock
            with self._lock:
                self._open.add(sock)
                closed = self._closed
            try:
                if closed:
                    raise OSError("it is not asked any more")
                sock.settimeout(patience)
                headers = {**headers, "Connection": "close", "User-Agent": "camd"}
                if self._challenge:
                    headers["Authorization"] = self._authorization(method, path)
                connection.response_class = partial(_Answer, end=end)
                connection.request(method, path, body, headers)
                with closing(connection.getresponse()) as answer:
                    return Reply(answer.status, _read(answer), {
                        "Content-Type": answer.headers.get("Content-Type", "application/soap+xml"),
                        "www-authenticate": ", ".join(answer.headers.get_all("WWW-Authenticate") or ()),
                    })  # fmt: skip
            finally:
                with self._lock:
                    self._open.discard(sock)

    # -- HTTP Digest (RFC 7616), for devices that look at it and not at the token in the message

    def _take_challenge(self, header: str) -> bool:
        """Whether this is a Digest that was not answered yet."""
        if not self._login[0]:
            return False
        for scheme in re.split(r"(?i)\bDigest\s+", header)[1:]:
            fields = {name.lower(): quoted or plain for name, quoted, plain in _FIELD.findall(scheme)}
            if fields.get("algorithm", "MD5").upper() not in _HASHES or "nonce" not in fields:
                continue
            with self._lock:
                again = bool(self._challenge) and fields.get("stale", "").lower() != "true"
                self._challenge, self._count = ({}, 0) if again else (fields, 0)
            return not again
        return False

    def _authorization(self, method: str, path: str) -> str:
        with self._lock:
            fields = dict(self._challenge)
            self._count += 1
            count = f"{self._count:08x}"
        algorithm = fields.get("algorithm", "MD5").upper()

        def digest(*parts: str) -> str:
            return hashlib.new(
                _HASHES[algorithm], ":".join(parts).encode(), usedforsecurity=False
            ).hexdigest()

        name, password = self._login
        realm, nonce, client = fields.get("realm", ""), fields["nonce"], secrets.token_hex(8)
        identity, request = digest(name, realm, password), digest(method, path)
        given = {"username": name, "realm": realm, "nonce": nonce, "uri": path}
        if "auth" in fields.get("qop", ""):
            given["response"] = digest(identity, nonce, count, client, "auth", request)
            more = f', algorithm={algorithm}, qop=auth, nc={count}, cnonce="{client}"'
        else:
            given["response"], more = digest(identity, nonce, request), f", algorithm={algorithm}"
        if "opaque" in fields:
            given["opaque"] = fields["opaque"]
        quoted = ", ".join('{}="{}"'.format(key, text.replace('"', "")) for key, text in given.items())
        return f"Digest {quoted}{more}"


class _Answer(HTTPResponse):
    """One that is there by `end` (as of `time.monotonic`), its headers and the lengths of chunks included, however
    it drips."""

    def __init__(self, sock: socket.socket, *about: Any, end: float, **more: Any):
        super().__init__(sock, *about, **more)
        self.fp = BufferedReader(_Timed(self.fp.detach(), sock, end))


class _Timed(RawIOBase):
    def __init__(self, raw: Any, sock: socket.socket, end: float):
        self._raw, self._sock, self._end = raw, sock, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _read(answer: HTTPResponse) -> bytes:
    data = bytearray()
    while piece := answer.read1(_PIECE):
        data += piece
        if len(data) > MOST:
            raise OSError("the answer is too long")
    return bytes(data)


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)) or type(
        error
    ).__name__
