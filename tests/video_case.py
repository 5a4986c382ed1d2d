"""Cameras in memory that give what a test publishes: JPEGs, or an H.264 stream made before."""

from __future__ import annotations

from collections.abc import Iterator

from camd.media import Format, Packet
from camd.media.camera import Camera
from camd.testing import jpeg_packet

from .coded_video import LIVE, coded
from .edge_case import EdgeCase

#: A key frame every second, and every half second.
EACH_SECOND = LIVE["h264"]
EACH_HALF = LIVE["h264"].replace("g=30", "g=15")


def video(count: int, start: float = 0.0, size: tuple[int, int] = (320, 180), options: str = EACH_SECOND) -> list[Packet]:
    """H.264 of 30 pictures a second from `start` (seconds) on; wall is 1000 more."""
    return [
        Packet(one.data, "h264", start + at / 30, 1000 + start + at / 30, start + at / 30, one.keyframe)
        for at, one in enumerate(coded("h264", count, options, size))
    ]


class VideoCase(EdgeCase):
    """As EdgeCase; pictures come from the test instead of a device."""

    def camera(self, id: str = "cam1") -> Camera:
        return self.app.cameras[id]

    def films(self, id: str = "cam1") -> None:
        """The camera gives H.264 by itself."""
        self.camera(id).pipeline.opened(Format("h264", 320, 180, 30.0))

    def publish(self, packets: Iterator[Packet] | list[Packet], id: str = "cam1") -> None:
        for packet in packets:
            self.camera(id).pipeline.source.publish(packet)

    def jpegs(self, count: int, id: str = "cam1", first: int = 0) -> list[Packet]:
        """Publish so many JPEGs, 30 a second."""
        packets = [jpeg_packet(first + number, b"\xff\xd8 %d \xff\xd9" % (first + number)) for number in range(count)]
        self.publish(packets, id)
        return packets

    def clients(self, id: str = "cam1") -> dict[str, int]:
        return self.camera(id).pipeline.clients()
