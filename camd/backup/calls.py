"""The call that makes camd as new, for WebSocket, HTTP and WAMP clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..hookspecs import Method, hookimpl

if TYPE_CHECKING:
    from ..app import App


@hookimpl
def camd_methods(app: App) -> list[Method]:
    async def factory_reset() -> bool:
        await app.backups.reset()
        return True

    return [
        Method("system.factory_reset", {}, "FirmwareUpdate_rw", factory_reset,
               "Delete users, settings, recordings and files, and start again; the categories of tags stay.", whole=True),
    ]  # fmt: skip
