"""Unit: one picture on its way from a container or a connection to a Packet or a Frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Unit:
    """content: bytes as in Packet, or a decoded picture as PyAV has it. position: seconds on the stream's own
    clock, None if it has none. keyframe: as in Packet."""

    content: Any
    position: float | None
    keyframe: bool
