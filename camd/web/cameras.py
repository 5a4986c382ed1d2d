"""/cam/<id>/...: what each camera offers."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import IResource, Resource

from ..media.camera import Camera
from ..media.cameras import Cameras
from .delays import Delays
from .errors import ErrorResource
from .hls import Hls
from .mp4 import Mp4Stream
from .pictures import MjpegStream, Snapshot, may_see
from .presence import Presence
from .request import Request

_NOT_FOUND = ErrorResource(404)


class CameraPaths(Resource):
    """The cameras by id. Whoever is limited to some gets the same answer for all others, there or not."""

    def __init__(self, cameras: Cameras, presence: Presence, reactor: Any, delays: Delays):
        super().__init__()
        self._cameras = cameras
        self._delays = delays
        self._presence = presence
        self._reactor = reactor
        self._known: dict[str, OneCamera] = {}

    def getChild(self, path: bytes, request: Request) -> IResource:
        id = path.decode("ascii", "replace")
        if not may_see(request.principal, id):
            return ErrorResource(403)
        camera = self._cameras.get(id)
        if camera is None:
            self._known.pop(id, None)
            return _NOT_FOUND
        known = self._known.get(id)
        if known is None or known.camera is not camera:
            known = self._known[id] = OneCamera(camera, self._presence, self._reactor, self._delays)
        return known


class OneCamera(Resource):
    """The addresses of one camera."""

    def __init__(self, camera: Camera, presence: Presence, reactor: Any, delays: Delays):
        super().__init__()
        self.camera = camera
        self.putChild(b"snapshot.jpg", Snapshot(lambda: camera, reactor))
        self.putChild(b"stream.mjpg", MjpegStream(lambda: camera, presence))
        self.putChild(b"stream.mp4", Mp4Stream(lambda: camera, presence, delays))
        self.putChild(b"hls", Hls(camera, reactor, delays))

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        if path in self.children:
            request.route = "/cam/{id}/" + path.decode()
        return super().getChildWithDefault(path, request)

    def getChild(self, path: bytes, request: Request) -> IResource:
        return _NOT_FOUND
