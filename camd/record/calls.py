"""The calls that record, for WebSocket, HTTP and WAMP clients, and what /health says of the place of
recordings."""

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

    def start(camera: str) -> dict[str, Any]:
        recordings[camera].start()
        return status(camera)

    def start_for(camera: str, seconds: float) -> dict[str, Any]:
        if not 0 < seconds <= 86400:
            raise Invalid("seconds", "Value must be more than 0 and at most 86400")
        recordings[camera].start(seconds)
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

    async def tag(camera: str, title: str) -> dict[str, Any]:
        recordings[camera]
        if not 0 < len(title) <= 256:
            raise Invalid("title", "Value must have 1 to 256 characters")
        return {"id": await recordings.tag(Tag(0, recordings.now(), title, camera=camera))}

    async def snapshot(camera: str) -> dict[str, Any]:
        return (await recordings.keep_picture(camera)).shown()

    one: dict[str, type] = {"camera": str}
    return [
        Method("recording.start", one, "Media_rw", start, "Record until it is stopped."),
        Method("recording.start_for", {**one, "seconds": float}, "Media_rw", start_for, "Record for a while."),
        Method("recording.stop", one, "Media_rw", stop, "Stop, and hold the mode until a start."),
        Method("recording.pause", one, "Media_rw", pause, "Record nothing until `recording.resume`."),
        Method("recording.resume", one, "Media_rw", resume, "End the pause."),
        Method("recording.trigger", one, "Media_rw", trigger, "An event, for the mode `event`."),
        Method("recording.tag", {**one, "title": str}, "Media_rw", tag,
               "Mark this moment: its recording is kept."),
        Method("recording.snapshot", one, "Media_rw", snapshot, "Keep a picture."),
    ]  # fmt: skip


@hookimpl
def camd_health(app: App) -> list[Check]:
    reason = app.recordings.storage.blocked
    return [Check("storage", not reason, reason)]
