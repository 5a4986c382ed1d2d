"""What the routes of recordings share: how things look, what is asked for, and the record that is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import Gone
from .operation import Call, Parameter
from .schema import BOOLEAN, component, listing, nullable, record, text

if TYPE_CHECKING:
    from ...record.entries import Record
    from ...record.recordings import Recordings

WHOLE = {"type": "integer", "minimum": 0, "maximum": 1 << 53}
MOMENT = {"type": "integer", "minimum": 0, "maximum": 1 << 45, "description": "Unix milliseconds"}
NUMBER = {"type": "number"}
RECORDING = component(
    "Recording",
    record(
        {
            "id": WHOLE,
            "recording_id": WHOLE,
            "filename": text("Below the place of recordings", most=4096),
            "camera": text(),
            "kind": text("manual, continuous, schedule, event, timelapse, snapshot"),
            "media_type": text("video, timelapse, image"),
            "encoding": text("mp4, jpg"),
            "codec": text("h264, hevc, mjpeg"),
            "timestamp_start": MOMENT,
            "timestamp_end": MOMENT,
            "duration": {**NUMBER, "description": "Seconds"},
            "size": {**WHOLE, "description": "Bytes; of one that is written, those that are on disk"},
            "file_size": WHOLE,
            "resolution": text(),
            "fps": NUMBER,
            "state": text("recording, ready, defect"),
            "reason": text("Why it is defect, or was cut", most=4096),
            "sha256": text("Hexadecimal; empty while it is written"),
            "tag_markers": {**WHOLE, "description": "How many tags lie in it; with one it is kept"},
            "synchronised": {**BOOLEAN, "description": "Whether the clock was right"},
        }
    ),
)
GAP = component(
    "RecordingGap",
    record(
        {
            "camera": text(),
            "timestamp_start": MOMENT,
            "reason": text(most=4096),
            "timestamp_end": nullable(MOMENT, "Null: it goes on"),
        }
    ),
)
TAG = component(
    "RecordingTag",
    record(
        {
            "id": WHOLE,
            "timestamp": MOMENT,
            "title": text(),
            "note": text(most=4096),
            "created_by": text(),
            "camera": nullable(text(), "Null: all"),
            "category": nullable(WHOLE),
        }
    ),
)
NEW_TAG = record(
    {"title": text(least=1)},
    {
        "camera": text("Without it: all cameras"),
        "timestamp": {**MOMENT, "description": "Without it: now"},
        "note": text(most=4096),
        "category": WHOLE,
    },
    closed=True,
)
ID = Parameter("id", text(least=1, most=18), "The number of it", "path")
START = Parameter("start", MOMENT, "What ends after this, Unix milliseconds")
END = Parameter("end", MOMENT, "What begins before this, Unix milliseconds")
CAMERA = Parameter("camera", listing(text(most=32), most=16), "Only of this camera", many=True)


def number_of(call: Call) -> int:
    """The number in the path. Raises Gone for what is none."""
    id = call.path["id"]
    if not (id.isascii() and id.isdecimal()):
        raise Gone("There is none of this number")
    return int(id)


async def record_of(recordings: Recordings, call: Call) -> Record:
    """The record that is meant. Raises Gone, also if the asker may not know its camera."""
    found = await recordings.one(number_of(call))
    if not call.by.knows(f"cameras/{found.camera}/"):
        raise Gone("There is no such recording")
    return found
