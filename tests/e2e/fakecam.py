"""The shared fake V4L2 camera behind a real camd."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest

from .daemon import ROOT, Daemon

FAKECAM = ROOT.parent / "shared/fakecam"
FRAMES = 10
_OTHER_PROGRAM = """
import json, sys
from camd.sources.v4l2 import V4l2Source
source = V4l2Source(sys.argv[1])
source.probe()
for name, value in json.loads(sys.argv[2]).items():
    source.set(name, value)
print(json.dumps(source.probe().values))
"""
_FORGETFUL = """
import json, sys
from camd.errors import SourceError
from camd.sources.v4l2 import V4l2Source
source = V4l2Source(sys.argv[1])
for _ in range(2):  # manual values first, as long as they may be set
    for spec in reversed(source.probe().controls):
        try:
            source.set(spec.name.partition("/")[2], spec.default)
        except SourceError:
            pass
print(json.dumps(source.probe().values))
"""


def make_jpegs(folder: Path) -> None:
    """FRAMES noisy pictures of 1280x720, all different."""
    folder.mkdir()
    if shutil.which("ffmpeg"):
        picture = "noise=alls=8:allf=t,format=yuvj420p"
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30", "-vf", picture]
        command += ["-frames:v", str(FRAMES), "-c:v", "mjpeg", "-q:v", "6", str(folder / "%04d.jpg")]
        subprocess.run(command, check=True, timeout=60)
        return
    try:
        import cv2
        import numpy
    except ImportError:
        raise SkipTest("needs ffmpeg or OpenCV to make pictures") from None
    rng = numpy.random.default_rng(1)
    for number in range(FRAMES):
        image = rng.integers(64, 128, (720, 1280, 3), numpy.uint8)
        cv2.imwrite(str(folder / f"{number:04}.jpg"), image)


@cache
def workshop() -> Path:
    """A folder in trial's own one with fakecam.so and frames/, made once. Raises SkipTest."""
    if not FAKECAM.is_dir():
        raise SkipTest(f"needs the shared fake camera in {FAKECAM}")
    if not shutil.which("make") or not shutil.which("gcc"):
        raise SkipTest("needs make and gcc to build the fake camera")
    folder = Path(tempfile.mkdtemp(prefix="fakecam-", dir=os.getcwd()))
    build = ["make", "-s", "-C", str(FAKECAM), f"BUILDDIR={folder}"]
    subprocess.run(build, check=True, timeout=120, stdout=subprocess.DEVNULL)
    shim = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(folder / "misbehave.so"), str(Path(__file__).parent / "misbehave.c")]
    subprocess.run([*shim, "-ldl"], check=True, timeout=60)
    make_jpegs(folder / "frames")
    return folder


@cache
def frames() -> tuple[bytes, ...]:
    """The pictures of the MJPG camera, in their order."""
    return tuple(file.read_bytes() for file in sorted((workshop() / "frames").iterdir()))


class FakeCamera:
    """The environment in which the daemon sees the fake devices. Raises SkipTest without the means.

    devices: as FAKECAM_DEVICES, with {frames} for the folder of JPEGs and {folder} for this camera's
    own. shared: the device is the same one for other programs (FAKECAM_STATE).
    """

    def __init__(self, devices: str = "/dev/video0=mjpg:{frames},yuyv:640x480", shared: bool = False):
        self.folder = Path(tempfile.mkdtemp(prefix="camera-", dir=workshop()))
        self._control = self.folder / "faults"
        self._control.touch()
        self.environment = {
            "LD_PRELOAD": f"{workshop() / 'misbehave.so'} {workshop() / 'fakecam.so'}",
            "SWAP_NODES": str(self.folder / "swapped"),
            "HANG_CALLS": str(self.folder / "hanging"),
            "FAKECAM_DEVICES": devices.format(frames=workshop() / "frames", folder=self.folder),
            "FAKECAM_CONTROL": str(self._control),
        }
        if shared:
            self.environment["FAKECAM_STATE"] = str(self.folder / "state")

    def fault(self, text: str) -> None:
        """Make this the list of faults, "" for none."""
        new = self._control.with_suffix(".new")
        new.write_text(text + "\n")
        new.rename(self._control)

    def swap(self) -> None:
        """From now on /dev/video0 is /dev/video1, and the other way round."""
        (self.folder / "swapped").touch()

    def hang(self, hangs: bool = True) -> None:
        """From now on no call to any device returns; with False all of them do."""
        (self.folder / "hanging").touch() if hangs else (self.folder / "hanging").unlink()

    def daemon(self, toml: str = "", arguments: Sequence[str] = ("--https", "off")) -> Daemon:
        """A camd with these devices, not started."""
        return Daemon(toml, arguments=arguments, environment=self.environment, everyone=True)

    def forget(self, device: str = "/dev/video0") -> None:
        """Every control at its default, as in a camera that was without power; also while it is unplugged for
        the daemon. Needs `shared`."""
        self._run(_FORGETFUL, device, FAKECAM_CONTROL="")

    def values(self, device: str = "/dev/video0", **controls: Any) -> dict[str, Any]:
        """The controls as another program reads them, after it has set these; needs `shared`."""
        return self._run(_OTHER_PROGRAM, device, json.dumps(controls))

    def _run(self, program: str, *arguments: str, **environment: str) -> Any:
        """What a program in Python says about the devices."""
        variables = {**os.environ, **self.environment, "PYTHONPATH": str(ROOT), **environment}
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True, timeout=30)
        return json.loads(done.stdout)
