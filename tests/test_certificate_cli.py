"""camd cert: it answers, checks before it changes, and says what it did."""

from __future__ import annotations

import json
import time
from pathlib import Path

from camd.auth.certificate_files import CertificateFiles

from .certificates import DAY, MIDDLE, ec_key, pem_of, write_pair
from .test_cli import CliCase


class CertCase(CliCase):
    def setUp(self) -> None:
        super().setUp()
        self.tls = self.folder / "data" / "tls"
        self.files = CertificateFiles.within(self.tls)

    def pair(self, **times: float) -> tuple[str, str]:
        """Files of somebody's, elsewhere."""
        write_pair(self.folder / "mine", **times)
        return str(self.folder / "mine" / "fullchain.pem"), str(self.folder / "mine" / "privkey.pem")

    def audited(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in (self.folder / "data" / "audit.jsonl").read_text().splitlines()]


class InfoTests(CertCase):
    def test_none_yet(self) -> None:
        self.assertEqual(self.camd("cert", "info"), 1)
        self.assertEqual(self.out, "")
        self.assertIn("There is no certificate", self.err)
        self.assertFalse(self.tls.exists())

    def test_self_signed(self) -> None:
        made = self.files.ensure(time.time())
        self.assertEqual(self.camd("cert", "info"), 0)
        lines = dict(line.split(maxsplit=1) for line in self.out.splitlines())
        self.assertEqual(list(lines), ["subject", "names", "issuer", "valid", "SHA-256", "certificate", "key"])
        self.assertEqual((lines["issuer"], lines["SHA-256"]), ("itself, renewed by camd", made.fingerprint))
        self.assertIn("localhost", lines["names"])
        self.assertIn("395 days left", lines["valid"])

    def test_as_json(self) -> None:
        certificate = write_pair(self.tls)
        self.assertEqual(self.camd("cert", "info", "--json"), 0)
        about = json.loads(self.out)
        self.assertEqual((about["subject"], about["renewsItself"], about["isConfigured"]), ("CN=camera.test", False, False))
        self.assertEqual(about["keyFile"], str(self.tls / "privkey.pem"))
        self.assertEqual(about["fingerprint"].replace(":", "").lower(), certificate.fingerprint(
            certificate.signature_hash_algorithm).hex())
        self.assertNotIn("PRIVATE", self.out)

    def test_expired(self) -> None:
        write_pair(self.tls, start=-9 * DAY, end=-DAY)
        self.assertEqual(self.camd("cert", "info"), 1)
        self.assertIn("expired on", self.err)
        self.assertIn("CN=camera.test", self.out)

    def test_wrong(self) -> None:
        write_pair(self.tls)
        (self.tls / "privkey.pem").write_bytes(pem_of(ec_key()))
        self.assertEqual(self.camd("cert", "info"), 1)
        self.assertIn(f"{self.tls}/privkey.pem: this key does not belong", self.err)

    def test_configured(self) -> None:
        certificate, key = self.pair()
        text = f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
        self.assertEqual(self.camd_with(text, "cert", "info", "--json"), 0)
        about = json.loads(self.out)
        self.assertEqual((about["isConfigured"], about["certificateFile"]), (True, certificate))
        for verb in (["self-sign", "--force"], ["install", certificate, key]):
            self.assertEqual(self.camd_with(text, "cert", *verb), 1)
            self.assertIn("tls.certificate", self.err)


class ChangeTests(CertCase):
    def test_self_sign(self) -> None:
        self.assertEqual(self.camd("cert", "self-sign"), 0)
        first = self.files.read()
        self.assertIn(first.fingerprint, self.err)
        self.assertEqual(self.camd("cert", "self-sign"), 0)
        self.assertNotEqual(self.files.read().chain, first.chain)
        entry = self.audited()[0]
        self.assertEqual((entry["event"], entry["by"], entry["sha256"]),
                         ("certificate_self_sign", "command line", first.fingerprint))
        self.assertIn("system_user", entry)

    def test_self_sign_with_configured_names(self) -> None:
        self.assertEqual(self.camd_with('[tls]\nnames = ["cam.lan"]\n', "cert", "self-sign"), 0)
        self.assertIn("cam.lan", self.files.read().names)

    def test_self_sign_instead_of_somebodys(self) -> None:
        for damage in (lambda: None, lambda: (self.tls / "privkey.pem").unlink()):
            write_pair(self.tls)
            damage()
            before = (self.tls / "fullchain.pem").read_bytes()
            self.assertEqual(self.camd("cert", "self-sign"), 1)
            self.assertIn("--force", self.err)
            self.assertEqual((self.tls / "fullchain.pem").read_bytes(), before)
            self.assertEqual(self.camd("cert", "self-sign", "--force"), 0)
            self.assertTrue(self.files.is_ours())

    def test_install(self) -> None:
        certificate, key = self.pair()
        self.assertEqual(self.camd("cert", "install", certificate, key), 0)
        self.assertEqual(self.files.read().certificate_pem, Path(certificate).read_bytes())
        self.assertEqual((self.tls / "privkey.pem").stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.audited()[0]["subject"], "CN=camera.test")

    def test_what_is_not_installed(self) -> None:
        certificate, key = self.pair()
        other = self.folder / "other.pem"
        other.write_bytes(pem_of(ec_key()))
        for arguments, text in (((certificate, str(other)), f"{other}: this key does not belong"),
                                ((key, key), f"{key}: this is no certificate"),
                                ((certificate, "/nowhere/key.pem"), "/nowhere/key.pem: No such file"),
                                (self.pair(start=-9 * DAY, end=-DAY), "expired on")):
            self.assertEqual(self.camd("cert", "install", *arguments), 1)
            self.assertIn(text, self.err)
        self.assertFalse(self.tls.exists())

    def test_a_chain_in_the_wrong_order(self) -> None:
        key = ec_key()
        (self.folder / "chain.pem").write_bytes(pem_of(MIDDLE.certificate, MIDDLE.sign(key)))
        (self.folder / "key.pem").write_bytes(pem_of(key))
        self.assertEqual(self.camd("cert", "install", str(self.folder / "chain.pem"), str(self.folder / "key.pem")), 1)
        self.assertIn("must be the first", self.err)

    def test_use(self) -> None:
        for arguments in ((), ("install",), ("install", "a"), ("renew",)):
            self.assertEqual(self.camd("cert", *arguments), 2)
