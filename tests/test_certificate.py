from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from twisted.trial.unittest import SynchronousTestCase

from camd.auth import self_signed
from camd.auth.certificate import ServerCertificate, parse
from camd.errors import Invalid

from .certificates import DAY, MIDDLE, NOW, ROOT, ec_key, pem_of

KEY = ec_key()
LEAF = MIDDLE.sign(KEY)
CHAIN = pem_of(LEAF, MIDDLE.certificate)


class Checks(SynchronousTestCase):
    def refused(self, certificate: bytes, key: bytes, place: str, text: str) -> None:
        error = self.assertRaises(Invalid, parse, certificate, key)
        self.assertEqual(error.key, place)
        self.assertIn(text, error.reason)

    def test_a_chain_and_its_key(self) -> None:
        for certificate in (pem_of(LEAF), CHAIN, pem_of(LEAF, MIDDLE.certificate, ROOT.certificate)):
            found = parse(certificate, pem_of(KEY))
            self.assertEqual(found.leaf, LEAF)
            self.assertEqual(found.certificate_pem, certificate)
            self.assertEqual(parse(found.certificate_pem, found.key_pem).chain, found.chain)
            self.assertEqual(found.key_pem, pem_of(KEY))

    def test_text_around_it(self) -> None:
        text = b"Certificate:\n  Subject: CN = a\n\n"
        found = parse(text + CHAIN.replace(b"\n", b"\r\n") + b"\n# end\n", b"EC PARAMETERS\n" + pem_of(KEY))
        self.assertEqual(found.certificate_pem, CHAIN)

    def test_no_certificate(self) -> None:
        for data in (b"", b"hello", pem_of(KEY), CHAIN[:300], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
            self.refused(data, pem_of(KEY), "certificate", "no certificate in PEM form")

    def test_half_a_file(self) -> None:
        for end in range(len(pem_of(LEAF)) + 10, len(CHAIN) - 1, 97):
            self.refused(CHAIN[:end], pem_of(KEY), "certificate", "not complete")

    def test_no_key(self) -> None:
        for data in (b"", b"hello", CHAIN, pem_of(KEY)[:100]):
            self.refused(CHAIN, data, "key", "no private key in PEM form")

    def test_an_encrypted_key(self) -> None:
        locked = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                   serialization.BestAvailableEncryption(b"password"))
        self.refused(CHAIN, locked, "key", "encrypted")

    def test_somebody_elses_key(self) -> None:
        for key in (ec_key(), rsa.generate_private_key(65537, 2048)):
            self.refused(CHAIN, pem_of(key), "key", "does not belong")

    def test_keys_that_are_not_sane(self) -> None:
        for key, text in ((rsa.generate_private_key(65537, 1024), "this one has 1024"),
                          (ec.generate_private_key(ec.SECP192R1()), "browsers"),
                          (ec.generate_private_key(ec.SECP256K1()), "browsers"),
                          (ed25519.Ed25519PrivateKey.generate(), "browsers"),
                          (dsa.generate_private_key(2048), "browsers")):
            self.refused(pem_of(MIDDLE.sign(key), MIDDLE.certificate), pem_of(key), "key", text)

    def test_keys_that_are(self) -> None:
        for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
            parse(pem_of(MIDDLE.sign(key), MIDDLE.certificate), pem_of(key))

    def test_order(self) -> None:
        self.refused(pem_of(MIDDLE.certificate, LEAF), pem_of(KEY), "certificate", "must be the first, but it is number 2")
        self.refused(pem_of(LEAF, ROOT.certificate, MIDDLE.certificate), pem_of(KEY), "certificate", "certificate 2 did not")
        self.refused(pem_of(LEAF, LEAF), pem_of(KEY), "certificate", "certificate 2 did not")
        self.refused(pem_of(LEAF, MIDDLE.certificate, MIDDLE.certificate), pem_of(KEY), "certificate", "certificate 3")
        self.refused(pem_of(*[LEAF] * 11), pem_of(KEY), "certificate", "more than 10")

    def test_an_issuer_of_the_same_name_is_not_enough(self) -> None:
        pretender = type(MIDDLE)(MIDDLE.name, ROOT)
        self.refused(pem_of(LEAF, pretender.certificate), pem_of(KEY), "certificate", "certificate 2 did not")

    def test_not_for_servers(self) -> None:
        self.refused(pem_of(MIDDLE.sign(KEY, server=False)), pem_of(KEY), "certificate", "not meant for servers")

    def test_dates(self) -> None:
        found = parse(CHAIN, pem_of(KEY))
        found.check_validity(NOW)
        error = self.assertRaises(Invalid, found.check_validity, NOW + 91 * DAY)
        self.assertRegex(error.reason, r"^the certificate expired on \d{4}-\d\d-\d\dT")
        error = self.assertRaises(Invalid, found.check_validity, NOW - 2 * DAY)
        self.assertIn("clock", error.reason)
        old = type(MIDDLE)("Old", ROOT)
        old.certificate = old._sign(ROOT, old.key.public_key(), "Old", -9 * DAY, -DAY, NOW, [])
        chain = pem_of(old.sign(KEY), old.certificate)
        self.assertIn("certificate 2 of the chain expired",
                      self.assertRaises(Invalid, parse(chain, pem_of(KEY)).check_validity, NOW).reason)


class Facts(SynchronousTestCase):
    def describe(self, certificate: Any, key: Any, now: float = NOW) -> dict[str, Any]:
        return ServerCertificate((certificate,), key).describe(now)

    def test_of_an_authority(self) -> None:
        facts = self.describe(LEAF, KEY)
        moment = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        for key in ("validFrom", "validTo"):
            self.assertRegex(facts[key], moment)
        self.assertEqual(datetime.fromisoformat(facts["validTo"]), LEAF.not_valid_after_utc)
        self.assertEqual(facts["fingerprint"], LEAF.fingerprint(hashes.SHA256()).hex(":").upper())
        del facts["validFrom"], facts["validTo"], facts["fingerprint"]
        self.assertEqual(facts, {
            "subject": "CN=camera.test", "issuer": "CN=Test Intermediate", "daysRemaining": 89, "isExpired": False,
            "isSelfSigned": False, "names": ["camera.test", "localhost", "127.0.0.1"],
        })

    def test_after_its_end(self) -> None:
        facts = self.describe(LEAF, KEY, NOW + 91 * DAY)
        self.assertEqual((facts["daysRemaining"], facts["isExpired"]), (-2, True))

    def test_self_signed(self) -> None:
        made = self_signed.make([], NOW)
        self.assertTrue(made.describe(NOW)["isSelfSigned"])

    def test_no_alternative_names(self) -> None:
        self.assertEqual(self.describe(ROOT.certificate, ROOT.key)["names"], [])

    def test_a_name_that_moves_the_cursor(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a\x1b[2Jb\n")])
        moment = datetime.fromtimestamp(NOW, UTC)
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
            .serial_number(1).not_valid_before(moment).not_valid_after(moment.replace(year=moment.year + 1))
            .sign(KEY, hashes.SHA256())
        )  # fmt: skip
        self.assertEqual(self.describe(certificate, KEY)["subject"], "CN=a\ufffd[2Jb\ufffd")

    def test_the_key_is_not_told(self) -> None:
        self.assertNotIn("key", repr(ServerCertificate((LEAF,), KEY)).lower().replace("publickey", ""))
