"""The routes about profiles: values of the main camera's controls under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from camd.errors import Gone, Invalid, Refused, SourceError
from camd.state import Permission

from .resource import body_of, tells

if TYPE_CHECKING:
    from camd.app import App
    from camd.media.camera import Camera



def _named(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a body with the name of a profile."""
    properties = {"profile": {"type": "string", **schema}}
    return {"type": "object", "properties": properties, "required": ["profile"], "additionalProperties": False}



class Profiles:
    """Answers them. Reactor thread only."""

    def __init__(self, app: App):
        self._app = app

    def list(self, request: Any) -> Any:
        """GET /api/camera/profiles: the names, and which one the controls have."""
        profiles = self._main(request).profiles
        return {"profiles": profiles.names, "active": profiles.active or None}

    @tells(
        {200: "The names", 409: "It is built in, or the camera has too many"},
        _named({"maxLength": 40, "pattern": r"^[^\x00-\x1f\x7f-\xa0]*[!-~][^\x00-\x1f\x7f-\xa0]*$"}),
    )
    def save(self, request: Any) -> Any:
        """POST /api/camera/profiles {"profile": name}: keep the controls as they are under a name."""
        name, profiles = _name_of(request), self._main(request).profiles
        try:
            profiles.save(name)
        except Invalid as error:
            raise Invalid("profile", error.reason) from None
        return {"success": True, **self.list(request)}

    @tells({200: "Applied", 404: "There is no such profile"}, _named({"minLength": 1}))
    async def apply(self, request: Any) -> Any:
        """POST /api/camera/profile {"profile": name}: set the controls to what they are in a profile."""
        name, camera = _name_of(request), self._main(request)
        if name not in camera.profiles.names:
            raise Gone("There is no such profile")
        key = f"cameras/{camera.id}/profile"
        await self._app.api.set({key: name}, request.principal, address=request.address)
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
