"""Follower: one camera's ONVIF device, found again whenever it was away; steered, and its events heard."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger

from camd.errors import CamdError
from camd.state import Permission, Spec, Value

from .alarms import Alarms
from .device import LIFE, PULL, Device
from .motor import Motor
from .peer import DeviceError

if TYPE_CHECKING:
    from camd.app import App

    from .description import Description

#: Seconds until the next try, after each one that failed; and after a login that the device does not take,
#: for it may lock us out.
WAITS, REFUSED = (1.0, 2.0, 5.0, 10.0, 30.0), 300.0
#: A device without events is looked at this often, and one that answers at once without any is not asked
#: more often than that (seconds).
ALIVE, PAUSE = 30.0, 1.0
_R, _RW = Permission.Device_r, Permission.Device_rw
_STATES = ("connecting", "connected", "away")
_STATE = Spec("camera/onvif/state", str, read=_R, choices=_STATES, doc="Whether the ONVIF device is there.")
_REASON = Spec("camera/onvif/reason", str, read=_R, doc="Why it is not.")


class Follower:
    """Reactor thread only; what blocks is done in the io pool, one thread of which waits for events.

    url: of the device service. make: for tests. device, description: as long as it is there.
    """

    log = Logger()

    def __init__(self, app: App, camera: str, url: str, make: Any = Device):
        self.url = url
        self.device: Device | None = None
        self.description: Description | None = None
        self._app = app
        self._camera = camera
        self._make = make
        self._alarms = Alarms(app, camera)
        self._motor: Motor | None = None
        self._asleep: Deferred[None] | None = None
        self._timer: Any = None
        self._running = False
        self._failures = 0
        self._logged = ""  # why it was away last time
        self._life: Deferred[None] = succeed(None)

    def start(self) -> None:
        self._running = True
        self._tell("connecting")
        self._life = Deferred.fromCoroutine(self._live()).addErrback(self._ended)

    def stop(self) -> Deferred[None]:
        """Be done with it; a question under way is ended. Fires when the device knows, or cannot be told."""
        self._running = False
        if self.device is not None:
            self.device.close()
        self._wake()
        self._let_go()
        for name in ("state", "reason"):
            self._app.state.remove(f"cameras/{self._camera}/onvif/{name}")
        return self._life

    def _let_go(self) -> None:
        if self._motor is not None:
            self._motor.close()
            self._motor = None
            camera = self._app.cameras.get(self._camera)
            if camera is not None:
                camera.ptz.equip_head(None)
        self._alarms.end()
        for observable in list(self._app.state.select(f"cameras/{self._camera}/imaging/*")):
            self._app.state.remove(observable.name)

    # -- its life

    async def _live(self) -> None:
        run = self._app.threads.io
        while self._running:
            device: Device | None = None
            wait = 0.0
            try:
                login = await run(self._app.cameras.login, self._camera)
                device = self.device = self._make(self.url, login, self._stream())
                if not self._running:
                    return
                self.description = await run(device.open)
                await self._equip(device, self.description)
                await self._hear(device, self.description)
            except Exception as error:
                wait = self._lost(error)
            self.device = self.description = None
            self._alarms.end()
            if device is not None:
                await self._take_leave(device)
            if self._running:
                await self._sleep(wait)

    def _stream(self) -> str:
        """By which the device knows which of its cameras this is."""
        parts = urlsplit(self._app.cameras[self._camera].config.source)
        return parts.path.removeprefix("/") + (f"?{parts.query}" if parts.query else "")

    async def _take_leave(self, device: Device) -> None:
        device.close()
        if not self._running:
            try:
                await self._app.threads.io(device.leave)
            except CamdError:
                pass  # it is away, or has forgotten us already

    def _lost(self, error: Exception) -> float:
        """Seconds until the next try."""
        if not self._running:
            return 0.0
        reason = str(error)
        if reason != self._logged:
            self._logged = reason
            if not isinstance(error, CamdError):  # an answer that nobody thought of
                self.log.failure("the ONVIF device of {camera}", camera=self._camera)
            self.log.warn("the ONVIF device of {camera} is away: {reason}", camera=self._camera, reason=reason)
        self._tell("away", reason)
        refused = isinstance(error, DeviceError) and error.refused
        wait = REFUSED if refused else WAITS[min(self._failures, len(WAITS) - 1)]
        self._failures += 1
        return wait

    async def _equip(self, device: Device, about: Description) -> None:
        """Steer it from now on."""
        run, camera = self._app.threads.io, self._app.cameras.get(self._camera)
        values = await run(device.imaging) if about.imaging else {}
        if not self._running or camera is None:
            return
        for name, (low, high) in (about.imaging or {}).items():
            doc = f"{name.capitalize()} as the device itself sets it."
            full = f"cameras/{self._camera}/imaging/{name}"
            spec = Spec(full, float, min=low, max=high, read=_R, write=_RW, doc=doc)
            observable = self._app.state.declare(spec, partial(self._set, device, name))
            if name in values:
                observable.publish(values[name])
        if self._motor is not None:
            self._motor.close()
            self._motor = None
        if about.axes:
            self._motor = Motor(camera.ptz, device, about.axes, run, self._app.reactor)
            camera.ptz.equip_head(self._motor)
            self._motor.look()

    def _set(self, device: Device, name: str, value: Value) -> Deferred[Value]:
        return self._app.threads.io(device.set_imaging, name, value)

    async def _hear(self, device: Device, about: Description) -> None:
        """Take its events until it is not there any more, which raises."""
        run, clock = self._app.threads.io, self._app.reactor
        if about.events:
            await run(device.subscribe)
        self._tell("connected")
        renewed = clock.seconds()
        while self._running:
            asked = clock.seconds()
            if not about.events:
                await self._sleep(ALIVE)
                await run(device.look)
                self._is_well()
                continue
            for notice in await run(device.pull):
                self._alarms.take(notice, device.tokens)
            self._is_well()
            now = clock.seconds()
            if now - renewed > LIFE / 2 - PULL:
                renewed = now
                try:
                    await run(device.renew)
                except CamdError as error:  # some cannot, and go on as long as they are asked
                    self.log.debug("{camera}: {error}", camera=self._camera, error=error)
            if now - asked < PAUSE:
                await self._sleep(PAUSE - (now - asked))

    def _is_well(self) -> None:
        """It does more than to let us in."""
        self._failures, self._logged = 0, ""

    # -- time

    async def _sleep(self, seconds: float) -> None:
        if not self._running:
            return
        self._asleep = Deferred()
        self._timer = self._app.reactor.callLater(seconds, self._wake)
        await self._asleep

    def _wake(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        asleep, self._asleep = self._asleep, None
        if asleep is not None:
            asleep.callback(None)

    def _ended(self, failure: Any) -> None:
        if not failure.check(CancelledError) and self._running:
            self._tell("away", "camd made a mistake, see its log")
            self.log.failure("the ONVIF device of {camera}", failure, camera=self._camera)

    def _tell(self, state: str, reason: str = "") -> None:
        if self._camera in self._app.cameras:
            for spec, value in ((_STATE, state), (_REASON, reason)):
                name = spec.name.replace("camera", f"cameras/{self._camera}", 1)
                self._app.state.declare(replace(spec, name=name)).publish(value)
