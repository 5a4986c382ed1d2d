"""HotPlug: which V4L2 cameras there are, in the State a moment after one comes or goes.

The kernel tells what happens in /dev (inotify(7)). It is looked at every second as well, since not everything
is told: containers have a /dev of their own, and there may be no inotify for us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

from ...media.calls import Calls
from ...state.permission import Permission
from ...state.spec import Spec, Value
from ...state.state import State
from .device import KERNEL, Kernel
from .nodes import Node, camera_of, nodes, stamps

if TYPE_CHECKING:
    from twisted.internet.inotify import INotify

    from ...media.camera import Camera

#: How often the nodes are looked at (seconds).
OFTEN = 1.0
#: After the kernel has told of something: udev and the driver are not done at once (seconds).
SOON = 0.1
FOLDER = "/dev"
_MASK = 0x04 | 0x40 | 0x80 | 0x100 | 0x200  # linux/inotify.h: ATTRIB, MOVED_FROM, MOVED_TO, CREATE, DELETE

#: For those who may add cameras: it names all of them, also to somebody who is limited to some.
DEVICES = Spec(
    "system/devices", list, default=[], read=Permission.System_rw,
    doc="Cameras that are plugged in: id, name, address for `source`, node, modes or an error, and the id of the"
    " camera of ours that it is.",
)  # fmt: skip


class HotPlug:
    """Watches the nodes, publishes `system/devices`. Reactor thread only; everything that blocks runs in a pool.

    cameras: the configured ones; those of V4L2 that do not stream look at their devices at once when nodes came,
    went or were exchanged. run(f, *args): runs f elsewhere, a Deferred.
    """

    log = Logger()

    def __init__(
        self,
        state: State,
        cameras: Mapping[str, Camera],
        reactor: Any,
        run: Callable[..., Deferred[Any]],
        kernel: Kernel = KERNEL,
    ):
        self.calls = Calls(run, reactor, "looking for cameras")
        self._devices = state.declare(DEVICES)
        self._cameras = cameras
        self._reactor = reactor
        self._kernel = kernel
        self._inotify: INotify | None = None
        self._call: Any = None
        self._looking = self._running = False
        self._stirred = False
        self._seen: list[tuple] | None = None
        self._nodes: list[Node] = []

    @property
    def is_told(self) -> bool:
        """Whether the kernel tells of changes."""
        return self._inotify is not None

    def start(self) -> None:
        """Look from now on."""
        self._running = True
        try:
            self._inotify = self._listen()
        except (ImportError, OSError) as error:
            self.log.debug("{folder} is looked at only: {error}", folder=FOLDER, error=error)
        self._look()

    def stop(self) -> None:
        self._running = False
        if self._call is not None and self._call.active():
            self._call.cancel()
        if self._inotify is not None:
            self._inotify.loseConnection()
            self._inotify = None

    def _listen(self) -> INotify:
        # Its import looks for the C library by running programs (10 ms); without one there is none.
        from twisted.internet.inotify import INotify, INotifyError

        try:
            listener = INotify(self._reactor)
        except INotifyError as error:
            raise OSError(str(error)) from None
        try:
            listener.watch(FilePath(FOLDER), _MASK, callbacks=[self._stir])
        except INotifyError as error:
            listener.loseConnection()
            raise OSError(str(error)) from None
        listener.startReading()
        return listener

    def _stir(self, watch: Any, path: FilePath[bytes], mask: int) -> None:
        """Something happened in /dev; only video nodes matter."""
        if path.basename().startswith(b"video"):
            self._stirred = True
            self._look_in(SOON)

    def _look_in(self, delay: float) -> None:
        """Look then, or before if that is due anyway."""
        if self._looking or not self._running:
            return
        if self._call is not None and self._call.active():
            if self._call.getTime() <= self._reactor.seconds() + delay:
                return
            self._call.cancel()
        self._call = self._reactor.callLater(delay, self._look)

    def _look(self) -> None:
        self._looking = True
        # After a stir the nodes are asked anew: another camera may have got the very same node.
        seen, self._stirred = None if self._stirred else self._seen, False
        self.calls(look, seen, self._addresses(), self._nodes, self._kernel).addBoth(self._looked)

    def _addresses(self) -> dict[str, str]:
        """Of the cameras that are V4L2's, by their ids."""
        sources = {id: camera.config.source.partition(":") for id, camera in self._cameras.items()}
        return {id: address for id, (scheme, _, address) in sources.items() if scheme == "v4l2"}

    def _looked(self, found: Any) -> None:
        self._looking = False
        if not self._running:
            return
        if isinstance(found, Failure):
            self.log.warn("cannot look for cameras: {error}", error=found.value)
        else:
            seen, known, listing = found
            first, is_news = self._seen is None, (seen, known) != (self._seen, self._nodes)
            self._seen, self._nodes = seen, known
            self._devices.publish(listing)
            if is_news and not first:
                self.log.info("cameras: {devices}", devices=", ".join(one["name"] for one in listing) or "none")
                for id in self._addresses():
                    self._cameras[id].look()
        self._look_in(SOON if self._stirred else OFTEN)


def look(
    seen: list[tuple] | None, addresses: Mapping[str, str], known: list[Node], kernel: Kernel
) -> tuple[list[tuple], list[Node], list[Value]]:
    """The stamps of the nodes, the nodes, and the list for clients. The devices themselves are asked only if
    their stamps are not those `seen` before, or one of them could not answer; otherwise they are as `known`.
    Blocks; raises nothing."""
    now = stamps(kernel)
    if now != seen or any(node.error for node in known):
        known = nodes(kernel)
    return now, known, listed(known, addresses, kernel)


def listed(cameras: Iterable[Node], addresses: Mapping[str, str], kernel: Kernel = KERNEL) -> list[Value]:
    """The nodes as clients see them; `camera`: whose address means this node, "" for nobody's."""
    cameras = list(cameras)
    used: dict[str, str] = {}
    for camera, address in addresses.items():
        node = camera_of(address, cameras)
        path = kernel.realpath(address) if address.startswith("/") else node.path if node is not None else ""
        used.setdefault(path, camera)
    listing: list[Value] = []
    for node in cameras:
        entry: dict[str, Any] = {
            "id": node.id, "name": node.name, "address": f"v4l2:{node.id}", "node": node.path,
            "camera": used.get(node.path, ""),
        }  # fmt: skip
        if node.error:
            entry["error"] = node.error
        else:
            entry["modes"] = [
                {"codec": mode.codec, "width": mode.width, "height": mode.height, "rates": list(mode.rates)}
                for mode in node.modes
            ]
        listing.append(entry)
    return listing
