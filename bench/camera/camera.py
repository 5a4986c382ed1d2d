"""Which camera the servers get, and how each is told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from .frames import make_annexb, make_frames, make_h264, make_video


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera for the servers under test.

    source: as camd's configuration names it; device: the V4L2 node, "" when there is none and servers that
    know only V4L2 must stay out; environment: what a server's process needs to see it; doc: for the tables; format:
    that camd has to ask for, "" for its own choice.
    """

    source: str
    device: str
    doc: str
    environment: Mapping[str, str] = field(default_factory=dict)
    format: str = ""


def real_camera(device: str) -> Camera:
    """A camera of this machine that delivers motion JPEG at 1280x720."""
    return Camera(f"v4l2:{device}", device, f"the camera {device}")


def preloaded_camera(library: str, devices: str = "", device: str = "/dev/video0") -> Camera:
    """A library that answers for V4L2 devices, put before libc by LD_PRELOAD.

    devices: what the library is told in FAKECAM_DEVICES; by default one camera with the generated pictures.
    FAKECAM_TIMECODE asks for the comment in each JPEG that tells when the camera gave it.
    """
    path = str(Path(library).resolve(strict=True))
    if not devices:
        devices = os.environ.get("FAKECAM_DEVICES") or f"{device}=mjpg:{make_frames()[0].parent},yuyv:none"
    environment = {"LD_PRELOAD": path, "FAKECAM_DEVICES": devices, "FAKECAM_TIMECODE": "1"}
    return Camera(f"v4l2:{device}", device, f"a V4L2 camera played by {Path(path).name}", environment)


def raw_camera(library: str) -> Camera:
    """The same library, playing a camera that gives YUYV only; without a library no camera at all."""
    return _played(library, "yuyv:1280x720", "raw pictures (YUYV)") if library else _NOTHING


def coded_camera(library: str) -> Camera:
    """The same library, playing a camera that gives H.264."""
    return replace(_played(library, f"h264:{make_annexb()}@1280x720,yuyv:none", "H.264"), format="h264") if library else _NOTHING


_NOTHING = Camera("test:", "", "camd's test picture")


def _played(library: str, gives: str, doc: str) -> Camera:
    path, device = str(Path(library).resolve(strict=True)), "/dev/video0"
    environment = {"LD_PRELOAD": path, "FAKECAM_DEVICES": f"{device}=fps:30,{gives}"}
    return Camera(f"v4l2:{device}", device, f"{doc} of a V4L2 camera played by {Path(path).name}", environment)


def file_camera() -> Camera:
    """Without any device: a motion-JPEG file in real time, which only camd can read."""
    video = make_video()
    return Camera(f"file:{video}", "", f"the pictures in {video.name}, no V4L2 device: peers that need one stay out")


def h264_camera() -> Camera:
    """A camera that gives H.264 already: what is left is delivery."""
    return Camera(f"file:{make_h264()}", "", "an H.264 film, passed through")
