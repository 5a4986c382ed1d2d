"""FileWatch: tells when files were changed or exchanged, as soon as they have come to rest.

The kernel tells what happens in their directories (inotify(7)); whether the files are others is decided by
looking at them, so links, exchanged directories and whatever else happens there need no rules. Where inotify
is not to be had, or the directory is not there yet, the files are looked at often instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

if TYPE_CHECKING:
    from twisted.internet.inotify import INotify

#: For so long the files must stay as they are before they are believed (seconds).
QUIET = 0.2
#: How often the files are looked at without inotify, and with it, for changes behind links (seconds).
OFTEN, SELDOM = 0.5, 60.0
#: A writer that holds a file open is not waited for longer than that (seconds).
PATIENCE = 10.0
# linux/inotify.h
_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x02, 0x04, 0x08, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_WRITTEN = _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _DELETE
_MASK = _WRITTEN | _MODIFY | _ATTRIB | _CREATE | _DELETE_SELF | _MOVE_SELF


class FileWatch:
    """Watches one set of files. Reactor thread only; `look`, which blocks, runs in a pool.

    look(): returns something that differs whenever the files do. in_pool(function): runs it elsewhere, a
    Deferred. changed(): is called once after each change, and once for the files as they are at the start.
    """

    log = Logger()

    def __init__(self, reactor: Any, in_pool: Callable[..., Deferred[Any]], changed: Callable[[], None]):
        self._reactor = reactor
        self._in_pool = in_pool
        self._changed = changed
        self._paths: tuple[Path, ...] = ()
        self._look: Callable[[], Any] = lambda: None
        self._told: Any = None
        self._seen: Any = None
        self._looking = self._stirred = False
        self._call: IDelayedCall | None = None
        self._inotify: INotify | None = None
        #: Names of files that somebody is writing to -> until when that is waited for.
        self._writers: dict[str, float] = {}

    @property
    def is_told(self) -> bool:
        """Whether the kernel tells of changes; else the files are looked at often."""
        return self._inotify is not None

    def start(self, paths: Iterable[Path], look: Callable[[], Any]) -> None:
        """Watch these files from now on, instead of those before."""
        self.stop()
        self._paths, self._look = tuple(paths), look
        self._told = self._seen = None
        self._listen()
        self._look_in(0)

    def stop(self) -> None:
        self._paths = ()
        if self._call is not None and self._call.active():
            self._call.cancel()
        if self._inotify is not None:
            self._inotify.loseConnection()
        self._inotify = None
        self._writers.clear()

    # -- being told

    def _listen(self) -> None:
        try:
            self._inotify = self._open()
        except (ImportError, OSError) as error:
            self.log.debug("files are looked at often: {error}", error=error)

    def _open(self) -> INotify:
        # Its import looks for the C library by running programs (10 ms); without one there is none.
        from twisted.internet.inotify import INotify, INotifyError

        try:
            listener = INotify(self._reactor)
        except INotifyError as error:  # this user has no more of them
            raise OSError(str(error)) from None
        try:
            for directory in {path.parent for path in self._paths}:
                listener.watch(FilePath(str(directory)), _MASK, callbacks=[self._stir])
        except INotifyError as error:  # not there, or no more watches
            listener.loseConnection()
            raise OSError(str(error)) from None
        listener.startReading()
        return listener

    def _stir(self, watch: Any, path: FilePath[bytes], mask: int) -> None:
        """Something happened in one of the directories."""
        if self._inotify is None:
            return
        if mask & _DELETE_SELF:
            self._inotify = None  # it ends by itself now
        elif mask & _MOVE_SELF:
            self._reactor.callLater(0, self._inotify.loseConnection)
            self._inotify = None
        name = os.fsdecode(path.basename())
        if mask & _WRITTEN:
            self._writers.pop(name, None)
        elif mask & _MODIFY and any(name == watched.name for watched in self._paths):
            self._writers.setdefault(name, self._reactor.seconds() + PATIENCE)
        self._stirred = True
        self._look_in(QUIET)

    def _is_being_written(self) -> bool:
        now = self._reactor.seconds()
        return any(until > now for until in self._writers.values())

    # -- looking

    def _look_in(self, delay: float) -> None:
        """Look then, or before if that is due anyway."""
        if self._looking:
            return
        if self._call is not None and self._call.active():
            if self._call.getTime() <= self._reactor.seconds() + delay:
                return
            self._call.cancel()
        self._call = self._reactor.callLater(delay, self._look_now)

    def _look_now(self) -> None:
        self._looking, self._stirred = True, False
        look = self._look
        self._in_pool(look).addBoth(self._looked, look)

    def _looked(self, found: Any, look: Callable[[], Any]) -> None:
        self._looking = False
        if not self._paths:
            return
        if look is not self._look:  # other files meanwhile
            self._look_in(0)
            return
        if isinstance(found, Failure):
            self.log.failure("the files cannot be looked at", found)
            found = self._told
        if self._inotify is None:
            self._writers.clear()
            self._listen()
            self._stirred = self._stirred or self.is_told  # for what happened in between
        settled = found == self._told
        if not settled and found == self._seen and not self._is_being_written():
            self._told, settled = found, True
            self._changed()
        self._seen = found
        if not settled or self._stirred:
            self._look_in(QUIET)
        else:
            self._look_in(SELDOM if self.is_told else OFTEN)
