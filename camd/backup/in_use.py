"""Who uses a data directory: one at a time. A daemon holds its lock as long as it lives; a command that changes
what only one may change holds it meanwhile."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Conflict

LOCK = "camd.lock"


def hold(data_dir: Path) -> None:
    """This process alone uses it from now until its end, whatever that is. Raises Conflict while another does."""
    _lock(data_dir)


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Nobody else uses it meanwhile. Raises Conflict while a daemon does."""
    descriptor = _lock(data_dir)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(data_dir: Path) -> int | None:
    """The lock is that of the descriptor (flock(2)). Some network file systems have none: then nobody is kept from
    anything, and this is None."""
    try:
        descriptor = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise Conflict(f"camd runs on {data_dir}: stop it first, or ask it over its API") from None
        return None
    return descriptor
