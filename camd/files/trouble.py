"""What an error of the file system means to whoever writes."""

from __future__ import annotations

import errno

from ..errors import Conflict, StorageFull

#: Where something cannot be written, whoever asks; or not any more, for the folder has been deleted meanwhile.
_REFUSED = frozenset(
    (errno.ENOENT, errno.EROFS, errno.EXDEV, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.ENAMETOOLONG,
     errno.EACCES, errno.EPERM)
)  # fmt: skip


def trouble(error: OSError) -> Exception:
    """The error of ours that says the same; others are nobody's fault but ours, and stay as they are."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull("There is no room for this file")
    if error.errno == errno.EEXIST:
        return Conflict("There is a file of this name; with overwrite=true it is replaced")
    if error.errno in _REFUSED:
        return Conflict(f"This cannot be written here: {error.strerror}")
    return error
