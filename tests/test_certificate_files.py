from __future__ import annotations

import ipaddress
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SynchronousTestCase

from camd.auth import certificate_files, host_names, self_signed
from camd.auth.certificate import ServerCertificate, parse
from camd.auth.certificate_files import CertificateFiles
from camd.errors import ConfigError, Conflict

from .certificates import DAY, MIDDLE, NOW, ec_key, pem_of, write_pair


class Files(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()) / "tls"
        self.certificate, self.key = self.folder / "fullchain.pem", self.folder / "privkey.pem"

    def make(self, *names: str, after: float = 0.0) -> ServerCertificate:
        """What the files have after the check of that time."""
        return CertificateFiles.within(self.folder, names).ensure(NOW + after)

    def wrong(self, function: Callable[..., object], path: Path, *texts: str) -> None:
        error = self.assertRaises(ConfigError, function)
        (problem,) = error.problems
        self.assertEqual(problem.where, str(path))
        for text in texts:
            self.assertIn(text, f"{problem.text} {problem.hint}")


class SelfSigned(Files):
    def test_modes(self) -> None:
        mask = os.umask(0)
        self.addCleanup(os.umask, mask)
        self.make()
        self.assertEqual(self.folder.stat().st_mode & 0o777, 0o700)
        self.assertEqual(self.key.stat().st_mode & 0o777, 0o600)
        self.assertEqual({path.name for path in self.folder.iterdir()}, {"fullchain.pem", "privkey.pem"})

    def test_content(self) -> None:
        self.patch(host_names.socket, "gethostname", lambda: "Workshop.example.org")
        self.patch(self_signed, "own_addresses", lambda: ["127.0.0.1", "::1", "192.0.2.7", "2001:db8::7"])
        made = self.make("Kamera-Ü.example", "10.0.0.1", "*.cams.lan")
        names = made.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(
            names.get_values_for_type(x509.DNSName),
            ["workshop", "workshop.local", "localhost", "xn--kamera--t2a.example", "*.cams.lan"],
        )
        self.assertEqual(
            names.get_values_for_type(x509.IPAddress),
            [ipaddress.ip_address(a) for a in ("127.0.0.1", "::1", "192.0.2.7", "2001:db8::7", "10.0.0.1")],
        )
        self.assertIsInstance(made.key, ec.EllipticCurvePrivateKey)
        self.assertEqual(made.key.curve.name, "secp256r1")
        life = made.leaf.not_valid_after_utc - made.leaf.not_valid_before_utc
        self.assertEqual(life, timedelta(days=397))
        self.assertLess(made.leaf.not_valid_before_utc, datetime.fromtimestamp(NOW, UTC))
        parse(self.certificate.read_bytes(), self.key.read_bytes()).check_validity(NOW)

    def test_kept(self) -> None:
        first = self.make("a.lan")
        self.assertEqual(self.make("a.lan", after=360 * DAY).chain, first.chain)
        self.assertEqual(self.make().chain, first.chain, "a name too many does no harm")

    def test_renewed_near_its_end(self) -> None:
        first = self.make()
        second = self.make(after=367 * DAY)
        self.assertNotEqual(second.chain, first.chain)
        self.assertNotEqual(second.leaf.public_key(), first.leaf.public_key())
        self.assertNotEqual(self.make(after=5000 * DAY).chain, second.chain)

    def test_renewed_for_new_names(self) -> None:
        found = [self.make()]
        found.append(self.make("new.lan"))
        self.patch(host_names.socket, "gethostname", lambda: "another")
        found.append(self.make("new.lan"))
        self.patch(self_signed, "own_addresses", lambda: ["192.0.2.9"])
        found.append(self.make("new.lan"))
        self.assertEqual(len({certificate.fingerprint for certificate in found}), 4)
        for name in ("new.lan", "another.local", "192.0.2.9"):
            self.assertIn(name, found[-1].names)

    def test_a_damaged_key_is_replaced(self) -> None:
        for damage in (self.key.unlink, lambda: self.key.write_bytes(b""), lambda: self.key.write_bytes(b"\0" * 240)):
            first = self.make()
            damage()
            self.assertNotEqual(self.make().chain, first.chain)

    def test_somebodys_key_is_not(self) -> None:
        """Who copies their own pair may begin with the key."""
        self.make()
        data = pem_of(ec_key())
        self.key.write_bytes(data)
        self.wrong(self.make, self.key, "does not belong")
        self.assertEqual(self.key.read_bytes(), data)

    def test_bad_names(self) -> None:
        for name in ("a b", "", "http://x/", "a" * 64 + ".lan"):
            error = self.assertRaises(ConfigError, self.make, name)
            self.assertEqual(error.problems[0].key, "tls.names")

    def test_again(self) -> None:
        first = self.make()
        files = CertificateFiles.within(self.folder)
        self.assertTrue(files.is_ours())
        second = files.self_sign(NOW)
        self.assertNotEqual(second.chain, first.chain)
        self.assertEqual(files.read().chain, second.chain)


class Foreign(Files):
    def test_never_touched(self) -> None:
        for end in (-1 * DAY, 1 * DAY):
            write_pair(self.folder, start=-9 * DAY, end=end)
            before = self.certificate.read_bytes(), self.key.read_bytes()
            self.make("other.lan")
            self.assertEqual((self.certificate.read_bytes(), self.key.read_bytes()), before)
        self.assertFalse(CertificateFiles.within(self.folder).is_ours())

    def test_one_that_names_us_as_its_maker(self) -> None:
        key = ec_key()
        ours = self_signed.make([], NOW)
        builder = x509.CertificateBuilder(
            ours.leaf.issuer, ours.leaf.subject, key.public_key(), 1,
            ours.leaf.not_valid_before_utc, ours.leaf.not_valid_after_utc, list(ours.leaf.extensions))
        forged = builder.sign(MIDDLE.key, ours.leaf.signature_hash_algorithm)
        self.assertTrue(self_signed.is_ours(ours.leaf))
        self.assertFalse(self_signed.is_ours(forged))

    def test_half_a_pair(self) -> None:
        for missing, there in ((self.certificate, self.key), (self.key, self.certificate)):
            write_pair(self.folder)
            missing.unlink()
            self.wrong(self.make, there, "beside")
            self.assertFalse(missing.exists())

    def test_not_what_it_should_be(self) -> None:
        self.folder.mkdir(parents=True)
        for content, text in ((b"hello", "no certificate"), (b"a" * 300_000, "more than 256 KiB")):
            self.certificate.write_bytes(content)
            self.wrong(self.make, self.certificate, text)
        self.certificate.unlink()
        os.mkfifo(self.certificate)
        self.wrong(self.make, self.certificate, "not a file")
        self.certificate.unlink()
        self.certificate.mkdir()
        self.wrong(self.make, self.certificate, "not a file")

    def test_no_place(self) -> None:
        self.folder.parent.mkdir()
        self.folder.write_text("a file")
        error = self.assertRaises(ConfigError, self.make)
        self.assertIn(str(self.folder), error.problems[0].where)

    def test_named_in_the_configuration(self) -> None:
        write_pair(self.folder)
        files = CertificateFiles(self.certificate, self.key, configured=True)
        self.assertEqual(files.ensure(NOW).names[0], "camera.test")
        for change in (lambda: files.install(self_signed.make([], NOW)), lambda: files.self_sign(NOW)):
            self.assertIn("tls.certificate", str(self.assertRaises(Conflict, change)))
        self.key.unlink()
        self.wrong(lambda: files.ensure(NOW), self.certificate, "beside")
        self.certificate.unlink()
        self.wrong(lambda: files.ensure(NOW), self.certificate, "No such file", "read")
        self.assertEqual(list(self.folder.iterdir()), [])


class Installing(Files):
    def setUp(self) -> None:
        super().setUp()
        key = ec_key()
        self.new = ServerCertificate((MIDDLE.sign(key), MIDDLE.certificate), key)
        self.files = CertificateFiles.within(self.folder)

    def test_in_an_empty_place(self) -> None:
        self.files.install(self.new)
        self.assertEqual(self.files.read().chain, self.new.chain)
        self.assertEqual(self.key.stat().st_mode & 0o777, 0o600)

    def test_a_link_is_replaced_not_followed(self) -> None:
        elsewhere = self.folder.parent / "elsewhere.pem"
        self.folder.mkdir(parents=True)
        elsewhere.write_text("mine")
        self.certificate.symlink_to(elsewhere)
        self.files.install(self.new)
        self.assertEqual(elsewhere.read_text(), "mine")
        self.assertEqual(self.files.read().chain, self.new.chain)

    def test_a_crash_at_any_point(self) -> None:
        """Whatever step is the last one: the pair that is found is the old or the new one."""

        class Crash(BaseException):
            pass

        real = {name: getattr(certificate_files.os, name) for name in ("open", "replace", "fsync")}
        steps = 0

        def crashing(name: str) -> Callable[..., object]:
            def step(*args: object, **kwargs: object) -> object:
                nonlocal steps
                steps -= 1
                if steps < 0:
                    raise Crash
                return real[name](*args, **kwargs)

            return step

        found = set()
        for last in range(100):
            old = self.files.self_sign(NOW)
            steps = last
            for name in real:
                setattr(certificate_files.os, name, crashing(name))
            try:
                self.files.install(self.new)
            except Crash:
                crashed = True
            else:
                crashed = False
            finally:
                for name, function in real.items():
                    setattr(certificate_files.os, name, function)
            there = self.files.ensure(NOW)
            self.assertIn(there.chain, (old.chain, self.new.chain))
            self.assertEqual(self.files.read().chain, there.chain, "what was found stays")
            found.add(there.chain == self.new.chain)
            if not crashed:
                break
        self.assertGreater(last, 10)
        self.assertEqual(found, {True, False})

    def test_remains_of_another_crash(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / ".privkey.pem.new").write_bytes(b"half a key")
        self.files.install(self.new)
        self.assertEqual({path.name for path in self.folder.iterdir()}, {"fullchain.pem", "privkey.pem"})

    def test_two_at_once(self) -> None:
        """A reader never sees half of a change."""
        self.files.ensure(NOW)
        going = True
        problems: list[Exception] = []

        def read() -> None:
            while going:
                try:
                    self.files.read()
                except ConfigError as error:
                    problems.append(error)
                    return

        thread = threading.Thread(target=read)
        thread.start()
        for _ in range(30):
            self.files.install(self.new)
            self.files.self_sign(NOW)
        going = False
        thread.join()
        self.assertEqual(problems, [])

    def test_stamps(self) -> None:
        stamps = [self.files.stamp()]
        self.files.install(self.new)
        stamps.append(self.files.stamp())
        os.utime(self.key, (1, 1))  # the kernel's clock for files has ticks of some milliseconds
        stamps.append(self.files.stamp())
        self.files.install(self.new)
        stamps.append(self.files.stamp())
        self.assertEqual(len(set(stamps)), 4)
        self.assertEqual(self.files.stamp(), stamps[-1])


class Host(SynchronousTestCase):
    def test_own_addresses(self) -> None:
        found = host_names.own_addresses()
        self.assertEqual(found[:2], ["127.0.0.1", "::1"])
        self.assertEqual(len(found), len(set(found)))

    def test_addresses_that_pass_are_left_out(self) -> None:
        table = (
            "00000000000000000000000000000001 01 80 10 80       lo\n"
            "20010db8000000000000000000000007 02 40 00 80     eth0\n"
            "20010db8000000000000000000000008 02 40 00 01     eth0\n"
            "20010db8000000000000000000000009 02 40 00 20     eth0\n"
            "20010db800000000000000000000000a 02 40 00 40     eth0\n"
            "fd000000000000000000000000000001 02 40 00 00     eth0\n"
            "fe800000000000000000000000000001 02 40 20 80     eth0\n"
        )
        self.assertEqual(host_names._lasting(table), ["::1", "2001:db8::7", "fd00::1"])

    def test_odd_host_names(self) -> None:
        for name in ("", "café", "x" * 70, "two words"):
            self.patch(host_names.socket, "gethostname", lambda name=name: name)
            self.assertEqual(host_names.host_name(), "camd")
