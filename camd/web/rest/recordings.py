"""/api/recordings: what is recorded: found, played, marked, deleted."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, BinaryIO

from ...errors import Gone, Invalid, Refused
from ...record.entries import Filter, Tag
from ...state.permission import Permission
from ..outflow import Outflow, Reader
from ..request import Request
from .operation import Answer, Call, Operation, Parameter, Rejected, Reply
from .schema import BOOLEAN, component, listing, nullable, record, text

if TYPE_CHECKING:
    from ...app import App
    from ...record.entries import Record

_WHOLE = {"type": "integer", "minimum": 0, "maximum": 1 << 53}
_MOMENT = {"type": "integer", "minimum": 0, "maximum": 1 << 45, "description": "Unix milliseconds"}
_NUMBER = {"type": "number"}
RECORDING = component(
    "Recording",
    record(
        {
            "id": _WHOLE,
            "recording_id": _WHOLE,
            "filename": text("Below the place of recordings", most=4096),
            "camera": text(),
            "kind": text("manual, continuous, schedule, event, timelapse, snapshot"),
            "media_type": text("video, timelapse, image"),
            "encoding": text("mp4, jpg"),
            "codec": text("h264, hevc, mjpeg"),
            "timestamp_start": _MOMENT,
            "timestamp_end": _MOMENT,
            "duration": {**_NUMBER, "description": "Seconds"},
            "size": {**_WHOLE, "description": "Bytes; of one that is written, those that are on disk"},
            "file_size": _WHOLE,
            "resolution": text(),
            "fps": _NUMBER,
            "state": text("recording, ready, defect"),
            "reason": text("Why it is defect, or was cut", most=4096),
            "sha256": text("Hexadecimal; empty while it is written"),
            "tag_markers": {**_WHOLE, "description": "How many tags lie in it; with one it is kept"},
            "synchronised": {**BOOLEAN, "description": "Whether the clock was right"},
        }
    ),
)
_GAP = component(
    "RecordingGap",
    record(
        {
            "camera": text(),
            "timestamp_start": _MOMENT,
            "reason": text(most=4096),
            "timestamp_end": nullable(_MOMENT, "Null: it goes on"),
        }
    ),
)
_TAG = component(
    "RecordingTag",
    record(
        {
            "id": _WHOLE,
            "timestamp": _MOMENT,
            "title": text(),
            "note": text(most=4096),
            "created_by": text(),
            "camera": nullable(text(), "Null: all"),
            "category": nullable(_WHOLE),
        }
    ),
)
_NEW_TAG = record(
    {"title": text(least=1)},
    {
        "camera": text("Without it: all cameras"),
        "timestamp": {**_MOMENT, "description": "Without it: now"},
        "note": text(most=4096),
        "category": _WHOLE,
    },
    closed=True,
)
_ID = Parameter("id", text(least=1, most=18), "The number of it", "path")
_START = Parameter("start", _MOMENT, "What ends after this, Unix milliseconds")
_END = Parameter("end", _MOMENT, "What begins before this, Unix milliseconds")
_CAMERA = Parameter("camera", listing(text(most=32), most=16), "Only of this camera", many=True)
_FILTERS = (
    _CAMERA,
    Parameter("kind", listing(text(), most=10), "Only of this kind", many=True),
    Parameter("state", listing(text(), most=3), "Only in this state", many=True),
    _START,
    _END,
    Parameter("text", text(most=100), "In the file name, or in a tag"),
    Parameter("tagged", BOOLEAN, "Only with a tag, or without one"),
    Parameter(
        "per_page", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}, "So many at most"
    ),
    Parameter("page", {"type": "integer", "minimum": 1, "maximum": 100_000, "default": 1}, "Which page"),
    Parameter("cursor", text(most=40), "In place of a page: that of the page before, which is faster"),
)
_FILE = Answer("The file", type="video/mp4")
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")
_EVER = 1 << 45


class RecordingsNoun:
    """The recordings of the cameras that the asker may see."""

    def __init__(self, app: App):
        self._recordings = app.recordings
        self._threads = app.threads

    def operations(self) -> list[Operation]:
        return [*self._reading(), *self._playing(), *self._changing()]

    def _reading(self) -> list[Operation]:
        read = Permission.Media_r
        page = record(
            {
                "recordings": listing(RECORDING),
                "total_count": _WHOLE,
                "pagination": record({"page": _WHOLE, "per_page": _WHOLE, "pages": _WHOLE, "cursor": text()}),
            }
        )
        return [
            Operation("GET", "/api/recordings", read, "List recordings",
                      {200: Answer("The newest first", page), 422: Answer("The cursor is none of a page")},
                      self.list, parameters=_FILTERS),
            Operation("GET", "/api/recordings/{id}/info", read, "Read about a recording",
                      {200: Answer("It", RECORDING), 404: Answer("There is none")}, self.read, parameters=(_ID,)),
            Operation("GET", "/api/recordings/gaps", read, "List times that are missing",
                      {200: Answer("In their order, 1000 at most", record({"gaps": listing(_GAP)}))}, self.gaps,
                      parameters=(_CAMERA, _START, _END)),
            Operation("GET", "/api/recordings/tags", read, "List tags",
                      {200: Answer("In their order, 1000 at most", record({"tags": listing(_TAG)}))}, self.tags,
                      parameters=(_CAMERA, _START, _END)),
        ]  # fmt: skip

    def _playing(self) -> list[Operation]:
        camera = Parameter("camera", text(), "The id of the camera")
        return [
            Operation("GET", "/api/recordings/range", Permission.Media_r, "Play a time",
                      {200: Answer("One MP4, from the very picture on", type="video/mp4"),
                       404: Answer("Nothing is recorded of it"),
                       409: Answer("The video became another one within"),
                       422: Answer("This is no time")},
                      self.play,
                      "Nothing is encoded: it begins at a key frame, and an edit list hides what is too "
                      "early. Files that follow each other become one.", parameters=(camera, _START, _END)),
            Operation("GET", "/api/recordings/{id}", Permission.Media_r, "Download a recording",
                      {200: _FILE, 206: Answer("A part of it", type="video/mp4"), 404: Answer("There is none"),
                       416: Answer("The file has no such part")},
                      self.download, "Ranges of bytes are served.", parameters=(_ID,)),
        ]  # fmt: skip

    def _changing(self) -> list[Operation]:
        write = Permission.Media_rw
        return [
            Operation("DELETE", "/api/recordings/{id}", Permission.Storage_rw, "Delete a recording",
                      {204: Answer("It is gone"), 404: Answer("There is none"),
                       409: Answer("It is being written")},
                      self.delete, parameters=(_ID,)),
            Operation("POST", "/api/recordings/tags", write, "Mark a moment",
                      {201: Answer("The tag", record({"id": _WHOLE})), 404: Answer("There is no such category"),
                       422: Answer("This is no tag")},
                      self.tag, "The recordings that have it are kept.", body=_NEW_TAG),
            Operation("DELETE", "/api/recordings/tags/{id}", write, "Take a mark away",
                      {204: Answer("It is gone"), 404: Answer("There is none")}, self.untag, parameters=(_ID,)),
        ]  # fmt: skip

    # -- reading

    async def list(self, call: Call) -> Any:
        query = call.query
        wanted = Filter(
            self._cameras(call),
            tuple(query.get("kind", ())),
            tuple(query.get("state", ())),
            query.get("start"),
            query.get("end"),
            query.get("text", ""),
            query.get("tagged"),
        )
        size, number = query.get("per_page", 50), query.get("page", 1)
        page = await self._recordings.find(wanted, size, query.get("cursor", ""), (number - 1) * size)
        pagination = {
            "page": number,
            "per_page": size,
            "pages": -(-page.total // size),
            "cursor": page.cursor,
        }
        return {
            "recordings": [one.shown() for one in page.records],
            "total_count": page.total,
            "pagination": pagination,
        }

    async def read(self, call: Call) -> Any:
        return (await self._one(call)).shown()

    async def gaps(self, call: Call) -> Any:
        found = await self._recordings.gaps(self._cameras(call), *_times(call))
        return {"gaps": [gap.shown() for gap in found]}

    async def tags(self, call: Call) -> Any:
        found = await self._recordings.tags(self._cameras(call), *_times(call))
        return {"tags": [tag.shown() for tag in found]}

    # -- playing

    async def play(self, call: Call) -> Reply:
        query = call.query
        for name in ("camera", "start", "end"):
            if name not in query:
                raise Rejected(400, f"{name}: it is needed", key=name)
        if not call.by.sees(query["camera"]):
            raise Gone("There is no recording of this time")
        playback = await self._recordings.play(query["camera"], query["start"], query["end"])
        name = f"{query['camera']}-{query['start']}-{query['end']}.mp4"
        return Reply(
            send=lambda request: self._send(
                request,
                playback,
                {
                    "content-type": "video/mp4",
                    "content-disposition": f'inline; filename="{name}"',
                    "cache-control": "no-store",
                },
            )
        )

    async def download(self, call: Call) -> Reply:
        found = await self._one(call)
        file: BinaryIO = await self._threads.io(self._open, found)
        size = found.size
        part = _part(call.request.getHeader(b"range"), size)
        if part is None:
            await self._threads.io(file.close)
            raise Rejected(416, f"The file has {size} bytes", "RANGE_NOT_SATISFIABLE")
        start, end = part
        partial = call.request.getHeader(b"range") is not None and (start, end) != (0, size)
        name = found.filename.replace("/", "-")
        headers = {
            "content-type": "video/mp4" if found.encoding == "mp4" else "image/jpeg",
            "content-length": str(end - start),
            "accept-ranges": "bytes",
            "content-disposition": f'inline; filename="{name}"',
            "cache-control": "private, no-cache",
        }
        if found.sha256:
            headers["etag"] = f'"{found.sha256}"'
        if partial:
            headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
        reader = _Slice(file, start, end)
        return Reply(send=lambda request: self._send(request, reader, headers, 206 if partial else 200))

    def _open(self, found: Record) -> BinaryIO:
        try:
            descriptor = os.open(self._recordings.path(found), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            raise Gone("The file of this recording is missing") from None
        file = os.fdopen(descriptor, "rb")
        if os.fstat(descriptor).st_size < found.size:
            file.close()
            raise Gone("The file of this recording is shorter than it was")
        return file

    def _send(self, request: Request, reader: Reader, headers: dict[str, str], status: int = 200) -> None:
        if request.finished or request.channel is None:  # the client has left
            self._threads.io(reader.close)
            return
        request.setResponseCode(status)
        for name, value in headers.items():
            request.responseHeaders.setRawHeaders(name.encode(), [value.encode()])
        if request.method == b"HEAD":
            self._threads.io(reader.close)
            request.finish()
            return
        request.endless = "content-length" in headers  # without a length the end must be told, by chunks
        Outflow(request, reader, self._threads.io).start()

    # -- changing

    async def delete(self, call: Call) -> Any:
        await self._one(call)
        await self._recordings.delete(_number(call))

    async def tag(self, call: Call) -> Any:
        body = call.body
        camera = body.get("camera", "")
        if camera and not call.by.sees(camera):
            raise Invalid("camera", "there is no such camera")
        if not camera and call.by.cameras is not None:
            raise Refused("camera", Permission.Media_rw)
        moment = body.get("timestamp", self._recordings.now())
        tag = Tag(0, moment, body["title"], body.get("note", ""), camera, body.get("category"), call.by.name)
        return {"id": await self._recordings.tag(tag)}

    async def untag(self, call: Call) -> Any:
        id = _number(call)
        tag = await self._recordings.one_tag(id)
        if call.by.cameras is not None and tag.camera not in call.by.cameras:
            raise Gone("There is no such tag")
        await self._recordings.untag(id)

    # -- who may

    def _cameras(self, call: Call) -> frozenset[str] | None:
        asked = frozenset(call.query["camera"]) if "camera" in call.query else None
        if asked is None or call.by.cameras is None:
            return asked if call.by.cameras is None else call.by.cameras
        return asked & call.by.cameras

    async def _one(self, call: Call) -> Record:
        found = await self._recordings.one(_number(call))
        if not call.by.knows(f"cameras/{found.camera}/"):
            raise Gone("There is no such recording")
        return found


class _Slice:
    """A part of a file, as a Reader."""

    def __init__(self, file: BinaryIO, start: int, end: int):
        self._file = file
        self._left = end - start
        file.seek(start)

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        if not data and self._left:  # the client waits for what was promised: cut it off
            raise EOFError("the file became shorter while it was sent")
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()


def _number(call: Call) -> int:
    id = call.path["id"]
    if not (id.isascii() and id.isdecimal()):
        raise Gone("There is none of this number")
    return int(id)


def _times(call: Call) -> tuple[int, int]:
    return call.query.get("start", 0), call.query.get("end", _EVER)


def _part(header: bytes | None, size: int) -> tuple[int, int] | None:
    """The bytes that are asked for (RFC 9110 section 14.2): all of them for a header that is none, or several
    ranges; None if there are none such."""
    found = _RANGE.fullmatch((header or b"").decode("latin-1").strip())
    if found is None:
        return 0, size
    if found[3] is not None:
        start, end = max(0, size - int(found[3])), size
    else:
        start = int(found[1])
        end = min(size, int(found[2]) + 1 if found[2] else size)
    return (start, end) if start < end else None
