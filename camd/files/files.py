"""Files: the face of it all: what the edges ask, and what everybody hears of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..config import Config
from ..errors import Conflict, StorageFull, TooLarge, Unmet
from ..state.permission import Permission
from ..state.spec import Spec
from ..state.state import State
from .archive import select
from .folder import Folder, Removed
from .listing import Listing, list_folder
from .name import Name
from .part import Part, check_space


class Files:
    """The files of the users. Reactor thread only.

    io(f, *args): see `Threads.io`. most: bytes of one file; quota: bytes of all, 0 for as many as the disk holds.
    used, count: of what is there.
    """

    log = Logger()

    def __init__(self, state: State, io: Callable[..., Deferred[Any]], config: Config):
        self.tree = Folder(config.data_dir / "files")
        self.configure(config)
        self.used = 0
        self.count = 0
        self._coming = 0  # bytes of files on their way
        self.io = io
        read = Permission.Storage_r
        self._count = state.declare(Spec("files/count", int, 0, read=read, doc="How many files there are."))
        self._used = state.declare(Spec("files/used", int, 0, unit="B", read=read, doc="What they take together."))
        self._last = state.declare(
            Spec("files/last", dict, None, read=read,
                 doc='What changed last: {"change": "added", "replaced" or "removed", "path"}.')
        )

    def configure(self, config: Config) -> None:
        """Take what the configuration says about room."""
        self.most, self.quota, self.reserve = config.limits.max_upload, config.limits.files, config.storage.reserve

    async def start(self) -> None:
        """Make the folder, delete what was being written when camd ended, and count what is there. A disk that
        cannot be used keeps nobody from seeing the cameras."""

        def prepare() -> tuple[int, int]:
            self.tree.prepare()
            return self.tree.clean()

        try:
            self.count, self.used = await self.io(prepare)
        except OSError as error:
            self.log.error("{root} cannot be used: {error}", root=self.tree.root, error=error)
        self._publish()

    # -- looking

    async def list(
        self, folder: Name, recursive: bool = False, pattern: str = "", first: int = 0, count: int = 1000
    ) -> Listing:
        """See `list_folder`. Raises Gone."""
        return await self.io(list_folder, self.tree, folder, recursive, pattern, first, count)

    async def select(self, names: Sequence[Name]) -> list[Name]:
        """Every file in these files and folders. Raises Gone, TooLarge."""
        return await self.io(select, self.tree, names)

    # -- changing

    def claim(self, before: int, now: int) -> None:
        """A file on its way has `now` bytes, or at least as many; `before` were claimed. Give them back with 0 when
        it is there, or will not come. Raises TooLarge, StorageFull."""
        if now > self.most:
            raise TooLarge(f"A file has at most {self.most} bytes")
        more = now - before
        if more > 0 and self.quota and self.used + self._coming + more > self.quota:
            raise StorageFull(f"The files would take more than {self.quota} bytes together")
        self._coming += more

    async def begin(self, folder: Name, length: int, target: Name, demands: Demands) -> Part:
        """A new file, of at least `length` bytes; `finish` it or `abandon` the part. target: where it will lie, () if
        that is not known yet. Raises Conflict, Unmet, StorageFull."""

        def prepare() -> Part:
            if target:
                demands.check(self.tree.stat(target))
            self.tree.prepare()
            check_space(os.statvfs(self.tree.root), length, self.reserve)
            return self.tree.begin(folder, self.reserve)

        return await self.io(prepare)

    async def finish(self, part: Part, target: Name, demands: Demands) -> bool:
        """Give it its name: whether something was replaced. Raises Conflict, Unmet, StorageFull."""

        freed: int | None = await self.io(self.tree.commit, part, target, demands.overwrite, demands.check)
        replaced = freed is not None
        self.count += not replaced
        self.used += part.size - (freed or 0)
        self._publish("replaced" if replaced else "added", target)
        return replaced

    async def remove(self, name: Name, recursive: bool = False, demands: Demands | None = None) -> None:
        """Delete a file, or a folder with all that is in it. Raises Gone, Conflict, Invalid, Unmet."""
        gone = Removed()
        try:
            await self.io(self.tree.remove, name, recursive, gone, (demands or Demands(True)).check)
        finally:
            self.count, self.used = max(0, self.count - gone.count), max(0, self.used - gone.size)
            self._publish()
        self._publish("removed", name)

    def _publish(self, change: str = "", name: Name = ()) -> None:
        self._count.publish(self.count)
        self._used.publish(self.used)
        if change:
            self._last.publish({"change": change, "path": "/" + "/".join(name)})


class Demands:
    """What must be so for a file to be written or deleted. overwrite: there may be one already. holds(found): for
    conditions of HTTP, whether what is there (None: nothing) is what the asker thinks."""

    def __init__(self, overwrite: bool, holds: Callable[[os.stat_result | None], bool] = lambda found: True):
        self.overwrite = overwrite
        self._holds = holds

    def check(self, found: os.stat_result | None) -> None:
        """Raises Conflict, Unmet."""
        if not self._holds(found):
            raise Unmet("The file is not what it was thought to be")
        if found is not None and not self.overwrite:
            raise Conflict("There is a file of this name; with overwrite=true it is replaced")
