"""One open descriptor of a V4L2 node: who it is, what it offers, and the format it is set to."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Self, cast

from ...errors import SourceError
from . import abi as v4l2
from .abi import Abi, Call

_ABSENT = (errno.ENODEV, errno.ENOENT, errno.ENXIO)
_NO_MORE = (errno.EINVAL, errno.ENOTTY, errno.ENODATA)  # the last two: cannot enumerate this at all


class Kernel:
    """The system calls under a V4L2 source, in one place so that tests can put a scripted camera there.

    All raise OSError. abi: the layouts that `ioctl` expects.
    """

    abi: Abi = v4l2.native()

    #: (descriptor, number, struct): the struct is changed in place.
    ioctl = staticmethod(cast("Callable[[int, int, bytearray], object]", fcntl.ioctl))
    close = staticmethod(os.close)
    dup = staticmethod(os.dup)
    stat = staticmethod(os.stat)
    listdir = staticmethod(os.listdir)
    realpath = staticmethod(os.path.realpath)
    poll = staticmethod(select.poll)
    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)

    def open(self, path: str) -> int:
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def mmap(self, fd: int, length: int, offset: int) -> mmap.mmap:
        return mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset)

    def read_text(self, path: str) -> str:
        """A file of sysfs without its line end; "" if it is not there."""
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read().strip()
        except OSError:
            return ""

    def holders(self, path: str) -> list[str]:
        """Processes that have the file open, as far as /proc lets us see: "ffmpeg (pid 123)". Our own
        counts from the second descriptor on: the first is the asker's."""
        real, ourselves = os.path.realpath(path), str(os.getpid())
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            held = sum(link == real for link in _links(f"/proc/{pid}/fd"))
            if held > (pid == ourselves):
                found.append(f"{self.read_text(f'/proc/{pid}/comm') or 'a process'} (pid {pid})")
        return found


def _links(folder: str) -> Iterator[str]:
    """Where the links of a folder lead, without those that we may not read or that have just gone."""
    with suppress(OSError):
        for name in os.listdir(folder):
            with suppress(OSError):
                yield os.readlink(f"{folder}/{name}")


KERNEL = Kernel()


def explain(error: OSError, path: str, doing: str, kernel: Kernel = KERNEL) -> SourceError:
    """An operating system's error in words that help: what, where, what to do."""
    code, where = error.errno, f"{path}: {doing}"
    if code in _ABSENT:
        return SourceError(f"{path} is not there: is the camera plugged in?", "absent")
    if code in (errno.EACCES, errno.EPERM):
        text = f"{where}: permission denied; add the user that runs camd to the group video"
    elif code == errno.EBUSY:
        holders = ", ".join(kernel.holders(path)) or "another program"
        text = f"{where}: the camera is in use by {holders}; only one program at a time can stream from it"
    elif code == errno.ENOSPC:
        text = (
            f"{where}: not enough USB bandwidth; use another USB port or controller, a smaller size,"
            " a lower rate or format mjpeg"
        )
    elif code == errno.ENOTTY:
        text = f"{where}: this is not a V4L2 camera, or its driver cannot do this"
    else:
        text = f"{where}: {error.strerror or error}"
    return SourceError(text)


@contextmanager
def explained(path: str, doing: str, kernel: Kernel = KERNEL) -> Iterator[None]:
    """Turn the OSErrors of the block into SourceErrors."""
    try:
        yield
    except OSError as error:
        raise explain(error, path, doing, kernel) from error


@dataclass(frozen=True, slots=True)
class Identity:
    """What a node says about itself. card: the name for people; caps: V4L2_CAP_* of this very node."""

    driver: str
    card: str
    bus: str
    caps: int

    @property
    def captures(self) -> bool:
        """Offers video by streaming: neither a metadata node nor a codec nor a media controller's end."""
        wanted = v4l2.CAP_VIDEO_CAPTURE | v4l2.CAP_STREAMING
        return self.caps & (wanted | v4l2.CAP_VIDEO_M2M | v4l2.CAP_IO_MC) == wanted


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """What the device agreed to. stride: bytes from row to row of a raw format, 0 where unknown."""

    fourcc: int
    width: int
    height: int
    stride: int
    full_range: bool


class Device:
    """An open V4L2 node. Methods raise OSError; use from one thread, or `share` it with another."""

    def __init__(self, fd: int, path: str, kernel: Kernel = KERNEL):
        self.fd, self.path, self.kernel, self.abi = fd, path, kernel, kernel.abi

    @classmethod
    def open(cls, path: str, kernel: Kernel = KERNEL) -> Device:
        return cls(kernel.open(path), path, kernel)

    def share(self) -> Device:
        """A second descriptor of the same opening, so that neither user can close it under the other."""
        return Device(self.kernel.dup(self.fd), self.path, self.kernel)

    def close(self) -> None:
        """Never raises; may be called twice."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            with suppress(OSError):  # of a vanished device: the descriptor is free all the same
                self.kernel.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def ioctl(self, call: Call, data: bytearray) -> None:
        """Make the call on a prepared struct, again if a signal came."""
        while True:
            try:
                self.kernel.ioctl(self.fd, call.number, data)
                return
            except InterruptedError:  # ioctl is not among the calls that Python repeats itself
                continue

    def call(self, call: Call, **values: int | bytes) -> dict:
        """Make the call with these fields; the struct as the driver left it."""
        data = call.record.pack(**values)
        self.ioctl(call, data)
        return call.record.unpack(data)

    def listing(self, call: Call, limit: int, **values: int) -> Iterator[dict]:
        """The answers for index 0, 1, 2... until the driver says EINVAL; at most `limit`."""
        for index in range(limit):
            try:
                yield self.call(call, index=index, **values)
            except OSError as error:
                if error.errno in _NO_MORE:
                    return
                raise

    def identify(self) -> Identity:
        got = self.call(self.abi.querycap)
        own = got["capabilities"] & v4l2.CAP_DEVICE_CAPS
        return Identity(
            driver=decode(got["driver"]),
            card=decode(got["card"]),
            bus=decode(got["bus_info"]),
            caps=got["device_caps"] if own else got["capabilities"],
        )

    def current_format(self) -> PixelFormat:
        return _pixel_format(self.call(self.abi.g_fmt, type=v4l2.BUF_TYPE_VIDEO_CAPTURE))

    def set_format(self, fourcc: int, width: int, height: int) -> PixelFormat:
        """Ask for a format; the driver answers with the nearest that it can do."""
        got = self.call(
            self.abi.s_fmt,
            type=v4l2.BUF_TYPE_VIDEO_CAPTURE,
            width=width,
            height=height,
            pixelformat=fourcc,
            priv=v4l2.PIX_FMT_PRIV_MAGIC,
        )
        return _pixel_format(got)

    def set_rate(self, fps: float) -> float | None:
        """Ask for a rate (1/s); what the driver took, or None if it does not tell."""
        wish = Fraction(fps).limit_denominator(1001)  # 29.97 is 30000/1001
        try:
            got = self.call(
                self.abi.s_parm,
                type=v4l2.BUF_TYPE_VIDEO_CAPTURE,
                numerator=wish.denominator,
                denominator=wish.numerator,
            )
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):  # a device with one rate
                return None
            raise
        if not got["capability"] & v4l2.CAP_TIMEPERFRAME or not got["numerator"] or not got["denominator"]:
            return None
        return round(got["denominator"] / got["numerator"], 3)


def _pixel_format(got: dict) -> PixelFormat:
    quantization = v4l2.QUANTIZATION_DEFAULT
    if got["priv"] == v4l2.PIX_FMT_PRIV_MAGIC:
        quantization = got["quantization"]
    full = quantization == v4l2.QUANTIZATION_FULL_RANGE
    if quantization == v4l2.QUANTIZATION_DEFAULT:  # V4L2_MAP_QUANTIZATION_DEFAULT for YCbCr
        full = got["colorspace"] == v4l2.COLORSPACE_JPEG
    return PixelFormat(got["pixelformat"], got["width"], got["height"], got["bytesperline"], full)


def decode(raw: bytes) -> str:
    """A name out of a fixed-size field: up to the first zero, whatever its bytes are."""
    return raw.partition(b"\0")[0].decode("utf-8", "replace").strip()
