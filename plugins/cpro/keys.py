"""The product's names, in one table: what each is called where, and what it means to camd.

`{main}`, `{1}` and `{2}` in a state name are the main, the first and the second camera of the configuration;
`a|b` is whichever of the two there is. A key without a state, or whose state is not there, is for hardware
that is missing: it reads as `default`, confirms being set to that, and refuses all else with `missing`.
Permissions are asked in addition to those of the states behind a key.
"""

from __future__ import annotations

from dataclasses import dataclass

from camd.state import Permission, Value

from .forms import (
    Automatic,
    Choice,
    Flag,
    Flip,
    Form,
    Head,
    Memory,
    Quality,
    Rate,
    Record,
    Resolution,
    Scale,
    WhiteBalance,
    Whole,
)

NO_LIGHT = "this camera has no light"
NO_CONTROL = "this camera has no such control"
NO_CAMERA = "there is no other camera"
NO_PICTURES = "no picture can be kept now; get /camera.jpeg"
NO_NAMES = "recordings are named after their time; tag them"
NO_RECORDING = "nothing can be recorded now"


@dataclass(frozen=True, slots=True)
class Key:
    """key: the name at /api/v1, "" if it has none; native: the name at /api, "" if it has none;
    states: the observables behind it; read, write: permissions, write None for what only tells."""

    key: str
    native: str
    states: tuple[str, ...]
    form: Form
    default: Value
    read: Permission
    write: Permission | None
    missing: str = NO_CONTROL


_r, _rw = Permission.Device_r, Permission.Device_rw
_mr, _mrw = Permission.Media_r, Permission.Media_rw
_sr = Permission.System_r
_PERCENT = Scale(0, 100)

KEYS = (
    Key("cam1-light", "light0", ("cameras/{1}/illuminator_1",), Flag(), False, _r, _rw, NO_LIGHT),
    Key("cam2-light", "light1", ("cameras/{2}/illuminator_1",), Flag(), False, _r, _rw, NO_LIGHT),
    Key("cam1-exists", "cam0Exists", ("cameras/{1}/online",), Flag(), False, _r, None),
    Key("cam2-exists", "cam1Exists", ("cameras/{2}/online",), Flag(), False, _r, None),
    Key("main-camera", "cameraSwitch", ("system/main_camera",), Head(1), 1, _r, _rw, NO_CAMERA),
    Key("", "activeCameraHead", ("system/main_camera",), Head(0), 0, _r, _rw, NO_CAMERA),
    Key("cam1-sensor", "cam0SelectedSensor", (), Whole(1), 1, _r, _rw, "this camera has one sensor"),
    Key("cam2-sensor", "cam1SelectedSensor", (), Whole(1), 1, _r, _rw, "this camera has one sensor"),

    Key("resolution", "resolution", ("cameras/{main}/size",), Resolution(), "1920x1080", _r, _rw,
        "this camera has one resolution"),
    Key("fps", "fps", ("cameras/{main}/fps",), Rate(5, 60), 30, _r, _rw, "this camera has one rate"),
    Key("pip-mode", "pip", ("pip/mode",), Choice(("off", "on")), "off", _mr, _mrw,
        "the plugin pip is switched off"),
    Key("brightness", "brightness", ("cameras/{main}/brightness",), _PERCENT, 50, _r, _rw),
    Key("contrast", "contrast", ("cameras/{main}/contrast",), _PERCENT, 50, _r, _rw),
    Key("sharpness", "sharpness", ("cameras/{main}/sharpness",), _PERCENT, 50, _r, _rw),
    Key("saturation", "saturation", ("cameras/{main}/saturation",), _PERCENT, 50, _r, _rw),
    Key("", "hue", ("cameras/{main}/hue",), Scale(-180, 180), 0, _r, _rw),
    Key("gain", "gain", ("cameras/{main}/gain",), _PERCENT, None, _r, _rw),
    Key("red-gain", "redGain", ("cameras/{main}/red_balance",), _PERCENT, None, _r, _rw),
    Key("blue-gain", "blueGain", ("cameras/{main}/blue_balance",), _PERCENT, None, _r, _rw),
    Key("auto-exposure", "exposure", ("cameras/{main}/auto_exposure",), Automatic(), None, _r, _rw),
    Key("auto-white-balance", "", ("cameras/{main}/white_balance_automatic|white_balance_auto_preset",),
        Automatic(), None, _r, _rw),
    Key("", "whiteBalance", ("cameras/{main}/white_balance_automatic|white_balance_auto_preset",
                             "cameras/{main}/white_balance_temperature"), WhiteBalance(), None, _r, _rw),
    Key("noise-supression", "noiseSuppression", ("cameras/{main}/noise_reduction",), Flag(), None, _r, _rw),
    Key("", "videoFlip", ("cameras/{main}/horizontal_flip", "cameras/{main}/vertical_flip"), Flip(), None,
        _r, _rw),

    Key("record", "record", ("cameras/{main}/recording/state",), Record(), False, _mr, _mrw, NO_RECORDING),
    Key("", "recordingState", ("cameras/{main}/recording/state",), Form(), "stopped", _mr, None),
    Key("", "currentRecordingFile", ("cameras/{main}/recording/file",), Form(), "", _mr, None),
    Key("", "changePostName", (), Form(), None, _mr, _mrw, NO_NAMES),
    Key("snap", "takePicture", ("cameras/{main}/recording/snapshot",), Flag(), False, _mr, _mrw, NO_PICTURES),
    Key("jpeg-quality", "pictureQuality", ("cameras/{main}/jpeg_quality",), Quality(0, 100), 85, _mr, _mrw),

    Key("", "hostname", ("system/name",), Form(), None, _sr, None),
    Key("", "swVersionNumber", ("system/version",), Form(), None, _sr, None),
    Key("", "cpuUsage", ("system/cpu_total",), Form(), None, _sr, None),
    Key("", "memoryUsage", ("system/memory_available", "system/memory_total"), Memory(), None, _sr, None),
)  # fmt: skip
