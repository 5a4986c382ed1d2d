"""Part: a file that is being written, beside the place where it will lie."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from ..errors import StorageFull
from .trouble import trouble

#: What an upload leaves free if nobody says otherwise: the smaller of these (bytes, part of the disk). Recordings
#: and the system need some, too.
RESERVE, RESERVE_PART = 10**9, 0.05
_MOST_PIECES = 512  # of one writev


class Part:
    """Blocks, so for the `io` pool; one call at a time. file: its descriptor; folder: that of where it lies; size:
    bytes so far; reserve: see `check_space`."""

    def __init__(self, file: int, folder: int, name: str, reserve: int = 0):
        self.file = file
        self.folder = folder
        self.name = name
        self.reserve = reserve
        self.size = 0
        self._is_open = True

    def write(self, pieces: Sequence[bytes]) -> int:
        """Append, and return the size. Raises StorageFull, also when the disk gets fuller than it may."""
        check_space(os.fstatvfs(self.file), 0, self.reserve)
        try:
            for first in range(0, len(pieces), _MOST_PIECES):
                self._write_all(pieces[first : first + _MOST_PIECES])
        except OSError as error:
            raise trouble(error) from error
        return self.size

    def _write_all(self, pieces: Sequence[bytes]) -> None:
        wanted = sum(map(len, pieces))
        written = os.writev(self.file, pieces)
        self.size += written
        if written < wanted:  # seldom: a disk that has just become full, where the rest tells so
            rest = b"".join(pieces)[written:]
            while rest:
                written = os.write(self.file, rest)
                self.size += written
                rest = rest[written:]

    def sync(self) -> None:
        """Have it on the disk."""
        os.fsync(self.file)

    def close(self) -> None:
        """It has its name."""
        if self._is_open:
            self._is_open = False
            os.close(self.file)
            os.close(self.folder)

    def abandon(self) -> None:
        """Delete it."""
        if self._is_open:
            with suppress(OSError):
                os.unlink(self.name, dir_fd=self.folder)
            self.close()


def check_space(found: os.statvfs_result, wanted: int, reserve: int) -> None:
    """Raises StorageFull if so many more bytes would leave less than the reserve; 0: the usual one."""
    free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    if free - wanted < (reserve or min(RESERVE, total * RESERVE_PART)):
        raise StorageFull("There is not enough room on the disk for this file")
