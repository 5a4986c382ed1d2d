"""Cameras on Linux: USB (UVC) and everything else behind /dev/video*, by V4L2 and nothing in between.

The daemon speaks to the driver itself because it needs what ready-made readers hide: pictures
untouched, the kernel's time stamps, an account of lost pictures, time-outs, and controls that work
while the stream stalls or sleeps. No picture is decoded here, hence no picture library is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

from ...errors import SourceError
from ...hookspecs import hookimpl
from ...media.frame import Format, Packet
from ...media.source import Capabilities, Source, SourceSettings
from ...state.spec import Value
from .capture import Capture
from .controls import Controls
from .device import KERNEL, Device, Identity, Kernel, explain, explained
from .modes import choose, formats, modes
from .nodes import find, is_at, stamps


class V4l2Source:
    """A V4L2 camera. address: a path ("/dev/video0", "/dev/v4l/by-id/..."), "" or "auto" for the first
    camera there is, or the beginning of a serial number or name. Threads: see Source."""

    def __init__(self, address: str = "", kernel: Kernel = KERNEL):
        self.address = address
        self._kernel = kernel
        self._lock = Lock()  # over _device and _capture: short, never held during a call that waits
        self._device: Device | None = None
        self._capture: Capture | None = None
        self._known: tuple[Identity, Controls] | None = None  # replaced as a whole, by any thread
        self._dropped = 0
        self._path: str | None = address if address.startswith("/") else None
        self._searched: tuple[list[tuple], tuple[str, str]] | None = None

    def probe(self) -> Capabilities:
        """Name, modes, controls and their values. Any thread."""
        with self._borrowed("looking at the camera") as device:
            who = _capturing(device)
            controls = Controls(device)
            self._known = who, controls
            return Capabilities(
                name=who.card,
                modes=modes(device),
                controls=controls.specs,
                values=controls.values(device),
                inactive=controls.inactive,
                volatile=controls.volatile,
            )

    def present(self) -> None:
        """One stat of the node. Without a path it looks for the camera when the nodes have changed."""
        path = self._path
        if path is not None:
            try:
                self._kernel.stat(path)
                return
            except OSError as error:
                if path == self.address:
                    raise explain(error, path, "looking for the camera", self._kernel) from error
        self._path = None
        seen = stamps(self._kernel)
        if self._searched is not None and self._searched[0] == seen:
            raise SourceError(*self._searched[1])
        try:
            self._find()
        except SourceError as error:
            self._searched = seen, (str(error), error.state)
            raise

    def open(self, settings: SourceSettings) -> Format:
        """Start streaming in the mode nearest to the settings. Capture thread."""
        self.close()
        path = self._find()
        with explained(path, "opening the camera", self._kernel), ExitStack() as undo:
            device = undo.enter_context(Device.open(path, self._kernel))
            _capturing(device)
            mode, fps = choose(modes(device), settings, path)
            wanted = formats(device)[mode.codec]
            pixels = device.set_format(wanted, mode.width, mode.height)
            if pixels.fourcc != wanted:
                raise SourceError(f"{path}: the camera lists {mode.codec}, but does not switch to it")
            fps = device.set_rate(fps) or fps
            capture = Capture(device, pixels, mode.codec)
            undo.callback(capture.stop)
            capture.start()
            undo.pop_all()
        with self._lock:
            self._device, self._capture, self._dropped = device, capture, 0
        raw = mode.codec in ("yuyv422", "nv12")
        return Format(mode.codec, pixels.width, pixels.height, fps, raw and pixels.full_range)

    def read(self, timeout: float) -> Packet | None:
        """The next whole picture, its time stamp the kernel's. Capture thread."""
        capture = self._capture
        if capture is None:
            raise SourceError(f"{self._path or self.address or 'V4L2'}: the camera is not open")
        return capture.read(timeout)

    def set(self, name: str, value: Value) -> Value:
        """Set a control and return what the camera took. Any thread, streaming or not."""
        with self._borrowed(f"setting {name}") as device:
            who = device.identify()  # at the same path it may be another model by now
            if self._known is None or self._known[0] != who:
                self._known = who, Controls(device)
            return self._known[1].set(device, name, value)

    @contextmanager
    def _borrowed(self, doing: str) -> Iterator[Device]:
        """A descriptor for a moment: of the stream if there is one, else opened for it. The stream's
        is duplicated, so that the capture thread may close its own without waiting for ours."""
        with explained(self._path or "V4L2", doing, self._kernel), self._lock:
            shared = self._device.share() if self._device is not None else None
        path = self._find() if shared is None else shared.path
        with explained(path, doing, self._kernel), shared or Device.open(path, self._kernel) as device:
            yield device

    def _find(self) -> str:
        """The path of the camera now; of several that the address fits, that of the one it was before."""
        path, known = self._path, self._known
        if path is None or path == self.address or not is_at(self.address, path, self._kernel):
            path = find(self.address, self._kernel, known[0].bus if known is not None else "")
        self._path = path
        return path

    def close(self) -> None:
        """Stop and let go. Never raises; may be called twice, and while another thread reads."""
        with self._lock:
            device, self._device = self._device, None
            capture, self._capture = self._capture, None
        if capture is not None:
            self._dropped = capture.dropped
            capture.stop()
        if device is not None:
            device.close()

    def dropped(self) -> int:
        """Pictures lost since `open`."""
        capture = self._capture
        return self._dropped if capture is None else capture.dropped


def _capturing(device: Device) -> Identity:
    """Who it is, or SourceError if it gives no pictures."""
    who = device.identify()
    if not who.captures:
        raise SourceError(f"{device.path}: this node gives no pictures; the camera has another one that does")
    return who


@hookimpl
def camd_sources() -> dict[str, Callable[[str], Source]]:
    return {"v4l2": V4l2Source}
