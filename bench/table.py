"""Markdown tables from measured rows: medians of the repetitions, their range, and what each peer costs
relative to camd."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of a table. key: dotted path into a row; scale, digits: how it is shown."""

    title: str
    key: str
    scale: float = 1.0
    digits: int = 0


_US, _MS, _PERCENT, _MB, _KB = 1e6, 1e3, 1e2, 1e-6, 1e-3
_MEMORY = (Column("RSS before MB", "memory.rss_before", _MB, 1), Column("RSS peak MB", "memory.rss_peak", _MB, 1))
_CPU = Column("CPU %", "cpu_share", _PERCENT, 2)

#: Cells whose first column is a cost; it is compared with camd's.
COSTS = frozenset({"mjpeg", "rtsp", "passed", "encoded", "slow", "snapshot", "websocket", "connect", "memory", "memory_tls", "idle", "stalled",
                   "download"})

#: By cell.
COLUMNS: dict[str, tuple[Column, ...]] = {
    "mjpeg": (
        Column("us/frame", "cpu_per_frame", _US, 1), Column("fps min", "fps.min", 1, 1),
        Column("fps median", "fps.median", 1, 1), Column("MB/s", "bytes_per_second", _MB, 1), _CPU,
        Column("age p50 ms", "age.p50", _MS, 2), Column("age p99 ms", "age.p99", _MS, 2),
        Column("gap p99 ms", "gap.p99", _MS), Column("first frame ms", "first_frame.p50", _MS),
        Column("skipped", "skipped"), Column("damaged", "damaged"), *_MEMORY,
    ),
    "slow": (
        Column("us/frame", "cpu_per_frame", _US, 1), Column("fast fps min", "fps.min", 1, 1),
        Column("slow fps", "slow_fps.median", 1, 2), Column("fast gap p99 ms", "gap.p99", _MS),
        Column("closed", "closed"), *_MEMORY,
    ),
    "snapshot": (
        Column("us/request", "cpu_per_request", _US, 1), Column("requests/s", "requests_per_second"),
        Column("p50 ms", "latency.p50", _MS, 2), Column("p95 ms", "latency.p95", _MS, 2),
        Column("p99 ms", "latency.p99", _MS, 2), _CPU, Column("refused", "refused"), Column("damaged", "damaged"),
    ),
    "rtsp": (
        Column("us/frame", "cpu_per_frame", _US, 1), Column("fps min", "fps.min", 1, 1),
        Column("fps median", "fps.median", 1, 1), Column("lost", "lost"), Column("MB/s", "bytes_per_second", _MB, 2), _CPU,
        Column("gap p99 ms", "gap.p99", _MS), Column("first frame ms", "first_frame.p50", _MS), *_MEMORY,
    ),
    "websocket": (
        Column("us/delivery", "cpu_per_delivery", _US, 2), Column("p50 ms", "latency.p50", _MS, 2),
        Column("p95 ms", "latency.p95", _MS, 2), Column("p99 ms", "latency.p99", _MS, 2),
        Column("all served p50 ms", "served.p50", _MS, 2), Column("lost", "lost"), _CPU,
        Column("kB/connection", "rss_per_connection", _KB, 1), *_MEMORY,
    ),
    "connect": (
        Column("us/handshake", "cpu_per_handshake", _US), Column("handshakes/s", "handshakes_per_second"),
        Column("p50 ms", "handshake.p50", _MS, 2), Column("p99 ms", "handshake.p99", _MS, 2),
        Column("failures", "failures"),
    ),
    "limit": (
        Column("held", "held"), Column("refused", "refused"), Column("with status", "refused_status"),
        Column("closed later", "closed_after_open"), Column("pongs", "pongs"), Column("place reused", "slot_reused"),
    ),
    "memory": (
        Column("kB/connection", "rss_per_connection", _KB, 1), Column("RSS growth kB", "rss_growth", _KB),
        Column("PSS growth kB", "pss_growth", _KB), Column("RSS before MB", "memory.rss_before", _MB, 1),
    ),
    "keepalive": (
        Column("HTTP kB/connection", "plain_per_connection", _KB, 1),
        Column("HTTPS kB/connection", "tls_per_connection", _KB, 1),
    ),
    "https": (
        Column("HTTPS us/frame", "tls.cpu_per_frame", _US, 1), Column("HTTP us/frame", "plain.cpu_per_frame", _US, 1),
        Column("HTTPS / HTTP", "cost_per_frame", 1, 2), Column("HTTPS ns/byte", "tls.cpu_per_byte", 1e9, 2),
        Column("HTTP ns/byte", "plain.cpu_per_byte", 1e9, 2), Column("HTTPS fps min", "tls.fps.min", 1, 1),
        Column("HTTPS snapshots/s", "tls.snapshot.requests_per_second"),
        Column("HTTP snapshots/s", "plain.snapshot.requests_per_second"),
    ),
    "download": (
        Column("CPU s/GB", "cpu_per_gigabyte", 1, 3), Column("MB/s", "bytes_per_second", _MB), _CPU,
    ),
    "idle": (_CPU, Column("RSS MB", "rss", _MB, 1), Column("PSS MB", "pss", _MB, 1)),
    "stalled": (
        Column("us/delivery", "cpu_per_delivery", _US, 2), Column("RSS growth kB", "rss_growth", _KB),
        Column("others p50 ms", "latency.p50", _MS, 2), Column("others p99 ms", "latency.p99", _MS, 2),
        Column("usual p50 ms", "usual_latency.p50", _MS, 2), Column("usual p99 ms", "usual_latency.p99", _MS, 2),
        Column("lost by others", "lost"),
    ),
    "watched": (
        Column("p99 with / without", "p99_ratio", 1, 2), Column("p50 ms", "latency.p50", _MS, 2),
        Column("p99 ms", "latency.p99", _MS, 2), Column("p50 without ms", "usual_latency.p50", _MS, 2),
        Column("p99 without ms", "usual_latency.p99", _MS, 2), Column("lost", "lost"), _CPU,
        Column("RTSP fps min", "fps.min", 1, 1), Column("RTSP lost", "lost_frames"),
        Column("WebRTC pictures min", "webrtc_pictures.min"),
    ),
    "mixed": (
        Column("held to %", "quota_share", _PERCENT, 1), _CPU, Column("fps min", "fps.min", 1, 1), Column("fps median", "fps.median", 1, 1),
        Column("fps max", "fps.max", 1, 1), Column("min / median", "fps_evenness", 1, 2),
        Column("all served", "all_served"), Column("picture age p50 ms", "age.p50", _MS, 1),
        Column("state p50 ms", "latency.p50", _MS, 1), Column("state p99 ms", "latency.p99", _MS, 1),
        Column("changes merged", "lost"), Column("snapshot p99 ms", "snapshot_latency.p99", _MS),
        Column("snapshots refused", "snapshots_refused"), Column("loop lag median ms", "loop_lag.median", _MS, 1), Column("loop lag max ms", "loop_lag.max", _MS, 1),
    ),
}
COLUMNS |= {"memory_tls": COLUMNS["memory"], "starved": COLUMNS["mixed"], "encoded": COLUMNS["rtsp"], "passed": COLUMNS["rtsp"]}


def figure(row: Row, key: str) -> float | None:
    """The number at a dotted path, None where there is none."""
    found: Any = row
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return float(found) if isinstance(found, int | float) else None


def figures(rows: Iterable[Row], key: str) -> list[float]:
    """The numbers at a dotted path in rows that have it."""
    return [found for row in rows if (found := figure(row, key)) is not None]


def middle(rows: Iterable[Row], key: str) -> float | None:
    """Their median."""
    found = figures(rows, key)
    return statistics.median(found) if found else None


def table(cell: str, unit: str, rows: list[Row]) -> str:
    """One table of a cell: a line per size and peer, in the order of the rows."""
    columns = COLUMNS[cell]
    compared = [f"{columns[0].title} / camd's"] if cell in COSTS else []
    heads = [unit, "server", *(column.title for column in columns), *compared, "others CPU %", "runs"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for size in sorted({row["size"] for row in rows}):
        here = [row for row in rows if row["size"] == size]
        ours = middle([row for row in here if row["peer"] == "camd"], columns[0].key)
        for peer in dict.fromkeys(row["peer"] for row in here):
            mine = [row for row in here if row["peer"] == peer]
            ratio = [_ratio(middle(mine, columns[0].key), ours)] if compared else []
            lines.append("| " + " | ".join([str(size), peer, *_figures(mine, columns, ratio)]) + " |")
    return "\n".join(lines)


def _figures(rows: list[Row], columns: tuple[Column, ...], ratio: list[str]) -> list[str]:
    good = [row for row in rows if "error" not in row]
    if not good:
        return ["failed: " + rows[0]["error"][:200].replace("\n", " ").replace("|", "/")]
    others = Column("", "machine.others_share", _PERCENT)
    return [*(_cell(good, column) for column in columns), *ratio, _cell(good, others), str(len(good))]


def _ratio(cost: float | None, ours: float | None) -> str:
    return f"{cost / ours:.2f}" if cost is not None and ours else "-"


def _cell(rows: list[Row], column: Column) -> str:
    found = sorted(figures(rows, column.key))
    if not found:
        return "-"
    least, usual, most = (f"{value * column.scale:.{column.digits}f}"
                          for value in (found[0], statistics.median(found), found[-1]))
    return usual if least == most else f"{usual} [{least}-{most}]"
