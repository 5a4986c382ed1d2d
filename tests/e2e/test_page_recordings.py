"""What was recorded, on the page: found on the timeline, played, marked, taken along."""

from __future__ import annotations

import json
import shutil
import tempfile
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from . import shared
from .browser import MISSING, Browser
from .daemon import PASSWORD, Daemon
from .test_recording import make_clip
from .waiting import wait_for

_CONFIG = '[cameras.cam1]\nname = "Front door"\nsource = "file:{clip}"\n[cameras.yard]\nname = "Yard"\nsource = "file:{clip}"\n'
_MOMENT = "Number(document.querySelector('[role=slider]').ariaValueNow)"
_VIDEO = "document.querySelector('video')"
_PLAYS = f"{_VIDEO}.currentTime > 0.3 && !{_VIDEO}.paused"
_MARKS = "document.querySelectorAll('[data-camera=\"%s\"] [data-kind=%s]').length"
#: Keeps what the page makes to be saved, and what its progress bars show.
_KEEP = """
  window.made = []; window.progress = [];
  const create = URL.createObjectURL;
  URL.createObjectURL = (blob) => { window.made.push(blob); return create(blob); };
  const value = Object.getOwnPropertyDescriptor(HTMLProgressElement.prototype, "value");
  Object.defineProperty(HTMLProgressElement.prototype, "value", {
    ...value, set(share) { window.progress.push(share); value.set.call(this, share); },
  });
"""


@cache
def served() -> Daemon:
    """The daemon of all tests here: it records one camera, and was stopped for a moment twice."""
    folder = Path(tempfile.mkdtemp(prefix="camd-page-"))
    shared.until_others(__name__, shutil.rmtree, folder, ignore_errors=True)
    daemon = Daemon(_CONFIG.format(clip=make_clip(folder, 3, size="320x180")), arguments=["--https", "off"], admin=True)
    shared.until_others(__name__, daemon.remove)
    (daemon.directory / "data" / "state.json").write_text(json.dumps({"cameras/cam1/recording/mode": "continuous"}))
    shared.until_others(__name__, daemon.stop)
    for _ in range(2):
        daemon.start()
        files = set((daemon.directory / "data" / "media").rglob("*.mp4"))
        wait_for(lambda files=files: has_grown(daemon, files), what="some seconds of video")
        daemon.stop()
    daemon.start()
    return daemon


def ask(daemon: Daemon, method: str, path: str, body: Any = None) -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {daemon.token}"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(daemon.url + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or "null")


def has_grown(daemon: Daemon, before: set[Path]) -> bool:
    """Whether there is a new file with some seconds of video."""
    files = set((daemon.directory / "data" / "media").rglob("*.mp4")) - before
    return any(path.stat().st_size > 300_000 for path in files)


@cache
def browser() -> Browser:
    """The browser of all tests here, in which the administrator is signed in."""
    one = Browser()
    shared.until_others(__name__, one.close)
    one.before(_KEEP)
    one.sign_in(served().url, "admin", PASSWORD)
    return one


class RecordingsTests(SynchronousTestCase):
    skip = MISSING

    def setUp(self) -> None:
        self.daemon, self.browser = served(), browser()
        self.browser.open("about:blank")
        self.browser.open(self.daemon.url + "recordings.html#cam1")
        self.browser.wait(f"{_MARKS % ('cam1', 'continuous')} && {_VIDEO}.readyState >= 2")

    def ask(self, *request: Any) -> Any:
        return ask(self.daemon, *request)

    def test_the_day_is_shown_and_played(self) -> None:
        self.browser.errors()
        first = self.ask("GET", "api/recordings?camera=cam1")["recordings"][-1]
        self.assertEqual(self.browser.ask("[...document.querySelectorAll('.row-name')].map((one) => one.innerText)"),
                         ["Front door", "Yard"])  # fmt: skip
        self.assertGreater(self.browser.ask(_MARKS % ("cam1", "gap")), 0)
        self.assertIn("missing", self.browser.ask("document.querySelector('[data-kind=gap]').title"))

        self.browser.find("[role=slider]").send_keys("\ue011")  # Home: the day begins with nothing
        self.browser.wait("document.querySelector('.replay-word').innerText.startsWith('Nothing is recorded')")
        self.browser.click("#play")  # goes on with the first that there is
        self.browser.wait(_PLAYS)
        moment = self.browser.ask(_MOMENT)
        self.assertLess(abs(moment - first["timestamp_start"]), 3000)
        second = self.ask("GET", "api/recordings?camera=cam1")["recordings"][-2]
        self.browser.find("#rate").send_keys("8")
        self.browser.wait(f"{_MOMENT} > {second['timestamp_start']}", timeout=20)  # over the gap, into the next file
        self.browser.wait(_PLAYS)
        self.browser.click("#play")
        self.browser.wait(f"{_VIDEO}.paused")
        self.assertEqual(self.browser.errors(), [])

    def test_a_click_on_the_timeline_leads_there(self) -> None:
        for _ in range(10):
            self.browser.click("[data-part=closer]")
        self.assertIn(":", self.browser.ask("document.querySelector('.hour').innerText"))
        before = self.browser.ask(_MOMENT)
        # Where the cursor is depends on the time of day: the other half is surely elsewhere.
        is_left = self.browser.ask("parseFloat(document.querySelector('[data-part=cursor]').style.left) < 50")
        self.browser.touch('[data-camera="cam1"] .row-track', 300 if is_left else -300, 0)
        self.browser.wait(f"Math.abs({_MOMENT} - {before}) > 1000")
        self.browser.touch('[data-camera="yard"] .row-track', 0, 0)
        self.browser.wait("document.getElementById('name').innerText === 'Yard'")
        self.assertTrue(self.browser.ask("location.hash").startswith("#yard/20"))
        self.browser.click("#before")
        self.browser.wait("document.querySelectorAll('.mark-time').length === 0")
        self.browser.click("#now")
        self.browser.wait(_MARKS % ("cam1", "continuous"))

    def test_pictures_on_the_way(self) -> None:
        picture = "document.querySelector('#preview img')"
        self.browser.ask("document.querySelector('[data-camera=cam1]').scrollIntoView({block: 'center'})")
        record = self.ask("GET", "api/recordings?camera=cam1")["recordings"][-1]
        for _ in range(10):
            self.browser.click("[data-part=closer]")
        first = '[data-camera="cam1"] [data-kind=continuous]'  # its middle may be where camd was stopped
        self.browser.point(first, within=8)
        self.browser.wait(f"{picture}.checkVisibility() && {picture}.naturalWidth === 320")
        self.assertIn("thumbnail.jpg", self.browser.ask(f"{picture}.src"))
        self.browser.point(".replay-name")
        self.browser.wait("!document.getElementById('preview').checkVisibility()")
        self.browser.hold(first, 1, within=8)  # while somebody drags, too
        self.browser.wait(f"{picture}.checkVisibility()")
        self.browser.let_go()
        self.browser.wait("!document.getElementById('preview').checkVisibility()")

        strip = "[...document.querySelectorAll('#strip img')]"
        self.browser.wait(f"{strip}.length >= 2 && {strip}.every((one) => one.naturalWidth === 320)")
        self.browser.find("#strip [tabindex='0']").send_keys("\ue011\ue00d")  # Home, and the space bar
        self.browser.wait(f"Math.abs({_MOMENT} - {record['timestamp_start']}) < 2000")
        self.browser.wait("document.querySelector('#strip li:first-child [aria-current]') !== null")
        self.browser.press("\ue014")  # to the right
        self.browser.wait("document.activeElement.closest('li') === document.querySelector('#strip li:nth-child(2)')")
        self.assertEqual(self.browser.ask("document.querySelectorAll('#strip [tabindex=\"0\"]').length"), 1)
        self.browser.shape(390, 844, phone=True)
        self.addCleanup(self.browser.shape, 1280, 800)
        self.assertEqual(self.browser.ask("document.documentElement.scrollWidth"), 390)  # the row scrolls, not the page

    def test_a_clip_is_exported_with_progress(self) -> None:
        self.browser.click("#clip [data-part=from-here]")
        self.assertIn("About", self.browser.ask("document.querySelector('#clip [data-part=message]').innerText"))
        self.browser.wait("!document.querySelector('.timeline-clip').hidden")
        self.browser.click("#clip [data-part=export]")
        self.browser.wait("document.querySelector('#clip [data-part=message]').dataset.tone === 'good'")
        self.assertGreater(self.browser.ask("Math.max(...window.progress)"), 0)
        self.assertGreater(self.browser.ask("window.made[0].size"), 10_000)
        head = self.browser.driver.execute_async_script(
            "const done = arguments[0]; window.made[0].slice(4, 8).text().then(done)"
        )
        self.assertEqual(head, "ftyp")

    def test_nothing_to_export_is_said(self) -> None:
        for name, value in (("from", "2020-01-01T00:00:00"), ("to", "2020-01-01T00:01:00")):
            self.browser.driver.execute_script(
                f"const it = document.querySelector('#clip [data-part={name}]'); it.value = '{value}';"
                "it.dispatchEvent(new Event('input', {bubbles: true}))"
            )
        self.browser.click("#clip [data-part=export]")
        self.browser.wait("document.querySelector('#clip [data-part=message]').dataset.tone === 'bad'")
        self.assertIn("no recording", self.browser.ask("document.querySelector('#clip [data-part=message]').innerText"))

    def test_a_moment_is_tagged(self) -> None:
        self.browser.fill("#tags [data-part=title]", "The postman\n")
        self.browser.wait("document.querySelector('.tag-entry')?.innerText.includes('The postman')")
        self.browser.wait(_MARKS % ("cam1", "tag"))
        [tag] = self.ask("GET", "api/recordings/tags")["tags"]
        self.assertEqual((tag["camera"], tag["title"], tag["created_by"]), ("cam1", "The postman", "admin"))
        self.browser.click(".tag-entry [data-part=remove]")
        self.browser.wait("!document.querySelector('.tag-entry')")

    def test_recording_is_started_paused_and_stopped(self) -> None:
        self.browser.open(self.daemon.url + "recordings.html#yard")
        word = "document.querySelector('#recorder .lamp').innerText"
        self.browser.wait(f"{word} === 'Not recording'")
        for button, now in (("start", "Recording"), ("pause", "Paused"), ("resume", "Recording"), ("stop", "Not recording")):
            self.browser.wait(f"document.querySelector('#recorder [data-part={button}]').checkVisibility()")
            self.browser.click(f"#recorder [data-part={button}]")
            self.browser.wait(f"{word} === {now!r}")
        self.browser.click("#recorder summary")
        self.assertTrue(self.browser.ask("document.getElementById('set/cameras/yard/recording/mode').checkVisibility()"))
        self.browser.wait("/B/.test(document.querySelector('#room [data-part=free]').innerText)")

    def test_who_may_only_watch_changes_nothing(self) -> None:
        self.ask("POST", "api/users", {"username": "watcher", "password": "Another-horse-8", "role": "viewer"})
        other = Browser()
        self.addCleanup(other.close)
        other.sign_in(self.daemon.url, "watcher", "Another-horse-8", "recordings.html")
        other.wait(_MARKS % ("cam1", "continuous"))
        shown = "[...document.querySelectorAll('.aside button, .aside input')].filter((one) => one.checkVisibility()).map((one) => one.dataset.part)"
        self.assertEqual(other.ask(shown), ["from", "from-here", "to", "to-here", "export"])
        self.ask("PUT", "api/roles/clerk", {"permissions": ["Storage_r"]})
        self.ask("PATCH", "api/users/watcher", {"role": "clerk"})
        other.open(self.daemon.url)
        other.open(self.daemon.url + "recordings.html")
        other.wait("document.getElementById('refused').checkVisibility()")
        self.assertFalse(other.ask("document.querySelector('[href=\"recordings.html\"]').checkVisibility()"))


class LogicTests(SynchronousTestCase):
    """The modules without DOM, run where they run."""

    skip = MISSING

    def setUp(self) -> None:
        self.browser = browser()
        self.browser.open(served().url + "login")

    def run_module(self, module: str, script: str) -> Any:
        """What `script`, the body of a function, returns; `m` is the module."""
        return self.browser.driver.execute_script(
            f"return import(new URL('timeline/{module}', document.baseURI)).then((m) => {{ {script} }});"
        )

    def test_days_are_as_long_as_the_clocks_make_them(self) -> None:
        self.browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Europe/Berlin"})
        self.addCleanup(self.browser.driver.execute_cdp_cmd, "Emulation.setTimezoneOverride", {"timezoneId": ""})
        hours, marks, none = self.run_module("day.js", """
          const days = ["2026-03-29", "2026-10-25", "2026-11-24"].map(m.dayFrom);
          return [
            days.map(({start, end}) => (end - start) / 3600e3),
            m.marksOf({from: days[2].start, to: days[2].start + 3600e3}, 6).map(({text}) => text),
            [m.dayFrom("2026-02-30"), m.dayFrom("today")],
          ];
        """)
        self.assertEqual(hours, [23, 25, 24])
        self.assertEqual(marks, ["00:00", "00:10", "00:20", "00:30", "00:40", "00:50", "01:00"])
        self.assertEqual(none, [None, None])

    def test_records_as_times(self) -> None:
        spans, until, at, size = self.run_module("span.js", """
          const video = (start, end, more = {}) => ({timestamp_start: start, timestamp_end: end, kind: "continuous",
            media_type: "video", codec: "h264", resolution: "1x1", size: end - start, ...more});
          const records = [video(0, 10_000), video(10_200, 20_000), video(25_000, 30_000, {kind: "event"}),
            video(30_000, 40_000, {codec: "hevc"}), video(50_000, 50_000, {media_type: "image", kind: "snapshot"})];
          return [
            m.spansOf(records).map(({start, end, kind}) => [start, end, kind]),
            [m.playableUntil(records, 5_000), m.playableUntil(records, 26_000), m.playableUntil(records, 22_000)],
            [m.recordAt(records, 22_000), m.recordAt(records, 51_000, 2_000).kind, m.nextAfter(records, 20_000).kind],
            m.bytesIn(records, 5_000, 12_000),
          ];
        """)
        self.assertEqual(spans, [[0, 20_000, "continuous"], [25_000, 30_000, "event"], [30_000, 40_000, "continuous"],
                                 [50_000, 50_000, "snapshot"]])  # fmt: skip
        self.assertEqual(until, [20_000, 30_000, 22_000])
        self.assertEqual(at, [None, "snapshot", "event"])
        self.assertEqual(size, 6_800)

    def test_pictures_of_records(self) -> None:
        addresses, moments, steps = self.run_module("span.js", """
          const video = {id: 7, media_type: "video", timestamp_start: 61_500};
          const lapse = (id, start) => ({id, media_type: "timelapse", timestamp_start: start});
          const records = [video, ...[0, 1, 2].map((id) => lapse(id, 3_600_000 + id)), lapse(3, 7_200_000)];
          return import(new URL("timeline/day.js", document.baseURI)).then((day) => [
            [m.thumbnailOf(video), m.thumbnailOf(video, 62_000, 5_000), m.thumbnailOf(video, 69_000, 5_000),
              m.thumbnailOf(lapse(9, 0), 69_000)],
            m.momentsOf(records).map(({id}) => id),
            [100, 1_001, 20_000, 1e12].map(day.stepOf),
          ]);
        """)
        path = "api/recordings/7/thumbnail.jpg"
        self.assertEqual(addresses, [path, path, path + "?at=65000", "api/recordings/9/thumbnail.jpg"])
        self.assertEqual(moments, [7, 0, 3])
        self.assertEqual(steps, [1_000, 5_000, 60_000, 21_600_000])

    def test_a_scale_stays_within_its_day(self) -> None:
        seen = self.run_module("scale.js", """
          const scale = new m.Scale({start: 0, end: 86_400_000});
          const seen = () => [scale.from, scale.to];
          scale.zoom(2, 0);
          const first = seen();
          scale.move(5);
          const last = seen();
          scale.zoom(1e9, 86_400_000);
          const shortest = scale.length;
          scale.reveal(0);
          const begin = scale.from;
          scale.zoom(1e-9, 0);
          return [first, last, shortest, begin, scale.isWhole];
        """)
        self.assertEqual(seen, [[0, 43_200_000], [43_200_000, 86_400_000], 60_000, 0, True])
