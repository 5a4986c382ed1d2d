"""How the process gets its memory: less of it, for pictures that many threads take and give back."""

from __future__ import annotations

import ctypes
import os

#: M_ARENA_MAX of <malloc.h>.
_ARENA_MAX = -8


def keep_small() -> None:
    """Before the first thread: one heap for all threads, and none for the threads of OpenBLAS.

    glibc gives each thread a heap of its own, up to eight a core; a picture that was taken in one and given back in
    another leaves a hole in each. One heap saves 15 MB of 175 while H.264 is encoded, at no cost that could be
    measured: the large pieces are few. Elsewhere than with glibc nothing happens."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    try:
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
    except (AttributeError, OSError):
        return
