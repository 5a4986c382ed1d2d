from __future__ import annotations

import ssl
import time
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from camd.auth import self_signed
from camd.auth.certificate import ServerCertificate
from camd.auth.tls import TlsContext, tls_endpoint
from camd.errors import Invalid

from .certificates import MIDDLE, ROOT, ec_key, pem_of

NOW = time.time()


class Context(SynchronousTestCase):
    def setUp(self) -> None:
        self.certificate = self_signed.make([], NOW)

    def shake(self, context: TlsContext, options: ssl.SSLContext | None = None) -> ssl.SSLObject:
        """A handshake in memory between our context and Python's own TLS."""
        if options is None:
            options = self.options()
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
        options = ssl.create_default_context(cadata=pem_of(self.certificate.leaf).decode())
        for name, value in settings.items():
            setattr(options, name, value)
        return options

    def test_strict_client_trusts_it(self) -> None:
        options = self.options()
        options.verify_flags |= ssl.VERIFY_X509_STRICT
        client = self.shake(TlsContext(self.certificate), options)
        self.assertEqual(client.version(), "TLSv1.3")

    def test_tls_1_2(self) -> None:
        client = self.shake(
            TlsContext(self.certificate), self.options(maximum_version=ssl.TLSVersion.TLSv1_2)
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
            self.assertRaises((SSL.Error, ssl.SSLError), self.shake, TlsContext(self.certificate), options)

    def test_alpn(self) -> None:
        for offered, chosen in ((["h2", "http/1.1"], "http/1.1"), (["h2"], None), ([], None)):
            options = self.options()
            if offered:
                options.set_alpn_protocols(offered)
            client = self.shake(TlsContext(self.certificate), options)
            self.assertEqual(client.selected_alpn_protocol(), chosen)

    def test_another_one(self) -> None:
        context = TlsContext(self.certificate)
        old = self.shake(context).getpeercert(binary_form=True)
        context.use(self_signed.make(["new.lan"], NOW))
        self.assertIn("new.lan", context.certificate.names)
        options = ssl.create_default_context(cadata=pem_of(context.certificate.leaf).decode())
        self.assertNotEqual(self.shake(context, options).getpeercert(binary_form=True), old)

    def test_what_openssl_does_not_take(self) -> None:
        """The one in use stays."""
        context = TlsContext(self.certificate)
        weak = x509.CertificateBuilder(
            self.certificate.leaf.issuer, self.certificate.leaf.subject, self.certificate.key.public_key(), 1,
            self.certificate.leaf.not_valid_before_utc, self.certificate.leaf.not_valid_after_utc,
        ).sign(rsa.generate_private_key(65537, 1024), hashes.SHA256())
        other = ServerCertificate((weak, weak), ec_key())
        error = self.assertRaises(Invalid, context.use, other)
        self.assertIn("OpenSSL does not take it: ", error.reason)
        self.assertRaises(Invalid, TlsContext, other)
        self.assertIs(context.certificate, self.certificate)
        self.shake(context)

    def test_chain(self) -> None:
        """Who knows only the root can follow the chain, with any kind of key."""
        options = ssl.create_default_context(cadata=pem_of(ROOT.certificate).decode())
        for key in (ec_key(), rsa.generate_private_key(65537, 2048)):
            for maximum in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                options.maximum_version = maximum
                chain = MIDDLE.sign(key), MIDDLE.certificate
                self.shake(TlsContext(ServerCertificate(chain, key)), options)


class Listening(SynchronousTestCase):
    def test_refused_connection(self) -> None:
        class Full(Factory):
            def buildProtocol(self, addr: Any) -> None:
                return None

        reactor = MemoryReactorClock()
        endpoint = tls_endpoint(
            reactor, TCP4ServerEndpoint(reactor, 8443, interface="192.0.2.1"), TlsContext(self_signed.make([], NOW))
        )
        self.successResultOf(endpoint.listen(Full()))
        port, factory, _, interface = reactor.tcpServers[0]
        self.assertEqual((port, interface), (8443, "192.0.2.1"))
        self.assertIsNone(factory.buildProtocol(None))
