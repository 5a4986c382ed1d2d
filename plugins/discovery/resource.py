"""The product's address for searching: GET /api/onvif/discover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from camd.state import Value


class Discover(Resource):
    """The ONVIF devices of the network. search: see Discovery."""

    isLeaf = True
    described: ClassVar = {
        "GET": {
            "summary": "Search the network for ONVIF devices, which takes three seconds",
            "answers": {
                200: 'The devices: {"devices": [{"uuid", "name", "hardware", "location", "services"}]}'
            },
            "body": None,
        },
    }

    def __init__(self, search: Callable[[], Deferred[Value]]):
        super().__init__()
        self._search = search

    def render_GET(self, request: Any) -> Any:
        searching = self._search()
        gone: list[Any] = []
        request.notifyFinish().addErrback(gone.append)
        searching.addCallback(lambda devices: gone or request.send_json({"devices": devices}))
        return NOT_DONE_YET
