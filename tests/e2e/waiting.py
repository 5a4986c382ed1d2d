"""Waiting for something that another process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(event: Callable[[], T], timeout: float = 15.0, what: str = "") -> T:
    """Ask until the answer is true, and return it; AssertionError with the last answer if it stays false."""
    deadline = time.monotonic() + timeout
    while not (answer := event()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:.0f} s: {what or event}, but {answer!r}")
        time.sleep(0.02)
    return answer
