"""Backup, restore and factory reset on the page, in a real browser: downloads, files that are chosen, and a camd that
starts again."""

from __future__ import annotations

import base64
import io
import shutil
import tempfile
import zipfile
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from camd.auth.accounts import Accounts
from camd.auth.passwords import Hashing
from camd.backup.archive import pack, unpack

from . import shared
from .browser import MISSING, Browser, text_of
from .daemon import PASSWORD, Daemon
from .waiting import wait_for

_CONFIG = """
https = "off"
[cameras.cam1]
name = "Workshop"
source = "test:"
size = "320x180"
fps = 5
"""
_PASSPHRASE = "correct horse battery"
_DIALOG = "document.querySelector('dialog[open]')"
_OPEN = "document.querySelector('[data-section=backup]:not([hidden])')"
_EX_AGAIN = 75


@cache
def served() -> Daemon:
    """The daemon of all tests here; "admin" administers it, "olga" is an operator."""
    daemon = Daemon(_CONFIG)
    (daemon.directory / "data").mkdir(0o700)
    shared.until_others(__name__, daemon.remove)
    populate(daemon)
    daemon.start()
    shared.until_others(__name__, daemon.stop)
    return daemon


def populate(daemon: Daemon) -> None:
    """Users whose hashes cost nothing, for a daemon that does not run."""
    accounts = Accounts(daemon.directory / "data")
    accounts.open()
    for name, role in (("admin", "administrator"), ("olga", "operator")):
        accounts.add_user(name, Hashing(8, 1).hash(PASSWORD), role)
    accounts.close()


@cache
def browser() -> Browser:
    one = Browser()
    shared.until_others(__name__, one.close)
    return one


class BackupPageTests(SynchronousTestCase):
    skip = MISSING

    def setUp(self) -> None:
        self.daemon = served()
        self.folder = Path(tempfile.mkdtemp(prefix="camd-backups-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.browser = browser()
        self.browser.driver.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(self.folder)}
        )

    def enter(self) -> None:
        self.browser.sign_in(self.daemon.url, "admin", PASSWORD, "settings.html#backup")
        self.browser.wait(_OPEN)
        self.browser.errors()

    def download(self) -> bytes:
        """What the page gives, and is then gone from the folder."""
        self.browser.click("[data-part=make-form] [type=submit]")
        self.browser.wait(f"{text_of('[data-part=make-form] [data-part=message]')}.includes('Keep it where')")
        wait_for(lambda: any(self.folder.glob("camd-*.zip")))
        (file,) = self.folder.glob("camd-*.zip")
        data = file.read_bytes()
        file.unlink()
        return data

    def choose(self, name: str, data: bytes) -> None:
        file = self.folder / name
        file.write_bytes(data)
        self.browser.find("#backup-file").send_keys(str(file))

    def revive(self) -> None:
        """Start camd again when it has ended, as systemd would."""
        child = self.daemon._child
        assert child is not None
        self.assertEqual(child.wait(20), _EX_AGAIN)
        self.daemon.stop()
        self.daemon.start()

    def test_out_and_in_again(self) -> None:
        self.enter()
        self.assertNotIn("secret.key", unpack(self.download()))
        form = "[data-part=make-form]"
        self.browser.click(f"{form} input[value=with]")
        self.browser.fill("#backup-passphrase", "aaaa1234")
        self.assertEqual(self.browser.ask(text_of("#backup-strength")), "Weak")
        self.browser.find("#backup-passphrase").clear()
        self.browser.fill("#backup-passphrase", _PASSPHRASE)
        self.browser.fill("#backup-again", "something else")
        self.assertEqual(self.browser.ask(text_of("#backup-strength")), "Strong")
        self.browser.click(f"{form} [type=submit]")
        self.assertIn("another", self.browser.ask(text_of(f"{form} [data-error=again]")))
        self.browser.find("#backup-again").clear()
        self.browser.fill("#backup-again", _PASSPHRASE)
        sealed = self.download()
        self.assertIn("secret.key", unpack(sealed, _PASSPHRASE))
        self.assertEqual(self.browser.ask("document.querySelector('#backup-passphrase').value"), "")

        error = text_of("[data-part=restore] [data-error=file]")
        self.browser.click("[data-part=restore] [type=submit]")
        self.assertIn("Choose", self.browser.ask(error))
        self.choose("holiday.zip", b"PK\3\4 nothing")
        self.browser.wait(f"{error}.includes('no backup of camd')")
        self.choose("backup.zip", sealed)
        self.browser.wait(f"{text_of('[data-part=restore]')}.includes('encrypted')")
        self.assertEqual(self.browser.ask(error), "")
        self.browser.fill("#restore-passphrase", "wrong one altogether")
        self.restore()
        self.browser.wait(f"{text_of('[data-part=restore] [data-error=passphrase]')}.includes('not the one')")
        self.browser.errors()  # the browser reports the refusal

        self.daemon.camd("user", "role", "olga", "viewer")
        self.browser.find("#restore-passphrase").clear()
        self.browser.fill("#restore-passphrase", _PASSPHRASE)
        self.restore()
        self.browser.wait(f"{text_of('[data-part=starting]')}.includes('starts again')")
        self.revive()
        self.browser.wait("location.pathname.endsWith('/login')", timeout=20)
        self.assertRegex(self.daemon.camd("user", "list"), "olga +operator")

    def restore(self) -> None:
        self.browser.click("[data-part=restore] [type=submit]")
        self.browser.wait(_DIALOG)
        self.browser.click("dialog[open] [data-part=yes]")

    def test_what_is_in_a_dropped_file_is_told_and_cancelled(self) -> None:
        self.enter()
        data = base64.b64encode(self.download()).decode()
        self.browser.driver.execute_script("""
          const file = new File([Uint8Array.from(atob(arguments[0]), (one) => one.charCodeAt(0))], "camd.zip");
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(file);
          document.querySelector("[data-part=drop]").dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true}));
        """, data)
        told = text_of("[data-part=chosen]")
        self.browser.wait(f"{told}.includes('users, roles and tokens')")
        self.assertEqual(self.browser.ask("document.querySelector('#backup-file').files[0].name"), "camd.zip")
        self.assertFalse(self.browser.ask("document.querySelector('#restore-passphrase').checkVisibility()"))
        self.browser.click("[data-part=restore] [type=submit]")
        self.browser.wait(_DIALOG)
        self.browser.click("dialog[open] [data-part=no]")
        self.browser.wait(f"!{_DIALOG}")
        self.assertEqual(self.browser.find("[data-part=restore] [data-part=message]").text, "")
        self.assertEqual(self.browser.errors(), [])

    def test_reset_asks_for_the_name_and_leads_to_the_setup(self) -> None:
        self.enter()
        self.browser.fill("#reset-name", "something\n")
        self.browser.wait(f"{text_of('[data-part=reset] [data-error=name]')}.includes('Type ')")
        self.browser.find("#reset-name").clear()
        self.browser.fill("#reset-name", self.browser.ask(text_of("[data-part=system]")) + "\n")
        self.browser.wait(_DIALOG)
        self.browser.click("dialog[open] [data-part=yes]")
        self.browser.wait(f"{text_of('[data-part=starting]')}.includes('starts again')")
        self.revive()
        self.browser.wait("location.pathname.endsWith('/setup')", timeout=20)
        self.daemon.stop()
        populate(self.daemon)
        self.daemon.start()

    def test_whom_it_is_shown(self) -> None:
        self.browser.sign_in(self.daemon.url, "olga", PASSWORD, "settings.html#backup")
        self.browser.wait("document.querySelector('[data-section=account]:not([hidden])')")
        self.assertEqual(self.browser.ask("document.querySelectorAll('a[href$=\"#backup\"]:not([hidden])').length"), 0)

    def test_a_backup_is_told_from_other_files(self) -> None:
        self.browser.open(self.daemon.url + "login")
        archives = [pack({"state.json": b"{}", "tls/key.pem": b"k"}, 1e9), pack({"state.json": b"{}"}, 1e9, _PASSPHRASE)]
        others = [b"", b"PK", archives[0][:-30], archives[0] + b"a comment" + bytes(9 << 19), _zip("camd.json", "[]")]
        found = self.browser.driver.execute_async_script("""
          const [files, done] = arguments;
          import("/settings/archive.js").then(async (m) => {
            const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
            const look = (text) => m.contentsOf(new File([bytes(text)], "x.zip")).catch((error) => error.message);
            const told = await Promise.all(files.map(look));
            done([...told, m.filesInWords(told[0].files), m.filesInWords([])]);
          });
        """, [base64.b64encode(data).decode() for data in (*archives, *others)])
        self.assertEqual([(one["encrypted"], one["created"], one["files"]) for one in found[:2]], [
            (False, 1e12, ["state.json", "tls/key.pem"]), (True, 1e12, []),
        ])
        self.assertEqual(["no backup" in text for text in found[2:7]], [True, True, True, False, True])
        self.assertIn("camd restore x.zip", found[5])
        self.assertEqual(found[7:], ["Settings of cameras and plugins; certificate", "Nothing"])

    def test_how_good_a_passphrase_is(self) -> None:
        self.browser.open(self.daemon.url + "login")
        texts = ["", "short", "aaaaaaaaaaaaaaaa", "password", "abcdefgh12345678", "Tr0ub4dor&3", "correct horse battery"]
        found = self.browser.driver.execute_async_script("""
          const [texts, done] = arguments;
          import("/settings/strength.js").then((m) => done(texts.map((text) => m.strengthOf(text).word)));
        """, texts)
        self.assertEqual(found[0], "")
        self.assertIn("Too short", found[1])
        self.assertEqual(found[2:], ["Weak", "Weak", "Weak", "Fair", "Strong"])


def _zip(name: str, text: str) -> bytes:
    """Made by somebody else."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, text)
    return data.getvalue()
