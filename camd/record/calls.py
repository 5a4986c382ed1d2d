"""The calls that record, for WebSocket, HTTP and WAMP clients, and what /health says of the place of recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import Invalid
from ..hookspecs import Check, Method, hookimpl
from .entries import Tag

if TYPE_CHECKING:
    from ..app import App


@hookimpl
def camd_methods(app: App) -> list[Method]:
    """Each but `recording.tag` and `recording.snapshot` answers with how the recording is then."""
    recordings = app.recordings

    def status(camera: str) -> dict[str, Any]:
        recorder = recordings[camera]
        observable = app.state[f"cameras/{camera}/recording/state"]
        return {"camera": camera, "state": observable.value, "kind": recorder.kind, "file": recorder.file}

    def start(camera: str, duration: float = 0.0) -> dict[str, Any]:
        if duration < 0:
            raise Invalid("duration", "Value must be at least 0")
        recordings[camera].start(duration or None)
        return status(camera)

    def stop(camera: str) -> dict[str, Any]:
        recordings[camera].stop()
        return status(camera)

    def pause(camera: str) -> dict[str, Any]:
        recordings[camera].pause()
        return status(camera)

    def resume(camera: str) -> dict[str, Any]:
        recordings[camera].resume()
        return status(camera)

    def trigger(camera: str) -> dict[str, Any]:
        recordings.trigger(camera)
        return status(camera)

    async def tag(camera: str, title: str, note: str = "", timestamp: int = 0, category: int = 0) -> dict[str, Any]:
        recordings[camera]
        moment = timestamp or recordings.now()
        return {"id": await recordings.tag(Tag(0, moment, title, note, camera, category or None))}

    async def snapshot(camera: str) -> dict[str, Any]:
        return (await recordings.keep_picture(camera)).shown()

    one: dict[str, type] = {"camera": str}
    tagged: dict[str, type] = {"camera": str, "title": str, "note": str, "timestamp": int, "category": int}
    return [
        Method("recording.start", {**one, "duration": float}, "Media_rw", start,
               "Record, until it is stopped or for so many seconds."),
        Method("recording.stop", one, "Media_rw", stop, "Stop, and hold the mode until a start."),
        Method("recording.pause", one, "Media_rw", pause, "Record nothing until `recording.resume`."),
        Method("recording.resume", one, "Media_rw", resume, "End the pause."),
        Method("recording.trigger", one, "Media_rw", trigger, "An event, for the mode `event`."),
        Method("recording.tag", tagged, "Media_rw", tag,
               "Mark a moment (Unix milliseconds; 0: now): its recording is kept."),
        Method("recording.snapshot", one, "Media_rw", snapshot, "Keep a picture."),
    ]  # fmt: skip


@hookimpl
def camd_health(app: App) -> list[Check]:
    reason = app.recordings.storage.blocked
    return [Check("storage", not reason, reason)]
