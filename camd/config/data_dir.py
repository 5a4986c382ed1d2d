"""The data directory: where it is, and that nobody else can write in it."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path

from ..errors import ConfigError, Problem
from .model import BUILT_IN, Config

SYSTEM_DATA_DIR = Path("/var/lib/camd")


def default_data_dir(environ: Mapping[str, str]) -> tuple[Path, str]:
    """/var/lib/camd if it is there and ours, else camd's folder among the user's data (XDG)."""
    try:
        if SYSTEM_DATA_DIR.stat().st_uid == os.geteuid():
            return SYSTEM_DATA_DIR, BUILT_IN
    except OSError:
        pass  # not there, or out of reach: the user's own then
    xdg = environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(xdg):
        return Path(xdg, "camd"), "XDG_DATA_HOME"
    home = environ.get("HOME") or os.path.expanduser("~")
    return Path(home, ".local", "share", "camd").absolute(), BUILT_IN


def prepare_data_dir(config: Config) -> Path:
    """Make the data directory if it is missing (mode 0700) and return it; ConfigError if it is not safe to use.

    An empty directory is made private; one that holds something keeps its mode, for it may not be ours alone.
    """
    path = config.data_dir
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        problem = _unsafe(config, found)
        if problem is None and not any(path.iterdir()):
            path.chmod(0o700)
    except OSError as error:
        text = f"{path}: cannot be used: {error.strerror}"
        problem = Problem(config.data_dir_origin, "data_dir", text, "name another with --data-dir")
    if problem is not None:
        raise ConfigError([problem])
    return path


def _unsafe(config: Config, found: os.stat_result) -> Problem | None:
    path, me = config.data_dir, os.geteuid()
    if found.st_uid != me:
        text, hint = (
            f"{path} belongs to {_user(found.st_uid)}, but camd runs as {_user(me)}",
            f"run camd as {_user(found.st_uid)}, or name another with --data-dir",
        )
    elif stat.S_IMODE(found.st_mode) & stat.S_IWOTH:
        text, hint = f"{path} can be written by everybody", f"chmod 700 {path}"
    else:
        return None
    return Problem(config.data_dir_origin, "data_dir", text, hint)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
