"""/api/recordings: what is recorded, as it is seen: files, times, playlists, small pictures."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IPushProducer

from ...errors import Gone
from ...record.playback import Playback
from ...record.playlist import NAME
from ...state.permission import Permission
from ..document import Document, send_document
from ..playlist import CONTENT_TYPE
from ..request import Request
from ..sendfile import PIECE, Pump
from .operation import Answer, Call, Operation, Parameter, Reply
from .recorded import END, ID, MOMENT, START, record_of
from .schema import text

if TYPE_CHECKING:
    from ...app import App
    from ...record.entries import Record

#: A thumbnail of what is not written any more never changes, but numbers begin anew after a factory reset; who signs in
#: after somebody else asks anew.
_FOR_A_WHILE = {"Cache-Control": "private, max-age=600", "Vary": "Authorization, Cookie"}
_NOT_YET = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
_TYPES = {"mp4": "video/mp4", "jpg": "image/jpeg"}
_FILE = {
    200: Answer("The file", type="video/mp4"),
    206: Answer("A part of it", type="video/mp4"),
    304: Answer("The client has it"),
    404: Answer("There is none"),
    412: Answer("It is another one"),
    416: Answer("The file has no such part"),
}


class PlayingNoun:
    """The recordings of the cameras that the asker may see."""

    def __init__(self, app: App):
        self._recordings = app.recordings
        self._threads = app.threads

    def operations(self) -> list[Operation]:
        read = Permission.Media_r
        camera = Parameter("camera", text(), "The id of the camera", required=True)
        time = (camera, replace(START, required=True), replace(END, required=True))
        at = Parameter("at", MOMENT, "Of this moment, Unix milliseconds; without it: of the beginning")
        nothing = Answer("Nothing is recorded of it")
        return [
            Operation("GET", "/api/recordings/range", read, "Play a time",
                      {200: Answer("One MP4, from the very picture on", type="video/mp4"), 404: nothing,
                       409: Answer("The video became one of another codec within"),
                       422: Answer("This is no time")},
                      self.play,
                      "Nothing is encoded: it begins at a key frame, and an edit list hides what is too "
                      "early. Files that follow each other become one.", parameters=time),
            Operation("GET", "/api/recordings/index.m3u8", read, "Play a time by HTTP Live Streaming",
                      {200: Answer("A playlist", type=CONTENT_TYPE.decode()), 404: nothing,
                       422: Answer("This is no time, or more than 6 hours")},
                      self.playlist,
                      "Its segments are parts of the files, which are asked for with the same rights.",
                      parameters=time),
            Operation("GET", "/api/recordings/{id}", read, "Download a recording", _FILE,
                      self.download, "Ranges of bytes are served.", parameters=(ID,)),
            Operation("GET", "/api/recordings/{id}/" + NAME, read, "The same by a name that players know", _FILE,
                      self.download, "Playlists lead here.", parameters=(ID,)),
            Operation("GET", "/api/recordings/{id}/thumbnail.jpg", read, "A small picture of a recording",
                      {200: Answer("The last key frame until then, 320 pixels wide at most", type="image/jpeg"),
                       404: Answer("There is none, or no picture in it"),
                       429: Answer("Too many are made at this moment")},
                      self.thumbnail, parameters=(ID, at)),
        ]  # fmt: skip

    async def play(self, call: Call) -> Reply:
        camera, start, end = _time(call)
        playback = await self._recordings.play(camera, start, end)
        name = f"{camera}-{start}-{end}.mp4"
        return Reply(send=lambda request: self._send(request, playback, name))

    async def playlist(self, call: Call) -> Reply:
        content = await self._recordings.playlist(*_time(call))
        return Reply(content=content)

    async def thumbnail(self, call: Call) -> Reply:
        found = await record_of(self._recordings, call)
        gone: list[Any] = []
        call.request.notifyFinish().addErrback(gone.append)
        made = await self._recordings.thumbnail(found, call.query.get("at"), lambda: not gone)
        headers = _NOT_YET if found.state == "recording" and "at" in call.query else _FOR_A_WHILE
        return Reply(headers=headers, etag=f"{made.time}-{len(made.data)}", content=made.data)

    async def download(self, call: Call) -> Reply:
        found = await record_of(self._recordings, call)

        def send(request: Request) -> None:
            if not _is_gone(request):
                send_document(request, lambda: self._open(found), self._threads.io)

        return Reply(send=send)

    def _open(self, found: Record) -> Document:
        """Blocks. Raises Gone."""
        try:
            file = os.open(self._recordings.path(found), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            raise Gone("The file of this recording is missing") from None
        told = os.fstat(file)
        if told.st_size < found.size:
            os.close(file)
            raise Gone("The file of this recording is shorter than it was")
        name = found.filename.replace("/", "-").encode()
        shown = ((b"content-disposition", b'inline; filename="%b"' % name),)
        # Of one that is written: what is whole.
        type = _TYPES.get(found.encoding, "application/octet-stream")
        return Document(file, found.size, told.st_mtime_ns, type, headers=shown)

    def _send(self, request: Request, playback: Playback, name: str) -> None:
        io = self._threads.io
        if _is_gone(request):
            io(playback.close)
            return
        for header, value in (
            (b"content-type", playback.content_type.encode()),
            (b"content-disposition", b'inline; filename="%b"' % name.encode()),
            (b"cache-control", b"no-store"),
        ):
            request.responseHeaders.setRawHeaders(header, [value])
        if request.method == b"HEAD":
            io(playback.close)
            request.finish()
            return
        pump: IPushProducer = Pump(request, lambda: playback.read(PIECE), io, request.finish)
        pump.idle.addCallback(lambda _: io(playback.close))
        request.notifyFinish().addErrback(lambda _: pump.stopProducing())
        pump.start()


def _is_gone(request: Request) -> bool:
    """Whether the client has left."""
    return request.finished or request.channel is None


def _time(call: Call) -> tuple[str, int, int]:
    """The camera, start and end that are asked for. Raises Gone if the asker may not see it."""
    camera = call.query["camera"]
    if not call.by.sees(camera):
        raise Gone("There is no recording of this time")
    return camera, call.query["start"], call.query["end"]
