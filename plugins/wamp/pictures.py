"""camd.snapshot and camd.stream: pictures of a camera as the results of calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from camd.errors import Gone, Invalid, Refused
from camd.media import Encoding, Packet, Stream, snapshot
from camd.state import Permission

if TYPE_CHECKING:
    from camd.app import App
    from camd.media.camera import Camera

    from .session import Session

SNAPSHOT_ARGUMENTS = ("camera", "quality", "max_age")
STREAM_ARGUMENTS = ("camera", "quality")


class Pictures:
    """Pictures for whoever may see them. Reactor thread only."""

    def __init__(self, app: App):
        self._app = app

    async def snapshot(self, session: Session, arguments: Mapping[str, Any]) -> bytes:
        """One JPEG, the one that GET /cam/<id>/snapshot.jpg would give. camera: the main one without;
        quality: 1..100; max_age: seconds. Raises Refused, Invalid, and Gone while the camera gives none."""
        camera, encoding = self._find(session, arguments)
        max_age = _number(arguments, "max_age", (int, float), 0, 3600)
        found = snapshot(camera, encoding, self._app.reactor, max_age)
        packet = found if isinstance(found, Packet) else await found
        if packet.card:
            raise Gone(f"The camera {camera.id} gives no picture: {camera.reason or camera.status}")
        return packet.data

    def stream(self, session: Session, arguments: Mapping[str, Any]) -> tuple[Camera, Stream]:
        """A camera and its pictures, Packets. camera: the main one without; quality: 1..100. Raises Refused
        or Invalid."""
        camera, encoding = self._find(session, arguments)
        return camera, camera.stream(encoding)

    def _find(self, session: Session, arguments: Mapping[str, Any]) -> tuple[Camera, Encoding]:
        cameras = self._app.cameras
        name = arguments.get("camera")
        camera = cameras.main if name is None else cameras.get(name) if isinstance(name, str) else None
        if not session.by.sees(name if isinstance(name, str) else camera.id if camera else ""):
            self._app.audit.record("refused", session.by.name, session.address, camera=str(name)[:32])
            raise Refused("camera", Permission.Media_r)
        if camera is None:
            raise Invalid("camera", "no such camera")
        return camera, Encoding("mjpeg", _number(arguments, "quality", (int,), 1, 100))


def _number(arguments: Mapping[str, Any], name: str, kinds: tuple[type, ...], low: float, high: float) -> Any:
    value = arguments.get(name)
    if value is None:
        return None
    if type(value) not in kinds:
        raise Invalid(name, f"Value must be of type {kinds[-1].__name__}")
    if not low <= value <= high:
        raise Invalid(name, f"Value must be between {low} and {high}")
    return value
