"""The page: its static files, which hold nothing about anybody, and the short addresses of its parts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.web.resource import IResource, Resource
from twisted.web.static import File, getTypeAndEncoding

from ..hookspecs import Route
from .document import answer_conditions, etag_of
from .errors import ErrorResource
from .redirect import Redirect
from .request import Request

if TYPE_CHECKING:
    from .guard import Guard

STATIC = Path(__file__).parent / "static"
#: What several pages have in common: `<!-- part: bar -->` stands for the file bar.html in here.
PARTS = STATIC / "parts"
_PART = re.compile(rb" *<!-- part: ([a-z]+) -->\n")
NOT_FOUND = ErrorResource(404)
_NAME = re.compile(rb"[A-Za-z0-9._-]{0,100}")
#: Parts of the page that have an address of their own, because a password is entered there.
_SECRET_PARTS = (b"setup", b"login")


class Static(File):
    """Files. No listings, no ranges; always asked again, so a new version is seen at once."""

    childNotFound = NOT_FOUND

    def directoryListing(self) -> IResource:
        return NOT_FOUND

    def getChild(self, path: bytes, request: Request) -> IResource:
        request.route = "/"
        if not _NAME.fullmatch(path):  # ours are called so, and Twisted fails at some others
            return NOT_FOUND
        request.setHeader(b"cache-control", b"no-cache")
        if path.endswith(b".html") and (STATIC / path.decode()).is_file():
            return Document(STATIC / path.decode())
        found = super().getChild(path, request)
        if isinstance(found, File) and found.isdir() and not request.postpath:
            return NOT_FOUND  # Twisted leads to the path with a slash, on a page of its own
        return found

    def render_GET(self, request: Request) -> bytes:
        """At once: they are small, and so nothing is left to do when a client leaves."""
        try:
            with self.open() as file:
                found, data = os.fstat(file.fileno()), file.read()
        except OSError:  # gone just now
            return NOT_FOUND.render(request)
        answer = answer_conditions(request, etag_of(found.st_mtime_ns, found.st_size), found.st_mtime_ns)
        if answer is not None:
            return answer
        kind, _ = getTypeAndEncoding(self.basename(), self.contentTypes, {}, self.defaultType)
        request.setHeader(b"content-type", kind.encode())
        return data

    render_HEAD = render_GET  # Twisted's File has one of its own


class Document(Resource):
    """A page, with the parts that it shares with others. Put together for each who asks: it is a few small files,
    and whoever edits one sees it at once."""

    def __init__(self, path: Path):
        super().__init__()
        self._path = path

    def getChild(self, path: bytes, request: Request) -> IResource:
        return NOT_FOUND

    def render_GET(self, request: Request) -> bytes:
        found = [file.stat() for file in (self._path, PARTS, *PARTS.iterdir())]
        changed, size = max(one.st_mtime_ns for one in found), sum(one.st_size for one in found)
        answer = answer_conditions(request, etag_of(changed, size), changed)
        if answer is not None:
            return answer
        request.setHeader(b"content-type", b"text/html")
        return filled(self._path.read_bytes())


def filled(text: bytes) -> bytes:
    """A page with its parts in their places."""
    return _PART.sub(lambda found: (PARTS / f"{found[1].decode()}.html").read_bytes(), text)


class Page(Resource):
    """Answers where there is no route: / is the page, /setup and /login are parts of it, /?action=stream
    and /?action=snapshot are pictures for clients of mjpg-streamer. actions: name -> route."""

    def __init__(self, guard: Guard, actions: Mapping[bytes, Route]):
        super().__init__()
        self._guard = guard
        self._actions = actions
        self._static = Static(str(STATIC))

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        guard = self._guard
        if path == b"":
            route = self._actions.get(request.args.get(b"action", (b"",))[-1])
            if route is not None:
                return guard.admit(route, request)
        secret = path.removesuffix(b".html") in _SECRET_PARTS
        barred = guard.lead_to_https(request, secret)
        if barred is not None:
            return barred
        setup = guard.needs_setup
        if path == b"" and setup:
            return Redirect("setup")
        if path == b"setup" and not setup:
            return Redirect("./")
        if path == b"" or secret:
            return self._static.getChild(self._part(path), request)
        found = self._static.getChild(path, request)
        return guard.SETUP_REQUIRED if setup and found is NOT_FOUND else found

    def _part(self, path: bytes) -> bytes:
        """The file of a part of the page; the one for all where it has none of its own."""
        name = path.removesuffix(b".html") + b".html"
        return name if (STATIC / name.decode()).is_file() else b"index.html"
