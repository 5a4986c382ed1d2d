"""Copy: one file into a bucket: resumed where it was interrupted, and verified. All of this blocks."""

from __future__ import annotations

import hashlib
import mimetypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from .bucket import Bucket, S3Error

#: Bytes of a part; a file up to that is one piece. S3 wants 5 MiB at least, and takes 10,000 parts.
PART = 8 << 20
MOST_PARTS = 10_000
_HIDDEN = (-1, "")


@dataclass(frozen=True, slots=True)
class Upload:
    """An object of many parts that is not complete. digest: of the file, which must be the same when it goes
    on."""

    key: str
    id: str
    digest: str


class Changed(S3Error):
    """The file is not the one that was recorded."""


def copy(
    bucket: Bucket,
    key: str,
    file: BinaryIO,
    digest: str,
    resume: Upload | None,
    note: Callable[[Upload | None], None],
    part: int = PART,
) -> int:
    """Copy an open file; returns how many bytes went over the line, 0 if it was there already. digest: its
    SHA-256 as known, "" if nobody does; note(upload): keep this, to go on from there. Raises S3Error."""
    real, size = _digest(file)
    if digest and real != digest:
        raise Changed(f"{key}: the file has changed since it was recorded: it is not copied")
    if _there(bucket, key) == (size, real):
        if resume is not None and resume.key == key:
            bucket.abandon(key, resume.id)
            note(None)
        return 0
    type = mimetypes.guess_type(key)[0] or "application/octet-stream"
    if size <= part:
        bucket.put(key, file.read(), real, type)
        sent = size
    else:
        sent = _in_parts(bucket, Upload(key, "", real), type, file, size, resume, note, part)
    found = _there(bucket, key)
    if found is None or found != _HIDDEN and (found[0] != size or found[1] not in ("", real)):
        raise S3Error(f"{key}: what the server has is not what was sent")
    return sent


def _there(bucket: Bucket, key: str) -> tuple[int, str] | None:
    """What HEAD tells. A key that may write only gets 403; then the checks of what was sent must do, and if
    it may nothing at all, writing tells why, which HEAD cannot."""
    try:
        return bucket.head(key)
    except S3Error as error:
        if error.status == 403:
            return _HIDDEN
        raise


def _in_parts(
    bucket: Bucket,
    wanted: Upload,
    type: str,
    file: BinaryIO,
    size: int,
    resume: Upload | None,
    note: Callable[[Upload | None], None],
    part: int,
) -> int:
    part = max(part, -(-size // MOST_PARTS))
    there: dict[int, tuple[int, str]] = {}
    upload = resume
    if upload is not None and (upload.key, upload.digest) == (wanted.key, wanted.digest):
        try:
            there = bucket.parts(upload.key, upload.id)
        except S3Error as error:
            if error.status != 404:
                raise
            upload = None
    else:
        if upload is not None:
            bucket.abandon(upload.key, upload.id)
        upload = None
    if upload is None:
        upload = Upload(wanted.key, bucket.begin(wanted.key, wanted.digest, type), wanted.digest)
        note(upload)
    sent, tags = 0, {}
    for number in range(1, -(-size // part) + 1):
        data = file.read(part)
        known = there.get(number)
        if known is not None and known == (len(data), hashlib.md5(data, usedforsecurity=False).hexdigest()):
            tags[number] = known[1]
            continue
        tags[number] = bucket.put_part(upload.key, upload.id, number, data)
        sent += len(data)
    bucket.complete(upload.key, upload.id, tags)
    note(None)
    return sent


def _digest(file: BinaryIO) -> tuple[str, int]:
    found = hashlib.file_digest(file, "sha256")
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return found.hexdigest(), size
