"""What the document says of files: served by `web.files`, for their bodies are none of REST's."""

from __future__ import annotations

import re

from ...state.permission import Permission
from .operation import Answer, Operation, Parameter
from .schema import BOOLEAN, Schema, component, listing, nullable, record, text

_READ, _WRITE = Permission.Storage_r, Permission.Storage_rw
_WHOLE: Schema = {"type": "integer", "minimum": 0}
#: The names that `files.name` takes, as far as they are of ASCII.
_DEVICES = "(con|prn|aux|nul|conin[$]|conout[$]|clock[$]|com[0-9]|lpt[0-9])"
_DEVICE = re.sub("[a-z]", lambda found: f"[{found[0]}{found[0].upper()}]", _DEVICES.replace("[0-9]", "\\d"))
_SPECIAL = r"\x00-\x1f\x7f/\\:*?\"<>|"
_NAME = rf"(?!{_DEVICE} *(\.|/|$))[^-. {_SPECIAL}]([^{_SPECIAL}]{{0,253}}[^. {_SPECIAL}])?"
#: Nothing that another decoder would make other characters of; and some take `$` for the end of a line.
_NOT_ENCODED = r"(?![\s\S]*(%[0-9A-Fa-f]{2}|%[uU][0-9A-Fa-f]{4}|&#|\n))"
#: As OpenAPI sends it, with encoded slashes, which no name has; folders are asked for with plain ones.
_FILE = f"^{_NOT_ENCODED}{_NAME}$"
_PLACE = f"^/?$|^{_NOT_ENCODED}/?{_NAME}(/{_NAME}){{0,15}}/?$"
_PATH = Parameter(
    "path", text(least=1, most=255, pattern=_FILE), "A name, after its folders with plain slashes", "path", rest=True
)
_RECURSIVE = Parameter("recursive", BOOLEAN, "With all that is below")
_OVERWRITE = Parameter("overwrite", BOOLEAN, "Whether a file that is there may be replaced")
_BYTES: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}
_ADDED = component(
    "FileAdded", record({"success": BOOLEAN, "filename": text(), "path": text("Where it lies"), "size": _WHOLE})
)
_ENTRY = component(
    "FileEntry",
    record(
        {
            "name": text("From the folder that is listed"),
            "size": _WHOLE,
            "modified": {"type": "string", "format": "date-time"},
            "type": {"type": "string", "enum": ["file", "directory"]},
            "mime_type": nullable(text()),
        }
    ),
)
_LISTING = component(
    "FileListing",
    record(
        {
            "path": text(),
            "files": listing(_ENTRY),
            "total_size": _WHOLE,
            "file_count": _WHOLE,
            "directory_count": _WHOLE,
            "complete": BOOLEAN,
            "pagination": record({"page": _WHOLE, "per_page": _WHOLE, "pages": _WHOLE}),
        }
    ),
)
_NO_ROOM = {
    400: Answer("The name is not one that a file may have, or the form is wrong"),
    409: Answer("There is a file or a folder of this name already"),
    412: Answer("The file is not what If-Match, If-None-Match or If-Unmodified-Since say"),
    413: Answer("It is larger than `limits.max_upload`"),
    507: Answer("The disk or `limits.files` has no room for it"),
}
_BAD_NAME = {400: Answer("The name is not one that a file may have, or a parameter is wrong")}
_NO_FILE = {**_BAD_NAME, 404: Answer("There is no such file")}


def _file(path: str) -> Operation:
    return Operation(
        "GET", path + "/{path}", _READ, "One file, or a part of it",
        {
            200: Answer("All of it", _BYTES, "*/*", {"ETag": "Another one for another content"}),
            206: Answer("The range that was asked for", _BYTES, "*/*"),
            304: Answer("It has not changed"),
            **_NO_FILE,
            412: Answer("It is not what If-Match or If-Unmodified-Since say"),
            416: Answer("It is shorter than that"),
        },
        doc="Ranges and conditions work (RFC 9110 13, 14). The type is that of the file's ending.",
        parameters=(_PATH,), tag="files",
    )  # fmt: skip


def _list(path: str, name: str) -> Operation:
    return Operation(
        "GET", path, _READ, "What is in a folder", {200: Answer("Folders first", _LISTING), **_NO_FILE},
        parameters=(
            Parameter(name, text(most=1023, pattern=_PLACE), "The folder; without it the top"),
            _RECURSIVE,
            Parameter("filter", text(most=100), "A pattern like `*.jpg`"),
            Parameter("page", {"type": "integer", "minimum": 1, "maximum": 1000000}, "Which part"),
            Parameter("per_page", {"type": "integer", "minimum": 1, "maximum": 1000}, "How many entries a part has"),
        ),
        tag="files",
    )  # fmt: skip


FILES: tuple[Operation, ...] = (
    _list("/files", "path"),
    _list("/api/files", "directory"),
    _file("/files"),
    _file("/download"),
    Operation(
        "PUT", "/files/{path}", _WRITE, "Bring a file",
        {201: Answer("A new one", _ADDED), 200: Answer("It replaced one", _ADDED), **_NO_ROOM},
        doc="The body is the file, whatever its type.", parameters=(_PATH, _OVERWRITE), tag="files",
    ),
    Operation(
        "DELETE", "/files/{path}", _WRITE, "Delete a file or a folder",
        {204: Answer("Deleted"), **_NO_FILE, 409: Answer("A folder needs `recursive`"),
         412: Answer("It is not what If-Match or If-Unmodified-Since say")},
        parameters=(_PATH, _RECURSIVE), tag="files",
    ),
    Operation(
        "POST", "/upload", _WRITE, "Bring a file in a form", {200: Answer("It is there", _ADDED), **_NO_ROOM},
        doc="The body is multipart/form-data with `file`, `path` (a folder) and `overwrite`.", tag="files",
    ),
    Operation(
        "GET", "/api/files/zip", _READ, "Files and folders as one ZIP",
        {200: Answer("Made while it is sent", _BYTES, "application/zip"), **_NO_FILE, 413: Answer("More than 10 000 files")},
        parameters=(
            Parameter(
                "path", {**listing(text(most=1023, pattern=_PLACE), most=1000), "minItems": 1}, "Files and folders",
                many=True, required=True,
            ),
        ),
        tag="files",
    ),
)  # fmt: skip
