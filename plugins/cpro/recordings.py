"""The routes about recording: start and stop by hand, how it goes, marks, and pictures that are kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from camd.errors import Invalid, Refused, SourceError
from camd.state import Permission

from .resource import body_of, field, tells

if TYPE_CHECKING:
    from camd.app import App

#: What the product's clients may say of a recording that is not theirs to choose here: a camera records what
#: it gives, and files are named after their time.
_LEFT_OUT = (
    "filename",
    "quality",
    "resolution",
    "framerate",
    "mode",
    "fps",
    "bitrate",
    "includeAudio",
    "format",
)
#: Unix milliseconds; numbers beyond are not SQLite's.
LATEST = 1 << 45
#: How long may be asked for (seconds).
SHORTEST, LONGEST = 1, 86400
_START = {
    "type": "object",
    "properties": {
        "duration": {
            "type": ["number", "null"], "minimum": SHORTEST, "maximum": LONGEST,
            "description": "Seconds; without it until it is stopped",
        },
        **{name: {"description": "Not kept"} for name in _LEFT_OUT},
    },
    "additionalProperties": False,
}
_TAG = {
    "type": "object",
    "properties": {
        "category": {"description": "Its number or its name; what is neither is left out"},
        "title": {"type": "string"}, "note": {"type": "string"},
        "timestamp": {"type": "integer", "minimum": 0, "maximum": LATEST, "description": "Unix milliseconds"},
        "offset_ms": {
            "type": ["integer", "null"], "minimum": 0, "maximum": LATEST >> 1,
            "description": "In place of `timestamp`: from the beginning of the recording",
        },
    },
    "required": ["title"],
}  # fmt: skip


class Recordings:
    """Answers them, for the main camera. Reactor thread only."""

    def __init__(self, app: App):
        self._app = app

    @tells(
        {200: "It is being recorded", 409: "It was already", 503: "The camera gives nothing", 507: "No room"},
        _START,
    )
    async def start(self, request: Any) -> Any:
        """POST /api/recording/start {"duration"}: record by hand, until it is stopped or for so many
        seconds."""
        body, id = body_of(request), self._main(request)
        for name in body.keys() - {"duration", *_LEFT_OUT}:
            raise Invalid(name, "is none of duration, " + ", ".join(_LEFT_OUT))
        duration = body.get("duration")
        if duration is not None and (type(duration) not in (int, float) or not SHORTEST <= duration <= LONGEST):
            raise Invalid("duration", f"Value must be a number of seconds from {SHORTEST} to {LONGEST}")
        record = await self._app.recordings.begin_by_hand(id, duration)
        return {
            "success": True,
            "recording_id": record.id,
            "filename": record.filename,
            "estimated_size": self._estimate(id, duration or 0),
        }

    @tells({200: "It is stopped; `success` is false if nothing was recorded"})
    async def stop(self, request: Any) -> Any:
        """POST /api/recording/stop: stop, whatever it was recorded for."""
        body_of(request)
        record = await self._app.recordings.end_by_hand(self._main(request))
        if record is None:
            return {"success": False, "recording_id": None, "filename": None, "duration": 0, "file_size": 0}
        return {
            "success": True,
            "recording_id": record.id,
            "filename": record.filename,
            "duration": record.duration / 1000,
            "file_size": record.size,
        }

    def status(self, request: Any) -> Any:
        """GET /api/recording/status: what is recorded now."""
        recordings = self._app.recordings
        recorder = recordings.recorders.get(self._main(request))
        space = recordings.storage.space
        file = recorder.file if recorder is not None else ""
        seconds = recorder.seconds if recorder is not None else 0.0
        return {
            "recording": bool(file),
            "recording_id": recorder.record_id if recorder is not None and file else None,
            "filename": file or None,
            "duration": round(seconds, 1),
            "estimated_size": self._estimate(self._main(request), seconds),
            "remaining_space": space.free if space is not None else None,
        }

    @tells({200: "It is marked", 404: "There is no such category"}, _TAG)
    async def tag(self, request: Any) -> Any:
        """POST /api/recording/tag {"title", "category", "note", "timestamp"}: mark a moment."""
        body, id = body_of(request), self._main(request)
        recordings = self._app.recordings
        recorder = recordings[id]
        now = round(time.time() * 1000)
        moment = field(body, "timestamp", int, now)
        if not 0 <= moment <= LATEST:
            raise Invalid("timestamp", f"Value must be between 0 and {LATEST}")
        offset = body.get("offset_ms", moment if moment <= recorder.seconds * 1000 else None)
        if offset is not None:
            if type(offset) is not int or not 0 <= offset <= LATEST >> 1:
                raise Invalid("offset_ms", f"Value must be a whole number up to {LATEST >> 1}")
            moment = now - round(recorder.seconds * 1000) + offset
        category = body.get("category")
        if isinstance(category, str) and category:
            category = await recordings.category(category[:100])
        elif type(category) is not int or not 0 <= category <= LATEST:
            category = None
        title, note = field(body, "title", str)[:256], field(body, "note", str, "")[:4096]
        number = await recordings.tag_moment(moment, title, note, id, category, request.principal.name)
        return {"success": True, "id": number, "timestamp": moment}

    @tells({200: "It is kept", 503: "The camera gives nothing", 507: "No room"})
    async def snapshot(self, request: Any) -> Any:
        """POST /api/camera/snapshot: keep a picture."""
        body_of(request)
        record = await self._app.recordings.keep_picture(self._main(request))
        return {
            "success": True,
            "filename": record.filename.rpartition("/")[2],
            "path": record.filename,
            "size": record.size,
            "timestamp": record.start,
            "recording_id": record.id,
        }

    def _estimate(self, camera: str, seconds: float) -> int:
        """Bytes, from what was written lately."""
        recorder = self._app.recordings.recorders.get(camera)
        return round(recorder.rate * seconds) if recorder is not None else 0

    def _main(self, request: Any) -> str:
        main = self._app.cameras.main
        if main is None:
            raise SourceError("There is no camera")
        if not request.principal.sees(main.id):
            raise Refused("camera", Permission.Media_r)
        return str(main.id)
