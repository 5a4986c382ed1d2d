"""A WebSocket client in plain sight (RFC 6455): it can be slow, and wrong, on purpose."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit

from .rest import any_certificate

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Refused(Exception):
    """The answer was no upgrade: status line, and body."""

    def __init__(self, status: str, body: bytes):
        self.status = status
        self.body = body
        super().__init__(status)


class WebSocket:
    """A connection to /api below the url of the page; blocks, at most `timeout` seconds at a time.

    receive_buffer: bytes that the kernel may keep for us; headers: further ones of the handshake; query:
    of its address, path: another one. changes: what was broadcast and nobody
    has asked for yet. closed: the code with which the server closed (1006: without one).
    """

    def __init__(self, url: str, timeout: float = 20.0, receive_buffer: int | None = None,
                 headers: Mapping[str, str] = {}, query: str = "", path: str = "/api"):
        where = urlsplit(url)
        self.changes: deque[dict[str, Any]] = deque()
        self.closed: int | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.connect((where.hostname, where.port))
        if where.scheme == "https":
            self._socket = any_certificate().wrap_socket(self._socket, server_hostname=where.hostname)
        self._reader = self._socket.makefile("rb")
        try:
            self._upgrade(where.netloc, f"{where.path.rstrip('/')}{path}{query and '?'}{query}", headers)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Go without a word."""
        self._reader.close()
        self._socket.close()

    def shut_down(self) -> None:
        """End both directions; another thread that reads or sends gets an error."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def send(self, message: Any) -> None:
        """One message; text goes as it is."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.send_frame(TEXT, text.encode())

    def send_frame(self, opcode: int, payload: bytes) -> None:
        self.send_bytes(self.frame(opcode, payload))

    def send_bytes(self, data: bytes) -> None:
        """Whatever it is; frames that were made before."""
        self._socket.sendall(data)

    @staticmethod
    def frame(opcode: int, payload: bytes) -> bytes:
        """One whole frame, masked with zeros, so that the bytes stay themselves."""
        length = len(payload)
        if length < 126:
            head = struct.pack(">BB", 0x80 | opcode, 0x80 | length)
        elif length < 65536:
            head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, length)
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, length)
        return head + bytes(4) + payload

    def receive(self) -> dict[str, Any] | None:
        """The next message, None once the server has closed. Binary ones are left out."""
        while (message := self.receive_any()) is not None:
            if not isinstance(message, bytes):
                return message
        return None

    def receive_any(self) -> dict[str, Any] | bytes | None:
        """The next message, a binary one as bytes, None once the server has closed."""
        while self.closed is None:
            opcode, payload = self._frame()
            if opcode == TEXT:
                return json.loads(payload)
            if opcode == BINARY:
                return payload
            if opcode == PING:
                self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                self.closed = int.from_bytes(payload[:2], "big") or 1005
                self.send_frame(CLOSE, payload)
        return None

    def until_closed(self) -> int:
        """The code with which the server closes; what comes before that is lost."""
        while self.receive() is not None:
            pass
        return self.closed or 0

    def answer(self) -> dict[str, Any]:
        """The next message that is no change; the changes before it are kept."""
        while (message := self.receive()) is not None:
            if "state" not in message:
                return message
            self.changes.append(message)
        raise AssertionError(f"closed with {self.closed} instead of an answer")

    def ask(self, message: Any) -> dict[str, Any]:
        self.send(message)
        return self.answer()

    def change(self, name: str, value: Any = ..., timeout: float = 20.0) -> dict[str, Any]:
        """The next change of this name, or the one to this value; changes of other names are kept."""
        deadline = time.monotonic() + timeout
        others: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            message = self.changes.popleft() if self.changes else self.receive()
            if message is None:
                raise AssertionError(f"closed with {self.closed} instead of a change of {name}")
            if message.get("state") != name:
                others.append(message)
            elif value in (..., message["value"]):
                self.changes.extendleft(reversed(others))
                return message
        raise AssertionError(f"not within {timeout:.0f} s: a change of {name} to {value}, but {others[-5:]}")

    def _frame(self) -> tuple[int, bytes]:
        head = self._read(2)
        assert head[0] & 0x70 == 0 and head[0] & 0x80, f"not one whole plain frame: {head!r}"
        length = head[1]  # the server's frames are not masked: no high bit
        if length == 126:
            length = int.from_bytes(self._read(2), "big")
        elif length == 127:
            length = int.from_bytes(self._read(8), "big")
        return head[0] & 15, self._read(length)

    def _read(self, count: int) -> bytes:
        data = self._reader.read(count)
        if len(data) != count:
            self.closed = 1006
            raise ConnectionError("the server closed without saying so")
        return data

    def _upgrade(self, host: str, target: str, headers: Mapping[str, str]) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        further = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._socket.sendall(
            f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{further}\r\n".encode()
        )
        status = self._reader.readline().decode().strip()
        headers = {}
        while line := self._reader.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if " 101 " not in status:
            raise Refused(status.partition(" ")[2], self._reader.read(int(headers.get("content-length", 0))))
