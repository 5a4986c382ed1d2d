"""The state of motion detection of one camera, below `cameras/<id>/`."""

from __future__ import annotations

from camd.state import Permission, Spec

from .zones import FEWEST_POINTS, MOST, MOST_POINTS

_R, _RW = Permission.Device_r, Permission.Device_rw
_POINT = {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}, "minItems": 2, "maxItems": 2}
_ZONES = {
    "maxItems": MOST,
    "items": {"type": "array", "items": _POINT, "minItems": FEWEST_POINTS, "maxItems": MOST_POINTS},
}


def specs(camera: str) -> dict[str, Spec]:
    """By the name behind `cameras/<id>/`; those with a write permission are settings."""

    def setting(name: str, kind: type, doc: str, **more: object) -> Spec:
        return Spec(f"cameras/{camera}/{name}", kind, read=_R, write=_RW, persist=True, doc=doc, **more)

    def fact(name: str, kind: type, doc: str, **more: object) -> Spec:
        return Spec(f"cameras/{camera}/{name}", kind, read=_R, doc=doc, **more)

    made = (
        fact("motion", bool, "Whether something moves now.", default=False),
        fact("motion/score", float, "How much of the picture moves, or moved last.", default=0.0, unit="%"),
        fact("motion/box", list, "Around what moves: x, y, width and height, each 0 to 1.", default=[]),
        setting("motion/enabled", bool, "Whether the camera is watched for motion.", default=False),
        setting("motion/zones", list, "Where motion counts: polygons of points [x, y], each 0 to 1;"
                " without any, everywhere.", default=[], schema=_ZONES),
        setting("motion/sensitivity", int, "How small a difference counts.", default=50, min=0, max=100),
        setting("motion/minimum_size", float, "How large at least is what moves, in parts of the picture.",
                default=0.5, min=0.0, max=100.0, unit="%"),
        setting("motion/minimum_time", float, "How long at least it moves.", default=0.1, min=0.0, max=60.0,
                unit="s"),
        setting("motion/hold", float, "How long nothing moves before motion is over.", default=5.0, min=0.0,
                max=600.0, unit="s"),
    )  # fmt: skip
    return {spec.name.split("/", 2)[2]: spec for spec in made}
