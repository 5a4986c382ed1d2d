"""Backups: the same for a camd that runs: what changes below it is prepared now and done at the next
start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from twisted.logger import Logger

from ..config.change import Read
from .backup import make_backup, prepare_reset, prepare_restore

if TYPE_CHECKING:
    from ..app import App

#: The answer is on its way before camd ends (seconds).
LAST_WORDS = 1.0


class Backups:
    """Reactor thread only. read: see App."""

    log = Logger()

    def __init__(self, app: App, read: Read):
        self._app = app
        self._read = read

    async def make(self, passphrase: str = "") -> bytes:
        """The archive, encrypted and with the secrets if there is a passphrase. Raises CamdError."""
        app = self._app
        return await app.threads.io(make_backup, app.config.data_dir, time.time(), passphrase)

    async def restore(self, archive: bytes, passphrase: str = "") -> list[str]:
        """Check an archive, prepare it, and start camd again; returns the names of what it brings. Raises
        CamdError, and then nothing has changed."""
        app = self._app
        files = await app.threads.io(
            prepare_restore, app.config.data_dir, archive, self._read, time.time(), passphrase
        )
        self._start_again("a backup is restored")
        return files

    async def reset(self) -> None:
        """Forget everything but the categories of tags, and start again. Raises CamdError."""
        app = self._app
        await app.threads.io(prepare_reset, app.config.data_dir, app.config.storage.path)
        self._start_again("camd is made as new")

    def _start_again(self, reason: str) -> None:
        self.log.warn("{reason} at the next start; camd ends for it", reason=reason)
        self._app.reactor.callLater(LAST_WORDS, self._app.on_restart)
