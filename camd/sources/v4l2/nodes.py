"""Finding V4L2 cameras: the nodes of /dev, and which of them an address means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from ...errors import SourceError
from ...media.source import Mode
from .device import KERNEL, Device, Kernel, explain
from .modes import modes

_NODE = re.compile(r"video(\d+)")
#: Addresses of the first camera there is.
_ANY = ("", "auto")
_STAMP = ("st_mode", "st_uid", "st_gid", "st_ino", "st_rdev")


@dataclass(frozen=True, slots=True)
class Node:
    """A capture node. id: the camera's serial number if it has one of its own, else its place on the
    bus; behind it ":n" for the further nodes of one camera. ids: all that it may be called by, best
    first. error: why nothing more is known."""

    path: str
    name: str = ""
    driver: str = ""
    bus: str = ""
    id: str = ""
    modes: tuple[Mode, ...] = field(default=(), repr=False)
    error: str = ""
    ids: tuple[str, ...] = field(default=(), repr=False)


def paths(kernel: Kernel = KERNEL) -> list[str]:
    """The video nodes of /dev by number, cameras or not. Raises nothing."""
    try:
        names = kernel.listdir("/dev")
    except OSError:
        return []
    numbers = sorted(int(match[1]) for match in map(_NODE.fullmatch, names) if match)
    return [f"/dev/video{number}" for number in numbers]


def nodes(kernel: Kernel = KERNEL) -> list[Node]:
    """Every capture node, those that cannot be opened included. Raises nothing."""
    looked = filter(None, (_look(path, kernel) for path in paths(kernel)))
    found = [replace(node, ids=(*_ids(node, kernel), node.path)) for node in looked]
    # Cameras of one series may share one "serial number"; then neither is called by it.
    uses = Counter(name for node in found for name in set(node.ids))
    return [replace(node, id=next(name for name in node.ids if uses[name] == 1)) for node in found]


def stamps(kernel: Kernel = KERNEL) -> list[tuple]:
    """What differs whenever a node has come, gone, been exchanged or got other rights (udev hands a new
    node to its group a moment after it appears). One stat for each; raises nothing."""
    seen = []
    for path in paths(kernel):
        try:
            status = kernel.stat(path)
        except OSError:
            continue
        seen.append((path, *(getattr(status, name, 0) for name in _STAMP)))
    return seen


def _look(path: str, kernel: Kernel) -> Node | None:
    """The node as it describes itself; None if it is no capture node."""
    try:
        with Device.open(path, kernel) as device:
            who = device.identify()
            return Node(path, who.card, who.driver, who.bus, "", modes(device)) if who.captures else None
    except OSError as error:
        text = str(explain(error, path, "looking at the camera", kernel))
        return Node(path, _sysfs(path, "name", kernel), error=text)


def _ids(node: Node, kernel: Kernel) -> list[str]:
    """What the node may be called by, best first."""
    if node.error:
        return []
    index = _sysfs(node.path, "index", kernel)
    suffix = "" if index in ("", "0") else f":{index}"
    # `device` is a link to the USB interface; the kernel follows it before "..": the USB device.
    serial = _sysfs(node.path, "device/../serial", kernel)
    return [name + suffix for name in (serial, node.bus) if name]


def _sysfs(path: str, name: str, kernel: Kernel) -> str:
    return kernel.read_text(f"/sys/class/video4linux/{path.removeprefix('/dev/')}/{name}")


def devices(kernel: Kernel = KERNEL) -> list[dict]:
    """Every capture node as plain JSON: path, name, driver, bus, id, modes; or error instead of modes.
    Blocks for some milliseconds; raises nothing."""
    listing = []
    for node in nodes(kernel):
        entry = asdict(node)
        entry["modes"] = [{**mode, "rates": list(mode["rates"])} for mode in entry["modes"]]
        del entry["ids"]
        if not node.error:
            del entry["error"]
        listing.append(entry)
    return listing


def is_at(address: str, path: str, kernel: Kernel = KERNEL) -> bool:
    """Whether the camera with this id, in full, is still behind this node. Asks no other device, so that one that
    hangs stops only its own camera."""
    try:
        with Device.open(path, kernel) as device:
            who = device.identify()
    except OSError:
        return False
    ids = _ids(Node(path, bus=who.bus), kernel)
    return who.captures and address.casefold() in (id.casefold() for id in ids)


def find(address: str, kernel: Kernel = KERNEL, before: str = "") -> str:
    """The path that an address means: itself if absolute; else of the `camera_of` it. Raises SourceError."""
    if address.startswith("/"):
        return address
    cameras = nodes(kernel)
    node = camera_of(address, cameras, before)
    if node is not None:
        return node.path
    what = f"no camera is called {address}" if address not in _ANY else "there is no camera that camd can use"
    there = ", ".join(f"{node.name} ({node.path})" for node in cameras if not node.error)
    troubles = [node.error for node in cameras if node.error]
    text = "; ".join([f"{what}, found: {there or 'none'}", *troubles])
    raise SourceError(text, "backoff" if troubles else "absent")


def camera_of(address: str, cameras: Sequence[Node], before: str = "") -> Node | None:
    """Which of the nodes an address means; for "" and "auto" the first with a usable format.

    An id in full comes before the beginning of one, and that before the beginning of a name: "usb-1" is never
    the camera at "usb-10" while there is one at "usb-1". Where several fit, the one at the place `before` on
    the bus stays. Pure.
    """
    usable = [node for node in cameras if node.modes]
    if address in _ANY:
        fitting = usable
    else:
        wanted = address.casefold()
        fitting = (
            [node for node in usable if wanted in (id.casefold() for id in node.ids)]
            or [node for node in usable if any(id.casefold().startswith(wanted) for id in node.ids)]
            or [node for node in usable if node.name.casefold().startswith(wanted)]
        )
    return next((node for node in fitting if before and node.bus == before), next(iter(fitting), None))
