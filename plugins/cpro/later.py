"""The routes about recordings and files: camd keeps neither, and says so.

Reading tells that there is nothing; what would make something is refused with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from camd.errors import Gone, Unsupported

from .keys import NO_RECORDING
from .resource import Answer, tells

if TYPE_CHECKING:
    from camd.app import App

NO_FILES = "this camd does not keep files"


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


class Files:
    """Answers the routes about files."""

    @tells({200: "Nothing", 404: "There is no such file"})
    def list(self, request: Any) -> Any:
        """GET /files?path=: an empty root; anything below it is not there."""
        asked = (request.args.get(b"path") or request.args.get(b"directory") or [b"/"])[-1]
        if request.postpath or asked.strip(b"/"):
            raise Gone("There is no such file")
        return {"path": "/", "files": [], "total_size": 0, "file_count": 0, "directory_count": 0}

    @tells({404: "There is no such file"})
    def gone(self, request: Any) -> Any:
        """GET /download/{path}, DELETE /files/{path}: there are no files."""
        raise Gone("There is no such file")


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
