#!/usr/bin/env python3
"""Make bench/RESULTS.md from the JSON lines of one or more runs of bench/run.py.

usage: python bench/report.py RESULTS.jsonl... > bench/RESULTS.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the package is beside it
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.promises import promises_table
from bench.run import ALL_CELLS
from bench.table import Row, table

_INTRODUCTION = (
    "Made by `bench/report.py`; [docs/bench.md](../docs/bench.md) says what each figure means and how to get "
    "your own. Figures are medians of the repetitions, with their range in brackets. Compare servers within a "
    "table: they took turns on the same machine. Absolute figures are this machine's."
)


def read(paths: list[Path]) -> tuple[list[Row], list[Row]]:
    """The runs' headers and their measured rows, in order."""
    runs, rows = [], []
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            found = json.loads(line)
            (runs if "run" in found else rows).append(found)
    return runs, rows


def report(runs: list[Row], rows: list[Row]) -> str:
    """The whole page as Markdown."""
    parts = [
        "# Results",
        _INTRODUCTION,
        "## Runs",
        *(_about(run) for run in runs),
        "## What camd promises",
        promises_table(rows),
        "## Tables",
    ]
    for name, cell in ALL_CELLS.items():
        if here := [row for row in rows if row["cell"] == name]:
            parts += [f"### {name}", f"{cell.doc[0].upper()}{cell.doc[1:]}.", table(name, cell.unit, here)]
    return "\n\n".join(parts) + "\n"


def _about(run: Row) -> str:
    places = ", ".join(f"{name} {text}" for name, text in run["run"].items())
    return (f"    {run['command']}\n\n{run['time']}, {run['repeat']} repetitions, windows of {run['seconds']:g} s. "
            f"Camera: {run['camera']}. {places[0].upper()}{places[1:]}.")


def main() -> None:
    paths = [Path(name) for name in sys.argv[1:]]
    if not paths or not all(path.is_file() for path in paths):
        raise SystemExit(__doc__)
    sys.stdout.write(report(*read(paths)))


if __name__ == "__main__":
    main()
