from __future__ import annotations

import ipaddress
import os
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from camd.auth import tls
from camd.auth.tls import TlsContext, ensure_certificate, tls_endpoint
from camd.errors import ConfigError

NOW = time.time()
DAY = 86400.0


def pem(key: Any) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def foreign(folder: Path, days: float = 1, maker: str = "somebody") -> tuple[Path, Path]:
    """A certificate that camd did not make."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, "camera"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, maker),
    ])
    start = datetime.fromtimestamp(NOW, UTC) - timedelta(days=10)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=10 + days))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    paths = folder / "fullchain.pem", folder / "privkey.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(pem(key))
    return paths


class Making(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()) / "tls"

    def make(self, *names: str, after: float = 0.0) -> x509.Certificate:
        certificate, key = ensure_certificate(self.folder, names, NOW + after)
        self.assertEqual((certificate.name, key.name), ("fullchain.pem", "privkey.pem"))
        return x509.load_pem_x509_certificate(certificate.read_bytes())

    def test_modes(self) -> None:
        mask = os.umask(0)
        self.addCleanup(os.umask, mask)
        self.make()
        self.assertEqual(self.folder.stat().st_mode & 0o777, 0o700)
        self.assertEqual((self.folder / "privkey.pem").stat().st_mode & 0o777, 0o600)
        self.assertEqual({path.name for path in self.folder.iterdir()}, {"fullchain.pem", "privkey.pem"})

    def test_content(self) -> None:
        self.patch(tls.socket, "gethostname", lambda: "Workshop.example.org")
        self.patch(tls, "_own_addresses", lambda: ["192.0.2.7", "2001:db8::7", "127.0.0.1"])
        certificate = self.make("Kamera-Ü.example", "10.0.0.1", "*.cams.lan")
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(
            names.get_values_for_type(x509.DNSName),
            ["workshop", "workshop.local", "localhost", "xn--kamera--t2a.example", "*.cams.lan"],
        )
        self.assertEqual(
            names.get_values_for_type(x509.IPAddress),
            [ipaddress.ip_address(a) for a in ("127.0.0.1", "::1", "192.0.2.7", "2001:db8::7", "10.0.0.1")],
        )
        self.assertIsInstance(certificate.public_key(), ec.EllipticCurvePublicKey)
        self.assertEqual(certificate.public_key().curve.name, "secp256r1")
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        self.assertEqual(life, timedelta(days=397))
        self.assertLess(certificate.not_valid_before_utc, datetime.fromtimestamp(NOW, UTC))

    def test_own_addresses(self) -> None:
        self.assertIn("127.0.0.1", tls._own_addresses())

    def test_odd_host_names(self) -> None:
        for name in ("", "café", "x" * 70, "two words"):
            self.patch(tls.socket, "gethostname", lambda name=name: name)
            self.assertEqual(tls._host_name(), "camd")

    def test_kept(self) -> None:
        first = self.make("a.lan")
        self.assertEqual(self.make("a.lan", after=360 * DAY), first)
        self.assertEqual(self.make(), first, "a name too many does no harm")

    def test_renewed(self) -> None:
        first = self.make()
        second = self.make(after=367 * DAY)
        self.assertNotEqual(second, first)
        self.assertNotEqual(second.public_key(), first.public_key())
        self.assertNotEqual(self.make(after=5000 * DAY), second)

    def test_a_new_name_is_taken_in(self) -> None:
        self.assertNotEqual(self.make(), self.make("new.lan"))

    def test_damage_is_repaired(self) -> None:
        for damage in (
            lambda key: key.unlink(),
            lambda key: key.write_bytes(b""),
            lambda key: key.write_bytes(pem(ec.generate_private_key(ec.SECP256R1()))),
        ):
            first = self.make()
            damage(self.folder / "privkey.pem")
            self.assertNotEqual(self.make(), first)
            TlsContext(self.folder / "fullchain.pem", self.folder / "privkey.pem")

    def test_remains_of_a_crash(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / ".privkey.pem.part").write_bytes(b"half a key")
        self.make()
        self.assertFalse((self.folder / ".privkey.pem.part").exists())

    def test_foreign_ones_are_never_touched(self) -> None:
        self.folder.mkdir(parents=True)
        for maker in ("somebody", "camd"):
            certificate, key = foreign(self.folder, days=-5, maker=maker)
            before = certificate.read_bytes(), key.read_bytes()
            ensure_certificate(self.folder, ["other.lan"], NOW)
            self.assertEqual((certificate.read_bytes(), key.read_bytes()), before)

    def test_half_a_foreign_pair(self) -> None:
        self.folder.mkdir(parents=True)
        for missing in (0, 1):
            foreign(self.folder)[missing].unlink()
            error = self.assertRaises(ConfigError, ensure_certificate, self.folder, [], NOW)
            self.assertIn("pem", error.problems[0].where)
            self.assertIn("beside it", error.problems[0].hint)

    def test_not_a_certificate(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / "fullchain.pem").write_text("hello")
        error = self.assertRaises(ConfigError, ensure_certificate, self.folder, [], NOW)
        self.assertEqual(error.problems[0].where, str(self.folder / "fullchain.pem"))

    def test_no_place(self) -> None:
        self.folder.parent.mkdir()
        self.folder.write_text("a file")
        error = self.assertRaises(ConfigError, ensure_certificate, self.folder, [], NOW)
        self.assertIn(str(self.folder), error.problems[0].where)

    def test_bad_names(self) -> None:
        for name in ("a b", "", "http://x/", "a" * 64 + ".lan"):
            error = self.assertRaises(ConfigError, ensure_certificate, self.folder, [name], NOW)
            self.assertEqual(error.problems[0].key, "tls.names")


class Context(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.paths = ensure_certificate(self.folder, [], NOW)

    def shake(self, context: TlsContext, options: ssl.SSLContext | None = None) -> ssl.SSLObject:
        """A handshake in memory between our context and Python's own TLS."""
        if options is None:
            options = ssl.create_default_context(cafile=str(self.paths[0]))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = options.wrap_bio(incoming, outgoing, server_hostname="localhost")
        server = context.serverConnectionForTLS(Protocol())
        server.set_accept_state()
        for _ in range(10):
            done = []
            for step in (client.do_handshake, server.do_handshake):
                try:
                    step()
                    done.append(True)
                except (ssl.SSLWantReadError, SSL.WantReadError):
                    pass
                if data := outgoing.read():
                    server.bio_write(data)
                try:
                    incoming.write(server.bio_read(65536))
                except SSL.WantReadError:
                    pass
            if len(done) == 2:
                return client
        raise AssertionError("no handshake")

    def options(self, **settings: Any) -> ssl.SSLContext:
        options = ssl.create_default_context(cafile=str(self.paths[0]))
        for name, value in settings.items():
            setattr(options, name, value)
        return options

    def test_facts(self) -> None:
        context = TlsContext(*self.paths)
        certificate = x509.load_pem_x509_certificate(self.paths[0].read_bytes())
        self.assertEqual(context.expiry, certificate.not_valid_after_utc)
        self.assertRegex(context.fingerprint, "^([0-9A-F]{2}:){31}[0-9A-F]{2}$")
        self.assertEqual(
            bytes.fromhex(context.fingerprint.replace(":", "")), certificate.fingerprint(hashes.SHA256())
        )

    def test_strict_client_trusts_it(self) -> None:
        options = self.options()
        options.verify_flags |= ssl.VERIFY_X509_STRICT
        client = self.shake(TlsContext(*self.paths), options)
        self.assertEqual(client.version(), "TLSv1.3")

    def test_tls_1_2(self) -> None:
        client = self.shake(
            TlsContext(*self.paths), self.options(maximum_version=ssl.TLSVersion.TLSv1_2)
        )
        self.assertEqual(client.version(), "TLSv1.2")
        self.assertRegex(client.cipher()[0], "^ECDHE-ECDSA-(AES(128|256)-GCM|CHACHA20)")

    def test_weak_ones_are_refused(self) -> None:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        cbc = self.options(maximum_version=ssl.TLSVersion.TLSv1_2)
        cbc.set_ciphers("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA:AES128-GCM-SHA256")
        for options in (old, cbc):
            self.assertRaises((SSL.Error, ssl.SSLError), self.shake, TlsContext(*self.paths), options)

    def test_alpn(self) -> None:
        for offered, chosen in ((["h2", "http/1.1"], "http/1.1"), (["h2"], None), ([], None)):
            options = self.options()
            if offered:
                options.set_alpn_protocols(offered)
            client = self.shake(TlsContext(*self.paths), options)
            self.assertEqual(client.selected_alpn_protocol(), chosen)

    def test_reload(self) -> None:
        context = TlsContext(*self.paths)
        before = context.fingerprint
        old = self.shake(context).getpeercert(binary_form=True)
        ensure_certificate(self.folder, ["new.lan"], NOW)
        self.assertEqual(context.fingerprint, before)
        context.reload()
        self.assertNotEqual(context.fingerprint, before)
        self.assertNotEqual(self.shake(context).getpeercert(binary_form=True), old)

    def failing(self, path: Path, content: bytes | None) -> None:
        """A reload fails, names the file, and what was goes on."""
        context = TlsContext(*self.paths)
        before = context.fingerprint, context.expiry
        good = path.read_bytes()
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        error = self.assertRaises(ConfigError, context.reload)
        self.assertEqual(error.problems[0].where, str(path))
        self.assertRaises(ConfigError, TlsContext, *self.paths)
        path.write_bytes(good)
        self.assertEqual((context.fingerprint, context.expiry), before)
        self.shake(context)

    def test_failed_reloads(self) -> None:
        certificate, key = self.paths
        other = ec.generate_private_key(ec.SECP256R1())
        locked = other.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )  # fmt: skip
        for path in self.paths:
            for content in (None, b"", b"-----BEGIN nothing-----"):
                self.failing(path, content)
        self.failing(certificate, certificate.read_bytes()[:200])
        self.failing(key, pem(other))
        self.failing(key, pem(rsa.generate_private_key(65537, 2048)))
        self.failing(key, locked)

    def test_rsa_and_chain(self) -> None:
        """What an authority gives: its own certificate after ours in one file."""
        certificate, key = foreign(Path(self.mktemp()))
        certificate.write_bytes(certificate.read_bytes() + self.paths[0].read_bytes())
        context = TlsContext(certificate, key)
        self.assertEqual(context.expiry.date(), (datetime.fromtimestamp(NOW, UTC) + timedelta(days=1)).date())


class Listening(SynchronousTestCase):
    def test_refused_connection(self) -> None:
        paths = ensure_certificate(Path(self.mktemp()), [], NOW)

        class Full(Factory):
            def buildProtocol(self, addr: Any) -> None:
                return None

        reactor = MemoryReactorClock()
        endpoint = tls_endpoint(
            reactor, TCP4ServerEndpoint(reactor, 8443, interface="192.0.2.1"), TlsContext(*paths)
        )
        self.successResultOf(endpoint.listen(Full()))
        port, factory, _, interface = reactor.tcpServers[0]
        self.assertEqual((port, interface), (8443, "192.0.2.1"))
        self.assertIsNone(factory.buildProtocol(None))
