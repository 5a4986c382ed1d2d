"""Settings and facts of one camera as observables: how it is to be opened, and how it is doing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..config import CameraConfig
from ..config.source_url import shown_source
from ..state.permission import Permission
from ..state.spec import Spec, Value
from ..state.state import State
from .frame import INTER, Format
from .source import Capabilities, SourceSettings

#: What a source may deliver: camd can make pictures of nothing else.
CODECS = frozenset({"bgr", "mjpeg", "yuyv422", "nv12"}) | INTER
_R, _RW = Permission.Device_r, Permission.Device_rw
_FACTS = (
    Spec("camera/name", str, read=_R, doc="Name of the camera, for people."),
    Spec("camera/device", str, read=_R, doc="What the device calls itself."),
    Spec("camera/source", str, read=_R, doc="Where the pictures come from."),
    Spec("camera/onvif", str, default="", read=_R, doc="Address of the ONVIF device that it belongs to."),
    Spec("camera/state", str, read=_R, doc="What the camera is doing.",
         choices=("disabled", "absent", "opening", "idle", "streaming", "stalled", "backoff")),
    Spec("camera/reason", str, default="", read=_R, doc="Why the camera is not well."),
    Spec("camera/since", float, unit="s", read=_R, doc="When the state began, UTC seconds since 1970."),
    Spec("camera/online", bool, default=False, read=_R, doc="Whether the camera streams or could."),
    Spec("camera/measured_fps", int, default=0, unit="frames/s", read=_R, doc="Pictures in the last second."),
    Spec("camera/clients", int, default=0, read=_R, doc="Clients that watch now."),
    Spec("camera/drops", int, default=0, read=_R, doc="Pictures lost since the start, at any stage."),
    Spec("camera/outputs", dict, default={}, read=_R, doc="For each output: pass-through, or why it is encoded."),
)

#: The setting that a field of SourceSettings belongs to.
_NAMES = {"width": "size", "height": "size", "fps": "fps", "codec": "format"}


class Settings:
    """Size, rate, format and JPEG quality of one camera, with its facts. Reactor thread only.

    restart() opens the device again with `wanted`; its Deferred fires with True when it is open,
    with False if it was not in use. on_quality(quality) takes the JPEG quality.
    """

    def __init__(
        self,
        config: CameraConfig,
        state: State,
        restart: Callable[[], Deferred[bool]],
        on_quality: Callable[[int], None],
    ):
        self._prefix = f"cameras/{config.id}/"
        self._state = state
        self._restart = restart
        self.wanted = SourceSettings(config.name or config.id, config.address, **_configured(config))
        for spec in _FACTS:
            self._declare(spec)
        self.publish(name=config.name or config.id, source=shown_source(config.source), onvif=config.onvif)
        self._on_quality = on_quality
        quality = self._declare(
            Spec("camera/jpeg_quality", int, default=85, min=1, max=100, unit="%", read=_R, write=_RW, persist=True,
                 doc="Quality of JPEG pictures, where camd encodes them."),
            self._set_quality,
        )
        self._set_quality(quality.value if quality.target is None else quality.target)
        quality.publish(quality.value if quality.target is None else quality.target)

    def reconfigure(self, before: CameraConfig, config: CameraConfig) -> bool:
        """Take another configuration; returns whether the device has to be opened anew for it. What changed in it
        counts more than what was set since then; what did not change there stays as it was set."""
        old, new = _configured(before), _configured(config)
        changed = {key: value for key, value in new.items() if value != old[key]}
        for name in {_NAMES[key] for key in changed}:
            observable = self._state.get(self._prefix + name)
            if observable is not None:
                observable.target = None
                self._state.forget(observable.name)
        self.wanted = replace(self.wanted, camera=config.name or config.id, address=config.address, **changed)
        self.publish(name=config.name or config.id, source=shown_source(config.source), onvif=config.onvif)
        return bool(changed)

    def declare(self, capabilities: Capabilities) -> None:
        """Offer the sizes, rates and formats that this device has."""
        modes = [mode for mode in capabilities.modes if mode.codec in CODECS]
        sizes = sorted({(mode.width, mode.height) for mode in modes})
        rates = sorted({rate for mode in modes for rate in mode.rates})
        codecs = list(dict.fromkeys(mode.codec for mode in modes))
        self.publish(device=capabilities.name)
        settings = (
            Spec("camera/size", str, choices=[f"{w}x{h}" for w, h in sizes], read=_R, write=_RW if sizes else None,
                 persist=True, unit="px", doc="Width and height of the picture."),
            Spec("camera/fps", float, min=min(rates, default=1), max=max(rates, default=120), read=_R,
                 write=_RW if modes else None, persist=True, unit="frames/s", doc="Pictures per second."),
            Spec("camera/format", str, choices=codecs, read=_R, write=_RW if len(codecs) > 1 else None,
                 persist=True, doc="What the device delivers."),
        )
        for spec in settings:
            observable = self._declare(spec, partial(self._set, spec.name))
            if observable.target is not None and observable.value is None:
                self.wanted = replace(self.wanted, **_wish(observable.name, observable.target))
                observable.publish(observable.target)

    def opened(self, format: Format) -> None:
        """Publish what the device really does."""
        self.publish(size=format.size, fps=format.fps, format=format.codec)

    def publish(self, **values: Value) -> None:
        for name, value in values.items():
            observable = self._state.get(self._prefix + name)
            if observable is not None:
                observable.publish(value)

    def _declare(self, spec: Spec, apply: Callable[[Any], Any] | None = None) -> Any:
        return self._state.declare(replace(spec, name=self._prefix + spec.name.partition("/")[2]), apply)

    def _set(self, name: str, value: Value) -> Deferred[Value]:
        before = self.wanted
        self.wanted = replace(before, **_wish(name, value))

        def failed(failure: Failure) -> Failure:
            self.wanted = before
            return failure

        observable = self._state[self._prefix + name.partition("/")[2]]
        return self._restart().addCallbacks(lambda is_open: observable.value if is_open else value, failed)

    def _set_quality(self, quality: int) -> int:
        self._on_quality(quality)
        return quality


def _configured(config: CameraConfig) -> dict[str, Any]:
    """What the configuration wishes, as fields of SourceSettings."""
    width, height = config.size or (None, None)
    return {"width": width, "height": height, "fps": config.fps, "codec": config.format}


def _wish(name: str, value: Any) -> dict[str, Any]:
    """The field of SourceSettings that this setting means."""
    setting = name.rpartition("/")[2]
    if setting == "size":
        width, _, height = value.partition("x")
        return {"width": int(width), "height": int(height)}
    return {"codec" if setting == "format" else setting: value}
