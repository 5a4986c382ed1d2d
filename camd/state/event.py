"""Things that happen, as against things that are."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Motion, an input, a camera lost. start, end: UTC seconds, end None while it lasts;
    camera: id or None; data: small JSON."""

    kind: str
    camera: str | None = None
    start: float = field(default_factory=time.time)
    end: float | None = None
    data: dict[str, Any] = field(default_factory=dict)
