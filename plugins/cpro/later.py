"""What a route says that camd has no use for."""

from __future__ import annotations

from typing import Any

from camd.errors import Unsupported

from .resource import Answer, tells


def unsupported(reason: str) -> Answer:
    """Answers 409 and why."""
    reason = reason[0].upper() + reason[1:]

    @tells({409: reason})
    def refuse(request: Any) -> Any:
        raise Unsupported(reason)

    refuse.__doc__ = reason
    return refuse
