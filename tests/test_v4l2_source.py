"""V4l2Source on a camera in memory: opening, reading, controls, and everything that goes wrong."""

from __future__ import annotations

import errno

from twisted.trial.unittest import SynchronousTestCase

from camd.errors import SourceError
from camd.media.frame import Format, Packet
from camd.media.source import SourceSettings
from camd.sources.v4l2 import abi as v4l2
from camd.sources.v4l2 import V4l2Source, camd_sources
from camd.sources.v4l2.abi import Abi

from .fake_v4l2 import JPEG, MONOTONIC, FakeCamera, FakeControl, FakeKernel, Shot

BRIGHTNESS = 0x980900


class SourceCase(SynchronousTestCase):
    abi = Abi()

    def setUp(self) -> None:
        self.camera = FakeCamera(controls=[FakeControl(BRIGHTNESS, label="Brightness")])
        self.kernel = FakeKernel({"/dev/video0": self.camera}, self.abi)
        self.source = V4l2Source("/dev/video0", self.kernel)
        self.addCleanup(self.source.close)

    def open(self, **wishes) -> Format:
        return self.source.open(SourceSettings("cam1", "/dev/video0", **wishes))

    def refusal(self, function, *args) -> SourceError:
        return self.assertRaises(SourceError, function, *args)

    def shoot(self, *shots: Shot) -> list[Packet]:
        """What the source makes of these buffers."""
        self.camera.shots += shots
        packets = []
        while (packet := self.source.read(0.5)) is not None:
            packets.append(packet)
        return packets


class OpenTests(SourceCase):
    def test_defaults(self) -> None:
        self.assertEqual(self.open(), Format("mjpeg", 1280, 720, 30.0))
        self.assertTrue(self.camera.streaming)
        self.assertEqual(self.camera.queued, [0, 1, 2, 3])

    def test_settings(self) -> None:
        form = self.open(codec="yuyv422", width=640, height=480, fps=60.0)
        self.assertEqual(form, Format("yuyv422", 640, 480, 60.0))
        self.assertEqual(self.camera.rate, (1, 60))

    def test_rate_of_television(self) -> None:
        self.camera.formats = {v4l2.PIX_FMT_MJPEG: {(720, 576): ((1001, 30000),)}}
        self.assertEqual(self.open(), Format("mjpeg", 720, 576, 29.97))

    def test_what_the_driver_made_of_it(self) -> None:
        self.kernel.do_s_parm = lambda camera, f: f.update(numerator=2, denominator=15, capability=0x1000)
        self.assertEqual(self.open(fps=30.0).fps, 7.5)

    def test_a_driver_that_does_not_tell_its_rate(self) -> None:
        self.camera.timeperframe = False
        self.assertEqual(self.open(fps=14.0).fps, 15.0)
        for code in (errno.ENOTTY, errno.EINVAL):
            self.camera.faults["S_PARM"] = [code]
            self.assertEqual(self.open(fps=14.0).fps, 15.0)

    def test_range(self) -> None:
        for quantization, colorspace, priv, full in (
            (0, 8, v4l2.PIX_FMT_PRIV_MAGIC, False),  # sRGB's default is limited
            (1, 8, v4l2.PIX_FMT_PRIV_MAGIC, True),
            (2, 7, v4l2.PIX_FMT_PRIV_MAGIC, False),
            (0, 7, v4l2.PIX_FMT_PRIV_MAGIC, True),  # JPEG's is full
            (1, 8, 0, False),  # an old driver: the field is not its
        ):
            self.camera.quantization, self.camera.colorspace, self.camera.priv = (
                quantization,
                colorspace,
                priv,
            )
            self.assertEqual(self.open(codec="yuyv422").full_range, full)
        self.camera.quantization = 1
        self.assertFalse(self.open(codec="mjpeg").full_range)

    def test_first_camera(self) -> None:
        self.kernel.cameras = {"/dev/video3": self.camera}
        source = V4l2Source("", self.kernel)
        source.open(SourceSettings("cam1", ""))
        self.addCleanup(source.close)
        self.assertTrue(self.camera.streaming)

    def test_metadata_node(self) -> None:
        self.camera.device_caps = v4l2.CAP_STREAMING
        self.assertIn("gives no pictures", str(self.refusal(self.open)))
        self.assertIn("gives no pictures", str(self.refusal(self.source.probe)))

    def test_nothing_in_common(self) -> None:
        self.camera.formats = {v4l2.fourcc("GREY"): {(640, 480): ((1, 30),)}}
        self.assertIn("/dev/video0: the camera offers none of", str(self.refusal(self.open)))

    def test_a_driver_that_does_not_switch(self) -> None:
        self.kernel.do_s_fmt = lambda camera, f: f.update(pixelformat=v4l2.PIX_FMT_YUYV)
        self.assertIn("does not switch", str(self.refusal(self.open)))

    def test_absent(self) -> None:
        self.kernel.unplug()
        self.assertEqual(self.refusal(self.open).state, "absent")

    def test_every_failure_gives_everything_back(self) -> None:
        for call in ("QUERYCAP", "ENUM_FMT", "S_FMT", "S_PARM", "REQBUFS", "QUERYBUF", "QBUF", "STREAMON"):
            self.camera.faults = {call: [errno.EIO]}
            self.assertEqual(self.refusal(self.open).state, "backoff")
            self.assertEqual(self.kernel.fds, {}, call)
            self.assertEqual(self.camera.mapped, 0, call)
            self.assertEqual(self.source.dropped(), 0)
        self.camera.faults = {}
        self.open()

    def test_bandwidth_and_busy(self) -> None:
        self.camera.faults["STREAMON"] = [errno.ENOSPC]
        self.assertIn("USB bandwidth", str(self.refusal(self.open)))
        self.camera.faults["S_FMT"] = [errno.EBUSY]
        self.kernel.held_by = ["ffmpeg (pid 7)"]
        self.assertIn("in use by ffmpeg (pid 7)", str(self.refusal(self.open)))

    def test_no_buffers(self) -> None:
        self.kernel.do_reqbufs = lambda camera, f: f.update(count=0)
        self.assertIn("no buffers", str(self.refusal(self.open)))

    def test_a_signal(self) -> None:
        self.camera.faults = {"STREAMON": [errno.EINTR], "S_FMT": [errno.EINTR, errno.EINTR]}
        self.open()

    def test_again(self) -> None:
        self.open()
        self.open(codec="yuyv422")
        self.assertEqual(len(self.kernel.fds), 1)

    def test_hook(self) -> None:
        self.assertEqual(camd_sources(), {"v4l2": V4l2Source})


class ReadTests(SourceCase):
    def test_jpeg_is_not_touched(self) -> None:
        self.open()
        (packet,) = self.shoot(Shot(JPEG))
        self.assertEqual(
            (packet.data, packet.codec, packet.keyframe, packet.card), (JPEG, "mjpeg", True, False)
        )

    def test_times(self) -> None:
        self.open()
        (packet,) = self.shoot(Shot(age=0.25))
        self.assertAlmostEqual(packet.pts, 1000 - 0.25, 5)
        self.assertAlmostEqual(packet.wall, 1_700_001_000 - 0.25, 5)
        self.assertEqual(packet.grabbed, 1000)

    def test_times_that_cannot_be(self) -> None:
        self.open()
        for shot in (
            Shot(flags=0),
            Shot(flags=0x4000),
            Shot(age=-0.5),
            Shot(age=11),
            Shot(age=-1e9),  # the wall clock under the monotonic flag
        ):
            self.kernel.now = 1000.0
            (packet,) = self.shoot(shot)
            self.assertEqual((packet.pts, packet.wall, packet.grabbed), (1000, 1_700_001_000, 1000))

    def test_time_out(self) -> None:
        self.open()
        self.assertIsNone(self.source.read(0.75))
        self.assertEqual(self.kernel.now, 1000.75)

    def test_all_buffers_go_round(self) -> None:
        self.open()
        packets = self.shoot(*[Shot(b"\xff\xd8%d\xff\xd9" % n) for n in range(50)])
        self.assertEqual([packet.data[2:-2] for packet in packets], [b"%d" % n for n in range(50)])
        self.assertEqual(sorted(self.camera.queued), [0, 1, 2, 3])
        self.assertEqual(self.source.dropped(), 0)

    def test_padding_behind_the_picture(self) -> None:
        self.open()
        (packet,) = self.shoot(Shot(JPEG + bytes(512)))
        self.assertEqual(packet.data, JPEG)

    def test_damaged_pictures(self) -> None:
        self.open()
        packets = self.shoot(
            Shot(b""),
            Shot(JPEG[:-2]),
            Shot(JPEG[2:]),
            Shot(JPEG[:-2] + bytes(100)),
            Shot(bytes(100)),
            Shot(JPEG, MONOTONIC | v4l2.BUF_FLAG_ERROR),
            Shot(JPEG),
        )
        self.assertEqual(len(packets), 1)
        self.assertEqual(self.source.dropped(), 6)

    def test_damaged_pictures_do_not_stretch_the_time_out(self) -> None:
        self.open()

        def another() -> None:
            self.camera.shots.append(Shot(b""))
            self.kernel.now += 0.04

        self.kernel.while_polling = another
        self.assertIsNone(self.source.read(0.5))
        self.assertAlmostEqual(self.kernel.now, 1000.5, 1)

    def test_gaps(self) -> None:
        self.open()
        numbers = (7, 8, 11, 11, 12)  # the start does not count, nor does a driver that repeats itself
        self.assertEqual(len(self.shoot(*[Shot(sequence=number) for number in numbers])), 5)
        self.assertEqual(self.source.dropped(), 2)

    def test_numbers_that_wrap_and_begin_anew(self) -> None:
        self.open()
        numbers = (2**32 - 2, 2**32 - 1, 1, 2, 0, 1)
        self.assertEqual(len(self.shoot(*[Shot(sequence=number) for number in numbers])), 6)
        self.assertEqual(self.source.dropped(), 1)

    def test_drops_are_counted_from_open_to_open(self) -> None:
        self.open()
        self.shoot(Shot(b""))
        self.source.close()
        self.assertEqual(self.source.dropped(), 1)
        self.open()
        self.assertEqual(self.source.dropped(), 0)

    def test_yuyv(self) -> None:
        self.camera.formats = {v4l2.PIX_FMT_YUYV: {(4, 2): ((1, 30),)}}
        self.open()
        packets = self.shoot(Shot(bytes(range(16))), Shot(bytes(15)), Shot(bytes(range(20))))
        self.assertEqual([packet.data for packet in packets], [bytes(range(16))] * 2)
        self.assertEqual((packets[0].codec, self.source.dropped()), ("yuyv422", 1))

    def test_yuyv_with_padding(self) -> None:
        self.camera.formats = {v4l2.PIX_FMT_YUYV: {(4, 3): ((1, 30),)}}
        self.camera.padding = 3
        self.open()
        rows = [bytes([n]) * 8 for n in range(3)]
        packets = self.shoot(
            Shot(b"???".join(rows)), Shot(b"???".join(rows) + b"???"), Shot(b"???".join(rows)[:-1])
        )
        self.assertEqual([packet.data for packet in packets], [b"".join(rows)] * 2)
        self.source.close()
        self.assertEqual(self.camera.mapped, 0)

    def test_nv12_with_padding(self) -> None:
        self.camera.formats = {v4l2.PIX_FMT_NV12: {(4, 2): ((1, 30),)}}
        self.camera.padding = 1
        self.assertEqual(self.open().codec, "nv12")
        (packet,) = self.shoot(Shot(b"YYYY.yyyy.uvuv."))
        self.assertEqual(packet.data, b"YYYYyyyyuvuv")

    def test_h264_key_frames(self) -> None:
        self.camera.formats = {v4l2.PIX_FMT_H264: {(1280, 720): ((1, 30),)}}
        self.open(codec="h264")
        packets = self.shoot(
            Shot(b"\0\0\0\1\x67sps\0\0\1\x68pps\0\0\1\x65slice"),
            Shot(b"\0\0\0\1\x41slice"),
            Shot(b"\0\0\0\1\x41slice", MONOTONIC | v4l2.BUF_FLAG_KEYFRAME),
        )
        self.assertEqual([packet.keyframe for packet in packets], [True, False, True])


class FaultTests(SourceCase):
    def test_h264_key_frames_come_with_their_parameter_sets(self) -> None:
        """The camera sends them once; who joins later needs them, too."""
        self.camera.formats = {v4l2.PIX_FMT_H264: {(1280, 720): ((1, 30),)}}
        self.open(codec="h264")
        start, sps, pps, aud = b"\0\0\0\1", b"\x67sps", b"\x68pps", b"\x09\xf0"
        idr, inter = b"\x65idr", b"\x41inter"
        units = ([sps, pps, idr], [inter], [idr], [aud, idr], [b"\x67other", idr], [aud, inter])
        self.camera.shots = [Shot(b"".join(start + unit for unit in one)) for one in units]
        packets = [self.source.read(1) for _ in units]
        expected = (
            [sps, pps, idr], [inter], [sps, pps, idr], [aud, sps, pps, idr], [b"\x67other", pps, idr], [aud, inter],
        )  # fmt: skip
        for packet, parts in zip(packets, expected, strict=True):
            self.assertEqual(packet.data, b"".join(start + unit for unit in parts))
        self.assertEqual([packet.keyframe for packet in packets], [True, False, True, True, True, False])

    def test_another_camera_is_left_alone(self) -> None:
        """One that hangs must not stop those beside it."""
        other = self.kernel.cameras["/dev/video1"] = FakeCamera(bus="usb-2")
        source = V4l2Source("usb-0000:00:14.0-1", self.kernel)
        source.probe()
        asked = len(other.log)
        for _ in range(2):
            source.open(SourceSettings("cam1", "usb-0000:00:14.0-1"))
            source.close()
            source.probe()
        self.assertEqual(len(other.log), asked)
        # It was plugged in elsewhere, and the other one has its node now.
        self.kernel.cameras = {"/dev/video0": other, "/dev/video1": self.camera}
        source.open(SourceSettings("cam1", "usb-0000:00:14.0-1"))
        self.addCleanup(source.close)
        self.assertEqual((self.camera.streaming, other.streaming), (True, False))

    def test_times_never_go_back(self) -> None:
        self.open()
        self.camera.shots = [Shot(age=age) for age in (0.02, 0.08, 0.05, 0.01)]
        times = [self.source.read(1).pts for _ in range(4)]
        self.assertEqual(times, sorted(times))
        self.assertAlmostEqual(times[-1] - times[0], 0.01)

    def test_not_open(self) -> None:
        self.assertIn("not open", str(self.refusal(self.source.read, 0.1)))

    def test_unplugged(self) -> None:
        self.open()
        self.kernel.unplug()
        error = self.refusal(self.source.read, 0.5)
        self.assertEqual(error.state, "absent")
        self.source.close()
        self.source.close()
        self.assertEqual(self.kernel.fds, {})
        self.assertEqual(self.refusal(self.source.present).state, "absent")
        self.assertEqual(self.refusal(self.open).state, "absent")
        self.kernel.cameras["/dev/video0"] = self.camera = FakeCamera()
        self.source.present()
        self.open()
        self.assertEqual(len(self.shoot(Shot())), 1)

    def test_unplugged_between_dequeue_and_queue(self) -> None:
        self.open()
        self.camera.faults["QBUF"] = [errno.ENODEV]
        self.camera.shots.append(Shot())
        self.assertEqual(self.refusal(self.source.read, 0.5).state, "absent")

    def test_readable_without_a_picture(self) -> None:
        self.open()
        self.camera.faults["DQBUF"] = [errno.EAGAIN, errno.EINTR, errno.EAGAIN]
        self.assertEqual(len(self.shoot(Shot())), 1)
        self.assertEqual(self.source.dropped(), 0)

    def test_a_lost_signal(self) -> None:
        self.open()
        self.camera.faults["DQBUF"] = [errno.EIO] * 3
        self.assertEqual(len(self.shoot(Shot())), 1)
        self.assertEqual(self.source.dropped(), 3)

    def test_a_broken_queue(self) -> None:
        self.open()
        self.camera.faults["DQBUF"] = [errno.EIO] * 1000
        error = self.refusal(self.source.read, 0.5)
        self.assertEqual(error.state, "backoff")
        self.assertIn("one error after the other", str(error))

    def test_a_stream_that_was_switched_off(self) -> None:
        self.open()
        self.camera.faults["DQBUF"] = [errno.EINVAL]
        self.assertEqual(self.refusal(self.source.read, 0.5).state, "backoff")

    def test_close_while_another_thread_reads(self) -> None:
        self.open()
        self.camera.shots.append(Shot())
        self.kernel.while_polling = self.source.close
        self.assertIsNone(self.source.read(0.5))
        self.assertEqual(self.kernel.fds, {})
        self.assertFalse(self.camera.streaming)

    def test_close_survives_everything(self) -> None:
        self.open()
        self.camera.faults = {"STREAMOFF": [errno.ENODEV], "REQBUFS": [errno.EBUSY]}
        self.source.close()
        self.assertEqual(self.kernel.fds, {})


class PresentTests(SourceCase):
    def test_path(self) -> None:
        self.source.present()
        self.assertEqual(self.kernel.opened, 0)
        self.kernel.unplug()
        self.assertEqual(self.refusal(self.source.present).state, "absent")

    def test_first_camera_is_looked_for_only_when_the_nodes_change(self) -> None:
        self.camera.device_caps = v4l2.CAP_STREAMING
        source = V4l2Source("auto", self.kernel)
        for _ in range(5):
            self.assertEqual(self.refusal(source.present).state, "absent")
        self.assertEqual(self.kernel.opened, 1)
        self.kernel.cameras["/dev/video1"] = FakeCamera()
        source.present()
        self.assertEqual(self.kernel.opened, 3)
        source.present()
        self.assertEqual(self.kernel.opened, 3)

    def test_a_camera_that_returns_under_another_number(self) -> None:
        source = V4l2Source("", self.kernel)
        source.open(SourceSettings("cam1", ""))
        source.close()
        self.kernel.unplug()
        self.assertEqual(self.refusal(source.present).state, "absent")
        self.kernel.cameras["/dev/video1"] = FakeCamera()
        source.present()
        source.open(SourceSettings("cam1", ""))
        self.addCleanup(source.close)
        self.assertTrue(self.kernel.cameras["/dev/video1"].streaming)

    def test_rights_that_come_a_moment_later(self) -> None:
        self.camera.open_error = errno.EACCES
        modes = iter((0o600, 0o600, 0o660))
        stat = self.kernel.stat

        def changing(path: str):
            status = stat(path)
            status.st_mode = next(modes)
            return status

        self.kernel.stat = changing
        source = V4l2Source("", self.kernel)
        self.assertIn("group video", str(self.refusal(source.present)))
        self.camera.open_error = 0
        self.refusal(source.present)
        source.present()


class ControlTests(SourceCase):
    def test_probe(self) -> None:
        known = self.source.probe()
        self.assertEqual(known.name, "Fake Camera")
        self.assertEqual([spec.name for spec in known.controls], ["control/brightness"])
        self.assertEqual(known.values, {"brightness": 50})
        self.assertEqual(known.modes[-1].codec, "yuyv422")
        self.assertEqual(self.kernel.fds, {})

    def test_probe_while_streaming(self) -> None:
        self.open()
        self.assertEqual(self.source.probe().values, {"brightness": 50})
        self.assertEqual(len(self.kernel.fds), 1)

    def test_set_while_closed(self) -> None:
        self.assertEqual(self.source.set("brightness", 60), 60)
        self.assertEqual(self.camera.controls[0].value, 60)
        self.assertEqual(self.kernel.fds, {})

    def test_set_while_another_thread_waits_for_a_picture(self) -> None:
        self.open()
        taken = []
        self.kernel.while_polling = lambda: taken.append(self.source.set("brightness", 60))
        self.assertIsNone(self.source.read(0.5))
        self.assertEqual(taken, [60])
        self.assertEqual(len(self.kernel.fds), 1)

    def test_close_during_a_set(self) -> None:
        self.open()

        def closing(camera: FakeCamera, value: int) -> int:
            self.source.close()
            self.assertFalse(camera.streaming)
            return value

        self.camera.controls[0].on_set = closing
        self.assertEqual(self.source.set("brightness", 60), 60)
        self.assertEqual(self.kernel.fds, {})

    def test_controls_are_asked_once(self) -> None:
        self.source.set("brightness", 60)
        asked = self.camera.log.count("QUERY_EXT_CTRL")
        self.source.set("brightness", 61)
        self.assertEqual(self.camera.log.count("QUERY_EXT_CTRL"), asked + 1)

    def test_another_model_at_the_same_path(self) -> None:
        self.source.set("brightness", 60)
        controls = [FakeControl(BRIGHTNESS + 1, label="Contrast")]
        self.kernel.cameras["/dev/video0"] = FakeCamera(card="Another", controls=controls)
        self.assertEqual(self.source.set("contrast", 7), 7)
        self.assertIn("no control brightness", str(self.refusal(self.source.set, "brightness", 1)))

    def test_absent(self) -> None:
        self.kernel.unplug()
        self.assertEqual(self.refusal(self.source.set, "brightness", 1).state, "absent")
        self.assertEqual(self.refusal(self.source.probe).state, "absent")

    def test_out_of_descriptors(self) -> None:
        self.open()

        def none_left(fd: int) -> int:
            raise OSError(errno.EMFILE, "Too many open files")

        self.kernel.dup = none_left
        self.assertIn("Too many open files", str(self.refusal(self.source.set, "brightness", 1)))


class SmallUserlandTests(ReadTests):
    """The same on 32 bits with 64-bit time, as on ARM."""

    abi = Abi(32, 64, 8)


class SmallUserlandWithSmallTimeTests(ReadTests):
    """The same on 32 bits throughout."""

    abi = Abi(32, 32, 4)
