"""CameraConfig: the keys of a camera, `[cameras.<id>]`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from . import values as kinds
from .schema import Effect, about
from .secret import Secret


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """One camera. Sizes are (width, height) in pixels; None leaves the choice to the source."""

    id: str
    source: str = field(
        metadata=about(
            kinds.source(),
            Effect.CAMERA,
            'What delivers the pictures: `"v4l2:/dev/video0"`, `"rtsp://10.0.0.20/stream1"`, '
            '`"http://10.0.0.21/video.mjpg"`, `"file:/path/video.mp4"` (looped), `"test:"`, or a kind that a '
            "plugin adds.",
        ),
    )
    name: str = field(
        default="",
        metadata=about(kinds.text(), Effect.LIVE, "The name that people see.", shown="the id"),
    )
    enabled: bool = field(
        default=True,
        metadata=about(
            kinds.boolean(),
            Effect.CAMERA,
            "Whether the camera runs; `false` keeps its settings but never opens it.",
        ),
    )
    size: tuple[int, int] | None = field(
        default=None,
        metadata=about(
            kinds.size(),
            Effect.CAMERA,
            "Size of the picture; a device takes the nearest that it has.",
            shown="the source's choice",
        ),
    )
    fps: float | None = field(
        default=None,
        metadata=about(
            kinds.number(0.1, 1000),
            Effect.CAMERA,
            "Pictures per second; a device takes the nearest that it has.",
            shown="the source's choice",
        ),
    )
    format: str | None = field(
        default=None,
        metadata=about(
            kinds.pixel_format(),
            Effect.CAMERA,
            'How the device delivers pictures; `"mjpg"` and `"yuyv"` are understood too.',
            shown="the source's choice",
        ),
    )
    sound: str = field(
        default="",
        metadata=about(
            kinds.microphone(),
            Effect.LIVE,
            'The microphone that belongs to the camera: `"alsa:hw:1"` is a device as `arecord -L` names them, '
            '`"alsa:auto"` the one in the camera itself, `"test:"` a beep at each full second. Without it camd hears '
            "nothing; see sound.md.",
            shown="no sound",
        ),
    )
    username: str = field(
        default="",
        metadata=about(
            kinds.text(),
            Effect.CAMERA,
            "Whom a network camera knows camd as. A login in the URL is the same, and hidden.",
            shown="no login",
        ),
    )
    password: Secret | None = field(
        default=None,
        metadata=about(
            kinds.sealed(),
            Effect.CAMERA,
            "The password for it, encrypted with the data directory's `secret.key`; never shown. In the "
            "run-time store only, where the API and `camd camera` put it.",
            shown="none",
        ),
    )
    password_file: Path | None = field(
        default=None,
        metadata=about(
            kinds.path(),
            Effect.CAMERA,
            "A file with the password on its first line, read whenever the camera is opened. Not over the API.",
            shown="none",
        ),
    )

    onvif: str = field(
        default="",
        metadata=about(
            kinds.device_address(),
            Effect.LIVE,
            "Where the ONVIF device is that this camera belongs to, which is then steered and heard: "
            '`"http://10.0.0.20/onvif/device_service"`. On the host of `source`, with the same login.',
            shown="none",
        ),
    )

    @property
    def address(self) -> str:
        """The part of the source behind its kind."""
        return self.source.partition(":")[2]

    @property
    def device(self) -> tuple[object, ...]:
        """What names the device and gets camd into it: another one is another source."""
        return self.source, self.username, self.password, self.password_file
