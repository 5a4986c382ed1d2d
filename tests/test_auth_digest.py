"""Digest: RFC 7616 as a server, with the device password."""

from __future__ import annotations

import hashlib
import re

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.auth.digest import Digest, _response
from camd.errors import Locked, Unauthorized

from .auth_case import AWAY, HOME, UsersCase


def fields_of(header: str) -> dict[str, str]:
    """The parameters of a challenge or an answer, as an edge reads them."""
    return {key.lower(): quoted or bare for key, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)}


def answer(challenge: str, name: str, secret: str, method: str = "GET", uri: str = "/cam/front/stream.mjpg",
           count: int = 1, **others: str) -> dict[str, str]:
    """What a client sends, computed apart from the code under test."""
    asked = fields_of(challenge)
    make = hashlib.sha256 if asked["algorithm"] == "SHA-256" else hashlib.md5

    def h(text: str) -> str:
        return make(text.encode()).hexdigest()

    fields = {"username": name, "realm": asked["realm"], "nonce": asked["nonce"], "uri": uri, "qop": "auth",
              "nc": f"{count:08x}", "cnonce": "0a4f113b", "algorithm": asked["algorithm"], **others}
    identity = h(f"{name}:{fields['realm']}:{secret}")
    rest = f"{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:{fields['qop']}:{h(f'{method}:{uri}')}"
    return {"response": h(f"{identity}:{rest}"), **fields}


class ExampleTests(SynchronousTestCase):
    def test_of_the_rfc(self) -> None:
        """RFC 7616 section 3.9.1."""
        fields = {
            "username": "Mufasa", "realm": "http-auth@example.org", "uri": "/dir/index.html",
            "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "nc": "00000001", "qop": "auth",
            "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        }
        self.assertEqual(_response("md5", fields, "GET", "Circle of Life"), "8ca523f5e9506fed4657c9700eebdbec")
        self.assertEqual(_response("sha256", fields, "GET", "Circle of Life"),
                         "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")


class DigestTests(UsersCase):
    def setUp(self) -> None:
        super().setUp()
        self.secret = self.get(self.users.device_password(self.root, "root"))

    def ask(self, fields: dict[str, str], method: str = "GET", address: str = HOME, uri: str | None = None) -> object:
        return self.users.digest(fields, method, address, uri)

    def refused(self, fields: dict[str, str], *args: object, **keywords: object) -> Unauthorized:
        return self.assertRaises(Unauthorized, self.ask, fields, *args, **keywords)

    def test_challenges(self) -> None:
        strong, weak = self.users.digest_challenges()
        self.assertEqual([fields_of(text)["algorithm"] for text in (strong, weak)], ["SHA-256", "MD5"])
        self.assertTrue(strong.startswith('Digest realm="camd", qop="auth", '))
        self.assertNotIn("stale", strong)
        self.assertIn("stale=true", self.users.digest_challenges(stale=True)[0])

    def test_both_algorithms(self) -> None:
        for challenge in self.users.digest_challenges():
            by = self.ask(answer(challenge, "root", self.secret), uri="/cam/front/stream.mjpg")
            self.assertEqual((by.name, by.how), ("root", "digest"))
            self.assertEqual(self.users.still_valid(by), by)
        fields = answer(self.users.digest_challenges()[1], "ROOT", self.secret)
        del fields["algorithm"]  # then it is MD5
        self.assertEqual(self.ask(fields).name, "root")

    def test_renewed_password(self) -> None:
        by = self.ask(answer(self.users.digest_challenges()[0], "root", self.secret))
        self.get(self.users.device_password(self.root, "root", renew=True))
        self.assertIsNone(self.users.still_valid(by))
        self.assertFalse(self.refused(answer(self.users.digest_challenges()[0], "root", self.secret)).stale)

    def test_wrong(self) -> None:
        challenge = self.users.digest_challenges()[0]
        good = answer(challenge, "root", self.secret)
        for wrong in (
            {}, answer(challenge, "root", "wrong"), answer(challenge, "nobody", self.secret), {**good, "qop": "auth-int"},
            {**good, "realm": "other"}, {**good, "nc": "00000002"}, {**good, "nc": "zzzzzzzz"}, {**good, "nc": "1"},
            {**good, "algorithm": "SHA-256-sess"}, {**good, "response": "ä"}, {**good, "response": ""},
            {**good, "username": "\ud800"}, {key: good[key] for key in good if key != "cnonce"},
        ):
            error = self.refused(wrong, address=str(wrong))
            self.assertEqual((error.stale, type(error)), (False, Unauthorized), wrong)
        self.refused(good, "POST")
        self.refused(good, uri="/cam/back/stream.mjpg")
        self.ask(good)

    def test_each_count_once(self) -> None:
        challenge = self.users.digest_challenges()[0]
        for count in (1, 3, 2, 200, 150, 199, 201):
            self.ask(answer(challenge, "root", self.secret, count=count))
        for count in (1, 2, 3, 150, 200, 201, 199, 50, 0):
            self.assertTrue(self.refused(answer(challenge, "root", self.secret, count=count)).stale, count)
        self.ask(answer(challenge, "root", self.secret, count=202))

    def test_old_nonce(self) -> None:
        challenge = self.users.digest_challenges()[0]
        self.clock.advance(299)
        self.ask(answer(challenge, "root", self.secret))
        self.clock.advance(1)
        self.assertTrue(self.refused(answer(challenge, "root", self.secret, count=2)).stale)

    def test_nonce_of_before_a_restart(self) -> None:
        challenge = self.users.digest_challenges()[0]
        self.users = self.start_users()
        self.assertTrue(self.refused(answer(challenge, "root", self.secret)).stale)
        self.assertFalse(self.refused(answer(challenge, "root", "wrong")).stale)
        for nonce in ("", "x", "AAAA", "ä", "!" * 40):
            self.assertTrue(self.refused(answer(challenge, "root", self.secret, nonce=nonce)).stale)

    def test_locks(self) -> None:
        challenge = self.users.digest_challenges()[0]
        for _ in range(5):
            self.refused(answer(challenge, "root", "wrong"), address=AWAY)
        self.assertRaises(Locked, self.ask, answer(challenge, "root", self.secret), address=AWAY)
        self.ask(answer(challenge, "root", self.secret))
        self.assertEqual([entry["how"] for entry in self.events("login_refused")], ["digest"] * 5)

    def test_stale_ones_do_not_lock(self) -> None:
        challenge = self.users.digest_challenges()[0]
        self.clock.advance(300)
        for _ in range(20):
            self.assertTrue(self.refused(answer(challenge, "root", self.secret), address=AWAY).stale)

    def test_without_device_password(self) -> None:
        self.add("ann")
        for secret in ("", "None"):
            self.refused(answer(self.users.digest_challenges()[0], "ann", secret))

    def test_disabled(self) -> None:
        ann = self.add("ann")
        secret = self.get(self.users.device_password(ann, "ann"))
        self.get(self.users.change(self.root, "ann", enabled=False))
        self.refused(answer(self.users.digest_challenges()[0], "ann", secret))


class NonceTests(SynchronousTestCase):
    def test_bounded(self) -> None:
        """Forgotten nonces are stale, not good once more."""
        clock = Clock()
        digest = Digest(clock.seconds)
        first = digest.challenges()[1]
        for number in range(4100):
            clock.advance(0.001)
            digest.check(answer(digest.challenges()[1] if number else first, "root", "x"), "GET", "x")
        self.assertEqual(len(digest._counts), 4096)
        self.assertTrue(self.assertRaises(Unauthorized, digest.check, answer(first, "root", "x"), "GET", "x").stale)
        digest.check(answer(digest.challenges()[1], "root", "x"), "GET", "x")

    def test_it_says_nothing_about_the_clock(self) -> None:
        import base64
        import struct

        times = {struct.unpack("!Q", base64.urlsafe_b64decode(Digest(lambda: 0.0).new_nonce())[:8]) for _ in range(4)}
        self.assertEqual(len(times), 4)
