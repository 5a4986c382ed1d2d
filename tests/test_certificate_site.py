from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from camd.auth import host_names
from camd.auth.certificate_files import CertificateFiles
from camd.auth.site_certificate import SiteCertificate
from camd.config import Config, TlsConfig
from camd.errors import ConfigError, Conflict, Invalid, Refused
from camd.state import EVERYONE, Principal, State
from camd.testing import FakeReactor, ThreadlessPool
from camd.threads import Threads

from .certificates import DAY, MIDDLE, NOW, ec_key, pem_of, write_pair


class Site(SynchronousTestCase):
    def setUp(self) -> None:
        self.data_dir = Path(self.mktemp())
        self.folder = self.data_dir / "tls"
        self.config = Config(data_dir=self.data_dir)
        self.reactor = FakeReactor()
        self.threads = Threads(self.reactor)
        self.threads.pools = {name: ThreadlessPool() for name in self.threads.pools}
        self.state = State()
        self.now = NOW
        self.audited: list[tuple[str, str, str, dict[str, Any]]] = []
        self.expiries: list[float] = []
        self.site = self.make()

    def make(self) -> SiteCertificate:
        return SiteCertificate(self.config, self.state, self.threads, self.reactor, self, self.expiries.append,
                               lambda: self.now)

    def record(self, event: str, by: str, address: str, **fields: Any) -> None:
        self.audited.append((event, by, address, fields))

    def run_now(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def fail(self, kind: type[Exception], coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.failureResultOf(Deferred.fromCoroutine(coroutine), kind).value

    def start(self) -> None:
        self.run_now(self.site.start())
        self.addCleanup(self.reactor.advance, 0)
        self.addCleanup(self.site.stop)
        self.settle()

    def settle(self, seconds: float = 1.0) -> None:
        for _ in range(round(seconds / 0.05)):
            for reader in list(self.reactor.readers):
                reader.doRead()
            self.reactor.advance(0.05)

    def minute(self) -> None:
        self.reactor.advance(60)
        self.settle()

    @property
    def told(self) -> dict[str, Any]:
        return self.state["system/certificate"].value

    @property
    def fingerprint(self) -> str:
        """Of the one that new connections get."""
        return self.site.context.certificate.fingerprint


class Life(Site):
    def test_first_start(self) -> None:
        self.start()
        self.assertEqual(self.told["fingerprint"], self.fingerprint)
        self.assertEqual((self.told["state"], self.told["reason"], self.told["daysRemaining"]), ("ok", "", 396 - 1))
        self.assertEqual((self.told["renewsItself"], self.told["isConfigured"], self.told["isSelfSigned"]),
                         (True, False, True))
        self.assertEqual(self.expiries, [self.site.context.certificate.expiry])
        self.assertEqual(self.state["system/certificate_expiry"].value, self.expiries[0])
        self.assertEqual(self.site.warning, "")

    def test_the_same_at_the_next_start(self) -> None:
        self.start()
        before = self.fingerprint
        self.site.stop()
        self.site = self.make()
        self.start()
        self.assertEqual(self.fingerprint, before)

    def test_renewed_in_time(self) -> None:
        self.start()
        before = self.fingerprint
        self.now += 365 * DAY
        self.minute()
        self.assertEqual(self.fingerprint, before)
        self.now += 2 * DAY
        self.minute()
        self.assertNotEqual(self.fingerprint, before)
        self.assertEqual((self.told["fingerprint"], len(self.expiries)), (self.fingerprint, 2))

    def test_the_files_are_looked_at_once_a_day(self) -> None:
        self.start()
        jobs = []
        ensure = CertificateFiles.ensure
        self.patch(CertificateFiles, "ensure", lambda files, now: jobs.append(now) or ensure(files, now))
        for _ in range(2 * 24):
            self.now += 3600
            self.minute()
        self.assertEqual(len(jobs), 2)

    def test_the_clock_jumps(self) -> None:
        """A board without a battery begins in 1970 and hears the time later."""
        self.now = 1000.0
        self.start()
        self.assertTrue(self.told["validTo"].startswith("1971-"))
        self.now = NOW
        self.minute()
        self.assertEqual(self.told["daysRemaining"], 395)
        self.assertEqual(self.site.warning, "")

    def test_days_go_by(self) -> None:
        self.start()
        self.now += 3 * DAY
        self.minute()
        self.assertEqual(self.told["daysRemaining"], 392)

    def test_the_host_gets_another_name(self) -> None:
        self.start()
        before = self.fingerprint
        self.patch(host_names.socket, "gethostname", lambda: "attic")
        self.run_now(self.site.reload(self.config))
        self.assertNotEqual(self.fingerprint, before)
        self.assertIn("attic.local", self.told["names"])

    def test_another_name_is_configured(self) -> None:
        self.start()
        self.run_now(self.site.reload(replace(self.config, tls=TlsConfig(names=("new.lan",)))))
        self.assertIn("new.lan", self.told["names"])

    def test_a_name_that_cannot_be(self) -> None:
        self.config = replace(self.config, tls=TlsConfig(names=("a b",)))
        site = self.make()
        self.assertIn("tls.names", str(self.fail(ConfigError, site.start())))
        self.start()
        self.run_now(self.site.reload(self.config))
        self.assertIn("tls.names", self.told["reason"])

    def test_without_https(self) -> None:
        self.assertEqual((self.site.context, self.site.warning), (None, ""))
        self.run_now(self.site.reload(self.config))
        self.assertFalse(self.folder.exists())
        self.assertIn("HTTPS is off", str(self.fail(Conflict, self.site.self_sign(EVERYONE))))
        self.site.stop()


class Files(Site):
    def test_a_pair_is_put_there(self) -> None:
        self.start()
        certificate = write_pair(self.folder)
        self.settle()
        self.assertEqual(self.site.context.certificate.leaf, certificate)
        self.assertEqual((self.told["subject"], self.told["renewsItself"]), ("CN=camera.test", False))

    def test_a_pair_is_there(self) -> None:
        certificate = write_pair(self.folder)
        self.start()
        self.assertEqual(self.site.context.certificate.leaf, certificate)

    def test_half_a_pair(self) -> None:
        self.start()
        before = self.fingerprint
        key = ec_key()
        (self.folder / "fullchain.pem").write_bytes(pem_of(MIDDLE.sign(key), MIDDLE.certificate))
        self.settle()
        self.assertEqual(self.fingerprint, before)
        self.assertEqual(self.told["state"], "alert")
        self.assertIn("does not belong", self.told["reason"])
        self.assertEqual(self.site.warning, self.told["reason"])
        (self.folder / "privkey.pem").write_bytes(pem_of(key))
        self.settle()
        self.assertEqual((self.told["subject"], self.told["state"], self.told["reason"]), ("CN=camera.test", "ok", ""))

    def test_the_key_first(self) -> None:
        self.start()
        key = ec_key()
        (self.folder / "privkey.pem").write_bytes(pem_of(key))
        self.settle()
        self.now += 2 * DAY
        self.minute()
        self.assertEqual(self.told["state"], "alert")
        (self.folder / "fullchain.pem").write_bytes(pem_of(MIDDLE.sign(key), MIDDLE.certificate))
        self.settle()
        self.assertEqual((self.told["subject"], self.told["state"]), ("CN=camera.test", "ok"))

    def test_a_broken_file(self) -> None:
        write_pair(self.folder)
        self.start()
        before, path = self.fingerprint, self.folder / "fullchain.pem"
        good = path.read_bytes()
        for content in (b"", b"hello", good[:400], good[: len(good) - 200]):
            path.write_bytes(content)
            self.settle()
            self.assertEqual((self.fingerprint, self.told["state"]), (before, "alert"))
            self.assertIn(str(path), self.told["reason"])
        path.write_bytes(good)
        self.settle()
        self.assertEqual((self.fingerprint, self.told["state"], self.expiries), (before, "ok", self.expiries[:1]))

    def test_an_expired_one_replaces_none_that_is_good(self) -> None:
        self.start()
        before = self.fingerprint
        write_pair(self.folder, start=-9 * DAY, end=-DAY)
        self.settle()
        self.assertEqual((self.fingerprint, self.told["state"]), (before, "alert"))
        self.assertIn("expired on", self.told["reason"])

    def test_but_is_better_than_none(self) -> None:
        certificate = write_pair(self.folder, start=-9 * DAY, end=-DAY)
        self.start()
        self.assertEqual(self.site.context.certificate.leaf, certificate)
        self.assertEqual((self.told["isExpired"], self.told["state"]), (True, "alert"))
        self.assertIn("expired on", self.site.warning)
        write_pair(self.folder)
        self.settle()
        self.assertEqual((self.told["isExpired"], self.site.warning), (False, ""))

    def test_one_for_tomorrow(self) -> None:
        """It is taken when its time has come."""
        self.start()
        write_pair(self.folder, start=0.5 * DAY)
        self.settle()
        self.assertIn("clock", self.told["reason"])
        self.now += 0.6 * DAY
        self.minute()
        self.assertEqual((self.told["subject"], self.told["state"]), ("CN=camera.test", "ok"))

    def test_near_its_end(self) -> None:
        write_pair(self.folder, end=20 * DAY)
        self.start()
        self.assertEqual(self.site.warning, "")
        self.now += 10 * DAY
        self.minute()
        self.assertEqual((self.site.warning, self.told["state"]), ("ends in 10 days", "ok"))
        self.now += 10 * DAY
        self.minute()
        self.assertIn("expired", self.site.warning)

    def test_a_bad_file_at_the_start(self) -> None:
        """Better one that nobody knows than no page that tells what is wrong."""
        write_pair(self.folder)
        (self.folder / "privkey.pem").write_bytes(pem_of(ec_key()))
        self.start()
        self.assertEqual((self.told["isSelfSigned"], self.told["state"]), (True, "alert"))
        self.assertIn("does not belong", self.told["reason"])
        certificate = write_pair(self.folder)
        self.settle()
        self.assertEqual(self.site.context.certificate.leaf, certificate)

    def test_named_in_the_configuration(self) -> None:
        self.start()
        folder = self.data_dir / "elsewhere"
        certificate = write_pair(folder)
        config = replace(self.config, tls=TlsConfig(certificate=folder / "fullchain.pem", key=folder / "privkey.pem"))
        self.run_now(self.site.reload(config))
        self.settle()
        self.assertEqual(self.site.context.certificate.leaf, certificate)
        self.assertEqual((self.told["isConfigured"], self.told["renewsItself"]), (True, False))
        certificate = write_pair(folder)
        self.settle()
        self.assertEqual(self.site.context.certificate.leaf, certificate)
        for change in (self.site.self_sign(EVERYONE), self.site.install(EVERYONE, "", "")):
            self.assertIn("tls.certificate", str(self.fail(Conflict, change)))
        self.run_now(self.site.reload(self.config))
        self.assertEqual(self.told["renewsItself"], True)

    def test_the_files_are_removed(self) -> None:
        write_pair(self.folder)
        self.start()
        for path in self.folder.iterdir():
            path.unlink()
        self.settle()
        self.assertEqual((self.told["renewsItself"], self.told["state"]), (True, "ok"))
        self.assertTrue((self.folder / "privkey.pem").exists())

    def test_a_link_is_turned(self) -> None:
        """As certbot does it: the names stay, where they point changes."""
        archive = self.data_dir.absolute() / "archive"
        write_pair(archive / "1")
        certificate = write_pair(archive / "2")
        self.folder.mkdir()
        for name in ("fullchain.pem", "privkey.pem"):
            (self.folder / name).symlink_to(archive / "1" / name)
        self.start()
        for name in ("fullchain.pem", "privkey.pem"):
            (self.folder / name).unlink()
            (self.folder / name).symlink_to(archive / "2" / name)
        self.settle()
        self.assertEqual((self.site.context.certificate.leaf, self.told["state"]), (certificate, "ok"))


class Changes(Site):
    def setUp(self) -> None:
        super().setUp()
        self.key = ec_key()
        self.certificate = MIDDLE.sign(self.key)
        self.chain = pem_of(self.certificate, MIDDLE.certificate).decode()

    def test_uploaded(self) -> None:
        self.start()
        answer = self.run_now(self.site.install(EVERYONE, self.chain, pem_of(self.key).decode(), "192.0.2.7"))
        self.assertEqual(self.site.context.certificate.leaf, self.certificate)
        self.assertEqual(answer, self.told)
        self.assertEqual(CertificateFiles.of(self.config).read().leaf, self.certificate)
        self.assertEqual(self.audited, [("certificate_install", "everyone", "192.0.2.7", {
            "subject": "CN=camera.test", "sha256": self.fingerprint})])
        self.settle()
        self.assertEqual(len(self.expiries), 2, "what we wrote ourselves is not taken twice")

    def test_not_taken(self) -> None:
        self.start()
        before = self.fingerprint, CertificateFiles.of(self.config).stamp()
        expired = pem_of(MIDDLE.sign(self.key, start=-9 * DAY, end=-DAY)).decode()
        early = pem_of(MIDDLE.sign(self.key, start=DAY)).decode()
        for certificate, key, place in (("", self.key, "certificate"), (self.chain, ec_key(), "key"),
                                        (expired, self.key, "certificate"), (early, self.key, "certificate"),
                                        ("\ud800", self.key, "certificate")):
            error = self.fail(Invalid, self.site.install(EVERYONE, certificate, pem_of(key).decode()))
            self.assertEqual(error.key, place)
        self.assertEqual((self.fingerprint, CertificateFiles.of(self.config).stamp(), self.audited), (*before, []))
        self.assertEqual(self.told["state"], "ok", "it is the asker's trouble, not the daemon's")

    def test_who_may(self) -> None:
        self.start()
        nobody = Principal("nobody", frozenset())
        self.fail(Refused, self.site.install(nobody, self.chain, pem_of(self.key).decode()))
        self.fail(Refused, self.site.self_sign(nobody))

    def test_back_to_self_signed(self) -> None:
        write_pair(self.folder)
        self.start()
        answer = self.run_now(self.site.self_sign(EVERYONE, "192.0.2.7"))
        self.assertEqual((answer["renewsItself"], answer["fingerprint"]), (True, self.fingerprint))
        self.assertEqual(self.audited[0][:3], ("certificate_self_sign", "everyone", "192.0.2.7"))

    def test_what_was_wrong_is_right_then(self) -> None:
        write_pair(self.folder)
        (self.folder / "privkey.pem").write_bytes(b"")
        self.start()
        self.assertEqual(self.told["state"], "alert")
        self.run_now(self.site.install(EVERYONE, self.chain, pem_of(self.key).decode()))
        self.assertEqual(self.told["state"], "ok")

    def test_one_at_a_time(self) -> None:
        self.start()
        pool = self.threads.pools["io"] = ThreadlessPool(at_once=False)
        first = Deferred.fromCoroutine(self.site.self_sign(EVERYONE))
        second = Deferred.fromCoroutine(self.site.install(EVERYONE, self.chain, pem_of(self.key).decode()))
        self.assertEqual(len(pool.waiting), 1)
        pool.run()
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(self.site.context.certificate.leaf, self.certificate)

    def test_the_disk_is_full(self) -> None:
        self.start()
        before = self.fingerprint

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        from camd.auth import certificate_files

        self.patch(certificate_files, "_write_file", full)
        error = self.fail(ConfigError, self.site.install(EVERYONE, self.chain, pem_of(self.key).decode()))
        self.assertIn("No space left", str(error))
        self.assertEqual(self.fingerprint, before)
