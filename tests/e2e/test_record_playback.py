"""What was recorded, played by others: FFmpeg and Chromium, across files and across a change of size."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from camd.media import Packet
from camd.record.cutter import Chunk, Cutter
from camd.record.segment_file import SegmentFile

from ..coded_video import LIVE, coded
from . import rest, shared
from .browser import MISSING, Browser
from .daemon import Daemon
from .waiting import wait_for

#: When the first picture was taken, Unix seconds: not so long ago that it would be deleted.
WALL = int(time.time()) - 3600
#: Seconds of each file, with its size; the last one comes after a gap.
FILES = ((0, 20, (320, 180)), (20, 10, (160, 90)), (40, 10, (320, 180)))
START, END = WALL * 1000, (WALL + 60) * 1000
#: Plays a playlist by Media Source Extensions, as players do: a description for each timeline, then its parts.
_PLAYER = """
const done = arguments[arguments.length - 1];
(async () => {
  const address = new URL(arguments[0], document.baseURI);
  const lines = (await (await fetch(address)).text()).split("\\n");
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await new Promise((opened) => source.addEventListener("sourceopen", opened, {once: true}));
  const get = async (uri, [size, offset]) => (await fetch(new URL(uri, address),
    {headers: {Range: `bytes=${offset}-${offset + size - 1}`}})).arrayBuffer();
  let buffer = null, init = null, length = 0, total = 0, range = null, sizes = new Set();
  const append = async (data) => {
    buffer.appendBuffer(data);
    await new Promise((ended, failed) => {
      buffer.addEventListener("updateend", ended, {once: true});
      video.addEventListener("error", () => failed(video.error.message), {once: true});
    });
  };
  for (const line of lines) {
    const map = /^#EXT-X-MAP:URI="(.*)",BYTERANGE="(\\d+)@(\\d+)"/.exec(line);
    if (map) init = await get(map[1], [Number(map[2]), Number(map[3])]);
    else if (line.startsWith("#EXTINF:")) length = parseFloat(line.slice(8));
    else if (line.startsWith("#EXT-X-BYTERANGE:")) range = line.slice(17).split("@").map(Number);
    else if (line && !line.startsWith("#")) {
      if (init) {
        const at = new TextDecoder("latin1").decode(init).indexOf("avcC") + 5;
        const profile = [...new Uint8Array(init.slice(at, at + 3))];
        const hex = profile.map((one) => one.toString(16).padStart(2, "0")).join("");
        buffer ??= source.addSourceBuffer(`video/mp4; codecs="avc1.${hex}"`);
        buffer.timestampOffset = total;
        await append(init);
        init = null;
      }
      await append(await get(line, range));
      total += length;
    }
  }
  source.endOfStream();
  video.addEventListener("resize", () => sizes.add(video.videoWidth));
  sizes.add(video.videoWidth);
  video.playbackRate = 8;
  await video.play();
  await new Promise((ended) => video.addEventListener("ended", ended, {once: true}));
  done({total, end: video.currentTime, ranges: buffer.buffered.length, sizes: [...sizes]});
})().catch((error) => done(String(error)));
"""
#: Plays an address to its end, fast.
_VIDEO = """
const done = arguments[arguments.length - 1];
const video = document.createElement("video");
const sizes = new Set();
video.muted = true;
document.body.append(video);
video.addEventListener("resize", () => sizes.add(video.videoWidth));
video.addEventListener("error", () => done(video.error.message));
video.addEventListener("ended", () => done({end: video.currentTime, sizes: [...sizes]}));
video.src = new URL(arguments[0], document.baseURI);
video.playbackRate = 8;
video.play();
"""


def record(root: Path, start: int, seconds: int, size: tuple[int, int]) -> None:
    """A file as camd leaves it."""
    cutter, file = Cutter(900.0, 1 << 30), None
    wall = WALL + start
    packets = [
        Packet(one.data, "h264", at / 30, wall + at / 30, at / 30, one.keyframe)
        for at, one in enumerate(coded("h264", 30 * seconds, LIVE["h264"], size))
    ]
    chunks: list[Chunk | None] = [cutter.add(packet) for packet in packets]
    for chunk in (*chunks, cutter.end()):
        if chunk is not None:
            file = file or SegmentFile(root, "one", chunk.segment, True)
            file.write(chunk)
    assert file is not None
    file.finish()


def served() -> Daemon:
    """A daemon that found those files when it started, and does not record."""
    if not _served:
        daemon = Daemon('[cameras.one]\nsource = "test:"\n', environment={"CAMD_HTTPS": "off"}, everyone=True)
        shared.until_others(__name__, daemon.remove)
        media = daemon.directory / "data" / "media"
        media.mkdir(parents=True)
        for one in FILES:
            record(media, *one)
        shared.until_others(__name__, daemon.stop)
        shared.until_others(__name__, _served.clear)
        daemon.start()
        found = lambda: rest.fetch(f"{daemon.url}api/recordings").json["total_count"]  # noqa: E731
        wait_for(lambda: found() == len(FILES), what="the files")
        _served.append(daemon)
    return _served[0]


_served: list[Daemon] = []


class FfmpegTests(SynchronousTestCase):
    """Every picture comes out of FFmpeg."""

    timeout = 60

    def setUp(self) -> None:
        if not shutil.which("ffprobe"):
            raise SkipTest("needs ffprobe: apt install ffmpeg")
        self.daemon = served()

    def frames(self, address: str) -> list[str]:
        """The width of each picture that is decoded; AssertionError if anything is complained about."""
        command = "ffprobe -v error -select_streams v -show_entries frame=width -of csv=p=0"
        words = [*command.split(), self.daemon.url + address]
        done = subprocess.run(words, capture_output=True, text=True, timeout=50, check=True)
        self.assertEqual(done.stderr, "")
        return [line.strip(",") for line in done.stdout.splitlines() if line.strip(",").isdigit()]

    def test_a_range_across_another_size(self) -> None:
        found = self.frames(f"api/recordings/range?camera=one&start={START}&end={END}")
        self.assertEqual(found, ["320"] * 600 + ["160"] * 300 + ["320"] * 300)

    def test_a_playlist(self) -> None:
        found = self.frames(f"api/recordings/index.m3u8?camera=one&start={START}&end={START + 20_000}")
        self.assertEqual(found, ["320"] * 600)

    def test_a_thumbnail(self) -> None:
        number = rest.fetch(f"{self.daemon.url}api/recordings").json["recordings"][0]["id"]
        self.assertEqual(self.frames(f"api/recordings/{number}/thumbnail.jpg"), ["320"])


class ChromiumTests(SynchronousTestCase):
    """Both ways play to their end."""

    timeout = 60
    skip = MISSING

    def setUp(self) -> None:
        self.daemon = served()
        self.browser = Browser()
        self.addCleanup(self.browser.close)
        self.browser.open(self.daemon.url + "login")
        self.browser.driver.set_script_timeout(50)

    def play(self, script: str, kind: str, end: int = END) -> dict:
        address = f"api/recordings/{kind}?camera=one&start={START}&end={end}"
        found = self.browser.driver.execute_async_script(script, address)
        self.assertIsInstance(found, dict, json.dumps(found))
        return found

    def test_a_range_across_another_size(self) -> None:
        found = self.play(_VIDEO, "range")
        self.assertEqual(sorted(set(found["sizes"])), [160, 320])
        self.assertLess(abs(found["end"] - 50), 0.1)  # the gap takes its time

    def test_a_playlist(self) -> None:
        found = self.play(_PLAYER, "index.m3u8")
        self.assertEqual(sorted(found["sizes"]), [160, 320])
        self.assertEqual((round(found["total"]), found["ranges"]), (40, 1))
        self.assertLess(abs(found["end"] - 40), 0.1)
