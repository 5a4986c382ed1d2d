"""Form: a file in a body of multipart/form-data (RFC 7578), taken apart as it comes."""

from __future__ import annotations

from typing import Any

from multipart import MultipartError, ParserLimitReached, PushMultipartParser, parse_options_header
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ...errors import Invalid, TooLarge
from ...files import Demands, Files, Name, parse_name, parse_path
from ..request import Request
from .incoming import Incoming
from .query import flag, folder_of

#: Bytes of everything but the file: headers of parts, other fields.
AROUND = 1 << 16
PARTS = 20
_FIELD = 2048
_HEADER, _HEADERS = 4096, 8


class Form:
    """A Receiver. Fields: `file` with a filename; `path`, the folder; `overwrite`. Others are passed over, and those
    two may stand in the address instead. size: bytes of the file."""

    def __init__(self, request: Request, files: Files):
        self.limit = files.most + AROUND
        self.name = ""
        self._request = request
        self._fields: dict[str, bytes] = {}
        self._into: bytearray | None = None  # the field that is being read; None: the file, or nothing
        self._in_file = False
        self._parser = _parser(request)
        for name in (b"path", b"overwrite"):
            if name in request.args:
                self._fields[name.decode()] = request.args[name][-1]
        self._incoming = Incoming(
            request, files, folder_of(self._fields.get("path", b"")), (), Demands(True),
            max(0, (request.channel.length or 0) - AROUND),
        )  # fmt: skip

    @property
    def size(self) -> int:
        return self._incoming.size

    def write(self, data: bytes) -> None:
        try:
            for event in self._parser.parse(data):
                self._take(event)
        except MultipartError as error:
            self._request.answer_early(Failure(_invalid(error)))
        except Invalid:
            self._request.answer_early(Failure())

    def abandon(self) -> None:
        self._incoming.abandon()

    def finish(self) -> tuple[Name, Deferred[bool]]:
        """All has come: where the file will lie, and when it does (see Incoming). Raises Invalid."""
        try:
            self._parser.close()
            if not self.name:
                raise Invalid("file", "a part of this name, with a filename, is needed")
            folder = folder_of(self._fields.get("path", b""))
            target = parse_path("/".join((*folder, self.name)))
            overwrite = flag("overwrite", self._fields.get("overwrite", b"false"))
        except (MultipartError, Invalid) as error:
            self.abandon()
            raise _invalid(error) if isinstance(error, MultipartError) else error
        return target, self._incoming.finish(target, Demands(overwrite))

    def _take(self, event: Any) -> None:
        """A part begins, has bytes, or ends."""
        if event is None:
            self._in_file, self._into = False, None
        elif isinstance(event, (bytes, bytearray)):
            if self._in_file:
                self._incoming.write(bytes(event))
            elif self._into is not None:
                self._into += event
                if len(self._into) > _FIELD:
                    raise Invalid("", f"a field has at most {_FIELD} bytes")
        elif event.name == "file":
            if self.name:
                raise Invalid("file", "one file at a time")
            self.name = parse_name(event.filename or "")
            self._in_file = True
        else:
            self._into = bytearray()
            self._fields[event.name] = self._into


def _parser(request: Request) -> PushMultipartParser:
    kind, options = parse_options_header(request.getHeader("content-type") or "")
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not 0 < len(boundary) <= 200 or not boundary.isascii():
        raise Invalid("", "the body must be multipart/form-data, with a boundary")
    return PushMultipartParser(
        boundary, max_header_size=_HEADER, max_header_count=_HEADERS, max_segment_count=PARTS
    )


def _invalid(error: MultipartError) -> Invalid | TooLarge:
    if isinstance(error, ParserLimitReached):
        return TooLarge(f"At most {PARTS} parts, each with {_HEADERS} headers of {_HEADER} bytes")
    return Invalid("", "the body is not multipart/form-data as its Content-Type says")
