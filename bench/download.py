"""What a large file costs a server that sends it over plain HTTP as fast as the client takes it."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from .cell import Cell, Row
from .client import MeasurementError
from .peer import Peer
from .process import machine
from .server import Server

_MB = 1_000_000
#: What the client takes at once: more than a server can put into its socket.
_PIECE = 1 << 21


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="bench-files-")


@cache
def make_file(megabytes: int) -> Path:
    """A file of so many megabytes that is in the cache and on the disk; made once, removed at the end."""
    path = Path(_folder().name) / f"{megabytes}"
    piece = os.urandom(_MB)
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return path


def download(peer: Peer, size: int, seconds: float) -> Row:
    """CPU of the server per gigabyte; a short file before it, so that nothing is done for the first time."""
    with Server(peer) as server:
        folder = server.directory / peer.files_folder
        folder.mkdir(parents=True, exist_ok=True)
        for megabytes in (1, size):
            os.link(make_file(megabytes), folder / f"{megabytes}.bin")
        _take(server, 1)
        before, machine_before, began = server.process.cpu(), machine(), time.monotonic()
        mine = time.process_time()
        taken = _take(server, size)
        span, mine = time.monotonic() - began, time.process_time() - mine
        cpu, after = server.process.cpu().since(before), machine()
    if taken != size * _MB:
        raise MeasurementError(f"{taken} bytes came of {size * _MB}")
    others = after.busy - machine_before.busy - cpu - mine
    return {
        "cpu_per_gigabyte": cpu / size * 1000, "bytes_per_second": taken / span, "cpu_share": cpu / span,
        "machine": {"cores": os.cpu_count(), "client_share": mine / span, "others_share": max(0.0, others / span)},
    }


def _take(server: Server, megabytes: int) -> int:
    """Fetch a file and throw it away; how many bytes its body has."""
    url = urlsplit(server.url("download").replace("{file}", f"{megabytes}.bin"))
    with socket.create_connection((url.hostname, url.port), 60) as connection:
        login = f"Authorization: Bearer {server.token}\r\n" if server.token else ""
        head = f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n{login}Connection: close\r\n\r\n"
        connection.sendall(head.encode())
        piece = bytearray(_PIECE)
        taken = connection.recv_into(piece)
        answer, there, body = bytes(piece[:taken]).partition(b"\r\n\r\n")
        if not there or b" 200 " not in answer.split(b"\r\n")[0]:
            raise MeasurementError(f"the server answers: {answer[:200]!r}")
        total = len(body)
        while taken := connection.recv_into(piece):
            total += taken
        return total


DOWNLOAD = Cell("download", download, "files", ("download",), (1000,), (200,),
                "a file over plain HTTP, as fast as one client takes it", unit="MB")
