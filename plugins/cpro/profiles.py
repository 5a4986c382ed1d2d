"""The routes about profiles: values of the main camera's controls under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from camd.errors import Invalid, Refused, SourceError
from camd.state import Permission

from .resource import body_of, tells

if TYPE_CHECKING:
    from camd.app import App
    from camd.media.camera import Camera

_NAME = {"type": "object", "properties": {"profile": {"type": "string"}}, "required": ["profile"]}


class Profiles:
    """Answers them. Reactor thread only."""

    def __init__(self, app: App):
        self._app = app

    def list(self, request: Any) -> Any:
        """GET /api/camera/profiles: the names, and which one the controls have."""
        profiles = self._main(request).profiles
        return {"profiles": profiles.names, "active": profiles.active or None}

    @tells({200: "The names"}, _NAME)
    def save(self, request: Any) -> Any:
        """POST /api/camera/profiles {"profile": name}: keep the controls as they are under a name."""
        name, profiles = _name_of(request), self._main(request).profiles
        try:
            profiles.save(name)
        except Invalid as error:
            raise Invalid("profile", error.reason) from None
        return {"success": True, **self.list(request)}

    @tells({200: "Applied"}, _NAME)
    async def apply(self, request: Any) -> Any:
        """POST /api/camera/profile {"profile": name}: set the controls to what they are in a profile."""
        name, camera = _name_of(request), self._main(request)
        key = f"cameras/{camera.id}/profile"
        try:
            await self._app.api.set({key: name}, request.principal, address=request.address)
        except Invalid as error:
            raise Invalid("profile", error.reason) from None
        return {"success": True, "profile": name}

    def _main(self, request: Any) -> Camera:
        main = self._app.cameras.main
        if main is None:
            raise SourceError("There is no camera")
        if not request.principal.may(Permission.Device_r, f"cameras/{main.id}/"):
            raise Refused("camera", Permission.Device_r)
        return main


def _name_of(request: Any) -> str:
    body = body_of(request)
    if body.keys() != {"profile"} or not isinstance(body["profile"], str) or not body["profile"]:
        raise Invalid("profile", 'the body is {"profile": name}')
    return body["profile"]
