"""Lookout: one camera, watched for motion while it is switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from camd.errors import Invalid
from camd.state import Event, Observable, Value

from .alarm import Alarm
from .detector import Detector, Finding, Tuning
from .names import specs
from .zones import Polygon, polygons

if TYPE_CHECKING:
    from camd.app import App
    from camd.media import Frame, Subscription

#: Pictures a second, and the box in pixels they are fitted into.
RATE = 5.0
SIZE = (160, 160)
#: Clients hear of another score at most so often (seconds).
TELL = 1.0


class Lookout:
    """Subscribes to small pictures, has them judged in the encode pool one at a time, and tells. Reactor thread.

    It subscribes only while the camera could deliver, so that no placeholder is drawn for it alone.
    """

    log = Logger()

    def __init__(self, app: App, camera: str):
        self._app = app
        self._camera = camera
        self._subscription: Subscription | None = None
        self._detector = Detector()
        self._alarm = Alarm()
        self._start = self._end = 0.0  # of the motion: UTC seconds of its first and newest picture
        self._peak = Finding()
        self._told = 0.0
        self._zones: tuple[Polygon, ...] = ()
        self._following: Any = None
        self._values: dict[str, Observable] = {}
        for name, spec in specs(camera).items():
            apply = self._take_zones if name == "motion/zones" else None
            self._values[name] = app.state.declare(spec, apply)
        zones = self._values["motion/zones"]
        try:
            zones.publish(self._take_zones(zones.value if zones.target is None else zones.target))
        except Invalid as error:
            self.log.warn("saved zones not used: {error}", error=error)

    def follow(self) -> None:
        """The switch or the camera's state changed. In the next turn, for the camera is in the midst of it."""
        if self._following is None:
            self._following = self._app.reactor.callLater(0, self._follow)

    def forget(self) -> None:
        """The picture looks different from now on, and nothing moved."""
        self._detector = Detector()

    def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
        self._leave()

    def _follow(self) -> None:
        self._following = None
        camera = self._app.cameras.get(self._camera)
        wanted = camera is not None and camera.online and self._value("enabled")
        if wanted and self._subscription is None:
            self.forget()
            self._subscription = camera.frames(self._arrived, size=SIZE, fps=RATE)
        elif not wanted:
            self._leave()

    def _leave(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()
        if self._alarm.on:
            self._tell_end()
        self._alarm = Alarm()

    def _arrived(self, frame: Frame) -> None:
        subscription = self._subscription
        if frame.card or subscription is None:
            return
        subscription.pauseProducing()
        tuning = Tuning(self._value("sensitivity"), self._zones, self._blind())
        looked = self._app.threads.encode(self._detector.look, frame.image, frame.pts, tuning)
        looked.addCallback(self._judge, frame, subscription).addErrback(self._failed, subscription)
        looked.addBoth(lambda _: subscription.resumeProducing())

    def _judge(self, finding: Finding, frame: Frame, subscription: Subscription) -> None:
        if subscription is not self._subscription:  # it left meanwhile
            return
        moves = finding.box is not None and finding.score >= self._value("minimum_size")
        if moves:
            if self._alarm.since is None:
                self._start, self._peak = frame.wall, finding
            self._end, self._peak = frame.wall, max(self._peak, finding, key=lambda found: found.score)
        if self._alarm.take(moves, frame.pts, self._value("minimum_time"), self._value("hold")):
            if self._alarm.on:
                self._tell_start()
            else:
                self._tell_end()
        if moves and self._alarm.on and frame.pts - self._told >= TELL:
            self._told = frame.pts
            self._publish(score=finding.score, box=list(finding.box))

    def _tell_start(self) -> None:
        self._values["motion"].publish(True)
        self._publish_event(None)

    def _tell_end(self) -> None:
        self._values["motion"].publish(False)
        self._publish(score=0.0, box=[])
        self._told = 0.0
        self._publish_event(self._end)

    def _publish_event(self, end: float | None) -> None:
        found = {"score": self._peak.score, "box": list(self._peak.box or ())}
        self._app.events.publish(Event("motion", self._camera, self._start, end, found))

    def _failed(self, failure: Failure, subscription: Subscription) -> None:
        self.log.failure("motion of camera {camera}; it is not watched any more", failure, camera=self._camera)
        if subscription is self._subscription:
            self._leave()

    def _publish(self, **values: Value) -> None:
        with self._app.state.batch():
            for name, value in values.items():
                self._values[f"motion/{name}"].publish(value)

    def _value(self, name: str) -> Any:
        return self._values[f"motion/{name}"].value

    def _take_zones(self, value: Any) -> Value:
        self._zones = polygons(f"cameras/{self._camera}/motion/zones", value)
        return value

    def _blind(self) -> tuple[float, float]:
        """The strip with the time in it, which changes every second."""
        values = {
            name: observable.value
            for name in ("time", "text", "position", "size")
            if (observable := self._app.state.get(f"cameras/{self._camera}/overlay/{name}")) is not None
        }
        if not values.get("time"):
            return 0.0, 0.0
        lines = 1 + (values["text"].count("\n") + 1 if values.get("text") else 0)
        strip = min(0.5, 0.04 + lines * 0.013 * values.get("size", 4))
        return (0.0, strip) if str(values.get("position")).startswith("bottom") else (strip, 0.0)
