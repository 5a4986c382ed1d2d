"""What a camera hears, in a real browser and in players: the test camera beeps at each full second."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from itertools import pairwise
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from . import rest
from .browser import MISSING, Browser
from .daemon import Daemon
from .waiting import wait_for

_CAMERAS = """
[cameras.cam1]
source = "test:"
size = "640x360"
fps = 30
sound = "test:"

[cameras.garden]
source = "test:"
size = "320x240"
fps = 10
"""
#: Notes in `beeps` how many milliseconds after the full second each tone of 1 kHz was heard.
_LISTEN = """
window.listen = (context, source) => {
  const analyser = context.createAnalyser(), beeps = window.beeps = [];
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(1024), bins = new Float32Array(512);
  let loud = false;
  setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const now = samples.slice(-240).some((sample) => Math.abs(sample) > 0.05);
    if (now && !loud) beeps.push(Date.now() % 1000);
    loud = now;
    analyser.getFloatFrequencyData(bins);
    if (now) window.pitch = bins.indexOf(Math.max(...bins)) * context.sampleRate / 1024;
  }, 5);
};
"""
_EARS = """
const Made = Audio;
window.ears = [];
window.Audio = function () {
  ears.push(new Made());
  return ears.at(-1);
};
"""
_WHEP = """
(async () => {
  const peer = window.peer = new RTCPeerConnection(), video = document.createElement("video");
  for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
  const stream = video.srcObject = new MediaStream();
  video.muted = true;
  peer.addEventListener("track", ({ track, streams }) => {
    stream.addTrack(track);
    if (track.kind !== "audio") return;
    const context = window.context = new AudioContext();
    listen(context, context.createMediaStreamSource(new MediaStream([track])));
  });
  document.body.append(video);
  await peer.setLocalDescription(await peer.createOffer());
  const answer = await fetch("cam/cam1/whep", {
    method: "POST", body: peer.localDescription.sdp, headers: { "Content-Type": "application/sdp" } });
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  await video.play();
})();
"""


class SoundCase(SynchronousTestCase):
    timeout = 60

    def setUp(self) -> None:
        self.daemon = Daemon(_CAMERAS, arguments=["--https", "off"], everyone=True)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.url = self.daemon.url

    def status(self) -> str:
        return rest.fetch(f"{self.url}api/state/cameras/cam1/sound/status").json["value"]


class BrowserTests(SoundCase):
    skip = MISSING

    def setUp(self) -> None:
        super().setUp()
        self.browser = Browser(1100, 800)
        self.addCleanup(self.browser.close)

    def heard(self, within: float) -> None:
        """Three beeps, one of them within so many milliseconds; of a busy machine not each is."""
        self.browser.wait("beeps.length >= 3", timeout=15)
        self.browser.wait("beeps.some((late) => late < arguments[0])", within, timeout=20)

    def test_the_page(self) -> None:
        browser = self.browser
        browser.before(_LISTEN + _EARS)
        browser.open(self.url + "#cam1")
        button = "document.querySelector('#stage [data-part=sound]')"
        sign = "document.querySelector('#stage [data-part=microphone]')"
        browser.wait(f"{button}.hidden === false")
        self.assertEqual(browser.ask(f"[{button}.ariaPressed, {sign}.hidden]"), ["false", True])
        hidden = browser.ask("[...document.querySelectorAll('.tile-sound')].map((one) => one.hidden)")
        self.assertEqual(hidden, [False, True])
        self.assertEqual(browser.ask(f"{button}.textContent.trim()"), "Listen to cam1")
        self.assertEqual(browser.ask("ears.length"), 0)
        self.follows()
        pictures = "document.querySelector('[data-fact=delay]').textContent"
        browser.wait(pictures)
        before = self.delay(pictures)
        browser.driver.execute_script(f"{button}.focus()")
        browser.press(" ")  # a button, for the keyboard, too
        browser.wait(f"{button}.ariaPressed === 'true' && !{sign}.hidden")
        browser.driver.execute_script("""
          window.context = new AudioContext();
          listen(context, context.createMediaElementSource(ears[0]));
        """)
        after = self.delay(pictures)
        self.heard(within=after + 300)
        self.assertLess(abs(browser.ask("pitch") - 1000), 60)
        # Pictures do not wait for the sound; that is not much later than they are.
        self.assertLess(after, before + 60)
        browser.click("#strip .tile-sound")
        browser.wait(f"{button}.ariaPressed === 'false'")
        wait_for(lambda: self.status() == "idle", 10, "a microphone that is closed")
        browser.wait(f"{sign}.hidden")
        self.assertEqual(browser.errors(), [])

    def follows(self) -> None:
        """Sound that waits is caught up with, gently; far too much of it is left out."""
        told = self.browser.driver.execute_script("""
          return import(new URL("sound/follow.js", document.baseURI)).then((m) => [
            ...[99.9, 99.8, 98, 95, 120].map((time) => m.follow(time, 96, 100, m.LEAST)),
            m.more(0.16), m.more(10)]);
        """)
        self.assertEqual(told[:2], [{"rate": 1}, {"rate": 1.05}])
        self.assertTrue(all(abs(one["seek"] - 99.84) < 0.001 for one in told[2:5]), told)
        self.assertTrue(0.2 < told[5] < 0.3 and told[6] < 1, told)

    def delay(self, expression: str) -> float:
        """The least that is shown in three seconds: how busy this machine is says the rest."""
        values = []
        for _ in range(6):
            values.append(float(self.browser.ask(expression).split(" ")[0]))
            time.sleep(0.5)
        return min(values)

    def test_webrtc(self) -> None:
        self.browser.before(_LISTEN)
        self.browser.open(self.url + "health")
        self.browser.click("body")  # before that nothing may be heard
        self.browser.driver.execute_script(_WHEP)
        self.browser.wait("window.beeps", timeout=15)
        self.heard(within=350)
        self.assertEqual(self.status(), "on")
        kinds = self.browser.ask("peer.getReceivers().map(({track}) => track.kind + ' ' + track.muted)")
        self.assertEqual(sorted(kinds), ["audio false", "video false"])


class PlayerTests(SoundCase):
    if not shutil.which("ffprobe"):
        skip = "needs ffprobe: apt install ffmpeg"

    def run_quietly(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def probe(self, path: str) -> list[dict[str, Any]]:
        told = self.run_quietly("ffprobe", "-v", "error", "-show_streams", "-of", "json", self.url + path)
        return json.loads(told)["streams"]

    def test_one_file_and_a_playlist(self) -> None:
        for path in ("cam/cam1/stream.mp4", "cam/cam1/hls/index.m3u8"):
            streams = self.probe(path)
            self.assertEqual([stream["codec_name"] for stream in streams], ["h264", "aac"])
            self.assertEqual((streams[1]["sample_rate"], streams[1]["channels"]), ("48000", 1))
            told = self.run_quietly("ffmpeg", "-v", "error", "-t", "3", "-i", self.url + path, "-map", "0",
                                    "-fps_mode", "passthrough", "-f", "framecrc", "-")
            packets = [line.split(",") for line in told.splitlines() if line[0] != "#"]
            self.assertGreater(sum(stream.strip() == "0" for stream, *_ in packets), 60)
            sounds = [
                (int(pts), int(duration)) for stream, _, pts, duration, *_ in packets if stream.strip() == "1"
            ]
            self.assertGreater(len(sounds), 120)
            self.assertEqual({after[0] - sum(before) for before, after in pairwise(sounds)}, {0})
        self.assertEqual([stream["codec_name"] for stream in self.probe("cam/garden/stream.mp4")], ["h264"])
