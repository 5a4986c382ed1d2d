"""ONVIF over the whole web edge in memory: requests as recorders send them, answers as schemas allow."""

from __future__ import annotations

import base64
import hashlib
import itertools
from typing import Any, ClassVar

from camd_plugins import onvif
from camd_plugins.onvif.names import NAMESPACES, SOAP11, SOAP12
from lxml import etree

from .edge_case import Answer, EdgeCase
from .onvif_schema import check

S = f"{{{SOAP12}}}"
PATHS = {
    "tds": "device_service", "trt": "media_service", "tr2": "media2_service", "tptz": "ptz_service",
    "timg": "imaging_service", "tev": "event_service", "wsnt": "event_service", "tan": "analytics_service",
    "tmd": "deviceio_service",
}  # fmt: skip
NS = {**NAMESPACES, "s": SOAP12}
_DECLARED = "".join(f' xmlns:{prefix}="{namespace}"' for prefix, namespace in NAMESPACES.items())
_nonces = itertools.count()


def envelope(content: str, header: str = "", version: str = SOAP12) -> bytes:
    """A request around this XML, with every prefix declared."""
    body = f"<s:Header>{header}</s:Header><s:Body>{content}</s:Body>"
    root = f'<s:Envelope xmlns:s="{version}"{_DECLARED}>{body}</s:Envelope>'
    return f'<?xml version="1.0" encoding="UTF-8"?>{root}'.encode()


def username_token(name: str, secret: str, created: str, nonce: bytes | None = None) -> str:
    """A wsse:Security as WS-UsernameToken has it."""
    nonce = b"nonce %d" % next(_nonces) if nonce is None else nonce
    digest = base64.b64encode(hashlib.sha1(nonce + created.encode() + secret.encode()).digest()).decode()
    kind = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
    return (
        f"<wsse:Security><wsse:UsernameToken><wsse:Username>{name}</wsse:Username>"
        f'<wsse:Password Type="{kind}">{digest}</wsse:Password>'
        f"<wsse:Nonce>{base64.b64encode(nonce).decode()}</wsse:Nonce><wsu:Created>{created}</wsu:Created>"
        "</wsse:UsernameToken></wsse:Security>"
    )


class OnvifCase(EdgeCase):
    """self.context is that of the plugin; its clock shows `now` and is synchronised."""

    plugins: ClassVar = {"onvif": onvif}
    now = 1_700_000_000.0

    def setUp(self) -> None:
        super().setUp()
        self.get(self.app.extensions.start_services())
        self.addCleanup(self.app.extensions.stop_services)
        self.context = onvif.devices_of(self.app).whole
        self.synchronised = True
        self.patch(self.context.clock, "now", lambda: self.now + self.clock.seconds())
        self.patch(self.context.clock, "is_synchronised", lambda: self.synchronised)
        self.patch(self.context.clock, "set", self.set_clock)

    def set_clock(self, seconds: float) -> None:
        raise PermissionError("a daemon may not")

    def post(
        self, data: bytes, path: str = "device_service", kind: str = "application/soap+xml", **options: Any
    ) -> Answer:
        """Send these bytes to a service."""
        return self.ask("POST", f"/onvif/{path}", data, content_type=kind, **options)

    def send(
        self,
        name: str,
        content: str = "",
        by: str = "admin",
        path: str = "",
        header: str = "",
        **options: Any,
    ) -> Answer:
        """Call an operation, "tds:GetUsers". content: XML within the element, or "<...>" the whole of it."""
        prefix = name.partition(":")[0]
        element = content if content.startswith(f"<{name}") else f"<{name}>{content}</{name}>"
        data = envelope(element, header)
        check(etree.fromstring(data).find("s:Body", NS)[0])
        return self.post(data, path or PATHS[prefix], by=by, **options)

    def call(self, name: str, content: str = "", **options: Any) -> Any:
        """The response element of an operation that must succeed; its answer is valid by the schemas."""
        answer = self.send(name, content, **options)
        self.assertEqual(answer.status, 200, answer.body.decode())
        return self.response(answer, name)

    def response(self, answer: Answer, name: str) -> Any:
        root = etree.fromstring(answer.body)
        body = root.find("s:Body", NS)
        self.assertEqual(len(body), 1)
        prefix, _, local = name.partition(":")
        self.assertEqual(body[0].tag, f"{{{NAMESPACES[prefix]}}}{local}Response")
        check(body[0])
        return body[0]

    def fault(self, answer: Answer) -> tuple[str, ...]:
        """What a fault says: "Sender", "ter:InvalidArgVal", "ter:NoProfile"."""
        root = etree.fromstring(answer.body)
        fault = root.find("s:Body/s:Fault", NS)
        self.assertIsNotNone(fault, answer.body)
        check(fault)
        self.assertIn("application/soap+xml", answer.headers["content-type"])
        values = [value.text for value in fault.find("s:Code", NS).iter(f"{S}Value")]
        self.assertTrue(fault.findtext("s:Reason/s:Text", namespaces=NS))
        return values[0].removeprefix("s:"), *values[1:]

    def refused(self, name: str, content: str = "", **options: Any) -> tuple[str, ...]:
        """The fault of an operation that must fail."""
        answer = self.send(name, content, **options)
        self.assertGreaterEqual(answer.status, 400, answer.body)
        return self.fault(answer)

    def device_password(self, name: str = "admin") -> str:
        by = self.users.by_token(self.tokens["admin"])
        return self.get(self.users.device_password(by, name))


__all__ = ("NS", "PATHS", "SOAP11", "OnvifCase", "envelope", "username_token")
