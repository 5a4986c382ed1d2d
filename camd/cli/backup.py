"""`camd backup`, `camd restore` and `camd factory-reset`."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from ..config import Config, load, prepare_data_dir
from ..errors import CamdError
from . import audit
from .configuration import load_config
from .output import OK, say
from .verbs import PLACE, Verbs


def add_verbs(verbs: Verbs) -> None:
    backup = verbs.add(
        "backup", _backup, "Write configuration, settings, users and tags into one file.", PLACE
    )
    backup.add_argument(
        "--secrets",
        action="store_true",
        help="ask for a passphrase: the secrets are in it, and all of it is encrypted",
    )
    restore = verbs.add("restore", _restore, "Put a backup back; camd must not run.", PLACE)
    for parser, text in ((backup, "the file to write"), (restore, "the backup")):
        parser.add_argument("file", metavar="FILE", type=Path, help=text)
        parser.add_argument(
            "--passphrase-file", metavar="FILE", help="read the passphrase there, - for standard input"
        )
    reset = verbs.add(
        "factory-reset", _reset, "Delete users, settings, recordings and files; camd must not run.", PLACE
    )
    reset.add_argument("--yes", action="store_true", help="do it; without this it is only said what would go")


def _backup(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..backup.backup import make_backup

    config = load_config(args, environ)
    passphrase = _passphrase(args, twice=True) if args.secrets or args.passphrase_file else ""
    archive = make_backup(prepare_data_dir(config), time.time(), passphrase)
    try:
        _write(args.file, archive)
    except OSError as error:
        raise CamdError(f"{args.file}: cannot be written: {error.strerror}") from None
    audit.record(config.data_dir, "backup", encrypted=bool(passphrase))
    say(
        f"{args.file}: {len(archive)} bytes, "
        + ("encrypted" if passphrase else "without secrets (with --secrets they are in it, encrypted)")
    )
    return OK


def _restore(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..backup.archive import is_encrypted
    from ..backup.backup import prepare_restore
    from ..backup.in_use import alone
    from ..backup.pending import carry_out

    def read(text: str) -> Config:
        return load(args.config, environ=environ, options={"data-dir": args.data_dir}, store=text)

    try:
        archive = args.file.read_bytes()
    except OSError as error:
        raise CamdError(f"{args.file}: cannot be read: {error.strerror}") from None
    passphrase = _passphrase(args) if is_encrypted(archive) else ""
    data_dir = prepare_data_dir(read(""))  # a store that is wrong is a reason to restore
    with alone(data_dir):
        files = prepare_restore(data_dir, archive, read, time.time(), passphrase)
        carry_out(data_dir, int(time.time() * 1000))
        audit.record(data_dir, "restore", files=", ".join(files))
    say(f"{data_dir}: restored {', '.join(files)}")
    return OK


def _reset(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..backup.backup import prepare_reset
    from ..backup.in_use import alone
    from ..backup.pending import carry_out

    config = load(args.config, environ=environ, options={"data-dir": args.data_dir}, store="")
    data_dir = prepare_data_dir(config)
    if not args.yes:
        raise CamdError(
            f"users, settings, recordings and files in {data_dir} would be deleted, and the categories of "
            "tags kept; say --yes to do it"
        )
    stored = _place_of_recordings(args, environ)
    with alone(data_dir):
        prepare_reset(data_dir, stored)
        carry_out(data_dir, int(time.time() * 1000))
    say(f"{data_dir}: as new; the configuration file stays as it is")
    return OK


def _place_of_recordings(args: argparse.Namespace, environ: Mapping[str, str]) -> Path | None:
    """Where recordings are kept if not in the data directory; None as well if the configuration is wrong."""
    try:
        return load(args.config, environ=environ, options={"data-dir": args.data_dir}).storage.path
    except CamdError:
        return None


def _write(path: Path, data: bytes) -> None:
    """The whole file or none, for nobody else to read."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _passphrase(args: argparse.Namespace, twice: bool = False) -> str:
    """The first line of the file, or what is typed."""
    if args.passphrase_file == "-":
        return sys.stdin.readline(1024).rstrip("\r\n")
    if args.passphrase_file is not None:
        try:
            with open(args.passphrase_file, encoding="utf-8") as file:
                return file.readline(1024).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CamdError(f"{args.passphrase_file}: cannot be read: {error}") from None
    if not sys.stdin.isatty():
        raise CamdError(
            "no terminal to ask for the passphrase: give --passphrase-file FILE, or - for standard input"
        )
    passphrase = getpass.getpass("Passphrase: ")
    if twice and getpass.getpass("Again: ") != passphrase:
        raise CamdError("these were two different passphrases")
    return passphrase
