"""/api/cameras: what delivers pictures, and where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import Gone
from ...state.permission import Permission
from .operation import Answer, Call, Operation, Parameter
from .schema import BOOLEAN, component, listing, nullable, record, text

if TYPE_CHECKING:
    from ...media.camera import Camera
    from ...media.cameras import Cameras

_NUMBER = {"type": ["number", "null"]}
CAMERA = component(
    "Camera",
    record(
        {
            "id": text(),
            "name": text("What people call it"),
            "main": {**BOOLEAN, "description": "It is behind the short addresses"},
            "connected": {**BOOLEAN, "description": "It delivers, or would if somebody watched"},
            "state": text("disabled, absent, opening, idle, streaming, stalled or backoff"),
            "reason": text("Why it does not deliver", most=4096),
            "resolution": nullable(text("1280x720; null until it was opened")),
            "framerate": {**_NUMBER, "description": "Pictures a second as the device says"},
            "format": nullable(text("How the device delivers: mjpeg, yuyv422, ...")),
            "measured_fps": {**_NUMBER, "description": "Pictures a second that arrived"},
            "snapshot": text("Path of one picture"),
            "stream": text("Path of all pictures"),
        }
    ),
)
ID = Parameter("id", text(least=1, most=32), "The id of the camera", "path")


class CamerasNoun:
    """The cameras that the asker may use."""

    def __init__(self, cameras: Cameras):
        self._cameras = cameras

    def operations(self) -> list[Operation]:
        read = Permission.Device_r
        return [
            Operation(
                "GET",
                "/api/cameras",
                read,
                "List the cameras",
                {200: Answer("In the order of the configuration", record({"cameras": listing(CAMERA)}))},
                self.list,
                "Their settings are states: `cameras/<id>/...`.",
            ),
            Operation(
                "GET",
                "/api/cameras/{id}",
                read,
                "Read a camera",
                {200: Answer("The camera", CAMERA)},
                self.read,
                parameters=(ID,),
            ),
        ]

    def list(self, call: Call) -> Any:
        return {
            "cameras": [self.shown(camera) for camera in self._cameras.values() if _may(call, camera.id)]
        }

    def read(self, call: Call) -> Any:
        camera = self._cameras.get(call.path["id"])
        if camera is None or not _may(call, camera.id):
            raise Gone("There is no camera of this id")
        return self.shown(camera)

    def shown(self, camera: Camera) -> dict[str, Any]:
        format = camera.pipeline.format
        return {
            "id": camera.id,
            "name": camera.name,
            "main": camera is self._cameras.main,
            "connected": camera.online,
            "state": camera.status,
            "reason": camera.reason,
            "resolution": format.size if format else None,
            "framerate": format.fps if format else None,
            "format": format.codec if format else None,
            "measured_fps": camera.measured_fps,
            "snapshot": f"/cam/{camera.id}/snapshot.jpg",
            "stream": f"/cam/{camera.id}/stream.mjpg",
        }


def _may(call: Call, camera: str) -> bool:
    return call.by.may(Permission.Device_r, f"cameras/{camera}/")
