"""A backup of one real camd, restored into another that runs, and into one that does not; and a factory
reset."""

from __future__ import annotations

import base64
import json
import zipfile
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from twisted.trial.unittest import TestCase

from .daemon import Daemon

PASSPHRASE = "correct horse battery"
EX_AGAIN = 75


def ask(camd: Daemon, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    """Status and body, as the administrator."""
    headers = {"Authorization": f"Bearer {camd.token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = Request(camd.url.rstrip("/") + path, data, headers, method=method)
    try:
        with urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def ended(camd: Daemon) -> int:
    """The exit code of a daemon that ends by itself."""
    child = camd._child
    assert child is not None
    child.wait(20)
    camd.stop()
    return child.returncode


class BackupTests(TestCase):
    timeout = 120

    def daemon(self, **options: Any) -> Daemon:
        camd = Daemon(
            'https = "off"\nrtsp = "off"\nrtsps = "off"\n[cameras.cam1]\nsource = "test:"\n',
            admin=True,
            **options,
        )
        self.addCleanup(camd.remove)
        self.addCleanup(camd.stop)
        camd.start()
        return camd

    def test_from_one_to_the_other(self) -> None:
        old, new = self.daemon(), self.daemon()
        name = "cameras/cam1/brightness"
        self.assertEqual(ask(old, "PUT", f"/api/state/{name}", {"value": 12})[0], 200)
        self.assertEqual(ask(old, "PATCH", "/api/config/websocket", {"max_clients": 77})[0], 200)
        old.stop()  # what was set is saved now
        file = old.directory / "backup.zip"
        phrase = old.directory / "phrase"
        phrase.write_text(PASSPHRASE)
        old.camd("backup", str(file), "--passphrase-file", str(phrase))
        with zipfile.ZipFile(file) as found:
            self.assertEqual(found.namelist(), ["camd.json", "content.enc"])

        before = (new.directory / "data" / "secret.key").read_bytes()
        body = {"archive": base64.b64encode(file.read_bytes()).decode(), "passphrase": "something else"}
        self.assertEqual(ask(new, "POST", "/api/restore", body)[0], 422)
        with self.assertRaises(AssertionError) as refused:
            new.camd("restore", str(file), "--passphrase-file", str(phrase))
        self.assertIn("stop it first", str(refused.exception))
        status, told = ask(new, "POST", "/api/restore", {**body, "passphrase": PASSPHRASE})
        self.assertEqual(status, 202, told)
        self.assertEqual(ended(new), EX_AGAIN)
        self.assertEqual(
            (new.directory / "data" / "secret.key").read_bytes(), before, "not before the next start"
        )
        new.start()
        self.assertIn("restore: done", new.log)
        new.token = old.token  # the users are the old one's
        self.assertEqual(json.loads(ask(new, "GET", f"/api/state/{name}")[1])["value"], 12)
        self.assertEqual(json.loads(ask(new, "GET", "/api/config/websocket")[1])["max_clients"], 77)
        self.assertNotEqual((new.directory / "data" / "secret.key").read_bytes(), before)

    def test_as_new(self) -> None:
        camd = self.daemon()
        status, told = ask(camd, "POST", "/api", {"call": "system.factory_reset", "args": {}})
        self.assertEqual((status, json.loads(told)), (200, {"result": True}))
        self.assertEqual(ended(camd), EX_AGAIN)
        camd.start()
        self.assertIn("set up", camd.log)
        self.assertEqual(ask(camd, "GET", "/api/me")[0], 403)
