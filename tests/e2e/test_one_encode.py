"""One camera watched in every way there is at the same time: every picture is encoded once, or never."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from . import rest
from .daemon import ROOT, Daemon
from .waiting import wait_for

SECONDS = 5
_VIDEO = re.compile(r"\brtsp://127\.0\.0\.1:(\d+)/cam1/main")


class OneEncodeTests(SynchronousTestCase):
    timeout = 120

    def start(self, source: str) -> None:
        toml = f'https = "off"\n[cameras.cam1]\nsource = "{source}"\n'
        self.daemon = Daemon(toml, arguments=["--rtsp", "tcp:0:interface=127.0.0.1"], everyone=True)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        wait_for(lambda: _VIDEO.search(self.daemon.log), what="RTSP is open")
        self.camera_url = f"{self.daemon.url}cam/cam1/"
        self.rtsp = f"rtsp://127.0.0.1:{_VIDEO.search(self.daemon.log)[1]}/cam1/main"

    def watch(self, *command: str) -> None:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
        )
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)

    def watch_in_every_way(self) -> None:
        for url in (self.rtsp, self.camera_url + "hls/index.m3u8", self.camera_url + "stream.mp4"):
            self.watch("ffmpeg", "-v", "error", "-i", url, "-c", "copy", "-f", "null", "-")
        self.watch("curl", "-s", "-N", self.camera_url + "stream.mjpg")
        self.watch(sys.executable, "-m", "tests.e2e.webrtc_client", self.camera_url + "whep")
        done = threading.Event()

        def take_snapshots() -> None:
            while not done.is_set():
                rest.fetch(self.camera_url + "snapshot.jpg?max_age=0")

        taking = threading.Thread(target=take_snapshots, daemon=True)
        taking.start()
        self.addCleanup(taking.join)
        self.addCleanup(done.set)
        wanted = {"rtsp", "hls", "mp4", "mjpeg", "webrtc"}
        wait_for(lambda: wanted <= self.camera()["clients"].keys(), 30, what=f"all of {wanted} watch")

    def camera(self) -> dict:
        return rest.status(self.daemon.url)["camera"]

    def count(self) -> tuple[int, dict[str, int]]:
        """Pictures that came, and those encoded by codec, within some seconds of everybody watching."""
        before = self.camera()
        wait_for(lambda: self.camera()["frames"] >= before["frames"] + 30 * SECONDS, 60, what="pictures")
        after = self.camera()
        encoded = {codec: count - before["encoded"].get(codec, 0) for codec, count in after["encoded"].items()}
        return after["frames"] - before["frames"], encoded

    def test_a_camera_without_video_is_encoded_once(self) -> None:
        self.start("test:")
        self.watch_in_every_way()
        frames, encoded = self.count()
        self.assertLessEqual(encoded["h264"], frames + 1)
        self.assertGreater(encoded["h264"], frames / 2)
        self.assertLessEqual(encoded["mjpeg"], frames + 1)

    def test_video_of_the_camera_is_never_encoded(self) -> None:
        film = Path(self.mktemp()).absolute().with_suffix(".mp4")
        command = "ffmpeg -v error -f lavfi -i testsrc=size=640x360:rate=30 -t 4 -c:v libx264 -bf 0 -g 30 -pix_fmt yuv420p"
        subprocess.run([*command.split(), "-profile:v", "baseline", str(film)], check=True)
        self.start(f"file:{film}")
        self.watch_in_every_way()
        frames, encoded = self.count()
        self.assertEqual(encoded.keys() - {"mjpeg"}, set())
        self.assertLessEqual(encoded.get("mjpeg", 0), frames + 1)
        self.assertEqual(self.camera()["outputs"]["h264"], "pass-through")
