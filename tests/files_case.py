"""The web edge with files, asked over connections in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from camd.config import Config

from .edge_case import EdgeCase, Wire

BOUNDARY = "----x"


def form(*parts: tuple[str, Any], end: bool = True) -> bytes:
    """A body of multipart/form-data. parts: (name, value), or (name, (filename, data))."""
    lines = []
    for name, value in parts:
        filename, data = value if isinstance(value, tuple) else (None, value.encode("utf-8", "surrogateescape"))
        more = "" if filename is None else f'; filename="{filename}"'
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
        lines.append(head.encode("utf-8", "surrogateescape") + data + b"\r\n")
    return b"".join(lines) + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


FORM = {"content_type": f"multipart/form-data; boundary={BOUNDARY}"}


class FilesCase(EdgeCase):
    """self.root: the folder on disk; accounts as in EdgeCase: admin may write, viewer and operator may read."""

    def setUp(self) -> None:
        super().setUp()
        self.root = self.folder / "files"
        self.files = self.app.files
        self.get(self.files.start())

    def configure(self, **limits: int) -> None:
        """Change the limits that the configuration has."""
        config: Config = self.app.config
        for name, value in limits.items():
            object.__setattr__(config.limits, name, value)
        self.files.configure(config)

    @property
    def there(self) -> list[str]:
        """Every file below, also those that are being written."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir())

    def add(self, path: str, data: bytes = b"data") -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return target

    def begin(self, method: str, path: str, length: int | None, by: str = "admin", **headers: str) -> Wire:
        """The head of a request, of which the body has yet to come."""
        if length is None:
            headers["transfer_encoding"] = "chunked"
        else:
            headers["content_length"] = str(length)
        return self.request(method, path, by=by, **headers)
