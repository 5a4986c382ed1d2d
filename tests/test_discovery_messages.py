"""Messages of WS-Discovery: what clients send, what strangers send, and what camd says, by the schema."""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

from camd_plugins.discovery import messages
from camd_plugins.discovery.matching import NONE, matches
from camd_plugins.discovery.messages import Match, Message, Sequence, parse
from camd_plugins.discovery.names import DEVICE, NAMESPACES, SOAP, TDN, TDS, TRANSMITTER, WSA, WSD
from camd_plugins.discovery.reading import DEEPEST, MOST, MOST_NAMESPACES
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid

ID = "uuid:5d1b6f0e-0b5e-4a52-9f5e-3f1c2b7a9d10"
SCOPES = (
    "onvif://www.onvif.org/type/video_encoder",
    "onvif://www.onvif.org/Profile/Streaming",
    "onvif://www.onvif.org/name/Front%20door",
)
CAMERA = Match("urn:uuid:1", (TRANSMITTER, DEVICE), SCOPES, ("http://192.0.2.7/onvif/device_service",), 7)


@functools.cache
def schema() -> Any:
    """The official one; onvif-zeep brings it."""
    origin = importlib.util.find_spec("onvif").origin  # type: ignore[union-attr]
    folder = Path(origin).parent.parent / "wsdl"  # type: ignore[arg-type]

    class Near(etree.Resolver):
        def resolve(self, url: str, id: str, context: Any) -> Any:
            return self.resolve_filename(str(folder / Path(url).name), context)

    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Near())
    return etree.XMLSchema(etree.parse(str(folder / "ws-discovery.xsd"), parser))


def probe(content: str, kind: str = "Probe", more: str = "") -> bytes:
    """A plain message around this content."""
    declared = "".join(f' xmlns:{prefix}="{namespace}"' for prefix, namespace in NAMESPACES.items())
    return (
        f"<s:Envelope{declared}><s:Header><a:Action>{WSD}/{kind}</a:Action><a:MessageID>{ID}</a:MessageID>{more}"
        f"</s:Header><s:Body><d:{kind}>{content}</d:{kind}></s:Body></s:Envelope>"
    ).encode()


#: As different as programs write the same thing: (message, types, scopes).
CLIENTS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "prefixes declared at the envelope": (
        (f'<?xml version="1.0" encoding="utf-8"?><Envelope xmlns:dn="{TDN}" xmlns="{SOAP}"><Header>'
        f'<wsa:MessageID xmlns:wsa="{WSA}">{ID}</wsa:MessageID>'
        f'<wsa:To xmlns:wsa="{WSA}">urn:schemas-xmlsoap-org:ws:2005:04:discovery</wsa:To>'
        f'<wsa:Action xmlns:wsa="{WSA}">{WSD}/Probe</wsa:Action></Header><Body>'
        f'<Probe xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="{WSD}">'
        "<Types>dn:NetworkVideoTransmitter</Types><Scopes /></Probe></Body></Envelope>"),
        (TRANSMITTER,), (),
    ),
    "prefixes declared at the types": (
        (f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header><a:Action s:mustUnderstand="1">{WSD}/Probe</a:Action>'
        f"<a:MessageID>{ID}</a:MessageID><a:ReplyTo><a:Address>{WSA}/role/anonymous</a:Address></a:ReplyTo>"
        '<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header><s:Body>'
        f'<Probe xmlns="{WSD}"><d:Types xmlns:d="{WSD}" xmlns:dp0="{TDS}">dp0:Device</d:Types></Probe></s:Body>'
        "</s:Envelope>"),
        (DEVICE,), (),
    ),
    "a scope, and white space wherever it may be": (
        (f'<?xml version="1.0"?>\n<env:Envelope xmlns:env="{SOAP}"\n  xmlns:w="{WSA}" xmlns:wsd="{WSD}">\n <env:Header>\n'
        f"  <w:MessageID>\n {ID}\n</w:MessageID>\n  <w:Action>\n{WSD}/Probe </w:Action>\n </env:Header>\n <env:Body>\n"
        f'  <wsd:Probe>\n   <wsd:Types xmlns:q="{TDN}">\n q:NetworkVideoTransmitter\n </wsd:Types>\n'
        f'   <wsd:Scopes MatchBy="{WSD}/rfc3986">\n    {SCOPES[1]}\n   </wsd:Scopes>\n  </wsd:Probe>\n </env:Body>\n'
        "</env:Envelope>\n"),
        (TRANSMITTER,), (SCOPES[1],),
    ),
    "for everything": (
        (f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{SOAP}" xmlns:wsa="{WSA}" xmlns:wsdd="{WSD}"><SOAP-ENV:Header>'
        f"<wsa:MessageID>{ID}</wsa:MessageID><wsa:Action>{WSD}/Probe</wsa:Action></SOAP-ENV:Header>"
        "<SOAP-ENV:Body><wsdd:Probe/></SOAP-ENV:Body></SOAP-ENV:Envelope>"),
        (), (),
    ),
    "with the addressing of another year, and SOAP 1.1": (
        ('<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header>'
        f'<MessageID xmlns="http://www.w3.org/2005/08/addressing">{ID}</MessageID>'
        f'<Action xmlns="http://www.w3.org/2005/08/addressing">{WSD}/Probe</Action></e:Header><e:Body>'
        f'<Probe xmlns="{WSD}" xmlns:t="{TDN}"><Types>t:NetworkVideoTransmitter t:Nothing</Types></Probe></e:Body>'
        "</e:Envelope>"),
        (TRANSMITTER, f"{{{TDN}}}Nothing"), (),
    ),
}  # fmt: skip


class ReadingTests(SynchronousTestCase):
    def test_what_clients_send(self) -> None:
        for name, (text, types, scopes) in CLIENTS.items():
            message = parse(text.encode())
            self.assertEqual((message.kind, message.id), ("Probe", ID), name)
            self.assertEqual((message.types, message.scopes), (types, scopes), name)

    def test_other_encodings(self) -> None:
        text = CLIENTS["for everything"][0]
        self.assertEqual(parse(text.encode("utf-16")).id, ID)
        self.assertEqual(parse(b"\xef\xbb\xbf" + text.encode()).id, ID)

    def test_a_prefix_that_means_nothing_is_no_type(self) -> None:
        self.assertEqual(parse(probe("<d:Types>x:Device Device</d:Types>")).types, ("x:Device", "Device"))

    def test_what_strangers_send(self) -> None:
        good = probe("").decode()
        namespaces = " ".join(f'xmlns:n{number}="x"' for number in range(MOST_NAMESPACES))
        deep = "<d:x>" * DEEPEST + "</d:x>" * DEEPEST
        entities = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + good.replace(ID, "&b;")
        for name, data in {
            "nothing": b"", "garbage": bytes(range(256)), "half": good[:200].encode(), "another root": b"<x/>",
            "no header": f'<s:Envelope xmlns:s="{SOAP}"><s:Body/></s:Envelope>'.encode(),
            "no id": good.replace(ID, "").encode(), "a long id": good.replace(ID, "x" * 257).encode(),
            "another action": good.replace("/Probe<", "/Else<").encode(),
            "an action without its content": good.replace("/Probe<", "/Resolve<").encode(),
            "an action of nobody": good.replace(f"{WSD}/Probe", "Probe").encode(),
            "entities": entities.encode(), "entities in UTF-16": entities.encode("utf-16"),
            "an external entity": good.replace("<s:Envelope", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><s:Envelope', 1).encode(),
            "deep": probe(deep), "many": probe("<d:x/>" * MOST),
            "many namespaces": probe(f"<d:x {namespaces}/>"),
            "a large question": probe("x" * 5000),
            "large": probe("x" * 20000, "Hello"), "an unknown encoding": b'<?xml version="1.0" encoding="klingon"?><x/>',
            "a second document": (good + good).encode(), "bad UTF-8": good.replace(ID, ID + "\xff").encode("latin-1"),
        }.items():  # fmt: skip
            error = self.assertRaises(Invalid, parse, data)
            self.assertLess(len(str(error)), 200, name)

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(st.data())
    def test_no_damage_is_a_surprise(self, data: st.DataObject) -> None:
        """It is a message, or it is Invalid."""
        good = bytearray(data.draw(st.sampled_from([text for text, *_ in CLIENTS.values()])).encode())
        for _ in range(data.draw(st.integers(1, 8))):
            at = data.draw(st.integers(0, len(good)))
            good[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8))
        try:
            message = parse(bytes(good))
            matches((DEVICE,), SCOPES, replace(message, rule=""))
        except Invalid:
            return

    def test_numbers_that_are_none(self) -> None:
        for version in ("", "x", "-1", "9" * 40, "\u0663"):
            text = f"<a:EndpointReference/><d:MetadataVersion>{version}</d:MetadataVersion>"
            self.assertEqual(parse(probe(text, "Hello")).matches, (Match("", version=0),))


class WritingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sequence = Sequence(100)

    def check(self, data: bytes) -> Message:
        """Valid by the schema; returned as it is read."""
        root = etree.fromstring(data)
        for element in (root.find(f".//{{{WSD}}}AppSequence"), root.find(f"{{{SOAP}}}Body")[0]):
            if element is not None and not schema().validate(element):
                self.fail(f"{schema().error_log.last_error}\n{data.decode()}")
        return parse(data)

    def test_answers(self) -> None:
        for kind, write in (
            ("ProbeMatches", messages.probe_matches),
            ("ResolveMatches", messages.resolve_matches),
        ):
            data = write(CAMERA, ID, self.sequence)
            message = self.check(data)
            self.assertEqual((message.kind, message.about, message.matches), (kind, ID, (CAMERA,)))
            self.assertIn(b"role/anonymous</a:To>", data)
        self.assertIn(b'InstanceId="100" MessageNumber="2"', data)

    def test_hello_and_bye(self) -> None:
        self.assertEqual(self.check(messages.hello(CAMERA, self.sequence)).matches, (CAMERA,))
        self.assertEqual(
            self.check(messages.bye(CAMERA, self.sequence)).matches, (Match(CAMERA.address, version=0),)
        )

    def test_questions(self) -> None:
        message = self.check(messages.probe((TRANSMITTER, DEVICE), SCOPES, "urn:uuid:9"))
        self.assertEqual(
            (message.id, message.types, message.scopes), ("urn:uuid:9", (TRANSMITTER, DEVICE), SCOPES)
        )

    def test_texts_of_others_stay_texts(self) -> None:
        evil = "</a:RelatesTo><x>&amp;"
        data = messages.probe_matches(Match("urn:uuid:1", (DEVICE,), ("a<b>&c",)), evil, self.sequence)
        message = parse(data)
        self.assertEqual((message.about, message.matches[0].scopes), (evil, ("a<b>&c",)))

    def test_a_rule_that_is_not_known(self) -> None:
        root = etree.fromstring(messages.unknown_rule(ID, [NONE]))
        value = root.find(f".//{{{SOAP}}}Subcode/{{{SOAP}}}Value").text
        self.assertEqual(value, "d:MatchingRuleNotSupported")
        self.assertEqual(root.find(f".//{{{WSD}}}SupportedMatchingRules").text, NONE)


class MatchingTests(SynchronousTestCase):
    def wanted(self, scope: str, had: str, rule: str = "") -> bool:
        rule = f"{WSD}/{rule}" if rule else ""
        return matches((), (had,), Message("Probe", ID, scopes=(scope,), rule=rule))

    def test_types(self) -> None:
        for types, expected in (((), True), ((DEVICE,), True), ((TRANSMITTER, DEVICE), True),
                                ((DEVICE, "{urn:x}Printer"), False), (("Device",), False)):  # fmt: skip
            self.assertEqual(
                matches(CAMERA.types, SCOPES, Message("Probe", ID, types=types)), expected, types
            )

    def test_every_scope_must_be_there(self) -> None:
        for scopes, expected in (
            ((), True),
            (SCOPES, True),
            ((SCOPES[0], "onvif://www.onvif.org/Profile/G"), False),
        ):
            self.assertEqual(matches((), SCOPES, Message("Probe", ID, scopes=scopes)), expected)

    def test_by_path(self) -> None:
        had = "onvif://www.onvif.org/location/Berlin/Gate%20A"
        for rule in ("", "rfc3986", "rfc2396"):
            for wanted, expected in {
                had: True, "onvif://www.onvif.org/location": True, "ONVIF://WWW.onvif.ORG/location/Berlin/": True,
                "onvif://www.onvif.org": True, "onvif://www.onvif.org/location/Berl": False,
                "onvif://www.onvif.org/Location": False, "http://www.onvif.org/location": False,
                "onvif://other.org/location": False, had + "/more": False,
                "onvif://www.onvif.org/location/Berlin/Gate A": True, "onvif://www.onvif.org/location?x#y": True,
                "onvif://www.onvif.org/./location": False, "onvif://www.onvif.org/x/../location": False,
                "onvif://[": False,
            }.items():  # fmt: skip
                self.assertEqual(self.wanted(wanted, had, rule), expected, wanted)

    def test_as_written(self) -> None:
        self.assertTrue(self.wanted("a", "a", "strcmp0"))
        self.assertFalse(self.wanted("a", "A", "strcmp0"))

    def test_by_uuid(self) -> None:
        uuid = "13d7db1c-6f7d-4d4c-8a2c-ff8b0a3f1f5e"
        self.assertTrue(self.wanted(f"urn:uuid:{uuid.upper()}", f"uuid:{uuid}", "uuid"))
        self.assertFalse(self.wanted("urn:uuid:1", "urn:uuid:1", "uuid"))

    def test_by_directory_name(self) -> None:
        had = "ldap://dir.example/ou=cameras,o=plant"
        self.assertTrue(self.wanted("LDAP://DIR.example/o=plant", had, "ldap"))
        self.assertTrue(self.wanted("ldap://dir.example", had, "ldap"))
        self.assertTrue(self.wanted(had, had, "ldap"))
        self.assertFalse(self.wanted("ldap://dir.example/ou=cameras", had, "ldap"))
        self.assertFalse(self.wanted("http://dir.example", "http://dir.example", "ldap"))

    def test_by_having_none(self) -> None:
        question = Message("Probe", ID, rule=NONE)
        self.assertTrue(matches((), (), question))
        self.assertFalse(matches((), SCOPES, question))
