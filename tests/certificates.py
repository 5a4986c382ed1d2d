"""An authority for the tests, and the certificates that it signs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = 86400.0


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem_of(*things: Any) -> bytes:
    """PEM of certificates and private keys, one after the other."""
    parts = []
    for thing in things:
        if isinstance(thing, x509.Certificate):
            parts.append(thing.public_bytes(serialization.Encoding.PEM))
        else:
            parts.append(thing.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return b"".join(parts)


@dataclass
class Authority:
    """Signs certificates; signed by another one, or by itself."""

    name: str = "Test Root"
    parent: Authority | None = None
    key: Any = field(default_factory=ec_key)
    certificate: Any = None

    def __post_init__(self) -> None:
        parent = self.parent or self
        self.certificate = self._sign(parent, self.key.public_key(), self.name, -30 * DAY, 3000 * DAY, NOW, [
            (x509.BasicConstraints(ca=True, path_length=None), True)])

    def sign(self, key: Any, name: str = "camera.test", start: float = -DAY, end: float = 90 * DAY,
             now: float | None = None, server: bool = True) -> x509.Certificate:
        """start, end: seconds from now."""
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        return self._sign(self, key.public_key(), name, start, end, NOW if now is None else now, [
            (x509.SubjectAlternativeName([x509.DNSName(name), x509.DNSName("localhost"),
                                          x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.ExtendedKeyUsage([usage]), False),
        ])

    def _sign(self, signer: Authority, key: Any, name: str, start: float, end: float, now: float,
              extensions: list[tuple[Any, bool]]) -> x509.Certificate:
        moment = datetime.fromtimestamp(int(now), UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(signer.name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment + timedelta(seconds=start))
            .not_valid_after(moment + timedelta(seconds=end))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer.key, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


#: When the tests began; certificates are made around it.
NOW = datetime.now(UTC).timestamp()
#: A root, what it signed, and a chain of them with its key.
ROOT = Authority()
MIDDLE = Authority("Test Intermediate", ROOT)


def write_pair(folder: Path, name: str = "camera.test", **times: float) -> x509.Certificate:
    """A chain of an authority in `fullchain.pem` and `privkey.pem`."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec_key()
    certificate = MIDDLE.sign(key, name, **times)
    (folder / "fullchain.pem").write_bytes(pem_of(certificate, MIDDLE.certificate))
    (folder / "privkey.pem").write_bytes(pem_of(key))
    return certificate
