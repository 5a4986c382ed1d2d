"""Archive: files and folders as one ZIP, made while it is sent.

Nothing is compressed (pictures and videos do not shrink) and nothing is kept: each step reads one piece of one file.
Steps and not a thread that writes, because a slow client would keep that thread for as long as it likes.
"""

from __future__ import annotations

import os
import stat
import time
import zipfile
from collections.abc import Iterator, Sequence

from ..errors import Gone, TooLarge
from .folder import Folder
from .listing import list_folder
from .name import Name

PIECE = 1 << 18
#: Files of one archive: its list of them is kept in memory until the end.
MOST = 10_000
#: What a ZIP can say of time: from 1980 to 2107, in seconds since 1970.
_FIRST, _LAST = 315532800, 4354819198


class _Output:
    """What zipfile writes to: it cannot go back in it, and must not look."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None: ...

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def select(tree: Folder, names: Sequence[Name]) -> list[Name]:
    """Every file in these files and folders, once each. Blocks; raises Gone, TooLarge."""
    found: dict[Name, None] = {}
    wanted = set(names)
    for name in dict.fromkeys(names):
        if any(name[:depth] in wanted for depth in range(len(name))):
            continue  # with a folder above it
        status = tree.stat(name)
        if status is None:
            raise Gone("There is no such file")
        if stat.S_ISREG(status.st_mode):
            found[name] = None
        else:
            listing = list_folder(tree, name, recursive=True)
            found.update(((*name, *entry.name.split("/")), None) for entry in listing.entries if not entry.is_folder)
        if len(found) > MOST:
            raise TooLarge(f"An archive has at most {MOST} files")
    return list(found)


def zip_files(tree: Folder, files: Sequence[Name]) -> Iterator[bytes]:
    """The bytes of a ZIP with these files. Each step blocks for one piece of a file. What is gone by then is left
    out; of a file that grows meanwhile the beginning is there."""
    output = _Output()
    with zipfile.ZipFile(output, "w") as archive:  # type: ignore[arg-type]
        for name in files:
            try:
                file = tree.open(name)
            except Gone:
                continue
            with open(file, "rb", buffering=0) as source:
                status = os.fstat(file)
                info = zipfile.ZipInfo("/".join(name), time.gmtime(min(max(status.st_mtime, _FIRST), _LAST))[:6])
                info.file_size = left = status.st_size
                info.external_attr = 0o100644 << 16
                with archive.open(info, "w", force_zip64=left > zipfile.ZIP64_LIMIT // 2) as target:
                    while left and (data := source.read(min(left, PIECE))):
                        left -= len(data)
                        target.write(data)
                        yield output.take()
    yield output.take()
