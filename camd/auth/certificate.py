"""ServerCertificate: a certificate with its chain and its key, checked before anybody relies on it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..errors import Invalid

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

DAY = 86400.0
_LONGEST_CHAIN = 10
_NAMES_TOLD = 50
_LONGEST_NAME = 256
_DASHES = b"-----"  # four times around each PEM block
#: With more bits a handshake would hold up everybody else: 4096 take 5 ms, 40 on a small board.
_RSA_BITS = range(2048, 4097)
_CURVES = ("secp256r1", "secp384r1", "secp521r1")  # the ones that browsers know


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """Immutable. chain: the server's own certificate, then the one that issued it, and so on."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)

    @property
    def leaf(self) -> x509.Certificate:
        """The server's own."""
        return self.chain[0]

    @property
    def expiry(self) -> float:
        """UTC seconds at which the server's own ends."""
        return self.leaf.not_valid_after_utc.timestamp()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the server's own, as browsers show it."""
        return self.leaf.fingerprint(hashes.SHA256()).hex(":").upper()

    @property
    def names(self) -> list[str]:
        """The host names and addresses that it is for."""
        try:
            held = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return []
        return [str(name.value) for name in held if isinstance(name, (x509.DNSName, x509.IPAddress))]

    @property
    def certificate_pem(self) -> bytes:
        return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in self.chain)

    @property
    def key_pem(self) -> bytes:
        """Not encrypted: camd must be able to start by itself."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def check_validity(self, now: float) -> None:
        """Raise Invalid if not all of the chain is valid now (UTC seconds)."""
        moment = datetime.fromtimestamp(now, UTC)
        for number, certificate in enumerate(self.chain, 1):
            which = "the certificate" if number == 1 else f"certificate {number} of the chain"
            if moment >= certificate.not_valid_after_utc:
                raise Invalid("certificate", f"{which} expired on {_time(certificate.not_valid_after_utc)}")
            if moment < certificate.not_valid_before_utc:
                start = _time(certificate.not_valid_before_utc)
                raise Invalid("certificate", f"{which} is valid from {start} on; is the clock of this host right?")

    def describe(self, now: float) -> dict[str, Any]:
        """What there is to know about it, with the product's names. now: UTC seconds."""
        leaf = self.leaf
        return {
            "subject": _text(leaf.subject),
            "issuer": _text(leaf.issuer),
            "validFrom": _time(leaf.not_valid_before_utc),
            "validTo": _time(leaf.not_valid_after_utc),
            "daysRemaining": math.floor((self.expiry - now) / DAY),
            "isExpired": now >= self.expiry,
            "isSelfSigned": is_self_signed(leaf),
            "fingerprint": self.fingerprint,
            "names": self.names[:_NAMES_TOLD],
        }


def parse(certificate: bytes, key: bytes) -> ServerCertificate:
    """Check a chain and a key, both PEM: that they can be used, belong together and stand in order.

    Not checked is whether they are valid now. Text around the PEM blocks is allowed. Takes up to a second
    with a large RSA key: not for the reactor thread. Raises Invalid; its key is "certificate" or "key".
    """
    chain = parse_chain(certificate)
    private = _parse_key(key)
    _check_match(chain, private)
    _check_order(chain)
    _check_use(chain[0])
    return ServerCertificate(chain, private)


def is_self_signed(certificate: x509.Certificate) -> bool:
    return _has_issued(certificate, certificate)


def parse_chain(data: bytes) -> tuple[x509.Certificate, ...]:
    """All certificates of a PEM text, in its order. Raises Invalid."""
    try:
        chain = tuple(x509.load_pem_x509_certificates(data))
    except ValueError:
        raise Invalid("certificate", "this is no certificate in PEM form") from None
    # A file that is still being written may end within a certificate, which the parser passes over.
    if data.count(_DASHES) != 4 * len(chain):
        raise Invalid("certificate", "it is not complete, or holds something else than certificates")
    if len(chain) > _LONGEST_CHAIN:
        raise Invalid("certificate", f"the chain has more than {_LONGEST_CHAIN} certificates")
    return chain


def _parse_key(data: bytes) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(data, None)
    except TypeError:
        raise Invalid("key", "this key is encrypted; camd cannot ask for its password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid("key", "this is no private key in PEM form") from None
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size not in _RSA_BITS:
            raise Invalid("key", f"an RSA key has 2048 to 4096 bits here, this one has {key.key_size}")
    elif not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in _CURVES:
        raise Invalid("key", "browsers do not know this kind of key; use EC P-256 or RSA with 2048 bits")
    return key


def _check_match(chain: tuple[x509.Certificate, ...], key: PrivateKey) -> None:
    for number, certificate in enumerate(chain, 1):
        if _public_key(certificate) != key.public_key():
            continue
        if number == 1:
            return
        raise Invalid("certificate", f"the server's own certificate must be the first, but it is number {number}")
    raise Invalid("key", "this key does not belong to the certificate")


def _public_key(certificate: x509.Certificate) -> Any:
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _check_order(chain: tuple[x509.Certificate, ...]) -> None:
    for number, (certificate, issuer) in enumerate(pairwise(chain), 2):
        if not _has_issued(issuer, certificate):
            raise Invalid("certificate", f"certificate {number} did not issue the one before it; "
                                         "each must be followed by its issuer")


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _check_use(certificate: x509.Certificate) -> None:
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise Invalid("certificate", "its extensions cannot be read") from None
    if ExtendedKeyUsageOID.SERVER_AUTH not in uses and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in uses:
        raise Invalid("certificate", "it is not meant for servers (extended key usage)")


def _text(name: x509.Name) -> str:
    """A name for people, without what could move their cursor."""
    text = name.rfc4514_string()[:_LONGEST_NAME]
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
