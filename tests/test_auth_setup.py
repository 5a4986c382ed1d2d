"""Setup: the code, its tries and its time, and that it works once."""

from __future__ import annotations

from twisted.internet.defer import ensureDeferred

from camd.auth.identities import LOOK
from camd.auth.setup import canonical, new_code, open_code
from camd.errors import Conflict, Invalid, Locked, Unauthorized

from .auth_case import AWAY, HOME, OTHER, PASSWORD, UsersCase, with_accounts

CODE = r"^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$"


class SetupTests(UsersCase):
    with_root = False

    def setUp(self) -> None:
        super().setUp()
        self.setup = self.users.setup
        self.codes: list[str] = []
        self.setup.on_new_code = self.codes.append

    def use(self, code: str, name: str = "owner", password: str = PASSWORD, address: str = HOME) -> object:
        return self.setup.use(code, name, password, address)

    def wrong_code(self) -> str:
        return new_code()

    def test_code(self) -> None:
        self.assertTrue(self.users.needs_setup)
        self.assertRegex(self.setup.code, CODE)
        self.assertEqual(self.setup.link_path, f"setup#code={self.setup.code}")
        for path in self.folder.iterdir():
            self.assertNotIn(self.setup.code.encode(), path.read_bytes(), path)

    def test_creates_the_administrator(self) -> None:
        self.changes = 0
        entry = self.get(self.use(self.setup.code))
        self.assertEqual((entry["name"], entry["role"]), ("owner", "administrator"))
        self.assertFalse(self.users.needs_setup)
        self.assertEqual((self.setup.code, self.changes), ("", 1))
        self.get(self.users.login("owner", PASSWORD, HOME))
        self.assertEqual(self.events("setup")[0]["user"], "owner")

    def test_once(self) -> None:
        code = self.setup.code
        self.get(self.use(code))
        self.fails(Conflict, self.use(code, "second"))
        self.fails(Conflict, self.use("", "second"))
        self.clock.advance(3600)
        self.assertEqual(self.setup.code, "")

    def test_not_twice_at_once(self) -> None:
        pool = self.threads.pools["auth"]
        pool.at_once = False
        first, second = (ensureDeferred(self.use(self.setup.code, name)) for name in ("first", "second"))
        pool.run()
        self.successResultOf(first)
        self.failureResultOf(second, Conflict)
        pool.at_once = True

    def test_as_people_type_it(self) -> None:
        self.assertEqual(canonical(" 7kq2m4xd "), canonical("7KQ2-M4XD"))
        self.assertEqual(canonical("oOiIlL--"), "001111")
        self.get(self.use(f" {self.setup.code.lower().replace('-', ' ')}\n"))

    def test_wrong(self) -> None:
        for code in (self.wrong_code(), "", "\ud800", "x" * 100_000):
            self.fails(Unauthorized, self.use(code, address=code[:9]))
        self.get(self.use(self.setup.code))

    def test_a_bad_name_or_password_does_not_cost_the_code(self) -> None:
        code = self.setup.code
        for _ in range(10):
            self.fails(Invalid, self.use(code, password="short"))
            self.fails(Invalid, self.use(code, "guest"))
        self.get(self.use(code))

    def test_five_tries_then_a_new_code(self) -> None:
        before = self.setup.code
        for number in range(5):
            self.assertEqual(self.codes, [])
            self.fails(Unauthorized, self.use(self.wrong_code(), address=f"192.0.2.{number}"))
        self.assertEqual(self.codes, [self.setup.code])
        self.assertNotEqual(self.setup.code, before)
        self.fails(Unauthorized, self.use(before))
        self.get(self.use(self.setup.code))

    def test_tries_survive_a_restart(self) -> None:
        code = self.setup.code
        for number in range(4):
            self.fails(Unauthorized, self.use(self.wrong_code(), address=f"192.0.2.{number}"))
        self.get(self.users.stop())
        self.users = self.start_users()
        self.setup = self.users.setup
        self.assertEqual(self.setup.code, code)
        self.fails(Unauthorized, self.use(self.wrong_code()))
        self.assertNotEqual(self.setup.code, code)

    def test_an_address_is_locked(self) -> None:
        for _ in range(5):
            self.fails(Unauthorized, self.use(self.wrong_code(), address=AWAY))
        self.fails(Locked, self.use(self.setup.code, address=AWAY))
        self.get(self.use(self.setup.code))

    def test_thirty_minutes(self) -> None:
        before = self.setup.code
        self.clock.advance(1799)
        self.assertEqual(self.setup.code, before)
        self.clock.advance(1)
        self.assertEqual(self.codes, [self.setup.code])
        self.assertNotEqual(self.setup.code, before)
        self.fails(Unauthorized, self.use(before))
        self.clock.advance(1800)
        self.assertEqual(len(self.codes), 2)

    def test_restart_shows_the_same(self) -> None:
        code = self.setup.code
        self.clock.advance(1000)
        self.get(self.users.stop())
        self.users = self.start_users()
        self.assertEqual(self.users.setup.code, code)
        self.clock.advance(800)
        self.assertNotEqual(self.users.setup.code, code)

    def test_restart_after_its_time(self) -> None:
        code = self.setup.code
        self.get(self.users.stop())
        self.clock.advance(1800)
        self.assertNotEqual(self.start_users().setup.code, code)

    def test_another_key_makes_another_code(self) -> None:
        self.get(self.users.stop())
        (self.folder / "secret.key").unlink()
        self.assertRegex(self.start_users().setup.code, CODE)

    def test_a_command_renews_it(self) -> None:
        code = new_code()
        with_accounts(self.folder, lambda accounts: accounts.set_setup_code(accounts.key.encrypt(code, "setup code")))
        self.clock.advance(LOOK)
        self.assertEqual((self.setup.code, self.codes), (code, [code]))
        self.get(self.use(code))

    def test_a_command_makes_the_administrator(self) -> None:
        code = self.setup.code
        with_accounts(self.folder, lambda accounts: accounts.add_user("owner", "x", "administrator"))
        self.clock.advance(LOOK)
        self.assertFalse(self.users.needs_setup)
        self.assertEqual(self.setup.code, "")
        self.fails(Conflict, self.use(code, "second"))
        self.assertIsNone(with_accounts(self.folder, lambda accounts: accounts.load().setup_code))

    def test_a_command_that_was_not_noticed_yet(self) -> None:
        with_accounts(self.folder, lambda accounts: accounts.add_user("owner", "x", "administrator"))
        self.fails(Conflict, self.use(self.setup.code, "second"))

    def test_others_do_not_end_it(self) -> None:
        with_accounts(self.folder, lambda accounts: accounts.add_user("ann", "x", "viewer"))
        self.clock.advance(LOOK)
        self.assertTrue(self.users.needs_setup)
        self.fails(Conflict, self.use(self.setup.code, "ann", OTHER))
        self.get(self.use(self.setup.code))

    def test_a_code_that_cannot_be_written_is_tried_again(self) -> None:
        def full(*args: object) -> None:
            raise OSError("disk full")

        accounts = self.users._mirror.accounts
        write, accounts.set_setup_code = accounts.set_setup_code, full
        self.clock.advance(1800)
        self.assertEqual(self.setup.code, "")
        self.fails(Unauthorized, self.use(""))
        accounts.set_setup_code = write
        self.clock.pump([1] * 30)
        self.assertRegex(self.setup.code, CODE)

    def test_a_clock_that_was_set_back(self) -> None:
        row = with_accounts(self.folder, lambda accounts: accounts.load().setup_code)
        key = self.users._mirror.key
        self.assertEqual(open_code(row, key, row.created - 1), "")
        self.assertEqual(open_code(row, key, row.created), self.setup.code)
        self.assertEqual(open_code(row, key, row.created + 1_800_000), "")


class DoneTests(UsersCase):
    def test_nothing_to_set_up(self) -> None:
        self.assertFalse(self.users.needs_setup)
        self.assertEqual(self.users.setup.code, "")
        self.fails(Conflict, self.users.setup.use("", "second", PASSWORD, HOME))
