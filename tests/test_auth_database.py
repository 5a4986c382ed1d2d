"""The database and its key: migrations, modes, two processes, and what damage looks like."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from camd.auth import accounts as accounts_module
from camd.auth import database as database_module
from camd.auth.accounts import Accounts
from camd.auth.database import MIGRATIONS, Database, DatabaseError
from camd.auth.secret_key import read_secret_key
from camd.errors import CamdError

from .auth_case import EPOCH, with_accounts


class DatabaseCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.path = self.folder / "camd.db"
        self.steps = self.folder / "migrations"
        self.steps.mkdir()

    def step(self, number: int, sql: str) -> None:
        (self.steps / f"{number:04}_step.sql").write_text(sql)

    def open(self) -> Database:
        database = Database(self.path, self.steps)
        self.addCleanup(database.close)
        database.open(1000)
        return database

    def tables(self) -> set[str]:
        with closing(sqlite3.connect(self.path)) as sql:
            return {name for (name,) in sql.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


class MigrationTests(DatabaseCase):
    def test_in_order_and_once(self) -> None:
        self.step(1, "-- a comment; with a semicolon\nCREATE TABLE one (x TEXT);\nINSERT INTO one VALUES ('a;b');\n")
        self.open().close()
        self.step(2, "ALTER TABLE one ADD COLUMN y;")
        self.step(3, "CREATE TABLE three (x);\n\nCREATE TRIGGER t AFTER INSERT ON three BEGIN\n DELETE FROM one;\nEND;\n")
        for _ in range(2):
            database = self.open()
            with database.reading() as sql:
                self.assertEqual(sql.execute("SELECT version FROM migrations").fetchall(), [(1,), (2,), (3,)])
                self.assertEqual(sql.execute("SELECT * FROM one").fetchall(), [("a;b", None)])
            database.close()

    def test_a_copy_first(self) -> None:
        self.step(1, "CREATE TABLE one (x); INSERT INTO one VALUES (1);")
        self.open().close()
        self.assertEqual([path.name for path in self.folder.glob("camd.db*")], ["camd.db"])
        self.step(2, "DROP TABLE one;")
        self.open().close()
        copy = self.folder / "camd.db.v1"
        self.assertEqual(stat.S_IMODE(copy.stat().st_mode), 0o600)
        with closing(sqlite3.connect(copy)) as sql:
            self.assertEqual(sql.execute("SELECT x FROM one").fetchall(), [(1,)])

    def test_whole_or_not_at_all(self) -> None:
        self.step(1, "CREATE TABLE one (x);")
        self.open().close()
        self.step(2, "CREATE TABLE two (x);")
        self.step(3, "CREATE TABLE three (x);\nSELECT nonsense;")
        self.assertRaises(DatabaseError, self.open)
        self.assertEqual(self.tables(), {"migrations", "one"})

    def test_newer_than_we_know(self) -> None:
        self.step(1, "CREATE TABLE one (x);")
        self.step(2, "CREATE TABLE two (x);")
        self.open().close()
        (self.steps / "0002_step.sql").unlink()
        self.assertIn("newer camd", str(self.assertRaises(DatabaseError, self.open)))

    def test_two_at_once(self) -> None:
        self.step(1, "CREATE TABLE one (x);")
        failures: list[Exception] = []

        def start() -> None:
            database = Database(self.path, self.steps)
            try:
                database.open(1000)
                database.close()
            except CamdError as error:
                failures.append(error)

        threads = [Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.tables(), {"migrations", "one"})

    def test_no_gap_in_the_numbers(self) -> None:
        self.step(1, "")
        self.step(3, "")
        self.assertRaises(AssertionError, Database, self.path, self.steps)

    def test_ours(self) -> None:
        """Every table is there after all steps, also when they come one at a time."""
        steps = sorted(MIGRATIONS.glob("*.sql"))
        for step in steps:
            (self.steps / step.name).write_bytes(step.read_bytes())
            self.open().close()
        self.assertEqual(self.tables() - {"sqlite_sequence"}, {
            "migrations", "users", "old_passwords", "roles", "tokens", "sessions", "setup_code"})


class DatabaseTests(DatabaseCase):
    def test_private(self) -> None:
        self.path.touch(0o644)
        database = self.open()
        with database.writing() as sql:
            sql.execute("CREATE TABLE x (x)")
        for path in self.folder.glob("camd.db*"):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)
        self.assertEqual(len(list(self.folder.glob("camd.db*"))), 3)
        database.close()
        self.assertEqual(len(list(self.folder.glob("camd.db*"))), 1)

    def test_changed(self) -> None:
        one, other = self.open(), self.open()
        self.assertFalse(one.changed())
        with one.writing() as sql:
            sql.execute("CREATE TABLE x (x)")
        self.assertFalse(one.changed(), "not by itself")
        self.assertTrue(other.changed())
        self.assertFalse(other.changed())

    def test_an_exception_undoes(self) -> None:
        database = self.open()

        def fail() -> None:
            with database.writing() as sql:
                sql.execute("CREATE TABLE x (x)")
                raise KeyError

        self.assertRaises(KeyError, fail)
        self.assertNotIn("x", self.tables())
        with database.writing():
            pass

    def test_held_by_another_process(self) -> None:
        self.patch(database_module, "PATIENCE", 0.01)
        one, other = self.open(), self.open()

        def write() -> None:
            with other.writing():
                pass

        with one.writing():
            self.assertIn("another process", str(self.assertRaises(DatabaseError, write)))
        write()

    def test_damaged(self) -> None:
        self.path.write_bytes(b"this is no database at all" * 100)
        text = str(self.assertRaises(DatabaseError, self.open))
        self.assertIn("it is damaged", text)
        self.assertIn(str(self.path), text)

    def test_a_directory_that_is_not_there(self) -> None:
        database = Database(self.folder / "nowhere" / "camd.db", self.steps)
        self.assertIn("No such file", str(self.assertRaises(DatabaseError, database.open, 0)))

    def test_closed(self) -> None:
        database = self.open()
        database.close()
        database.close()
        self.assertRaises(DatabaseError, database.changed)

    def test_durable(self) -> None:
        """A password that was changed stays changed after a power cut."""
        with self.open().reading() as sql:
            self.assertEqual(sql.execute("PRAGMA journal_mode").fetchone(), ("wal",))
            self.assertEqual(sql.execute("PRAGMA synchronous").fetchone(), (2,))
            self.assertEqual(sql.execute("PRAGMA foreign_keys").fetchone(), (1,))


class SecretKeyTests(DatabaseCase):
    def test_made_once(self) -> None:
        path = self.folder / "secret.key"
        sealed = read_secret_key(path).encrypt("clear", "a")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(path.stat().st_size, 32)
        again = read_secret_key(path)
        self.assertEqual(again.decrypt(sealed, "a"), "clear")
        self.assertNotEqual(again.encrypt("clear", "a"), sealed)
        self.assertEqual([path.name for path in self.folder.glob(".secret*")], [])

    def test_what_does_not_open(self) -> None:
        key = read_secret_key(self.folder / "secret.key")
        sealed = key.encrypt("clear", "a")
        for text, purpose in ((sealed, "b"), (sealed[:-1], "a"), (b"", "a"), (b"\0" + sealed[1:], "a")):
            self.assertIsNone(key.decrypt(text, purpose))
        self.assertIsNone(read_secret_key(self.folder / "other.key").decrypt(sealed, "a"))

    def test_damaged(self) -> None:
        path = self.folder / "secret.key"
        path.write_bytes(b"short")
        self.assertIn("has 5 bytes", str(self.assertRaises(CamdError, read_secret_key, path)))
        self.assertIn("cannot be used", str(self.assertRaises(CamdError, read_secret_key, self.folder / "x" / "y")))

    def test_two_at_once(self) -> None:
        path = self.folder / "secret.key"
        keys: list[object] = []
        threads = [Thread(target=lambda: keys.append(read_secret_key(path).encrypt("x", ""))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual({read_secret_key(path).decrypt(sealed, "") for sealed in keys}, {"x"})


class AccountsTests(DatabaseCase):
    def test_a_permission_that_a_newer_camd_knows(self) -> None:
        def add(accounts: Accounts) -> None:
            accounts.add_user("ann", "x", "viewer")
            with accounts._database.writing() as sql:
                sql.execute("UPDATE users SET permissions = '[1, 99]'")

        with_accounts(self.folder, add)
        user = with_accounts(self.folder, lambda accounts: accounts.load().by_name["ann"])
        self.assertEqual([permission.name for permission in user.additional], ["Device_rw"])

    def test_secrets_are_not_in_repr(self) -> None:
        def add(accounts: Accounts) -> str:
            accounts.add_user("ann", "$argon2id$hash", "viewer")
            accounts.set_device_password("ann", b"sealed-secret")
            accounts.set_setup_code(b"sealed-code")
            return repr(accounts.load())

        text = with_accounts(self.folder, add)
        self.assertIn("ann", text)
        for secret in ("argon2", "sealed"):
            self.assertNotIn(secret, text)

    def test_who_writes_at_once(self) -> None:
        """Four writers of one folder, each with its own connection: none fails, nothing is lost."""
        failures: list[Exception] = []

        def add(name: str) -> None:
            with_accounts(self.folder, lambda accounts: accounts.add_user(name, "x", "viewer"))

        def write(number: int) -> None:
            try:
                for turn in range(5):
                    add(f"u{number}-{turn}")
            except CamdError as error:
                failures.append(error)

        threads = [Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(len(with_accounts(self.folder, lambda accounts: accounts.load().users)), 20)

    def test_times_are_milliseconds(self) -> None:
        with_accounts(self.folder, lambda accounts: accounts.add_user("ann", "x", "viewer"))
        user = with_accounts(self.folder, lambda accounts: accounts.load().by_name["ann"])
        self.assertEqual(user.created, EPOCH * 1000)
        self.assertEqual(accounts_module.REMEMBERED_PASSWORDS, 5)
