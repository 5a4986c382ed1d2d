"""The contract of a source: a device, blocking because cv2, V4L2 and PyAV block."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from .frame import Format, Frame, Packet
from ..state.spec import Spec, Value


@dataclass(frozen=True, slots=True)
class Mode:
    """One thing the device can deliver: a format at a size with its rates (1/s, highest first)."""

    codec: str
    width: int
    height: int
    rates: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a device is and offers, learned without streaming.

    name: for people ("HD Pro Webcam C920"); controls: Specs whose `name` is the bare control name
    behind "control/" ("control/brightness"), default and range the device's, in the order in
    which the device accepts them; values: what the device holds now, by bare name. inactive: bare names of
    controls that have no effect now, as a manual value under its automatic; volatile: of those that the device
    changes by itself.
    """

    name: str = ""
    modes: tuple[Mode, ...] = ()
    controls: tuple[Spec, ...] = ()
    values: dict[str, Value] = field(default_factory=dict)
    inactive: frozenset[str] = frozenset()
    volatile: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """How a camera's owner wants it opened; None leaves the choice to the source.

    camera: what people call it, for pictures that are drawn.
    address: the part of `source` behind the scheme ("/dev/video0" of "v4l2:/dev/video0").
    codec: "mjpeg", "yuyv422", ... as in Format.
    username, password: how camd is known to a network camera; "" where it asks nobody.
    """

    camera: str
    address: str
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    codec: str | None = None
    username: str = ""
    password: str = field(default="", repr=False)


class Source(Protocol):
    """A camera device. The core owns the threads.

    `open`, `read` and `close` come from one capture thread. `set` and `probe` come from another
    thread, at any time, also while `read` waits or while the source is closed, and must not wait
    behind `read`. All raise SourceError with a text for people: what is wrong and what helps.

    A source that has to log in for `probe`, too, has one method more, `sign_in(username, password)`. It
    asks nobody, and may be called at any time; what the settings of `open` say counts from then on. One that
    has to know for `probe` how far its pictures are apart has `expect(fps)`, with what is configured or None.
    """

    def probe(self) -> Capabilities:
        """Look at the device without streaming."""

    def present(self) -> None:
        """Cheap sign of life while closed (called every second); raises SourceError if away."""

    def open(self, settings: SourceSettings) -> Format:
        """Start streaming as near to the settings as the device can; returns what it really does."""

    def read(self, timeout: float) -> Frame | Packet | None:
        """Wait for the next picture, at most `timeout` seconds; None when there was none."""

    def set(self, name: str, value: Value) -> Value:
        """Set a control by its bare name; returns what the device really took."""

    def close(self) -> None:
        """Stop streaming and let the device go. Never raises; may be called twice."""

    def dropped(self) -> int:
        """Pictures lost before `read` since `open`, as far as the device tells."""


def expect(source: Source, fps: float | None) -> None:
    """Tell a source how many pictures a second it is configured to give, if it has to know."""
    tell = getattr(source, "expect", None)
    if tell is not None:
        tell(fps)
