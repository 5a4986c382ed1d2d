"""What belongs into a backup, taken from a data directory and checked before it goes into one. All blocks."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from ..auth.certificate_files import CERTIFICATE, KEY
from ..auth.database import Database, DatabaseError
from ..config import Config
from ..errors import CamdError, Invalid
from ..record.check import reading
from ..wire.strictjson import loads
from .archive import LARGEST
from .marks import parse_marks, read_marks

CONFIG, STATE, USERS, MARKS, SECRET_KEY = "config.toml", "state.json", "camd.db", "index.json", "secret.key"
#: Good for nothing without a passphrase: whoever has these has everything.
SECRETS = (SECRET_KEY, f"tls/{CERTIFICATE}", f"tls/{KEY}")
NAMES = (CONFIG, STATE, USERS, MARKS, *SECRETS)
_KEY_SIZE = 32


def gather(data_dir: Path, with_secrets: bool) -> dict[str, bytes]:
    """Name -> content of what is there, whether camd runs or not. Raises CamdError."""
    files: dict[str, bytes] = {}
    for name in (CONFIG, STATE, *(SECRETS if with_secrets else ())):
        try:
            files[name] = (data_dir / name).read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CamdError(f"{data_dir / name}: cannot be read: {error.strerror or error}") from None
    if (data_dir / USERS).exists():
        files[USERS] = _copy_of_users(data_dir / USERS)
    marks = read_marks(data_dir)
    if marks is not None:
        files[MARKS] = marks
    return files


def _copy_of_users(path: Path) -> bytes:
    """The database at one moment, without who is signed in and without a setup code."""
    with reading(path) as source, closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        source.backup(copy)
        for statement in ("DELETE FROM sessions", "DELETE FROM setup_code", "VACUUM"):
            copy.execute(statement)
        return copy.serialize()


def check_names(files: Mapping[str, bytes]) -> None:
    """Raise Invalid unless each has its place: before anything is written anywhere."""
    unknown = files.keys() - set(NAMES)
    if unknown or not files:
        raise Invalid("archive", f"there is no place for {min(unknown)!r}" if unknown else "is empty")


def check(files: Mapping[str, bytes], folder: Path, read: Callable[[str], Config], now: int) -> None:
    """Raise CamdError unless camd could start with these. folder: where they have been written to, for the
    database brings itself up to date there; read(text): the configuration with this run-time store."""
    try:
        read(files.get(CONFIG, b"").decode())
    except UnicodeDecodeError:
        raise Invalid(CONFIG, "is not UTF-8 text") from None
    if STATE in files and not isinstance(loads(files[STATE], LARGEST), dict):
        raise Invalid(STATE, "is no JSON object")
    if MARKS in files:
        parse_marks(files[MARKS])
    if len(files.get(SECRET_KEY, bytes(_KEY_SIZE))) != _KEY_SIZE:
        raise Invalid(SECRET_KEY, f"has not {_KEY_SIZE} bytes")
    if len({name for name in SECRETS[1:] if name in files}) == 1:
        raise Invalid("tls", "certificate and key belong together")
    if USERS in files:
        _check_users(folder / USERS, now)


def _check_users(path: Path, now: int) -> None:
    database = Database(path)
    database.open(now)
    try:
        with database.reading() as connection:
            (told,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            connection.execute("SELECT name, role, enabled FROM users").fetchall()
        if told != "ok":
            raise DatabaseError(f"{USERS}: is damaged: {told}")
    finally:
        database.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
