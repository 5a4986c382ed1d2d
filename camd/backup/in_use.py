"""Whether a daemon uses a data directory: a lock that it holds as long as it lives, and that commands ask
for."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import Conflict

LOCK = "camd.lock"


def hold(data_dir: Path) -> None:
    """This process uses it from now until its end, whatever that is (flock(2))."""
    with suppress(OSError):  # some network file systems have no locks; then nobody is kept from anything
        descriptor = _open(data_dir)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Nobody else uses it meanwhile. Raises Conflict while a daemon does."""
    descriptor = -1
    try:
        with suppress(OSError):
            descriptor = _open(data_dir)
        try:
            if descriptor >= 0:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"camd runs on {data_dir}: stop it first, or ask it over its API") from None
        except OSError:
            pass  # no locks here
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _open(data_dir: Path) -> int:
    return os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
