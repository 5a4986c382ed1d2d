"""On-screen display (trt and tr2): the text and time that camd writes into the picture.

A camera has one text, at one place: as ONVIF has it, an OSD of the type Plain, or DateAndTime if the time
is shown. It exists as long as there is something to show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from camd.state import Observable, Value

from .access import Access
from .cameras import CameraView, changes
from .faults import Fault, invalid, missing
from .names import qualified
from .operation import Answer, Call, Service, operation, text_of
from .xml import Xml, tag

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

POSITIONS = {
    "top-left": "UpperLeft",
    "top-right": "UpperRight",
    "bottom-left": "LowerLeft",
    "bottom-right": "LowerRight",
}
_PLACES = {name: place for place, name in POSITIONS.items()}


class _Osd(Service):
    """The same operations in both namespaces."""

    @operation("GetOSDs", Access.READ_MEDIA)
    def all(self, call: Call) -> Answer:
        token, wanted = call.text(f"{self.prefix}:OSDToken"), call.text(f"{self.prefix}:ConfigurationToken")
        if wanted:
            cameras = [self.context.directory.find("VideoSourceConfig", wanted, call.by)]
        else:
            cameras = list(self.context.directory.all(call.by))
        found = [camera for camera in cameras if _shows(camera) and token in (None, camera.token("OSD"))]
        if token and not found:
            raise invalid("there is no OSD with this token", "ter:NoConfig")
        return [_osd(f"{self.prefix}:OSDs", camera) for camera in found]

    @operation("GetOSDOptions", Access.READ_MEDIA)
    def options(self, call: Call) -> Answer:
        wanted = call.needed(f"{self.prefix}:ConfigurationToken")
        camera = self.context.directory.find("VideoSourceConfig", wanted, call.by)
        count = 1 if camera.observable("overlay/text") else 0
        return tag(
            f"{self.prefix}:OSDOptions",
            tag(
                "tt:MaximumNumberOfOSDs",
                Total=count,
                Image=0,
                PlainText=count,
                Date=0,
                Time=0,
                DateAndTime=count,
            ),
            tag("tt:Type", "Text"),
            [tag("tt:PositionOption", position) for position in POSITIONS.values()],
            tag(
                "tt:TextOption",
                tag("tt:Type", "Plain"),
                tag("tt:Type", "DateAndTime"),
                tag("tt:DateFormat", "yyyy-MM-dd"),
                tag("tt:TimeFormat", "HH:mm:ss"),
            ),
        )

    @operation("SetOSD", Access.ACTUATE)
    async def set(self, call: Call) -> Answer:
        element = call.find(f"{self.prefix}:OSD")
        camera = self._camera(call, element.get("token") if element is not None else None)
        await self.context.set(_taken(camera, element), call)
        return None

    @operation("CreateOSD", Access.ACTUATE)
    async def create(self, call: Call) -> Answer:
        element = call.find(f"{self.prefix}:OSD")
        if element is None:
            raise missing("OSD")
        wanted = text_of(element.find(qualified("tt:VideoSourceConfigurationToken"))) or ""
        camera = self.context.directory.find("VideoSourceConfig", wanted, call.by)
        if _shows(camera) or camera.observable("overlay/text") is None:
            raise Fault("this camera can show no more", "ter:Action", "ter:MaxOSDs", sender=False)
        await self.context.set(_taken(camera, element), call)
        return tag(f"{self.prefix}:OSDToken", camera.token("OSD"))

    @operation("DeleteOSD", Access.ACTUATE)
    async def delete(self, call: Call) -> Answer:
        camera = self._camera(call, call.needed(f"{self.prefix}:OSDToken"))
        nothing = ((camera.observable("overlay/text"), ""), (camera.observable("overlay/time"), False))
        await self.context.set(changes(nothing), call)
        return None

    def _camera(self, call: Call, token: str | None) -> CameraView:
        camera = self.context.directory.find("OSD", token or "", call.by)
        if not _shows(camera):
            raise invalid("there is no OSD with this token", "ter:NoConfig")
        return camera


class MediaOsd(_Osd):
    """Of the first Media service."""

    prefix = "trt"

    @operation("GetOSD", Access.READ_MEDIA)
    def one(self, call: Call) -> Answer:
        return _osd("trt:OSD", self._camera(call, call.needed("trt:OSDToken")))


class Media2Osd(_Osd):
    """Of the second."""

    prefix = "tr2"


def _shows(camera: CameraView) -> bool:
    return bool(camera.value("overlay/text") or camera.value("overlay/time"))


def _osd(name: str, camera: CameraView) -> Xml:
    with_time = camera.value("overlay/time")
    text = camera.value("overlay/text") or ""
    position = POSITIONS.get(str(camera.value("overlay/position")), "UpperLeft")
    return tag(
        name,
        tag("tt:VideoSourceConfigurationToken", camera.token("VideoSourceConfig")),
        tag("tt:Type", "Text"),
        tag("tt:Position", tag("tt:Type", position)),
        tag("tt:TextString", tag("tt:Type", "DateAndTime"), tag("tt:DateFormat", "yyyy-MM-dd"),
            tag("tt:TimeFormat", "HH:mm:ss"), tag("tt:PlainText", text) if text else None)
        if with_time else tag("tt:TextString", tag("tt:Type", "Plain"), tag("tt:PlainText", text)),
        token=camera.token("OSD"),
    )  # fmt: skip


def _taken(camera: CameraView, element: Element) -> dict[str, Value]:
    """The states that an OSD means. Raises Fault."""

    def text(*path: str) -> str | None:
        return text_of(element.find("/".join(qualified(f"tt:{name}") for name in path)))

    kind = text("TextString", "Type")
    if text("Type") != "Text" or kind not in ("Plain", "DateAndTime"):
        raise invalid("an OSD is a text, Plain or DateAndTime", "ter:ConfigModify")
    position = text("Position", "Type")
    if position not in _PLACES:
        raise invalid(f"the position is one of {', '.join(_PLACES)}", "ter:ConfigModify")
    values: dict[str, Value] = {
        "overlay/text": text("TextString", "PlainText") or "",
        "overlay/time": kind == "DateAndTime",
        "overlay/position": _PLACES[position],
    }
    wishes: list[tuple[Observable, Value]] = []
    for name, value in values.items():
        observable = camera.observable(name)
        if observable is None:
            raise invalid("this camera writes nothing into its picture", "ter:ConfigModify")
        wishes.append((observable, value))
    return changes(wishes)
