"""/api/openapi.json and /api/docs: this API, for programs and for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...state.permission import Principal
from ...wire.strictjson import dumps
from .openapi import document
from .operation import PUBLIC, READER, Answer, Call, Operation, Reply
from .reading import tag_of

if TYPE_CHECKING:
    from ...app import App

_PAGE = Path(__file__).parent.parent / "static" / "docs.html"
#: So many documents are kept; readers with the same rights share one.
_KEPT = 8
#: Unlike everything else of REST a browser may keep them, if it asks each time whether they are still right.
_CACHED = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}


class DocumentsNoun:
    """The OpenAPI document, made anew when what is to be in it or the rights of the reader are others.

    described(by): everything that is to be in it.
    """

    def __init__(self, app: App, described: Callable[[Principal], Iterable[Operation]]):
        self._app = app
        self._described = described
        self._kept: dict[Any, Reply] = {}

    def operations(self) -> list[Operation]:
        return [
            Operation(
                "GET",
                "/api/openapi.json",
                READER,
                "This document",
                {200: Answer("OpenAPI 3.1, with the states that the asker may use", {"type": "object"})},
                self.openapi,
                tag="documents",
            ),
            Operation(
                "GET",
                "/api/docs",
                PUBLIC,
                "This document for people",
                {200: Answer("A page", {"type": "string"}, "text/html; charset=utf-8")},
                self.page,
                tag="documents",
            ),
        ]

    async def openapi(self, call: Call) -> Reply:
        schema, by = self._app.state["system/schema"].value, call.by
        base = call.request.way.prefix
        operations = list(self._described(by))
        key = (schema, by.permissions, by.cameras, base, _told(operations))
        reply = self._kept.get(key)
        if reply is None:
            made = document(operations, self._app.state, by, base)
            content = await self._app.threads.io(
                lambda: dumps(made).encode()
            )  # milliseconds with many cameras
            reply = Reply(headers=_CACHED, etag=tag_of(content), content=content)
            if len(self._kept) >= _KEPT and key not in self._kept:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = reply
        return reply

    def page(self, call: Call) -> Reply:
        return Reply(headers=_CACHED, content=_PAGE.read_bytes())


def _told(operations: Iterable[Operation]) -> str:
    """What of them changes while camd runs: plugins come and go, and tell of bodies what fits now."""
    return "\n".join(f"{o.method} {o.path} {o.body if o.handler is None else ''}" for o in operations)
