"""A real camd with V4L2 cameras, whose wall clock is set while it records: what its index says then."""

from __future__ import annotations

import json
import random
import re
import socket
import struct
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.test_record_day import BERLIN, CHANGE
from tests.timeline import Timeline

from . import rest
from .daemon import Daemon
from .fakecam import FakeCamera, workshop
from .test_recording import RecordingCase, make_clip
from .waiting import wait_for

CAMERAS = ("one", "two")
TOML = """
[cameras.one]
source = "v4l2:/dev/video0"
[cameras.two]
source = "v4l2:/dev/video1"
format = "h264"
"""
#: The wall clock is set by so much (seconds).
STEPS = (90.0, -45.0, 3600.0, -5.0, 7.5, -3600.0)
#: Between two pictures of the slower camera (seconds).
INTERVAL = 1 / 10


class SetClockTests(RecordingCase):
    """Summer ends in Berlin meanwhile, cameras are unplugged, and viewers come and go."""

    unplugged = 2
    steps = 2
    seed = 3
    timeout = 120

    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        clip = make_clip(folder)
        film = folder / "film.h264"
        command = f"ffmpeg -v error -i {clip} -c copy -bsf:v h264_mp4toannexb -y {film}"
        subprocess.run(command.split(), check=True)
        devices = f"/dev/video0=fps:10,mjpg:{{frames}};/dev/video1=fps:30,h264:{film}@640x360,yuyv:none"
        self.fake = FakeCamera(devices)
        self.clock = folder / "ahead"
        self.dice = random.Random(self.seed)
        self.counts = dict.fromkeys(CAMERAS, 0)
        self.eras: list[tuple[float, float]] = []
        self.set_clock(CHANGE - 10.0 - time.time())
        library = workshop() / "settime.so"
        source = Path(__file__).with_name("settime.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-lm"], check=True)
        environment = self.fake.environment | {"SET_TIME": str(self.clock), "TZ": BERLIN, "CAMD_HTTPS": "off"}
        environment["LD_PRELOAD"] += f" {library}"
        self.daemon = Daemon(TOML, environment=environment, everyone=True)
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.data = self.daemon.directory / "data"
        self.media = self.data / "media"
        self.remember({f"cameras/{name}/recording/mode": "continuous" for name in CAMERAS})
        self.viewers: list[socket.socket] = []
        self.addCleanup(lambda: [viewer.close() for viewer in self.viewers])

    def set_clock(self, ahead: float) -> None:
        """The daemon's wall clock is ahead of the real one by so much from now on."""
        self.eras.append((time.monotonic(), ahead + time.time() - time.monotonic()))
        if self.clock.exists():
            with self.clock.open("r+b") as file:
                file.write(struct.pack("d", ahead))
        else:
            self.clock.write_bytes(struct.pack("d", ahead))
        self.ahead = ahead

    def test_set(self) -> None:
        self.daemon.start()
        wait_for(lambda: len(self.growing()) == len(CAMERAS), what="files of both cameras")
        begun = time.time() + self.ahead
        left = ["unplug"] * self.unplugged + [*self.dice.sample(STEPS, self.steps)]
        self.dice.shuffle(left)
        for what in left:
            self.churn()
            time.sleep(self.dice.uniform(1.5, 2.5))
            if what == "unplug":
                self.unplug(self.dice.randrange(2))
            else:
                self.set_clock(self.ahead + what)
        time.sleep(max(2.5, CHANGE + 2.0 - time.time() - self.ahead))  # the change is over
        lost = {name: self.lost(name) for name in CAMERAS}
        self.daemon.stop()
        end, wall = time.monotonic(), time.time() + self.ahead
        self.assertEqual(json.loads(self.daemon.camd("recordings", "verify", "--json"))["faults"], [])
        for name in CAMERAS:
            records = self.rows(f"SELECT * FROM records WHERE camera = '{name}' ORDER BY id")
            gaps = self.rows(f"SELECT * FROM gaps WHERE camera = '{name}' ORDER BY id")
            timeline = Timeline(records, gaps, self.eras, end, INTERVAL)
            timeline.complain([(self.eras[0][0], end)])
            timeline.complain_of_silence(begun, wall)
            for record in records:
                # FFmpeg does not show what hangs on a picture that the driver of a busy computer has lost.
                self.check(record, "packets" if lost[name] else "frames")
                utc = time.strftime("%Y/%m/%d/%H%M%S", time.gmtime(record["timestamp_start"] // 1000))
                self.assertEqual(record["filename"].rpartition("_")[0], f"{name}/{utc}")
            unplugged = [gap for gap in gaps if "/dev/video" in gap["reason"] or "camera" in gap["reason"]]
            self.assertEqual(len(unplugged), self.counts[name], gaps)

    def lost(self, camera: str) -> int:
        """Pictures that never came as far as camd."""
        metrics = rest.fetch(self.daemon.url + "metrics").body.decode()
        found = re.search(rf'dropped_frames_total{{camera="{camera}",stage="device"}} (\d+)', metrics)
        assert found is not None, metrics
        return int(found[1])

    def unplug(self, number: int) -> None:
        """Pull a camera out until its file has ended, and put it in again."""
        name = CAMERAS[number]
        self.counts[name] += 1
        file = self.growing()[name]
        self.fake.fault(f"/dev/video{number} unplug")
        wait_for(lambda: self.value(f"cameras/{name}/recording/file") == "", what="the file ends")
        time.sleep(self.dice.uniform(0.0, 1.0))
        self.fake.fault("")
        wait_for(lambda: self.growing().get(name, file) != file, what="another file begins")

    def churn(self) -> None:
        """Somebody comes to watch, and somebody goes."""
        if len(self.viewers) >= 3:
            self.viewers.pop(self.dice.randrange(len(self.viewers))).close()
        viewer = socket.create_connection(("127.0.0.1", self.daemon.port))
        name = self.dice.choice(CAMERAS)
        path = self.dice.choice(("stream.mjpg", "stream.mp4")) if name == "two" else "stream.mjpg"
        host = urlsplit(self.daemon.url).netloc
        viewer.sendall(f"GET /cam/{name}/{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        self.viewers.append(viewer)
