"""Fragmented MP4 in the programs that people open it with: FFmpeg's own, and Chromium by Media Source Extensions."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from camd.wire import fmp4, nal, track
from camd.wire.fmp4 import Run, Sample

from ..coded_video import Coded, coded
from .browser import MISSING, Browser

_FRAME = 3000
#: Appends parts to a SourceBuffer, each when its time has come, and plays. Results are in `window`.
_PLAY = """((parts, times, type) => {
  const video = window.video = document.body.appendChild(document.createElement("video"));
  const source = new MediaSource();
  window.problems = [];
  window.done = false;
  video.muted = true;
  video.onerror = () => problems.push(video.error.message);
  video.src = URL.createObjectURL(source);
  source.onsourceopen = () => {
    const buffer = source.addSourceBuffer(type);
    const start = performance.now();
    const next = () => {
      if (!parts.length) { window.done = true; return; }
      const wait = Math.max(0, times.shift() * 1000 + start - performance.now());
      setTimeout(() => buffer.appendBuffer(Uint8Array.from(atob(parts.shift()), (c) => c.charCodeAt(0))), wait);
    };
    buffer.onupdateend = next;
    next();
    video.play();
  };
  return true;
})(arguments[0], arguments[1], arguments[2])"""


def sample(picture: Coded, codec: str, duration: int) -> Sample:
    pieces = (picture.data,) if codec == "mjpeg" else nal.sample(nal.split(picture.data), codec)
    return Sample(pieces, duration, picture.keyframe, (picture.pts - picture.dts) * _FRAME)


class FFmpegTests(SynchronousTestCase):
    """Not one warning, and exact numbers."""

    if not shutil.which("ffprobe"):
        skip = "needs ffprobe: apt install ffmpeg"

    def check(self, codec: str, tag: str, at_once: int, options: str | None = None, hold: bool = False) -> None:
        pictures = coded(codec, 60, options, (638, 358))
        line = track.video(codec, pictures[0].data, (638, 358))
        path = Path(self.mktemp())
        with path.open("wb") as file:
            file.write(fmp4.init_segment(line, wall=1_700_000_000))
            for number, start in enumerate(range(0, 60, at_once), 1):
                group = pictures[start:start + at_once]
                duration = line.ticks(fmp4.HOLD) if hold and start + at_once < 60 else _FRAME
                run = Run(line, (group[0].dts - pictures[0].dts) * _FRAME,
                          [sample(one, codec, duration) for one in group])
                file.write(fmp4.fragment(number, run, wall=1_700_000_000 + start / 30))
        entries = "stream=codec_name,codec_tag_string,width,height,nb_read_frames,duration:format=duration"
        probe = ["ffprobe", "-v", "warning", "-count_frames", "-show_entries", entries, "-of", "json", str(path)]
        answer = self.run_quietly(probe)
        stream = json.loads(answer)["streams"][0]
        self.assertEqual((stream["codec_name"], stream["codec_tag_string"]), (codec, tag))
        self.assertEqual((stream["width"], stream["height"]), (638, 358))
        self.assertEqual(stream["nb_read_frames"], "60")
        if not hold:  # else FFmpeg adds the durations of the samples up
            self.assertEqual(float(stream["duration"]), 2.0)
        null = ["-fps_mode", "passthrough", "-f", "framecrc", "-"]
        lines = self.run_quietly(["ffmpeg", "-v", "warning", "-i", str(path), *null]).splitlines()
        self.assertEqual(len([one for one in lines if not one.startswith("#")]), 60)

    def run_quietly(self, command: list[str]) -> str:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        return answer.stdout

    def test_one_picture_a_fragment(self) -> None:
        for codec, tag in (("h264", "avc1"), ("hevc", "hvc1"), ("mjpeg", "mp4v")):
            self.check(codec, tag, 1)

    def test_a_second_a_fragment(self) -> None:
        for codec, tag in (("h264", "avc1"), ("hevc", "hvc1"), ("mjpeg", "mp4v")):
            self.check(codec, tag, 30)

    def test_pictures_out_of_order(self) -> None:
        for at_once in (1, 30):
            self.check("h264", "avc1", at_once, "preset=medium:profile=high:g=30:bf=2")

    def test_held_until_the_next(self) -> None:
        self.check("h264", "avc1", 1, hold=True)


class MediaSourceTests(SynchronousTestCase):
    """H.264 in Chromium, a fragment a picture."""

    skip = MISSING

    def setUp(self) -> None:
        self.browser = Browser(640, 480)
        self.addCleanup(self.browser.close)

    def play(self, times: list[int], hold: float, paced: bool) -> list[float]:
        """Play pictures at these ticks; where the parts that are buffered end."""
        pictures = coded("h264", len(times), "preset=veryfast:tune=zerolatency:g=999:sc_threshold=0", (638, 358))
        line = track.video("h264", pictures[0].data)
        kind = fmp4.content_type(line)
        self.browser.open("about:blank")
        if not self.browser.ask("MediaSource.isTypeSupported(arguments[0])", kind):
            raise SkipTest(f"this Chromium does not play {kind}")
        parts = [fmp4.init_segment(line)]
        for number, (picture, time) in enumerate(zip(pictures, times, strict=True), 1):
            run = Run(line, time, [sample(picture, "h264", line.ticks(hold))])
            parts.append(fmp4.fragment(number, run, wall=1.7e9))
        due = [0.0, *(time / line.timescale if paced else 0.0 for time in times)]
        self.browser.ask(_PLAY, [b64encode(part).decode() for part in parts], due, kind)
        self.browser.wait("window.done")
        return self.browser.ask("[...Array(video.buffered.length).keys()].map((n) => video.buffered.end(n))")

    def test_plays_to_the_last_picture(self) -> None:
        times = [index * _FRAME for index in range(60)]
        self.assertEqual([round(end, 3) for end in self.play(times, 1 / 30, False)], [2.0])
        self.browser.wait("video.currentTime > 1.9")
        self.assertEqual(self.browser.ask("[video.videoWidth, video.videoHeight, problems.length]"), [638, 358, 0])
        self.assertEqual(self.browser.ask("video.getVideoPlaybackQuality().totalVideoFrames"), 60)
        self.assertEqual(self.browser.errors(), [])

    def test_live_each_picture_shown_before_the_next_is_there(self) -> None:
        """Also across a gap of half a second: what comes behind needs no new key frame."""
        times = [index * _FRAME + (45000 if index >= 30 else 0) for index in range(60)]
        ends = self.play(times, fmp4.HOLD, True)
        self.assertEqual(len(ends), 1)
        self.browser.wait("video.getVideoPlaybackQuality().totalVideoFrames === 60")
        self.browser.wait(f"video.currentTime > {times[-1] / 90000} - 0.5")
        self.assertEqual(self.browser.ask("problems"), [])
