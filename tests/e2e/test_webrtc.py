"""Cameras over WebRTC: in Chromium, and with a client in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import av
import numpy
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from . import rest
from .browser import MISSING, Browser
from .client import Client
from .daemon import ROOT, Daemon
from .fakecam import FakeCamera
from .waiting import wait_for

try:
    import aiortc
except ImportError:
    aiortc = None

TEST_CAMERA = '[cameras.cam1]\nsource = "test:"\n'
PLAYER = "".join(Path(__file__).with_name(name).read_text() for name in ("strip.js", "whep.js"))
WINDOW = 5.0
#: Seconds within which a viewer that is gone without a word is noticed.
NOTICED = 30.0


class Viewer:
    """A viewer in a process of its own; what it said is in `said`."""

    def __init__(self, url: str):
        command = [sys.executable, "-m", "tests.e2e.webrtc_client", url]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.said: list[dict[str, Any]] = []
        self.noise: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def newest(self, key: str) -> Any:
        return next((line[key] for line in reversed(self.said) if key in line), None)

    def pictures(self) -> list[dict[str, Any]]:
        return [line for line in tuple(self.said) if "pictures" in line]

    def wait(self, pictures: int, timeout: float = 20.0) -> None:
        try:
            wait_for(lambda: (self.newest("pictures") or 0) >= pictures, timeout, "pictures")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.said[-3:]} {self.noise[-5:]}") from None

    def leave(self) -> None:
        if self.child.stdin is not None and not self.child.stdin.closed:
            self.child.stdin.close()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
        self._end()

    def kill(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def _end(self) -> None:
        self._reader.join(5)
        self.child.stdout.close()

    def _read(self) -> None:
        for line in self.child.stdout:
            try:
                self.said.append(json.loads(line))
            except ValueError:
                self.noise.append(line)


def one_camera() -> Daemon:
    return Daemon(TEST_CAMERA, arguments=("--https", "off"), everyone=True)


class WebRtcCase(SynchronousTestCase):
    timeout = 180

    def setUp(self) -> None:
        if aiortc is None:
            raise SkipTest("needs aiortc: pip install 'camd[webrtc]'")

    def start(self, daemon: Daemon) -> Daemon:
        daemon.start()
        self.addCleanup(daemon.remove)
        self.addCleanup(daemon.stop)
        self.daemon = daemon
        return daemon

    def view(self, path: str = "cam/cam1/whep") -> Viewer:
        viewer = Viewer(self.daemon.url + path)
        self.addCleanup(viewer.leave)
        return viewer

    def values(self, *names: str) -> Any:
        values = rest.ask(self.daemon.url, {"get": list(names)})["values"]
        return values[names[0]] if len(names) == 1 else values

    def viewers(self) -> int:
        return self.values("webrtc/viewers")

    def clients(self) -> int:
        return rest.camera(self.daemon.url)["clients"].get("webrtc", 0)

    def child(self) -> int | None:
        """The process id of the daemon's WebRTC process, None while there is none."""
        for task in Path(f"/proc/{self.daemon.pid}/task").iterdir():
            for pid in (task / "children").read_text().split():
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"camd_plugins.webrtc.child" in command:
                    return int(pid)
        return None

    def sockets(self) -> int:
        """Open UDP sockets and others of the WebRTC process."""
        folder = Path(f"/proc/{self.child()}/fd")
        return sum(os.readlink(entry).startswith("socket:") for entry in folder.iterdir())


class ProcessTests(WebRtcCase):
    """With a client that is no browser."""

    def test_viewers_come_and_go(self) -> None:
        self.start(one_camera())
        self.assertIsNone(self.child())
        first = self.view()
        first.wait(61)
        self.assertIn("profile-level-id=42", first.newest("sdp"))
        pictures = first.pictures()
        self.assertEqual((pictures[-1]["width"], pictures[-1]["height"]), (1280, 720))
        self.assertLess(statistics.median(one["delay"] for one in pictures[2:]), 0.5)
        idle = self.sockets()
        second, third = self.view(), self.view()
        second.wait(31)
        third.wait(31)
        self.assertEqual((self.viewers(), self.clients()), (3, 1))
        second.leave()
        wait_for(lambda: self.viewers() == 2, 5, "a viewer that says goodbye")
        self.assertEqual(Client(self.daemon.url)("DELETE", third.newest("session")).status, 200)
        self.assertEqual(self.viewers(), 1)
        wait_for(lambda: third.newest("state") == "closed", 10, f"the end is heard: {third.said[-2:]}")
        wait_for(lambda: self.sockets() == idle, 5, "their sockets are closed")
        before = first.newest("pictures")
        first.wait(before + 20)
        first.kill()
        wait_for(lambda: self.viewers() == 0, NOTICED, "a viewer that is gone without a word")
        wait_for(lambda: self.clients() == 0, 5)
        wait_for(lambda: self.sockets() < idle, 5)
        pid = self.child()
        self.daemon.stop()
        self.assertFalse(Path(f"/proc/{pid}").exists())
        self.assertNotIn("webrtc", self.daemon.log.lower())

    def test_a_key_frame_is_asked_for(self) -> None:
        self.start(one_camera())
        rest.ask(self.daemon.url, {"cameras/cam1/main/key_interval": 60.0})
        viewer = self.view()
        viewer.wait(61)
        before = viewer.newest("key")
        self.assertLess(before, 31)
        viewer.child.stdin.write("\n")
        viewer.child.stdin.flush()
        wait_for(lambda: viewer.newest("key") > before, 3, "a key frame")

    def test_the_process_dies(self) -> None:
        self.start(one_camera())
        first = self.view()
        first.wait(11)
        os.kill(self.child(), signal.SIGKILL)
        wait_for(lambda: self.viewers() == 0, 5)
        self.assertEqual(self.values("webrtc/restarts"), 1)
        second = self.view()
        second.wait(31)
        self.assertEqual((self.viewers(), self.clients()), (1, 1))
        self.assertIn("the WebRTC process has ended", self.daemon.log)

    def test_ports_and_addresses(self) -> None:
        self.start(one_camera())
        rest.ask(self.daemon.url, {"webrtc/port_min": 42100, "webrtc/port_max": 42119,
                                   "webrtc/addresses": ["203.0.113.7"]})  # fmt: skip
        viewers = [self.view(), self.view()]
        for viewer in viewers:
            viewer.wait(11)
            found = re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", viewer.newest("sdp"))
            self.assertTrue(found)
            self.assertTrue(all(42100 <= int(port) <= 42119 for _, port in found), found)
            self.assertIn("203.0.113.7", dict(found))
        self.assertNotIn("stun", viewers[0].newest("sdp"))

    def test_offers_that_are_none(self) -> None:
        self.start(one_camera())
        ask = Client(self.daemon.url)
        begin = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
        video = begin + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\n"
        for sdp in (
            "",
            "x",
            "v=0\r\n",
            "m=video\r\n",
            video,
            video + "a=rtpmap:96 VP8/90000\r\na=ice-ufrag:abcd\r\n",
            "v=0\r\nm=audio 9 X 0\r\n",
            "m=video 9 UDP 99999999999999999999\r\na=fmtp:x\r\n",
        ):
            answer = ask("POST", "/api/webrtc/offer", {"type": "offer", "sdp": sdp})
            self.assertEqual(answer.status, 400, (sdp, answer.body))
        self.assertEqual((self.viewers(), self.values("webrtc/restarts")), (0, 0))
        self.assertNotIn("webrtc", self.daemon.log.lower())


def film(folder: Path, **options: str) -> str:
    """The configuration of a camera that shows two seconds of H.264 from a file. options: of x264."""
    path = folder / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 30, {"preset": "veryfast", "g": "30", **options})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(60):
            image = numpy.full((360, 640, 3), 90, numpy.uint8)
            image[:, number * 10 : number * 10 + 40] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
        container.mux(stream.encode(None))
    return f'[cameras.cam1]\nsource = "file:{path}"\n'


class OwnVideoTests(WebRtcCase):
    """Cameras that give H.264 themselves, and cameras that give nothing."""

    def film(self, **options: str) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.start(Daemon(film(folder, **options), arguments=("--https", "off"), everyone=True))

    def encodes(self) -> int:
        return rest.camera(self.daemon.url)["encoded"].get("h264", 0)

    def test_passed_through(self) -> None:
        self.film(profile="baseline")
        viewer = self.view()
        viewer.wait(61)
        picture = viewer.pictures()[-1]
        self.assertEqual((picture["width"], picture["height"]), (640, 360))
        self.assertEqual(self.encodes(), 0, rest.camera(self.daemon.url))

    def test_another_profile_than_the_viewer_plays(self) -> None:
        self.film(profile="high", bf="0")
        viewer = self.view()
        viewer.wait(31)
        self.assertIn("profile-level-id=42", viewer.newest("sdp"))
        self.assertEqual(self.clients(), 1)
        self.assertGreater(self.encodes(), 30)

    def test_b_pictures(self) -> None:
        self.film(profile="main", bf="2")
        viewer = self.view()
        viewer.wait(31)
        self.assertGreater(self.encodes(), 30)

    def test_a_camera_that_is_away(self) -> None:
        config = '[cameras.cam1]\nsource = "v4l2:/dev/video99"\n'
        self.start(Daemon(config, arguments=("--https", "off"), everyone=True))
        viewer = self.view()
        viewer.wait(1)
        self.assertEqual(viewer.newest("width"), 1280)

    def test_unplugged_and_plugged_in_again(self) -> None:
        camera = FakeCamera("/dev/video0=yuyv:640x480")
        self.start(camera.daemon())
        viewer = self.view()
        viewer.wait(31)
        live = statistics.median(one["light"] for one in viewer.pictures())
        camera.fault("unplug")
        wait_for(lambda: abs(viewer.newest("light") - live) > 15, 15, "a card")
        camera.fault("")
        count = viewer.newest("pictures")
        wait_for(lambda: viewer.newest("pictures") > count + 30, 20, "pictures again")
        self.assertLess(abs(viewer.newest("light") - live), 15)
        self.assertEqual((viewer.newest("state"), self.viewers()), ("connected", 1))


class BrowserTests(WebRtcCase):
    """Chromium, with a player of a few lines."""

    if MISSING:
        skip = MISSING

    def setUp(self) -> None:
        super().setUp()
        self.browser = Browser()
        self.addCleanup(self.browser.close)

    def play(self, number: int = 0, path: str = "/cam/cam1/whep") -> None:
        if not number:
            self.browser.open(self.daemon.url + "health")  # a page of ours that shows no pictures
        self.browser.driver.execute_script(PLAYER, path, number)
        self.browser.wait(
            "players[arguments[0]].frames > 0 || players[arguments[0]].error", number, timeout=20
        )
        self.assertEqual(self.browser.ask("players[arguments[0]].error", number), "")

    def shown(self, number: int = 0) -> tuple[int, float]:
        """Pictures so far, and when (seconds)."""
        count, now = self.browser.ask(
            "[players[arguments[0]].video.getVideoPlaybackQuality().totalVideoFrames, performance.now()]",
            number,
        )
        return count, now / 1000

    def delays(self, number: int = 0) -> list[float]:
        """Seconds from the test camera's clock in the picture to the moment at which it is shown."""
        codes = self.browser.ask("players[arguments[0]].codes.splice(0)", number)
        origin = self.browser.ask("performance.timeOrigin") / 1000 - (time.time() - time.monotonic())
        return sorted(origin + shown / 1000 - int(code) / 1e6 for code, shown in codes)

    def test_it_plays(self) -> None:
        self.start(one_camera())
        self.play()
        first = self.browser.ask("players[0].first") / 1000
        self.assertLess(first, 5.0)
        time.sleep(1.0)  # until the jitter buffer has settled
        self.delays()
        count, begun = self.shown()
        time.sleep(WINDOW)
        later, ended = self.shown()
        fps = (later - count) / (ended - begun)
        delays = self.delays()
        p50, p95 = statistics.median(delays), delays[int(len(delays) * 0.95)]
        seen = f"first picture after {first:.2f} s, {fps:.1f} fps, delay p50 {p50:.3f} p95 {p95:.3f} s"
        self.assertGreater(fps, 27.0, seen)
        self.assertLess(p50, 0.25, seen)  # 0.15 with nothing else running
        for number in (1, 2):
            self.play(number)
        self.browser.wait("players.every((player) => player.frames > 30)")
        self.assertEqual((self.viewers(), self.clients()), (3, 1))
        session = self.browser.ask("players[1].session")
        self.browser.driver.execute_script("fetch(arguments[0], { method: 'DELETE' })", session)
        wait_for(lambda: self.viewers() == 2, 5)
        self.browser.driver.execute_script("players[2].peer.close()")
        wait_for(lambda: self.viewers() == 1, 5, "a browser that says goodbye")
        self.browser.open("about:blank")
        wait_for(lambda: (self.viewers(), self.clients()) == (0, 0), NOTICED)

    def test_the_source_dies_and_comes_back(self) -> None:
        camera = FakeCamera("/dev/video0=yuyv:1280x720")
        camera.environment["FAKECAM_TIMECODE"] = "1"
        self.start(camera.daemon())
        self.play()
        wait_for(lambda: abs((self.delays() or [9])[-1]) < 1, 10, "live pictures")
        camera.fault("unplug")
        wait_for(lambda: abs((self.delays() or [0])[-1]) > 60, 15, "the card")
        camera.fault("")
        wait_for(lambda: abs((self.delays() or [9])[-1]) < 1, 20, "live pictures again")
        self.assertEqual(
            self.browser.ask("[players[0].peer.connectionState, players.length]"), ["connected", 1]
        )
        self.assertEqual(self.viewers(), 1)

    def test_any_profile_goes_untouched(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.start(Daemon(film(folder, profile="high", bf="0"), arguments=("--https", "off"), everyone=True))
        self.play()
        self.browser.wait("players[0].frames > 30 && players[0].width === 640")
        self.assertEqual(rest.camera(self.daemon.url)["encoded"].get("h264", 0), 0)
