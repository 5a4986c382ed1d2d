"""Pending: a change of the whole data directory, laid down beside it and then put in its place.

`pending/` appears with everything in it and its plan, or not at all. From then on each start carries it out
from the beginning until it is through: every step of it may be taken twice. So a power cut leaves the old or
the new, and what lies between is finished before anybody looks. All of this blocks.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import CamdError
from ..record.thumbnails import FOLDER
from ..wire.strictjson import loads
from .content import MARKS
from .marks import recorded_files, write_marks

PENDING = "pending"
_PLAN = "plan.json"
_LARGEST_PLAN = 1 << 20


def lay_down(
    data_dir: Path,
    event: str,
    put: Mapping[str, bytes],
    remove: Iterable[str],
    recordings: Path | None = None,
    check: Callable[[Path], None] = lambda folder: None,
) -> None:
    """Prepare a change. event: what it is called; put: new files; remove: files and folders that go;
    recordings: a place from which all that the index knows goes; check(folder): refuses the files as they lie
    there, by raising. Raises CamdError, and then nothing is prepared."""
    part = data_dir / f".{PENDING}-{secrets.token_hex(8)}"
    try:
        part.mkdir(0o700)
        for name, data in put.items():
            _write(part / name, data)
        check(part)
        plan = {
            "event": event,
            "put": sorted(put.keys() - {MARKS}),
            "marks": MARKS in put,
            "remove": sorted(remove),
            "recordings": None if recordings is None else str(recordings),
        }
        _write(part / _PLAN, json.dumps(plan).encode())
        drop(data_dir)
        part.rename(data_dir / PENDING)
        _sync(data_dir)
    except OSError as error:
        raise CamdError(f"{data_dir}: cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def drop(data_dir: Path) -> None:
    """Forget what was prepared. Raises OSError."""
    with suppress(FileNotFoundError):
        gone = data_dir / f".{PENDING}-{secrets.token_hex(8)}"
        (data_dir / PENDING).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def carry_out(data_dir: Path, now: int) -> str:
    """Do what is prepared, for a data directory that nobody uses; returns the event, "" without one. now:
    Unix milliseconds. Raises CamdError; the next try goes on from there."""
    folder = data_dir / PENDING
    try:
        plan = loads((folder / _PLAN).read_bytes(), _LARGEST_PLAN)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise CamdError(f"{folder}: cannot be read: {error.strerror or error}") from None
    try:
        if plan["recordings"] is not None:
            _delete_recordings(data_dir, Path(plan["recordings"]))
        for name in plan["remove"]:
            _remove(data_dir / name)
        for name in plan["put"]:
            (data_dir / name).parent.mkdir(0o700, exist_ok=True)
            with suppress(FileNotFoundError):  # it was put there before the power went
                os.replace(folder / name, data_dir / name)
        if plan["marks"]:
            write_marks(data_dir, (folder / MARKS).read_bytes(), now)
        _sync(data_dir)
        drop(data_dir)
    except OSError as error:
        raise CamdError(
            f"{error.filename or data_dir}: {plan['event']} cannot be carried out: {error.strerror}; it is "
            f"tried again at each start, and never if {folder} is removed"
        ) from None
    return str(plan["event"])


def _delete_recordings(data_dir: Path, root: Path) -> None:
    """What the index knows, and its small pictures; no other file: the place may be a disk that others use, too."""
    shutil.rmtree(root / FOLDER, ignore_errors=True)
    for name in recorded_files(data_dir):
        path = root / name
        if ".." not in path.parts:
            with suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()


def _remove(path: Path) -> None:
    """A link goes, and not what it leads to; of a disk that is mounted there what is on it."""
    if path.is_mount():
        for below in path.iterdir():
            _remove(below)
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(0o700, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
