"""Microphones by ALSA, which is also the way to those of PipeWire and PulseAudio."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import SourceError
from ..hookspecs import hookimpl
from ..media.frame import PCM, Format, Packet
from ..media.sound import CHANNELS, RATE, SAMPLE, Microphone
from ..media.source import SourceSettings
from .asound import AlsaError, Pcm
from .sample_clock import SampleClock
from .v4l2 import nodes

#: Samples that are read at once: 40 ms, four of which the device can keep.
BLOCK = RATE // 25
LATENCY = 4 * BLOCK / RATE
AUTO = "auto"
#: Names as `arecord -L` has them. ALSA would take more in a name: files to write, even commands to run.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(:[A-Za-z0-9_=,.-]*)?")
_NOT_DEVICES = frozenset({"file", "tee", "null"})
_CAPTURES = re.compile(r"(\d+)-(\d+): (.*?) :.*\bcapture [1-9]")
_VIDEO, _SOUND = Path("/sys/class/video4linux"), Path("/sys/class/sound")
#: One that is not there is looked for so often (seconds): ALSA complains on standard error each time.
_LATER = 5.0
_ABSENT = (errno.ENOENT, errno.ENODEV, errno.ENXIO)
_FORBIDDEN = (errno.EACCES, errno.EPERM)


@hookimpl
def camd_microphones() -> dict[str, Callable[[str], Microphone]]:
    return {"alsa": AlsaMicrophone}


class AlsaMicrophone:
    """A Microphone; scheme "alsa".

    address: the device as `arecord -L` names it; of "hw:" the one that converts is taken, "plughw:"; "auto": the
    microphone in the USB camera that it belongs to. Raises SourceError for a name that is none.
    """

    def __init__(self, address: str):
        kind = address.partition(":")[0]
        if not _NAME.fullmatch(address) or kind in _NOT_DEVICES:
            raise SourceError(f'"{address[:100]}" is no ALSA device: `arecord -L` lists them; or write "alsa:auto"')
        self._address = address
        self._pcm: Pcm | None = None
        self._clock = SampleClock(RATE)
        self._lost = 0

    def open(self, settings: SourceSettings) -> Format:
        self._lost = 0
        address = _of_camera(settings.address) if self._address == AUTO else self._address
        name = f"plug{address}" if address.startswith("hw:") else address
        try:
            self._pcm = Pcm(name, RATE, CHANNELS, LATENCY)
        except AlsaError as error:
            raise _explain(error, address) from None
        except OSError:
            raise SourceError("ALSA's library is not here: apt install libasound2") from None
        self._clock = SampleClock(RATE)
        return Format(PCM, 0, 0, RATE / BLOCK)

    def read(self, timeout: float) -> Packet | None:
        if self._pcm is None:
            raise SourceError("the microphone is not open")
        try:
            data, behind = self._pcm.read(BLOCK, timeout)
        except AlsaError as error:
            raise _explain(error, self._address) from None
        if not data:
            return None
        now, wall = time.monotonic(), time.time()
        samples = len(data) // SAMPLE
        pts = self._clock.at(samples, now - (samples + behind) / RATE)
        return Packet(data, PCM, pts, wall - (now - pts), now)

    def close(self) -> None:
        pcm, self._pcm = self._pcm, None
        if pcm is not None:
            self._lost = pcm.overruns
            pcm.close()

    def dropped(self) -> int:
        return self._pcm.overruns if self._pcm is not None else self._lost


def microphones(proc: Path = Path("/proc/asound")) -> list[str]:
    """The devices that hear, as "alsa:" takes them. Raises nothing."""
    try:
        lines = (proc / "pcm").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        if (match := _CAPTURES.match(line)) is not None:
            card = int(match[1])
            try:
                name = (proc / f"card{card}" / "id").read_text().strip()
            except OSError:
                name = str(card)
            found.append(f"hw:{name},{int(match[2])}")
    return found


def _of_camera(address: str, video: Path = _VIDEO, sound: Path = _SOUND) -> str:
    """The sound card that is one USB device with the camera at this address. Raises SourceError without one."""
    try:
        interface = (video / Path(nodes.find(address)).name / "device").resolve()
    except SourceError:  # no camera of this machine
        interface = None
    for card in sorted(sound.glob("card*")) if interface is not None else ():
        link = card / "device"
        if link.exists() and link.resolve().parent == interface.parent:
            return f"hw:{card.name.removeprefix('card')}"
    raise SourceError(f"there is no microphone in the camera; {_choice()}", "absent", _LATER)


def _choice() -> str:
    found = microphones()
    return f"there are: {', '.join(found)}" if found else "no sound card here can hear (`arecord -L` lists devices)"


def _explain(error: AlsaError, name: str) -> SourceError:
    if error.errno in _ABSENT:
        return SourceError(f"there is no microphone {name}; {_choice()}", "absent", _LATER)
    if error.errno == errno.EBUSY:
        return SourceError(f"another program uses the microphone {name} (`fuser -v /dev/snd/*` tells which one)")
    if error.errno in _FORBIDDEN:
        return SourceError(f"camd may not use the microphone {name}: add its user to the group audio")
    return SourceError(f"the microphone {name} fails: {error.strerror} ({errno.errorcode.get(error.errno or 0, '?')})")
