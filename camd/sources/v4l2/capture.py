"""A V4L2 device that streams: its memory-mapped buffers, and pictures out of them."""

from __future__ import annotations

import errno
import select
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from ...media.frame import Packet
from ...wire import nal
from . import abi as v4l2
from .device import Device, PixelFormat, explain

if TYPE_CHECKING:
    from mmap import mmap

#: One is filled, one is read, two cover a late reader. More would only add delay.
_BUFFERS = 4
#: So many wake-ups in a row without a picture, and the driver is taken to be stuck.
_FRUITLESS = 20
#: A time stamp may be this much older than now (s). Older ones, and ones to come, are a faulty clock.
_OLDEST = 10.0
_HALF_RANGE = 1 << 31
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"


class Capture:
    """The stream of one device. `start`, `read` and `stop` come from one thread, except that `stop`
    may come from another one while `read` waits: `read` then returns None.

    codec: ours, decides how a buffer is checked. dropped: pictures lost so far: gaps in the driver's
    numbering, and pictures that were empty, damaged or cut off.
    """

    def __init__(self, device: Device, pixels: PixelFormat, codec: str):
        self.dropped = 0
        self._device = device
        self._codec = codec
        self._extract = _extractor(codec, pixels)
        self._maps: list[mmap] = []
        self._lock = Lock()  # held while a buffer is ours, so that stop cannot unmap it under read
        self._streaming = False
        self._sequence: int | None = None
        self._taken = 0.0
        self._video = Video() if codec == "h264" else None
        self._fruitless = 0
        self._poll = device.kernel.poll()
        # One struct serves every DQBUF and QBUF: the driver leaves type and memory as they are.
        abi = device.abi
        self._buffer = abi.dqbuf.record.pack(type=v4l2.BUF_TYPE_VIDEO_CAPTURE, memory=v4l2.MEMORY_MMAP)
        self._fields = abi.dqbuf.record.values
        self._number = abi.dqbuf.number
        self._ioctl = device.kernel.ioctl

    def start(self) -> None:
        """Get the buffers and let the pictures come. Raises OSError."""
        device, abi = self._device, self._device.abi
        kind = {"type": v4l2.BUF_TYPE_VIDEO_CAPTURE, "memory": v4l2.MEMORY_MMAP}
        count = device.call(abi.reqbufs, count=_BUFFERS, **kind)["count"]
        for index in range(count):
            got = device.call(abi.querybuf, index=index, **kind)
            self._maps.append(device.kernel.mmap(device.fd, got["length"], got["offset"]))
            device.call(abi.qbuf, index=index, **kind)
        if not self._maps:
            raise OSError(errno.ENOMEM, "the driver gives no buffers")
        device.call(abi.streamon, value=v4l2.BUF_TYPE_VIDEO_CAPTURE)
        self._poll.register(device.fd, select.POLLIN)
        self._streaming = True

    def read(self, timeout: float) -> Packet | None:
        """The next whole picture, or None after `timeout` seconds without one. Raises SourceError."""
        monotonic = self._device.kernel.monotonic
        deadline = monotonic() + timeout
        left = timeout
        while True:
            if not self._poll.poll(max(0.0, left) * 1000):
                return None
            with self._lock:
                if not self._streaming:
                    return None
                try:
                    packet = self._dequeue()
                except OSError as error:
                    raise explain(
                        error, self._device.path, "reading a picture", self._device.kernel
                    ) from error
            if packet is not None:
                return packet
            left = deadline - monotonic()
            if left <= 0:
                return None

    def _dequeue(self) -> Packet | None:
        device, buffer = self._device, self._buffer
        try:
            self._ioctl(device.fd, self._number, buffer)
        except OSError as error:
            self._forgive(error)
            return None
        self._fruitless = 0
        grabbed = device.kernel.monotonic()
        index, _, used, flags, _, seconds, microseconds, sequence, _, _, _ = self._fields(buffer)
        try:
            damaged = flags & v4l2.BUF_FLAG_ERROR or not used
            data = None if damaged else self._extract(self._maps[index], used)
        finally:
            device.ioctl(device.abi.qbuf, buffer)
        if self._sequence is not None:
            gap = (sequence - self._sequence - 1) % (1 << 32)
            if gap < _HALF_RANGE:  # otherwise the numbering began anew
                self.dropped += gap
        self._sequence = sequence
        if data is None:
            self.dropped += 1
            return None

        taken = grabbed
        if flags & v4l2.BUF_FLAG_TIMESTAMP_MASK == v4l2.BUF_FLAG_TIMESTAMP_MONOTONIC:
            stamp = seconds + microseconds * 1e-6
            if grabbed - _OLDEST < stamp <= grabbed:
                taken = stamp
        self._taken = taken = max(taken, self._taken)  # a driver's clock may go back; ours never does
        wall = device.kernel.time() - (grabbed - taken)
        if self._video is None:
            return Packet(data, self._codec, taken, wall, grabbed)
        data, keyframe = self._video.complete(data, bool(flags & v4l2.BUF_FLAG_KEYFRAME))
        return Packet(data, self._codec, taken, wall, grabbed, keyframe)

    def _forgive(self, error: OSError) -> None:
        """Nothing to read after all (EAGAIN, EINTR) or a picture lost to a passing fault (EIO): go on, but
        not for ever, since a broken queue reports itself readable all the time."""
        self._fruitless += 1
        if error.errno == errno.EIO:
            self.dropped += 1
        elif error.errno not in (errno.EAGAIN, errno.EINTR):
            raise error
        if self._fruitless >= _FRUITLESS:
            raise OSError(errno.EIO, "the camera reports one error after the other") from error

    def stop(self) -> None:
        """Stop the pictures and give the buffers back. Never raises; may be called twice."""
        device = self._device
        with self._lock:
            self._streaming = False
            maps, self._maps = self._maps, []
        # A vanished device refuses everything; what is ours is given back all the same.
        with suppress(OSError):
            device.call(device.abi.streamoff, value=v4l2.BUF_TYPE_VIDEO_CAPTURE)
        for memory in maps:
            memory.close()
        with suppress(OSError):
            device.call(
                device.abi.reqbufs, count=0, type=v4l2.BUF_TYPE_VIDEO_CAPTURE, memory=v4l2.MEMORY_MMAP
            )


class Video:
    """The access units of an H.264 camera: says where decoding can begin, and sees to it that it can.

    Cameras send their parameter sets before the first key frame, not all before every one.
    """

    def __init__(self) -> None:
        self._sets: dict[int, list[bytes]] = {}  # the newest of each nal_unit_type

    def complete(self, data: bytes, flagged: bool) -> tuple[bytes, bool]:
        """The access unit, a key frame with its parameter sets before it, and whether it is one. flagged: the
        driver says so; not every driver does."""
        own: dict[int, list[bytes]] = {}
        for unit in nal.parameter_sets(data, "h264"):
            own.setdefault(nal.kind(unit, "h264"), []).append(unit)
        self._sets |= own
        keyframe = flagged or nal.is_keyframe(data, "h264")
        if not keyframe or own.keys() == self._sets.keys():
            return data, keyframe
        sets = [unit for kind in sorted(self._sets) for unit in self._sets[kind]]
        units = [unit for unit in nal.split(data) if nal.kind(unit, "h264") not in self._sets]
        begin = 1 if units and nal.kind(units[0], "h264") == nal.H264_AUD else 0  # which nothing may precede
        return nal.annex_b([*units[:begin], *sets, *units[begin:]]), True


def _extractor(codec: str, pixels: PixelFormat) -> Callable[[mmap, int], bytes | None]:
    """A function (buffer, bytes used) -> a copy of the picture, or None if it is not whole."""
    if codec == "mjpeg":
        return _jpeg
    if codec == "h264":
        return lambda memory, used: memory[:used]
    layout = _Rows.of(codec, pixels)
    return layout.tight if layout.stride == layout.row else layout.repack


def _jpeg(memory: mmap, used: int) -> bytes | None:
    data = memory[:used]
    if not data.endswith(_EOI):
        data = data.rstrip(b"\0")  # some drivers hand out whole USB packets
        if not data.endswith(_EOI):
            return None
    return data if data.startswith(_SOI) else None


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a packed raw picture: bytes of a row, how many, bytes from one to the next."""

    row: int
    rows: int
    stride: int

    @classmethod
    def of(cls, codec: str, pixels: PixelFormat) -> _Rows:
        row, rows = pixels.width * 2, pixels.height
        if codec == "nv12":  # luma, then a plane of half as many rows for both colour differences
            row, rows = pixels.width, pixels.height * 3 // 2
        return cls(row, rows, max(row, pixels.stride))

    def tight(self, memory: mmap, used: int) -> bytes | None:
        size = self.row * self.rows
        return memory[:size] if used >= size else None

    def repack(self, memory: mmap, used: int) -> bytes | None:
        if used < self.stride * (self.rows - 1) + self.row:
            return None
        stride, row = self.stride, self.row
        with memoryview(memory) as view:
            return b"".join([view[start : start + row] for start in range(0, stride * self.rows, stride)])
