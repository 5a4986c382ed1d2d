"""The PTZ service (tptz): moves, presets, home and status of every camera, whatever moves in it."""

from __future__ import annotations

from typing import Any

from camd.errors import Invalid

from .access import Access
from .cameras import CameraView
from .configurations import Configurations
from .faults import Fault, invalid
from .operation import Answer, Call, Service, operation
from .ptz_spaces import (
    DEFAULT_TIMEOUT,
    FIELD_OF_VIEW,
    POSITION,
    SPEED,
    TRANSLATION,
    VELOCITY,
    ZOOM_POSITION,
    ZOOM_SPEED,
    ZOOM_TRANSLATION,
    ZOOM_VELOCITY,
    Vector,
    from_share,
    position,
    spaces,
)
from .xml import Xml, parse_duration, tag, utc

MOST_PRESETS = 64
#: camd's name of the place at rest; it is no preset of ONVIF.
HOME = "home"


class Ptz(Service):
    """Everything about where a camera looks."""

    prefix = "tptz"
    path = "ptz_service"

    def capabilities(self) -> Xml:
        return tag(
            "tptz:Capabilities",
            EFlip=False,
            Reverse=False,
            GetCompatibleConfigurations=True,
            MoveStatus=True,
            StatusPosition=True,
        )

    # -- what there is

    @operation("GetNodes", Access.READ_MEDIA)
    def nodes(self, call: Call) -> Answer:
        return [_node(camera) for camera in self._cameras(call)]

    @operation("GetNode", Access.READ_MEDIA)
    def node(self, call: Call) -> Answer:
        return _node(
            self.context.directory.find("PTZNode", call.needed("tptz:NodeToken"), call.by, "ter:NoEntity")
        )

    @operation("GetConfigurations", Access.READ_MEDIA)
    def configurations(self, call: Call) -> Answer:
        write = Configurations(self.context, call.by)
        return [write.ptz("tptz:PTZConfiguration", camera) for camera in self._cameras(call)]

    @operation("GetConfiguration", Access.READ_MEDIA)
    def configuration(self, call: Call) -> Answer:
        camera = self.context.directory.find("PTZ", call.needed("tptz:PTZConfigurationToken"), call.by)
        return Configurations(self.context, call.by).ptz("tptz:PTZConfiguration", camera)

    @operation("GetCompatibleConfigurations", Access.READ_MEDIA)
    def compatible(self, call: Call) -> Answer:
        profile = self.context.profiles.find(call.needed("tptz:ProfileToken"), call.by)
        write = Configurations(self.context, call.by)
        return [
            write.ptz("tptz:PTZConfiguration", one)
            for one in self._cameras(call)
            if profile.camera in ("", one.id)
        ]

    @operation("GetConfigurationOptions", Access.READ_MEDIA)
    def options(self, call: Call) -> Answer:
        camera = self.context.directory.find("PTZ", call.needed("tptz:ConfigurationToken"), call.by)
        return tag("tptz:PTZConfigurationOptions", tag("tt:Spaces", spaces(camera.camera.ptz.axes)),
                   tag("tt:PTZTimeout", tag("tt:Min", "PT0.1S"), tag("tt:Max", "PT60S")))  # fmt: skip

    @operation("SetConfiguration", Access.ACTUATE)
    def set_configuration(self, call: Call) -> Answer:
        """Taken if it is one of ours; there is nothing in it that could be another."""
        element = call.find("tptz:PTZConfiguration")
        self.context.directory.find(
            "PTZ", (element.get("token") if element is not None else "") or "", call.by
        )
        return None

    def _cameras(self, call: Call) -> list[CameraView]:
        return [camera for camera in self.context.directory.all(call.by) if camera.has_ptz]

    def _head(self, call: Call) -> Any:
        """What moves for the profile in the request. Raises Fault."""
        profile = self.context.profiles.find(call.needed("tptz:ProfileToken"), call.by)
        camera = self.context.profiles.camera(profile)
        if camera is None or not profile.ptz or not camera.has_ptz:
            raise invalid("the profile has no PTZ configuration", "ter:NoPTZProfile")
        return camera.camera.ptz

    # -- moves

    @operation("AbsoluteMove", Access.ACTUATE)
    def absolute(self, call: Call) -> Answer:
        head = self._head(call)
        wanted = Vector(call.find("tptz:Position"), POSITION, ZOOM_POSITION)
        pan, tilt, zoom = head.position
        if wanted.pan_tilt is not None:
            pan, tilt = wanted.pan_tilt
        if wanted.zoom is not None:
            if wanted.zoom < 0:
                raise invalid("zoom is 0 to 1", "ter:InvalidPosition")
            zoom = from_share(wanted.zoom, head.most_zoom)
        head.move(pan, tilt, zoom, _speed(call))
        return None

    @operation("RelativeMove", Access.ACTUATE)
    def relative(self, call: Call) -> Answer:
        head = self._head(call)
        wanted = Vector(call.find("tptz:Translation"), TRANSLATION, FIELD_OF_VIEW, ZOOM_TRANSLATION)
        speed = _speed(call)
        if wanted.space == FIELD_OF_VIEW and wanted.pan_tilt is not None and not wanted.zoom:
            head.shift(wanted.pan_tilt[0] / 2, wanted.pan_tilt[1] / 2, 0.0, speed)
            return None
        pan, tilt, zoom = head.position
        if wanted.pan_tilt is not None:
            share = 1.0 if wanted.space != FIELD_OF_VIEW else 1 / zoom
            pan, tilt = _within(pan + wanted.pan_tilt[0] * share), _within(tilt + wanted.pan_tilt[1] * share)
        if wanted.zoom is not None:
            zoom = min(head.most_zoom, max(1.0, zoom + wanted.zoom * (head.most_zoom - 1)))
        head.move(pan, tilt, zoom, speed)
        return None

    @operation("ContinuousMove", Access.ACTUATE)
    def continuous(self, call: Call) -> Answer:
        head = self._head(call)
        wanted = Vector(call.find("tptz:Velocity"), VELOCITY, ZOOM_VELOCITY)
        text = call.text("tptz:Timeout")
        seconds = DEFAULT_TIMEOUT if text is None else parse_duration(text)
        if seconds is None or seconds <= 0:
            raise invalid("this is no time to move for", "ter:TimeoutNotSupported")
        pan, tilt = wanted.pan_tilt or (0.0, 0.0)
        head.drive(pan, tilt, wanted.zoom or 0.0, seconds)
        return None

    @operation("Stop", Access.ACTUATE)
    def stop(self, call: Call) -> Answer:
        pan_tilt, zoom = call.flag("tptz:PanTilt"), call.flag("tptz:Zoom")
        self._head(call).stop(pan_tilt is not False, zoom is not False)
        return None

    @operation("GetStatus", Access.READ_MEDIA)
    def status(self, call: Call) -> Answer:
        head = self._head(call)
        moving = "MOVING" if head.moving else "IDLE"
        return tag(
            "tptz:PTZStatus",
            position("tt:Position", head.position, head.most_zoom),
            tag("tt:MoveStatus", tag("tt:PanTilt", moving), tag("tt:Zoom", moving)),
            tag("tt:UtcTime", utc(self.context.clock.now())),
        )

    # -- presets

    @operation("GetPresets", Access.READ_MEDIA)
    def presets(self, call: Call) -> Answer:
        head = self._head(call)
        return [
            tag(
                "tptz:Preset",
                tag("tt:Name", name),
                position("tt:PTZPosition", place, head.most_zoom),
                token=name,
            )
            for name, place in head.presets.items()
            if name != HOME
        ]

    @operation("SetPreset", Access.ACTUATE)
    def set_preset(self, call: Call) -> Answer:
        head = self._head(call)
        name, token = call.text("tptz:PresetName"), call.text("tptz:PresetToken")
        known = head.presets
        if token:
            if token not in known or token == HOME:
                raise invalid("there is no preset with this token", "ter:NoToken")
        elif name:
            if name in known or name == HOME:
                raise invalid("there is a preset of this name", "ter:PresetExist")
        else:
            name = next(f"Preset {n}" for n in range(1, MOST_PRESETS + 2) if f"Preset {n}" not in known)
        if head.moving:
            raise Fault("the camera moves", "ter:Action", "ter:MovingPTZ", sender=False)
        if not token and len(known) >= MOST_PRESETS:
            raise Fault(
                "there are as many presets as there may be", "ter:Action", "ter:TooManyPresets", sender=False
            )
        try:
            head.save(token or name)
        except Invalid as error:
            raise invalid(error.reason, "ter:InvalidPresetName") from None
        return tag("tptz:PresetToken", token or name)

    @operation("RemovePreset", Access.ACTUATE)
    def remove_preset(self, call: Call) -> Answer:
        head = self._head(call)
        head.forget(_known(call, head))
        return None

    @operation("GotoPreset", Access.ACTUATE)
    def go(self, call: Call) -> Answer:
        head = self._head(call)
        head.go(_known(call, head), _speed(call))
        return None

    @operation("GotoHomePosition", Access.ACTUATE)
    def go_home(self, call: Call) -> Answer:
        self._head(call).go(HOME, _speed(call))
        return None

    @operation("SetHomePosition", Access.ACTUATE)
    def set_home(self, call: Call) -> Answer:
        self._head(call).save(HOME)
        return None


def _node(camera: CameraView) -> Xml:
    return tag(
        "tptz:PTZNode", tag("tt:Name", camera.name[:64]), tag("tt:SupportedPTZSpaces", spaces(camera.camera.ptz.axes)),
        tag("tt:MaximumNumberOfPresets", MOST_PRESETS), tag("tt:HomeSupported", True),
        token=camera.token("PTZNode"), FixedHomePosition=False, GeoMove=False,
    )  # fmt: skip


def _known(call: Call, head: Any) -> str:
    token = call.needed("tptz:PresetToken")
    if token not in head.presets or token == HOME:
        raise invalid("there is no preset with this token", "ter:NoToken")
    return token


def _speed(call: Call) -> float:
    return Vector(call.find("tptz:Speed"), SPEED, ZOOM_SPEED).speed


def _within(value: float) -> float:
    return max(-1.0, min(1.0, value))
