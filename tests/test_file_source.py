"""Video files as cameras: colours, pace, the seam of the loop, and files that are no videos."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import SourceError
from camd.media.frame import Frame, Packet
from camd.media.source import SourceSettings
from camd.sources.file import FileSource, camd_sources
from camd.wire import nal

from .test_network_source import write_video

#: Colours, BGR: the corners of the cube and two tones between.
COLOURS = numpy.array([
    (255, 255, 255), (0, 255, 255), (255, 255, 0), (0, 255, 0), (255, 0, 255), (0, 0, 255), (255, 0, 0),
    (0, 0, 0), (40, 90, 200), (128, 128, 128),
], float)
BAR = 16  #: width of the bar of one colour
WIDTH, HEIGHT = BAR * len(COLOURS), 96
KR_KB = {"bt601": (0.299, 0.114, 6), "bt709": (0.2126, 0.0722, 1)}  #: and FFmpeg's number of the matrix


class Time:
    """A monotonic clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def utc(self) -> float:
        return self.now + 1_700_000_000

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def planes(matrix: str, full: bool) -> list[numpy.ndarray]:
    """The colour bars as YUV 4:2:0 by the formulas of the matrix and range."""
    kr, kb, _number = KR_KB[matrix]
    blue, green, red = COLOURS.T
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    if not full:
        luma, cb, cr = 16 + luma * 219 / 255, cb * 224 / 255, cr * 224 / 255
    rows = [(luma, BAR, HEIGHT), (128 + cb, BAR // 2, HEIGHT // 2), (128 + cr, BAR // 2, HEIGHT // 2)]
    return [
        numpy.tile(numpy.repeat(numpy.clip(numpy.rint(line), 0, 255), wide), (high, 1)).astype(numpy.uint8)
        for line, wide, high in rows
    ]


def write_colours(path: str, matrix: str, full: bool, tagged: bool = True) -> None:
    """Three lossless frames of the bars."""
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if tagged:
            stream.codec_context.colorspace = KR_KB[matrix][2]
            stream.codec_context.color_range = 2 if full else 1
        for _ in range(3):
            stacked = numpy.vstack([plane.reshape(-1, WIDTH) for plane in planes(matrix, full)])
            frame = av.VideoFrame.from_ndarray(stacked, "yuv420p")
            if tagged:
                frame.colorspace, frame.color_range = KR_KB[matrix][2], 2 if full else 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_numbers(
    path: str, count: int, rate: int = 30, codec: str = "ffv1", times: list[int] | None = None
) -> None:
    """Frames of growing grey, 8 levels a step; times: milliseconds instead of a steady rate."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(numpy.full((48, 64, 3), 8 * number, numpy.uint8), "bgr24")
            frame.pts = times[number] if times else number
            frame.time_base = Fraction(1, 1000 if times else rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def number_of(frame: Frame) -> int:
    return round(float(frame.image.mean()) / 8)


class FileTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.time = Time()
        self.folder = self.mktemp()
        os.makedirs(self.folder)
        self.path = os.path.join(self.folder, "clip.mkv")

    def source(self, path: str | None = None) -> FileSource:
        source = FileSource(path or self.path, self.time.monotonic, self.time.utc, self.time.wait)
        self.addCleanup(source.close)
        return source

    def opened(self, path: str | None = None, **wishes: object) -> FileSource:
        source = self.source(path)
        self.format = source.open(SourceSettings("cam1", "", **wishes))
        return source


class Colours(FileTestCase):
    def error(self, source: FileSource) -> float:
        image = source.read(1).image
        middles = image[HEIGHT // 2, BAR // 2::BAR].astype(float)
        return float(numpy.abs(middles - COLOURS).max())

    def test_matrix_and_range_are_honoured(self) -> None:
        for matrix in KR_KB:
            for full in (False, True):
                write_colours(self.path, matrix, full)
                self.assertLess(self.error(self.opened()), 4, (matrix, full))

    def test_undeclared_is_bt601_limited(self) -> None:
        write_colours(self.path, "bt601", False, tagged=False)
        self.assertLess(self.error(self.opened()), 4)


class Pace(FileTestCase):
    def test_real_time_and_no_pause_at_the_seam(self) -> None:
        write_numbers(self.path, 10)
        source = self.opened()
        frames = [source.read(1) for _ in range(35)]
        self.assertEqual([number_of(frame) for frame in frames], [n % 10 for n in range(35)])
        steps = [b.pts - a.pts for a, b in pairwise(frames)]
        self.assertTrue(all(0.0325 < step < 0.0345 for step in steps), steps)  # Matroska counts milliseconds
        self.assertTrue(all(abs(frame.grabbed - frame.pts) < 1e-9 for frame in frames))
        self.assertAlmostEqual(frames[-1].wall - frames[-1].pts, 1_700_000_000, places=4)
        self.assertEqual(source.dropped(), 0)

    def test_pts_decide_where_the_rate_varies(self) -> None:
        write_numbers(self.path, 4, times=[500, 540, 900, 1000])
        source = self.opened()
        times = [source.read(1).pts - 1000 for _ in range(5)]
        for got, expected in zip(times[:4], (0, 0.04, 0.4, 0.5)):
            self.assertAlmostEqual(got, expected)
        self.assertGreater(times[4], times[3])

    def test_a_jump_of_the_files_clock_is_no_pause(self) -> None:
        write_numbers(self.path, 3, times=[0, 40, 90_000])
        source = self.opened()
        times = [source.read(1).pts for _ in range(6)]
        self.assertTrue(all(0 < b - a <= 1 for a, b in pairwise(times)), times)

    def test_never_waits_longer_than_told(self) -> None:
        write_numbers(self.path, 4, times=[0, 800, 1600, 2400])
        source = self.opened()
        self.assertIsNotNone(source.read(0.25))
        got = [source.read(0.25) for _ in range(8)]
        self.assertLessEqual(max(self.time.waits), 0.25)
        self.assertEqual([frame is not None for frame in got], [False, False, False, True] * 2)
        self.assertIsNone(source.read(0))

    def test_a_short_delay_is_caught_up_a_long_one_is_not(self) -> None:
        write_numbers(self.path, 30)
        source = self.opened()
        source.read(1)
        self.time.now += 0.1
        frames = [source.read(1) for _ in range(6)]
        self.assertAlmostEqual(frames[-1].pts, 1000.2, places=2)
        self.time.now += 60
        frames += [source.read(1) for _ in range(3)]
        self.assertGreater(frames[6].pts, 1060)
        self.assertAlmostEqual(frames[8].pts - frames[6].pts, 2 / 30, places=2)
        self.assertEqual([number_of(frame) for frame in frames], list(range(1, 10)))

    def test_a_lower_rate_leaves_pictures_out(self) -> None:
        write_numbers(self.path, 10)
        source = self.opened(fps=10)
        self.assertEqual(self.format.fps, 10)
        frames = [source.read(1) for _ in range(7)]
        self.assertAlmostEqual(frames[-1].pts - frames[0].pts, 0.6, places=2)
        self.assertEqual([number_of(frame) for frame in frames], [0, 3, 6, 9, 2, 5, 8])

    def test_a_higher_rate_cannot_be_had(self) -> None:
        write_numbers(self.path, 3)
        self.opened(fps=60)
        self.assertEqual(self.format.fps, 30)


class Shape(FileTestCase):
    def test_as_in_the_file(self) -> None:
        write_numbers(self.path, 3)
        source = self.opened()
        self.assertEqual((self.format.codec, self.format.size, self.format.fps), ("bgr", "64x48", 30.0))
        image = source.read(1).image
        self.assertEqual((image.shape, image.dtype, image.flags.writeable), ((48, 64, 3), numpy.uint8, False))

    def test_another_size_is_scaled(self) -> None:
        write_colours(self.path, "bt709", False)
        for width, height, size in ((80, 60, "80x60"), (80, None, "80x48"), (None, 48, "80x48")):
            source = self.opened(width=width, height=height)
            self.assertEqual(self.format.size, size)
            image = source.read(1).image
            self.assertEqual(f"{image.shape[1]}x{image.shape[0]}", size)
            self.assertLess(numpy.abs(image[20, 4::8].astype(float) - COLOURS).max(), 6)

    def test_read_only_pictures_can_be_encoded(self) -> None:
        write_numbers(self.path, 3)
        self.assertTrue(cv2.imencode(".jpg", self.opened(width=50, height=38).read(1).image)[0])


class PassThrough(FileTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = os.path.join(self.folder, "clip.avi")
        write_numbers(self.path, 5, codec="mjpeg")

    def test_jpegs_go_out_untouched(self) -> None:
        source = self.opened()
        self.assertEqual(self.format.codec, "mjpeg")
        packets = [source.read(1) for _ in range(12)]
        with av.open(self.path) as container:
            stored = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        self.assertEqual([packet.data for packet in packets], (stored * 3)[:12])
        self.assertEqual({(packet.codec, packet.card) for packet in packets}, {("mjpeg", False)})
        self.assertTrue(all(0.03 < b.pts - a.pts < 0.036 for a, b in pairwise(packets)))

    def test_another_size_or_codec_is_decoded(self) -> None:
        for wish in ({"width": 32, "height": 24}, {"codec": "bgr"}):
            self.assertIsInstance(self.opened(**wish).read(1), Frame)
            self.assertEqual(self.format.codec, "bgr")
        self.assertIsInstance(self.opened(width=64, height=48, codec="mjpeg").read(1), Packet)

    def test_jpegs_without_huffman_tables_are_decoded(self) -> None:
        """Browsers do not show those."""
        with open(self.path, "rb") as file:
            data = file.read()
        with open(self.path, "wb") as file:
            file.write(data.replace(b"\xff\xc4", b"\xff\xfe"))  # the tables become comments
        source = self.opened()
        self.assertEqual(self.format.codec, "bgr")
        self.assertEqual([number_of(source.read(1)) for _ in range(6)], [0, 1, 2, 3, 4, 0])

    def test_probe_tells_what_will_come(self) -> None:
        capabilities = self.source().probe()
        self.assertEqual(capabilities.name, "clip.avi")
        modes = [(mode.codec, mode.width, mode.height, mode.rates) for mode in capabilities.modes]
        self.assertEqual(modes, [("mjpeg", 64, 48, (30.0,)), ("bgr", 64, 48, (30.0,))])
        self.assertEqual(capabilities.controls, ())


class CodedVideo(FileTestCase):
    """H.264 and H.265 go out as they are, if others can do something with that."""

    def test_h264_is_passed_through_round_after_round(self) -> None:
        for name in ("clip.mp4", "clip.mkv", "clip.ts"):
            path = os.path.join(self.folder, name)
            write_video(path, count=12)
            source = self.opened(path)
            self.assertEqual((self.format.codec, self.format.size, self.format.fps), ("h264", "64x48", 30.0))
            packets = [source.read(1) for _ in range(30)]
            keys = [n for n, one in enumerate(packets) if one.keyframe]
            self.assertEqual(keys, [0, 5, 10, 12, 17, 22, 24, 29])
            self.assertEqual([one.data for one in packets[:12]], [one.data for one in packets[12:24]])
            self.assertEqual({one.codec for one in packets}, {"h264"})
            for one in packets:
                self.assertEqual(nal.is_keyframe(one.data, "h264"), one.keyframe)
                self.assertEqual(len(nal.parameter_sets(one.data, "h264")), 2 if one.keyframe else 0)
            steps = [b.pts - a.pts for a, b in pairwise(packets)]
            self.assertTrue(all(0.0325 < step < 0.0345 for step in steps), steps)
            self.assertEqual([mode.codec for mode in source.probe().modes], ["h264", "bgr"])

    def test_hevc(self) -> None:
        path = os.path.join(self.folder, "clip.mp4")
        write_video(path, "libx265", (640, 480))
        packets = [self.opened(path).read(1) for _ in range(3)]
        self.assertEqual(self.format.codec, "hevc")
        self.assertTrue(packets[0].keyframe)

    def test_another_wish_or_pictures_out_of_order_are_decoded(self) -> None:
        path = os.path.join(self.folder, "clip.mp4")
        write_video(path)
        for wish in ({"width": 32, "height": 24}, {"codec": "bgr"}, {"fps": 10}):
            self.assertIsInstance(self.opened(path, **wish).read(1), Frame)
            self.assertEqual(self.format.codec, "bgr")
        write_video(path, b_frames=2, count=30)
        source = self.opened(path)
        self.assertEqual(self.format.codec, "bgr")
        greys = [float(source.read(1).image[-1].mean()) for _ in range(20)]
        self.assertEqual(greys, sorted(greys))

    def test_damaged_from_the_start(self) -> None:
        path = os.path.join(self.folder, "clip.h264")
        write_video(path, format="h264")
        with open(path, "rb") as file:
            data = file.read()
        second = data.index(b"\0\0\1\x41")
        with open(path, "wb") as file:
            file.write(data[:40] + data[second - 1:])
        self.assertIsNotNone(self.opened(path).read(1))


class Trouble(FileTestCase):
    def refusal(self, call: object, *arguments: object) -> SourceError:
        error = self.assertRaises(SourceError, call, *arguments)
        self.assertIn(self.path, str(error))
        return error

    def test_missing_file_is_absent(self) -> None:
        source = self.source()
        for call in (source.probe, source.present, lambda: source.open(SourceSettings("cam1", ""))):
            error = self.refusal(call)
            self.assertEqual(error.state, "absent")
            self.assertIn("No such file", str(error))

    def test_present_when_it_comes(self) -> None:
        source = self.source()
        self.refusal(source.present)
        write_numbers(self.path, 2)
        self.assertIsNone(source.present())

    def test_folder_is_no_file(self) -> None:
        os.mkdir(self.path)
        self.assertIn("directory", str(self.refusal(self.source().present)))

    def test_not_a_video(self) -> None:
        with open(self.path, "wb") as file:
            file.write(b"no video\n" * 1000)
        self.assertEqual(self.refusal(self.source().probe).state, "backoff")
        self.refusal(self.opened)

    def test_sound_only(self) -> None:
        with av.open(self.path, "w") as container:
            stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
            frame = av.AudioFrame.from_ndarray(numpy.zeros((1, 800), numpy.int16), "s16", "mono")
            frame.sample_rate = 8000
            container.mux(stream.encode(frame))
        self.assertIn("no moving pictures", str(self.refusal(self.source().probe)))

    def test_playlists_do_not_reach_the_network(self) -> None:
        with open(self.path, "w") as file:
            file.write("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n")
            file.write("http://192.0.2.1/a.ts\n#EXT-X-ENDLIST\n")
        self.refusal(self.source().probe)

    def test_text_is_not_watched(self) -> None:
        """FFmpeg would draw it."""
        for name in ("notes.txt", "art.ans", "list.ffconcat"):
            self.path = os.path.join(self.folder, name)
            with open(self.path, "w") as file:
                file.write("ffconcat version 1.0\nfile notes.txt\n" if name == "list.ffconcat" else "secret\n" * 200)
            self.assertIn("no moving pictures", str(self.refusal(self.source().probe)))

    def test_damaged_pictures_are_left_out_and_counted(self) -> None:
        self.path = os.path.join(self.folder, "clip.avi")
        write_numbers(self.path, 8, codec="mjpeg")
        with av.open(self.path) as container:
            packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        with open(self.path, "rb") as file:
            data = file.read()
        with open(self.path, "wb") as file:
            file.write(data.replace(packets[3], bytes(len(packets[3]))))
        source = self.opened(codec="bgr")
        self.assertEqual([number_of(source.read(1)) for _ in range(9)], [0, 1, 2, 4, 5, 6, 7, 0, 1])
        self.assertEqual(source.dropped(), 1)
        source = self.opened()
        kept = packets[:3] + packets[4:]
        self.assertEqual([source.read(1).data for _ in range(9)], kept + kept[:2])
        self.assertEqual(source.dropped(), 1)

    def test_a_file_that_goes_while_it_plays_is_absent(self) -> None:
        write_numbers(self.path, 3)
        source = self.opened()
        for _ in range(3):
            source.read(1)
        os.remove(self.path)
        self.assertEqual(self.refusal(source.read, 1).state, "absent")
        self.assertIn("not open", str(self.refusal(source.read, 1)))

    def test_a_file_replaced_by_another_kind(self) -> None:
        write_numbers(self.path, 3)
        source = self.opened()
        other = os.path.join(self.folder, "other.mkv")
        write_numbers(other, 3, codec="mjpeg")
        source.read(1)
        shutil.move(other, self.path)
        source.read(1)
        source.read(1)
        self.assertIn("replaced", str(self.refusal(source.read, 1)))

    def test_closing_twice_reopening_and_wrong_order(self) -> None:
        write_numbers(self.path, 3)
        source = self.opened()
        source.read(1)
        source.read(1)
        source.close()
        source.close()
        self.refusal(source.read, 1)
        source.open(SourceSettings("cam1", ""))
        self.assertEqual(number_of(source.read(1)), 0)
        self.assertRaises(SourceError, source.set, "gain", 1)

    def test_files_are_let_go(self) -> None:
        write_numbers(self.path, 3)
        before = len(os.listdir("/proc/self/fd"))
        source = self.opened()
        for _ in range(10):
            source.read(1)
        source.probe()
        source.close()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_hook(self) -> None:
        self.assertIsInstance(camd_sources()["file"]("clip.mkv"), FileSource)
