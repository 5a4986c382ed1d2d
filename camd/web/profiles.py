"""The calls about the controls of a camera as a whole: profiles and defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from ..errors import Gone
from ..hookspecs import Method, hookimpl
from ..media.profiles import Profiles

if TYPE_CHECKING:
    from ..app import App


@hookimpl
def camd_methods(app: App) -> list[Method]:
    """A profile is applied by setting `cameras/<id>/profile`."""

    def of(camera: str) -> Profiles:
        if camera not in app.cameras:
            raise Gone(f"There is no camera {camera!r}")
        return app.cameras[camera].profiles

    def reset(camera: str) -> Deferred[None]:
        return of(camera).reset()

    def save(camera: str, name: str) -> list[str]:
        return of(camera).save(name)

    def delete(camera: str, name: str) -> list[str]:
        return of(camera).delete(name)

    named: dict[str, type] = {"camera": str, "name": str}
    return [
        Method("camera.reset", {"camera": str}, "Device_rw", reset, "Bring every control to its default."),
        Method("profile.save", named, "Device_rw", save, "Keep the controls as they are under a name; all names."),
        Method("profile.delete", named, "Device_rw", delete, "Forget a profile of the camera's own; all names."),
    ]
