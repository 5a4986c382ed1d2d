"""Redirects to addresses of our own, with an empty body."""

from __future__ import annotations

from twisted.web.resource import Resource

from .errors import reason
from .request import Request


class Redirect(Resource):
    """Leads to target, an address of ours; permanent: browsers may remember it. Other methods than GET
    and HEAD are kept."""

    isLeaf = True

    def __init__(self, target: str | bytes, permanent: bool = False):
        super().__init__()
        self._target = target.encode("ascii") if isinstance(target, str) else target
        self._permanent = permanent

    def render(self, request: Request) -> bytes:
        reading = request.method in (b"GET", b"HEAD")
        status = (301 if reading else 308) if self._permanent else (303 if reading else 307)
        request.setResponseCode(status, reason(status))
        request.setHeader(b"location", self._target)
        request.setHeader(b"cache-control", b"no-store")
        return b""
