"""Recordings with sound: both tracks, in the time of each other, also after a kill and in a range of time."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from . import rest
from .daemon import Daemon
from .waiting import wait_for

_CAMERA = '[cameras.cam1]\nsource = "test:"\nsize = "640x360"\nfps = 30\nsound = "test:"\n'


class RecordingTests(SynchronousTestCase):
    timeout = 90
    if not shutil.which("ffprobe"):
        skip = "needs ffprobe: apt install ffmpeg"

    def setUp(self) -> None:
        self.daemon = Daemon(_CAMERA, arguments=["--https", "off"], everyone=True)
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        data = self.daemon.directory / "data"
        (data / "state.json").write_text(json.dumps({"cameras/cam1/recording/mode": "continuous"}))
        self.media = data / "media"
        self.daemon.start()

    def seconds(self, media: str, stream: str) -> tuple[str, float]:
        """Codec, and from when to when it lasts; FFmpeg decodes all of it, without a complaint."""
        command = ["ffmpeg", "-v", "error", "-xerror", "-i", media, "-map", f"0:{stream}", "-f", "null", "-"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        command = ["ffprobe", "-v", "error", "-select_streams", stream, "-show_entries",
                   "stream=codec_name:packet=pts_time,duration_time", "-of", "json", media]
        told = json.loads(self.told(command))
        packets = [packet for packet in told["packets"] if "pts_time" in packet]
        first, last = packets[0], packets[-1]
        length = float(last["pts_time"]) + float(last.get("duration_time", 0)) - float(first["pts_time"])
        return told["streams"][0]["codec_name"], length

    def told(self, command: list[str]) -> str:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout

    def beeps(self, media: str) -> list[float]:
        """When it becomes loud, in seconds of what is shown."""
        command = ["ffmpeg", "-v", "info", "-copyts", "-i", media, "-map", "0:a",
                   "-af", "silencedetect=n=-30dB:d=0.3", "-f", "null", "-"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stderr
        ends = [line.partition("silence_end: ")[2] for line in told.splitlines() if "silence_end" in line]
        return [float(one.split()[0]) for one in ends][:-1]  # the last one is the end of the file

    def file(self) -> str:
        return rest.fetch(f"{self.daemon.url}api/state/cameras/cam1/recording/file").json["value"]

    def records(self) -> list[dict[str, Any]]:
        return rest.fetch(f"{self.daemon.url}api/recordings?camera=cam1").json["recordings"]

    def check(self, path: Path, start: int) -> None:
        video, length = self.seconds(str(path), "v:0")
        sound, heard = self.seconds(str(path), "a:0")
        self.assertEqual((video, sound), ("h264", "aac"))
        self.assertLess(abs(length - heard), 1.5)
        found = self.beeps(str(path))
        self.assertGreaterEqual(len(found), 2)
        for at in found:  # a full second of the wall clock
            late = (start / 1000 + at) % 1
            self.assertLess(min(late, 1 - late), 0.04, (start, found))

    def test_killed(self) -> None:
        wait_for(self.file, what="a recording")
        time.sleep(5)
        name = self.file()
        os.kill(self.daemon.pid, signal.SIGKILL)
        self.daemon.stop()
        self.daemon.start()
        record = next(one for one in self.records() if one["filename"] == name)
        self.assertEqual(record["state"], "ready")
        self.check(self.media / name, record["timestamp_start"])
        begin = record["timestamp_start"] + 1300  # between two key frames
        self.range(begin, begin + 2500)

    def range(self, begin: int, end: int) -> None:
        """A time as one file: an edit list hides of both tracks what is before it."""
        where = f"{self.daemon.url}api/recordings/range?camera=cam1&start={begin}&end={end}"
        clip = self.daemon.directory / "clip.mp4"
        clip.write_bytes(rest.fetch(where).body)
        self.check(clip, begin)
        told = self.told(["ffprobe", "-v", "error", "-show_entries", "stream=codec_type,start_time",
                          "-of", "csv=p=0", str(clip)])
        starts = {kind: float(start) for kind, start in (line.split(",") for line in told.split())}
        self.assertLess(abs(starts["video"] - starts["audio"]), 0.03, starts)
        self.assertLessEqual(starts["video"], 0)
