from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from camd.errors import SourceError
from camd.media.source import Mode, SourceSettings
from camd.sources.v4l2 import abi as v4l2
from camd.sources.v4l2.abi import Abi
from camd.sources.v4l2.device import Device
from camd.sources.v4l2.modes import choose, formats, modes

from .fake_v4l2 import FakeCamera, FakeKernel


def device_of(camera: FakeCamera, abi: Abi | None = None) -> Device:
    return Device.open("/dev/video0", FakeKernel({"/dev/video0": camera}, abi))


class EnumerationTests(SynchronousTestCase):
    def test_discrete(self) -> None:
        for abi in (Abi(), Abi(32, 32, 4), Abi(32, 64, 8)):
            found = modes(device_of(FakeCamera(), abi))
            self.assertEqual(found[0], Mode("mjpeg", 1920, 1080, (60.0, 30.0, 15.0)))
            self.assertEqual([mode.codec for mode in found], ["mjpeg"] * 3 + ["yuyv422"])

    def test_preference_and_synonyms(self) -> None:
        names = ("H264", "NV12", "YUYV", "JPEG", "MJPG", "GREY")
        camera = FakeCamera(formats={v4l2.fourcc(name): {} for name in names})
        found = formats(device_of(camera))
        self.assertEqual(list(found), ["mjpeg", "yuyv422", "nv12", "h264"])
        self.assertEqual(found["mjpeg"], v4l2.PIX_FMT_MJPEG)
        del camera.formats[v4l2.PIX_FMT_MJPEG]
        self.assertEqual(formats(device_of(camera))["mjpeg"], v4l2.PIX_FMT_JPEG)

    def test_rates_of_drivers_that_count_in_100_ns(self) -> None:
        rates = ((333333, 10000000), (333333, 10000000), (1001, 30000), (0, 30), (1, 0))
        camera = FakeCamera(formats={v4l2.PIX_FMT_MJPEG: {(640, 480): rates}})
        self.assertEqual(modes(device_of(camera))[0].rates, (30.0, 29.97))

    def test_stepwise_sizes(self) -> None:
        camera = FakeCamera(formats={v4l2.PIX_FMT_YUYV: {}})
        camera.frame_sizes[v4l2.PIX_FMT_YUYV] = (32, 2592, 32, 32, 1944, 2)
        sizes = [(mode.width, mode.height) for mode in modes(device_of(camera))]
        self.assertIn((1280, 720), sizes)
        self.assertNotIn((1000, 562), sizes)
        self.assertEqual(sizes[-1], (2592, 1944))
        self.assertTrue(all(width % 32 == 0 for width, _ in sizes[:-1]))

    def test_continuous_sizes_with_steps_of_zero(self) -> None:
        camera = FakeCamera(formats={v4l2.PIX_FMT_YUYV: {}})
        camera.frame_sizes[v4l2.PIX_FMT_YUYV] = (1, 1280, 0, 1, 720, 0)
        sizes = [(mode.width, mode.height) for mode in modes(device_of(camera))]
        self.assertIn((640, 480), sizes)
        self.assertEqual(sizes.count((1280, 720)), 1)

    def test_stepwise_rates(self) -> None:
        camera = FakeCamera(frame_rates=(1, 60, 1, 10, 1, 1))
        self.assertEqual(modes(device_of(camera))[0].rates, (60.0, 50.0, 30.0, 25.0, 24.0, 20.0, 15.0, 10.0))

    def test_a_driver_that_does_not_enumerate_sizes(self) -> None:
        camera = FakeCamera(formats={v4l2.PIX_FMT_YUYV: {}}, set_format=(v4l2.PIX_FMT_YUYV, 768, 576))
        camera.frame_sizes[v4l2.PIX_FMT_YUYV] = ()
        self.assertEqual(modes(device_of(camera)), (Mode("yuyv422", 768, 576),))

    def test_a_driver_that_never_ends(self) -> None:
        camera = FakeCamera()
        device = device_of(camera)
        kernel = device.kernel
        kernel.do_enum_framesizes = lambda camera, f: f.update(
            type=1, union=v4l2.PAIR.pack(f["index"] + 1, 100)
        )
        kernel.do_enum_frameintervals = lambda camera, f: f.update(
            type=1, union=v4l2.PAIR.pack(1, f["index"] + 1)
        )
        kernel.do_enum_fmt = lambda camera, f: f.update(pixelformat=v4l2.PIX_FMT_MJPEG)
        self.assertEqual(len(modes(device)), 128)

    def test_an_unplugged_device(self) -> None:
        device = device_of(FakeCamera(unplugged=True))
        with self.assertRaises(OSError):
            modes(device)


class ChoiceTests(SynchronousTestCase):
    MODES = (
        Mode("mjpeg", 640, 480, (60.0, 30.0)),
        Mode("mjpeg", 1920, 1080, (30.0, 5.0)),
        Mode("yuyv422", 1280, 720, (10.0,)),
        Mode("yuyv422", 800, 600),
        Mode("h264", 1920, 1080, (30.0,)),
    )

    def choose(self, **wishes) -> tuple[Mode, float]:
        return choose(self.MODES, SourceSettings("cam1", "/dev/video0", **wishes), "/dev/video0")

    def test_jpeg_is_preferred(self) -> None:
        mode, fps = self.choose()
        self.assertEqual((mode.codec, fps), ("mjpeg", 30.0))

    def test_size(self) -> None:
        self.assertEqual(self.choose(width=700, height=500)[0].width, 640)
        self.assertEqual(self.choose(width=1700, height=900)[0].width, 1920)
        self.assertEqual(self.choose(height=1080)[0].width, 1920)

    def test_rate(self) -> None:
        self.assertEqual(self.choose(width=640, height=480, fps=50)[1], 60.0)
        self.assertEqual(self.choose(codec="yuyv422")[1], 10.0)
        self.assertEqual(self.choose(codec="yuyv422", width=800, height=600, fps=12.5)[1], 12.5)

    def test_codec(self) -> None:
        self.assertEqual(self.choose(codec="h264")[0].codec, "h264")
        with self.assertRaisesRegex(SourceError, "offers mjpeg, yuyv422, h264, but not nv12"):
            self.choose(codec="nv12")

    def test_h264_must_be_asked_for(self) -> None:
        settings = SourceSettings("cam1", "")
        with self.assertRaisesRegex(SourceError, "/dev/video0: the camera offers h264, but not mjpeg or"):
            choose(self.MODES[-1:], settings, "/dev/video0")

    def test_nothing_in_common(self) -> None:
        with self.assertRaisesRegex(SourceError, "offers none of the formats mjpeg, yuyv422, nv12, h264"):
            choose((), SourceSettings("cam1", ""), "/dev/video0")
