"""`camd user`, `camd token` and `camd setup-code`, beside a daemon and without one."""

from __future__ import annotations

import getpass
import io
import json
import stat
import sys

from camd.auth.accounts import Accounts
from camd.auth.identities import LOOK
from camd.cli import accounts as cli_accounts

from .auth_case import CHEAP, OTHER, PASSWORD, UsersCase
from .test_cli import CliCase


class AccountsCliCase(CliCase):
    def setUp(self) -> None:
        super().setUp()
        self.data = self.folder / "data"
        self.patch(cli_accounts, "_hashing", lambda: CHEAP)

    def with_password(self, password: str, *argv: str) -> int:
        """Run the command with this on standard input."""
        self.patch(sys, "stdin", io.StringIO(password))
        return self.camd(*argv, "--password-file", "-")

    def add(self, name: str = "admin", role: str = "administrator") -> None:
        self.assertEqual(self.with_password(f"{PASSWORD}\n", "user", "add", name, "--role", role), 0, self.err)

    def listed(self, what: str = "user") -> list[dict]:
        self.assertEqual(self.camd(what, "list", "--json"), 0)
        return json.loads(self.out)

    def told(self) -> list[dict]:
        return [json.loads(line) for line in (self.data / "audit.jsonl").read_text().splitlines()]


class UserTests(AccountsCliCase):
    def test_first_administrator(self) -> None:
        self.assertEqual(self.with_password(f"{PASSWORD}\n", "user", "add", "Admin", "--role", "admin"), 0)
        self.assertEqual(self.out, "")
        self.assertIn(f"data directory: {self.data}", self.err)
        self.assertIn("user Admin added, role administrator", self.err)
        entry = self.listed()[0]
        self.assertEqual((entry["name"], entry["role"], entry["enabled"]), ("Admin", "administrator", True))
        self.assertEqual(stat.S_IMODE(self.data.stat().st_mode), 0o700)
        for path in self.data.iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)
        told = self.told()[0]
        self.assertEqual((told["event"], told["by"], told["user"]), ("user_add", "command line", "Admin"))
        self.assertNotIn(PASSWORD, str(self.told()))

    def test_everything_that_can_be_given(self) -> None:
        self.add()
        argv = ("user", "add", "ann", "--role", "operator", "--camera", "front", "--camera", "back",
                "--permission", "User_r", "--permission", "System_rw")
        self.assertEqual(self.with_password(PASSWORD, *argv), 0)
        entry = self.listed()[1]
        self.assertEqual((entry["role"], entry["cameras"]), ("operator", ["back", "front"]))
        self.assertEqual(entry["additional_permissions"], ["User_r", "System_rw"])
        self.camd("user", "list")
        self.assertEqual([line.split() for line in self.out.splitlines()],
                         [["admin", "administrator", "never", "all", "cameras"],
                          ["ann", "operator", "never", "back,", "front"]])

    def test_password_from_a_file(self) -> None:
        path = self.folder / "password"
        for data, right in ((b"Gr\xc3\xbc\xc3\x9fe-an-2\r\nmore\n", "Grüße-an-2"), (PASSWORD.encode(), PASSWORD)):
            path.write_bytes(data)
            self.assertEqual(self.camd("user", "add", f"u{len(data)}", "--password-file", str(path)), 0, self.err)
            self.assertTrue(CHEAP.verify(self.stored(f"u{len(data)}"), right))
        path.write_bytes(b"\xff\xfe")
        for name, text in ((str(path), "UTF-8"), (str(self.folder / "nothing"), "No such file")):
            self.assertEqual(self.camd("user", "add", "x", "--password-file", name), 1)
            self.assertIn(text, self.err)

    def stored(self, name: str) -> str:
        accounts = Accounts(self.data)
        self.addCleanup(accounts.close)
        return accounts.open().by_name[name].password

    def test_password_typed(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        self.patch(sys, "stdin", Terminal())
        typed = [PASSWORD, PASSWORD, PASSWORD, OTHER]
        self.patch(getpass, "getpass", lambda prompt: typed.pop(0))
        self.assertEqual(self.camd("user", "add", "ann"), 0)
        self.assertEqual(self.camd("user", "add", "bob"), 1)
        self.assertIn("two different", self.err)
        self.assertEqual(self.camd("user", "add", "ANN"), 1)
        self.assertIn("already", self.err)

    def test_nobody_to_ask(self) -> None:
        self.patch(sys, "stdin", io.StringIO())
        self.assertEqual(self.camd("user", "add", "ann"), 1)
        self.assertIn("--password-file", self.err)

    def test_what_is_not_taken(self) -> None:
        for password in ("", "short", "no-capital1", "\n" + PASSWORD):
            self.assertEqual(self.with_password(password, "user", "add", "ann"), 1, password)
            self.assertIn("camd: password: ", self.err)
        for argv in (("a b",), ("guest",), ("ann", "--role", "king"), ("ann", "--camera", "Front!"),
                     ("ann", "--permission", "All"), ("ann", "--role", "admin", "--camera", "front")):
            self.assertEqual(self.with_password(PASSWORD, "user", "add", *argv), 1, argv)
        self.assertEqual(self.listed(), [])
        self.assertIn("no user yet", (self.camd("user", "list"), self.err)[1])
        self.assertEqual(self.camd("user", "add"), 2)
        self.assertEqual(self.camd("user"), 2)

    def test_passwd(self) -> None:
        self.add()
        self.assertEqual(self.with_password(PASSWORD, "user", "passwd", "admin"), 1)
        self.assertIn("used before", self.err)
        self.assertEqual(self.with_password(OTHER, "user", "passwd", "ADMIN"), 0)
        self.assertTrue(CHEAP.verify(self.stored("admin"), OTHER))
        self.assertEqual(self.with_password(OTHER, "user", "passwd", "nobody"), 1)
        self.assertIn("no user nobody", self.err)

    def test_disable_enable_role_remove(self) -> None:
        self.add()
        self.add("ann", "viewer")
        self.assertEqual(self.camd("user", "disable", "ann"), 0)
        self.assertFalse(self.listed()[1]["enabled"])
        self.camd("user", "list")
        self.assertIn("disabled", self.out)
        self.assertEqual(self.camd("user", "enable", "ann"), 0)
        self.assertEqual(self.camd("user", "role", "ann", "operator"), 0)
        self.assertEqual((self.listed()[1]["enabled"], self.listed()[1]["role"]), (True, "operator"))
        for argv in (("disable", "admin"), ("role", "admin", "viewer"), ("remove", "admin")):
            self.assertEqual(self.camd("user", *argv), 1)
            self.assertIn("last administrator", self.err)
        self.assertEqual(self.camd("user", "remove", "ann"), 0)
        self.assertEqual(len(self.listed()), 1)
        self.assertEqual([entry["event"] for entry in self.told()[2:]],
                         ["user_change", "user_change", "user_change", "user_remove"])

    def test_who_becomes_administrator_has_all_cameras(self) -> None:
        self.with_password(PASSWORD, "user", "add", "ann", "--camera", "front")
        self.assertEqual(self.camd("user", "role", "ann", "admin"), 0)
        self.assertIsNone(self.listed()[0]["cameras"])

    def test_somebody_elses_directory(self) -> None:
        self.data.mkdir()
        self.data.chmod(0o777)
        self.assertEqual(self.camd("user", "list"), 78)
        self.assertIn("chmod 700", self.err)

    def test_damaged(self) -> None:
        self.add()
        (self.data / "camd.db").write_bytes(b"rubbish" * 1000)
        self.assertEqual(self.camd("user", "list"), 1)
        self.assertIn("damaged", self.err)

    def test_an_audit_log_that_cannot_be_written(self) -> None:
        self.data.mkdir(0o700)
        (self.data / "audit.jsonl").mkdir()
        self.add()
        self.assertIn("done, but the audit log cannot be written", self.err)
        self.assertEqual(len(self.listed()), 1)


class TokenTests(AccountsCliCase):
    def test_create(self) -> None:
        self.add()
        self.assertEqual(self.camd("token", "create"), 0)
        self.assertRegex(self.out, r"^camd_[\w-]{43}\n$")
        self.assertEqual(self.camd("token", "create", "Home Assistant", "--permission", "Media_r", "--camera", "front",
                                   "--days", "30", "--json"), 0)
        made = json.loads(self.out)
        self.assertTrue(made.pop("token").startswith("camd_"))
        self.assertEqual(self.listed("token")[1], made)
        self.assertEqual((made["user"], made["permissions"], made["cameras"]), ("admin", ["Media_r"], ["front"]))
        self.assertEqual(made["expires"] - made["created"], 30 * 86_400_000)
        self.camd("token", "list")
        self.assertRegex(self.out, r"(?m)^[0-9a-f]{12}  admin +never +Home Assistant  expires 2")

    def test_whose(self) -> None:
        self.assertEqual(self.camd("token", "create"), 1)
        self.assertIn("no user yet", self.err)
        self.add()
        self.add("second")
        self.assertEqual(self.camd("token", "create"), 1)
        self.assertIn("--user NAME (there is admin, second)", self.err)
        self.assertEqual(self.camd("token", "create", "--user", "Second"), 0)
        self.assertEqual(self.camd("token", "create", "--user", "third"), 1)

    def test_what_is_not_taken(self) -> None:
        self.add("ann", "viewer")
        for argv in (("--permission", "Media_rw"), ("--permission", "x"), ("--days", "0"), ("--days", "nan"),
                     ("--camera", "?"), ("a\nb",)):
            self.assertEqual(self.camd("token", "create", *argv, "--user", "ann"), 1, argv)
        self.assertEqual(self.camd("token", "create", "--days", "x"), 2)
        self.assertEqual(self.listed("token"), [])
        self.assertIn("no API token", (self.camd("token", "list"), self.err)[1])

    def test_revoke(self) -> None:
        self.add()
        self.camd("token", "create", "--json")
        id = json.loads(self.out)["id"]
        self.assertEqual(self.camd("token", "revoke", id), 0)
        self.assertEqual(self.camd("token", "revoke", id), 1)
        self.assertIn("no token", self.err)
        self.assertEqual([entry["event"] for entry in self.told()], ["user_add", "token_create", "token_revoke"])


class SetupCodeTests(AccountsCliCase):
    def test_prints_and_renews(self) -> None:
        self.assertEqual(self.camd("setup-code"), 0)
        code = self.out.strip()
        self.assertRegex(code, r"^[0-9A-Z]{4}-[0-9A-Z]{4}$")
        self.assertIn("a new code", self.err)
        self.assertEqual(self.camd("setup-code"), 0)
        self.assertEqual(self.out.strip(), code)
        self.assertNotIn("a new code", self.err)
        self.assertEqual(self.camd("setup-code", "--renew", "--json"), 0)
        answer = json.loads(self.out)
        self.assertNotEqual(answer["code"], code)
        self.assertEqual(answer["path"], f"/setup#code={answer['code']}")
        self.assertNotIn(answer["code"], str(self.told()))

    def test_when_it_is_done(self) -> None:
        self.camd("setup-code")
        self.add()
        self.assertEqual(self.camd("setup-code"), 1)
        self.assertEqual(self.out, "")
        self.assertIn("done already: admin can", self.err)


class BesideADaemonTests(AccountsCliCase, UsersCase):
    """The same folder is open in a daemon: here in the same process, on a connection of its own."""

    def setUp(self) -> None:
        AccountsCliCase.setUp(self)
        UsersCase.setUp(self)
        self.folder.chmod(0o700)
        self.data = self.folder
        self.environ["CAMD_DATA_DIR"] = str(self.folder)

    def command(self, *argv: str) -> str:
        """Run a command, give the daemon the time to look, and return the answer."""
        self.assertEqual(self.camd(*argv), 0, self.err)
        self.clock.advance(LOOK)
        return self.out.strip()

    def test_every_verb_is_seen(self) -> None:
        self.assertEqual(self.with_password(PASSWORD, "user", "add", "ann"), 0, self.err)
        self.clock.advance(LOOK)
        secret, ann = self.login("ann")
        token = self.command("token", "create", "--user", "ann")
        self.assertEqual(self.users.by_token(token).name, "ann")
        self.command("user", "role", "ann", "operator")
        self.assertEqual(len(self.users.by_session(secret).permissions), 7)
        self.command("user", "disable", "ann")
        self.assertIsNone(self.users.by_token(token))
        self.assertIsNone(self.users.by_session(secret))
        self.command("user", "enable", "ann")
        self.assertEqual(self.users.by_token(token).name, "ann")
        self.command("token", "revoke", self.users.tokens(self.root)[0]["id"])
        self.assertIsNone(self.users.by_token(token))
        self.assertEqual(self.with_password(OTHER, "user", "passwd", "ann"), 0, self.err)
        self.clock.advance(LOOK)
        self.assertIsNone(self.users.still_valid(ann))
        self.login("ann", OTHER)
        self.command("user", "remove", "ann")
        self.assertEqual([entry["name"] for entry in self.users.list(self.root)], ["root"])

    def test_both_tell_the_same_audit_log(self) -> None:
        self.login()
        self.assertEqual(self.with_password(PASSWORD, "user", "add", "ann"), 0, self.err)
        self.clock.pump([LOOK, LOOK])
        self.assertEqual([entry["event"] for entry in self.events()], ["login", "user_add"])
        self.assertEqual(self.told(), self.events())
