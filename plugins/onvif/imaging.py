"""The Imaging service (timg): brightness, exposure, white balance and focus, on the camera's own controls.

Ranges are the camera's. What a camera lacks is not in its answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from camd.state import Observable, Value

from .access import Access
from .cameras import CameraView, changes
from .faults import Fault, invalid, missing
from .names import qualified
from .operation import Answer, Call, Service, number_of, operation, text_of
from .xml import Xml, tag

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

#: Element -> our state; in the order of the schema, as its two halves stand around the exposure.
_BEFORE = {"Brightness": "brightness", "ColorSaturation": "saturation", "Contrast": "contrast"}
_AFTER = {"Sharpness": "sharpness"}
#: V4L2 counts exposure in 100 us, ONVIF in us.
_MICROSECONDS = 100
_MANUAL = "Manual Mode"


class Controls:
    """The controls of one camera that ONVIF has words for; those it lacks are None."""

    def __init__(self, camera: CameraView):
        find = camera.observable
        self.camera = camera
        self.auto_exposure = find("auto_exposure")
        self.exposure_time = find("exposure_time_absolute")
        self.gain = find("gain")
        self.auto_white_balance = find("white_balance_automatic")
        self.red = find("red_balance") or find("red_gain")
        self.blue = find("blue_balance") or find("blue_gain")
        self.auto_focus = find("focus_automatic_continuous")
        self.focus = find("focus_absolute")
        self.backlight = find("backlight_compensation")

    def plain(self, names: dict[str, str]) -> Iterator[tuple[str, Observable]]:
        """Those that are a number in a range, by their element."""
        for element, name in names.items():
            observable = self.camera.observable(name)
            if observable is not None and observable.spec.min is not None and observable.value is not None:
                yield element, observable

    @property
    def exposure_is_automatic(self) -> bool:
        return self.auto_exposure is not None and self.auto_exposure.value not in (_MANUAL, False)

    def automatic(self) -> Value:
        """What auto_exposure must be to be automatic."""
        if self.auto_exposure is None or self.auto_exposure.spec.type is bool:
            return True
        return next((choice for choice in self.auto_exposure.spec.choices if choice != _MANUAL), _MANUAL)


class Imaging(Service):
    """Settings of the picture, by video source."""

    prefix = "timg"
    path = "imaging_service"

    def capabilities(self) -> Xml:
        return tag("timg:Capabilities", ImageStabilization=False, Presets=False, AdaptablePreset=False)

    @operation("GetImagingSettings", Access.READ_MEDIA)
    def settings(self, call: Call) -> Answer:
        return tag("timg:ImagingSettings", _settings(Controls(self._camera(call))))

    @operation("GetOptions", Access.READ_MEDIA)
    def options(self, call: Call) -> Answer:
        return tag("timg:ImagingOptions", _options(Controls(self._camera(call))))

    @operation("SetImagingSettings", Access.ACTUATE)
    async def set(self, call: Call) -> Answer:
        camera = self._camera(call)
        element = call.find("timg:ImagingSettings")
        if element is None:
            raise missing("ImagingSettings")
        try:
            await self.context.set(changes(_wishes(Controls(camera), element)), call)
        except Fault as fault:
            if "ter:ConfigModify" in fault.subcodes:
                raise invalid(fault.reason, "ter:SettingsInvalid") from None
            raise
        return None

    # -- focus

    @operation("GetMoveOptions", Access.READ_MEDIA)
    def move_options(self, call: Call) -> Answer:
        focus = Controls(self._camera(call)).focus
        span = _span(focus) if focus is not None else None
        return tag("timg:MoveOptions", tag("tt:Absolute", tag("tt:Position", span)) if span else None)

    @operation("Move", Access.ACTUATE)
    async def move(self, call: Call) -> Answer:
        focus = Controls(self._camera(call)).focus
        wanted = call.number("timg:Focus/tt:Absolute/tt:Position")
        if focus is None or wanted is None:
            raise Fault("this camera has no such focus", "ter:ActionNotSupported", "ter:NoImagingForSource",
                        sender=False)  # fmt: skip
        await self.context.set(changes([(focus, _fit(focus, wanted))]), call)
        return None

    @operation("Stop", Access.ACTUATE)
    def stop(self, call: Call) -> Answer:
        """A focus that moves absolutely is there when the device says so; nothing goes on by itself."""
        self._camera(call)
        return None

    @operation("GetStatus", Access.READ_MEDIA)
    def status(self, call: Call) -> Answer:
        focus = Controls(self._camera(call)).focus
        known = focus is not None and isinstance(focus.value, int | float)
        return tag(
            "timg:Status",
            tag("tt:FocusStatus20", tag("tt:Position", focus.value),
                tag("tt:MoveStatus", "MOVING" if focus.status == "busy" else "IDLE")) if known else None,
        )  # fmt: skip

    def _camera(self, call: Call) -> CameraView:
        return self.context.directory.source(call.needed("timg:VideoSourceToken"), call.by, "ter:NoSource")


def old_settings(camera: CameraView) -> Xml | None:
    """tt:ImagingSettings of a VideoSource in the first Media service: the numbers only."""
    numbers = [(name, observable.value) for name, observable in Controls(camera).plain({**_BEFORE, **_AFTER})]
    return (
        tag("tt:Imaging", [tag(f"tt:{name}", float(value)) for name, value in numbers]) if numbers else None
    )


def _settings(controls: Controls) -> Answer:
    c = controls
    yield (
        tag("tt:BacklightCompensation", tag("tt:Mode", "ON" if c.backlight.value else "OFF"))
        if c.backlight
        else None
    )
    for name, observable in c.plain(_BEFORE):
        yield tag(f"tt:{name}", float(observable.value))
    if c.auto_exposure is not None or c.exposure_time is not None:
        yield tag(
            "tt:Exposure",
            tag("tt:Mode", "AUTO" if c.exposure_is_automatic else "MANUAL"),
            tag("tt:ExposureTime", float(c.exposure_time.value * _MICROSECONDS))
            if _known(c.exposure_time)
            else None,
            tag("tt:Gain", float(c.gain.value)) if _known(c.gain) else None,
        )
    if c.auto_focus is not None or c.focus is not None:
        yield tag(
            "tt:Focus", tag("tt:AutoFocusMode", "AUTO" if c.auto_focus and c.auto_focus.value else "MANUAL")
        )
    for name, observable in c.plain(_AFTER):
        yield tag(f"tt:{name}", float(observable.value))
    if c.auto_white_balance is not None or c.red is not None:
        automatic = c.auto_white_balance is not None and c.auto_white_balance.value
        yield tag(
            "tt:WhiteBalance",
            tag("tt:Mode", "AUTO" if automatic else "MANUAL"),
            tag("tt:CrGain", float(c.red.value)) if _known(c.red) else None,
            tag("tt:CbGain", float(c.blue.value)) if _known(c.blue) else None,
        )


def _options(controls: Controls) -> Answer:
    c = controls
    if c.backlight is not None:
        yield tag("tt:BacklightCompensation", _modes("OFF", "ON"))
    for name, observable in c.plain(_BEFORE):
        yield tag(f"tt:{name}", _span(observable))
    if c.auto_exposure is not None or c.exposure_time is not None:
        yield tag(
            "tt:Exposure",
            _modes(*(["AUTO"] if c.auto_exposure else []), "MANUAL"),
            tag("tt:ExposureTime", _span(c.exposure_time, _MICROSECONDS)) if c.exposure_time else None,
            tag("tt:Gain", _span(c.gain)) if c.gain else None,
        )
    if c.auto_focus is not None or c.focus is not None:
        modes = (*(["AUTO"] if c.auto_focus else []), "MANUAL")
        yield tag("tt:Focus", [tag("tt:AutoFocusModes", mode) for mode in modes])
    for name, observable in c.plain(_AFTER):
        yield tag(f"tt:{name}", _span(observable))
    if c.auto_white_balance is not None or c.red is not None:
        yield tag(
            "tt:WhiteBalance",
            _modes(*(["AUTO"] if c.auto_white_balance else []), "MANUAL"),
            tag("tt:YrGain", _span(c.red)) if c.red else None,
            tag("tt:YbGain", _span(c.blue)) if c.blue else None,
        )


def _wishes(controls: Controls, element: Element) -> Iterator[tuple[Observable, Value]]:
    """What must be set, the automatic ones before the values that they would rule over."""
    c = controls

    def at(*path: str) -> Element | None:
        return element.find("/".join(qualified(f"tt:{name}") for name in path))

    def need(observable: Observable | None) -> Observable:
        if observable is None:
            raise invalid("this camera has no such setting", "ter:SettingsInvalid")
        return observable

    for name, state in {**_BEFORE, **_AFTER}.items():
        number = number_of(at(name))
        if number is not None:
            observable = need(c.camera.observable(state))
            yield observable, _fit(observable, number)
    mode = _mode(at("BacklightCompensation", "Mode"), "ON", "OFF")
    if mode and (mode == "ON" or c.backlight):
        backlight = need(c.backlight)
        yield backlight, (mode == "ON") if backlight.spec.type is bool else int(mode == "ON")
    mode = _mode(at("Exposure", "Mode"), "AUTO", "MANUAL")
    if mode and (mode == "AUTO") != c.exposure_is_automatic:
        automatic = need(c.auto_exposure)
        manual: Value = False if automatic.spec.type is bool else _MANUAL
        yield automatic, c.automatic() if mode == "AUTO" else manual
    if mode == "MANUAL":
        time = number_of(at("Exposure", "ExposureTime"))
        if time is not None:
            yield need(c.exposure_time), _fit(need(c.exposure_time), time / _MICROSECONDS)
        gain = number_of(at("Exposure", "Gain"))
        if gain is not None:
            yield need(c.gain), _fit(need(c.gain), gain)
    mode = _mode(at("Focus", "AutoFocusMode"), "AUTO", "MANUAL")
    if mode and (mode == "AUTO" or c.auto_focus):
        yield need(c.auto_focus), mode == "AUTO"
    mode = _mode(at("WhiteBalance", "Mode"), "AUTO", "MANUAL")
    if mode and (mode == "AUTO" or c.auto_white_balance):
        yield need(c.auto_white_balance), mode == "AUTO"
    if mode == "MANUAL":
        for name, observable in (("CrGain", c.red), ("CbGain", c.blue)):
            number = number_of(at("WhiteBalance", name))
            if number is not None:
                yield need(observable), _fit(need(observable), number)


def _mode(element: Element | None, *known: str) -> str | None:
    text = text_of(element)
    if text is not None and text not in known:
        raise invalid(f"the mode is {' or '.join(known)}", "ter:SettingsInvalid")
    return text


def _fit(observable: Observable, number: float) -> Value:
    """The number as the state has it, to its step."""
    if observable.spec.type is not int:
        return float(number)
    low, step = int(observable.spec.min or 0), int(observable.spec.step or 1)
    return low + round((number - low) / step) * step


def _span(observable: Observable, factor: float = 1) -> Answer:
    low, high = observable.spec.min or 0, observable.spec.max or 0
    return tag("tt:Min", float(low * factor)), tag("tt:Max", float(high * factor))


def _modes(*modes: str) -> Answer:
    return [tag("tt:Mode", mode) for mode in modes]


def _known(observable: Observable | None) -> bool:
    return observable is not None and isinstance(observable.value, int | float)
