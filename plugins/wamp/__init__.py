"""WAMP: the state, the calls and the pictures of camd for clients of the Web Application Messaging Protocol.

camd is the only callee and the only publisher, so this is an endpoint and no router.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from camd.hookspecs import Route, hookimpl

from .endpoint import Endpoint

if TYPE_CHECKING:
    from camd.app import App


@hookimpl
def camd_resources(app: App) -> list[Route]:
    return [Route.public("/wamp", Endpoint(app))]
