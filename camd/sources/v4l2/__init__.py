"""V4L2 cameras, spoken to directly: ioctl and mmap on the kernel's own structures."""

from .source import V4l2Source, camd_sources, devices

__all__ = ("V4l2Source", "camd_sources", "devices")
