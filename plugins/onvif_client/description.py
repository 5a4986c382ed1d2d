"""Description: what a device says of itself, as far as camd has a use for it."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Profile:
    """One picture that the device has. encoding: "H264", "JPEG", ..., "" where it does not say; stream, snapshot:
    where, "" for nowhere."""

    token: str
    name: str = ""
    encoding: str = ""
    width: int = 0
    height: int = 0
    stream: str = ""
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """A device. services: name -> address; axes: those of pan, tilt and zoom that move; imaging: setting ->
    lowest and highest value; picture: a JPEG."""

    name: str
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    services: dict[str, str] | None = None
    profiles: tuple[Profile, ...] = ()
    axes: tuple[str, ...] = ()
    imaging: dict[str, tuple[float, float]] | None = None
    events: bool = False
    picture: bytes = field(default=b"", repr=False)

    def described(self, url: str, username: str) -> dict[str, Any]:
        """For clients; `camera` is what `POST /api/cameras` takes, once the password is beside it."""
        best = next((profile for profile in self.profiles if profile.stream), None)
        camera = None
        if best is not None:
            camera = {"name": self.name, "source": best.stream, "onvif": url}
            if username:
                camera["username"] = username
        about = asdict(self)
        return {
            **about,
            "profiles": list(about["profiles"]),
            "axes": list(self.axes),
            "imaging": {name: list(span) for name, span in (self.imaging or {}).items()},
            "picture": base64.b64encode(self.picture).decode(),
            "camera": camera,
        }
