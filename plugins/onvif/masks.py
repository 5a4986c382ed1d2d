"""Privacy masks (tr2): polygons that stay black in every picture of a camera.

ONVIF's coordinates go from -1 to 1 with y upwards, camd's from 0 to 1 with y downwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .access import Access
from .cameras import CameraView, changes
from .faults import Fault, invalid, missing
from .names import qualified
from .operation import Answer, Call, Service, operation, text_of, to_number
from .xml import Xml, tag

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MOST_MASKS, MOST_POINTS = 16, 32
_BLACK = {"X": 0, "Y": 0, "Z": 0, "Colorspace": "http://www.onvif.org/ver10/colorspace/RGB"}


class Masks(Service):
    """Masks are known by their place in the camera's list."""

    prefix = "tr2"

    @operation("GetMasks", Access.READ_MEDIA)
    def all(self, call: Call) -> Answer:
        token, wanted = call.text("tr2:Token"), call.text("tr2:ConfigurationToken")
        if wanted:
            cameras = [self.context.directory.find("VideoSourceConfig", wanted, call.by)]
        else:
            cameras = list(self.context.directory.all(call.by))
        found = [_mask(camera, number, polygon)
                 for camera in cameras for number, polygon in enumerate(_polygons(camera), 1)
                 if token in (None, _token(camera, number))]  # fmt: skip
        if token and not found:
            raise invalid("there is no mask with this token", "ter:NoConfig")
        return found

    @operation("GetMaskOptions", Access.READ_MEDIA)
    def options(self, call: Call) -> Answer:
        self.context.directory.find("VideoSourceConfig", call.needed("tr2:ConfigurationToken"), call.by)
        return tag(
            "tr2:Options",
            tag("tr2:MaxMasks", MOST_MASKS),
            tag("tr2:MaxPoints", MOST_POINTS),
            tag("tr2:Types", "Color"),
            tag("tr2:Color", tag("tt:ColorList", **_BLACK)),
            RectangleOnly=False,
            SingleColorOnly=True,
        )

    @operation("CreateMask", Access.ACTUATE)
    async def create(self, call: Call) -> Answer:
        element = call.find("tr2:Mask")
        if element is None:
            raise missing("Mask")
        wanted = text_of(element.find(qualified("tr2:ConfigurationToken"))) or ""
        camera = self.context.directory.find("VideoSourceConfig", wanted, call.by)
        polygons = _polygons(camera)
        if len(polygons) >= MOST_MASKS:
            raise Fault("there are as many masks as there may be", "ter:Action", "ter:MaxMasks", sender=False)
        await self._keep(camera, [*polygons, _read(element)], call)
        return tag("tr2:Token", _token(camera, len(polygons) + 1))

    @operation("SetMask", Access.ACTUATE)
    async def set(self, call: Call) -> Answer:
        element = call.find("tr2:Mask")
        camera, index = self._find(call, (element.get("token") if element is not None else None) or "")
        polygons = _polygons(camera)
        polygons[index] = _read(element)
        await self._keep(camera, polygons, call)
        return None

    @operation("DeleteMask", Access.ACTUATE)
    async def delete(self, call: Call) -> Answer:
        camera, index = self._find(call, call.needed("tr2:Token"))
        polygons = _polygons(camera)
        del polygons[index]
        await self._keep(camera, polygons, call)
        return None

    def _find(self, call: Call, token: str) -> tuple[CameraView, int]:
        for camera in self.context.directory.all(call.by):
            for number, _ in enumerate(_polygons(camera), 1):
                if _token(camera, number) == token:
                    return camera, number - 1
        raise invalid("there is no mask with this token", "ter:NoConfig")

    async def _keep(self, camera: CameraView, polygons: list[Any], call: Call) -> None:
        masks = camera.observable("masks")
        if masks is None:
            raise invalid("this camera has no masks", "ter:ConfigModify")
        await self.context.set(changes([(masks, polygons)]), call)


def _polygons(camera: CameraView) -> list[Any]:
    return list(camera.value("masks") or ())


def _token(camera: CameraView, number: int) -> str:
    return camera.token("Mask", str(number))


def _mask(camera: CameraView, number: int, polygon: Any) -> Xml:
    points = [tag("tt:Point", x=float(x) * 2 - 1, y=1 - float(y) * 2) for x, y in polygon]
    return tag(
        "tr2:Masks",
        tag("tr2:ConfigurationToken", camera.token("VideoSourceConfig")),
        tag("tr2:Polygon", points),
        tag("tr2:Type", "Color"),
        tag("tr2:Color", **_BLACK),
        tag("tr2:Enabled", True),
        token=_token(camera, number),
    )


def _read(element: Element) -> list[list[float]]:
    """The polygon of a mask in camd's coordinates. Raises Fault."""
    if text_of(element.find(qualified("tr2:Type"))) != "Color":
        raise invalid("masks are of one colour", "ter:ConfigModify")
    if text_of(element.find(qualified("tr2:Enabled"))) in ("false", "0"):
        raise invalid("a mask is there or not; it cannot be disabled", "ter:ConfigModify")
    found = element.findall("/".join(map(qualified, ("tr2:Polygon", "tt:Point"))))
    points = [[(to_number(p.get("x") or "") + 1) / 2, (1 - to_number(p.get("y") or "")) / 2] for p in found]
    if not 3 <= len(points) <= MOST_POINTS or not all(0 <= value <= 1 for point in points for value in point):
        raise invalid(f"a mask has 3 to {MOST_POINTS} points within the picture", "ter:InvalidPolygon")
    return [[round(x, 4), round(y, 4)] for x, y in points]
