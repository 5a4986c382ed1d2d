"""What can be set about the recording of one camera, as observables `cameras/<id>/recording/...`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.defer import ensureDeferred

from ..errors import Invalid
from ..state.observable import Observable
from ..state.permission import Permission
from ..state.spec import Spec, Value
from ..state.state import State
from .intent import MODES
from .schedule import DAYS, MOST, Schedule

_R, _RW = Permission.Media_r, Permission.Media_rw
STATES = ("stopped", "recording", "paused")

#: Ranges of a day, as `Schedule` reads them; none is without a length.
_TIMES = {"type": "array", "maxItems": MOST, "items": {
    "type": "string",
    "pattern": r"^(?!(.*)-\1$)([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
}}  # fmt: skip
#: Chosen by people, and kept.
_CHOSEN = (
    Spec("recording/mode", str, default="off", choices=MODES,
         doc="When is recorded: never, always, at the times of `schedule`, around events, or a picture "
         "now and then."),
    Spec("recording/schedule", dict, default={}, schema={"properties": dict.fromkeys(DAYS, _TIMES),
                                                         "additionalProperties": False},
         doc='Local times by day: {"mon": ["08:00-18:00"], "sat": ["22:00-06:00"]}.'),
    Spec("recording/events", list, default=["motion", "trigger"], schema={"items": {"type": "string"}},
         doc="Kinds of events that are recorded in the mode `event`."),
    Spec("recording/pre", float, default=5.0, min=0, max=60, unit="s",
         doc="Recorded before an event, at least; kept in memory meanwhile."),
    Spec("recording/post", float, default=10.0, min=1, max=300, unit="s", doc="Recorded after an event."),
    Spec("recording/segment", int, default=300, min=60, max=900, unit="s",
         doc="Length of a file; it ends with the next key frame."),
    Spec("recording/rendition", str, default="main", choices=("main", "sub"), doc="Which rendition is recorded."),
    Spec("recording/codec", str, default="auto", choices=("auto", "h264", "mjpeg"),
         doc="auto: what the camera gives, untouched, and H.264 of what it gives as pictures."),
    Spec("recording/interval", float, default=5.0, min=1, max=86400, unit="s",
         doc="Between two pictures of the mode `timelapse`."),
    Spec("recording/retention_days", float, default=30.0, min=0, max=3650, unit="days",
         doc="Older recordings without a tag are deleted; 0: they are not."),
    Spec("recording/max_bytes", int, default=0, min=0, max=2**60, unit="B",
         doc="Recordings of this camera together, the oldest without a tag are deleted; 0: as much as fits."),
)  # fmt: skip
#: Told by camd.
_TOLD = (
    Spec(
        "recording/kind",
        str,
        default="",
        doc="What is recorded for now: manual, continuous, schedule, event, timelapse.",
    ),
    Spec("recording/reason", str, default="", doc="Why nothing is recorded although it should be."),
    Spec("recording/file", str, default="", doc="The file that is written now."),
)


class RecordingSettings:
    """The values of one camera. Reactor thread only. changed(name): one of them is another now;
    command(state): somebody sets the state; keep_picture(): somebody wants one kept."""

    def __init__(
        self,
        camera: str,
        state: State,
        changed: Callable[[str], None],
        command: Callable[[str], None],
        keep_picture: Callable[[], Coroutine[Any, Any, int]],
    ):
        self.values: dict[str, Any] = {}
        self._changed = changed
        self._observables: dict[str, Observable] = {}
        prefix = f"cameras/{camera}/"
        for spec in _CHOSEN:
            name = spec.name.partition("/")[2]
            ours = replace(spec, name=prefix + spec.name, read=_R, write=_RW, persist=True)
            observable = state.declare(ours, partial(self._set, name))
            value = spec.default if observable.target is None else observable.target
            self.values[name] = value
            observable.publish(value)
        for spec in _TOLD:
            name = spec.name.partition("/")[2]
            self._observables[name] = state.declare(replace(spec, name=prefix + spec.name, read=_R))
        doc = "Set it to start, stop or pause by hand; `stopped` also holds the mode."
        spec = Spec(f"{prefix}recording/state", str, "stopped", choices=STATES, read=_R, write=_RW, doc=doc)

        def commanded(value: Value) -> Value:
            command(str(value))
            return self._observables["state"].value

        self._observables["state"] = state.declare(spec, commanded)
        spec = Spec(
            f"{prefix}recording/snapshot",
            bool,
            False,
            read=_R,
            write=_RW,
            doc="Set it to keep a picture; it is false again then.",
        )

        def kept(value: Value) -> Any:
            return ensureDeferred(keep_picture()).addCallback(lambda _: False) if value else False

        self._observables["snapshot"] = state.declare(spec, kept)
        for observable in self._observables.values():
            observable.publish(observable.spec.default)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def publish(self, **values: Value) -> None:
        for name, value in values.items():
            self._observables[name].publish(value)

    def _set(self, name: str, value: Value) -> Value:
        if name == "schedule" and isinstance(value, dict):
            Schedule(value)
        if name == "events" and not (
            isinstance(value, list) and all(isinstance(kind, str) for kind in value)
        ):
            raise Invalid(name, "Value must be a list of kinds of events")
        self.values[name] = value
        self._changed(name)
        return value
