"""Many MJPEG clients in one thread, which check every byte and keep account of every picture."""

from __future__ import annotations

import re
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from .rest import any_certificate

_HEAD = re.compile(
    rb"Content-Type: image/jpeg\r\nContent-Length: (\d+)\r\nX-Timestamp: (\d+\.\d{6})\r\n\r\n"
)
_LONGEST_HEAD = 4096
_RECEIVE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Picture:
    """One part of the stream. taken: UTC seconds as the server tells; arrived: monotonic seconds."""

    data: bytes
    taken: float
    arrived: float


@dataclass
class Client:
    """One connection. ended: the server closed it. pictures: all, in their order."""

    socket: socket.socket
    pictures: list[Picture] = field(default_factory=list)
    ended: bool = False
    reading: bool = True
    _seen: dict[bytes, bytes] = field(default_factory=dict)  # shared by the clients of one reader
    _boundary: bytes = b""
    _buffer: bytearray = field(default_factory=bytearray)

    def receive(self) -> None:
        """Take what is there."""
        try:
            data = self.socket.recv(_RECEIVE)
            while isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
                data += self.socket.recv(_RECEIVE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except ConnectionError:
            data = b""
        self.ended = not data
        self._buffer += data
        while self._take_part():
            pass

    def _take_part(self) -> bool:
        if not self._boundary and not self._take_answer():
            return False
        match = _HEAD.match(self._buffer)
        if match is None:
            assert len(self._buffer) < _LONGEST_HEAD, f"no head of a part: {bytes(self._buffer[:200])!r}"
            return False
        start, length = match.end(), int(match[1])
        end = start + length + len(self._boundary)
        if len(self._buffer) < end:
            return False
        data = bytes(self._buffer[start : start + length])
        data = self._seen.setdefault(data, data)  # the same picture is kept once for all clients
        assert data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9"), "not one whole JPEG"
        assert self._buffer[start + length : end] == self._boundary, "no boundary behind the picture"
        self.pictures.append(Picture(data, float(match[2]), time.monotonic()))
        del self._buffer[:end]
        return True

    def _take_answer(self) -> bool:
        """The head of the answer and the first boundary."""
        head, found, _ = bytes(self._buffer).partition(b"\r\n\r\n")
        if not found:
            return False
        assert head.startswith(b"HTTP/1.1 200 "), head
        name = re.search(rb"(?mi)^content-type: multipart/x-mixed-replace;boundary=(\S+)\r?$", head)
        assert name, head
        boundary = b"\r\n--" + name[1] + b"\r\n"
        first = len(head) + 2  # the line end before the boundary is the one that ends the head
        if len(self._buffer) < first + len(boundary):
            return False
        assert self._buffer[first : first + len(boundary)] == boundary, "no boundary before the first part"
        del self._buffer[: first + len(boundary)]
        self._boundary = boundary
        return True


class MjpegReader:
    """count clients of one stream; a context manager. `until` reads them all in the calling thread."""

    def __init__(self, url: str, count: int = 1, receive_buffer: int | None = None):
        self.clients: list[Client] = []
        self._selector = selectors.DefaultSelector()
        self._url = urlsplit(url)
        self._seen: dict[bytes, bytes] = {}
        for _ in range(count):
            self.add(receive_buffer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, receive_buffer: int | None = None) -> Client:
        """One client more. receive_buffer: bytes that the kernel may keep for it."""
        where = self._url
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        plain.settimeout(20)
        if receive_buffer is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.connect((where.hostname, where.port))
        if where.scheme == "https":
            plain = any_certificate().wrap_socket(plain, server_hostname=where.hostname)
        query = f"?{where.query}" if where.query else ""
        plain.sendall(f"GET {where.path}{query} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
        plain.setblocking(False)
        client = Client(plain, _seen=self._seen)
        self.clients.append(client)
        self._selector.register(plain, selectors.EVENT_READ, client)
        return client

    def pause(self, client: Client) -> None:
        """This one does not read."""
        self._selector.unregister(client.socket)
        client.reading = False

    def resume(self, client: Client) -> None:
        self._selector.register(client.socket, selectors.EVENT_READ, client)
        client.reading = True

    def until(self, event: Callable[[], object], timeout: float = 20.0, what: str = "") -> None:
        """Read until the event is true; AssertionError if that takes longer than timeout seconds."""
        deadline = time.monotonic() + timeout
        while not event():
            if time.monotonic() > deadline:
                counts = [len(client.pictures) for client in self.clients]
                raise AssertionError(f"not within {timeout:.0f} s: {what or event}; pictures {counts}")
            self.poll(0.05)

    def poll(self, wait: float = 0.0) -> None:
        """Read what is there, or comes within `wait` seconds."""
        for key, _ in self._selector.select(wait):
            key.data.receive()
            if key.data.ended:
                self._selector.unregister(key.fileobj)

    def pictures(self, count: int) -> None:
        """Read until every client that reads has got so many more."""
        wanted = [(client, len(client.pictures) + count) for client in self.clients if client.reading]
        self.until(
            lambda: all(len(one.pictures) >= number for one, number in wanted),
            timeout=20 + count / 10,
            what=f"{count} more pictures",
        )

    def next(
        self, accept: Callable[[Picture], object], timeout: float = 20.0, what: str = ""
    ) -> list[Picture]:
        """Read until every client has got a new picture that is accepted; these pictures."""
        heads = [len(client.pictures) for client in self.clients]
        found: list[Picture | None] = [None] * len(heads)

        def look() -> bool:
            for number, client in enumerate(self.clients):
                if found[number] is None:
                    news = client.pictures[heads[number] :]
                    heads[number] += len(news)
                    found[number] = next((picture for picture in news if accept(picture)), None)
            return None not in found

        self.until(look, timeout, what)
        return found  # type: ignore[return-value]

    @property
    def ended(self) -> int:
        """How many connections the server has closed."""
        return sum(client.ended for client in self.clients)

    def close(self) -> None:
        self._selector.close()
        for client in self.clients:
            client.socket.close()
