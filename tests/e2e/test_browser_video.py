"""Video as browsers and players take it: over /api/media, as one MP4 file, as HLS."""

from __future__ import annotations

import json
import shutil
import statistics
import struct
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ..coded_video import coded
from . import rest
from .browser import MISSING, Browser
from .daemon import Daemon
from .waiting import wait_for
from .websocket import WebSocket

_CAMERAS = """
[cameras.cam1]
source = "test:"
size = "640x360"
fps = 30
"""
_MSE = Path(__file__).with_name("mse.js").read_text()
#: Nine pictures at once, as the page's grid does it; what came for each channel is in `counts`.
_GRID = """
const socket = window.socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/[^/]*$/, "api/media"));
const counts = window.counts = Array(9).fill(0);
window.broken = 0;
socket.binaryType = "arraybuffer";
socket.onopen = () => counts.forEach((_, channel) => socket.send(JSON.stringify(
  {watch: {channel, camera: "cam1", size: "320x240", fps: 10}})));
socket.onmessage = async ({data}) => {
  if (typeof data === "string") return;
  const channel = new DataView(data).getUint16(2);
  try {
    (await createImageBitmap(new Blob([new Uint8Array(data, 16)], {type: "image/jpeg"}))).close();
    counts[channel] += 1;
  } catch { broken += 1; }
};
"""


class VideoCase(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.daemon = Daemon(_CAMERAS, arguments=["--https", "off"], everyone=True)
        clip = self.daemon.directory / "clip.mjpeg"
        self.daemon.config.write_text(f'{_CAMERAS}\n[cameras.clip]\nsource = "file:{clip}"\n')
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.url = self.daemon.url

    def near(self, value: float, expected: float, tolerance: float) -> None:
        self.assertTrue(abs(value - expected) <= tolerance, f"{value} is not {expected} +- {tolerance}")

    def nobody_watches(self) -> None:
        wait_for(lambda: not rest.camera(self.url)["clients"], what="no clients")


class MediaSocketTests(VideoCase):
    """A client that is none of ours."""

    def test_pictures_and_video_over_one_connection(self) -> None:
        with WebSocket(self.url, path="/api/media") as socket:
            socket.send({"watch": {"channel": 1, "camera": "cam1", "codec": "h264"}, "id": 1})
            socket.send({"watch": {"channel": 2, "camera": "cam1", "size": "320x240", "fps": 10}, "id": 2})
            heads, delays = [], []
            end = time.monotonic() + 4
            while time.monotonic() < end:
                message = socket.receive_any()
                if isinstance(message, bytes):
                    heads.append(struct.unpack(">BBHId", message[:16]))
                    delays.append(time.time() - heads[-1][4])
        fragments = [head for head in heads if head[0] == 3]
        jpegs = [head for head in heads if head[0] == 1]
        self.assertGreater(len(fragments), 90)
        self.near(len(jpegs) * 3, len(fragments), len(fragments) / 3)
        self.assertEqual([head[3] for head in fragments], list(range(len(fragments))))
        self.assertEqual([head[3] for head in jpegs], list(range(len(jpegs))))
        self.assertLess(statistics.median(delays), 0.1)
        self.nobody_watches()

    def test_one_encode_for_all(self) -> None:
        """Whatever they watch by: no picture is encoded as H.264 twice."""
        with WebSocket(self.url, path="/api/media") as first, WebSocket(self.url, path="/api/media") as second:
            for socket in (first, second):
                socket.send({"watch": {"channel": 1, "camera": "cam1", "codec": "h264"}})
            with urlopen(self.url + "cam/cam1/stream.mp4", timeout=20) as file:
                for _ in range(2):
                    self.assertEqual(rest.fetch(self.url + "cam/cam1/hls/index.m3u8").status, 200)
                    self.assertEqual(rest.fetch(self.url + "cam/cam1/snapshot.jpg").status, 200)
                self.assertEqual(file.read(8)[4:], b"ftyp")
                camera = rest.camera(self.url)
        self.assertEqual(camera["clients"], {"mse": 2, "mp4": 1, "hls": 1})
        text = rest.fetch(self.url + "metrics").body.decode()
        frames, encoded = (
            float(next(line for line in text.splitlines() if line.startswith(name)).rpartition(" ")[2])
            for name in ('camd_camera_frames_total{camera="cam1"}',
                         'camd_camera_encode_seconds_count{camera="cam1",codec="h264"}')
        )
        self.assertGreater(encoded, 30)
        self.assertLessEqual(encoded, frames)

    def test_one_that_does_not_read(self) -> None:
        """It costs the others nothing, and returns at a key frame."""
        wish = {"watch": {"channel": 1, "camera": "cam1", "codec": "h264", "bitrate": 20_000_000}}
        with WebSocket(self.url, path="/api/media", receive_buffer=4096) as slow:
            slow.send(wish)
            with WebSocket(self.url, path="/api/media") as quick:
                quick.send(wish)
                numbers: list[int] = []
                wait_for(lambda: self.read(quick, numbers) and self.dropped() > 0, 60, "a dropped picture")
                self.assertEqual(numbers, list(range(len(numbers))))
            pictures = [self.fragment(slow)]
            jumps: list[tuple[Any, ...]] = []
            while not jumps or pictures[-1][3] < jumps[0][3] + 90:  # and three seconds more
                pictures.append(self.fragment(slow))
                if pictures[-1][3] != pictures[-2][3] + 1:
                    jumps.append(pictures[-1])
            self.assertTrue(all(head[1] & 1 for head in jumps))

    def test_little_waits_for_a_slow_one(self) -> None:
        """What it has not read is not older than it has to be: megabytes in the kernel would be seconds."""
        with WebSocket(self.url, path="/api/media", receive_buffer=16384) as slow:
            slow.send({"watch": {"channel": 1, "camera": "cam1", "quality": 100}})
            wait_for(lambda: self.dropped() > 0, what="a dropped picture")
            size, expected = 0, 0
            while True:
                message = slow.receive_any()
                if isinstance(message, bytes):
                    if struct.unpack(">I", message[4:8])[0] != expected:
                        break
                    expected += 1
                    size += len(message)
            self.assertLess(size, 1_000_000)

    def read(self, socket: WebSocket, numbers: list[int]) -> bool:
        for _ in range(15):
            numbers.append(self.fragment(socket)[3])
        return True

    def fragment(self, socket: WebSocket) -> tuple[Any, ...]:
        while True:
            message = socket.receive_any()
            if isinstance(message, bytes) and message[0] == 3:
                return struct.unpack(">BBHId", message[:16])

    def dropped(self) -> int:
        return rest.camera(self.url)["drops"]["client"]


class PlayerTests(VideoCase):
    """FFmpeg, which plays what most programs play."""

    if not shutil.which("ffprobe"):
        skip = "needs ffprobe: apt install ffmpeg"

    def probe(self, path: str) -> dict[str, Any]:
        command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", self.url + path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(done.stderr, "")
        stream, = json.loads(done.stdout)["streams"]
        return stream

    def decoded(self, path: str, seconds: int) -> list[float]:
        """When each picture is to be shown; nothing may have been wrong with any."""
        command = ["ffmpeg", "-v", "error", "-t", str(seconds), "-i", self.url + path, "-fps_mode", "passthrough",
                   "-enc_time_base", "1/90000", "-f", "framecrc", "-"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(done.stderr, "")
        return [int(line.split(",")[2]) / 90000 for line in done.stdout.splitlines() if line[0] != "#"]

    def test_one_file(self) -> None:
        stream = self.probe("cam/cam1/stream.mp4")
        self.assertEqual((stream["codec_name"], stream["width"], stream["height"]), ("h264", 640, 360))
        times = self.decoded("cam/cam1/stream.mp4", 3)
        self.near(len(times), 90, 6)
        self.near(times[-1] - times[0], 3, 0.2)
        self.nobody_watches()

    def test_another_size_and_rate(self) -> None:
        stream = self.probe("cam/cam1/stream.mp4?size=320x240&fps=10&bitrate=200000")
        self.assertEqual((stream["width"], stream["height"]), (320, 180))
        self.near(len(self.decoded("cam/cam1/stream.mp4?size=320x240&fps=10", 3)), 30, 3)

    def test_hls(self) -> None:
        stream = self.probe("cam/cam1/hls/index.m3u8")
        self.assertEqual((stream["codec_name"], stream["width"], stream["height"]), ("h264", 640, 360))
        times = self.decoded("cam/cam1/hls/index.m3u8?rendition=sub", 5)
        self.near(times[-1] - times[0], 5, 0.3)
        self.near(len(times), 75, 8)  # sub has 15 a second
        self.nobody_watches()

    def test_hls_with_a_token(self) -> None:
        with Daemon(_CAMERAS, arguments=["--https", "off"], admin=True) as daemon:
            self.url = daemon.url
            self.assertEqual(rest.fetch(self.url + "cam/cam1/hls/index.m3u8").status, 401)
            times = self.decoded(f"cam/cam1/hls/index.m3u8?token={daemon.token}", 3)
        self.assertGreater(len(times), 60)


class BrowserTests(VideoCase):
    skip = MISSING

    def setUp(self) -> None:
        super().setUp()
        self.browser = Browser(800, 600)
        self.addCleanup(self.browser.close)
        self.browser.open(self.url + "health")

    def test_media_source(self) -> None:
        self.browser.driver.execute_script(_MSE)
        self.browser.wait("video.getVideoPlaybackQuality().totalVideoFrames > 15")
        before, start = self.shown(), time.monotonic()
        self.browser.wait(f"video.getVideoPlaybackQuality().totalVideoFrames > {before + 150}", timeout=20)
        rate = (self.shown() - before) / (time.monotonic() - start)
        played = self.browser.ask("played")
        self.assertEqual((played["problems"], played["lost"], played["cards"]), ([], 0, 0))
        self.assertEqual((played["types"], played["inits"]), (['video/mp4; codecs="avc1.42C01E"'], 1))
        self.near(rate, 30, 2)
        self.assertLess(statistics.median(played["delays"]), 0.3)
        self.complaints()

    def complaints(self) -> None:
        """There are none, but for a picture that this page does not have."""
        self.assertEqual([error for error in self.browser.errors() if "favicon" not in error], [])

    def shown(self) -> int:
        return self.browser.ask("video.getVideoPlaybackQuality().totalVideoFrames")

    def test_another_size_while_it_plays(self) -> None:
        self.browser.driver.execute_script(_MSE)
        self.browser.wait("video.videoWidth === 640")
        wish = {"watch": {"channel": 1, "camera": "cam1", "codec": "h264", "size": "320x240"}}
        self.browser.driver.execute_script("socket.send(arguments[0])", json.dumps(wish))
        self.browser.wait("video.videoWidth === 320")
        self.assertEqual(self.browser.ask("played.problems"), [])

    def test_a_camera_that_comes_and_goes(self) -> None:
        """The card is video in the same connection, whatever its size, and so is the picture afterwards."""
        clip = self.daemon.directory / "clip.mjpeg"
        self.browser.driver.execute_script('window.wish = {camera: "clip"};' + _MSE)
        self.browser.wait("played.cards > 1 && video.videoWidth", timeout=20)
        clip.write_bytes(b"".join(one.data for one in coded("mjpeg", 90, None, (320, 180))))
        self.browser.wait("played.pictures > played.cards + 15", timeout=20)
        self.browser.wait("video.videoWidth === 320 && video.currentTime > video.buffered.end(0) - 2")
        clip.write_bytes(b"")
        cards = self.browser.ask("played.cards")
        self.browser.wait(f"played.cards > {cards}", timeout=20)
        self.assertEqual(self.browser.ask("[played.problems, socket.readyState]"), [[], 1])

    def test_a_plain_video_element(self) -> None:
        self.play("cam/cam1/stream.mp4")

    def play(self, path: str) -> None:
        """Two seconds without a complaint, by nothing but an address."""
        self.browser.driver.execute_script(
            "const video = window.video = document.body.appendChild(document.createElement('video'));"
            "video.muted = true; video.src = arguments[0]; video.play();", self.url + path
        )
        self.browser.wait("video.getVideoPlaybackQuality().totalVideoFrames > 60", timeout=20)
        self.complaints()

    def test_hls_where_the_browser_plays_it(self) -> None:
        if not self.browser.ask("document.createElement('video').canPlayType('application/vnd.apple.mpegurl')"):
            raise SkipTest("this Chromium does not play HLS")
        self.play("cam/cam1/hls/index.m3u8")

    def test_a_grid(self) -> None:
        self.browser.driver.execute_script(_GRID)
        self.browser.wait("Math.min(...counts) > 10")
        before, start = self.browser.ask("counts"), time.monotonic()
        self.browser.wait(f"Math.min(...counts) > {min(before) + 50}", timeout=20)
        seconds, after = time.monotonic() - start, self.browser.ask("counts")
        for count, then in zip(after, before, strict=True):
            self.near((count - then) / seconds, 10, 1)
        self.assertEqual(self.browser.ask("broken"), 0)
        self.assertEqual(rest.camera(self.url)["drops"]["client"], 0)
