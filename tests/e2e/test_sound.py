"""Sound over RTSP with the players that people have: the test camera beeps at each full second."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections import Counter
from itertools import pairwise
from statistics import median
from threading import Thread
from typing import Any
from urllib.request import urlopen

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from camd.media.sound import RATE
from camd.sources.scene import read_timecode

from .daemon import Daemon
from .rtsp_client import RtspClient
from .small_pictures import SMALL_PICTURE, SMALL_PICTURES
from .waiting import wait_for

_TOML = """
cameras.cam1 = {source = "test:", size = "640x360", fps = 30, sound = "test:"}
cameras.cam2 = {source = "test:", size = "320x240", fps = 30}
"""
#: A beep may be heard so much before or after the picture of its second (seconds).
TOGETHER = 0.040
SECONDS = 3.5


class Heard:
    """What one player got: times of the packets of both tracks, and when the beeps were, on CLOCK_MONOTONIC."""

    def __init__(self, url: str, transport: str):
        self.transport = transport
        self.pictures: list[float] = []
        self.sound: list[float] = []
        self.beeps: list[float] = []
        self.error: Exception | None = None
        self._url = url
        self._thread = Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(30)
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        import av

        try:
            with av.open(self._url, options={"rtsp_transport": self.transport}, timeout=10) as container:
                self._listen(container)
        except av.FFmpegError as error:
            self.error = error

    def _listen(self, container: Any) -> None:
        import numpy

        clock, loud, last = [], [], -1.0
        end = time.monotonic() + SECONDS
        for packet in container.demux():
            if packet.pts is not None:
                into = self.pictures if packet.stream.type == "video" else self.sound
                into.append(float(packet.pts * packet.time_base))
            for frame in packet.decode():
                if frame.pts is None:
                    continue
                begin = float(frame.pts * frame.time_base)
                if packet.stream.type == "video":
                    if len(self.pictures) % 10 == 0:
                        clock.append(read_timecode(frame.to_ndarray(format="gray")) / 1e6 - begin)
                    continue
                for index in numpy.nonzero(abs(frame.to_ndarray()[0]) > 0.05)[0]:
                    at = begin + index / RATE
                    if at - last > 0.5 and at > self.sound[0] + 0.2:  # not one that began before
                        loud.append(at)
                    last = at
            if time.monotonic() > end:
                break
        self.beeps = [at + median(clock) for at in loud]


class Listener(RtspClient):
    """Counts what comes by channel."""

    def __init__(self, port: int, url: str):
        super().__init__(port, url)
        self.channels: Counter[int] = Counter()

    def more(self) -> None:
        self._more()
        self._take_packets()

    def _take_packets(self) -> None:
        buffer = self._buffer
        while len(buffer) >= 4 and buffer[0] == 0x24 and len(buffer) >= 4 + int.from_bytes(buffer[2:4], "big"):
            self.channels[buffer[1]] += 1
            buffer = buffer[4 + int.from_bytes(buffer[2:4], "big") :]
        self._buffer = buffer


class SoundTests(SynchronousTestCase):
    def setUp(self) -> None:
        arguments = ["--rtsp", "tcp:0:interface=127.0.0.1"]
        self.daemon = Daemon(_TOML, arguments=arguments, everyone=True)
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.daemon.start()
        found = wait_for(lambda: re.search(r"\brtsp://127\.0\.0\.1:(\d+)/cam1/main", self.daemon.log))
        self.rtsp = f"rtsp://127.0.0.1:{found[1]}/"

    def state(self, name: str) -> Any:
        with urlopen(f"{self.daemon.url}api/state/{name}", timeout=20) as answer:
            return json.loads(answer.read())["value"]

    def test_pictures_and_sound_together(self) -> None:
        """Over TCP and UDP at the same time: no frame is missing, and each beep is at its full second."""
        self.assertEqual(self.state("cameras/cam1/sound/status"), "idle")
        players = [Heard(self.rtsp + "cam1/main", transport) for transport in ("tcp", "udp")]
        players.append(Heard(self.rtsp + "cam1/sub", "tcp"))
        wait_for(lambda: self.state("cameras/cam1/sound/status") == "on")
        ahead = time.time() - time.monotonic()
        for player in players:
            player.join()
            self.assertGreater(len(player.pictures), 30)
            self.assertGreater(len(player.sound), (SECONDS - 2) * RATE / 1024)
            for before, after in pairwise(player.sound):
                self.assertApproximates(after - before, 1024 / RATE, 0.001)
            self.assertGreater(len(player.beeps), 0)
            for beep in player.beeps:
                self.assertApproximates((beep + ahead + 0.5) % 1, 0.5, TOGETHER)
        with urlopen(self.daemon.url + "metrics", timeout=20) as answer:
            metrics = answer.read().decode()
        blocks = re.search(r'camd_sound_blocks_total\{camera="cam1"\} (\d+)', metrics)
        self.assertGreater(int(blocks[1]), 50)
        self.assertNotIn('camd_sound_blocks_total{camera="cam2"}', metrics)
        self.assertNotIn("Traceback", self.daemon.log)

    def test_gstreamer(self) -> None:
        if shutil.which("gst-launch-1.0") is None:
            raise SkipTest("needs GStreamer")
        count = 60
        files = {media: self.daemon.directory / media for media in ("video", "audio")}
        command = ["gst-launch-1.0", "-q", "rtspsrc", f"location={self.rtsp}cam1/main", "protocols=tcp", "name=s"]
        for media, ending in (("video", SMALL_PICTURES), ("audio", ["identity", f"eos-after={count + 1}"])):
            command += ["s.", "!", f"application/x-rtp,media={media}", "!", "decodebin", "!", *ending, "!",
                        "filesink", f"location={files[media]}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(files["audio"].stat().st_size, count * 1024 * 4)  # bytes of a sample, as it decodes AAC
        self.assertGreaterEqual(files["video"].stat().st_size // SMALL_PICTURE, count // 2)

    def test_pause_and_play(self) -> None:
        """Both tracks stand still and go on together, under the numbers that they had."""
        client = Listener(int(self.rtsp.rpartition(":")[2].rstrip("/")), f"{self.rtsp}cam1/main")
        self.addCleanup(client.close)
        self.assertEqual(client.ask("DESCRIBE")[0], 200)
        for track, channels in enumerate(("0-1", "2-3")):
            client.url = f"{self.rtsp}cam1/main/trackID={track}"
            session = {"Session": client.session} if client.session else {}
            status, headers, _ = client.ask("SETUP", Transport=f"RTP/AVP/TCP;unicast;interleaved={channels}", **session)
            self.assertEqual(status, 200)
            client.session = headers["session"].partition(";")[0]
        client.url = f"{self.rtsp}cam1/main/"
        for _ in range(2):
            status, headers, _ = client.ask("PLAY", Session=client.session)
            self.assertEqual((status, headers["rtp-info"].count("rtptime=")), (200, 2))
            client.channels.clear()
            while min(client.channels[0], client.channels[2]) < 30:
                client.more()
            self.assertEqual(client.ask("PAUSE", Session=client.session)[0], 200)
            client.channels.clear()
            self.assertEqual(client.ask("GET_PARAMETER", Session=client.session)[0], 200)
            self.assertEqual(client.channels, Counter())
        self.assertEqual(client.ask("TEARDOWN", Session=client.session)[0], 200)

    def test_the_description(self) -> None:
        if shutil.which("ffprobe") is None:
            raise SkipTest("needs ffprobe")
        for camera, codecs in (("cam1", ["h264", "aac"]), ("cam2", ["h264"])):
            done = subprocess.run(
                ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name",
                 "-of", "csv=p=0", f"{self.rtsp}{camera}/main"],
                capture_output=True, text=True, timeout=30, check=False,
            )  # fmt: skip
            self.assertEqual((done.stdout.split(), done.stderr), (codecs, ""))
