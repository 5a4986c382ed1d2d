"""The calls that move cameras, for WebSocket, HTTP and WAMP clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import Gone
from ..hookspecs import Method, hookimpl
from ..media.ptz import Ptz

if TYPE_CHECKING:
    from ..app import App


@hookimpl
def camd_methods(app: App) -> list[Method]:
    """Each answers with where the camera is at this moment."""

    def moving(f: Callable[..., None]) -> Callable[..., dict[str, Any]]:
        def call(camera: str, **args: Any) -> dict[str, Any]:
            if camera not in app.cameras:
                raise Gone(f"There is no camera {camera!r}")
            ptz = app.cameras[camera].ptz
            f(ptz, **args)
            return _place(ptz)

        return call

    axes = {"camera": str, "pan": float, "tilt": float, "zoom": float}
    preset = {"camera": str, "preset": str}
    calls: list[tuple[str, dict[str, type], Callable[..., None], str]] = [
        ("ptz.move", {**axes, "speed": float}, Ptz.move, "Go to a place: pan and tilt -1 to 1, zoom from 1; speed to 1."),
        ("ptz.shift", {**axes, "speed": float}, Ptz.shift, "Go on by shares of the view; zoom 1 enlarges to the double."),
        ("ptz.drive", {**axes, "seconds": float}, Ptz.drive, "Move with these speeds, -1 to 1, for so long."),
        ("ptz.stop", {"camera": str}, Ptz.stop, "Stay where it is."),
        ("ptz.go", preset, Ptz.go, "Go to a preset; `home` is there always."),
        ("ptz.save", preset, Ptz.save, "Keep the place as a preset."),
        ("ptz.forget", preset, Ptz.forget, "Forget a preset."),
    ]
    return [Method(name, args, "Device_rw", moving(f), doc) for name, args, f, doc in calls]


def _place(ptz: Ptz) -> dict[str, Any]:
    pan, tilt, zoom = ptz.position
    return {"pan": round(pan, 4), "tilt": round(tilt, 4), "zoom": round(zoom, 4), "moving": ptz.moving}
