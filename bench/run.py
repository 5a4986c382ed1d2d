#!/usr/bin/env python3
"""Measure camd and whatever peers are installed, side by side, in one run.

Every server is started fresh for each measurement, and the servers take turns within each repetition, so that
a busy minute hits all of them. Results go to a file of JSON lines and, as Markdown tables with medians and
ratios, to standard output. Run it with the Python that has camd's packages.

A cell is a kind of measurement with sizes: mjpeg:1,25 websocket:500. Without cells all of them run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # started as a script: the package is beside it
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import environment
from bench.build import BUILD, BuildError
from bench.camera.camera import Camera, coded_camera, file_camera, preloaded_camera, raw_camera, real_camera
from bench.cell import CELLS, Cell, Row
from bench.client import MeasurementError
from bench.download import DOWNLOAD
from bench.peer import Peer, coded_peers, file_peers, mixed_peers, raw_peers, socket_peers, stream_peers, video_peers
from bench.process import machine
from bench.special import SPECIAL_CELLS
from bench.table import table

ALL_CELLS = {cell.name: cell for cell in (*CELLS, DOWNLOAD, *SPECIAL_CELLS)}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    cells = "\n".join(f"  {cell.name:<11}{cell.doc} ({', '.join(map(str, cell.sizes))})" for cell in ALL_CELLS.values())
    parser = argparse.ArgumentParser(
        prog="bench/run.py", description=__doc__, epilog=f"cells, with their sizes:\n{cells}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", nargs="*", metavar="CELL[:SIZE,...]", help="what to measure; see below")
    parser.add_argument("--peers", metavar="NAME,...", help="only these servers")
    parser.add_argument("--list", action="store_true", help="show the servers, why any is missing, and end")
    parser.add_argument("--quick", action="store_true", help="few sizes, one repetition, 2 s windows: does it work?")
    parser.add_argument("--repeat", type=int, metavar="N", help="repetitions (3)")
    parser.add_argument("--seconds", type=float, help="length of a window (4)")
    parser.add_argument("--output", type=Path, default=BUILD / "results.jsonl", help="file to append to (%(default)s)")
    parser.add_argument("--quiet", type=float, default=6, metavar="SECONDS",
                        help="wait at most so long for a machine that is 60%% idle (%(default)s)")
    camera = parser.add_argument_group("the camera that all servers get (else a file, for camd alone)")
    camera.add_argument("--device", metavar="/dev/videoN", help="a real one, or the name of the preloaded one")
    camera.add_argument("--preload", metavar="LIBRARY", help="a library that plays V4L2 devices, for LD_PRELOAD")
    camera.add_argument("--devices", default="", metavar="SPEC", help="its FAKECAM_DEVICES (generated pictures)")
    parser.add_argument("--camd", default="", metavar="COMMAND", help="how to call twistd (beside this Python)")
    parser.add_argument("--node-modules", default="", metavar="DIR", help="where node finds ws")
    return parser.parse_args(arguments)


def choose_camera(options: argparse.Namespace) -> Camera:
    """The camera of this run."""
    if options.preload:
        return preloaded_camera(options.preload, options.devices, options.device or "/dev/video0")
    return real_camera(options.device) if options.device else file_camera()


def choose_cells(options: argparse.Namespace) -> list[tuple[Cell, int]]:
    """Cells and sizes of this run, in order; SystemExit on an unknown name."""
    chosen: list[tuple[Cell, int]] = []
    for text in options.cells or ALL_CELLS:
        name, _, sizes = text.partition(":")
        if name not in ALL_CELLS:
            raise SystemExit(f"no cell {name}; there are: {', '.join(ALL_CELLS)}")
        cell = ALL_CELLS[name]
        usual = cell.quick_sizes if options.quick else cell.sizes
        chosen += [(cell, int(size)) for size in (sizes.split(",") if sizes else usual)]
    return chosen


def wait_until_quiet(patience: float) -> float:
    """Wait for a machine that is 60 % idle; returns the share that was idle in the last half second."""
    deadline = time.monotonic() + patience
    while True:
        before = machine()
        time.sleep(0.5)
        after = machine()
        idle, busy = after.idle - before.idle, after.busy - before.busy
        share = idle / (idle + busy) if idle + busy else 1.0
        if share >= 0.6 or time.monotonic() >= deadline:
            return share


def measure_one(cell: Cell, peer: Peer, size: int, seconds: float) -> Row:
    """One row; a failure is a row with `error`."""
    try:
        return cell.measure(peer, size, seconds)
    except (MeasurementError, BuildError, OSError, KeyError, TypeError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def run(options: argparse.Namespace, cells: list[tuple[Cell, int]], peers: dict[str, list[Peer]]) -> list[Row]:
    """Measure everything and append each row to the output as soon as it is there."""
    repeat = options.repeat or (1 if options.quick else 3)
    seconds = options.seconds or (2.0 if options.quick else 4.0)
    rows = []
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with options.output.open("a", encoding="utf-8") as output:
        about = {"run": environment.describe(), "command": " ".join(sys.argv), "repeat": repeat, "seconds": seconds,
                 "camera": options.camera.doc, "time": datetime.now(UTC).isoformat(timespec="seconds")}
        print(json.dumps(about), file=output, flush=True)
        for repetition in range(repeat):
            for cell, size in cells:
                for peer in filter(cell.takes, peers[cell.servers]):
                    quiet = wait_until_quiet(options.quiet)
                    row = measure_one(cell, peer, size, seconds)
                    row |= {"cell": cell.name, "size": size, "peer": peer.name, "repetition": repetition,
                            "camera": peer.camera, "idle_before": quiet}
                    print(json.dumps(row), file=output, flush=True)
                    rows.append(row)
                    say(f"{repetition + 1}/{repeat} {cell.name}:{size} {peer.name} {brief(row)}")
    return rows


def brief(row: dict[str, Any]) -> str:
    """The row's main figure, for the progress."""
    if "error" in row:
        return row["error"]
    costs = [f"{name.replace('_', ' ')} {value * 1e6:.1f} us" for name, value in row.items()
             if name.startswith("cpu_per_") and name != "cpu_per_byte" and value]
    return ", ".join(costs) or "done"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    options = parse()
    try:
        options.camera = choose_camera(options)
        peers = {
            "stream": stream_peers(options.camera, options.camd),
            "video": video_peers(options.camd),
            "coded": coded_peers(coded_camera(options.preload), options.camd),
            "raw": raw_peers(raw_camera(options.preload), options.camd),
            "socket": socket_peers(options.camd, options.node_modules),
            "mixed": mixed_peers(options.camera, options.camd),
            "files": file_peers(options.camd),
        }
    except (BuildError, OSError) as error:
        raise SystemExit(str(error)) from error
    if options.peers:
        wanted = options.peers.split(",")
        known = {peer.name for group in peers.values() for peer in group}
        if unknown := set(wanted) - known:
            raise SystemExit(f"no server {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
        peers = {kind: [peer for peer in group if peer.name in wanted] for kind, group in peers.items()}
    for peer in {peer.name: peer for group in peers.values() for peer in group}.values():
        say(f"{peer.name:<16}{peer.missing and 'left out: ' + peer.missing or 'found'}")
    say(f"{'camera':<16}{options.camera.doc}")
    if options.list:
        return
    rows = run(options, choose_cells(options), peers)
    for name in dict.fromkeys(row["cell"] for row in rows):
        cell = ALL_CELLS[name]
        print(f"\n### {name}: {cell.doc}\n")
        print(table(name, cell.unit, [row for row in rows if row["cell"] == name]))
    if any("error" in row for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    os.environ.pop("LD_PRELOAD", None)
    main()
