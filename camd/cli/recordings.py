"""`camd recordings` and `camd db`: what was recorded, and whether it is whole."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CamdError, Gone
from .configuration import load_config
from .output import FAILED, OK, say, write, write_json
from .verbs import JSON, PLACE, Verbs

if TYPE_CHECKING:
    from ..config import Config
    from ..record.repair import Report

_PIECE = 1 << 20


def add_verbs(verbs: Verbs) -> None:
    group = verbs.group("recordings", "Look at what was recorded.")
    listing = group.add("list", _list, "List recordings, the newest first.", PLACE, JSON)
    listing.add_argument(
        "--camera", metavar="ID", action="append", help="only of this one; may be given again"
    )
    listing.add_argument("--since", metavar="TIME", type=_moment, help="only what ends after this")
    listing.add_argument("--limit", metavar="N", type=int, default=50, help="at most so many (default 50)")
    check = group.add("verify", _verify, "Compare the files with the index; nothing is changed.", PLACE, JSON)
    check.add_argument("--quick", action="store_true", help="sizes only")
    group.add(
        "repair", _repair, "Do what camd does at its start: finish, cut, take up. camd must not run.", PLACE
    )
    export = group.add("export", _export, "Write a time as one MP4, without encoding it.", PLACE)
    export.add_argument("camera", metavar="ID")
    export.add_argument(
        "start", metavar="START", type=_moment, help='"2026-11-24 22:00:00", or Unix milliseconds'
    )
    export.add_argument("end", metavar="END", type=_moment)
    export.add_argument("-o", "--output", metavar="FILE", type=Path, required=True)
    verbs.group("db", "Look at the databases.").add(
        "check", _check, "Look for damage in the databases; nothing is changed.", PLACE, JSON
    )


def _moment(text: str) -> int:
    """Unix milliseconds; a time without a zone is local."""
    if text.isdecimal():
        return int(text)
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is no time: write "2026-11-24 22:00:00"') from None


def _places(args: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Path, Path, Config]:
    config = load_config(args, environ)
    return config.data_dir / "index.db", config.storage.path or config.data_dir / "media", config


def _list(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from itertools import islice

    from ..record.check import all_records, reading
    from ..record.entries import Filter

    index, _, _ = _places(args, environ)
    wanted = Filter(frozenset(args.camera) if args.camera else None, start=args.since)
    with reading(index) as connection:
        records = list(islice(all_records(connection, wanted), max(0, args.limit)))
    if args.json:
        write_json([record.shown() for record in records])
        return OK
    if not records:
        say("Nothing is recorded.")
    for record in records:
        start = datetime.fromtimestamp(record.start / 1000).astimezone().isoformat(" ", "seconds")[:19]
        length = f"{record.duration / 1000:.1f} s"
        write(
            f"{record.id:>7}  {record.camera:<12} {start}  {length:>9} {record.size:>12}  {record.kind:<10} "
            f"{record.state:<9} {record.filename}  {record.reason}".rstrip()
        )
    return OK


def _verify(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..record.check import reading, verify

    index, root, _ = _places(args, environ)
    with reading(index) as connection:
        faults = list(verify(connection, root, args.quick))
        (count,) = connection.execute("SELECT count(*) FROM records").fetchone()
    if args.json:
        write_json({"records": count, "faults": [{"file": file, "fault": fault} for file, fault in faults]})
    else:
        for file, fault in faults:
            write(f"{file} {fault}")
        say(f"{count} records, {len(faults)} faults")
    return FAILED if faults else OK


def _repair(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..backup.in_use import alone

    path, root, config = _places(args, environ)
    if not config.data_dir.is_dir():
        raise Gone(f"{config.data_dir} is not there: nothing was recorded yet")
    if not root.is_dir():
        raise Gone(f"{root} is not there: is the disk mounted?")
    with alone(config.data_dir):  # two that repair and delete would do so to each other's files
        report = _repaired(path, root)
    say(
        f"{report.cut} cut, {report.adopted} taken up, {report.defect} defect, {report.missing} missing, "
        f"{report.removed} removed, {report.foreign} are none of camd's"
    )
    return OK


def _repaired(path: Path, root: Path) -> Report:
    from ..record.index import Index
    from ..record.repair import Repair

    nothing: Any = None  # neither threads nor a reactor: everything is done here and now
    index = Index(path, nothing, nothing)
    index.open_now()
    try:
        repair = Repair(index, root, round(time.time() * 1000))
        report = repair.run()
        if report.refused:
            raise CamdError(report.refused)
        repair.adopt_all()
        return report
    finally:
        index.close_now()


def _export(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..record.check import reading
    from ..record.playback import Playback
    from ..record.queries import in_range

    index, root, _ = _places(args, environ)
    with reading(index) as connection:
        records = in_range(connection, args.camera, args.start, args.end)
    if not records:
        raise Gone(f"nothing is recorded of {args.camera} in this time")
    playback = Playback([(root / record.filename, record) for record in records], args.start, args.end)
    part = args.output.with_name(args.output.name + ".part")
    try:
        with part.open("wb") as file:
            while piece := playback.read(_PIECE):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        part.replace(args.output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CamdError(f"{args.output}: {error.strerror}") from None
    finally:
        playback.close()
    say(f"{args.output} has {args.output.stat().st_size} bytes")
    return OK


def _check(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..record.check import damages

    config = load_config(args, environ)
    found = {
        name: damages(path) for name in ("camd.db", "index.db") if (path := config.data_dir / name).exists()
    }
    if args.json:
        write_json(found)
    else:
        for name, faults in found.items():
            write(f"{name}: {'; '.join(faults) or 'ok'}")
        if not found:
            say(f"There is no database in {config.data_dir}.")
    return FAILED if any(found.values()) else OK
