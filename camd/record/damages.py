"""Damages: what was found damaged in files while they were played; said once, and counted."""

from __future__ import annotations

from threading import Lock

from twisted.logger import Logger

from .entries import Record

#: Files that were told of; beyond that the first of them may be told of again.
_REMEMBERED = 1000


class Damages:
    """Any thread. counts: files by camera, since the start."""

    log = Logger()

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._told: dict[str, None] = {}
        self._lock = Lock()

    def note(self, record: Record, reason: str) -> None:
        """Something of this file is left out of what is played."""
        with self._lock:
            if record.filename in self._told:
                return
            self._told[record.filename] = None
            if len(self._told) > _REMEMBERED:
                del self._told[next(iter(self._told))]
            self.counts[record.camera] = self.counts.get(record.camera, 0) + 1
        self.log.warn(
            "{file} is damaged, and what cannot be read of it is left out of what is played: {reason}",
            file=record.filename,
            reason=reason,
        )
