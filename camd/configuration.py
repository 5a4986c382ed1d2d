"""Configuration: what camd is told, as it lives: watched, changed at run time, brought into force."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import DeferredLock, ensureDeferred
from twisted.logger import Logger

from .auth.file_watch import FileWatch
from .config import CameraConfig, Config, Effect, changes
from .config.change import Change, Read, write_change
from .config.layers import choose_file, more_files
from .config.store import Edits, RuntimeStore
from .errors import CamdError, ConfigError, Conflict
from .listeners import SCHEMES

if TYPE_CHECKING:
    from .app import App


class Configuration:
    """Reactor thread only; files are read and written in the io pool, one change after the other.

    read(text): the configuration as it is now, or as it would be with this text in the run-time store; found():
    the camera that camd uses while none is configured. Both block. configured: as it was read last; what of
    it is not in force yet waits for a restart, see `waiting`. `app.config` is what is in force.
    """

    log = Logger()

    def __init__(self, app: App, read: Read, found: Callable[[], CameraConfig]):
        self.configured = app.config
        self._app = app
        self._read = read
        self._found = found
        self._store = RuntimeStore(app.config.data_dir)
        self._one = DeferredLock()
        self._watch = FileWatch(app.reactor, app.threads.io, self._changed)
        self._watched: tuple[Path, ...] = ()

    def start(self) -> None:
        """Watch the files from now on."""
        self._watched = self._paths()
        self._watch.start(self._watched, self._stamp)

    def stop(self) -> None:
        self._watch.stop()

    @property
    def waiting(self) -> list[str]:
        """The keys whose values count from the next start on, by dotted name."""
        return sorted(changes(self._app.config, self.configured))

    def was_changed(self, name: str) -> bool:
        """Whether this key, by dotted name, has its value from the run-time store."""
        return self.configured.origins.get(name, "").startswith(str(self._store.path))

    async def reload(self) -> None:
        """Take what the files say now. Raises ConfigError, and then the old configuration goes on."""
        await self._locked(self._reload, True)

    async def change(self, edits: Edits, by: str, address: str, event: str, **fields: Any) -> dict[str, Effect]:
        """Write a change to the run-time store and bring it into force; returns what that changed, by dotted
        key. by, address, event, fields: for the audit log, where the keys are added.

        All or nothing: raises ConfigError or another CamdError with the reasons, and then nothing was changed.
        """
        change, effects = await self._locked(self._change, edits)
        if change.keys:
            self._app.audit.record(event, by, address, keys=", ".join(change.keys), **fields)
        return effects

    async def _locked(self, work: Callable[..., Any], *args: Any) -> Any:
        return await self._one.run(lambda: ensureDeferred(work(*args)))

    async def _reload(self, in_any_case: bool) -> None:
        config = await self._app.threads.io(self._read, None)
        effects = changes(self.configured, config)
        if not effects and not in_any_case:
            self.configured = config  # lines may have moved
            return
        problem = await self._take(config, strict=False)
        if effects:
            self.log.info("configuration taken: {keys}", keys=", ".join(sorted(effects)))
        if problem is not None:
            raise problem

    async def _change(self, edits: Edits) -> tuple[Change, dict[str, Effect]]:
        if self.configured.data_dir != self._store.path.parent:
            raise Conflict("the data directory is another one now, which counts from the next start on: restart camd")
        write = self._app.threads.io(write_change, self._store, self._read, edits, self._found)
        change: Change = await write
        effects = changes(self.configured, change.new)
        try:
            await self._take(change.new, strict=True)
        except CamdError:
            await self._app.threads.io(self._write_back, change.before)
            raise
        return change, effects

    def _write_back(self, text: str) -> None:
        with self._store.locked():
            self._store.write(text)

    async def _take(self, config: Config, strict: bool) -> CamdError | None:
        """Bring it into force as far as that goes without a restart. A port that cannot be opened is the one
        thing that can fail: strict raises that before anything is changed, else the rest is taken."""
        app, problem = self._app, None
        wanted = _in_force(app.config, config, Effect.DAEMON)
        try:
            await app.listeners.reopen(wanted)
        except CamdError as error:
            if strict:
                raise
            problem = error
            wanted = replace(wanted, **{scheme: getattr(app.config, scheme) for scheme in SCHEMES})
        self.configured = config
        await app.reload(wanted)
        return problem

    # -- files

    def _changed(self) -> None:
        ensureDeferred(self._locked(self._reload, False)).addErrback(self._not_taken)
        if self._paths() != self._watched:
            self.start()

    def _not_taken(self, failure: Any) -> None:
        for line in reasons(failure.value):
            self.log.error("configuration not taken: {problem}", problem=line)
        if not isinstance(failure.value, CamdError):
            self.log.failure("the configuration", failure)

    def _paths(self) -> tuple[Path, ...]:
        """The files that count, or would if they were there."""
        main = choose_file(self.configured.file, {})
        beside = [] if main is None else [main, *more_files(main)]
        if main is not None and (folder := main.absolute().parent / "conf.d").is_dir():
            beside.append(folder / "new.toml")  # whatever it will be called: the folder is watched
        return (*beside, self._store.path)

    def _stamp(self) -> list[tuple[Any, ...]]:
        """Another one whenever a file comes, goes or is written. Blocks."""
        return [stamp for path in self._paths() if (stamp := _stamp_of(path))]


def reasons(error: BaseException) -> list[str]:
    """Why a configuration is not taken, a line for each reason."""
    if isinstance(error, ConfigError):
        return [str(problem) for problem in error.problems]
    return [str(error)]


def _stamp_of(path: Path) -> tuple[Any, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return str(path), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _in_force(running: Config, config: Config, later: Effect) -> Config:
    """The new configuration with the running values of what only counts `later`."""
    kept: dict[str, Any] = {}
    for field in fields(config):
        value, now = getattr(config, field.name), getattr(running, field.name)
        if field.metadata.get("effect") is later:
            kept[field.name] = now
        elif "table" in field.metadata:
            inner = {
                one.name: getattr(now, one.name) for one in fields(value) if one.metadata["effect"] is later
            }
            kept[field.name] = replace(value, **inner)
    return replace(config, **kept)
