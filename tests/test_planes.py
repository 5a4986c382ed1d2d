"""Luma and chroma of pictures for video encoders: BT.709, limited range."""

from __future__ import annotations

import av
import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.encoders.planes import Planes
from camd.sources.scene import Scene, read_timecode

#: Red, green, blue and their samples by ITU-R BT.709: 16 + 219 Y, 128 + 224 Cb, 128 + 224 Cr.
CHART = {
    (0, 0, 0): (16, 128, 128),
    (255, 255, 255): (235, 128, 128),
    (128, 128, 128): (126, 128, 128),
    (255, 0, 0): (63, 102, 240),
    (0, 255, 0): (173, 42, 26),
    (0, 0, 255): (32, 240, 118),
    (255, 255, 0): (219, 16, 138),
    (0, 255, 255): (188, 154, 16),
    (255, 0, 255): (78, 214, 230),
}


def samples(picture: av.VideoFrame) -> list[numpy.ndarray]:
    """Luma, blue and red difference, as numbers that can be negative."""
    return [
        numpy.frombuffer(plane, numpy.uint8).reshape(plane.height, plane.line_size)[:, : plane.width].astype(int)
        for plane in picture.planes
    ]


def by_ffmpeg(image: numpy.ndarray) -> list[numpy.ndarray]:
    picture = av.VideoFrame.from_ndarray(image, "bgr24")
    return samples(picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"))


class PlanesTests(SynchronousTestCase):
    def test_a_chart_of_colours(self) -> None:
        planes = Planes(64, 64)
        for (red, green, blue), expected in CHART.items():
            picture = planes.fill(numpy.full((64, 64, 3), (blue, green, red), numpy.uint8))
            for plane, sample in zip(samples(picture), expected, strict=True):
                self.assertLessEqual(numpy.abs(plane - sample).max(), 1, (red, green, blue))

    def test_as_ffmpeg_makes_them(self) -> None:
        """Pictures of every sort; at sizes that are no multiple of anything."""
        noise = numpy.random.default_rng(1)
        for width, height in ((1280, 720), (642, 358), (160, 130), (18, 16)):
            planes = Planes(width, height)
            images = [noise.integers(0, 256, (height, width, 3), numpy.uint8)]
            if width >= 160:
                images.append(Scene("colours", width, height).draw(1.0, 123_456, 2e9, 30))
            for image in images:
                for ours, theirs in zip(samples(planes.fill(image)), by_ffmpeg(image), strict=True):
                    self.assertLessEqual(numpy.abs(ours - theirs).max(), 2, (width, height))

    def test_odd_sizes_and_read_only_pictures(self) -> None:
        image = Scene("odd", 320, 240).draw(0.0, 77, 2e9, 0)[:239, :319]
        image.flags.writeable = False
        luma, _blue, _red = samples(Planes(318, 238).fill(image))
        self.assertEqual(luma.shape, (238, 318))
        self.assertEqual(read_timecode(numpy.pad(luma, ((0, 0), (0, 2)))), 77)

    def test_the_picture_says_what_it_is(self) -> None:
        picture = Planes(64, 64).picture
        self.assertEqual((picture.colorspace, picture.color_range), (1, 1))
