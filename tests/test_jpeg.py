"""Colours through JPEG and packed YUV, against the formulas of the standards."""

from __future__ import annotations

import cv2
import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.encoders.jpeg import DEFAULT_QUALITY, camd_encoders, decode, encode_jpeg, jpeg_encoder
from camd.errors import CamdError
from camd.media.frame import Format, Frame, Packet

WIDTH, HEIGHT = 320, 240


def picture() -> numpy.ndarray:
    """Smooth random colours, BGR: every hue, black and white, nothing that 4:2:0 cannot carry."""
    coarse = numpy.random.default_rng(7).integers(0, 256, (8, 10, 3), dtype=numpy.uint8)
    image = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    image[:32, :64], image[:32, 64:128] = 0, 255
    return image


def ycbcr(image: numpy.ndarray, full: bool) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """ITU-R BT.601 in floating point, not rounded."""
    blue, green, red = (image[..., channel].astype(float) for channel in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    cb, cr = (blue - luma) / 1.772, (red - luma) / 1.402
    if full:
        return luma, 128 + cb, 128 + cr
    return 16 + luma * 219 / 255, 128 + cb * 224 / 255, 128 + cr * 224 / 255


def rounded(samples: numpy.ndarray) -> numpy.ndarray:
    return numpy.clip(numpy.rint(samples), 0, 255).astype(numpy.uint8)


def yuyv422(image: numpy.ndarray, full: bool) -> bytes:
    luma, cb, cr = ycbcr(image, full)
    packed = numpy.empty((HEIGHT, WIDTH, 2), numpy.uint8)
    packed[..., 0] = rounded(luma)
    packed[:, 0::2, 1] = rounded((cb[:, 0::2] + cb[:, 1::2]) / 2)
    packed[:, 1::2, 1] = rounded((cr[:, 0::2] + cr[:, 1::2]) / 2)
    return packed.tobytes()


def nv12(image: numpy.ndarray, full: bool) -> bytes:
    luma, cb, cr = ycbcr(image, full)
    quarters = [chroma.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(1, 3)) for chroma in (cb, cr)]
    return rounded(luma).tobytes() + rounded(numpy.stack(quarters, axis=2)).tobytes()


def error(image: numpy.ndarray, truth: numpy.ndarray) -> float:
    return float(numpy.abs(image.astype(int) - truth).mean())


def packet(data: bytes, codec: str) -> Packet:
    return Packet(data, codec, 1.5, 2.5, 3.5)


class PackedYuv(SynchronousTestCase):
    def test_colours_are_right_in_both_ranges(self) -> None:
        truth = picture()
        for codec, pack in (("yuyv422", yuyv422), ("nv12", nv12)):
            for full in (False, True):
                frame = decode(packet(pack(truth, full), codec), Format(codec, WIDTH, HEIGHT, 30.0, full))
                self.assertLess(error(frame.image, truth), 2.0, (codec, full))
                bias = (frame.image.astype(int) - truth).mean(axis=(0, 1))
                self.assertLess(numpy.abs(bias).max(), 0.2, (codec, full))
                self.assertEqual((frame.image[8:24, 8:56].max(), frame.image[8:24, 72:120].min()), (0, 255))

    def test_times_are_kept_and_the_image_is_read_only(self) -> None:
        frame = decode(packet(yuyv422(picture(), False), "yuyv422"), Format("yuyv422", WIDTH, HEIGHT, 30.0))
        self.assertEqual((frame.pts, frame.wall, frame.grabbed), (1.5, 2.5, 3.5))
        self.assertFalse(frame.image.flags.writeable)

    def test_wrong_amount_of_bytes_is_a_clear_error(self) -> None:
        for codec in ("yuyv422", "nv12"):
            for data in (b"", bytes(WIDTH * HEIGHT), bytes(WIDTH * HEIGHT * 3)):
                text = str(self.assertRaises(
                    CamdError, decode, packet(data, codec), Format(codec, WIDTH, HEIGHT, 30.0)
                ))
                self.assertIn("320x240", text)
                self.assertIn(str(len(data)), text)

    def test_unknown_layout_or_size_is_a_clear_error(self) -> None:
        text = str(self.assertRaises(CamdError, decode, packet(b"x", "h264"), Format("h264", 2, 2, 1.0)))
        self.assertIn("cannot decode h264", text)
        self.assertRaises(CamdError, decode, packet(b"x", "nv12"), None)


class Jpeg(SynchronousTestCase):
    def frame(self) -> Frame:
        image = picture()
        image.flags.writeable = False
        return Frame(image, 1.5, 2.5, 3.5)

    def test_round_trip_keeps_colours_and_times(self) -> None:
        frame = self.frame()
        encoded = encode_jpeg(frame, 95)
        self.assertEqual(encoded.codec, "mjpeg")
        self.assertEqual((encoded.pts, encoded.wall, encoded.grabbed), (1.5, 2.5, 3.5))
        self.assertFalse(encoded.card)
        self.assertTrue(encoded.data.startswith(b"\xff\xd8") and encoded.data.endswith(b"\xff\xd9"))
        back = decode(encoded, None)
        self.assertLess(error(back.image, frame.image), 2.0)
        self.assertFalse(back.image.flags.writeable)

    def test_a_card_stays_one(self) -> None:
        image = numpy.zeros((16, 16, 3), numpy.uint8)
        cards = [encode_jpeg(Frame(image, 0.0, 0.0, 0.0, card=card), 85).card for card in (False, True)]
        self.assertEqual(cards, [False, True])

    def test_the_packet_names_its_codec_not_the_format(self) -> None:
        """A placeholder card is a JPEG also where the camera gives YUYV, and has its own size."""
        back = decode(encode_jpeg(self.frame(), 80), Format("yuyv422", 1280, 720, 30.0))
        self.assertEqual(back.image.shape, (HEIGHT, WIDTH, 3))

    def test_quality_matters(self) -> None:
        sizes = [len(encode_jpeg(self.frame(), quality).data) for quality in (1, 30, 80, 100)]
        self.assertEqual(sizes, sorted(set(sizes)))

    def test_without_huffman_tables(self) -> None:
        """Many webcams and AVI files leave the standard tables (DHT) out."""
        data = encode_jpeg(self.frame(), 80).data
        whole = decode(packet(data, "mjpeg"), None).image
        while (start := data.find(b"\xff\xc4")) != -1:
            length = int.from_bytes(data[start + 2:start + 4])
            data = data[:start] + data[start + 2 + length:]
        self.assertTrue((decode(packet(data, "mjpeg"), None).image == whole).all())

    def test_damaged_jpeg_is_a_clear_error(self) -> None:
        data = encode_jpeg(self.frame(), 80).data
        half = len(data) // 2
        for damaged in (b"", b"\xff\xd8", b"no picture", bytes(1000), data[:half], data[:100], data[200:]):
            text = str(self.assertRaises(CamdError, decode, packet(damaged, "mjpeg"), None))
            self.assertIn(f"{len(damaged)} bytes", text)

    def test_grey_jpeg_becomes_bgr(self) -> None:
        data = cv2.imencode(".jpg", picture()[..., 0])[1].tobytes()
        self.assertEqual(decode(packet(data, "mjpeg"), None).image.shape, (HEIGHT, WIDTH, 3))

    def test_padding_behind_the_picture_is_harmless(self) -> None:
        data = encode_jpeg(self.frame(), 80).data + bytes(512)
        self.assertEqual(decode(packet(data, "mjpeg"), None).image.shape, (HEIGHT, WIDTH, 3))

    def test_impossible_picture_is_a_clear_error(self) -> None:
        frame = Frame(numpy.zeros((0, 0, 3), numpy.uint8), 0, 0, 0)
        self.assertIn("cannot become a JPEG", str(self.assertRaises(CamdError, encode_jpeg, frame, 80)))

    def test_hook(self) -> None:
        encode = camd_encoders()["mjpeg"](80)
        self.assertEqual(encode(self.frame()), encode_jpeg(self.frame(), 80))
        self.assertEqual(jpeg_encoder()(self.frame()), encode_jpeg(self.frame(), DEFAULT_QUALITY))
