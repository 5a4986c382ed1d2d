"""What camd promises to cost, each as a figure of a finished run and its limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .table import Row, middle

Figure = Callable[[list[Row]], float | None]


@dataclass(frozen=True, slots=True)
class Promise:
    """text: what is promised; limit: with its unit's scale; figure: from all rows, None when not measured;
    at_least: the figure must reach the limit instead of staying below it."""

    text: str
    limit: float
    figure: Figure
    unit: str = ""
    at_least: bool = False

    def line(self, rows: list[Row]) -> str:
        """A row of the table of promises."""
        found = self.figure(rows)
        sign = "at least" if self.at_least else "at most"
        if found is None:
            verdict, shown = "not measured", "-"
        else:
            kept = found >= self.limit if self.at_least else found <= self.limit
            verdict, shown = ("kept" if kept else "**missed**"), f"{found:.4g} {self.unit}".strip()
        return f"| {self.text} | {sign} {self.limit:g} {self.unit} | {shown} | {verdict} |".replace("  ", " ")


def value(cell: str, size: int, key: str, peer: str = "camd", scale: float = 1.0) -> Figure:
    """The median of one figure of one peer."""

    def figure(rows: list[Row]) -> float | None:
        found = middle([row for row in rows if (row["cell"], row["size"], row["peer"]) == (cell, size, peer)], key)
        return None if found is None else found * scale

    return figure


def ratio(cell: str, size: int, key: str, peer: str) -> Figure:
    """camd's median over another peer's, of the same run."""
    ours, theirs = value(cell, size, key), value(cell, size, key, peer)

    def figure(rows: list[Row]) -> float | None:
        mine, other = ours(rows), theirs(rows)
        return mine / other if mine is not None and other else None

    return figure


def delivery(peer: str = "camd", cell: str = "rtsp", few: int = 1, many: int = 25) -> Figure:
    """CPU seconds of an RTSP server for each further frame to a further player: without what encoding costs."""

    def figure(rows: list[Row]) -> float | None:
        ends = [(value(cell, size, "cpu_share", peer)(rows), value(cell, size, "frames_per_second", peer)(rows))
                for size in (few, many)]
        if None in (*ends[0], *ends[1]) or ends[1][1] <= ends[0][1]:
            return None
        return (ends[1][0] - ends[0][0]) / (ends[1][1] - ends[0][1])

    return figure


def delivery_ratio(cell: str) -> Figure:
    """camd's delivery over gst-rtsp-server's."""

    def figure(rows: list[Row]) -> float | None:
        ours, theirs = delivery("camd", cell)(rows), delivery("gst_rtsp", cell)(rows)
        return ours / theirs if ours is not None and theirs else None

    return figure


_MS, _KB, _MB, _PERCENT = 1e3, 1 / 1024, 1 / 2**20, 100.0

PROMISES = (
    *(Promise(f"stream, {n} viewers: CPU per frame / ustreamer's", 0.35, ratio("mjpeg", n, "cpu_per_frame", "ustreamer"))
      for n in (25, 50)),
    Promise("stream, 50 viewers: CPU per frame / the C loop's (aim)", 1.5,
            ratio("mjpeg", 50, "cpu_per_frame", "mjpeg_floor")),
    *(Promise(f"stream, {n} viewers: camera to client, median", 5, value("mjpeg", n, "age.p50", scale=_MS), "ms")
      for n in (25, 50)),
    Promise("stream, 25 viewers: slowest viewer", 29.5, value("mjpeg", 25, "fps.min"), "frames/s", at_least=True),
    Promise("stream, 25 viewers: peak RSS", 75, value("mjpeg", 25, "memory.rss_peak", scale=_MB), "MiB"),
    Promise("snapshot, 1 connection: median", 1, value("snapshot", 1, "latency.p50", scale=_MS), "ms"),
    Promise("snapshot, 16 connections", 1500, value("snapshot", 16, "requests_per_second"), "requests/s", at_least=True),
    Promise("RTSP, 1 to 25 players: CPU per further frame / gst-rtsp-server's", 0.4, delivery_ratio("rtsp")),
    Promise("RTSP, 1 to 25 players, the same H.264 for both: CPU per further frame / gst-rtsp-server's", 0.4,
            delivery_ratio("passed")),
    Promise("RTSP, 25 players: slowest player", 29.5, value("rtsp", 25, "fps.min"), "frames/s", at_least=True),
    Promise("RTSP, 1 player: first frame, median", 500, value("rtsp", 1, "first_frame.p50", scale=_MS), "ms"),
    Promise("broadcast, 25 listeners: median delay / the C loop's", 2,
            ratio("websocket", 25, "latency.p50", "websocket_floor")),
    Promise("broadcast, 25 listeners: p99 / the C loop's", 3, ratio("websocket", 25, "latency.p99", "websocket_floor")),
    Promise("broadcast, 25 listeners: median delay / node ws's", 1, ratio("websocket", 25, "latency.p50", "node_ws")),
    Promise("broadcast, 25 listeners: p99 with 10 players by RTSP and 2 viewers by WebRTC / without", 2,
            value("watched", 25, "p99_ratio")),
    *(promise for n in (500, 1000) for promise in (
        Promise(f"broadcast, {n} listeners: CPU per delivery / node ws's", 1,
                ratio("websocket", n, "cpu_per_delivery", "node_ws")),
        Promise(f"broadcast, {n} listeners: median delay / node ws's", 1.2,
                ratio("websocket", n, "latency.p50", "node_ws")),
        Promise(f"broadcast, {n} listeners: CPU per delivery / the C loop's (aim)", 1.5,
                ratio("websocket", n, "cpu_per_delivery", "websocket_floor")))),
    Promise("download of 1 GB over HTTP: CPU / nginx's", 1.5, ratio("download", 1000, "cpu_per_gigabyte", "nginx")),
    Promise("idle, one camera and no viewer: CPU", 1, value("idle", 10, "cpu_share", scale=_PERCENT), "%"),
    Promise("25 WebSocket clients: growth of RSS", 1024, value("memory", 25, "rss_growth", scale=_KB), "KiB"),
    Promise("500 WebSocket clients, HTTP: RSS each", 16, value("memory", 500, "rss_per_connection", scale=_KB), "KiB"),
    Promise("500 WebSocket clients, HTTPS: RSS each", 45,
            value("memory_tls", 500, "rss_per_connection", scale=_KB), "KiB"),
    Promise("60 s of 100 changes/s, one client never reads: growth of RSS", 5,
            value("stalled", 60, "rss_growth", scale=_MB), "MiB"),
    Promise("60 tried where 50 may be: held", 50, value("limit", 60, "held"), at_least=True),
    *(Promise(f"100 mixed clients on a quarter of a core ({name}): slowest viewer / median viewer", 0.9,
              value("mixed", 100, "fps_evenness", name), at_least=True) for name in ("camd", "camd_test")),
)


def promises_table(rows: list[Row]) -> str:
    """All promises against the rows of a run."""
    head = ["| promise | limit | measured | |", "|---|---|---|---|"]
    return "\n".join(head + [promise.line(rows) for promise in PROMISES])
