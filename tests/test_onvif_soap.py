"""What strangers send: bombs, entities, depth, size, garbage. The right fault, quickly, and nothing grows."""

from __future__ import annotations

import resource
import time

from camd_plugins.onvif import soap
from camd_plugins.onvif.faults import Fault
from camd_plugins.onvif.names import SOAP12
from camd_plugins.onvif.xml import Xml, parse_duration, parse_utc, tag, utc
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from .edge_case import Answer
from .onvif_case import OnvifCase, envelope

#: How long the reactor may be busy with one request (seconds); the machine of a test may be slow.
QUICK = 0.25
BOMB = "<!DOCTYPE a [" + "".join(
    f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 10}">' for n in range(12)
) + "]>"  # fmt: skip


def hostile() -> dict[str, bytes]:
    """Name -> body."""
    whole = envelope("<tds:GetHostname/>")
    text = whole.decode().partition("?>")[2]
    doctype = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    return {
        "a bomb": (
            BOMB + text.replace("<tds:GetHostname/>", "<tds:GetHostname>&e11;</tds:GetHostname>")
        ).encode(),
        "a bomb in an attribute": (
            BOMB + text.replace("<tds:GetHostname/>", '<tds:GetHostname a="&e11;"/>')
        ).encode(),
        "an external entity": (
            doctype + text.replace("<tds:GetHostname/>", "<tds:GetHostname>&x;</tds:GetHostname>")
        ).encode(),
        "an external DTD": ('<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd">' + text).encode(),
        "a parameter entity": ('<!DOCTYPE a [<!ENTITY % p SYSTEM "http://192.0.2.1/a">%p;]>' + text).encode(),
        "a DTD in UTF-16": ('<?xml version="1.0" encoding="UTF-16"?>' + doctype + text).encode("utf-16"),
        "a DTD in UTF-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-'
        + text.encode("utf-7"),
        "an unknown entity": whole.replace(b"<tds:GetHostname/>", b"<tds:GetHostname>&x;</tds:GetHostname>"),
        "depth": envelope("<a>" * 8000 + "</a>" * 8000)[: soap.MAX_BYTES],
        "depth within the size": envelope("<a>" * 200 + "</a>" * 200),
        "elements": envelope("<tds:GetHostname>" + "<a/>" * 5000 + "</tds:GetHostname>"),
        "attributes": envelope("<tds:GetHostname " + " ".join(f'a{n}=""' for n in range(6000)))[
            : soap.MAX_BYTES
        ],
        "nothing": b"",
        "no XML": b"\xff\xfe\x00GET / HTTP/1.1",
        "half": whole[:100],
        "no envelope": b"<a/>",
        "no body": f'<s:Envelope xmlns:s="{SOAP12}"/>'.encode(),
        "an empty body": envelope(""),
        "two bodies": envelope("<tds:GetHostname/><tds:GetUsers/>"),
        "zeros": b"\0" * 1000,
    }


class HostileTests(OnvifCase):
    def test_each_is_refused_quickly(self) -> None:
        self.call("tds:GetHostname")
        for name, body in hostile().items():
            start = time.perf_counter()
            answer = self.post(body, by="admin")
            self.assertLess(time.perf_counter() - start, QUICK, name)
            self.assertEqual((answer.status, self.fault(answer)), (400, ("Sender", "ter:WellFormed")), name)
            self.assertNotIn(b"root:", answer.body)
        self.call("tds:GetHostname")

    def test_nothing_grows(self) -> None:
        bodies = hostile()
        for _ in range(3):
            for body in bodies.values():
                self.post(body)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(20):
            for body in bodies.values():
                self.post(body)
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 8 * 1024)

    def test_ten_megabytes(self) -> None:
        answer = self.post(envelope("<tds:GetHostname/>") + b" " * 10_000_000, by="admin")
        self.assertEqual(answer.status, 413)
        wire = self.request("POST", "/onvif/device_service", content_type="application/soap+xml",
                            transfer_encoding="chunked")  # fmt: skip
        for _ in range(40):
            if not wire.lost:
                wire.protocol.dataReceived(b"%x\r\n%b\r\n" % (10_000, b" " * 10_000))
        self.assertEqual(Answer(wire.value()).status, 413)
        self.lose(wire)

    def test_headers_that_must_be_understood(self) -> None:
        header = '<a:b xmlns:a="urn:a" s:mustUnderstand="true"/>'
        answer = self.post(envelope("<tds:GetHostname/>", header))
        self.assertEqual((answer.status, self.fault(answer)), (500, ("MustUnderstand",)))
        self.assertEqual(
            self.post(envelope("<tds:GetHostname/>", header.replace("true", "false"))).status, 200
        )

    def test_only_posts(self) -> None:
        self.assertEqual(self.ask("GET", "/onvif/device_service").status, 405)


class ParseTests(SynchronousTestCase):
    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300))
    def test_any_bytes_are_a_message_or_a_fault(self, data: bytes) -> None:
        try:
            soap.parse(data)
        except Fault:
            pass

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=50))
    def test_any_text_can_be_written(self, text: str) -> None:
        from lxml import etree

        element = etree.fromstring(tag("a", text, b=text).encode("utf-8", "surrogatepass"))
        self.assertEqual(len(element), 0)


class WritingTests(SynchronousTestCase):
    def test_elements(self) -> None:
        written = tag("a", "<", Xml("<b/>"), None, [tag("c"), 1.5, True], {"x:d": 1}, e=None, f='"')
        self.assertEqual(written, '<a f="&quot;" x:d="1">&lt;<b/><c/>1.5true</a>')

    def test_times(self) -> None:
        self.assertEqual(utc(1_700_000_000.5), "2023-11-14T22:13:20.500Z")
        for text, seconds in (
            ("2023-11-14T22:13:20Z", 1_700_000_000.0),
            ("2023-11-14T23:13:20+01:00", 1_700_000_000.0),
            ("x", None),
            ("", None),
        ):
            self.assertEqual(parse_utc(text), seconds)
        for text, seconds in (
            ("PT60S", 60),
            ("PT1M0.5S", 60.5),
            ("P1DT1H", 90_000),
            ("-PT1S", -1),
            ("P", None),
            ("60", None),
            ("PT", None),
        ):
            self.assertEqual(parse_duration(text), seconds, text)
