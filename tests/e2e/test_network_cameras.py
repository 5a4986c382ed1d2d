"""Cameras on the network: real servers over loopback, and what goes wrong with such."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from camd.errors import SourceError
from camd.media.frame import Frame, Packet
from camd.media.source import SourceSettings
from camd.sources import network
from camd.sources.network import NetworkSource, camd_sources
from camd.wire import jpeg, nal

from ..certificates import ROOT, pem_of, write_pair
from ..test_network_source import picture
from . import rest
from .daemon import Daemon
from .fakecam import FakeCamera, frames
from .mjpeg_reader import MjpegReader
from .waiting import wait_for

PYTHON = "/usr/bin/python3"
H264 = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 pt=96"
SIZE = "capsfilter name=size caps=video/x-raw,width=640,height=360,format=I420,framerate=30/1"
MULTIPART = "multipart/x-mixed-replace;boundary=b"
USERNAME, PASSWORD = "ann", "p@ss w:rd/1"


class NetworkCase(SynchronousTestCase):
    timeout = 60

    def source(self, url: str, login: tuple[str, str] = ("", "")) -> NetworkSource:
        scheme, _, address = url.partition(":")
        source = camd_sources()[scheme](address)
        source.sign_in(*login)
        self.addCleanup(source.close)
        return source

    def opened(self, url: str, login: tuple[str, str] = ("", ""), **wishes: Any) -> NetworkSource:
        source = self.source(url)
        self.format = source.open(SourceSettings("cam1", "", username=login[0], password=login[1], **wishes))
        return source

    def read(self, source: NetworkSource, count: int) -> list[Frame | Packet]:
        """So many pictures, within ten seconds."""
        end = time.monotonic() + 10
        items: list[Frame | Packet] = []
        while len(items) < count and time.monotonic() < end:
            if (item := source.read(0.25)) is not None:
                items.append(item)
        self.assertEqual(len(items), count)
        return items

    def refusal(self, call: Callable[..., Any], *arguments: Any) -> SourceError:
        error = self.assertRaises(SourceError, call, *arguments)
        self.assertNotIn(PASSWORD, str(error))
        self.assertNotIn("secret", str(error))
        return error

    def until_it_fails(self, source: NetworkSource, timeout: float = 15) -> SourceError:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                source.read(0.25)
            except SourceError as error:
                return error
        raise AssertionError("it goes on")


class GstCamera:
    """tests/e2e/gst_rtsp.py with these options. clients: connections so far; url: without a login."""

    def __init__(self, pipeline: str, *options: str, port: str = "0"):
        command = [PYTHON, str(Path(__file__).with_name("gst_rtsp.py")), *options]
        command += [port, f"videotestsrc is-live=true ! {SIZE} ! {pipeline}"]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        first = self._child.stdout.readline().split()
        if not first:
            why = self._child.communicate()[1].strip().rpartition("\n")[2]
            raise SkipTest(f"needs gst-rtsp-server and its Python bindings: {why}")
        self.port = first[1]
        self.url = f"rtsp://127.0.0.1:{self.port}/cam"
        self.clients = 0
        self._reader = threading.Thread(target=self._count, daemon=True)
        self._reader.start()

    def _count(self) -> None:
        for _ in self._child.stdout:
            self.clients += 1

    def resize(self, width: int, height: int) -> None:
        self._child.stdin.write(f"{width} {height}\n")
        self._child.stdin.flush()

    def pause(self) -> None:
        self._child.send_signal(subprocess.signal.SIGSTOP)

    def stop(self) -> None:
        self._child.kill()
        self._child.wait()
        self._reader.join(5)
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            stream.close()


class RtspCase(NetworkCase):
    def setUp(self) -> None:
        if not Path(PYTHON).exists():
            raise SkipTest(f"needs {PYTHON} with gst-rtsp-server")

    def camera(self, pipeline: str = H264, *options: str) -> GstCamera:
        camera = GstCamera(pipeline, *options)
        self.addCleanup(camera.stop)
        return camera


class RtspTests(RtspCase):
    def test_h264_is_passed_through(self) -> None:
        for words in ("", "#udp"):
            source = self.opened(self.camera().url + words)
            said = self.format.codec, self.format.size, self.format.fps
            self.assertEqual(said, ("h264", "640x360", 30.0))
            packets = self.read(source, 60)
            self.assertTrue(packets[0].keyframe)
            keys = [packet for packet in packets if packet.keyframe]
            self.assertGreaterEqual(len(keys), 3)
            for packet in packets:
                self.assertEqual(nal.is_keyframe(packet.data, "h264"), packet.keyframe)
            for packet in keys:
                self.assertEqual(len(nal.parameter_sets(packet.data, "h264")), 2)
            steps = sorted(b.pts - a.pts for a, b in pairwise(packets))
            self.assertGreater(steps[0], 0)
            self.assertAlmostEqual(steps[40], 1 / 30, places=3)
            self.assertTrue(all(0 <= packet.grabbed - packet.pts < 1 for packet in packets))
            self.assertLess(abs(packets[-1].wall - time.time()), 1)
            source.close()

    def test_probe_tells_what_will_come(self) -> None:
        camera = self.camera()
        capabilities = self.source(camera.url).probe()
        mode, = capabilities.modes
        self.assertEqual((mode.codec, mode.width, mode.height, mode.rates), ("h264", 640, 360, (30.0,)))
        self.assertEqual(capabilities.name, f"rtsp://127.0.0.1:{camera.port}")

    def test_h265_and_jpeg_are_passed_through_and_others_decoded(self) -> None:
        for pipeline, codec in (
            ("x265enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph265pay", "hevc"),
            ("jpegenc ! rtpjpegpay", "mjpeg"),
            ("vp8enc deadline=1 ! rtpvp8pay", "bgr"),
        ):
            source = self.opened(self.camera(f"{pipeline} name=pay0 pt=96").url)
            self.assertEqual((self.format.codec, self.format.size), (codec, "640x360"))
            item = self.read(source, 5)[-1]
            if codec == "bgr":
                self.assertEqual(item.image.shape, (360, 640, 3))
            elif codec == "mjpeg":
                self.assertTrue(jpeg.is_whole(item.data))
                self.assertEqual(jpeg.size(item.data), (640, 360))
            source.close()

    def test_decoded_if_wished(self) -> None:
        source = self.opened(self.camera().url, codec="bgr")
        frame = self.read(source, 3)[-1]
        self.assertEqual((self.format.codec, frame.image.shape), ("bgr", (360, 640, 3)))

    def test_login(self) -> None:
        camera = self.camera(H264, "--login", USERNAME, PASSWORD)
        self.read(self.opened(camera.url, (USERNAME, PASSWORD)), 3)
        self.assertEqual(len(self.source(camera.url, (USERNAME, PASSWORD)).probe().modes), 1)
        before = camera.clients
        for login, words in (((USERNAME, "secret"), "refused the user name"), (("", ""), "asks for")):
            error = self.refusal(self.opened, camera.url, login)
            self.assertIn(words, str(error))
            self.assertEqual((error.state, error.retry), ("backoff", 60))
        self.assertLessEqual(camera.clients - before, 4)

    def test_udp_where_tcp_is_refused(self) -> None:
        self.read(self.opened(self.camera(H264, "--udp").url), 3)

    def test_tls(self) -> None:
        folder = Path(self.mktemp())
        write_pair(folder, "localhost")
        (folder / "root.pem").write_bytes(pem_of(ROOT.certificate))
        camera = self.camera(H264, "--tls", str(folder / "fullchain.pem"), str(folder / "privkey.pem"))
        url = f"rtsps://localhost:{camera.port}/cam"
        self.read(self.opened(url), 3)
        self.assertIn("certificate", str(self.refusal(self.opened, url + "#verify")))
        self.patch(os, "environ", {**os.environ, "SSL_CERT_FILE": str(folder / "root.pem")})
        os.putenv("SSL_CERT_FILE", str(folder / "root.pem"))  # for OpenSSL, which asks the C library
        self.addCleanup(os.unsetenv, "SSL_CERT_FILE")
        self.read(self.opened(url + "#verify"), 3)

    def test_another_size_in_mid_stream(self) -> None:
        camera = self.camera(H264 + " config-interval=-1")
        source = self.opened(camera.url)
        self.read(source, 5)
        camera.resize(320, 240)
        error = self.until_it_fails(source)
        self.assertIn("changed from 640x360 to 320x240", str(error))
        self.assertEqual((error.state, error.retry), ("backoff", 0))
        self.assertEqual(source.open(SourceSettings("cam1", "")).size, "320x240")
        self.read(source, 3)

    def test_a_server_that_goes_and_comes(self) -> None:
        camera = self.camera()
        source = self.opened(camera.url)
        self.read(source, 5)
        camera.stop()
        self.assertIn(self.until_it_fails(source, 3).state, ("backoff", "absent"))
        source.close()
        error = self.refusal(source.open, SourceSettings("cam1", ""))
        self.assertEqual(error.state, "absent")
        self.assertIn("refuses the connection", str(error))
        again = GstCamera(H264, port=camera.port)
        self.addCleanup(again.stop)
        source.open(SourceSettings("cam1", ""))
        self.read(source, 5)

    def test_a_slow_one(self) -> None:
        """Its pictures are further apart than usual ones may be; the limits are short, to see it soon."""
        self.patch(network, "ASKING", 0.3)
        self.patch(network, "READING", 0.3)
        camera = self.camera("videorate ! video/x-raw,framerate=1/1 ! " + H264)
        source = self.opened(camera.url)
        self.assertEqual(self.until_it_fails(source).state, "stalled")
        source.close()
        source = self.opened(camera.url, fps=1)
        self.assertEqual(self.format.fps, 1)
        packets = self.read(source, 6)  # the first of them waited for FFmpeg to know what there is
        self.assertLess(abs(packets[-1].pts - packets[-2].pts - 1), 0.1)
        camera.pause()
        self.assertEqual(self.until_it_fails(source).state, "stalled")

    def test_a_server_that_hangs(self) -> None:
        camera = self.camera()
        source = self.opened(camera.url)
        self.read(source, 5)
        camera.pause()
        begun = time.monotonic()
        error = self.until_it_fails(source)
        self.assertEqual(error.state, "stalled")
        self.assertLess(time.monotonic() - begun, 6)

    def test_nothing_there(self) -> None:
        error = self.refusal(self.opened, self.camera().url.replace("/cam", "/none"))
        self.assertIn("nothing at this address", str(error))
        error = self.refusal(self.opened, "rtsp://nohost.invalid/")
        self.assertEqual(error.state, "absent")
        self.assertIn("not known by this name", str(error))

    def test_one_that_takes_connections_and_is_silent(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            begun = time.monotonic()
            for scheme in ("rtsp", "http"):
                error = self.refusal(self.opened, f"{scheme}://127.0.0.1:{server.getsockname()[1]}/")
                self.assertEqual(error.state, "absent", error)
            self.assertLess(time.monotonic() - begun, 12)

    def test_one_that_speaks_something_else(self) -> None:
        web = WebCamera(self)
        web.pages["/"] = lambda request: request.answer(b"no")
        self.assertEqual(self.refusal(self.opened, f"rtsp://127.0.0.1:{web.port}/").state, "backoff")


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, address: Any) -> None:
        """A client that goes early is what is tested."""


class WebCamera:
    """An HTTP server in this process. pages: path -> function(request); requests: (path, Authorization)."""

    def __init__(self, case: SynchronousTestCase, context: ssl.SSLContext | None = None):
        self.pages: dict[str, Callable[[Request], None]] = {}
        self.requests: list[tuple[str, str]] = []
        self.server = QuietServer(("127.0.0.1", 0), type("Of", (Request,), {"camera": self}))
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' * (context is not None)}://127.0.0.1:{self.port}"
        thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        case.addCleanup(thread.join)
        case.addCleanup(self.server.server_close)
        case.addCleanup(self.server.shutdown)


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    camera: ClassVar[WebCamera]

    def do_GET(self) -> None:
        self.camera.requests.append((self.path, self.headers.get("Authorization", "")))
        try:
            self.camera.pages[self.path](self)
        except ConnectionError:
            self.close_connection = True

    def answer(self, body: bytes, kind: str = "text/html", status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def stream(
        self, pictures: list[bytes], kind: str, chunked: bool, length: bool, pause: float = 0.04
    ) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding" if chunked else "Connection", "chunked" if chunked else "close")
        self.end_headers()
        self.close_connection = True
        for data in pictures:
            size = f"Content-Length: {len(data)}\r\n" if length else ""
            part = f"\r\n--b\r\nContent-Type: image/jpeg\r\n{size}\r\n".encode() + data
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            time.sleep(pause)

    def log_message(self, *_: Any) -> None:
        pass


class DaemonTests(RtspCase):
    """The same cameras behind a real camd."""

    timeout = 90

    def daemon(self, camera: GstCamera, more: str = "") -> Daemon:
        toml = f'[cameras.cam1]\nsource = "{camera.url}"\n{more}'
        daemon = Daemon(toml, arguments=["--https", "off"], everyone=True)
        self.addCleanup(daemon.remove)
        daemon.start()
        self.addCleanup(daemon.stop)
        return daemon

    def state(self, daemon: Daemon) -> tuple[str, str]:
        values = rest.ask(daemon.url, {"get": ["cameras/cam1/state", "cameras/cam1/reason"]})["values"]
        return values["cameras/cam1/state"], values["cameras/cam1/reason"]

    def test_who_wants_jpeg_gets_it(self) -> None:
        daemon = self.daemon(self.camera())
        answer = wait_for(lambda: self.live(daemon), what="a live snapshot")
        self.assertEqual(jpeg.size(answer.body), (640, 360))
        outputs = rest.ask(daemon.url, {"get": ["cameras/cam1/outputs"]})["values"]["cameras/cam1/outputs"]
        self.assertEqual(outputs["h264"], "pass-through")

    def live(self, daemon: Daemon) -> Any:
        answer = rest.fetch(daemon.url + "cam/cam1/snapshot.jpg")
        return answer if answer.status == 200 else None

    def test_a_restart_is_survived(self) -> None:
        camera = self.camera()
        daemon = self.daemon(camera)
        with MjpegReader(daemon.url + "stream") as reader:
            wait_for(lambda: self.state(daemon)[0] == "streaming")
            reader.pictures(5)
            camera.stop()
            wait_for(lambda: self.state(daemon)[0] == "absent")
            self.assertIn("refuses the connection", self.state(daemon)[1])
            again = GstCamera(H264, port=camera.port)
            self.addCleanup(again.stop)
            wait_for(lambda: self.state(daemon) == ("streaming", ""), 10)
            reader.pictures(5)

    def test_another_size_goes_on_by_itself(self) -> None:
        camera = self.camera(H264 + " config-interval=-1")
        daemon = self.daemon(camera)
        with MjpegReader(daemon.url + "stream") as reader:
            wait_for(lambda: self.state(daemon)[0] == "streaming")
            camera.resize(320, 240)
            reader.next(lambda picture: jpeg.size(picture.data) == (320, 240), what="the other size")
            wait_for(lambda: self.state(daemon) == ("streaming", ""))

    def test_a_wrong_password_is_a_clear_state_and_no_storm(self) -> None:
        camera = self.camera(H264, "--login", USERNAME, PASSWORD)
        secret = self.mktemp()
        Path(secret).write_text("secret-but-wrong\n")
        daemon = self.daemon(camera, f'username = "ann"\npassword_file = "{Path(secret).absolute()}"\n')
        with MjpegReader(daemon.url + "stream") as reader:
            wait_for(lambda: self.state(daemon)[0] == "backoff")
            self.assertIn("refused the user name or password", self.state(daemon)[1])
            reader.pictures(6)  # cards, one a second
        self.assertLessEqual(camera.clients, 2)
        everything = daemon.log + str(rest.ask(daemon.url, {"get": ["*"]}))
        self.assertNotIn("secret-but-wrong", everything)

    def test_a_login_in_the_address_is_hidden(self) -> None:
        camera = self.camera(H264, "--login", "ann", "plain-secret")
        camera.url = camera.url.replace("//", "//ann:plain-secret@")
        daemon = self.daemon(camera)
        wait_for(lambda: self.state(daemon)[0] == "idle")
        self.assertNotIn("plain-secret", daemon.log + str(rest.ask(daemon.url, {"get": ["*"]})))


class WebTests(NetworkCase):
    pictures: ClassVar[list[bytes]] = [picture(64, 48, grey) for grey in range(0, 240, 5)]

    def test_multipart_of_any_style(self) -> None:
        for kind in (MULTIPART, "multipart/x-mixed-replace; boundary=--b",
                     'multipart/x-mixed-replace; boundary="b"', "multipart/mixed"):
            for chunked in (False, True):
                for length in (False, True):
                    web = WebCamera(self)
                    web.pages["/video"] = lambda request, how=(kind, chunked, length): request.stream(
                        self.pictures, *how, pause=0.02)
                    source = self.opened(f"{web.url}/video")
                    self.assertEqual((self.format.codec, self.format.size), ("mjpeg", "64x48"))
                    packets = self.read(source, 10)
                    begin = self.pictures.index(packets[0].data)
                    read = [packet.data for packet in packets]
                    self.assertEqual(read, self.pictures[begin:begin + 10], (kind, chunked, length))
                    source.close()

    def test_the_rate_is_measured(self) -> None:
        web = WebCamera(self)
        web.pages["/"] = lambda request: request.stream(self.pictures, MULTIPART, False, True, pause=0.1)
        source = self.source(f"{web.url}/")
        mode, = source.probe().modes
        self.assertAlmostEqual(mode.rates[0], 10, delta=2)
        self.assertEqual(source.open(SourceSettings("cam1", "")).fps, mode.rates[0])

    def test_a_slow_one(self) -> None:
        """Its pictures are further apart than usual ones may be; the limits are short, to see it soon."""
        self.patch(network, "ASKING", 0.3)
        self.patch(network, "READING", 0.3)
        web = WebCamera(self)
        web.pages["/"] = lambda request: request.stream(self.pictures[:5], MULTIPART, False, True, pause=0.6)
        self.assertEqual(self.refusal(self.opened, f"{web.url}/").state, "absent")
        source = self.opened(f"{web.url}/", fps=1.6)
        self.assertEqual(self.format.fps, 1.6)
        self.assertEqual([one.data for one in self.read(source, 5)], self.pictures[:5])

    def test_stills(self) -> None:
        web = WebCamera(self)
        fresh = iter(self.pictures)
        web.pages["/a?b=c"] = lambda request: request.answer(next(fresh), "image/jpeg")
        source = self.opened(f"{web.url}/a?b=c", fps=10)
        self.assertEqual((self.format.codec, self.format.size, self.format.fps), ("mjpeg", "64x48", 10))
        packets = self.read(source, 5)
        self.assertEqual([packet.data for packet in packets], self.pictures[:5])
        steps = [b.pts - a.pts for a, b in pairwise(packets)]
        self.assertTrue(all(0.05 < step < 0.3 for step in steps), steps)
        self.assertIsNone(source.read(0.01))

    def test_other_video_is_ffmpegs(self) -> None:
        from ..test_network_source import write_video

        path = self.mktemp()
        write_video(path, format="mpegts", count=60)
        body = Path(path).read_bytes()
        web = WebCamera(self)
        web.pages["/clip.ts"] = lambda request: request.answer(body, "video/mp2t")
        source = self.opened(f"{web.url}/clip.ts")
        self.assertEqual((self.format.codec, self.format.size), ("h264", "64x48"))
        self.assertTrue(self.read(source, 50)[0].keyframe)
        self.assertIn("ended", str(self.until_it_fails(source)))

    def test_no_answer_leads_to_files(self) -> None:
        web = WebCamera(self)
        web.pages["/away"] = lambda request: request.answer(b"", status=302, Location="file:///etc/passwd")
        playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
        web.pages["/list.m3u8"] = lambda request: request.answer(playlist, "application/vnd.apple.mpegurl")
        self.assertIn("no web address", str(self.refusal(self.opened, web.url + "/away")))
        for number, address in enumerate(("http://h:99999/", "http://[::1/", "//:1/", "http://h:x/")):
            web.pages[f"/{number}"] = lambda request, address=address: request.answer(b"", status=302, Location=address)
            self.assertIn("no web address", str(self.refusal(self.opened, f"{web.url}/{number}")))
        self.refusal(self.opened, web.url + "/list.m3u8")

    def test_basic_and_digest(self) -> None:
        web = WebCamera(self)
        basic = "Basic " + b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()

        def guarded(request: Request) -> None:
            said = request.headers.get("Authorization", "")
            if said == basic or 'username="ann"' in said:
                request.answer(self.pictures[0], "image/jpeg")
            else:
                digest = 'Digest realm="r", nonce="n", qop="auth"'
                offer = digest if request.path == "/d" else 'Basic realm="r"'
                request.answer(b"who?", status=401, WWW_Authenticate=offer)

        web.pages = {"/b": guarded, "/d": guarded}
        for path in web.pages:
            self.read(self.opened(web.url + path, (USERNAME, PASSWORD), fps=10), 3)
        self.assertEqual(len(web.requests), 2 * 4)  # the first of each is asked who it is
        web.requests.clear()
        error = self.refusal(self.opened, web.url + "/b", (USERNAME, "secret"))
        self.assertIn("refused the user name or password", str(error))
        self.assertEqual(len(web.requests), 2)
        self.assertIn("asks for a user name", str(self.refusal(self.opened, web.url + "/b")))

    def test_redirects_are_followed_without_telling_others_the_login(self) -> None:
        web, other = WebCamera(self), WebCamera(self)
        ask = {"status": 401, "WWW_Authenticate": 'Basic realm="r"'}
        web.pages["/a"] = lambda request: request.answer(b"", status=302, Location="/b")
        web.pages["/b"] = lambda request: request.answer(self.pictures[0], "image/jpeg")
        web.pages["/loop"] = lambda request: request.answer(b"", status=302, Location="/loop")
        web.pages["/other"] = lambda request: request.answer(
            b"", status=302, Location=f"http://localhost:{other.port}/x")
        other.pages["/x"] = lambda request: request.answer(b"", **ask)
        self.read(self.opened(web.url + "/a"), 2)
        self.assertIn("from one address to the next", str(self.refusal(self.opened, web.url + "/loop")))
        self.refusal(self.opened, web.url + "/other", (USERNAME, PASSWORD))
        self.assertEqual([said for _, said in other.requests], [""])

    def test_certificates(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        write_pair(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "fullchain.pem", folder / "privkey.pem")
        web = WebCamera(self, context)
        web.pages["/"] = lambda request: request.answer(self.pictures[0], "image/jpeg")
        self.read(self.opened(web.url + "/"), 1)
        self.assertIn("certificate", str(self.refusal(self.opened, web.url + "/#verify")))

    def test_another_size_in_mid_stream(self) -> None:
        web = WebCamera(self)
        pictures = [*self.pictures[:30], *[picture(32, 32)] * 5]
        web.pages["/"] = lambda request: request.stream(pictures, MULTIPART, False, True)
        error = self.until_it_fails(self.opened(f"{web.url}/"))
        self.assertIn("changed from 64x48 to 32x32", str(error))

    def test_damaged_pictures_are_left_out(self) -> None:
        web = WebCamera(self)
        pictures = [*self.pictures[:40], b"\xff\xd8 cut off", b"", *self.pictures[:5]]
        web.pages["/"] = lambda request: request.stream(pictures, MULTIPART, False, True)
        source = self.opened(f"{web.url}/")
        self.assertIn("ended", str(self.until_it_fails(source)))
        self.assertGreaterEqual(source.dropped(), 1)

    def test_not_a_picture(self) -> None:
        web = WebCamera(self)
        web.pages["/"] = lambda request: request.answer(b"<html>no", "image/jpeg")
        web.pages["/page"] = lambda request: request.answer(b"<html>no")
        self.assertIn("no JPEG", str(self.refusal(self.opened, f"{web.url}/")))
        self.refusal(self.opened, f"{web.url}/page")


class UstreamerTests(NetworkCase):
    """Debian's ustreamer, with the fake V4L2 camera."""

    def setUp(self) -> None:
        if not shutil.which("ustreamer"):
            raise SkipTest("needs ustreamer")
        self.camera = FakeCamera()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        command = ["ustreamer", "-d", "/dev/video0", "-m", "MJPEG", "-r", "1280x720", "-f", "30",
                   "-s", "127.0.0.1", "-p", str(self.port)]
        self.child = subprocess.Popen(command, env=self.camera.environment, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop)
        wait_for(self.answers, what="ustreamer")

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        self.child.kill()
        self.child.wait()

    def test_passed_through_and_a_restart_survived(self) -> None:
        source = self.source(f"http://127.0.0.1:{self.port}/stream")

        def live() -> bool:  # its first pictures say that there is none
            source.open(SourceSettings("cam1", ""))
            return source.read(1).data in frames()

        wait_for(live)
        for packet in self.read(source, 30):
            self.assertIn(packet.data, frames())
        self.stop()
        self.until_it_fails(source)
        self.assertEqual(self.refusal(source.open, SourceSettings("cam1", "")).state, "absent")
        self.start()
        wait_for(live)
