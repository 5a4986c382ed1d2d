"""Backup of one data directory: make it, put it back, and the way back to a new camd. All of this blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..auth.database import DatabaseError
from ..config import Config
from . import pending
from .archive import pack, unpack
from .content import CONFIG, MARKS, NAMES, SECRET_KEY, STATE, USERS, check, check_names, gather
from .marks import INDEX, read_marks

RESTORE, RESET = "restore", "factory reset"
_BESIDE_DATABASE = ("-wal", "-shm")
#: What a factory reset removes; what others than camd have put there stays.
_OWN = (
    CONFIG,
    STATE,
    USERS,
    INDEX,
    SECRET_KEY,
    "audit.jsonl",
    "plugins.json",
    "s3.json",
    "s3.key",
    "state.damaged",
    "tls",
    "files",
    "media",
)


def make_backup(data_dir: Path, now: float, passphrase: str = "") -> bytes:
    """The archive; with a passphrase the secrets are in it, and all of it is encrypted. now: Unix seconds.
    Raises CamdError."""
    return pack(gather(data_dir, bool(passphrase)), now, passphrase)


def prepare_restore(
    data_dir: Path, archive: bytes, read: Callable[[str], Config], now: float, passphrase: str = ""
) -> list[str]:
    """Check an archive and lay it down for `carry_out`; returns the names of what it brings. What it lacks of
    the configuration goes, secrets and tags stay as they are. Raises CamdError; then nothing has changed."""
    files = unpack(archive, passphrase)
    check_names(files)
    remove = {name for name in (CONFIG, STATE) if name not in files}
    if USERS in files:
        remove |= {USERS + suffix for suffix in _BESIDE_DATABASE}
    pending.lay_down(
        data_dir, RESTORE, files, remove, check=lambda folder: check(files, folder, read, int(now * 1000))
    )
    return sorted(files, key=NAMES.index)


def prepare_reset(data_dir: Path, recordings: Path | None) -> None:
    """Lay down for `carry_out` that camd is as new: only the categories of tags stay. recordings: the place
    of recordings if it is not camd's own. Raises CamdError; then nothing has changed."""
    try:
        marks = read_marks(data_dir, tags=False)
    except DatabaseError:  # a damaged index is a reason for a reset, and none against it
        marks = None
    wanted = (*_OWN, *(name + suffix for name in (USERS, INDEX) for suffix in _BESIDE_DATABASE))
    remove = {name for name in wanted if (data_dir / name).exists() or (data_dir / name).is_symlink()}
    for pattern in (f"{USERS}.v*", f"{INDEX}.*", "audit.jsonl.*"):
        remove |= {path.name for path in data_dir.glob(pattern)}
    media = data_dir / "media"
    place = recordings or (media if media.is_symlink() else None)
    pending.lay_down(data_dir, RESET, {} if marks is None else {MARKS: marks}, remove, place)
