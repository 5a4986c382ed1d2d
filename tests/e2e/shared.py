"""Daemons and browsers that the tests of one module share: they end when another module shares some, for a browser
that still plays nine cameras slows down everybody's tests."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import Any

_endings: dict[str, list[Callable[[], Any]]] = {}


def until_others(module: str, end: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call end(*args, **kwargs) when a module other than this begins to share, or at the end of the process; what was
    said last is called first."""
    for other in [name for name in _endings if name != module]:
        _end(other)
    _endings.setdefault(module, []).append(lambda: end(*args, **kwargs))


def _end(module: str) -> None:
    for end in reversed(_endings.pop(module)):
        end()


@atexit.register
def _end_all() -> None:
    for module in list(_endings):
        _end(module)
