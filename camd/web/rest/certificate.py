"""/api/certificate: the certificate of the HTTPS site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import Gone
from ...state.permission import Permission
from .operation import Answer, Call, Operation, Rejected
from .schema import BOOLEAN, component, listing, record, text

if TYPE_CHECKING:
    from ...auth.site_certificate import SiteCertificate

_PATH = "/api/certificate"
_PEM = 48 * 1024
_CERTIFICATE = component("Certificate", record({
    "subject": text("Whom it is for"),
    "issuer": text("Who signed it"),
    "validFrom": text("RFC 3339"),
    "validTo": text("RFC 3339"),
    "daysRemaining": {"type": "integer"},
    "isExpired": BOOLEAN,
    "isSelfSigned": BOOLEAN,
    "fingerprint": text("SHA-256 of the certificate, as browsers show it"),
    "names": listing(text(), doc="The host names and addresses in it, 50 at most"),
    "renewsItself": {**BOOLEAN, "description": "Made by camd, which makes a new one in time"},
    "isConfigured": {**BOOLEAN, "description": "Named in the configuration: it is exchanged there, not here"},
    "state": {"type": "string", "enum": ["ok", "alert"]},
    "reason": text("Why another certificate is in use than should be", most=4096),
}))
_PAIR = record({
    "certificate": text("PEM: the server's own certificate first, then the one that issued it, and so on", most=_PEM),
    "key": text("PEM, not encrypted; it can be written only", most=_PEM),
}, closed=True)


class CertificateNoun:
    """The certificate in use. Its key comes in, and never goes out."""

    def __init__(self, certificate: SiteCertificate):
        self._certificate = certificate

    def operations(self) -> list[Operation]:
        read, write = Permission.System_r, Permission.System_rw
        away = Answer("HTTPS is off")
        configured = Answer("HTTPS is off, or the certificate is named in the configuration")
        return [
            Operation("GET", _PATH, read, "Read what there is to know about the certificate", {
                200: Answer("The one in use", _CERTIFICATE),
                404: away,
            }, self.read),
            Operation("PUT", _PATH, write, "Use another certificate", {
                200: Answer("New connections get it, open ones go on", _CERTIFICATE),
                409: configured,
            }, self.install, "Checked are the key, the dates and the order of the chain; the old certificate stays "
                             "until all is well. Only over HTTPS, or from the machine itself.", body=_PAIR),
            Operation("DELETE", _PATH, write, "Use a new self-signed certificate", {
                200: Answer("New connections get it", _CERTIFICATE),
                409: configured,
            }, self.self_sign),
        ]

    def read(self, call: Call) -> Any:
        if self._certificate.context is None:
            raise Gone("HTTPS is off")
        return self._certificate.describe()

    async def install(self, call: Call) -> Any:
        way = call.request.way
        if not (way.secure or way.is_local):
            raise Rejected(403, "This key has come in clear, so others may know it: make another one and send it by HTTPS")
        return await self._certificate.install(call.by, call.body["certificate"], call.body["key"], call.address)

    async def self_sign(self, call: Call) -> Any:
        return await self._certificate.self_sign(call.by, call.address)
