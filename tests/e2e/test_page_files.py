"""Files on the page: brought with a progress bar, by choosing and by dropping; listed, taken along, deleted."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from . import shared
from .browser import MISSING, Browser
from .daemon import PASSWORD, Daemon
from .test_page_recordings import ask

_NAMES = "[...document.querySelectorAll('.entry-name a')].map((one) => one.innerText)"
_TROUBLE = "document.querySelector('.upload[data-tone=bad] [data-part=word]')?.innerText"
#: Keeps what the page's progress bars show, and what it would download.
_KEEP = """
  window.progress = []; window.fetched = [];
  const value = Object.getOwnPropertyDescriptor(HTMLProgressElement.prototype, "value");
  Object.defineProperty(HTMLProgressElement.prototype, "value", {
    ...value, set(share) { window.progress.push(share); value.set.call(this, share); },
  });
  const click = HTMLAnchorElement.prototype.click;
  HTMLAnchorElement.prototype.click = function () { window.fetched.push(this.href); };
"""
_DROP = """
  const data = new DataTransfer();
  data.items.add(new File(["dropped"], "dropped.txt"));
  for (const kind of ["dragover", "drop"]) {
    document.querySelector(".shelf").dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
  }
"""


@cache
def served() -> Daemon:
    """The daemon of all tests here; files may take 8 MB together."""
    daemon = Daemon('[limits]\nfiles = 8000000\n[cameras.cam1]\nsource = "test:"\n', arguments=["--https", "off"], admin=True)
    shared.until_others(__name__, daemon.remove)
    daemon.start()
    shared.until_others(__name__, daemon.stop)
    return daemon


@cache
def browser() -> Browser:
    """The browser of all tests here, in which the administrator is signed in."""
    one = Browser()
    shared.until_others(__name__, one.close)
    one.before(_KEEP)
    one.sign_in(served().url, "admin", PASSWORD)
    return one


class FilesTests(SynchronousTestCase):
    skip = MISSING

    def setUp(self) -> None:
        self.daemon, self.browser = served(), browser()
        self.root = self.daemon.directory / "data" / "files"
        self.addCleanup(self.tidy)
        self.place = Path(tempfile.mkdtemp(prefix="camd-page-"))
        self.addCleanup(shutil.rmtree, self.place)
        self.show()
        self.browser.errors()

    def tidy(self) -> None:
        for entry in ask(self.daemon, "GET", "api/files")["files"]:
            ask(self.daemon, "DELETE", f"files/{quote(entry['name'])}?recursive=true")

    def show(self, folder: str = "") -> None:
        self.browser.open("about:blank")
        self.browser.open(f"{self.daemon.url}files.html#{folder}")
        self.browser.wait("document.getElementById('filing').checkVisibility() && document.body.dataset.phase === 'open'")

    def bring(self, name: str, size: int) -> Path:
        path = self.place / name
        path.write_bytes(os.urandom(size))
        self.browser.driver.execute_script("document.getElementById('chosen').classList.remove('unseen')")
        self.browser.find("#chosen").send_keys(str(path))
        return path

    def test_a_file_is_brought_with_progress_and_taken(self) -> None:
        self.assertTrue(self.browser.wait("document.getElementById('nothing').checkVisibility()"))
        path = self.bring("plan ä.bin", 5_000_000)
        self.browser.wait(f"{_NAMES}.join() === 'plan ä.bin'")
        self.assertEqual((self.root / "plan ä.bin").read_bytes(), path.read_bytes())
        shares = self.browser.ask("window.progress")
        self.assertEqual((shares, shares[-1]), (sorted(shares), 1))
        self.assertGreater(len(shares), 2)
        self.browser.wait("document.getElementById('room').innerText === '1 file, 5.00 MB'")
        got = self.browser.driver.execute_async_script(
            "const done = arguments[0]; fetch(document.querySelector('.entry-name a').href)"
            ".then((answer) => answer.blob()).then(({size}) => done(size))"
        )
        self.assertEqual(got, 5_000_000)
        self.assertEqual(self.browser.errors(), [])

    def test_what_is_dropped_lands_in_the_folder_that_is_shown(self) -> None:
        self.browser.fill("#folder-name", "overlays\n")
        self.browser.wait("document.getElementById('nothing').innerText.includes('makes this folder')")
        self.browser.wait("document.querySelector('.trail [aria-current]').innerText === 'overlays'")
        self.browser.driver.execute_script(_DROP)
        self.browser.wait(f"{_NAMES}.join() === 'dropped.txt'")
        self.assertEqual((self.root / "overlays" / "dropped.txt").read_text(), "dropped")
        self.browser.click(".trail a")
        self.browser.wait(f"{_NAMES}.join() === 'overlays'")
        self.browser.click(".entry-name a")
        self.browser.wait(f"{_NAMES}.join() === 'dropped.txt'")
        self.browser.driver.execute_script(_DROP)  # once more: there is one
        self.browser.wait("document.querySelector('.upload [data-part=replace]')?.checkVisibility()")
        self.assertEqual(self.browser.ask(_TROUBLE), "There is one of this name already.")
        self.browser.click(".upload [data-part=replace]")
        self.browser.wait("document.querySelector('.upload[data-tone=good]')")

    def test_errors_are_said(self) -> None:
        self.bring("large.bin", 9_000_000)
        self.assertIn("8000000 bytes", self.browser.wait(_TROUBLE))
        self.assertEqual([path.name for path in self.root.rglob("*")], [])
        self.browser.click(".upload [data-part=cancel]")
        self.browser.wait("!document.querySelector('.upload')")
        self.bring("con", 5)
        self.browser.wait(_TROUBLE)

    def test_a_selection_is_taken_as_a_zip_and_deleted(self) -> None:
        for name in ("one.txt", "two.txt", "three.jpg"):
            (self.root / name).write_text(name)
        self.show()
        self.browser.wait(f"{_NAMES}.length === 3")
        self.browser.fill("#filter", "txt")
        self.browser.wait(f"{_NAMES}.join() === 'one.txt,two.txt'")
        self.browser.click("#every")
        self.browser.click("#zip")
        [address] = self.browser.ask("window.fetched")
        self.assertIn("api/files/zip?path=%2Fone.txt&path=%2Ftwo.txt", address)
        self.browser.click("#delete")
        self.browser.click("dialog [data-part=no]")
        self.browser.click("#delete")
        self.browser.click("dialog [data-part=yes]")
        self.browser.wait("document.getElementById('nothing').checkVisibility()")
        self.assertIn("such a name", self.browser.ask("document.getElementById('nothing').innerText"))
        self.assertEqual([path.name for path in self.root.iterdir()], ["three.jpg"])

    def test_who_may_only_read_changes_nothing(self) -> None:
        ask(self.daemon, "PUT", "api/roles/reader", {"permissions": ["Storage_r"]})
        ask(self.daemon, "POST", "api/users", {"username": "reader", "password": "Another-horse-8", "role": "reader"})
        (self.root / "one.txt").write_text("one")
        other = Browser()
        self.addCleanup(other.close)
        other.sign_in(self.daemon.url, "reader", "Another-horse-8", "files.html")
        other.wait(f"{_NAMES}.join() === 'one.txt'")
        for tool in ("pick", "delete"):
            self.assertFalse(other.ask(f"document.getElementById('{tool}').checkVisibility()"))
        ask(self.daemon, "PUT", "api/roles/reader", {"permissions": ["Media_r"]})
        other.wait("document.getElementById('refused').checkVisibility()")
