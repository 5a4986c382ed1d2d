"""Spaces of PTZ: camd's pan, tilt and zoom in the generic coordinates of ONVIF (PTZ service, section 5.7).

Pan and tilt are the same in both. Zoom is 0 to 1 there, 1 to the camera's most here. In the space of the
field of view 1 is half a picture: what is at its edge comes into the middle.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from .faults import invalid
from .names import qualified
from .operation import to_number
from .xml import Xml, tag

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_SPACES = "http://www.onvif.org/ver10/tptz"
POSITION = f"{_SPACES}/PanTiltSpaces/PositionGenericSpace"
TRANSLATION = f"{_SPACES}/PanTiltSpaces/TranslationGenericSpace"
FIELD_OF_VIEW = f"{_SPACES}/PanTiltSpaces/TranslationSpaceFov"
VELOCITY = f"{_SPACES}/PanTiltSpaces/VelocityGenericSpace"
SPEED = f"{_SPACES}/PanTiltSpaces/GenericSpeedSpace"
ZOOM_POSITION = f"{_SPACES}/ZoomSpaces/PositionGenericSpace"
ZOOM_TRANSLATION = f"{_SPACES}/ZoomSpaces/TranslationGenericSpace"
ZOOM_VELOCITY = f"{_SPACES}/ZoomSpaces/VelocityGenericSpace"
ZOOM_SPEED = f"{_SPACES}/ZoomSpaces/ZoomGenericSpeedSpace"
DEFAULT_TIMEOUT = 10.0


def _range(name: str, low: float, high: float) -> Xml:
    return tag(f"tt:{name}", tag("tt:Min", low), tag("tt:Max", high))


def _plane(name: str, uri: str) -> Xml:
    return tag(f"tt:{name}", tag("tt:URI", uri), _range("XRange", -1, 1), _range("YRange", -1, 1))


def _line(name: str, uri: str, low: float, high: float) -> Xml:
    return tag(f"tt:{name}", tag("tt:URI", uri), _range("XRange", low, high))


@functools.cache
def spaces(axes: frozenset[str]) -> tuple[Xml, ...]:
    """What a node or a configuration supports with these axes of pan, tilt and zoom."""
    pan_tilt, zoom = _parts(axes)
    found: tuple[Xml | None, ...] = (
        pan_tilt and _plane("AbsolutePanTiltPositionSpace", POSITION),
        zoom and _line("AbsoluteZoomPositionSpace", ZOOM_POSITION, 0, 1),
        pan_tilt and _plane("RelativePanTiltTranslationSpace", TRANSLATION),
        pan_tilt and _plane("RelativePanTiltTranslationSpace", FIELD_OF_VIEW),
        zoom and _line("RelativeZoomTranslationSpace", ZOOM_TRANSLATION, -1, 1),
        pan_tilt and _plane("ContinuousPanTiltVelocitySpace", VELOCITY),
        zoom and _line("ContinuousZoomVelocitySpace", ZOOM_VELOCITY, -1, 1),
        pan_tilt and _line("PanTiltSpeedSpace", SPEED, 0, 1),
        zoom and _line("ZoomSpeedSpace", ZOOM_SPEED, 0, 1),
    )
    return tuple(one for one in found if one)


@functools.cache
def configuration_spaces(axes: frozenset[str]) -> tuple[Xml, ...]:
    """What stands in a PTZConfiguration behind its node; the first name has the schema's own spelling."""
    pan_tilt, zoom = _parts(axes)
    found: tuple[Xml | None, ...] = (
        pan_tilt and tag("tt:DefaultAbsolutePantTiltPositionSpace", POSITION),
        zoom and tag("tt:DefaultAbsoluteZoomPositionSpace", ZOOM_POSITION),
        pan_tilt and tag("tt:DefaultRelativePanTiltTranslationSpace", TRANSLATION),
        zoom and tag("tt:DefaultRelativeZoomTranslationSpace", ZOOM_TRANSLATION),
        pan_tilt and tag("tt:DefaultContinuousPanTiltVelocitySpace", VELOCITY),
        zoom and tag("tt:DefaultContinuousZoomVelocitySpace", ZOOM_VELOCITY),
        tag(
            "tt:DefaultPTZSpeed",
            pan_tilt and tag("tt:PanTilt", x=1.0, y=1.0, space=SPEED),
            zoom and tag("tt:Zoom", x=1.0, space=ZOOM_SPEED),
        ),
        tag("tt:DefaultPTZTimeout", f"PT{DEFAULT_TIMEOUT:g}S"),
        pan_tilt and tag("tt:PanTiltLimits", _plane("Range", POSITION)),
        zoom and tag("tt:ZoomLimits", _line("Range", ZOOM_POSITION, 0, 1)),
    )
    return tuple(one for one in found if one)


def _parts(axes: frozenset[str]) -> tuple[Any, Any]:
    """Whether there is pan or tilt, and zoom: None or True."""
    return bool(axes & {"pan", "tilt"}) or None, "zoom" in axes or None


def position(name: str, place: tuple[float, float, float], most_zoom: float) -> Xml:
    """A place of camd as a tt:PTZVector."""
    return tag(
        name,
        tag("tt:PanTilt", x=place[0], y=place[1], space=POSITION),
        tag("tt:Zoom", x=to_share(place[2], most_zoom), space=ZOOM_POSITION),
    )


def to_share(zoom: float, most: float) -> float:
    return (zoom - 1) / (most - 1) if most > 1 else 0.0


def from_share(share: float, most: float) -> float:
    return 1 + share * (most - 1)


class Vector:
    """A tt:PTZVector or tt:PTZSpeed from a request. pan_tilt, zoom: None where the request has none.

    spaces: those that are known here, each for pan and tilt or for zoom; another one is a Fault.
    """

    def __init__(self, element: Element | None, *spaces: str):
        self.space = ""
        self.pan_tilt: tuple[float, float] | None = None
        self.zoom: float | None = None
        pan_tilt = None if element is None else element.find(qualified("tt:PanTilt"))
        zoom = None if element is None else element.find(qualified("tt:Zoom"))
        if pan_tilt is not None:
            self.space = _space(pan_tilt, spaces)
            self.pan_tilt = _coordinate(pan_tilt, "x"), _coordinate(pan_tilt, "y")
        if zoom is not None:
            _space(zoom, spaces)
            self.zoom = _coordinate(zoom, "x")

    @property
    def speed(self) -> float:
        """The larger of the speeds, 1 where there is none."""
        given = [abs(value) for value in (*(self.pan_tilt or ()), self.zoom) if value]
        return min(1.0, max(0.001, max(given, default=1.0)))


def _space(element: Any, known: tuple[str, ...]) -> str:
    space = element.get("space") or ""
    if space and space not in known:
        raise invalid("this space is not supported here", "ter:SpaceNotSupported")
    return space


def _coordinate(element: Any, name: str) -> float:
    value = to_number(element.get(name) or "")
    if not -1 <= value <= 1:
        raise invalid("the position is outside of its range", "ter:InvalidPosition")
    return value
