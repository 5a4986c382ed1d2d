"""RTSP with the players that people have, over every way there is, against a real daemon."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import islice, pairwise
from tempfile import TemporaryFile
from typing import Any
from urllib.request import Request, urlopen

import psutil
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from camd.wire.rtsp import METHODS

from .daemon import Daemon
from .rtsp_client import RtspClient
from .small_pictures import SMALL_PICTURE, SMALL_PICTURES
from .waiting import wait_for

_TOML = """
https = "tcp:0:interface=127.0.0.1"
auth.rate_limits = false
cameras.cam1 = {source = "test:", size = "640x360", fps = 30}
"""
_ARGUMENTS = ["--rtsp", "tcp:0:interface=127.0.0.1", "--rtsps", "tcp:0:interface=127.0.0.1"]
_VIDEO = re.compile(r"\b(rtsps?)://127\.0\.0\.1:(\d+)/cam1/main")
USER, WRONG = "admin", "not-the-password"
RATE = 30


class RtspDaemonCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = Daemon(_TOML, arguments=_ARGUMENTS, admin=True)
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.daemon.start()
        wait_for(lambda: len(_VIDEO.findall(self.daemon.log)) == 2)
        self.ports = {scheme: int(port) for scheme, port in _VIDEO.findall(self.daemon.log)}
        page = re.search(r"https://127\.0\.0\.1:(\d+)/", self.daemon.log)
        assert page is not None
        self.ports |= {"http": self.daemon.port, "https": int(page[1])}
        self.password = self.call("POST", "api/users/admin/device-password")["device_password"]

    def call(self, method: str, path: str, value: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.daemon.token}", "Content-Type": "application/json"}
        body = None if value is None else json.dumps(value).encode()
        try:
            with urlopen(Request(self.daemon.url + path, body, headers, method=method), timeout=20) as answer:
                return json.loads(answer.read() or "null")
        except OSError as error:
            raise AssertionError(f"{method} {path}: {error!r}\n{self.daemon.log}") from error

    def url(self, scheme: str = "rtsp", path: str = "cam1/main", login: bool = True, password: str = "",
            port: str = "") -> str:
        who = f"{USER}:{password or self.password}@" if login else ""
        return f"{scheme}://{who}127.0.0.1:{self.ports[port or scheme]}/{path}"

    def client(self, path: str = "cam1/main", **options: Any) -> RtspClient:
        url = f"rtsp://127.0.0.1:{self.ports['rtsp']}/{path}?token={self.daemon.token}"
        client = RtspClient(self.ports["rtsp"], url, **options)
        self.addCleanup(client.close)
        return client

    def is_healthy(self) -> None:
        self.assertNotIn("Traceback", self.daemon.log)
        with self.client() as client:
            client.play()

    def clients(self) -> int:
        """How many watch by RTSP, by the metrics."""
        request = Request(self.daemon.url + "metrics", headers={"Authorization": f"Bearer {self.daemon.token}"})
        with urlopen(request, timeout=20) as answer:
            found = re.search(rb'camd_clients\{kind="rtsp"\} (\d+)', answer.read())
        return int(found[1]) if found else 0


class Run:
    """A player that runs. `frames(output)` counts what it got; its complaints must be none."""

    def __init__(self, name: str, command: list[str], frames: Callable[[bytes], int]):
        self.name = name
        self.frames = frames
        # A pipe that nobody reads would make it wait, and lose what comes by UDP.
        self._output = TemporaryFile()  # noqa: SIM115
        self._child = subprocess.Popen(command, stdout=self._output, stderr=subprocess.PIPE, text=True,
                                       stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"})

    def result(self, timeout: float) -> tuple[int, str]:
        try:
            _, complaints = self._child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self._child.kill()
            _, complaints = self._child.communicate()
            complaints += "\nkilled: it took too long"
        if self._child.returncode and not complaints:
            complaints = f"exit code {self._child.returncode}"
        with self._output:
            self._output.seek(0)
            return self.frames(self._output.read()), complaints


def _frames(output: bytes) -> int:
    return sum(not line.startswith(b"#") for line in output.splitlines())


class PlayersTests(RtspDaemonCase):
    """Each plays for so many seconds, all at the same time. Nothing is lost, and nothing is broken."""

    seconds = 5
    timeout = 120

    @property
    def count(self) -> int:
        return self.seconds * RATE

    def ffmpeg(self, name: str, transport: str, url: str) -> Run:
        return Run(f"ffmpeg {name}", ["ffmpeg", "-hide_banner", "-loglevel", "warning", "-rtsp_transport", transport,
                                      "-i", url, "-frames:v", str(self.count), "-f", "framemd5", "-"], _frames)

    def gstreamer(self, name: str, protocols: str, url: str) -> Run:
        return Run(f"gstreamer {name}", [
            "gst-launch-1.0", "-q", "rtspsrc", f"location={url}", f"protocols={protocols}", f"user-id={USER}",
            f"user-pw={self.password}", "tls-validation-flags=0", "latency=1000", "!", "decodebin", "!",
            "identity", f"eos-after={self.count + 1}", "!", *SMALL_PICTURES, "!", "fdsink"],
            lambda output: len(output) // SMALL_PICTURE)

    def check(self, runs: list[Run]) -> None:
        for run in runs:
            frames, complaints = run.result(self.seconds + 40)
            self.assertEqual((frames, complaints), (self.count, ""), run.name)
        wait_for(lambda: self.clients() == 0)
        self.assertNotIn("Traceback", self.daemon.log)

    def test_ffmpeg(self) -> None:
        if shutil.which("ffmpeg") is None:
            raise SkipTest("needs ffmpeg")
        self.check([
            self.ffmpeg("tcp", "tcp", self.url()),
            self.ffmpeg("udp", "udp", self.url()),
            self.ffmpeg("tunnel", "http", self.url()),
            self.ffmpeg("tunnel on the web port", "http", self.url(port="http")),
            self.ffmpeg("tunnel on the encrypted web port", "https", self.url(port="https")),
            self.ffmpeg("rtsps", "tcp", self.url("rtsps")),
            self.ffmpeg("jpeg", "udp", self.url(path="cam1/main?codec=mjpeg")),
        ])  # fmt: skip

    def test_gstreamer(self) -> None:
        if shutil.which("gst-launch-1.0") is None:
            raise SkipTest("needs GStreamer")
        plain = {"login": False}
        self.check([
            self.gstreamer("tcp", "tcp", self.url(**plain)),
            self.gstreamer("udp", "udp", self.url(**plain)),
            self.gstreamer("tunnel", "tcp", self.url("rtsph", port="rtsp", **plain)),
            self.gstreamer("tunnel on the web port", "tcp", self.url("rtsph", port="http", **plain)),
            self.gstreamer("rtsps", "tcp+tls", self.url("rtsps", **plain)),
        ])  # fmt: skip

    def test_pyav(self) -> None:
        import av

        for transport in ("tcp", "udp"):
            options = {"rtsp_transport": transport}
            before = self.left_out()
            with av.open(self.url(), options=options, timeout=20) as container:
                frames = list(islice(container.decode(video=0), self.count))
            self.assertFalse(any(frame.is_corrupt for frame in frames), transport)
            self.assertEqual(frames[1].time_base, Fraction(1, 90000))
            times = [frame.pts for frame in frames[1:]]  # FFmpeg gives the first one none
            gaps = Counter(round((b - a) * RATE / 90000, 3) for a, b in pairwise(times))
            missing = sum((gap - 1) * count for gap, count in gaps.items())
            self.assertEqual([gap for gap in gaps if gap != round(gap)], [], "they are whole intervals of the camera")
            self.assertLessEqual(missing, self.left_out() - before, f"{transport}: {gaps}")

    def left_out(self) -> int:
        """Pictures that never came to be sent, as on a computer that is busy with something else."""
        drops, = (one["drops"] for one in self.call("GET", "api/status")["cameras"] if one["id"] == "cam1")
        return drops["device"] + drops["capture"] + drops["processing"]

    def test_ffprobe(self) -> None:
        if shutil.which("ffprobe") is None:
            raise SkipTest("needs ffmpeg")
        for path, codec, size in (("cam1", "h264", "640,360"), ("stream1", "h264", "640,360"),
                                  ("cam1?resolution=320x180&fps=10&bitrate=200000", "h264", "320,180"),
                                  ("cam1/sub?codec=mjpeg&resolution=256x256", "mjpeg", "256,144")):  # fmt: skip
            done = subprocess.run(
                ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name,width,height",
                 "-of", "csv=p=0", self.url(path=path)], capture_output=True, text=True, timeout=40, check=False,
            )  # fmt: skip
            self.assertEqual((done.stdout.strip(), done.stderr), (f"{codec},{size}", ""), path)

    def test_a_wrong_password_is_refused(self) -> None:
        if shutil.which("ffmpeg") is None:
            raise SkipTest("needs ffmpeg")
        done = subprocess.run(["ffprobe", "-v", "error", self.url(password=WRONG)], capture_output=True, text=True,
                              timeout=40, check=False)
        self.assertIn("401 Unauthorized", done.stderr)


class ServerTests(RtspDaemonCase):
    timeout = 120

    def test_pause_and_play(self) -> None:
        with self.client() as client:
            begin = time.monotonic()
            client.play()
            while not client.units:
                client._more()
                client._take_packets()
            self.assertLess(time.monotonic() - begin, 2.0)
            self.assertEqual(client.ask("PAUSE", Session=client.session)[0], 200)
            before = client.units
            self.assertEqual(self.clients(), 0)
            self.assertEqual(client.ask("GET_PARAMETER", Session=client.session)[0], 200)
            self.assertEqual(client.units, before)
            self.assertEqual(client.ask("PLAY", Session=client.session)[0], 200)
            client.read()
            wait_for(lambda: client.units > before + 10)
            self.assertTrue(all(client.after_gaps), "it goes on with a key frame")
            wait_for(lambda: client.reports >= 3, 15)

    def test_malformed_requests_and_who_leaves(self) -> None:
        """A thousand, and two hundred that leave in the middle, while somebody plays."""
        player = self.client()
        player.play()
        player.read()
        chance = random.Random(3)
        whole = [f"{method} rtsp://x/cam1/main?token={self.daemon.token} RTSP/1.0\r\nCSeq: 1\r\n"
                 f"Transport: RTP/AVP/TCP\r\n\r\n".encode() for method in METHODS]
        for _ in range(1000):
            data = bytearray(chance.choice(whole) * chance.randint(1, 3))
            for _ in range(chance.randint(1, 5)):
                at = chance.randrange(len(data))
                data[at : at + chance.randint(0, 9)] = chance.randbytes(chance.randint(0, 9))
            with socket.create_connection(("127.0.0.1", self.ports["rtsp"])) as connection:
                connection.settimeout(20)
                with contextlib.suppress(ConnectionError):  # closed with something unread
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
        for number in range(200):
            client = self.client()
            if number % 2:
                client.play()
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
            client.socket.close()
        wait_for(lambda: self.clients() == 1)
        self.assertEqual((player.ended, player.gaps), (False, 0))
        self.is_healthy()

    def test_a_new_certificate_is_seen_at_once(self) -> None:
        before = ssl.get_server_certificate(("127.0.0.1", self.ports["rtsps"]))
        self.call("DELETE", "api/certificate")
        wait_for(lambda: ssl.get_server_certificate(("127.0.0.1", self.ports["rtsps"])) != before)


class MovingTests(SynchronousTestCase):
    timeout = 60

    def test_the_port_moves(self) -> None:
        """Who plays goes on."""
        first, second = _free_port(), _free_port()
        toml = _TOML.replace("tcp:0:interface=127.0.0.1", "off") + "auth.guest = ['Media_r', 'System_rw']\n"
        daemon = Daemon(f'rtsp = "tcp:{first}:interface=127.0.0.1"\nrtsps = "off"\n{toml}', admin=True)
        self.addCleanup(daemon.remove)
        self.addCleanup(daemon.stop)
        daemon.start()
        with RtspClient(first, f"rtsp://127.0.0.1:{first}/cam1") as player:
            player.play()
            player.read()
            body = json.dumps({"rtsp": f"tcp:{second}:interface=127.0.0.1"}).encode()
            headers = {"Authorization": f"Bearer {daemon.token}", "Content-Type": "application/json"}
            urlopen(Request(daemon.url + "api/config/general", body, headers, method="PATCH"), timeout=20).close()
            before = player.units
            wait_for(lambda: player.units > before + 10)
            self.assertEqual(player.gaps, 0)
            self.assertRaises(ConnectionRefusedError, RtspClient, first, "")
            with RtspClient(second, f"rtsp://127.0.0.1:{second}/cam1") as other:
                other.play()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class ReadersTests(RtspDaemonCase):
    """Ten, of which three stop to read for a while."""

    timeout = 180
    seconds = 10.0
    growth = 8e6

    def test_the_others_lose_nothing(self) -> None:
        self.call("PATCH", "api/state", {"cameras/cam1/main/bitrate": 6_000_000})
        clients = [self.client("cam1/main", receive_buffer=16384) for _ in range(10)]
        for client in clients:
            client.play()
            client.read()
        readers, stalled = clients[3:], clients[:3]
        wait_for(lambda: all(client.units > 30 for client in clients), 20)
        memory = psutil.Process(self.daemon.pid)
        before = memory.memory_info().rss
        for client in stalled:
            client.hold()
        begun = [client.units for client in readers]
        time.sleep(self.seconds)
        grown = memory.memory_info().rss - before
        got = [client.units - at for client, at in zip(readers, begun, strict=True)]
        for client in stalled:
            client.go_on()
        wait_for(lambda: all(client.gaps for client in stalled), 20)
        self.assertLess(grown, self.growth)
        self.assertEqual([client.gaps for client in readers], [0] * 7)
        self.assertGreater(min(got), self.seconds * RATE * 0.8)
        self.assertLess(max(got) - min(got), 10)
        self.assertTrue(all(all(client.after_gaps) for client in stalled), "each goes on at a key frame")
        resumed = [client.units for client in stalled]
        wait_for(lambda: all(client.units > at + 30 for client, at in zip(stalled, resumed, strict=True)), 20)
