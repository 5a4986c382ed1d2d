"""The source of a camd that was told of none."""

from __future__ import annotations

from . import v4l2


def default_source() -> str:
    """The first V4L2 camera that there is, by its lasting name, else the test picture. Blocks."""
    return next((f"v4l2:{device['id']}" for device in v4l2.devices() if device.get("modes")), "test:")
