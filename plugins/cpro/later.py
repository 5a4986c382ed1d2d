"""The routes about recordings: camd keeps none, and says so.

Reading tells that there is nothing; what would make something is refused with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from camd.errors import Gone, Unsupported

from .keys import NO_RECORDING
from .resource import Answer, tells

if TYPE_CHECKING:
    from camd.app import App

NO_FILES = "this camd does not keep snapshots"


class Recordings:
    """Answers the routes about recordings."""

    def __init__(self, app: App):
        self._app = app

    def status(self, request: Any) -> Any:
        """GET /api/recording/status: nothing is recorded."""
        free = self._app.state.get("system/disk_free")
        return {
            "recording": False,
            "recording_id": None,
            "filename": None,
            "duration": 0,
            "estimated_size": 0,
            "remaining_space": free.value if free is not None else None,
        }

    def list(self, request: Any) -> Any:
        """GET /api/recordings: none; of one: there is none."""
        if request.postpath:
            raise Gone("There is no such recording")
        return {"recordings": [], "total_count": 0, "pagination": {"page": 1, "per_page": 50, "pages": 0}}

    @tells({404: "There is no such recording"})
    def remove(self, request: Any) -> Any:
        """DELETE /api/recordings/{id}: there are no recordings."""
        raise Gone("There is no such recording")


def unsupported(reason: str) -> Answer:
    """Answers 409 and why."""
    reason = reason[0].upper() + reason[1:]

    @tells({409: reason})
    def refuse(request: Any) -> Any:
        raise Unsupported(reason)

    refuse.__doc__ = reason
    return refuse


record = unsupported(NO_RECORDING)
keep = unsupported(NO_FILES)
