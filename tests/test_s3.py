"""The parts of the S3 plugin: signatures as the reference has them, what is next, and what the journal
keeps."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from camd_plugins import s3
from camd_plugins.s3.copy import Upload
from camd_plugins.s3.journal import Journal
from camd_plugins.s3.service import EVERY, LAST_WORDS, Copies
from camd_plugins.s3.signature import Credentials, encode, sign
from camd_plugins.s3.work import PAGE, look
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.record.index import MIGRATIONS
from camd.state import EVERYONE
from camd.testing import app_for_tests

#: The moment of the examples in the reference: 2013-05-24T00:00:00Z.
MOMENT = 1369353600.0
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class SignatureTests(SynchronousTestCase):
    """The four examples of the Amazon S3 API Reference."""

    def signature(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], payload: str
    ) -> str:
        signed = sign(KEYS, method, "examplebucket.s3.amazonaws.com", path, query, headers, payload, MOMENT)
        self.assertEqual(signed["x-amz-date"], "20130524T000000Z")
        return signed["authorization"].rpartition("Signature=")[2]

    def test_get(self) -> None:
        self.assertEqual(
            self.signature("GET", "/test.txt", {}, {"Range": "bytes=0-9"}, EMPTY),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        )

    def test_put(self) -> None:
        headers = {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
        payload = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
        self.assertEqual(
            self.signature("PUT", "/test$file.text", {}, headers, payload),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        )

    def test_queries(self) -> None:
        self.assertEqual(
            self.signature("GET", "/", {"lifecycle": ""}, {}, EMPTY),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        )
        self.assertEqual(
            self.signature("GET", "/", {"prefix": "J", "max-keys": "2"}, {}, EMPTY),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        )

    def test_names(self) -> None:
        self.assertEqual(encode("/a b/ü+~.x"), "/a%20b/%C3%BC%2B~.x")

    def test_the_secret_does_not_show(self) -> None:
        self.assertNotIn("wJalr", repr(KEYS))


class WorkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.index = sqlite3.connect(":memory:", isolation_level=None)
        self.addCleanup(self.index.close)
        for path in sorted(MIGRATIONS.glob("*.sql")):
            self.index.executescript(path.read_text())

    def add(self, state: str = "ready") -> int:
        cursor = self.index.execute(
            "INSERT INTO records (filename, camera, kind, media_type, encoding, timestamp_start,"
            " timestamp_end, state, sha256)"
            " VALUES (?, 'cam1', 'manual', 'video', 'mp4', 1000, 5000, ?, x'AB')",
            (f"cam1/{self.index.total_changes}.mp4", state),
        )
        return cursor.lastrowid or 0

    def next(self, after: int = 0, done: set[int] = frozenset()) -> Any:  # type: ignore[assignment]
        found = look(self.index, after, done)
        return (found.work.id if found.work else None, found.after, found.waiting)

    def test_nothing(self) -> None:
        self.assertEqual(self.next(), (None, 0, 0))

    def test_the_oldest_first(self) -> None:
        first, second = self.add(), self.add()
        self.assertEqual(self.next(), (first, 0, 2))
        self.assertEqual(self.next(0, {first}), (second, first, 1))
        self.assertEqual(self.next(first), (second, first, 1))
        self.assertEqual(self.next(first, {second}), (None, second, 0))
        work = look(self.index, 0, ()).work
        self.assertEqual((work.digest, work.since, work.key), ("ab", 5.0, f"recordings/{work.name}"))

    def test_one_that_grows_is_waited_for(self) -> None:
        growing, whole = self.add("recording"), self.add()
        self.assertEqual(self.next(), (whole, 0, 1))
        self.assertEqual(self.next(0, {whole}), (None, 0, 0))
        self.index.execute("UPDATE records SET state = 'ready' WHERE id = ?", (growing,))
        self.assertEqual(self.next(0, {whole}), (growing, 0, 1))

    def test_what_is_defect_or_goes_needs_no_copy(self) -> None:
        self.add("defect")
        gone = self.add("removing")
        self.assertEqual(self.next(), (None, gone, 0))

    def test_many(self) -> None:
        self.add("recording")
        done = {self.add() for _ in range(PAGE + 10)}
        last = self.add()
        self.assertEqual(self.next(0, done), (last, 0, 1))

    def test_another_index(self) -> None:
        self.add()
        self.assertEqual(self.next(99), (None, -1, 0))


class JournalTests(SynchronousTestCase):
    def test_kept(self) -> None:
        path = Path(self.mktemp())
        one, other = Journal(path), Journal(path)
        one.read()
        one.forget("there")
        one.after, one.done, one.files, one.upload = 7, {9, 8}, {"a/b": 1.5}, Upload("k", "i", "d")
        one.write()
        other.read()
        self.assertEqual(
            (other.place, other.after, other.done, other.files, other.upload),
            ("there", 7, {8, 9}, {"a/b": 1.5}, Upload("k", "i", "d")),
        )

    def test_damaged(self) -> None:
        for text in ("", "[]", "{}", '{"place": "", "after": 1, "done": [], "files": [], "upload": null}'):
            path = Path(self.mktemp())
            path.write_text(text)
            journal = Journal(path)
            journal.read()
            self.assertEqual((journal.place, journal.after), ("", 0))


class OptionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.app = app_for_tests(self.folder, {"s3": s3})
        self.addCleanup(self.app.extensions.stop_services)

    def set(self, name: str, value: Any) -> Any:
        return self.app.state[f"s3/{name}"].set(value, EVERYONE)

    def test_off_by_default(self) -> None:
        self.app.reactor.advance(EVERY)
        self.assertEqual(
            [self.app.state[f"s3/{name}"].value for name in ("state", "lag", "waiting")], ["off", 0, 0]
        )

    def test_the_secret_goes_in_and_never_out(self) -> None:
        self.assertEqual(self.successResultOf(self.set("secret_key", "Very-secret-1")), "set")
        self.assertEqual((self.folder / "s3.key").stat().st_mode & 0o777, 0o600)
        self.assertNotIn("Very-secret-1", str(self.app.state.describe()) + str(self.app.state.saved))
        self.successResultOf(self.set("secret_key", "set"))
        self.assertEqual((self.folder / "s3.key").read_text(), "Very-secret-1")
        self.assertEqual(self.successResultOf(self.set("secret_key", "")), "")
        self.assertEqual((self.folder / "s3.key").read_text(), "")

    def test_the_end_waits_for_no_server(self) -> None:
        copies = Copies(app_for_tests(Path(self.mktemp())))
        self.successResultOf(Deferred.fromCoroutine(copies.startService()))
        copies._round = Deferred()
        stopped = Deferred.fromCoroutine(copies.stopService())
        self.assertNoResult(stopped)
        copies._app.reactor.advance(LAST_WORDS)
        self.successResultOf(stopped)

    def test_what_is_refused(self) -> None:
        for name, value in (
            ("endpoint", "ftp://x"),
            ("endpoint", "https://"),
            ("endpoint", "https://a@b"),
            ("endpoint", "https://x:99999"),
            ("endpoint", "https://x/?y"),
            ("bucket", "A b"),
            ("region", ""),
            ("prefix", "a b"),
            ("access_key", "a\r\nb"),
            ("secret_key", "ä"),
        ):
            self.failureResultOf(self.set(name, value), Invalid)
