"""TLS: the certificate that camd makes for itself, and the one in use, which can change any time.

A camera in a home network has no name that an authority would sign, so the first start makes a
self-signed certificate; browsers warn once, and its fingerprint tells whether it is the right one.
Whoever has a better one puts it in its place, or names it in the configuration: a certificate that
is not ours is never touched.

pyOpenSSL, which Twisted's reactor imports anyway, brings all of `cryptography` used here along, so
importing it late would save nothing (measured: 0 MB).
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import re
import socket
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
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

from ..errors import ConfigError, Problem

LIFETIME = timedelta(days=397)  #: the longest that browsers accept
RENEWAL = timedelta(days=30)  #: so long before the end a new one is made
#: Clocks of small boards are often behind after a cold start, of clients too.
_BACKDATED = timedelta(days=1)
#: Marks the certificates that are ours to renew.
_MAKER = "camd self-signed"
_DNS_NAME = re.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,20}")


# -- our own certificate


def ensure_certificate(directory: Path, names: Iterable[str], now: float) -> tuple[Path, Path]:
    """Return the paths of certificate and key in `directory`, made or renewed if need be.

    names: host names and addresses that must be in it, besides those of this host; now: UTC seconds.
    Renewed are only self-signed certificates made here: when they end within 30 days, lack one of
    `names`, or have lost their key. Blocks for some milliseconds: not for the reactor thread.
    Raises ConfigError when the directory cannot be used, or a foreign certificate has no key.
    """
    certificate_path, key_path = directory / "fullchain.pem", directory / "privkey.pem"
    names = tuple(names)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificate = _read_certificate(certificate_path) if certificate_path.exists() else None
        if certificate is None and key_path.exists():
            raise _wrong(key_path, "there is no certificate beside this key",
                         f"put {certificate_path.name} beside it, or remove it and camd makes both")
        if certificate is None or (_is_ours(certificate) and _is_stale(certificate, key_path, names, now)):
            _make(certificate_path, key_path, names, now)
        elif not key_path.exists():
            raise _wrong(certificate_path, "there is no key to this certificate",
                         f"put {key_path.name} beside it, or remove it and camd makes both")
    except OSError as error:
        raise _wrong(Path(error.filename or directory), error.strerror or str(error),
                     "camd must be able to read and write here") from None
    return certificate_path, key_path


def _is_ours(certificate: x509.Certificate) -> bool:
    if certificate.issuer != certificate.subject:
        return False
    makers = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    if [attribute.value for attribute in makers] != [_MAKER]:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _is_stale(certificate: x509.Certificate, key_path: Path, names: tuple[str, ...], now: float) -> bool:
    if certificate.not_valid_after_utc - datetime.fromtimestamp(now, UTC) < RENEWAL:
        return True
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if any(name not in held for name in map(_general_name, names)):
        return True
    try:
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return True
    return key.public_key() != certificate.public_key()


def _make(certificate_path: Path, key_path: Path, names: tuple[str, ...], now: float) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    host = _host_name()
    wanted = [*own_names(), "127.0.0.1", "::1", *_own_addresses(), *names]
    subject = x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, host),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, _MAKER),
    ])
    moment = datetime.fromtimestamp(int(now), UTC)
    public = key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - _BACKDATED)
        .not_valid_after(moment - _BACKDATED + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(list(dict.fromkeys(map(_general_name, wanted)))), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False)
    )
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # In this order: a power cut in between leaves a certificate of ours without its key, which is
    # made again; a key without a certificate could be somebody's.
    _replace(certificate_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    _replace(key_path, private, 0o600)


def _replace(path: Path, data: bytes, mode: int) -> None:
    """Write a file so that it is either the old or the new one, whatever happens."""
    part = path.with_name(f".{path.name}.part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    os.replace(part, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    with contextlib.suppress(UnicodeError):
        dns = name.lower() if name.isascii() else name.lower().encode("idna").decode("ascii")
        if _DNS_NAME.fullmatch(dns):
            return x509.DNSName(dns)
    raise ConfigError([Problem("certificate", "tls.names", f"{name!r} is neither a host name nor an address")])


def own_names() -> list[str]:
    """The names that this host answers to without being told: its own, the same in mDNS, localhost."""
    host = _host_name()
    return [host, f"{host}.local", "localhost"]


def _host_name() -> str:
    """The host's own name without its domain; "camd" when it has none that a certificate could hold."""
    name = socket.gethostname().partition(".")[0].lower()
    return name if name.isascii() and 0 < len(name) < 64 and name.isprintable() and " " not in name else "camd"


def _own_addresses() -> list[str]:
    """The addresses of this host, read from the kernel: asking the resolver could take seconds."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
        for _, interface in socket.if_nameindex():
            request = struct.pack("256s", interface.encode()[:15])
            with contextlib.suppress(OSError):  # an interface without IPv4
                answer = fcntl.ioctl(query, 0x8915, request)  # SIOCGIFADDR, netdevice(7)
                found.append(socket.inet_ntoa(answer[20:24]))
    with contextlib.suppress(OSError), open("/proc/net/if_inet6", encoding="ascii") as table:
        for line in table:
            address = ipaddress.IPv6Address(int(line.split()[0], 16))
            if not address.is_link_local:
                found.append(str(address))
    return found


# -- the certificate in use


def _read_certificate(path: Path) -> x509.Certificate:
    """The first certificate of a PEM file: the server's own."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise _wrong(path, "this is no certificate in PEM form") from None


def _wrong(path: Path, text: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(str(path), "", text, hint)])


@implementer(IOpenSSLServerConnectionCreator)
class TlsContext:
    """Makes the TLS side of new connections: TLS 1.2 and up, ECDHE with AEAD only, HTTP/1.1 by ALPN.

    certificate: PEM, the server's own first and then its chain; key: PEM, not encrypted.
    expiry: UTC; fingerprint: SHA-256 of the certificate, as browsers show it. Raises ConfigError.
    """

    expiry: datetime
    fingerprint: str

    def __init__(self, certificate: Path, key: Path):
        self._certificate = certificate
        self._key = key
        self.reload()

    def reload(self) -> None:
        """Read the files again, for new connections; open ones keep theirs. Raises ConfigError with
        the file that is wrong, and goes on with what was."""
        try:
            certificate = _read_certificate(self._certificate)
            context = self._make_context()
        except OSError as error:
            raise _wrong(Path(error.filename), error.strerror, "the certificate in use stays") from None
        self._context = context
        self.expiry = certificate.not_valid_after_utc
        self.fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    def _make_context(self) -> SSL.Context:
        try:
            key = serialization.load_pem_private_key(self._key.read_bytes(), None)
        except TypeError:
            raise _wrong(self._key, "this key is encrypted", "camd cannot ask for a password") from None
        except ValueError:
            raise _wrong(self._key, "this is no private key in PEM form") from None
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
            context.use_certificate_chain_file(str(self._certificate))
        except SSL.Error:
            raise _wrong(self._certificate, "the chain in this file cannot be used") from None
        try:
            context.use_privatekey(key)
            context.check_privatekey()
        except SSL.Error:
            raise _wrong(self._key, f"this key does not belong to {self._certificate}") from None
        return context

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return SSL.Connection(self._context, None)


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
