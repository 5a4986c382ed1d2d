"""Pictures in the index: snapshots that somebody wants kept, and those that are taken now and then."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ..errors import CamdError, Invalid
from ..media.camera import Camera
from ..media.frame import Encoding, Packet
from ..media.snapshot import snapshot
from ..wire import jpeg
from .changes import Began, Finished, adopt
from .index import Index
from .segment_file import StorageError, create
from .storage import Storage

if TYPE_CHECKING:
    from ..threads import Threads


def write_picture(storage: Storage, camera: str, kind: str, packet: Packet) -> tuple[Began, Finished]:
    """One file with one picture; blocks. Raises StorageError."""
    from hashlib import sha256

    start = round(packet.wall * 1000)
    try:
        name, descriptor = create(storage.root, camera, start, "jpg")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(packet.data)
                file.flush()
                os.fdatasync(file.fileno())
        except OSError:
            (storage.root / name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"cannot write to {storage.root}: {error.strerror or error}") from error
    try:
        width, height = jpeg.size(packet.data)
        resolution = f"{width}x{height}"
    except Invalid:
        resolution = ""
    media = "timelapse" if kind == "timelapse" else "image"
    began = Began(name, camera, kind, "mjpeg", start, resolution, storage.is_synchronised(), media, "jpg")
    return began, Finished(name, 0, len(packet.data), 0.0, sha256(packet.data).digest())


async def keep_picture(
    camera: Camera, kind: str, threads: Threads, reactor: Any, index: Index, storage: Storage
) -> int:
    """Take a picture and keep it; returns the number of its record. Raises CamdError: Gone without a picture,
    StorageError without room."""
    if storage.blocked:
        raise StorageError(storage.blocked)
    taken = snapshot(camera, Encoding("mjpeg"), reactor)
    packet = taken if isinstance(taken, Packet) else await taken
    if packet.card:
        raise StorageError(f"camera {camera.id} gives no picture: {camera.reason}")
    began, done = await threads.record(write_picture, storage, camera.id, kind, packet)
    storage.note_written(done.size)
    return await index.write(adopt, began, done)


class Timelapse:
    """Keeps a picture of one camera every `interval` seconds; 0: none. Reactor thread only."""

    log = Logger()

    def __init__(self, camera: Camera, threads: Threads, reactor: Any, index: Index, storage: Storage):
        self._work = (camera, "timelapse", threads, reactor, index, storage)
        self._camera = camera
        self._call = LoopingCall(self._take)
        self._call.clock = reactor

    @property
    def interval(self) -> float:
        return self._call.interval or 0.0 if self._call.running else 0.0

    @interval.setter
    def interval(self, seconds: float) -> None:
        if seconds == self.interval:
            return
        self.stop()
        if seconds:
            self._call.start(seconds)

    def stop(self) -> None:
        if self._call.running:
            self._call.stop()

    def _take(self) -> Any:
        # The next one waits for this: of a camera that gives nothing there are never two under way.
        return ensureDeferred(keep_picture(*self._work)).addErrback(self._failed)

    def _failed(self, failure: Any) -> None:
        failure.trap(CamdError)
        self.log.warn(
            "camera {camera}: no picture was kept: {error}", camera=self._camera.id, error=failure.value
        )
