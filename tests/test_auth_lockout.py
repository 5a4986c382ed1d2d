"""Lockout: what wrong passwords cost, and whom."""

from __future__ import annotations

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.auth.lockout import Failures, Lockout, network_of
from camd.errors import Locked, Unauthorized

from .auth_case import AWAY, HOME, PASSWORD, UsersCase


class LockoutTests(UsersCase):
    def test_five_lock_the_pair_for_300_seconds(self) -> None:
        for _ in range(5):
            self.assertEqual(self.wrong("root", AWAY), "Unauthorized")
        error = self.fails(Locked, self.users.by_password("root", PASSWORD, AWAY))
        self.assertEqual((error.retry_after, str(error)), (300, "Unauthorized"))
        self.get(self.users.by_password("root", PASSWORD, HOME))
        self.clock.advance(299.5)
        self.assertEqual(self.fails(Locked, self.users.login("ROOT", PASSWORD, AWAY)).retry_after, 1)
        self.clock.advance(0.5)
        self.get(self.users.by_password("root", PASSWORD, AWAY))

    def test_a_name_that_nobody_has_looks_the_same(self) -> None:
        for name in ("root", "nobody"):
            said = [self.wrong(name, AWAY + name) for _ in range(7)]
            self.assertEqual(said, ["Unauthorized"] * 5 + ["Locked"] * 2)

    def test_ten_lock_the_address(self) -> None:
        self.add("ann")
        for number in range(10):
            self.assertEqual(self.wrong(f"user{number}", AWAY), "Unauthorized")
        self.fails(Locked, self.users.by_password("ann", PASSWORD, AWAY))
        self.get(self.users.by_password("ann", PASSWORD, HOME))
        self.clock.advance(300)
        self.get(self.users.by_password("ann", PASSWORD, AWAY))

    def test_waiting_does_not_begin_anew_while_locked(self) -> None:
        for _ in range(5):
            self.wrong("root", AWAY)
        for _ in range(30):
            self.clock.advance(9)
            self.assertEqual(self.wrong("root", AWAY), "Locked")
        self.clock.advance(30)
        self.assertEqual([self.wrong("root", AWAY) for _ in range(6)], ["Unauthorized"] * 5 + ["Locked"])

    def test_a_right_one_forgets_those_of_the_pair_only(self) -> None:
        for _ in range(3):
            for _ in range(3):
                self.wrong("root", AWAY)
            self.get(self.users.by_password("root", PASSWORD, AWAY))
        self.assertEqual(self.wrong("root", AWAY), "Unauthorized")
        self.assertEqual(self.wrong("root", AWAY), "Locked", "ten from this address")

    def test_old_ones_are_forgotten(self) -> None:
        for _ in range(20):
            self.assertEqual(self.wrong("root", AWAY), "Unauthorized")
            self.clock.advance(226)

    def test_a_long_name_is_not_kept(self) -> None:
        self.wrong("x" * 100_000, AWAY)
        self.assertLess(max(len(account) for account, _ in self.users._lockout._pairs._times), 100)

    def test_audited_once(self) -> None:
        for _ in range(9):
            self.wrong("root", AWAY)
        for _ in range(9):
            self.wrong("my secret password, typed into the wrong field", "203.0.113.9")
        refused = self.events("login_refused")
        self.assertEqual([entry["by"] for entry in refused], ["root"] * 5 + [""] * 5)
        self.assertEqual([entry["address"] for entry in self.events("locked")], [AWAY, "203.0.113.9"])
        self.assertNotIn("secret", str(self.events()))

    def test_an_account_tried_from_everywhere_is_slowed(self) -> None:
        self.clock.advance(301)  # the right one is not remembered any more
        for number in range(10):
            self.assertEqual(self.wrong("root", f"203.0.113.{number}"), "Unauthorized")
        slowed = ensureDeferred(self.users.by_password("root", PASSWORD, AWAY))
        self.assertNoResult(slowed)
        self.clock.advance(0.25)
        self.successResultOf(slowed)
        for number in range(10):
            asked = ensureDeferred(self.users.by_password("root", "Wrong", f"203.0.114.{number}"))
            self.clock.advance(4)
            self.failureResultOf(asked, Unauthorized)
        asked = ensureDeferred(self.users.by_password("root", "Wrong", "203.0.115.1"))
        self.clock.advance(3.9)
        self.assertNoResult(asked)
        self.clock.advance(0.1)
        self.failureResultOf(asked, Unauthorized)
        self.get(self.users.by_password("root", PASSWORD, HOME))

    def test_the_owner_is_not_slowed_where_he_was_before(self) -> None:
        self.get(self.users.by_password("root", PASSWORD, HOME))
        self.clock.advance(3600)  # not remembered any more
        for number in range(20):
            ensureDeferred(self.users.by_password("root", "Wrong", f"203.0.113.{number}")).addErrback(lambda _: None)
            self.clock.advance(4)
        self.get(self.users.by_password("root", PASSWORD, HOME))

    def test_slowed_ones_do_not_pile_up(self) -> None:
        for number in range(10):
            self.wrong("root", f"203.0.113.{number}")
        waiting = [ensureDeferred(self.users.by_password("root", "Wrong", f"203.0.114.{n}")) for n in range(4)]
        self.assertEqual(self.wrong("root", AWAY), "Locked")
        self.add("ann")
        self.clock.advance(4)
        for done in waiting:
            self.failureResultOf(done, Unauthorized)


class AtOnceTests(UsersCase):
    """Many at once gain nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.pool = self.threads.pools["auth"]
        self.pool.at_once = False
        self.clock.advance(301)

    def ask(self, name: str, password: str, address: str = AWAY) -> Deferred:
        return ensureDeferred(self.users.by_password(name, password, address))

    def test_different_passwords_of_one_pair(self) -> None:
        asked = [self.ask("root", f"Wrong-{number}") for number in range(20)]
        self.assertEqual(len(self.pool.waiting), 5)
        for done in asked[5:]:
            self.failureResultOf(done, Locked)
        self.pool.run()
        for done in asked[:5]:
            self.failureResultOf(done, Unauthorized)
        self.failureResultOf(self.ask("root", PASSWORD), Locked)

    def test_different_names_from_one_address(self) -> None:
        asked = [self.ask(f"user{number}", "Wrong") for number in range(20)]
        self.assertEqual(len(self.pool.waiting), 10)
        self.pool.run()
        for done in asked:
            self.failureResultOf(done, Unauthorized)

    def test_the_same_password_is_looked_at_once(self) -> None:
        """A page of ten pictures with HTTP Basic."""
        asked = [self.ask("root", PASSWORD) for _ in range(50)]
        asked[3].cancel()
        self.assertEqual(len(self.pool.waiting), 1)
        self.pool.run()
        self.failureResultOf(asked.pop(3)).trap(Exception)
        self.assertEqual({self.successResultOf(done).name for done in asked}, {"root"})
        self.successResultOf(self.ask("root", PASSWORD))
        self.assertEqual(len(self.pool.waiting), 0, "it is remembered")
        self.clock.advance(300)
        self.ask("root", PASSWORD)
        self.assertEqual(len(self.pool.waiting), 1, "for five minutes")

    def test_a_wrong_one_sent_ten_times_counts_once(self) -> None:
        asked = [self.ask("root", "Wrong") for _ in range(10)]
        self.pool.run()
        for done in asked:
            self.failureResultOf(done, Unauthorized)
        self.assertEqual(len(self.events("login_refused")), 1)

    def test_a_lost_client_does_not_stop_the_count(self) -> None:
        for number in range(5):
            done = self.ask("root", f"Wrong-{number}")
            done.cancel()
            self.failureResultOf(done)
            self.pool.run()
        self.failureResultOf(self.ask("root", PASSWORD), Locked)

    def test_the_queue_is_bounded(self) -> None:
        asked = [self.ask(f"user{number}", "Wrong", f"203.0.113.{number}") for number in range(50)]
        self.assertEqual(len(self.pool.waiting), 34)
        self.assertEqual({self.failureResultOf(done, Locked).value.retry_after for done in asked[34:]}, {1})
        self.pool.run()
        for done in asked[:34]:
            self.failureResultOf(done, Unauthorized)
        self.pool.run()
        self.assertEqual(self.users._lockout._in_flight, {})
        self.assertEqual(self.users._verification._running, {})

    def test_a_broken_check_is_no_wrong_password(self) -> None:
        def broken(*args: object) -> bool:
            raise MemoryError

        self.patch(self.users._hashing, "verify", broken)
        for _ in range(6):
            done = self.ask("root", PASSWORD)
            self.pool.run()
            self.failureResultOf(done, MemoryError)

    def test_remembered_only_until_it_changes(self) -> None:
        self.pool.at_once = True
        self.add("ann")
        self.get(self.users.change(self.root, "ann", password="Something-Else9"))
        self.fails(Unauthorized, self.users.by_password("ann", PASSWORD, HOME))
        self.get(self.users.by_password("ann", "Something-Else9", HOME))
        self.get(self.users.change(self.root, "ann", enabled=False))
        self.fails(Unauthorized, self.users.by_password("ann", "Something-Else9", HOME))


class TableTests(SynchronousTestCase):
    def test_networks(self) -> None:
        for address, network in (
            ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64"), ("::1", "::/64"), ("", ""),
            ("/run/camd.sock", "/run/camd.sock"),
        ):
            self.assertEqual(network_of(address), network)

    def test_one_customer_is_one_address(self) -> None:
        lockout = Lockout(Clock().seconds)
        for number in range(10):
            lockout.end(lockout.begin(f"user{number}", f"2001:db8::{number}:1"), False)
        self.assertRaises(Locked, lockout.check, "root", "2001:db8::ffff")
        lockout.check("root", "2001:db8:0:1::1")

    def test_bounded(self) -> None:
        clock = Clock()
        failures = Failures(clock.seconds, lock_at=2, capacity=10)
        for number in range(100):
            failures.add(number)
        self.assertEqual(len(failures), 10)
        self.assertEqual(failures.count(99), 1)
        self.assertEqual(failures.count(0), 0)
        for number in range(100):
            failures.add(number)
            failures.add(number)
        self.assertLessEqual(len(failures), 20)
        self.assertGreater(failures.locked(99), 0)
        self.assertEqual(failures.locked(0), 0)

    def test_no_more_than_needed_is_kept(self) -> None:
        clock = Clock()
        failures = Failures(clock.seconds, most=5)
        for _ in range(1000):
            failures.add("x")
        self.assertEqual(failures.count("x"), 5)

    def test_whoever_nobody_looked_at_is_not_counted(self) -> None:
        lockout = Lockout(Clock().seconds)
        for _ in range(50):
            lockout.end(lockout.begin("root", HOME), None)
        lockout.check("root", HOME)
