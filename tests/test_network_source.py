"""Cameras on the network, as far as no network is needed: errors, time, multipart, logins, byte streams."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import socket
import ssl
from fractions import Fraction
from http.client import BadStatusLine, IncompleteRead
from itertools import pairwise
from typing import Any
from unittest import mock

import av
import cv2
import numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid, SourceError
from camd.media.source import Capabilities, SourceSettings, expect
from camd.sources import network
from camd.sources.bytestream import ByteStream
from camd.sources.demuxer import Demuxer
from camd.sources.network import NetworkSource, camd_sources
from camd.sources.timeline import Timeline
from camd.sources.trouble import Answered, explain
from camd.wire import challenge, jpeg, nal
from camd.wire.parts import PartReader

ONCE = settings(max_examples=100, deadline=None, derandomize=True, database=None)
#: Bytes that come near to what is expected.
PIECES = st.lists(st.one_of(st.binary(max_size=20), st.sampled_from([
    b"--b", b"\r\n", b"\n\n", b"Content-Length: 9", b"Content-Length: 999999999",
    b"\xff\xd8", b"\xff\xd9", b"\xff\xc0",
])), max_size=30)
SECRET = "s3cret@pass"


def picture(width: int = 64, height: int = 48, grey: int = 128) -> bytes:
    return cv2.imencode(".jpg", numpy.full((height, width, 3), grey, numpy.uint8))[1].tobytes()


def write_video(target: Any, codec: str = "libx264", size: tuple[int, int] = (64, 48), count: int = 12,
                format: str | None = None, b_frames: int = 0) -> None:
    """A clip with a key frame every 5 pictures."""
    with av.open(target, "w", format=format) as container:
        options = {"x265-params": "log-level=none", "preset": "ultrafast",
                   "x264-params": f"bframes={b_frames}"}
        stream = container.add_stream(codec, rate=30, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = 5
        stream.codec_context.max_b_frames = b_frames
        for number in range(count):
            image = numpy.full((size[1], size[0], 3), 10 * number % 250, numpy.uint8)
            image[: 4 * number] = 255
            frame = av.VideoFrame.from_ndarray(image, "bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


class KeyFrame(bytes):
    """As much of PyAV's Packet as is looked at."""

    is_keyframe = True


def fail(error: Exception | str, started: bool = False) -> SourceError:
    return explain("file", error, False, started)


class Addresses(SynchronousTestCase):
    def test_schemes(self) -> None:
        self.assertEqual(sorted(camd_sources()), ["http", "https", "rtsp", "rtsps"])
        source = camd_sources()["rtsp"]("//cam.lan/stream1")
        self.assertEqual(source._url(), "rtsp://cam.lan/stream1")
        self.assertEqual(source._port, 554)

    def test_a_login_is_used_and_never_shown(self) -> None:
        source = NetworkSource("rtsp", "//ann:s3cret%40pass@[::1]:8554/a?b=c#udp")
        self.assertEqual(source._url(), "rtsp://ann:s3cret%40pass@[::1]:8554/a?b=c")
        self.assertEqual(source._name, "rtsp://[::1]:8554")
        source.sign_in("bob", "p/w:d")
        self.assertEqual(source._url(), "rtsp://bob:p%2Fw%3Ad@[::1]:8554/a?b=c")

    def test_what_is_no_address(self) -> None:
        for address in ("/stream", "//", "//host:99999/", "//host/a#tcp", "//[::1/x"):
            error = self.assertRaises(SourceError, NetworkSource, "rtsp", address)
            self.assertNotIn("host:", str(error))

    def test_not_open(self) -> None:
        source = NetworkSource("http", "//127.0.0.1:1/")
        self.assertRaises(SourceError, source.read, 0.1)
        self.assertRaises(SourceError, source.set, "gain", 1)
        source.close()
        self.assertEqual(source.dropped(), 0)

    def test_an_idle_camera_is_left_in_peace(self) -> None:
        source = NetworkSource("rtsp", "//192.0.2.1/x")
        now = [100.0]
        with mock.patch.object(network.time, "monotonic", lambda: now[0]), \
                mock.patch.object(network.socket, "create_connection") as connect:
            for _ in range(30):
                source.present()
                now[0] += 1
            self.assertEqual(connect.call_count, 3)
            self.assertEqual(connect.call_args.args, (("192.0.2.1", 554), network.CONNECTING))
            connect.side_effect = ConnectionRefusedError()
            self.assertEqual(self.assertRaises(SourceError, source.present).state, "absent")


class Patience(SynchronousTestCase):
    """How long a picture may take follows what is configured."""

    def limits(self, url: str, fps: float | None) -> tuple[float, ...]:
        scheme, _, address = url.partition(":")
        source = NetworkSource(scheme, address)
        with mock.patch.object(network.NetworkSource, "_reach"), \
                mock.patch.object(network, "Demuxer", side_effect=Answered(404)) as demuxer, \
                mock.patch.object(network, "HttpClient") as client:
            client.return_value.get.side_effect = Answered(404)
            self.assertRaises(SourceError, source.open, SourceSettings("cam1", "", fps=fps))
            return demuxer.call_args.args[3] if scheme == "rtsp" else client.call_args.args[3:]

    def test_limits(self) -> None:
        for fps, asking, reading in (
            (None, 4.0, 4.0), (25.0, 4.0, 4.0), (1.0, 4.0, 4.0), (0.5, 6.0, 4.0), (0.2, 15.0, 10.0), (0.1, 30.0, 20.0)
        ):
            self.assertEqual(self.limits("rtsp://192.0.2.1/x", fps), (asking, reading), fps)
            self.assertEqual(self.limits("http://192.0.2.1/x", fps), (reading,), fps)

    def test_a_slow_one_is_not_waited_for_when_it_is_looked_at(self) -> None:
        source = NetworkSource("rtsp", "//192.0.2.1/x")
        expect(source, 0.2)
        with mock.patch.object(network.socket, "create_connection") as connect:
            self.assertEqual(source.probe(), Capabilities("rtsp://192.0.2.1"))
            self.assertEqual(connect.call_count, 1)
        expect(source, None)
        with mock.patch.object(network, "Demuxer") as demuxer, \
                mock.patch.object(network.socket, "create_connection"):
            demuxer.return_value.configure_mock(codec="h264", width=64, height=48, fps=25.0)
            self.assertEqual(source.probe().modes[0].rates, (25.0,))

    def test_what_a_slow_one_says_of_its_rate(self) -> None:
        """Is not believed: it would be taken for silent between two pictures."""
        with mock.patch.object(network, "Demuxer") as demuxer, \
                mock.patch.object(network.socket, "create_connection"):
            demuxer.return_value.configure_mock(codec="h264", width=64, height=48, fps=25.0)
            for fps, told in ((0.2, 0.2), (5.0, 25.0), (None, 25.0)):
                source = NetworkSource("rtsp", "//192.0.2.1/x")
                self.assertEqual(source.open(SourceSettings("cam1", "", fps=fps)).fps, told)


class Trouble(SynchronousTestCase):
    def test_state_and_wait(self) -> None:
        for error, state, wait, words in (
            (Answered(401), "backoff", 60, "asks for a user name"),
            (Answered(404), "backoff", 10, "nothing at this address"),
            (Answered(500), "backoff", 10, "error 500"),
            (av.HTTPForbiddenError(0, "x"), "backoff", 10, "refuses access"),
            (ConnectionRefusedError(), "absent", 1, "refuses the connection"),
            (socket.gaierror(-2, "x"), "absent", 1, "not known by this name"),
            (OSError(errno.EHOSTUNREACH, "x"), "absent", 1, "cannot be reached"),
            (TimeoutError(), "absent", 1, "does not answer"),
            (av.ExitError(0, "x"), "absent", 1, "does not answer"),
            (ConnectionResetError(), "backoff", 1, "closed the connection"),
            (BadStatusLine("x"), "backoff", 1, "not HTTP"),
            (IncompleteRead(b""), "backoff", 1, "closed the connection"),
            (UnicodeError(), "absent", 1, "not known by this name"),
            (ssl.SSLCertVerificationError(), "backoff", 1, "certificate"),
            (ssl.SSLError(), "backoff", 1, "TLS"),
            (Invalid("", "12 bytes that are no JPEG"), "backoff", 1, "no JPEG"),
            (SourceError("it has ended the stream"), "backoff", 1, "ended"),
            (SourceError("changed", retry=0.0), "backoff", 0, "changed"),
        ):
            told = explain("rtsp://cam", error, False)
            self.assertEqual((told.state, told.retry), (state, wait), error)
            self.assertIn(words, str(told))
            self.assertTrue(str(told).startswith("rtsp://cam"))
        self.assertEqual(explain("x", TimeoutError(), False, started=True).state, "stalled")

    def test_a_wrong_login_is_tried_seldom(self) -> None:
        for error in (Answered(401), av.HTTPUnauthorizedError(0, "x")):
            told = explain("rtsp://cam", error, True)
            self.assertEqual((told.state, told.retry), ("backoff", 60))
            self.assertIn("refused the user name or password", str(told))

    def test_what_ffmpeg_says_is_not_repeated(self) -> None:
        error = av.InvalidDataError(1, "Invalid data", f"rtsp://ann:{SECRET}@cam/")
        self.assertNotIn(SECRET, str(explain("rtsp://cam", error, True)))

    def test_told_once(self) -> None:
        told = explain("rtsp://cam", Answered(404), False)
        self.assertIs(explain("rtsp://cam", told, False), told)


class Time(SynchronousTestCase):
    def test_even_however_they_arrive(self) -> None:
        timeline = Timeline()
        arrivals = [100.0 + n / 30 + (0.0, 0.02, 0.011)[n % 3] for n in range(60)]
        times = [timeline.at(7 + n / 30, arrival) for n, arrival in enumerate(arrivals)]
        self.assertTrue(all(abs(b - a - 1 / 30) < 1e-4 for a, b in pairwise(times)))
        self.assertTrue(all(taken <= arrival for taken, arrival in zip(times, arrivals)))

    def test_pictures_that_waited_are_not_in_the_future(self) -> None:
        """Opening reads ahead; what was read comes at once."""
        timeline = Timeline()
        waited = [timeline.at(n / 30, 100 + n * 1e-5) for n in range(20)]
        self.assertTrue(all(a < b <= 100.001 for a, b in pairwise(waited)))
        later = [timeline.at(n / 30, 100 + (n - 19) / 30) for n in range(20, 40)]
        self.assertAlmostEqual(later[-1], 100 + 20 / 30, places=2)

    def test_jumps(self) -> None:
        timeline = Timeline()
        positions = [0, 0.1, 0.2, 50.0, 50.1, 3.0, 3.1, None, 3.3]
        times = [timeline.at(position, 100 + n / 10) for n, position in enumerate(positions)]
        self.assertTrue(all(abs(taken - 100 - n / 10) < 0.02 for n, taken in enumerate(times)), times)
        self.assertTrue(all(a < b for a, b in pairwise(times)))

    def test_a_clock_that_runs_slow(self) -> None:
        timeline = Timeline()
        lag = [100 + n / 30 - timeline.at(n / 30 * 0.99, 100 + n / 30) for n in range(9000)]
        self.assertLess(max(lag), 1.0)


class Multipart(SynchronousTestCase):
    bodies = (b"\xff\xd8one\xff\xd9", b"\xff\xd8two\r\n--\xff\xd9", b"\xff\xd8three\xff\xd9")

    def stream(self, delimiter: bytes, length: bool, end: bytes = b"\r\n") -> bytes:
        parts = []
        for body in self.bodies:
            lines = [delimiter, b"Content-Type: image/jpeg"] + [b"content-LENGTH: %d" % len(body)] * length
            parts.append(end.join([*lines, b"", body, b""]))
        return b"".join(parts) + delimiter + end

    def read(self, data: bytes, boundary: str, piece: int) -> tuple[bytes, ...]:
        reader = PartReader(boundary)
        return tuple(body for at in range(0, len(data), piece) for body in reader.feed(data[at:at + piece]))

    def test_styles(self) -> None:
        for boundary, delimiter in (("b", b"--b"), ("--b", b"--b"), ("--b", b"----b"), ('"b"', b"--b"),
                                    ("", b"--x y"), ("b", b"\r\n\r\n--b")):
            for length in (False, True):
                for end in (b"\r\n", b"\n"):
                    for piece in (1, 7, 10_000):
                        read = self.read(self.stream(delimiter, length, end), boundary, piece)
                        self.assertEqual(read, self.bodies, (boundary, delimiter, length, end, piece))

    def test_a_length_ends_a_part_at_once(self) -> None:
        data = self.stream(b"--b", True)
        end = data.index(self.bodies[0]) + len(self.bodies[0])
        self.assertEqual(PartReader("b").feed(data[:end]), [self.bodies[0]])

    def test_a_wrong_length_is_believed_once(self) -> None:
        data = self.stream(b"--b", True).replace(b"LENGTH: ", b"LENGTH: 1")
        self.assertEqual(self.read(data * 4, "b", 10_000)[-3:], self.bodies)
        data = self.stream(b"--b", True).replace(b"LENGTH: ", b"LENGTH: 3 \r\nX: ")
        self.assertEqual(self.read(data * 4, "b", 5)[-3:], self.bodies)

    @ONCE
    @given(PIECES, st.sampled_from(["b", ""]))
    def test_any_bytes(self, pieces: list[bytes], boundary: str) -> None:
        reader = PartReader(boundary, limit=300)
        try:
            read = [body for piece in pieces for body in reader.feed(piece)]
        except Invalid:
            return
        self.assertLessEqual(sum(map(len, read)), sum(map(len, pieces)))

    def test_bounded(self) -> None:
        for data in (b"x" * 20_000, b"--b\r\nA: " + b"x" * 20_000, b"--b\r\n\r\n" + b"x" * 20_000):
            reader = PartReader("b", limit=10_000)
            with self.assertRaises(Invalid):
                for at in range(0, len(data), 999):
                    reader.feed(data[at:at + 999])


class Jpegs(SynchronousTestCase):
    def test_size(self) -> None:
        self.assertEqual(jpeg.size(picture(640, 360)), (640, 360))
        self.assertEqual(jpeg.size(b"\xff\xd8\xff\xe0\0\4ab\xff" + picture(32, 16)[2:]), (32, 16))

    def test_none(self) -> None:
        whole = picture()
        for data in (b"", b"GIF89a" * 9, whole[:100], b"\xff\xd8" + bytes(99), b"\xff\xd8\xff\xd9"):
            self.assertRaises(Invalid, jpeg.size, data)

    @ONCE
    @given(PIECES)
    def test_any_bytes(self, pieces: list[bytes]) -> None:
        try:
            width, height = jpeg.size(b"\xff\xd8" + b"".join(pieces))
        except Invalid:
            return
        self.assertTrue(0 < width < 1 << 16 and 0 < height < 1 << 16)

    def test_tables(self) -> None:
        self.assertTrue(jpeg.is_whole(picture()))
        self.assertFalse(jpeg.is_whole(picture().replace(b"\xff\xc4", b"\xff\xfe")))


class Logins(SynchronousTestCase):
    digest = 'Digest realm="cam \\"1\\"", nonce="n", qop="auth,auth-int", opaque="o"'

    def test_basic(self) -> None:
        chosen = challenge.choose(['Basic realm="x"'])
        said = chosen.answer("GET", "/", "Aladdin", "open sesame")  # the example of RFC 7617 section 2
        self.assertEqual(said, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")

    def test_the_best_is_chosen(self) -> None:
        sha = f"{self.digest}, algorithm=SHA-256"
        for headers, scheme, algorithm in (
            (['Basic realm="x"', self.digest], "digest", None),
            ([f'Basic realm="x", {self.digest}'], "digest", None),
            ([self.digest, sha], "digest", "SHA-256"),
            (['Digest realm="x", nonce="n", algorithm=SHA-512', 'basic realm="x"'], "basic", None),
            (['Digest realm="x", nonce="n", qop="auth-int"', 'Basic realm="x"'], "basic", None),
        ):
            chosen = challenge.choose(headers)
            self.assertEqual((chosen.scheme, chosen.fields.get("algorithm")), (scheme, algorithm))
        self.assertIsNone(challenge.choose(["Negotiate", ""]))

    def test_the_examples_of_rfc_7616(self) -> None:
        """Section 3.9.1."""
        nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
        rest = f'Digest realm="http-auth@example.org", qop="auth", nonce="{nonce}"'
        for algorithm, response in (
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ):
            chosen = challenge.choose([f"{rest}, algorithm={algorithm}"])
            with mock.patch.object(challenge.secrets, "token_hex",
                                   return_value="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"):
                said = chosen.answer("GET", "/dir/index.html", "Mufasa", "Circle of Life")
            self.assertIn(f'response="{response}"', said)
            self.assertIn("nc=00000001", said)
        self.assertIn("nc=00000002", chosen.answer("GET", "/", "a", "b"))

    @ONCE
    @given(st.lists(st.one_of(st.text(max_size=8), st.sampled_from([
        "Digest ", "Basic ", "qop=", '"', "auth", ", ", "\\", "nonce=x", "realm=", "algorithm=", "MD5",
    ])), max_size=20))
    def test_any_header(self, pieces: list[str]) -> None:
        chosen = challenge.choose(["".join(pieces)])
        if chosen is not None:
            said = chosen.answer("GET", "/", "u", "p")
            self.assertTrue(said.startswith(("Basic ", "Digest ")))

    def test_without_qop(self) -> None:
        said = challenge.choose(['Digest realm="r", nonce="n"']).answer("GET", "/x", "u", "p")
        md5 = [hashlib.md5(text.encode()).hexdigest() for text in ("u:r:p", "GET:/x")]
        self.assertIn(hashlib.md5(f"{md5[0]}:n:{md5[1]}".encode()).hexdigest(), said)
        self.assertNotIn("nc=", said)


class Containers(SynchronousTestCase):
    """Packets as camd hands them on, whatever the container made of them."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.makedirs(self.folder)

    def units(self, name: str, **how: Any) -> tuple[Demuxer, list]:
        path = os.path.join(self.folder, name)
        write_video(path, **how)
        demuxer = Demuxer(path, {}, fail)
        self.addCleanup(demuxer.close)
        return demuxer, list(demuxer.packets())

    def test_annex_b_with_its_sets_before_every_key_frame(self) -> None:
        for name in ("a.mp4", "a.mkv", "a.ts", "a.flv", "b.mp4"):
            codec, ours = ("libx265", "hevc") if name == "b.mp4" else ("libx264", "h264")
            demuxer, units = self.units(name, codec=codec)
            self.assertEqual((demuxer.codec, demuxer.width, demuxer.height), (ours, 64, 48), name)
            if codec == "libx264":
                self.assertTrue(demuxer.passable)
                self.assertEqual([n for n, unit in enumerate(units) if unit.keyframe], [0, 5, 10], name)
            kinds = {"h264": {7, 8}, "hevc": {32, 33, 34}}[ours]
            for unit in units:
                self.assertTrue(unit.content.startswith((b"\0\0\0\1", b"\0\0\1")), name)
                self.assertEqual(nal.is_keyframe(unit.content, ours), unit.keyframe, name)
                if unit.keyframe:
                    sets = nal.parameter_sets(unit.content, ours)
                    self.assertEqual({nal.kind(one, ours) for one in sets}, kinds, name)
            self.decode(units, ours, len(units))

    def decode(self, units: list, codec: str, count: int) -> None:
        """A decoder that knows nothing else, from the second key frame on."""
        begin = next(n for n, unit in enumerate(units) if unit.keyframe and n)
        decoder = av.CodecContext.create(codec, "r")
        packets = [av.Packet(unit.content) for unit in units[begin:]]
        frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
        self.assertEqual(len(frames), count - begin)

    def test_sets_that_only_the_session_told(self) -> None:
        _, units = self.units("a.ts")
        sets = nal.parameter_sets(units[0].content, "h264")
        stream = mock.Mock()
        stream.codec_context.extradata = nal.annex_b(sets)
        convert = ByteStream(stream, "h264")
        aud = b"\x09\xf0"
        for front in ([], [aud]):
            slices = [unit for unit in nal.split(units[0].content) if nal.kind(unit, "h264") == nal.H264_IDR]
            (data, keyframe), = convert(KeyFrame(nal.annex_b([*front, *slices])))
            self.assertTrue(keyframe)
            self.assertEqual(nal.split(data), [*front, *sets, *slices])

    def test_pictures_out_of_order_are_not_passable(self) -> None:
        demuxer, _ = self.units("a.mp4", b_frames=2)
        self.assertFalse(demuxer.passable)

    def test_other_codecs_are_not_passable(self) -> None:
        demuxer, _ = self.units("a.mp4", codec="mpeg4")
        self.assertFalse(demuxer.passable)

    def test_another_size_in_mid_stream(self) -> None:
        first, second = io.BytesIO(), io.BytesIO()
        write_video(first, format="h264")
        write_video(second, size=(96, 80), format="h264")
        path = os.path.join(self.folder, "a.h264")
        with open(path, "wb") as file:
            file.write(first.getvalue() + second.getvalue())
        demuxer = Demuxer(path, {}, fail)
        self.addCleanup(demuxer.close)
        units = demuxer.packets()
        error = self.assertRaises(SourceError, list, units)
        self.assertIn("changed from 64x48 to 96x80", str(error))
        self.assertEqual(error.state, "backoff")
