"""Sessions: how they begin, how long they last, what ends them, and that a restart does not."""

from __future__ import annotations

import sqlite3

from twisted.internet.defer import ensureDeferred

from camd.auth.accounts import SESSIONS_PER_USER
from camd.auth.identities import LOOK
from camd.errors import Unauthorized
from camd.state.permission import EVERYONE, SYSTEM

from .auth_case import AWAY, HOME, OTHER, PASSWORD, UsersCase, with_accounts

MINUTE = 60


class SessionTests(UsersCase):
    def test_login(self) -> None:
        secret, by = self.get(self.users.login("ROOT", PASSWORD, AWAY, "Firefox"))
        self.assertRegex(secret, r"^[\w-]{43}$")
        self.assertEqual((by.name, by.how), ("root", "session"))
        self.assertEqual(self.users.by_session(secret), by)
        self.assertEqual(self.users.still_valid(by), by)
        self.assertNotEqual(self.login()[0], secret)
        login = self.events("login")[0]
        self.assertEqual((login["by"], login["address"], login["agent"]), ("root", AWAY, "Firefox"))
        for path in self.folder.iterdir():
            self.assertNotIn(secret.encode(), path.read_bytes(), path)

    def test_wrong_password(self) -> None:
        for name, password in (("root", "x"), ("root", ""), ("nobody", PASSWORD), ("", ""), ("root", "\ud800"),
                               ("root", "x" * 100_000), ("\ud800", "x")):
            self.assertEqual(str(self.fails(Unauthorized, self.users.login(name, password, name + password[:9]))),
                             "Unauthorized")

    def test_idle(self) -> None:
        secret, by = self.login()
        self.clock.advance(29 * MINUTE)
        self.assertIsNotNone(self.users.by_session(secret))
        self.clock.advance(29 * MINUTE)
        self.assertIsNotNone(self.users.still_valid(by), "asking is no activity, but it is not over")
        self.clock.advance(MINUTE)
        self.assertIsNone(self.users.still_valid(by))
        self.assertIsNone(self.users.by_session(secret))

    def test_activity_on_a_connection_that_stays(self) -> None:
        secret, by = self.login()
        watching = self.users.by_url_token(self.users.url_token(by, "front"), "front")
        for principal in (by, watching, by):
            self.clock.advance(20 * MINUTE)
            self.users.touch(principal)
        self.assertIsNotNone(self.users.by_session(secret))
        for other in (self.root, self.users.guest, SYSTEM, EVERYONE):
            self.users.touch(other)

    def test_twelve_hours(self) -> None:
        secret, _ = self.login()
        for _ in range(12 * 4 - 1):
            self.clock.advance(15 * MINUTE)
            self.assertIsNotNone(self.users.by_session(secret))
        self.clock.advance(15 * MINUTE)
        self.assertIsNone(self.users.by_session(secret))

    def test_its_end_is_noticed_by_itself(self) -> None:
        self.login()
        self.changes = 0
        self.clock.pump([MINUTE] * 31)
        self.assertEqual(self.changes, 1)
        self.assertEqual(with_accounts(self.folder, lambda accounts: accounts.load().sessions), ())

    def test_logout(self) -> None:
        secret, by = self.login()
        self.changes = 0
        pool = self.threads.pools["db"]
        pool.at_once = False
        self.users.logout(secret, AWAY)
        self.assertIsNone(self.users.by_session(secret), "at once, whatever the disk does")
        self.assertIsNone(self.users.still_valid(by))
        self.assertEqual(self.changes, 1)
        pool.at_once = True
        pool.run()
        self.users.logout(secret)
        self.users.logout("nothing")
        self.assertEqual([entry["address"] for entry in self.events("logout")], [AWAY])
        self.assertIsNone(self.start_users().by_session(secret))

    def test_a_snapshot_from_before_does_not_bring_it_back(self) -> None:
        secret, _ = self.login()
        pool = self.threads.pools["db"]
        pool.at_once = False
        other = ensureDeferred(self.users.set_role(self.root, "new", []))
        self.users.logout(secret)
        on_result, function, args, kwargs = pool.waiting.popleft()
        on_result(True, function(*args, **kwargs))  # the session is still among what this brings
        self.assertIsNone(self.users.by_session(secret))
        pool.at_once = True
        pool.run()
        self.successResultOf(other)
        self.assertIsNone(self.users.by_session(secret))

    def test_restart(self) -> None:
        secret, by = self.login()
        self.clock.advance(20 * MINUTE)
        self.users.by_session(secret)
        self.get(self.users.stop())
        again = self.start_users()
        self.assertEqual(again.by_session(secret), by)
        self.assertEqual(again.still_valid(by), by)
        self.clock.advance(29 * MINUTE)
        self.assertIsNotNone(again.by_session(secret))

    def test_restart_after_its_end(self) -> None:
        secret, _ = self.login()
        self.get(self.users.stop())
        self.clock.advance(31 * MINUTE)
        self.assertIsNone(self.start_users().by_session(secret))

    def test_use_is_written_once_a_minute(self) -> None:
        secret, _ = self.login()
        jobs = self.threads.jobs["db"]
        self.clock.advance(0.1)
        for _ in range(100):
            self.users.by_session(secret)
        self.assertEqual(self.threads.jobs["db"], jobs)
        self.clock.pump([1] * 61)
        session = with_accounts(self.folder, lambda accounts: accounts.load().sessions[0])
        self.assertEqual(session.used, 1_700_000_000_100)

    def test_the_wall_clock_jumps(self) -> None:
        """A small board learns the time some minutes after its start."""
        secret, _ = self.login()
        self.patch(self, "wall", lambda: 1_900_000_000.0 + self.clock.seconds())
        self.clock.advance(60)
        self.assertIsNotNone(self.users.by_session(secret))

    def test_not_without_end(self) -> None:
        first, _ = self.login()
        for _ in range(SESSIONS_PER_USER):
            self.clock.advance(1)
            last, _ = self.login()
        self.assertIsNone(self.users.by_session(first))
        self.assertIsNotNone(self.users.by_session(last))
        self.assertEqual(len(self.users._sessions), SESSIONS_PER_USER)

    def test_a_full_disk_keeps_nobody_out(self) -> None:
        def full(*args: object) -> None:
            with self.users._mirror.accounts._database._told():
                raise sqlite3.OperationalError("database or disk is full")

        self.add("ann")
        self.patch(self.users._mirror.accounts, "add_session", full)
        secret, by = self.login("ann")
        self.assertEqual(self.flushLoggedErrors(), [])
        self.get(self.users.set_role(self.root, "new", []))
        self.assertEqual(self.users.by_session(secret), by)
        self.get(self.users.change(self.root, "ann", password=OTHER))
        self.assertIsNone(self.users.by_session(secret))


class OtherProcessTests(UsersCase):
    """What `camd user ...` and `camd token ...` do while the daemon runs is seen within a second."""

    def test_seen(self) -> None:
        secret, by = self.login()
        self.changes = 0
        with_accounts(self.folder, lambda accounts: accounts.add_user("ann", "x", "operator"))
        self.clock.pump([LOOK, LOOK])
        self.assertEqual(self.users.get(self.root, "ann")["role"], "operator")
        self.assertEqual(self.changes, 1)
        self.assertEqual(self.users.by_session(secret), by)

        def take_over(accounts: object) -> None:
            accounts.add_user("bob", "x", "administrator")
            accounts.change_user("root", enabled=False)

        with_accounts(self.folder, take_over)
        self.clock.advance(LOOK)
        self.assertIsNone(self.users.by_session(secret))

    def test_idle_costs_one_short_job_each_time(self) -> None:
        jobs = dict(self.threads.jobs)
        self.clock.pump([LOOK] * 20)
        self.assertEqual(self.threads.jobs["db"] - jobs["db"], 20)
        self.assertEqual(self.threads.jobs["io"], jobs["io"])
        self.assertEqual(self.changes, 0)

    def test_a_failing_look_is_not_the_last_one(self) -> None:
        news = self.users._mirror.accounts.news
        for error in (RuntimeError("bug"), OSError("disk")):
            def failing(error: Exception = error) -> None:
                raise error

            self.users._mirror.accounts.news = failing
            self.clock.advance(LOOK)
            self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.users._mirror.accounts.news = news
        with_accounts(self.folder, lambda accounts: accounts.add_user("ann", "x", "viewer"))
        self.clock.advance(LOOK)
        self.assertEqual(len(self.users.list(self.root)), 2)

    def test_a_listener_that_fails_does_not_stop_the_others(self) -> None:
        self.users.on_change.insert(0, lambda: 1 / 0)
        self.get(self.users.set_role(self.root, "new", []))
        self.assertEqual(self.changes, 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stopped(self) -> None:
        self.get(self.users.stop())
        jobs = self.threads.jobs["db"]
        self.clock.advance(10)
        self.assertEqual(self.threads.jobs["db"], jobs)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class StillValidTests(UsersCase):
    def test_kinds(self) -> None:
        ann = self.add("ann", "operator")
        self.get(self.users.device_password(ann, "ann"))
        kinds = [ann, self.login("ann")[1], self.users.by_device_password("ann", self.users.device_secret("ann")),
                 self.users.by_token(self.get(self.users.create_token(ann, "x"))[0]),
                 self.get(self.users.by_password("ann", PASSWORD, HOME))]
        self.assertEqual([by.how for by in kinds], ["password", "session", "basic", "bearer", "basic"])
        for by in kinds:
            self.assertEqual(self.users.still_valid(by), by)
        self.get(self.users.change(self.root, "ann", role="viewer", cameras=["front"]))
        for by in kinds:
            now = self.users.still_valid(by)
            self.assertEqual((now.how, now.key, now.cameras, len(now.permissions)), (by.how, by.key, {"front"}, 4))
        self.get(self.users.remove(self.root, "ann"))
        for by in kinds:
            self.assertIsNone(self.users.still_valid(by))

    def test_others(self) -> None:
        for by in (SYSTEM, EVERYONE, self.users.guest):
            self.assertEqual(self.users.still_valid(by), by)

    def test_keys_that_fit_nothing(self) -> None:
        from dataclasses import replace

        _, session = self.login()
        ann = self.add("ann")
        for key in ("", "session:", "token:x", "password:", "device:", "url:", "device:e3b0c44298fc1c14", "x:y",
                    session.key):
            self.assertIsNone(self.users.still_valid(replace(ann, key=key)), key)
