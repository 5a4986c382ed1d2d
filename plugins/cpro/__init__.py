"""Speaks as the product does: /api/v1 with its keys, its names on /api, and its other routes.

Everything is a translation: the values are camd's state, the rights are camd's, and what a client of one
language changes all others hear of in theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.application.service import Service

from camd.hookspecs import Route, hookimpl

from .dialect import Dialect
from .limits import Limits
from .resource import Elsewhere
from .routes import routes
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from twisted.application.service import IService

    from camd.app import App


#: What the documentation of the API says of /api/v1.
DESCRIBED = {
    "GET": {
        "summary": "The WebSocket of the product's clients",
        "answers": {101: "Flat messages in JSON, both ways", 426: "A WebSocket is wanted"},
        "body": None,
    },
    "POST": {
        "summary": "One message of the product's clients, answered",
        "answers": {200: "The answer; a refusal is one with `error`", 400: ("Not JSON", {"type": "object"})},
        "body": {"description": "Keys and values, or a query: see docs/cpro.md. To what is none `error` is the answer"},
    },
}


class NativeNames(Service):
    """While it runs, /api knows the product's native names."""

    def __init__(self, app: App):
        self._api = app.api
        self._vocabulary = Vocabulary(app, native=True)

    def startService(self) -> None:
        super().startService()
        self._api.vocabulary = self._vocabulary

    def stopService(self) -> None:
        self._api.vocabulary = None
        return super().stopService()


@hookimpl
def camd_resources(app: App) -> list[Route]:
    limits = Limits(app)
    spoken = Elsewhere(limits.calls, app.web.dialect_resource(Dialect(app)), described=DESCRIBED)
    return [Route.public("/api/v1", spoken), *routes(app, limits)]


@hookimpl
def camd_services(app: App) -> list[IService]:
    return [NativeNames(app)]
