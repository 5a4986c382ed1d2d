"""/api/recordings: what is recorded: found, marked, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import Gone, Invalid, Refused
from ...record.entries import Filter, Tag
from ...state.permission import Permission
from .operation import Answer, Call, Operation, Parameter
from .recorded import (
    CAMERA,
    END,
    GAP,
    ID,
    NEW_TAG,
    RECORDING,
    START,
    TAG,
    WHOLE,
    number_of,
    record_of,
)
from .schema import BOOLEAN, listing, record, text

if TYPE_CHECKING:
    from ...app import App

#: A time and a number.
_CURSOR = r"^$|^(-?[0-9]{1,17}|[0-9]{18})\.[0-9]{1,18}$"
_FILTERS = (
    CAMERA,
    Parameter("kind", listing(text(), most=10), "Only of this kind", many=True),
    Parameter("state", listing(text(), most=3), "Only in this state", many=True),
    START,
    END,
    Parameter("text", text(most=100), "In the file name, or in a tag"),
    Parameter("tagged", BOOLEAN, "Only with a tag, or without one"),
    Parameter(
        "per_page", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}, "So many at most"
    ),
    Parameter("page", {"type": "integer", "minimum": 1, "maximum": 100_000, "default": 1}, "Which page"),
    Parameter("cursor", text(most=37, pattern=_CURSOR), "In place of a page: that of the page before, which is faster"),
)
_EVER = 1 << 45


class RecordingsNoun:
    """The recordings of the cameras that the asker may see."""

    def __init__(self, app: App):
        self._recordings = app.recordings

    def operations(self) -> list[Operation]:
        return [*self._reading(), *self._changing()]

    def _reading(self) -> list[Operation]:
        read = Permission.Media_r
        page = record(
            {
                "recordings": listing(RECORDING),
                "total_count": WHOLE,
                "pagination": record({"page": WHOLE, "per_page": WHOLE, "pages": WHOLE, "cursor": text()}),
            }
        )
        return [
            Operation("GET", "/api/recordings", read, "List recordings",
                      {200: Answer("The newest first", page)},
                      self.list, parameters=_FILTERS),
            Operation("GET", "/api/recordings/{id}/info", read, "Read about a recording",
                      {200: Answer("It", RECORDING), 404: Answer("There is none")}, self.read, parameters=(ID,)),
            Operation("GET", "/api/recordings/gaps", read, "List times that are missing",
                      {200: Answer("In their order, 1000 at most", record({"gaps": listing(GAP)}))}, self.gaps,
                      parameters=(CAMERA, START, END)),
            Operation("GET", "/api/recordings/tags", read, "List tags",
                      {200: Answer("In their order, 1000 at most", record({"tags": listing(TAG)}))}, self.tags,
                      parameters=(CAMERA, START, END)),
        ]  # fmt: skip

    def _changing(self) -> list[Operation]:
        write = Permission.Media_rw
        return [
            Operation("DELETE", "/api/recordings/{id}", Permission.Storage_rw, "Delete a recording",
                      {204: Answer("It is gone"), 404: Answer("There is none"),
                       409: Answer("It is being written")},
                      self.delete, parameters=(ID,)),
            Operation("POST", "/api/recordings/tags", write, "Mark a moment",
                      {201: Answer("The tag", record({"id": WHOLE})), 404: Answer("There is no such category"),
                       422: Answer("This is no tag")},
                      self.tag, "The recordings that have it are kept.", body=NEW_TAG),
            Operation("DELETE", "/api/recordings/tags/{id}", write, "Take a mark away",
                      {204: Answer("It is gone"), 404: Answer("There is none")}, self.untag, parameters=(ID,)),
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
        return (await record_of(self._recordings, call)).shown()

    async def gaps(self, call: Call) -> Any:
        found = await self._recordings.gaps(self._cameras(call), *_times(call))
        return {"gaps": [gap.shown() for gap in found]}

    async def tags(self, call: Call) -> Any:
        found = await self._recordings.tags(self._cameras(call), *_times(call))
        return {"tags": [tag.shown() for tag in found]}

    # -- changing

    async def delete(self, call: Call) -> Any:
        found = await record_of(self._recordings, call)
        await self._recordings.delete(found.id)

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
        id = number_of(call)
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


def _times(call: Call) -> tuple[int, int]:
    return call.query.get("start", 0), call.query.get("end", _EVER)
