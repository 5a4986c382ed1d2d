"""The measurements that every server can be asked for; the special ones are in special.py."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .client import MeasurementError, measure, options
from .peer import Peer
from .server import Server

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of measurement.

    measure(peer, size, seconds) starts a fresh server, loads it with `size` clients and returns figures.
    servers: "stream", "video", "coded", "raw", "socket", "mixed" or "files", the list of peers it is for; needs: the attributes of a Peer that
    must not be empty; sizes, quick_sizes: how many clients by default and with --quick; unit: of the sizes.
    """

    name: str
    measure: Callable[[Peer, int, float], Row]
    servers: str
    needs: tuple[str, ...]
    sizes: tuple[int, ...]
    quick_sizes: tuple[int, ...]
    doc: str
    unit: str = "clients"

    def takes(self, peer: Peer) -> bool:
        """Whether the peer serves what is measured."""
        return not peer.missing and all(getattr(peer, need) for need in self.needs)


def per(amount: float, count: int) -> float | None:
    """amount / count, None when nothing was counted."""
    return amount / count if count else None


def spread(values: list[float]) -> Row | None:
    """Least, middle and most."""
    if not values:
        return None
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def stream_row(found: Row, slow: int = 0) -> Row:
    """Figures of a mjpeg client, the last `slow` of its viewers apart."""
    frames, total = found.pop("frames"), 0
    sizes = found.pop("bytes")
    total = sum(frames)
    rates = [count / found["seconds"] for count in frames]
    fast, slowed = rates[: len(rates) - slow], rates[len(rates) - slow :]
    row = found | {
        "frames": total,
        "fps": spread(fast),
        "cpu_per_frame": per(found["cpu"], total),
        "bytes_per_second": found["wire_bytes"] / found["seconds"],
        "cpu_per_byte": per(found["cpu"], found["wire_bytes"]),
    }
    if slow:
        row["slow_fps"] = spread(slowed)
        row["slow_bytes_per_second"] = spread([size / found["seconds"] for size in sizes[-slow:]])
    return row


def measure_stream(server: Server, size: int, seconds: float, *, tls: bool = False, slow: int = 0) -> Row:
    """`size` viewers of the stream, the last `slow` of them at 50 kB/s."""
    arguments = options(server.url("stream", tls=tls), clients=size, seconds=seconds, slow=slow)
    row = stream_row(measure("mjpeg", arguments, server.process), slow)
    if not row["frames"]:
        raise MeasurementError(f"no frames: {row['closed_why'] or 'nothing arrived'}, status {row['refused_status']}")
    return row


def measure_snapshots(server: Server, size: int, seconds: float, *, tls: bool = False) -> Row:
    """`size` connections that ask for one snapshot after the other."""
    found = measure("snapshot", options(server.url("snapshot", tls=tls), clients=size, seconds=seconds), server.process)
    if not found["requests"]:
        raise MeasurementError(f"no snapshot, status {found['refused_status']}")
    return found | {
        "requests_per_second": found["requests"] / found["seconds"],
        "cpu_per_request": per(found["cpu"], found["requests"]),
    }


def broadcast_options(server: Server, **more: Any) -> list[str]:
    """Options of the broadcast client for this peer."""
    peer = server.peer
    usual = {"template": peer.template, "match": peer.match, "modulo": peer.modulo}
    return options(server.url("websocket"), **(usual | more))


def broadcast_row(found: Row) -> Row:
    """Figures of a broadcast client."""
    return found | {"cpu_per_delivery": per(found["cpu"], found["deliveries"])}


def mjpeg(peer: Peer, size: int, seconds: float) -> Row:
    with Server(peer) as server:
        return measure_stream(server, size, seconds)


def slow(peer: Peer, size: int, seconds: float) -> Row:
    with Server(peer) as server:
        return measure_stream(server, size, seconds, slow=size // 2)


def snapshot(peer: Peer, size: int, seconds: float) -> Row:
    with Server(peer) as server:
        return measure_snapshots(server, size, seconds)


def rtsp(peer: Peer, size: int, seconds: float) -> Row:
    with Server(peer) as server:
        arguments = options(server.video, clients=size, seconds=seconds, track=peer.track)
        found = measure("rtsp", arguments, server.process)
        frames = found.pop("frames")
        if not sum(frames):
            raise MeasurementError(f"no frames: {found['closed_why'] or 'nothing arrived'}, status {found['refused_status']}")
        return found | {
            "fps": spread([count / found["seconds"] for count in frames]),
            "frames_per_second": sum(frames) / found["seconds"],
            "cpu_per_frame": per(found["cpu"], sum(frames)),
            "bytes_per_second": found["wire_bytes"] / found["seconds"],
        }


def websocket(peer: Peer, size: int, seconds: float) -> Row:
    with Server(peer) as server:
        arguments = broadcast_options(server, listeners=size, seconds=seconds)
        row = broadcast_row(measure("broadcast", arguments, server.process))
        if not row["deliveries"]:
            raise MeasurementError("no message of the writer came back to a listener")
        memory = row["memory"]
        row["rss_per_connection"] = per(memory["rss_ready"] - memory["rss_before"], row["listening"] + 1)
        return row


def connect(peer: Peer, size: int, seconds: float) -> Row:
    with Server(peer) as server:
        found = measure("connect", options(server.url("websocket"), clients=size, seconds=seconds), server.process)
        if not found["handshakes"]:
            raise MeasurementError(f"no handshake, status {found['refused_status']}")
        return found | {
            "handshakes_per_second": found["handshakes"] / found["seconds"],
            "cpu_per_handshake": per(found["cpu"], found["handshakes"]),
        }


def limit(peer: Peer, size: int, seconds: float) -> Row:
    with Server(peer, limit=50) as server:
        return measure("connect", options(server.url("websocket"), hold=size), server.process)


def measure_memory(server: Server, size: int, *, tls: bool = False) -> Row:
    """What `size` open, silent WebSocket connections cost the server in memory."""
    found = measure("connect", options(server.url("websocket", tls=tls), hold=size), server.process)
    if found["held"] != size:
        raise MeasurementError(f"only {found['held']} of {size} connections stayed open")
    memory = found["memory"]
    growth = memory["rss_ready"] - memory["rss_before"]
    return found | {
        "rss_growth": growth,
        "rss_per_connection": growth / size,
        "pss_growth": memory["pss_ready"] - memory["pss_before"],
    }


def memory(peer: Peer, size: int, seconds: float) -> Row:
    with Server(peer) as server:
        return measure_memory(server, size)


CELLS = (
    Cell("mjpeg", mjpeg, "stream", ("stream",), (1, 10, 25, 50), (1, 10),
         "viewers of one motion-JPEG stream: CPU per delivered frame, delay from the camera"),
    Cell("slow", slow, "stream", ("stream",), (10,), (),
         "the same while half of the viewers read 50 kB/s"),
    Cell("snapshot", snapshot, "stream", ("snapshot",), (1, 16), (1, 16),
         "connections that ask for one snapshot after the other (keep-alive)"),
    Cell("rtsp", rtsp, "video", ("rtsp",), (1, 10, 25), (1, 10),
         "players of one H.264 stream by RTSP over TCP, encoded once: CPU per delivered frame, encoding included"),
    Cell("passed", rtsp, "coded", ("rtsp",), (1, 10, 25), (),
         "the same where every server passes on the same camera's H.264"),
    Cell("encoded", rtsp, "raw", ("rtsp",), (1, 10, 25), (25,),
         "the same where every server encodes the same raw pictures with the same settings"),
    Cell("websocket", websocket, "socket", ("websocket",), (25, 100, 500, 1000), (25, 100),
         "listeners of 20 changes a second: CPU per delivery, delay from the writer"),
    Cell("connect", connect, "socket", ("websocket",), (16,), (16,),
         "WebSocket connections opened and closed as fast as it goes"),
    Cell("limit", limit, "socket", ("websocket",), (60,), (60,),
         "connections tried where 50 are allowed: the rest must be refused, a free place must be taken again"),
    Cell("memory", memory, "socket", ("websocket",), (25, 500), (25,),
         "memory of open, silent WebSocket connections"),
)

