"""V4L2 cameras, spoken to directly: ioctl and mmap on the kernel's own structures."""

from .hotplug import HotPlug
from .nodes import devices
from .source import V4l2Source, camd_sources

__all__ = ("HotPlug", "V4l2Source", "camd_sources", "devices")
