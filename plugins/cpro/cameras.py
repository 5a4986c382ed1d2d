"""The routes about cameras: what there is, how it is set, and setting it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from camd.errors import Invalid, Refused, SourceError
from camd.state import Observable, Permission, Principal, Value

from .forms import LEAVE, Automatic, Resolution
from .resource import body_of, tells

if TYPE_CHECKING:
    from camd.app import App

#: The product's name of a setting -> the state's.
SETTINGS = {"resolution": "size", "framerate": "fps", "format": "format"}
#: The names of PUT /api/camera/controls -> the state's.
CONTROLS = {
    "exposure_auto": "auto_exposure",
    "exposure_absolute": "exposure_time_absolute",
    "white_balance_auto": "white_balance_automatic",
    "white_balance_temperature": "white_balance_temperature",
    "brightness": "brightness",
    "contrast": "contrast",
    "saturation": "saturation",
    "hue": "hue",
    "focus_auto": "focus_automatic_continuous",
    "focus_absolute": "focus_absolute",
}
#: V4L2's numbers for exposure_auto of which the camera chooses the time (linux/v4l2-controls.h).
_AUTOMATIC_EXPOSURE = {0: True, 1: False, 2: False, 3: True}
#: What a control that may be automatic is tried with to describe it, beside its own choices.
_AUTOMATIC = (True, False, *_AUTOMATIC_EXPOSURE, "auto", "manual", "on", "off")
_SET: dict[str, Any] = {
    "resolution": {"type": ["string", "null"]},
    "framerate": {"type": ["number", "null"], "description": "Pictures per second"},
    "format": {"type": ["string", "null"]},
}
_SUCCESS = {"type": "boolean"}
#: A state without its device.
_GONE = "The device is not there"


class Cameras:
    """Answers the routes about cameras. Reactor thread only."""

    def __init__(self, app: App):
        self._app = app

    def status(self, request: Any) -> Any:
        """GET /api/camera/status: the cameras, and how they are."""
        by, main = request.principal, self._app.cameras.main
        cameras = [camera for camera in self._app.cameras.values() if _may(by, camera.id)]
        return {
            "cameras": [
                {
                    "id": camera.id,
                    "connected": camera.online,
                    "device": self._value(camera.id, "source"),
                    "name": camera.name,
                    "driver": camera.config.source.partition(":")[0],
                    "resolution": self._value(camera.id, "size"),
                    "framerate": self._value(camera.id, "fps"),
                    "format": self._value(camera.id, "format"),
                    "capabilities": self._capabilities(camera.id),
                }
                for camera in cameras
            ],
            "active_camera": main.id if main in cameras else None,
            "streaming": any(camera.status == "streaming" for camera in cameras),
        }

    def info(self, request: Any) -> Any:
        """GET /api/camera/info: what the main camera is, can and does."""
        id = self._main(request.principal)
        return {
            "device": {
                "path": self._value(id, "source"),
                "name": self._value(id, "device"),
                "driver": self._app.cameras[id].config.source.partition(":")[0],
            },
            "capabilities": self._capabilities(id),
            "current_settings": self._settings(id),
        }

    @tells({200: ("null is not known", {"type": "object", "properties": _SET, "required": list(_SET)})})
    def settings(self, request: Any) -> Any:
        """GET /api/camera/settings: how the main camera is set."""
        return self._settings(self._main(request.principal))

    def _settings_body(self, by: Principal) -> dict[str, Any]:
        """What the main camera takes as settings now, in JSON Schema with Specs."""
        takes: dict[str, Any] = {}
        for name, observable in self._changeable(by, SETTINGS).items():
            takes[name] = observable.spec
            if name == "resolution":
                takes[name] = {"enum": [size for size in observable.spec.choices if _is_resolution(size)]}
        return _closed(takes)

    @tells(
        {
            200: (
                "What they are now",
                {"type": "object", "properties": {"success": _SUCCESS, **_SET}, "required": ["success", *_SET]},
            ),
            409: _GONE,
        },
        _settings_body,
    )
    async def change_settings(self, request: Any) -> Any:
        """PUT /api/camera/settings {"resolution", "framerate", "format"}: set the main camera."""
        body, id = body_of(request), self._main(request.principal)
        wanted: dict[str, Any] = {}
        for name, value in body.items():
            if name not in SETTINGS:
                raise Invalid(name, f"is none of {', '.join(SETTINGS)}")
            if name == "resolution":
                _check_resolution(value)
            wanted[name] = value
        try:
            await self._set(request, {_state(id, SETTINGS[name]): name for name in wanted}, wanted)
        except Invalid as error:
            if error.key == "resolution":
                error.code = "INVALID_RESOLUTION"
            raise
        return {"success": True, **self._settings(id)}

    def _controls_body(self, by: Principal) -> dict[str, Any]:
        """What the main camera takes as controls now, in JSON Schema with Specs."""
        takes: dict[str, Any] = {}
        for name, observable in self._changeable(by, CONTROLS).items():
            takes[name] = {"enum": _ways(name, observable)} if name.endswith("_auto") else observable.spec
        return _closed(takes)

    @tells(
        {
            200: (
                "What those of the body are now, as the state has them",
                {
                    "type": "object",
                    "properties": {"success": _SUCCESS, "controls": {"type": "object"}},
                    "required": ["success", "controls"],
                },
            ),
            409: _GONE,
        },
        _controls_body,
    )
    async def change_controls(self, request: Any) -> Any:
        """PUT /api/camera/controls: set controls of the main camera, in its own numbers."""
        body, id = body_of(request), self._main(request.principal)
        names: dict[str, str] = {}
        wanted: dict[str, Any] = {}
        for name, value in body.items():
            observable = self._app.state.get(_state(id, CONTROLS.get(name, name)))
            if name not in CONTROLS or observable is None:
                raise Invalid(name, "this camera has no such control")
            names[observable.name] = name
            wanted[name] = _control(name, value, observable)
        done = await self._set(request, names, wanted)
        return {"success": True, "controls": done}

    async def _set(self, request: Any, names: dict[str, str], wanted: dict[str, Any]) -> dict[str, Value]:
        """Set states under the names that the product has for them; errors speak of those."""
        values = {state: wanted[name] for state, name in names.items()}
        try:
            done = await self._app.api.set(values, request.principal, address=request.address)
        except Invalid as error:
            raise Invalid(names.get(error.key, error.key), error.reason) from None
        return {names[state]: value for state, value in done.items()}

    def _changeable(self, by: Principal, names: Mapping[str, str]) -> dict[str, Observable]:
        """Those of the product's names behind which the main camera has something that can be set; none where it is
        not for this reader to know."""
        main = self._app.cameras.main
        if main is None or not _may(by, main.id):
            return {}
        found = {name: self._app.state.get(_state(main.id, state)) for name, state in names.items()}
        return {name: o for name, o in found.items() if o is not None and o.spec.write is not None}

    def _main(self, by: Principal) -> str:
        main = self._app.cameras.main
        if main is None:
            raise SourceError("There is no camera")
        if not _may(by, main.id):
            raise Refused("camera", Permission.Device_r)
        return main.id

    def _settings(self, id: str) -> dict[str, Value]:
        return {name: self._value(id, state) for name, state in SETTINGS.items()}

    def _capabilities(self, id: str) -> dict[str, Any]:
        sizes, rates, formats = (self._app.state.get(_state(id, name)) for name in ("size", "fps", "format"))
        found = [size.split("x") for size in (sizes.spec.choices if sizes else ())]
        limits = {rates.spec.min, rates.spec.max} - {None} if rates else set()
        return {
            "resolutions": [{"width": int(width), "height": int(height)} for width, height in found],
            "formats": list(formats.spec.choices) if formats else [],
            "frame_rates": sorted(limits),
        }

    def _value(self, id: str, name: str) -> Value:
        observable = self._app.state.get(_state(id, name))
        return observable.value if observable is not None else None


def _state(id: str, name: str) -> str:
    return f"cameras/{id}/{name}"


def _may(by: Principal, id: str) -> bool:
    return by.may(Permission.Device_r, _state(id, ""))


def _closed(takes: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a body with any of these members."""
    return {"type": "object", "properties": takes, "additionalProperties": False}


def _is_resolution(value: Any) -> bool:
    try:
        _check_resolution(value)
    except Invalid:
        return False
    return True


def _check_resolution(value: Any) -> None:
    try:
        Resolution().check(value)
    except ValueError as error:
        invalid = Invalid("resolution", str(error))
        invalid.code = "INVALID_RESOLUTION"
        raise invalid from None


def _ways(name: str, observable: Observable) -> list[Value]:
    """All values of a control that may be automatic which this camera takes."""
    found: list[Value] = []
    for value in (*_AUTOMATIC, *observable.spec.choices):
        try:
            _control(name, value, observable)
        except Invalid:
            continue
        found.append(value)
    return found


def _control(name: str, value: Any, observable: Observable) -> Value:
    """A value as the state takes it: switches also by word, exposure also by V4L2's numbers."""
    if not name.endswith("_auto"):
        # JSON has one kind of number: 1.0 is an integer there.
        whole = observable.spec.type is int and type(value) is float and value.is_integer()
        return int(value) if whole else value
    if name == "exposure_auto" and type(value) is int:
        value = _AUTOMATIC_EXPOSURE.get(value, value)
    elif type(value) is int and value in (0, 1):
        value = bool(value)
    if value in observable.spec.choices:
        return value
    form = Automatic()
    try:
        (taken,) = form.write(form.check(value), observable)
    except ValueError as error:
        raise Invalid(name, str(error)) from None
    return observable.value if taken is LEAVE else taken
