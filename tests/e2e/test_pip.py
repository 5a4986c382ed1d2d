"""Two real cameras in one picture, while one of them is unplugged and the other changes its size."""

from __future__ import annotations

import cv2
import numpy
from twisted.trial.unittest import SynchronousTestCase

from . import rest
from .fakecam import FakeCamera, frames
from .mjpeg_reader import MjpegReader, Picture

CAMERAS = """
[cameras.scene]
source = "test:"
size = "640x360"

[cameras.device]
source = "v4l2:/dev/video0"

[cameras.both]
source = "pip:scene,device?corner=top-left&scale=0.5&border=0"
"""
#: What JPEG may change, in levels of 255 on the average.
LOSS = 8.0


def decoded(data: bytes) -> numpy.ndarray:
    return cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_COLOR).astype(numpy.float32)


def quartered(image: numpy.ndarray) -> numpy.ndarray:
    """A quarter of its size: the mean of each sixteen pixels."""
    height, width = image.shape[:2]
    return image.reshape(height // 4, 4, width // 4, 4, 3).mean((1, 3))


class PipTests(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.camera = FakeCamera()
        self.small = [quartered(decoded(frame)) for frame in frames()]
        self.daemon = self.camera.daemon(CAMERAS)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)

    def shows_device(self, picture: Picture) -> bool:
        """Whether a picture of the device is in the corner."""
        image = decoded(picture.data)
        margin = round(image.shape[1] * 0.02)
        part = image[margin:margin + 180, margin:margin + 320]
        return any(abs(part - small).mean() < LOSS for small in self.small if part.shape == small.shape)

    def test_two_cameras(self) -> None:
        with MjpegReader(self.daemon.url + "cam/both/stream.mjpg") as reader:
            reader.next(self.shows_device)
            self.camera.fault("unplug")
            reader.next(lambda picture: not self.shows_device(picture))
            values = rest.ask(self.daemon.url, {"get": ["cameras/both/state", "cameras/both/size"]})["values"]
            self.assertEqual(values, {"cameras/both/state": "streaming", "cameras/both/size": "640x360"})
            self.camera.fault("")
            reader.next(self.shows_device)
            rest.ask(self.daemon.url, {"cameras/scene/size": "320x240"})
            reader.next(lambda picture: decoded(picture.data).shape == (240, 320, 3))
            rest.ask(self.daemon.url, {"cameras/scene/size": "640x360"})
            reader.next(self.shows_device)
        self.assertEqual(self.daemon.log.count("Traceback"), 0)
