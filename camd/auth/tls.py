"""TLS: the server's side of encrypted connections, with a certificate that can change any time.

pyOpenSSL, which Twisted's reactor imports anyway, brings all of `cryptography` along, so importing it late
would save nothing (measured: 0 MB).
"""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorCore,
    IStreamServerEndpoint,
)
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from ..errors import Invalid
from .certificate import ServerCertificate


@implementer(IOpenSSLServerConnectionCreator)
class TlsContext:
    """Makes the TLS side of new connections: TLS 1.2 and up, ECDHE with AEAD only, HTTP/1.1 by ALPN.

    certificate: the one in use. Raises Invalid if OpenSSL does not take it.
    """

    def __init__(self, certificate: ServerCertificate):
        self.certificate = certificate
        self._context = make_context(certificate)

    def use(self, certificate: ServerCertificate) -> None:
        """Take another one for new connections; open ones keep theirs. Any thread. Raises Invalid, and goes
        on with what was."""
        self._context = make_context(certificate)
        self.certificate = certificate

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return SSL.Connection(self._context, None)


def make_context(certificate: ServerCertificate) -> SSL.Context:
    """OpenSSL's context of a server with this certificate. Raises Invalid."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(b"ECDHE+AESGCM:ECDHE+CHACHA20")  # of TLS 1.2; 1.3 has no others
    context.set_options(
        SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET
    )
    # Sessions are not kept: a resumed one would not see a new certificate, and a full handshake
    # with P-256 is cheap. Buffers go back while a connection is idle, 34 kB of them.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_alpn_select_callback(_choose_protocol)
    try:
        context.use_certificate(certificate.leaf)
        for issuer in certificate.chain[1:]:
            context.add_extra_chain_cert(issuer)
        context.use_privatekey(certificate.key)
        context.check_privatekey()
    except SSL.Error as error:
        reasons = ", ".join(reason for _, _, reason in error.args[0]) or "no reason given"
        raise Invalid("certificate", f"OpenSSL does not take it: {reasons}") from None
    return context


def _choose_protocol(connection: SSL.Connection, offered: list[bytes]) -> bytes | object:
    return b"http/1.1" if b"http/1.1" in offered else SSL.NO_OVERLAPPING_PROTOCOLS


# -- listening


class _TlsFactory(TLSMemoryBIOFactory):
    """Like its base, but a factory may refuse a connection, as it may without TLS."""

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:
        wrapped = self.wrappedFactory.buildProtocol(addr)
        return None if wrapped is None else self.protocol(self, wrapped)


@implementer(IStreamServerEndpoint)
class _TlsEndpoint:
    def __init__(self, reactor: IReactorCore, endpoint: IStreamServerEndpoint, context: TlsContext):
        self._reactor = reactor
        self._endpoint = endpoint
        self._context = context

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        return self._endpoint.listen(_TlsFactory(self._context, False, factory, self._reactor))


def tls_endpoint(
    reactor: IReactorCore, endpoint: IStreamServerEndpoint, context: TlsContext
) -> IStreamServerEndpoint:
    """A plain server endpoint (TCP, UNIX, from systemd) with TLS on top."""
    return _TlsEndpoint(reactor, endpoint, context)
