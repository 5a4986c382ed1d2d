"""Measurements of one property each: what TLS costs, an idle daemon, a client that never reads, a small board."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from .cell import (
    Cell,
    Row,
    broadcast_options,
    broadcast_row,
    measure_memory,
    measure_snapshots,
    measure_stream,
    spread,
    stream_row,
)
from .client import Client, MeasurementError, measure, options
from .peer import Peer
from .quota import quota
from .server import Server
from .viewers import WebRtcViewers

#: Viewers by RTSP and by WebRTC in the cell `watched`.
PLAYERS, VIEWERS = 10, 2
#: Of one core, in the cell `mixed`: about what a small board has.
BOARD = 0.25


def https(peer: Peer, size: int, seconds: float) -> Row:
    """The same load without and with TLS, each on a fresh server; and 16 connections asking for snapshots."""
    row: Row = {}
    for name, tls in (("plain", False), ("tls", True)):
        with Server(peer) as server:
            row[name] = measure_stream(server, size, seconds, tls=tls)
        with Server(peer) as server:
            row[name]["snapshot"] = measure_snapshots(server, 16, seconds, tls=tls)
    row["cost_per_frame"] = row["tls"]["cpu_per_frame"] / row["plain"]["cpu_per_frame"]
    row["machine"] = row["tls"]["machine"]
    return row


def memory_tls(peer: Peer, size: int, seconds: float) -> Row:
    with Server(peer) as server:
        return measure_memory(server, size, tls=True)


def keepalive(peer: Peer, size: int, seconds: float) -> Row:
    """Memory of HTTP connections that asked once and stay, without and with TLS."""
    row: Row = {}
    for name, tls in (("plain", False), ("tls", True)):
        with Server(peer) as server, contextlib.ExitStack() as closing:
            _ask(_connection(server, tls), "/health")
            before = server.process.rss()
            for _ in range(size):
                one = _connection(server, tls)
                closing.callback(one.close)
                _ask(one, "/health")
            row[f"{name}_per_connection"] = (server.process.rss() - before) / size
    return row


def idle(peer: Peer, size: int, seconds: float) -> Row:
    """CPU of a server with one camera and no viewer, over `size` seconds."""
    with Server(peer) as server:
        time.sleep(5)
        before, began = server.process.cpu(), time.monotonic()
        time.sleep(size)
        share = server.process.cpu().since(before) / (time.monotonic() - began)
        return {"cpu_share": share, "rss": server.process.rss(), "pss": server.process.pss()}


def stalled(peer: Peer, size: int, seconds: float) -> Row:
    """`size` seconds of 100 changes a second with ten listeners and one connection that never reads.

    Before it, a few seconds without that connection, to compare the others' delay.
    """
    with Server(peer) as server:
        usual = broadcast_row(measure(
            "broadcast", broadcast_options(server, listeners=10, rate=100, seconds=seconds), server.process))
        row = broadcast_row(measure(
            "broadcast", broadcast_options(server, listeners=10, mute=1, rate=100, seconds=size), server.process))
        memory = row["memory"]
        return row | {"usual_latency": usual["latency"], "rss_growth": memory["rss_peak"] - memory["rss_before"]}


def watched(peer: Peer, size: int, seconds: float) -> Row:
    """`size` listeners of 20 changes a second, before and while the camera is watched by RTSP and WebRTC."""
    with Server(peer) as server:
        listen = broadcast_options(server, listeners=size, seconds=seconds)
        usual = broadcast_row(measure("broadcast", listen, server.process))
        with WebRtcViewers(server.url("whep"), server.token, VIEWERS) as viewers, ThreadPoolExecutor(1) as pool:
            arguments = options(server.video, clients=PLAYERS, seconds=seconds + 6, track=peer.track)
            players = pool.submit(Client("rtsp", arguments, server.process).finish)
            time.sleep(3)  # until all of them play
            before = viewers.pictures
            row = broadcast_row(measure("broadcast", listen, server.process))
            shown = [after - earlier for earlier, after in zip(before, viewers.pictures, strict=True)]
            video = players.result()
    fps = [count / video["seconds"] for count in video["frames"]]
    if video["closed"] or min(fps) < 1 or min(shown) < seconds:
        raise MeasurementError(f"not watched by all: RTSP players have {fps} frames/s, WebRTC viewers {shown} pictures")
    return row | {"usual_latency": usual["latency"], "fps": spread(fps), "lost_frames": video["lost"],
                  "webrtc_pictures": spread(shown), "p99_ratio": row["latency"]["p99"] / usual["latency"]["p99"]}


def mixed(peer: Peer, size: int, seconds: float) -> Row:
    """`size` clients of four kinds on a server held to a quarter of a core."""
    return _held(peer, size, seconds, BOARD)


def starved(peer: Peer, size: int, seconds: float) -> Row:
    """The same with half of the CPU that the load needs: something must give, for everybody alike."""
    needed = _held(peer, size, seconds, 1.0)["cpu_share"]
    return _held(peer, size, seconds, max(needed / 2, 0.01))


def _held(peer: Peer, size: int, seconds: float, board: float) -> Row:
    """`size` clients on a server held to a share of a core.

    A quarter each: viewers of the stream, WebSocket listeners (ten changes a second), connections that ask
    for a snapshot every second, and kept HTTP connections that are silent and ask once more at the end.
    """
    share, seconds = size // 4, max(seconds, 10.0)
    with Server(peer) as server, quota(server.process.pid, board) as limit, contextlib.ExitStack() as closing:
        silent = [_connection(server, tls=False) for _ in range(share)]
        for one in silent:
            closing.callback(one.close)
            _ask(one, "/health")
        common = {"seconds": seconds, "settle": 3}
        clients = [
            Client("mjpeg", options(server.url("stream"), clients=share, patience=20, **common), server.process),
            # Values from 0 to 49 are in the range of every camera that has a brightness.
            Client("broadcast", broadcast_options(server, listeners=share, rate=10, modulo=50, **common),
                   server.process),
            Client("snapshot", options(server.url("snapshot"), clients=share, interval=1, **common), server.process),
        ]
        with _LagWatch(server) as lag:
            stream, state, pictures = _finish_all(clients)
        served = sum(_ask(one, "/health") for one in silent)
    stream = stream_row(stream)
    shortest, usual = stream["fps"]["min"], stream["fps"]["median"]
    return {
        "quota": limit.doc, "quota_share": board, "cpu_share": stream["cpu_share"], "fps": stream["fps"],
        "fps_evenness": shortest / usual if usual else 0.0, "age": stream["age"], "memory": stream["memory"],
        "latency": state["latency"], "lost": state["lost"], "listening": state["listening"],
        "snapshot_latency": pictures["latency"], "snapshots": spread(pictures["answers"]),
        "snapshots_refused": pictures["refused"], "snapshots_reopened": pictures["reopened"],
        "silent_served": served, "loop_lag": lag.summary(), "machine": stream["machine"],
        "all_served": shortest > 0 and state["listening"] == share and min(pictures["answers"]) > 0 and served == share,
    }


def _finish_all(clients: list[Client]) -> list[Row]:
    results: list[Row | Exception] = [MeasurementError("did not end")] * len(clients)

    def finish(index: int) -> None:
        try:
            results[index] = clients[index].finish()
        except MeasurementError as error:
            results[index] = error

    threads = [threading.Thread(target=finish, args=(index,)) for index in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = []
    for result in results:
        if isinstance(result, Exception):
            raise result
        rows.append(result)
    return rows


class _LagWatch:
    """Asks the daemon every second how late its event loop is (`system/loop_lag`, seconds)."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._seen: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def summary(self) -> Row | None:
        """Median and most; None when the server told nothing."""
        return {"median": statistics.median(self._seen), "max": max(self._seen)} if self._seen else None

    def _follow(self) -> None:
        body = json.dumps({"get": ["system/loop_lag"]})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._server.token}"}
        while not self._over.wait(1.0):
            one = _connection(self._server, tls=False)
            try:
                one.request("POST", "/api", body, headers)
                values = json.loads(one.getresponse().read()).get("values", {})
                self._seen += [float(value) for value in values.values()]
            except (OSError, ValueError, http.client.HTTPException):
                continue
            finally:
                one.close()


def _connection(server: Server, tls: bool) -> http.client.HTTPConnection:
    if not tls:
        return http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", server.tls_port, timeout=30, context=context)


def _ask(connection: http.client.HTTPConnection, path: str) -> bool:
    """Whether the server answers with 200 on this connection, which stays open."""
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return False
    return answer.status == 200


SPECIAL_CELLS = (
    Cell("memory_tls", memory_tls, "socket", ("websocket", "tls"), (500,), (),
         "memory of open, silent WebSocket connections over TLS"),
    Cell("keepalive", keepalive, "socket", ("websocket", "tls"), (200,), (),
         "memory of silent HTTP and HTTPS connections that asked once"),
    Cell("https", https, "stream", ("stream", "snapshot", "tls"), (25,), (10,),
         "stream and snapshots without and with TLS"),
    Cell("idle", idle, "stream", ("stream",), (10,), (5,),
         "seconds with one camera and no viewer", unit="seconds"),
    Cell("stalled", stalled, "socket", ("websocket",), (60,), (10,),
         "seconds of 100 changes/s while one client never reads", unit="seconds"),
    Cell("watched", watched, "socket", ("websocket", "rtsp", "whep"), (25,), (25,),
         f"listeners of 20 changes a second, without and with {PLAYERS} players by RTSP and {VIEWERS} viewers by WebRTC"),
    Cell("mixed", mixed, "mixed", ("stream", "snapshot", "websocket"), (100,), (40,),
         f"clients of four kinds, the server held to {BOARD:.0%} of a core"),
    Cell("starved", starved, "mixed", ("stream", "snapshot", "websocket"), (100,), (),
         "the same, the server held to half of the CPU that it needs"),
)
