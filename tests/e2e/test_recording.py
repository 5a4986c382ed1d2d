"""Recording by a real camd: what a kill, a full disk and a restart leave behind, seen by FFmpeg."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.python import log
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from camd.wire.boxes import fragments
from camd.wire.samples import samples

from . import rest
from .daemon import Daemon
from .fakecam import FakeCamera, frames
from .waiting import wait_for

CAMERAS = ("one", "two")


def make_clip(folder: Path, seconds: int = 10, options: str = "-g 30 -crf 18", size: str = "640x360") -> Path:
    """A film with a key frame each second, coded as a live encoder does."""
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        raise SkipTest("needs ffmpeg and ffprobe: apt install ffmpeg")
    clip = folder / "clip.mp4"
    command = (
        f"ffmpeg -v error -f lavfi -i testsrc2=size={size}:rate=30 -t {seconds} -c:v libx264 -preset ultrafast"
        f" -tune zerolatency -profile:v baseline {options} -y"
    )
    subprocess.run([*command.split(), str(clip)], check=True)
    return clip


def count_frames(path: Path, what: str = "frames") -> int:
    """How many pictures FFmpeg decodes, or how many "packets" it finds; AssertionError if it complains."""
    command = (
        f"ffprobe -v error -count_{what} -select_streams v -show_entries stream=nb_read_{what} -of csv=p=0"
    )
    done = subprocess.run([*command.split(), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, f"{path}: {done.stderr}"
    return int(done.stdout.strip().strip(","))


class RecordingCase(SynchronousTestCase):
    """Two cameras that show a film, recorded all the time."""

    timeout = 120
    place: Path | None = None
    size = "640x360"
    more = ""

    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        clip = make_clip(folder, size=self.size)
        toml = self.more + "".join(f'[cameras.{name}]\nsource = "file:{clip}"\n' for name in CAMERAS)
        self.daemon = Daemon(toml, environment={"CAMD_HTTPS": "off"}, everyone=True)
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.data = self.daemon.directory / "data"
        self.media = self.place or self.data / "media"
        self.remember({f"cameras/{name}/recording/mode": "continuous" for name in CAMERAS})

    def remember(self, values: dict[str, Any]) -> None:
        (self.data / "state.json").write_text(json.dumps(values))

    def rows(self, question: str = "SELECT * FROM records ORDER BY timestamp_start") -> list[dict[str, Any]]:
        """What the index says."""
        with closing(sqlite3.connect(f"file:{self.data}/index.db?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(question)]

    def files(self) -> dict[str, Path]:
        return {str(path.relative_to(self.media)): path for path in self.media.rglob("*.*")}

    def value(self, name: str) -> Any:
        return rest.fetch(f"{self.daemon.url}api/state/{name}").json["value"]

    def growing(self) -> dict[str, str]:
        """Camera -> the file that is being written and has pictures in it."""
        found = {name: self.value(f"cameras/{name}/recording/file") for name in CAMERAS}
        return {name: file for name, file in found.items() if file}

    def check(self, row: dict[str, Any], what: str = "frames") -> None:
        """A finished record, its file, and what FFmpeg finds in that are the same."""
        path = self.media / row["filename"]
        self.assertEqual(row["state"], "ready", row)
        self.assertEqual(path.stat().st_size, row["size"], row)
        self.assertEqual(hashlib.sha256(path.read_bytes()).digest(), row["sha256"], row)
        frames = count_frames(path, what)
        self.assertEqual(frames, round(row["fps"] * row["duration"] / 1000), row)
        self.assertEqual(row["timestamp_end"] - row["timestamp_start"], row["duration"])


class KillTests(RecordingCase):
    """kill -9 in any moment loses two seconds of each camera at most, and nothing else."""

    moments = 5
    seed = 7

    def test_killed(self) -> None:
        dice = random.Random(self.seed)
        checked: set[int] = set()
        self.lost = dict.fromkeys(CAMERAS, 0.0)
        self.daemon.start()
        for number in range(self.moments):
            wait_for(lambda: len(self.growing()) == len(CAMERAS), what="files of both cameras")
            moment = dice.uniform(0.0, 4.0)
            if number % 2:  # with the next key frame, which comes within a second, its first file ends
                time.sleep(max(0.0, moment - 1.0))
                rest.ask(self.daemon.url, {f"cameras/{dice.choice(CAMERAS)}/recording/state": "recording"})
                moment = min(moment, 1.0)
            time.sleep(moment)
            killed_at = self.kill()
            self.daemon.start()
            self.look(checked, killed_at, number)
        log.msg(f"the most that was lost after {len(checked)} files: {self.lost}")

    def kill(self) -> float:
        os.kill(self.daemon.pid, signal.SIGKILL)
        now = time.time()
        child, self.daemon._child = self.daemon._child, None
        assert child is not None and child.stdout is not None
        child.wait()
        self.daemon._reader.join()
        child.stdout.close()
        return now

    def look(self, checked: set[int], killed_at: float, number: int) -> None:
        finished = [row for row in self.rows() if row["timestamp_start"] < killed_at * 1000]
        for row in finished:
            if row["id"] not in checked:
                checked.add(row["id"])
                self.check(row)
        names = {row["filename"] for row in self.rows()}
        on_disk = {name for name in self.files() if self.files()[name].stat().st_mtime < killed_at}
        self.assertLessEqual(on_disk, names)
        for camera in CAMERAS:
            ends = [row["timestamp_end"] for row in finished if row["camera"] == camera]
            lost = killed_at - max(ends) / 1000
            self.assertLess(lost, 2.0, f"{camera}, kill {number}")
            self.lost[camera] = max(self.lost[camera], lost)
            gaps = self.rows(f"SELECT * FROM gaps WHERE camera = '{camera}' ORDER BY timestamp_start")
            self.assertIn("camd ended unexpectedly", gaps[-1]["reason"])
            self.assertEqual(gaps[-1]["timestamp_start"], max(ends))


class SmallDiskTests(RecordingCase):
    """A store of 60 MB: the oldest go, what is tagged stays, and when nothing may go it says so and waits."""

    timeout = 180
    size = "1280x720"

    def setUp(self) -> None:
        self.place = Path(self.mktemp()).absolute()
        self.place.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=60m", "camd-tests", str(self.place)],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode:
            raise SkipTest(f"needs to mount a tmpfs: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.place)], check=True)
        self.more = f'[storage]\npath = "{self.place}"\n'
        super().setUp()

    def test_full(self) -> None:
        self.fill(55)
        self.daemon.start()
        wait_for(lambda: len(self.growing()) == len(CAMERAS), what="files of both cameras")
        # Most of it is old recordings: they go one by one while recording goes on.
        before = {row["filename"] for row in self.rows()}
        wait_for(lambda: len(before - {row["filename"] for row in self.rows()}) >= 3, 60, "some are deleted")
        self.assertEqual(self.value("storage/state"), "ok")
        self.tag_all()
        wait_for(lambda: self.value("storage/state") == "blocked", 90, "nothing may go")
        self.assertIn("tag", self.value("storage/reason"))
        health = rest.fetch(self.daemon.url + "health").json
        self.assertEqual(health["status"], "degraded")
        self.assertIn("bytes free", health["checks"]["storage"])
        self.assertEqual(self.value("cameras/one/recording/file"), "")
        self.assertIn("free", self.value("cameras/one/recording/reason"))
        for path in list(self.files().values())[:12]:
            path.unlink()
        wait_for(lambda: self.value("storage/state") == "ok", 30, "there is room")
        wait_for(lambda: len(self.growing()) == len(CAMERAS), what="it goes on by itself")
        self.daemon.stop()
        self.assertEqual(self.rows("PRAGMA integrity_check"), [{"integrity_check": "ok"}])
        gaps = self.rows("SELECT * FROM gaps WHERE camera = 'one' AND reason LIKE '%free%'")
        self.assertEqual(len(gaps), 1)
        self.assertGreater(gaps[0]["timestamp_end"], gaps[0]["timestamp_start"])

    def fill(self, megabytes: int) -> None:
        """Recordings of an hour ago, a megabyte each."""
        self.daemon.start()
        wait_for(lambda: len(self.growing()) == len(CAMERAS))
        self.daemon.stop()
        with closing(sqlite3.connect(self.data / "index.db")) as connection, connection:
            for number in range(megabytes):
                path = self.place / "one" / "2026" / "01" / "01" / f"{number:06}_000.mp4"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(bytes(1 << 20))
                connection.execute(
                    "INSERT INTO records (filename, camera, kind, media_type, encoding, timestamp_start,"
                    " timestamp_end, size, state)"
                    " VALUES (?, 'one', 'continuous', 'video', 'mp4', ?, ?, ?, 'ready')",
                    (
                        str(path.relative_to(self.place)),
                        self.long_ago + number,
                        self.long_ago + number,
                        1 << 20,
                    ),
                )

    @property
    def long_ago(self) -> int:
        return round((time.time() - 3600) * 1000)

    def tag_all(self) -> None:
        """As somebody would who marks everything, and goes on marking."""
        with closing(sqlite3.connect(self.data / "index.db", 10)) as connection, connection:
            connection.execute(
                "CREATE TRIGGER all_tagged AFTER INSERT ON records BEGIN"
                " INSERT INTO tags (timestamp, title) VALUES (new.timestamp_start, 'keep'); END"
            )
            connection.execute(
                "INSERT INTO tags (timestamp, title) SELECT timestamp_start, 'keep' FROM records"
            )
            connection.execute("UPDATE records SET tag_markers = 1")


class JpegRecordingTests(SynchronousTestCase):
    """A camera that gives JPEG is recorded as it is, by a camd that knows no pixels."""

    timeout = 60

    def test_untouched(self) -> None:
        camera = FakeCamera()
        daemon = camera.daemon()
        self.addCleanup(daemon.remove)
        self.addCleanup(daemon.stop)
        data = daemon.directory / "data"
        data.mkdir(exist_ok=True)
        (data / "state.json").write_text(json.dumps({"cameras/cam1/recording/mode": "continuous"}))
        daemon.start()
        name = "cameras/cam1/recording/file"
        wait_for(lambda: rest.fetch(f"{daemon.url}api/state/{name}").json["value"], what="a file")
        time.sleep(1.5)
        libraries = Path(f"/proc/{daemon.pid}/maps").read_text()
        for library in ("cv2", "numpy", "libav"):
            self.assertNotIn(library, libraries)
        self.assertEqual(rest.status(daemon.url)["camera"]["encodes"], 0)
        daemon.stop()
        (film,) = (data / "media").rglob("*.mp4")
        with film.open("rb") as file:
            stored = [sample for pair in fragments(file) for sample in samples(file, *pair)]
            pictures = []
            for sample in stored:
                file.seek(sample.offset)
                pictures.append(file.read(sample.size))
        self.assertGreater(len(pictures), 30)
        self.assertLessEqual(set(pictures), set(frames()))
