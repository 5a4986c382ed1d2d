"""Motor: the pan, tilt and zoom of a device as a head of `camera.ptz`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger

from camd.errors import CamdError, Unsupported

from .device import Device

Position = tuple[float, float, float]
#: Seconds between looks at where it is while it moves; looks without any change after which one that does
#: not say rests; looks after one order.
LOOK, STILL, MOST = 0.4, 2, 200


class Motor:
    """Moves when told to, and tells where it is (`camd.media.head.MovingHead`). Reactor thread only.

    ptz: of the camera; axes: those of the device; run(f, ...): does what blocks. One order is under way at a
    time, and of those that come meanwhile the newest is next: a dragged slider builds no queue.
    """

    log = Logger()
    most_zoom = 10.0

    def __init__(
        self, ptz: Any, device: Device, axes: tuple[str, ...], run: Callable[..., Deferred[Any]], reactor: Any
    ):
        self.axes = frozenset(axes)
        self._ptz = ptz
        self._device = device
        self._run = run
        self._reactor = reactor
        self._next: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self._busy = False
        self._looking: Any = None
        self._still = self._looks = 0  # looks without a change, and all since the last order
        self._closed = False

    def close(self) -> None:
        """No more orders."""
        self._closed = True
        if self._looking is not None and self._looking.active():
            self._looking.cancel()

    def look(self) -> None:
        """Ask where it is, until it rests."""
        self._still = self._looks = 0
        self._order(self._device.status)

    # -- what Ptz asks for

    def move(self, position: Position, speed: float) -> None:
        if not self._device.has_places:
            raise Unsupported("This camera can be moved, but not to a place")
        pan, tilt, zoom = position
        self._move(self._device.move, pan, tilt, (zoom - 1) / (self.most_zoom - 1), speed)

    def drive(self, velocity: Position, seconds: float) -> None:
        self._move(self._device.drive, *velocity, seconds)

    def stop(self, pan_tilt: bool, zoom: bool) -> None:
        self._order(self._device.stop, pan_tilt, zoom)

    def share(self, zoom: float) -> float:
        return 0.5 / zoom

    # -- orders

    def _move(self, f: Callable[..., Any], *args: Any) -> None:
        self._ptz.told(self._ptz.position, True)
        self._order(f, *args)

    def _order(self, f: Callable[..., Any], *args: Any) -> None:
        if self._looking is not None and self._looking.active():
            self._looking.cancel()
        if f != self._device.status or self._next is None:
            self._next = f, args
        if not self._busy and not self._closed:
            self._busy = True
            ensureDeferred(self._work())

    async def _work(self) -> None:
        try:
            while self._next is not None and not self._closed:
                (f, args), self._next = self._next, None
                if f != self._device.status:
                    self._still = self._looks = 0
                    await self._run(f, *args)
                if self._next is None:
                    self._see(*await self._run(self._device.status))
        except CamdError as error:
            self._next = None
            if not self._closed:
                self.log.warn("the device did not move: {error}", error=error)
                self._ptz.told(self._ptz.position, False)
        except Exception:
            self.log.failure("the device could not be moved")
        finally:
            self._busy = False

    def _see(self, position: Position | None, moving: bool | None) -> None:
        if self._closed:
            return
        place = self._ptz.position
        if position is not None:
            place = (position[0], position[1], 1 + position[2] * (self.most_zoom - 1))
        near = all(abs(one - other) < 0.001 for one, other in zip(place, self._ptz.position, strict=True))
        self._still = self._still + 1 if near else 0
        self._looks += 1
        # Some say that they rest before they begin.
        rests = (
            self._still >= STILL if moving is None else not moving and self._still >= 1 and self._looks > 1
        )
        self._ptz.told(place, not rests)
        if not rests and self._looks < MOST:
            self._looking = self._reactor.callLater(LOOK, self._look_again)

    def _look_again(self) -> None:
        self._order(self._device.status)
