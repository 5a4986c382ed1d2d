"""An RTSP client over TCP that counts every packet, and can stop to read."""

from __future__ import annotations

import socket
import threading
from typing import Self

from camd.wire import rtp

_KEY_UNITS = frozenset({5, 7, 8, 24})


class RtspClient:
    """One connection, with a session once `play` returned. Reads in a thread of its own from then on.

    sequences: of the RTP packets, gaps included; gaps: how often packets were missing; after_gaps: for each of
    those, whether the next access unit was a key frame; units: access units; reports: RTCP packets.
    """

    def __init__(self, port: int, url: str, receive_buffer: int = 0):
        self.url = url
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        self.session = ""
        self.packets = self.gaps = self.units = self.reports = 0
        self.after_gaps: list[bool] = []
        self.last = -1
        self.ended = False
        self._number = 0
        self._buffer = b""
        self._may_read = threading.Event()
        self._may_read.set()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, method: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Before `read` only: status, headers and body of the answer; packets in between are counted."""
        self._number += 1
        lines = "".join(f"{name}: {value}\r\n" for name, value in {"CSeq": str(self._number), **headers}.items())
        self.socket.sendall(f"{method} {self.url} RTSP/1.0\r\n{lines}\r\n".encode())
        while True:
            self._take_packets()
            if self._buffer[:1] not in (b"", b"$") and b"\r\n\r\n" in self._buffer:
                return self._answer()
            self._more()

    def play(self) -> None:
        """DESCRIBE, SETUP and PLAY."""
        assert self.ask("DESCRIBE")[0] == 200
        status, headers, _ = self.ask("SETUP", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        assert status == 200, headers
        self.session = headers["session"].partition(";")[0]
        status, headers, _ = self.ask("PLAY", Session=self.session)
        assert status == 200, headers

    def read(self) -> None:
        """Count packets from now on, in a thread."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def hold(self) -> None:
        """Read nothing until `go_on`."""
        self._may_read.clear()

    def go_on(self) -> None:
        self._may_read.set()

    def close(self) -> None:
        self.ended = True
        self._may_read.set()
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if self._thread is not None:
            self._thread.join(5)
        self.socket.close()

    def _run(self) -> None:
        while not self.ended:
            self._may_read.wait()
            try:
                self._more()
            except (OSError, EOFError):
                self.ended = True
            self._take_packets()

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the server closed the connection")
        self._buffer += data

    def _answer(self) -> tuple[int, dict[str, str], bytes]:
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(headers.get("content-length", "0"))
        while len(rest) < size:
            self._more()
            rest = self._buffer.partition(b"\r\n\r\n")[2]
        self._buffer = rest[size:]
        return int(first.split()[1]), headers, rest[:size]

    def _take_packets(self) -> None:
        position, buffer = 0, self._buffer
        while len(buffer) >= position + 4 and buffer[position] == 0x24:
            end = position + 4 + int.from_bytes(buffer[position + 2 : position + 4], "big")
            if len(buffer) < end:
                break
            if buffer[position + 1] == 0:
                self._packet(buffer[position + 4 : end])
            else:
                self.reports += 1
            position = end
        self._buffer = buffer[position:]

    def _packet(self, data: bytes) -> None:
        header = rtp.parse(data)
        if self.last >= 0 and header.sequence != (self.last + 1) & 0xFFFF:
            self.gaps += 1
            kind = data[header.payload][0] & 31
            self.after_gaps.append(kind in _KEY_UNITS or (kind == 28 and data[header.payload][1] & 31 in _KEY_UNITS))
        self.last = header.sequence
        self.packets += 1
        self.units += header.marker
