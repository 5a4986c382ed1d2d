"""camd.snapshot and camd.stream: pictures of a camera as the results of calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from camd.errors import Gone, Invalid, Refused
from camd.media import Encoding, Packet, Stream
from camd.state import Permission, Principal

if TYPE_CHECKING:
    from camd.app import App
    from camd.media.camera import Camera

    from .session import Session

#: How long a snapshot waits for a picture (seconds).
PATIENCE = 5.0
#: A snapshot without `max_age` may be this old (seconds), as over HTTP.
MAX_AGE = 1.0
SNAPSHOT_ARGUMENTS = ("camera", "quality", "max_age")
STREAM_ARGUMENTS = ("camera", "quality")


class Pictures:
    """Pictures for whoever may see them. Reactor thread only."""

    def __init__(self, app: App):
        self._app = app

    def snapshot(self, session: Session, arguments: Mapping[str, Any]) -> Deferred[bytes]:
        """One JPEG, the one that GET /cam/<id>/snapshot.jpg would give. camera: the main one without;
        quality: 1..100; max_age: seconds. Raises Refused, Invalid, and Gone while the camera gives none."""
        camera, encoding = self._find(session, arguments)
        max_age = _number(arguments, "max_age", (int, float), 0, 3600)
        newest = camera.newest(encoding)
        age_limit = MAX_AGE if max_age is None else max_age
        result: Deferred[bytes] = Deferred()
        if newest is not None and not newest.card and self._age(newest) <= age_limit:
            result.callback(newest.data)
            return result

        def arrived(packet: Packet) -> None:
            if packet.card:
                end(Gone(f"{camera.id}: no picture: {camera.reason or camera.status}"))
            elif max_age is None or self._age(packet) <= max_age:
                end(packet.data)

        def end(outcome: bytes | Gone) -> None:
            subscription.close()
            if late.active():
                late.cancel()
            if not result.called:
                result.callback(outcome) if isinstance(outcome, bytes) else result.errback(outcome)

        late = self._app.reactor.callLater(
            PATIENCE, lambda: end(Gone(f"{camera.id}: no picture in {PATIENCE:g} s"))
        )
        subscription = camera.stream(encoding).subscribe(
            arrived, kind="snapshot", on_end=lambda: end(Gone(f"{camera.id}: the camera is gone"))
        )
        return result

    def stream(self, session: Session, arguments: Mapping[str, Any]) -> tuple[Camera, Stream]:
        """A camera and its pictures, Packets. camera: the main one without; quality: 1..100. Raises Refused
        or Invalid."""
        camera, encoding = self._find(session, arguments)
        return camera, camera.stream(encoding)

    def _find(self, session: Session, arguments: Mapping[str, Any]) -> tuple[Camera, Encoding]:
        cameras = self._app.cameras
        name = arguments.get("camera")
        camera = cameras.main if name is None else cameras.get(name) if isinstance(name, str) else None
        if not may_see(session.by, name if isinstance(name, str) else camera.id if camera else ""):
            self._app.audit.record("refused", session.by.name, session.address, camera=name)
            raise Refused("camera", Permission.Media_r)
        if camera is None:
            raise Invalid("camera", "no such camera")
        return camera, Encoding("mjpeg", _number(arguments, "quality", (int,), 1, 100))

    def _age(self, packet: Packet) -> float:
        return self._app.reactor.seconds() - packet.grabbed


def may_see(by: Principal, camera: str) -> bool:
    """Whether somebody may see the pictures of a camera."""
    return by.may(Permission.Media_r, f"cameras/{camera}/")


def _number(arguments: Mapping[str, Any], name: str, kinds: tuple[type, ...], low: float, high: float) -> Any:
    value = arguments.get(name)
    if value is None:
        return None
    if type(value) not in kinds:
        raise Invalid(name, f"Value must be of type {kinds[-1].__name__}")
    if not low <= value <= high:
        raise Invalid(name, f"Value must be between {low} and {high}")
    return value
