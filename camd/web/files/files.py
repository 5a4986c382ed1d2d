"""The resources of files: /files, /download, /api/files, /api/files/zip and /upload."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.error import UnsupportedMethod
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from ...errors import Invalid
from ...files import Demands, Files, Name, parse_parts, zip_files
from ...files.listing import type_of
from ..document import SANDBOX, Document, attachment, condition, etag_of, send_document
from ..errors import render_failure
from ..request import Request
from ..sendfile import Pump
from .form import Form
from .incoming import Incoming
from .query import flag_of, folder_of, number_of, text_of

if TYPE_CHECKING:
    from ..web import Web

#: Entries of a listing in one answer.
PAGE = 1000
_PATTERN = 100
_SELECTED = 1000
#: What a page of ours could load as a part of itself (`script-src 'self'`): sent as text, which `nosniff` keeps text.
_RUNS = re.compile(r".*/.*(javascript|ecmascript|css)")


class _Leaf(Resource):
    """What they have in common."""

    isLeaf = True

    def __init__(self, files: Files, web: Web):
        super().__init__()
        self._files = files
        self._web = web

    def _note(self, request: Request, event: str, name: Name) -> None:
        """For the audit log: files are brought and deleted by somebody."""
        self._web.audit(event, request.principal.name, request.address, path="/" + "/".join(name))

    def _charge(self, request: Request) -> None:
        self._web.limits.charge_file(request.principal, request.address)

    def _charge_upload(self, request: Request) -> None:
        self._web.limits.charge_upload(request.principal, request.address)


class Listed(_Leaf):
    """GET: what is in the folder that `path` or `directory` names, with what is below it if `recursive`; `filter`
    is a pattern like `*.jpg`, `page` and `per_page` choose a part."""

    def render_GET(self, request: Request) -> Any:
        self._charge(request)
        if any(request.postpath):
            return self._below(request)
        folder = folder_of(text_of(request, "path", "directory").encode())
        pattern = text_of(request, "filter")
        if len(pattern) > _PATTERN:
            raise Invalid("filter", f"has at most {_PATTERN} characters")
        page, size = number_of(request, "page", 1, 10**6), number_of(request, "per_page", PAGE, PAGE)
        recursive = flag_of(request, "recursive")

        async def answer() -> dict[str, Any]:
            found = await self._files.list(folder, recursive, pattern, (page - 1) * size, size)
            count = found.file_count + found.directory_count
            return {
                "path": "/" + "/".join(folder),
                "files": [entry.describe() for entry in found.entries],
                "total_size": found.total_size,
                "file_count": found.file_count,
                "directory_count": found.directory_count,
                "complete": found.complete,
                "pagination": {"page": page, "per_page": size, "pages": -(-count // size)},
            }

        return _later(request, answer(), request.send_json)

    def _below(self, request: Request) -> Any:
        raise Invalid("path", "the folder is a parameter: ?path=")


class FilesResource(Listed):
    """GET: the file below this address, or without one what `path` lists. PUT: the body becomes the file; 201, or 200
    if it replaced one. DELETE: the file, with `recursive` a folder."""

    def render(self, request: Request) -> Any:
        if request.method not in (b"GET", b"HEAD") and not any(request.postpath):
            raise UnsupportedMethod([b"GET", b"HEAD"])  # nothing replaces or removes the top
        return super().render(request)

    def _below(self, request: Request) -> Any:
        return _send(request, self._files)

    def receive(self, request: Request) -> PutBody | None:
        """PUT: see Receiver."""
        if request.method != b"PUT":
            return None
        self._charge_upload(request)
        return PutBody(request, self._files)

    def render_PUT(self, request: Request) -> Any:
        body = request.receiver or self.receive(request)  # an empty file comes without a body
        request.receiver = None

        async def answer() -> tuple[dict[str, Any], int]:
            replaced = await body.finish()
            self._note(request, "file_added", body.target)
            return _added(body.target, body.size), 200 if replaced else 201

        return _later(request, answer(), lambda found: request.send_json(*found))

    def render_DELETE(self, request: Request) -> Any:
        self._charge(request)
        name, recursive = parse_parts(request.postpath), flag_of(request, "recursive")
        demands = Demands(True, _conditions(request))

        async def remove() -> None:
            await self._files.remove(name, recursive, demands)
            self._note(request, "file_removed", name)

        def done(_: None) -> None:
            request.setResponseCode(204)
            request.finish()

        return _later(request, remove(), done)


class DownloadResource(_Leaf):
    """GET: the file below this address."""

    def render_GET(self, request: Request) -> Any:
        self._charge(request)
        return _send(request, self._files)


class UploadResource(_Leaf):
    """POST: a form with `file`, `path` (a folder) and `overwrite`."""

    def receive(self, request: Request) -> Form | None:
        """See Receiver."""
        if request.method != b"POST":
            return None
        self._charge_upload(request)
        return Form(request, self._files)

    def render_HEAD(self, request: Request) -> Any:
        raise UnsupportedMethod([b"POST"])  # Twisted's would look for GET

    def render_POST(self, request: Request) -> Any:
        form: Form | None = request.receiver  # type: ignore[assignment]
        if form is None:
            raise Invalid("file", "a file is needed")
        request.receiver = None
        target, done = form.finish()

        async def answer() -> dict[str, Any]:
            await done
            self._note(request, "file_added", target)
            return _added(target, form.size)

        return _later(request, answer(), request.send_json)


class ArchiveResource(_Leaf):
    """GET: the files and folders that the parameters `path` name, as one ZIP."""

    def render_GET(self, request: Request) -> Any:
        self._charge(request)
        wanted = request.args.get(b"path", [])
        if not 0 < len(wanted) <= _SELECTED:
            raise Invalid("path", f"1 to {_SELECTED} of them are needed")
        names = [folder_of(value) for value in wanted]
        last = names[0][-1] if len(names) == 1 and names[0] else "files"

        def send(found: list[Name]) -> None:
            headers = request.responseHeaders
            headers.setRawHeaders(b"content-type", [b"application/zip"])
            headers.setRawHeaders(b"content-disposition", [attachment(last + ".zip")])
            headers.setRawHeaders(b"content-security-policy", [SANDBOX])
            headers.setRawHeaders(b"cache-control", [b"no-store"])
            request.write(b"")
            if request.method == b"HEAD":
                request.finish()
            else:
                self._pump(request, zip_files(self._files.tree, found))

        return _later(request, self._files.select(names), send)

    def _pump(self, request: Request, pieces: Iterator[bytes]) -> None:
        pump = Pump(request, lambda: next(filter(None, pieces), b""), self._files.io, request.finish)
        request.notifyFinish().addBoth(lambda _: pump.stopProducing())
        pump.idle.addCallback(lambda _: self._files.io(pieces.close))  # type: ignore[attr-defined]
        pump.start()


class PutBody:
    """A Receiver: the body is the file."""

    def __init__(self, request: Request, files: Files):
        if request.requestHeaders.hasHeader(b"content-range"):
            raise Invalid("", "a file is sent as a whole; Content-Range is not supported")
        self.limit = files.most
        self.target = parse_parts(request.postpath)
        if not self.target:
            raise Invalid("path", "the name of the file is missing")
        self._demands = Demands(flag_of(request, "overwrite", True), _conditions(request))
        self._incoming = Incoming(
            request, files, self.target[:-1], self.target, self._demands, request.channel.length or 0
        )

    @property
    def size(self) -> int:
        return self._incoming.size

    def write(self, data: bytes) -> None:
        self._incoming.write(data)

    def abandon(self) -> None:
        self._incoming.abandon()

    def finish(self) -> Deferred[bool]:
        """See Incoming."""
        return self._incoming.finish(self.target, self._demands)


def _send(request: Request, files: Files) -> int:
    name = parse_parts(request.postpath)

    def open_document() -> Document:
        file = files.tree.open(name)
        kind = type_of(name[-1])
        return Document.of(file, type="text/plain" if _RUNS.fullmatch(kind) else kind, name=name[-1])

    return send_document(request, open_document, files.io)


def _conditions(request: Request) -> Callable[[os.stat_result | None], bool]:
    """What the conditions of a change ask of what is there (RFC 9110 13.1)."""
    headers = request.requestHeaders

    def holds(found: os.stat_result | None) -> bool:
        if found is None:
            return not headers.hasHeader(b"if-match")
        etag = etag_of(found.st_mtime_ns, found.st_size)
        return condition(headers, etag, found.st_mtime_ns, reading=False) == 200

    return holds


def _added(name: Name, size: int) -> dict[str, Any]:
    return {"success": True, "filename": name[-1], "path": "/" + "/".join(name), "size": size}


def _later(request: Request, answer: Coroutine[Any, Any, Any], send: Callable[[Any], None]) -> int:
    """Send what a coroutine returns, unless the client is gone by then. It is not cancelled: what has begun to
    change is better finished than left half done."""
    gone: list[Failure] = []
    request.notifyFinish().addErrback(gone.append)
    done = Deferred.fromCoroutine(answer)
    done.addCallback(lambda value: None if gone else send(value))
    done.addErrback(lambda failure: None if gone else render_failure(request, failure))
    return NOT_DONE_YET
