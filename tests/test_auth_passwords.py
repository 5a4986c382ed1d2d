"""Passwords: the rules, their spelling, and the parameters of the hash."""

from __future__ import annotations

import time
import unicodedata

from argon2 import extract_parameters
from twisted.trial.unittest import SynchronousTestCase

from camd.auth.passwords import Hashing, check_password, hashing_for, memory_of_box, normal
from camd.errors import Invalid

from .auth_case import CHEAP, HOME, PASSWORD, UsersCase, with_accounts

GIB = 2**30


class RuleTests(SynchronousTestCase):
    def test_good(self) -> None:
        for password in ("Abcdef1!", "Ab1 " * 256, "Grüße-an-2", "Привет-мир1", "パスワード-2024", "密码密码密码-1", "Ab٣-efgh"):
            self.assertEqual(check_password(password), password)

    def test_what_is_missing_is_said(self) -> None:
        for password, text in (
            ("Abcde1!", "8 to 1024"), ("", "8 to 1024"), ("Ab1!" * 257, "8 to 1024"), ("abcdef1!", "an upper-case"),
            ("ABCDEF1!", "a lower-case"), ("Abcdefg!", "a digit"), ("Abcdefg1", "a special"), ("Abcdef1!\n", "control"),
            ("Abcdef1!\ud800", "control"), ("abcdefgh", "an upper-case letter, a digit, a special"), (12345678, "text"),
        ):
            error = self.assertRaises(Invalid, check_password, password)
            self.assertIn(text, str(error))
            self.assertNotIn(str(password) or "?", str(error))

    def test_known_pairs_of_cameras(self) -> None:
        for password in ("admin", "password", "12345678", "admin123", "888888", "Admin123", "root1234", "ubnt", "camera"):
            self.assertRaises(Invalid, check_password, password)

    def test_one_spelling(self) -> None:
        composed, apart = (unicodedata.normalize(form, "Grüße-an-2") for form in ("NFC", "NFD"))
        self.assertNotEqual(composed, apart)
        self.assertTrue(CHEAP.verify(CHEAP.hash(apart), composed))
        self.assertTrue(CHEAP.verify(CHEAP.hash(composed), apart))

    def test_many_accents_cost_nothing(self) -> None:
        hostile = "e" + "\u0301\u0327" * 50_000
        before = time.process_time()
        self.assertEqual(normal(hostile), hostile)
        self.assertFalse(CHEAP.verify(None, hostile))
        self.assertLess(time.process_time() - before, 0.1)


class HashingTests(SynchronousTestCase):
    def test_parameters_by_memory(self) -> None:
        for memory, cost in ((0.4, 19), (0.95, 19), (1.8, 32), (3.7, 64), (64, 64)):
            hashing = hashing_for(int(memory * GIB))
            found = extract_parameters(hashing._hasher.hash("x")) if memory < 1 else None
            self.assertEqual(hashing._hasher.memory_cost, cost * 1024)
            if found is not None:
                self.assertEqual((found.type.name, found.time_cost, found.parallelism), ("ID", 3, 1))

    def test_memory_of_box(self) -> None:
        self.assertGreater(memory_of_box(), 2**26)

    def test_verify(self) -> None:
        stored = CHEAP.hash(PASSWORD)
        self.assertNotEqual(CHEAP.hash(PASSWORD), stored)
        self.assertTrue(stored.startswith("$argon2id$"))
        self.assertTrue(CHEAP.verify(stored, PASSWORD))
        for wrong in ("", PASSWORD[:-1], PASSWORD + " ", "x" * 1025):
            self.assertFalse(CHEAP.verify(stored, wrong))
        self.assertFalse(CHEAP.verify("no hash", PASSWORD))
        self.assertFalse(CHEAP.verify(None, PASSWORD))

    def test_the_decoy_costs_as_much(self) -> None:
        found = extract_parameters(CHEAP.decoy)
        self.assertEqual(found, extract_parameters(CHEAP.hash("x")))


class RenewalTests(UsersCase):
    def test_another_box_hashes_anew(self) -> None:
        secret, session = self.login()
        self.get(self.users.stop())
        self.users = self.start_users()
        self.users._hashing = self.users._verification._hashing = Hashing(16, 1)
        by = self.get(self.users.by_password("root", PASSWORD, HOME))
        self.assertEqual(self.users.still_valid(by), by)
        self.assertEqual(self.users.by_session(secret), session, "the password is the same")
        stored = with_accounts(self.folder, lambda accounts: accounts.passwords_of("root"))
        self.assertEqual(len(stored), 1)
        self.assertEqual(extract_parameters(stored[0]).memory_cost, 16)
