"""The certificate that camd makes for itself.

A camera in a home network has no name that an authority would sign, so camd signs its own; browsers
warn once, and the fingerprint tells whether it is the right one.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..errors import ConfigError, Problem
from .certificate import ServerCertificate, is_self_signed
from .host_names import host_name, own_addresses, own_names

LIFETIME = timedelta(days=397)  #: the longest that browsers accept
RENEWAL = timedelta(days=30)  #: so long before the end a new one is made
#: Clocks of small boards are often behind after a cold start, of clients too.
_BACKDATED = timedelta(days=1)
#: Marks the certificates that are ours to renew.
_MAKER = "camd self-signed"
_DNS_NAME = re.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,20}")


def make(names: Iterable[str], now: float) -> ServerCertificate:
    """A new certificate with a new key (EC P-256) for this host and further names or addresses.

    now: UTC seconds. Takes some milliseconds. Raises ConfigError for a name that none can hold.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    subject = x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, host_name()),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, _MAKER),
    ])
    moment = datetime.fromtimestamp(int(now), UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - _BACKDATED)
        .not_valid_after(moment - _BACKDATED + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(_wanted(names)), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False)
    )
    return ServerCertificate((builder.sign(key, hashes.SHA256()),), key)


def is_ours(certificate: x509.Certificate) -> bool:
    """Whether camd made it, so that camd may replace it."""
    makers = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return [attribute.value for attribute in makers] == [_MAKER] and is_self_signed(certificate)


def is_stale(certificate: x509.Certificate, names: Iterable[str], now: float) -> bool:
    """Whether one of ours is due: it ends within 30 days, or this host has a name or an address that it
    lacks. One too many does no harm: an interface that comes and goes shall not make new certificates.
    Raises ConfigError as `make`."""
    if certificate.not_valid_after_utc - datetime.fromtimestamp(now, UTC) < RENEWAL:
        return True
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return any(name not in held for name in _wanted(names))


def _wanted(names: Iterable[str]) -> list[x509.GeneralName]:
    return list(dict.fromkeys(map(_general_name, [*own_names(), *own_addresses(), *names])))


def _general_name(name: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    with contextlib.suppress(UnicodeError):
        dns = name.lower() if name.isascii() else name.lower().encode("idna").decode("ascii")
        if _DNS_NAME.fullmatch(dns):
            return x509.DNSName(dns)
    raise ConfigError([Problem("certificate", "tls.names", f"{name!r} is neither a host name nor an address")])
