"""Luma and chroma of pictures for video encoders, limited range."""

from __future__ import annotations

import av
import cv2
import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.encoders.packed_planes import PackedPlanes
from camd.encoders.planes import Planes
from camd.errors import CamdError
from camd.media import Packet
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


def by_ffmpeg(image: numpy.ndarray, matrix: str = "ITU709") -> list[numpy.ndarray]:
    picture = av.VideoFrame.from_ndarray(image, "bgr24")
    return samples(picture.reformat(format="yuv420p", dst_colorspace=matrix, dst_color_range="MPEG"))


def coded(image: numpy.ndarray, quality: int = 85, *options: int) -> Packet:
    _done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality, *options])
    return Packet(data.tobytes(), "mjpeg", 0, 0, 0)


def packet(raw: numpy.ndarray, codec: str) -> Packet:
    return Packet(raw.tobytes(), codec, 0, 0, 0)


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

    def test_the_other_matrix(self) -> None:
        image = Scene("colours", 320, 240).draw(1.0, 123_456, 2e9, 30)
        for ours, theirs in zip(samples(Planes(320, 240, "bt601").fill(image)), by_ffmpeg(image, "ITU601"), strict=True):
            self.assertLessEqual(numpy.abs(ours - theirs).max(), 2)


class PackedPlanesTests(SynchronousTestCase):
    """The camera's own samples: luma untouched, chroma of two rows in one."""

    def test_yuyv(self) -> None:
        for width, height in ((1280, 720), (642, 358), (18, 16)):
            raw = numpy.random.default_rng(1).integers(0, 256, (height, width // 2, 4), numpy.uint8)
            found = samples(PackedPlanes(width, height).fill(packet(raw, "yuyv422")))
            rows = raw.astype(int).reshape(height // 2, 2, width // 2, 4).mean(axis=1)
            expected = raw[:, :, ::2].reshape(height, width).astype(int), rows[:, :, 1], rows[:, :, 3]
            for plane, wanted in zip(found, expected, strict=True):
                self.assertLessEqual(numpy.abs(plane - wanted).max(), 0.5 if plane is not found[0] else 0)

    def test_nv12(self) -> None:
        for width, height in ((1280, 720), (642, 358), (18, 16)):
            raw = numpy.random.default_rng(1).integers(0, 256, (height * 3 // 2, width), numpy.uint8)
            found = samples(PackedPlanes(width, height).fill(packet(raw, "nv12")))
            for plane, wanted in zip(found, (raw[:height], raw[height:, ::2], raw[height:, 1::2]), strict=True):
                self.assertTrue((plane == wanted).all())

    def test_one_after_the_other(self) -> None:
        """A picture that an encoder still has is not the place of the next one."""
        planes = PackedPlanes(64, 64)
        first, second = (planes.fill(packet(numpy.full((64, 64, 2), level, numpy.uint8), "yuyv422")) for level in (9, 99))
        self.assertEqual([samples(picture)[0].max() for picture in (first, second)], [9, 99])

    def test_the_full_range(self) -> None:
        """Raw pictures are of the range that the camera says, JPEGs always of the full one."""
        level = numpy.full((64, 64, 2), 255, numpy.uint8)
        for full, expected in ((False, 255), (True, 235)):
            picture = PackedPlanes(64, 64, full).fill(packet(level, "yuyv422"))
            self.assertApproximates(samples(picture)[0].mean(), expected, 1)
            picture = PackedPlanes(64, 64, full).fill(coded(numpy.full((64, 64, 3), 255, numpy.uint8)))
            self.assertApproximates(samples(picture)[0].mean(), 235, 1)

    def test_jpegs(self) -> None:
        """Of every kind that cameras make, as their pixels would have become."""
        image = Scene("colours", 320, 240).draw(1.0, 123_456, 2e9, 30)
        kinds = {
            "420": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420],
            "422": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422],
            "444": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444],
            "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
            "with marks to start again": [cv2.IMWRITE_JPEG_RST_INTERVAL, 4],
        }
        planes = PackedPlanes(320, 240)
        for kind, options in kinds.items():
            found = samples(planes.fill(coded(image, 95, *options)))
            for ours, theirs in zip(found, by_ffmpeg(image, "ITU601"), strict=True):
                self.assertLess(numpy.abs(ours - theirs).mean(), 2.5, kind)
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        luma, blue, red = samples(planes.fill(coded(grey, 95)))
        self.assertLess(numpy.abs(luma - (16 + grey * (219 / 255))).mean(), 2)
        self.assertEqual({*numpy.unique(blue), *numpy.unique(red)}, {128})

    def test_damaged_jpegs_are_refused_and_the_next_one_is_not(self) -> None:
        good = coded(Scene("colours", 320, 240).draw(1.0, 123_456, 2e9, 30))
        larger = coded(numpy.zeros((480, 640, 3), numpy.uint8)).data
        promising = bytearray(good.data)
        at = promising.index(b"\xff\xc0") + 5
        promising[at:at + 4] = b"\xff\xff\xff\xff"  # 65535 x 65535
        planes = PackedPlanes(320, 240)
        for bad in (b"", b"x" * 100, good.data[:200], good.data[:len(good.data) // 2], larger, bytes(promising)):
            with self.assertRaisesRegex(CamdError, f"^{len(bad)} bytes that should be a JPEG are damaged or cut off: skipped"):
                planes.fill(Packet(bad, "mjpeg", 0, 0, 0))
            self.assertGreater(samples(planes.fill(good))[0].max(), 200)

    def test_another_length_is_refused(self) -> None:
        with self.assertRaisesRegex(CamdError, "a yuyv422 picture of 64x64 has 8192 bytes, this one 100: skipped"):
            PackedPlanes(64, 64).fill(Packet(bytes(100), "yuyv422", 0, 0, 0))
