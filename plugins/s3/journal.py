"""Journal: how far the copying has come, in `s3.json` of the data directory. It blocks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from .copy import Upload

NAME = "s3.json"
#: Files of users that wait, in their order; with more the oldest are forgotten.
MOST_FILES = 10_000


class Journal:
    """after: all records up to this number need no copy any more; done: those beyond it; files: uploads that
    wait, with the time of each; upload: what is under way; place: the bucket that all of this is about, for
    another one has nothing yet."""

    log = Logger()

    def __init__(self, path: Path):
        self._path = path
        self.place = ""
        self.after = 0
        self.done: set[int] = set()
        self.files: dict[str, float] = {}
        self.upload: Upload | None = None

    def read(self) -> None:
        """A journal that is missing or damaged is a new one: what is in the bucket already is recognised
        there."""
        try:
            value: Any = json.loads(self._path.read_text("utf-8"))
            self.place, self.after = str(value["place"]), int(value["after"])
            self.done = {int(id) for id in value["done"]}
            self.files = {str(name): float(since) for name, since in value["files"].items()}
            self.upload = Upload(**value["upload"]) if value["upload"] else None
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.log.error("{path} is damaged, copying begins anew: {error}", path=self._path, error=error)
            self.forget("")

    def forget(self, place: str) -> None:
        """Begin anew, with another place."""
        self.place, self.after, self.done, self.files, self.upload = place, 0, set(), {}, None

    def write(self) -> None:
        """Atomically; raises OSError."""
        upload = self.upload
        value = {
            "place": self.place, "after": self.after, "done": sorted(self.done),
            "files": dict(list(self.files.items())[-MOST_FILES:]),
            "upload": upload and {"key": upload.key, "id": upload.id, "digest": upload.digest},
        }  # fmt: skip
        part = self._path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._path)
