"""Backup, restore and factory reset: nothing is lost, nothing half done, and no stranger's file is
believed."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from camd.auth.accounts import Accounts
from camd.auth.camera_login import open_login, seal_login
from camd.auth.database import Database
from camd.backup import archive, calls, pending
from camd.backup.archive import WrongPassphrase, pack, unpack
from camd.backup.backup import make_backup, prepare_reset, prepare_restore
from camd.backup.backups import LAST_WORDS
from camd.backup.in_use import alone, hold
from camd.config import load
from camd.errors import CamdError, ConfigError, Conflict, Invalid
from camd.record.changes import Began, begin, category, tag
from camd.record.entries import Tag
from camd.record.index import MIGRATIONS

from .auth_case import CHEAP, PASSWORD, with_accounts
from .edge_case import EdgeCase
from .test_cli import CliCase

NOW = 1_800_000_000.0
PASSPHRASE = "correct horse battery"


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, as bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "camd.lock"
    }


class DataCase(SynchronousTestCase):
    """Two data directories: `old`, which is full of things, and `new`, which is empty."""

    def setUp(self) -> None:
        self.old, self.new = (Path(self.mktemp()).absolute() for _ in range(2))
        self.old.mkdir()
        self.new.mkdir()
        fill(self.old)

    def read(self, text: str) -> Any:
        return load(None, environ={}, options={"data-dir": str(self.new)}, store=text)

    def restore(self, data: bytes, passphrase: str = "", to: Path | None = None) -> list[str]:
        files = prepare_restore(to or self.new, data, self.read, NOW, passphrase)
        self.assertEqual(pending.carry_out(to or self.new, int(NOW * 1000)), "restore")
        return files


def fill(data: Path) -> None:
    sealed = seal_login(data, "front", {"source": "rtsp://ann:Secret-9@192.0.2.1/x"})
    (data / "config.toml").write_text(
        "# by hand\n[cameras.front]\n"
        + "".join(f"{key} = {json.dumps(value)}\n" for key, value in sealed.items())
    )
    (data / "state.json").write_text('{"cameras/front/brightness": 40}')
    (data / "tls").mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        (data / "tls" / name).write_text(name)

    def people(accounts: Accounts) -> None:
        accounts.add_user("admin", CHEAP.hash(PASSWORD), "administrator")

    with_accounts(data, people)
    add_marks(data)
    for name in ("media/front/a.mp4", "files/letter.txt", "audit.jsonl", "audit.jsonl.1", "camd.db.v1"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("x")


def add_marks(data: Path) -> None:
    index = Database(data / "index.db", MIGRATIONS)
    index.open(0)
    with index.writing() as connection:
        category(connection, 7, "Birds", "#00ff00", 5)
        begin(connection, Began("front/a.mp4", "front", "manual", "h264", 1000))
        connection.execute("UPDATE records SET timestamp_end = 3000, state = 'ready'")
        tag(connection, Tag(0, 2000, "a wren", "small", "front", 7, "ann"))
    index.close()


def rows(path: Path, question: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchall()


class ArchiveTests(SynchronousTestCase):
    FILES: ClassVar = {"config.toml": b"x = 1\n", "camd.db": bytes(5000)}

    def test_there_and_back(self) -> None:
        for passphrase in ("", PASSPHRASE):
            self.assertEqual(unpack(pack(self.FILES, NOW, passphrase), passphrase), self.FILES)

    def test_others_can_read_what_is_no_secret(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(pack(self.FILES, 0.0))  # a board without a clock
        listed = subprocess.run(
            ["python3", "-m", "zipfile", "-l", path], capture_output=True, text=True, check=True
        )
        self.assertIn("config.toml", listed.stdout)
        if shutil.which("unzip"):
            subprocess.run(["unzip", "-tq", path], check=True, stdout=subprocess.DEVNULL)

    def test_nothing_shows_of_what_is_encrypted(self) -> None:
        data = pack({"config.toml": b"secret-word" * 100}, NOW, PASSPHRASE)
        self.assertNotIn(b"secret-word", data)
        with zipfile.ZipFile(io.BytesIO(data)) as found:
            self.assertEqual(found.namelist(), ["camd.json", "content.enc"])
            self.assertNotIn(b"config.toml", found.read("camd.json"))

    def test_wrong_passphrases(self) -> None:
        data = pack(self.FILES, NOW, PASSPHRASE)
        self.assertRaises(WrongPassphrase, unpack, data, PASSPHRASE + "!")
        self.assertIn("is needed", str(self.assertRaises(Invalid, unpack, data)))
        self.assertRaises(Invalid, pack, self.FILES, NOW, "short")

    def test_every_byte_counts(self) -> None:
        """Whatever is changed on the way, it is refused, or was of no consequence."""
        for passphrase in ("", PASSPHRASE):
            self.patch(archive, "_COST", {"n": 2, "r": 8, "p": 1})
            data = pack({"config.toml": b"x = 1\n" * 9}, NOW, passphrase)
            for place in range(0, len(data), 3):
                changed = bytearray(data)
                changed[place] ^= 0x41
                try:
                    self.assertEqual(unpack(bytes(changed), passphrase), {"config.toml": b"x = 1\n" * 9})
                except Invalid:
                    pass

    def test_cut_off(self) -> None:
        data = pack(self.FILES, NOW)
        for length in range(0, len(data) - 1, 7):
            self.assertRaises(Invalid, unpack, data[:length])

    def test_strangers(self) -> None:
        def packed(files: dict[str, bytes], names: Any = None) -> bytes:
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
                for name, data in files.items():
                    made.writestr(name, data)
            return out.getvalue()

        def about(**fields: Any) -> dict[str, bytes]:
            return {"camd.json": json.dumps({"format": 1, **fields}).encode()}

        kdf = {"kdf": "scrypt", "salt": "00", "n": 1 << 15, "r": 8, "p": 1}
        for data in (
            b"", b"PK", b"x" * 9999, packed({}), packed({"camd.json": b"[]"}), packed(about()),
            packed(about(files={"a": 1})), packed({**about(files={"a": {"sha256": "0"}}), "a": b"x"}),
            packed({**about(files={}), "a": b"x"}),
            packed(about(format=2, files={})),
            packed({f"f{number}": b"" for number in range(99)}),
            packed({"camd.json": bytes(80 << 20)}),  # a bomb
            *(packed(about(encryption={**kdf, **wrong}))
              for wrong in ({"n": 1 << 30}, {"n": 3}, {"r": 99}, {"p": 0}, {"salt": "x"}, {"kdf": "?"},
                            {"n": "2"})),
        ):  # fmt: skip
            self.assertRaises(Invalid, unpack, data, PASSPHRASE)


class RestoreTests(DataCase):
    def test_with_secrets_all_of_it(self) -> None:
        self.restore(make_backup(self.old, NOW, PASSPHRASE), PASSPHRASE)
        for name in ("config.toml", "state.json", "secret.key", "tls/privkey.pem"):
            self.assertEqual((self.new / name).read_bytes(), (self.old / name).read_bytes(), name)
            self.assertEqual(stat.S_IMODE((self.new / name).stat().st_mode), 0o600, name)
        config = self.read((self.new / "config.toml").read_text())
        self.assertEqual(open_login(self.new, config.cameras["front"]), ("ann", "Secret-9"))
        accounts = Accounts(self.new)
        self.assertEqual(list(accounts.open().by_name), ["admin"])
        accounts.close()
        found = rows(
            self.new / "index.db", "SELECT category_id, camera, timestamp, title, note, created_by FROM tags"
        )
        self.assertEqual(found, [(7, "front", 2000, "a wren", "small", "ann")])
        self.assertEqual(
            rows(self.new / "index.db", "SELECT * FROM categories"), [(7, "Birds", "#00ff00", 5)]
        )
        self.assertFalse((self.new / "pending").exists())
        self.assertEqual([path.name for path in self.new.glob(".*")], [])

    def test_without_a_passphrase_no_secrets(self) -> None:
        data = make_backup(self.old, NOW)
        self.assertEqual(sorted(unpack(data)), ["camd.db", "config.toml", "index.json", "state.json"])
        for secret in ((self.old / "secret.key").read_bytes(), b"privkey", b"Secret-9"):
            self.assertFalse(any(secret in content for content in unpack(data).values()))
        before = (self.old / "secret.key").read_bytes()
        self.restore(data, to=self.old)
        self.assertEqual((self.old / "secret.key").read_bytes(), before, "those that are there stay")

    def test_records_stay_and_count_their_tags(self) -> None:
        data = make_backup(self.old, NOW)
        with closing(sqlite3.connect(self.old / "index.db", isolation_level=None)) as index:
            index.execute("DELETE FROM tags")
            index.execute("UPDATE records SET tag_markers = 0")
        self.restore(data, to=self.old)
        self.assertEqual(
            rows(self.old / "index.db", "SELECT filename, tag_markers FROM records"), [("front/a.mp4", 1)]
        )

    def test_what_was_not_there_goes(self) -> None:
        data = make_backup(self.old, NOW)
        files = {name: content for name, content in unpack(data).items() if name == "camd.db"}
        (self.new / "config.toml").write_text("")
        (self.new / "camd.db-wal").write_text("of another database")
        self.restore(pack(files, NOW))
        self.assertEqual(sorted(path.name for path in self.new.iterdir()), ["camd.db"])

    def refused(self, files: dict[str, bytes], error: type[Exception] = CamdError) -> None:
        before = tree(self.old)
        self.assertRaises(error, prepare_restore, self.old, pack(files, NOW), self.read, NOW)
        self.assertEqual(tree(self.old), before)

    def test_nothing_changes_if_anything_is_wrong(self) -> None:
        good = unpack(make_backup(self.old, NOW, PASSPHRASE), PASSPHRASE)
        self.refused({**good, "config.toml": b"http = 99\n"}, ConfigError)
        for name, data in {
            "config.toml": b"\xff", "state.json": b"[]", "index.json": b"{}", "camd.db": b"no database" * 99,
            "secret.key": b"short", "../evil": b"x", "tls/evil": b"x", "media/x": b"x", "camd.lock": b"x",
        }.items():  # fmt: skip
            self.refused({**good, name: data})
        self.refused({})
        self.refused({"tls/privkey.pem": b"x"})
        before = tree(self.old)
        self.assertRaises(
            WrongPassphrase,
            prepare_restore,
            self.old,
            make_backup(self.old, NOW, PASSPHRASE),
            self.read,
            NOW,
            "another passphrase",
        )
        self.assertEqual(tree(self.old), before)

    def test_power_cuts(self) -> None:
        """Whatever step of it was the last one, the next start finishes."""
        data = make_backup(self.old, NOW, PASSPHRASE)
        steps = 0

        def count(real: Any) -> Any:
            def step(*args: Any, **keywords: Any) -> Any:
                nonlocal steps
                steps -= 1
                if steps == 0:
                    raise KeyboardInterrupt
                return real(*args, **keywords)

            return step

        for module, name in (
            (os, "replace"),
            (pending, "_remove"),
            (pending, "write_marks"),
            (pending, "drop"),
        ):
            self.patch(module, name, count(getattr(module, name)))
        for last in range(1, 12):
            shutil.rmtree(self.new)
            self.new.mkdir()
            prepare_restore(self.new, data, self.read, NOW, PASSPHRASE)
            steps = last
            try:
                pending.carry_out(self.new, 0)
            except KeyboardInterrupt:
                steps = 0
                self.assertEqual(pending.carry_out(self.new, 0), "restore")
            self.assertEqual(pending.carry_out(self.new, 0), "")
            self.assertEqual((self.new / "state.json").read_bytes(), (self.old / "state.json").read_bytes())
            self.assertEqual(len(rows(self.new / "index.db", "SELECT * FROM tags")), 1)

    def test_the_last_one_counts(self) -> None:
        for brightness in (1, 2):
            state = b'{"cameras/front/brightness": %d}' % brightness
            prepare_restore(self.new, pack({"state.json": state}, NOW), self.read, NOW)
        pending.carry_out(self.new, 0)
        self.assertEqual((self.new / "state.json").read_bytes(), state)


class ResetTests(DataCase):
    def reset(self, recordings: Path | None = None) -> list[str]:
        prepare_reset(self.old, recordings)
        self.assertEqual(pending.carry_out(self.old, 0), "factory reset")
        return sorted(str(path.relative_to(self.old)) for path in self.old.rglob("*"))

    def test_only_categories_stay(self) -> None:
        (self.old / "of-somebody-else").write_text("x")
        self.assertEqual(self.reset(), ["index.db", "of-somebody-else"])
        self.assertEqual(rows(self.old / "index.db", "SELECT name FROM categories"), [("Birds",)])
        self.assertEqual(rows(self.old / "index.db", "SELECT id FROM tags"), [])

    def test_a_place_that_others_use_too(self) -> None:
        place = Path(self.mktemp()).absolute()
        for name in ("front", ".thumbnails"):
            (place / name).mkdir(parents=True)
        for name in ("front/a.mp4", "front/holiday.mp4", ".thumbnails/front,a.mp4,0.jpg"):
            (place / name).write_text("x")
        self.reset(place)
        self.assertEqual(list(tree(place)), ["front/holiday.mp4"])

    def test_links_go_and_not_what_they_lead_to(self) -> None:
        shutil.rmtree(self.old / "files")
        (self.new / "letter.txt").write_text("x")
        (self.old / "files").symlink_to(self.new)
        self.reset()
        self.assertEqual(list(tree(self.new)), ["letter.txt"])

    def test_a_damaged_index_is_no_obstacle(self) -> None:
        (self.old / "index.db").write_text("no database" * 99)
        self.assertEqual(self.reset(), [])


class InUseTests(DataCase):
    def test_nobody_changes_it_below_a_daemon(self) -> None:
        with alone(self.old):
            pass
        child = os.fork()
        if child == 0:  # a daemon, as another process sees it
            hold(self.old)
            os.kill(os.getpid(), 19)
            os._exit(0)
        os.waitpid(child, os.WUNTRACED)
        try:
            self.assertIn("stop it first", str(self.assertRaises(Conflict, alone(self.old).__enter__)))
            self.assertRaises(Conflict, hold, self.old)  # nor do two run on it
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
        with alone(self.old):
            pass


class CliTests(CliCase):
    def setUp(self) -> None:
        super().setUp()
        self.data = self.folder / "data"
        self.data.mkdir(0o700)
        fill(self.data)
        self.phrase = self.folder / "phrase"
        self.phrase.write_text(PASSPHRASE + "\n")
        self.backup = self.folder / "backup.zip"

    def test_there_and_back(self) -> None:
        self.assertEqual(
            self.camd("backup", str(self.backup), "--passphrase-file", str(self.phrase)), 0, self.err
        )
        self.assertEqual(stat.S_IMODE(self.backup.stat().st_mode), 0o600)
        before = (self.data / "state.json").read_bytes()
        (self.data / "state.json").write_text("{}")
        (self.data / "config.toml").write_text("broken =")
        self.assertEqual(
            self.camd("restore", str(self.backup), "--passphrase-file", str(self.phrase)), 0, self.err
        )
        self.assertEqual((self.data / "state.json").read_bytes(), before)
        self.assertIn("secret.key", self.err)
        self.assertIn('"restore"', (self.data / "audit.jsonl").read_text())

    def test_a_wrong_passphrase(self) -> None:
        self.camd("backup", str(self.backup), "--passphrase-file", str(self.phrase))
        self.phrase.write_text("something else")
        before = tree(self.data)
        self.assertEqual(self.camd("restore", str(self.backup), "--passphrase-file", str(self.phrase)), 1)
        self.assertIn("passphrase", self.err)
        self.assertEqual(tree(self.data), before)

    def test_places_that_cannot_be_used(self) -> None:
        self.assertEqual(self.camd("backup", str(self.folder / "no" / "x.zip")), 1)
        self.assertEqual(self.camd("restore", str(self.folder / "no.zip")), 1)
        self.assertEqual(self.camd("restore", str(self.phrase)), 1)
        self.assertIn("none of camd", self.err)

    def test_factory_reset_asks_first(self) -> None:
        before = tree(self.data)
        self.assertEqual(self.camd("factory-reset"), 1)
        self.assertIn("--yes", self.err)
        self.assertEqual(tree(self.data), before)
        self.assertEqual(self.camd("factory-reset", "--yes"), 0, self.err)
        self.assertEqual(list(tree(self.data)), ["index.db"])


class RestTests(EdgeCase):
    plugins: ClassVar = {"backup": calls}

    def setUp(self) -> None:
        super().setUp()
        self.restarts: list[int] = []
        self.app.on_restart = lambda: self.restarts.append(1)

    def test_out_and_in_again(self) -> None:
        answer = self.ask("POST", "/api/backup", {"passphrase": PASSPHRASE}, by="admin", secure=True)
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/zip"))
        self.assertIn("camd.db", unpack(answer.body, PASSPHRASE))
        body = {"archive": base64.b64encode(answer.body).decode(), "passphrase": PASSPHRASE}
        before = tree(self.folder)
        answer = self.ask(
            "POST", "/api/restore", {**body, "passphrase": "not this one"}, by="admin", secure=True
        )
        self.assertEqual(answer.status, 422)
        self.assertFalse((self.folder / "pending").exists())
        self.assertEqual(tree(self.folder).keys(), before.keys())
        answer = self.ask("POST", "/api/restore", body, by="admin", secure=True)
        self.assertEqual(answer.status, 202, answer.body)
        self.assertIn("secret.key", answer.json["restored"])
        self.assertEqual(self.restarts, [], "the answer comes first")
        self.clock.advance(LAST_WORDS)
        self.assertEqual(self.restarts, [1])
        self.assertTrue((self.folder / "pending").exists())

    def test_who_may(self) -> None:
        for by, secure, status in (
            ("admin", False, 403),
            ("operator", True, 403),
            ("limited", True, 403),
            ("viewer", True, 403),
            (None, True, 401),
        ):
            options: dict[str, Any] = {"by": by} if by else {}
            self.assertEqual(self.ask("GET", "/api/backup", secure=secure, **options).status, status, by)
            answer = self.ask("POST", "/api/restore", {"archive": "AAAA"}, secure=secure, **options)
            self.assertEqual(answer.status, status, by)
        plain = self.ask("GET", "/api/backup", by="admin", secure=True)
        self.assertNotIn("secret.key", unpack(plain.body))

    def test_no_backup(self) -> None:
        for wrong in ("AAAA", "not base64!", ""):
            answer = self.ask("POST", "/api/restore", {"archive": wrong}, by="admin", secure=True)
            self.assertEqual(answer.status, 422, wrong)

    def test_factory_reset(self) -> None:
        call = {"call": "system.factory_reset", "args": {}}
        for by in ("operator", "limited"):
            answer = self.ask("POST", "/api", call, by=by, secure=True).json
            self.assertEqual(answer["error"], "Permission denied", by)
        self.assertFalse((self.folder / "pending").exists())
        self.assertEqual(self.ask("POST", "/api", call, by="admin", secure=True).json, {"result": True})
        self.clock.advance(LAST_WORDS)
        self.assertEqual(self.restarts, [1])
        self.assertEqual(
            json.loads((self.folder / "pending" / "plan.json").read_text())["event"], "factory reset"
        )
