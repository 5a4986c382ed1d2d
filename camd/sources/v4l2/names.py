"""The standard controls of linux/v4l2-controls.h: names, units, and which automatic governs what.

The names are those of the kernel's own descriptions, in the spelling of the common V4L2 tools.
"""

from __future__ import annotations

_USER, _CAMERA, _JPEG = 0x00980900, 0x009A0900, 0x009D0900  # V4L2_CID_BASE and the like

#: V4L2_CID_* -> name.
NAMES: dict[int, str] = {
    _USER + 0: "brightness",
    _USER + 1: "contrast",
    _USER + 2: "saturation",
    _USER + 3: "hue",
    _USER + 12: "white_balance_automatic",
    _USER + 13: "do_white_balance",
    _USER + 14: "red_balance",
    _USER + 15: "blue_balance",
    _USER + 16: "gamma",
    _USER + 17: "exposure",
    _USER + 18: "gain_automatic",
    _USER + 19: "gain",
    _USER + 20: "horizontal_flip",
    _USER + 21: "vertical_flip",
    _USER + 24: "power_line_frequency",
    _USER + 25: "hue_automatic",
    _USER + 26: "white_balance_temperature",
    _USER + 27: "sharpness",
    _USER + 28: "backlight_compensation",
    _USER + 29: "chroma_agc",
    _USER + 30: "color_killer",
    _USER + 31: "color_effects",
    _USER + 32: "brightness_automatic",
    _USER + 33: "band_stop_filter",
    _USER + 34: "rotate",
    _USER + 36: "chroma_gain",
    _USER + 37: "illuminator_1",
    _USER + 38: "illuminator_2",
    _CAMERA + 1: "auto_exposure",
    _CAMERA + 2: "exposure_time_absolute",
    _CAMERA + 3: "exposure_dynamic_framerate",
    _CAMERA + 4: "pan_relative",
    _CAMERA + 5: "tilt_relative",
    _CAMERA + 6: "pan_reset",
    _CAMERA + 7: "tilt_reset",
    _CAMERA + 8: "pan_absolute",
    _CAMERA + 9: "tilt_absolute",
    _CAMERA + 10: "focus_absolute",
    _CAMERA + 11: "focus_relative",
    _CAMERA + 12: "focus_automatic_continuous",
    _CAMERA + 13: "zoom_absolute",
    _CAMERA + 14: "zoom_relative",
    _CAMERA + 15: "zoom_continuous",
    _CAMERA + 16: "privacy",
    _CAMERA + 17: "iris_absolute",
    _CAMERA + 18: "iris_relative",
    _CAMERA + 19: "auto_exposure_bias",
    _CAMERA + 20: "white_balance_auto_preset",
    _CAMERA + 21: "wide_dynamic_range",
    _CAMERA + 22: "image_stabilization",
    _CAMERA + 23: "iso_sensitivity",
    _CAMERA + 24: "iso_sensitivity_auto",
    _CAMERA + 25: "exposure_metering_mode",
    _CAMERA + 26: "scene_mode",
    _CAMERA + 28: "auto_focus_start",
    _CAMERA + 29: "auto_focus_stop",
    _CAMERA + 31: "auto_focus_range",
    _CAMERA + 32: "pan_speed",
    _CAMERA + 33: "tilt_speed",
    _JPEG + 3: "compression_quality",
}

#: Name -> unit, where the standard gives one.
UNITS = {
    "white_balance_temperature": "K",
    "exposure_time_absolute": "100 µs",
    "pan_absolute": "arcsec",
    "tilt_absolute": "arcsec",
    "pan_relative": "arcsec",
    "tilt_relative": "arcsec",
    "rotate": "°",
    "compression_quality": "%",
}

_OFF = frozenset({0})
_WHITE_BALANCE = (("white_balance_automatic", _OFF), ("white_balance_auto_preset", _OFF))
# V4L2_EXPOSURE_AUTO 0, _MANUAL 1, _SHUTTER_PRIORITY (the iris is automatic) 2, _APERTURE_PRIORITY (the
# time is automatic) 3
_TIME = (("auto_exposure", frozenset({1, 2})),)
_IRIS = (("auto_exposure", frozenset({1, 3})),)

#: Manual value -> the automatics that may govern it, each with its raw values under which it does not.
GOVERNORS: dict[str, tuple[tuple[str, frozenset[int]], ...]] = {
    "brightness": (("brightness_automatic", _OFF),),
    "hue": (("hue_automatic", _OFF),),
    "white_balance_temperature": _WHITE_BALANCE,
    "red_balance": _WHITE_BALANCE,
    "blue_balance": _WHITE_BALANCE,
    "chroma_gain": (("chroma_agc", _OFF),),
    "exposure": _TIME,
    "exposure_time_absolute": _TIME,
    "iris_absolute": _IRIS,
    "iris_relative": _IRIS,
    "gain": (("gain_automatic", _OFF), ("auto_exposure", frozenset({1}))),
    "iso_sensitivity": (("iso_sensitivity_auto", _OFF),),
    "focus_absolute": (("focus_automatic_continuous", _OFF),),
    "focus_relative": (("focus_automatic_continuous", _OFF),),
}
