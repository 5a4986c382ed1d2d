"""A V4L2 camera in memory: what the kernel would answer, one ioctl at a time."""

from __future__ import annotations

import errno
import mmap
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace

from camd.sources.v4l2 import abi as v4l2
from camd.sources.v4l2.abi import Abi
from camd.sources.v4l2.device import Kernel

CAPTURE = v4l2.CAP_VIDEO_CAPTURE | v4l2.CAP_STREAMING
MONOTONIC = v4l2.BUF_FLAG_TIMESTAMP_MONOTONIC
JPEG = b"\xff\xd8 a picture \xff\xd9"
RATES = ((1, 30), (1, 15), (1, 60))


def fail(code: int) -> OSError:
    return OSError(code, os.strerror(code))


@dataclass
class Shot:
    """One filled buffer. age: seconds from its time stamp to now; sequence None: the next number."""

    data: bytes = JPEG
    flags: int = MONOTONIC
    sequence: int | None = None
    age: float = 0.02


@dataclass
class FakeControl:
    id: int
    kind: int = v4l2.CTRL_TYPE_INTEGER
    label: str = "Something"
    low: int = 0
    high: int = 100
    step: int = 1
    default: int = 50
    flags: int = 0
    menu: dict[int, str | int] = field(default_factory=dict)
    dims: int = 0
    value: int | None = None
    on_set: Callable[[FakeCamera, int], int] | None = None

    def __post_init__(self) -> None:
        if self.value is None:
            self.value = self.default


@dataclass
class FakeCamera:
    """faults: name of an ioctl -> errors that its next calls raise, 0 for a call that works."""

    card: str = "Fake Camera"
    bus: str = "usb-0000:00:14.0-1"
    driver: str = "uvcvideo"
    caps: int = CAPTURE | v4l2.CAP_DEVICE_CAPS
    device_caps: int = CAPTURE
    formats: dict[int, dict] = field(
        default_factory=lambda: {
            v4l2.PIX_FMT_YUYV: {(640, 480): RATES},
            v4l2.PIX_FMT_MJPEG: {(1920, 1080): RATES, (1280, 720): RATES, (640, 480): RATES},
        }
    )
    frame_sizes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    frame_rates: tuple[int, ...] | None = None
    padding: int = 0
    quantization: int = 0
    colorspace: int = 8
    priv: int = v4l2.PIX_FMT_PRIV_MAGIC
    timeperframe: bool = True
    controls: list[FakeControl] = field(default_factory=list)
    shots: list[Shot] = field(default_factory=list)
    faults: dict[str, list[int]] = field(default_factory=dict)
    unplugged: bool = False
    open_error: int = 0
    log: list[str] = field(default_factory=list)
    set_format: tuple[int, int, int] = (0, 0, 0)
    rate: tuple[int, int] = (1, 30)
    buffers: list[mmap.mmap] = field(default_factory=list)
    queued: list[int] = field(default_factory=list)
    sequence: int = 0
    streaming: bool = False

    @property
    def mapped(self) -> int:
        """Buffers that the program has not given back."""
        return sum(memory is not None and not memory.closed for memory in self.buffers)

    def control(self, number: int) -> FakeControl:
        for control in self.controls:
            if control.id == number:
                return control
        raise fail(errno.EINVAL)


class FakePoll:
    """A poll object: readable when a picture waits or the camera is gone; else time passes."""

    def __init__(self, kernel: FakeKernel):
        self._kernel = kernel
        self._fds: list[int] = []

    def register(self, fd: int, events: int) -> None:
        self._fds.append(fd)

    def poll(self, timeout_ms: float) -> list[tuple[int, int]]:
        kernel = self._kernel
        kernel.while_polling()
        cameras = [kernel.fds.get(fd) for fd in self._fds]
        if any(
            camera and (camera.shots or camera.unplugged or camera.faults.get("DQBUF")) for camera in cameras
        ):
            return [(self._fds[0], 1)]
        kernel.now += timeout_ms / 1000
        return []


class FakeKernel(Kernel):
    """cameras: path -> camera; files: contents of sysfs; links: path -> where it leads; now: the monotonic
    clock, seconds."""

    def __init__(self, cameras: dict[str, FakeCamera] | None = None, abi: Abi | None = None):
        self.abi = abi or Abi()
        self.cameras = {"/dev/video0": FakeCamera()} if cameras is None else cameras
        self.files: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.fds: dict[int, FakeCamera] = {}
        self.opened = 0
        self.now = 1000.0
        self.held_by: list[str] = []
        self.while_polling: Callable[[], object] = lambda: None
        self._calls = {call.number: call for call in self.abi.calls()}

    @property
    def camera(self) -> FakeCamera:
        return self.cameras["/dev/video0"]

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now + 1_700_000_000

    def listdir(self, path: str) -> list[str]:
        return ["null", "video", "videotape1"] + [name.removeprefix(f"{path}/") for name in self.cameras]

    def realpath(self, path: str) -> str:
        return self.links.get(path, path)

    def stat(self, path: str) -> SimpleNamespace:
        if path not in self.cameras:
            raise fail(errno.ENOENT)
        return SimpleNamespace(st_mode=stat.S_IFCHR | 0o660, st_uid=0, st_gid=44)

    def read_text(self, path: str) -> str:
        return self.files.get(path, "")

    def holders(self, path: str) -> list[str]:
        return self.held_by

    def open(self, path: str) -> int:
        camera = self.cameras.get(path)
        if camera is None or camera.open_error:
            raise fail(errno.ENOENT if camera is None else camera.open_error)
        return self._descriptor(camera)

    def dup(self, fd: int) -> int:
        return self._descriptor(self.fds[fd])

    def _descriptor(self, camera: FakeCamera) -> int:
        self.opened += 1
        self.fds[1000 + self.opened] = camera
        return 1000 + self.opened

    def close(self, fd: int) -> None:
        if self.fds.pop(fd).unplugged:
            raise fail(errno.ENODEV)

    def poll(self) -> FakePoll:
        return FakePoll(self)

    def mmap(self, fd: int, length: int, offset: int) -> mmap.mmap:
        camera = self.fds[fd]
        memory = mmap.mmap(-1, length)
        camera.buffers[offset // 4096] = memory
        return memory

    def unplug(self, path: str = "/dev/video0") -> FakeCamera:
        camera = self.cameras.pop(path)
        camera.unplugged = True
        return camera

    def ioctl(self, fd: int, number: int, data: bytearray) -> None:
        camera = self.fds[fd]
        if camera.unplugged:
            raise fail(errno.ENODEV)
        call = self._calls.get(number)
        if call is None or len(data) != call.record.size:
            raise fail(errno.ENOTTY)
        camera.log.append(call.name)
        code = camera.faults[call.name].pop(0) if camera.faults.get(call.name) else 0
        if code:
            raise fail(code)
        fields = call.record.unpack(data)
        getattr(self, f"do_{call.name.lower()}")(camera, fields)
        data[:] = call.record.pack(**fields)

    # The answers. Each gets the struct as a dict and changes it.

    def do_querycap(self, camera: FakeCamera, f: dict) -> None:
        f.update(
            driver=camera.driver.encode(),
            card=camera.card.encode()[:31],
            bus_info=camera.bus.encode(),
            capabilities=camera.caps,
            device_caps=camera.device_caps,
        )

    def do_enum_fmt(self, camera: FakeCamera, f: dict) -> None:
        f["pixelformat"] = _nth(camera.formats, f["index"])

    def do_enum_framesizes(self, camera: FakeCamera, f: dict) -> None:
        stepwise = camera.frame_sizes.get(f["pixel_format"])
        if stepwise == ():
            raise fail(errno.ENOTTY)
        if stepwise:
            _nth([0], f["index"])
            f.update(type=3, union=v4l2.STEPWISE.pack(*stepwise))
        else:
            f.update(type=1, union=v4l2.PAIR.pack(*_nth(camera.formats[f["pixel_format"]], f["index"])))

    def do_enum_frameintervals(self, camera: FakeCamera, f: dict) -> None:
        if camera.frame_rates:
            _nth([0], f["index"])
            f.update(type=3, union=v4l2.STEPWISE.pack(*camera.frame_rates))
            return
        rates = camera.formats[f["pixel_format"]].get((f["width"], f["height"]), ())
        f.update(type=1, union=v4l2.PAIR.pack(*_nth(rates, f["index"])))

    def do_g_fmt(self, camera: FakeCamera, f: dict) -> None:
        number, width, height = camera.set_format
        f.update(pixelformat=number, width=width, height=height)

    def do_s_fmt(self, camera: FakeCamera, f: dict) -> None:
        number = f["pixelformat"] if f["pixelformat"] in camera.formats else next(iter(camera.formats))
        camera.set_format = (number, f["width"], f["height"])
        stride = {v4l2.PIX_FMT_YUYV: f["width"] * 2, v4l2.PIX_FMT_NV12: f["width"]}.get(number, 0)
        f.update(
            pixelformat=number,
            bytesperline=stride + camera.padding if stride else 0,
            sizeimage=65536,
            colorspace=camera.colorspace,
            quantization=camera.quantization,
            priv=camera.priv,
        )

    def do_s_parm(self, camera: FakeCamera, f: dict) -> None:
        camera.rate = (f["numerator"], f["denominator"])
        f["capability"] = v4l2.CAP_TIMEPERFRAME if camera.timeperframe else 0

    def do_reqbufs(self, camera: FakeCamera, f: dict) -> None:
        if camera.mapped:
            raise fail(errno.EBUSY)
        camera.buffers = [None] * f["count"]
        camera.queued = []

    def do_querybuf(self, camera: FakeCamera, f: dict) -> None:
        f.update(length=65536, offset=f["index"] * 4096)

    def do_qbuf(self, camera: FakeCamera, f: dict) -> None:
        assert f["memory"] == v4l2.MEMORY_MMAP and f["type"] == v4l2.BUF_TYPE_VIDEO_CAPTURE
        assert f["index"] not in camera.queued
        camera.queued.append(f["index"])

    def do_streamon(self, camera: FakeCamera, f: dict) -> None:
        camera.streaming = True

    def do_streamoff(self, camera: FakeCamera, f: dict) -> None:
        camera.streaming = False

    def do_dqbuf(self, camera: FakeCamera, f: dict) -> None:
        if not camera.shots:
            raise fail(errno.EAGAIN)
        shot = camera.shots.pop(0)
        index = camera.queued.pop(0)
        camera.buffers[index][: len(shot.data)] = shot.data
        camera.sequence = camera.sequence if shot.sequence is None else shot.sequence
        seconds, fraction = divmod(self.now - shot.age, 1)
        f.update(
            index=index,
            bytesused=len(shot.data),
            flags=shot.flags,
            sequence=camera.sequence,
            seconds=int(seconds),
            microseconds=round(fraction * 1e6),
        )
        camera.sequence += 1

    def do_query_ext_ctrl(self, camera: FakeCamera, f: dict) -> None:
        number = f["id"] & 0x0FFFFFFF
        if f["id"] & v4l2.CTRL_FLAG_NEXT_CTRL:
            following = [control for control in camera.controls if control.id > number]
            control = _nth(sorted(following, key=lambda control: control.id), 0)
        else:
            control = camera.control(number)
        f.update(
            id=control.id,
            type=control.kind,
            name=control.label.encode(),
            minimum=control.low,
            maximum=control.high,
            step=control.step,
            default_value=control.default,
            flags=control.flags,
            nr_of_dims=control.dims,
        )

    def do_querymenu(self, camera: FakeCamera, f: dict) -> None:
        control = camera.control(f["id"])
        if f["index"] not in control.menu:
            raise fail(errno.EINVAL)
        item = control.menu[f["index"]]
        f["union"] = v4l2.INT64.pack(item) if isinstance(item, int) else item.encode()

    def do_g_ctrl(self, camera: FakeCamera, f: dict) -> None:
        f["value"] = camera.control(f["id"]).value

    def do_s_ctrl(self, camera: FakeCamera, f: dict) -> None:
        control = camera.control(f["id"])
        control.value = control.on_set(camera, f["value"]) if control.on_set else f["value"]


def _nth(items: Iterable, index: int):
    items = list(items)
    if index >= len(items):
        raise fail(errno.EINVAL)
    return items[index]
