"""SOAP 1.2 and 1.1: a request taken apart, an answer or a fault written.

What comes in is hostile until its sender is known: no DTD, no entities, no network, bounded size, depth
and number of elements, and UTF-8 whatever the declaration says (another encoding could hide a DTD).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .faults import Fault
from .names import NAMESPACES, PREFIXES, SOAP11, SOAP12, qualified
from .xml import Xml, tag

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

#: Of a request: bytes, levels, elements. The largest that recorders send has 4 kB, 12 and 80.
MAX_BYTES = 64 * 1024
MAX_DEPTH = 40
MAX_ELEMENTS = 2000
#: Headers that may demand to be understood.
_UNDERSTOOD = frozenset((NAMESPACES["wsse"], NAMESPACES["wsa"]))
_DECLARATIONS = "".join(
    f' xmlns:{prefix}="{namespace}"'
    for prefix, namespace in NAMESPACES.items()
    if prefix not in ("wsse", "wsu", "wsrf")
)
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True, slots=True)
class Message:
    """A request. version: the namespace of its envelope; body: its one element; security: the header
    wsse:Security; message_id: of WS-Addressing, "" without."""

    version: str
    body: Element
    security: Element | None = None
    message_id: str = ""
    addressed: bool = False

    @property
    def name(self) -> str:
        """ "tds:GetServices"; of a namespace that we do not know "{namespace}Name"."""
        namespace, _, local = self.body.tag[1:].rpartition("}")
        prefix = PREFIXES.get(namespace)
        return f"{prefix}:{local}" if prefix else self.body.tag


def parse(data: bytes) -> Message:
    """The request in these bytes. Raises Fault. Any thread; takes at most 2 ms."""
    from lxml import etree

    if len(data) > MAX_BYTES:
        raise Fault("the request is too large", "ter:WellFormed", status=413)
    # A declaration of markup that is no comment and no CDATA section can only be that of a DTD.
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"\0" in data:
        raise Fault("a request has no DTD", "ter:WellFormed")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Fault("the request is not well-formed XML", "ter:WellFormed") from None
    if root.getroottree().docinfo.doctype:
        raise Fault("a request has no DTD", "ter:WellFormed")
    _measure(root)
    return _message(root)


def _measure(root: Element) -> None:
    level, count = [root], 0
    for _ in range(MAX_DEPTH):
        count += len(level)
        if count > MAX_ELEMENTS:
            break
        level = [child for element in level for child in element]
        if not level:
            return
    raise Fault("the request is too large", "ter:WellFormed")


def _message(root: Element) -> Message:
    version = root.tag[1:].partition("}")[0]
    if root.tag not in (f"{{{SOAP12}}}Envelope", f"{{{SOAP11}}}Envelope"):
        raise Fault("the request is not a SOAP envelope", "ter:WellFormed")
    header, body = root.find(f"{{{version}}}Header"), root.find(f"{{{version}}}Body")
    if body is None or len(body) != 1:
        raise Fault("a request has one element in its Body", "ter:WellFormed")
    security, message_id, addressed = None, "", False
    for block in () if header is None else header:
        namespace = block.tag[1:].partition("}")[0]
        if block.tag == qualified("wsse:Security"):
            security = block
        elif namespace == NAMESPACES["wsa"]:
            addressed = True
            if block.tag == qualified("wsa:MessageID"):
                message_id = (block.text or "").strip()
        elif namespace not in _UNDERSTOOD and block.get(f"{{{version}}}mustUnderstand") in ("1", "true"):
            raise Fault("a header that must be understood is not", "MustUnderstand", status=500)
    return Message(version, body[0], security, message_id, addressed)


def answer(content: Xml, message: Message | None = None, action: str = "") -> bytes:
    """An envelope around this content. message: the request, whose version and addressing it follows;
    action: of WS-Addressing."""
    version = message.version if message else SOAP12
    header = None
    if message is not None and message.addressed:
        header = tag(
            "s:Header",
            tag("wsa:MessageID", f"urn:uuid:{uuid.uuid4()}"),
            tag("wsa:RelatesTo", message.message_id) if message.message_id else None,
            tag("wsa:Action", action) if action else None,
        )
    return envelope(content, header, version)


def envelope(content: Xml, header: Xml | None = None, version: str = SOAP12) -> bytes:
    """A whole message in UTF-8; nothing stands before the XML declaration, which some clients mind."""
    body = tag("s:Body", content)
    return f'{_HEAD}<s:Envelope xmlns:s="{version}"{_DECLARATIONS}>{header or ""}{body}</s:Envelope>'.encode()


def fault(error: Fault, message: Message | None = None) -> bytes:
    """The envelope of a fault."""
    version = message.version if message else SOAP12
    role = ("Sender", "Receiver") if version == SOAP12 else ("Client", "Server")
    code = f"s:{role[0 if error.sender else 1]}"
    subcodes = list(error.subcodes)
    if subcodes[:1] == ["MustUnderstand"]:
        code, subcodes = "s:MustUnderstand", []
    if version == SOAP11:
        detail = tag("detail", error.detail) if error.detail else None
        faultcode = subcodes[-1] if subcodes else code
        return answer(
            tag("s:Fault", tag("faultcode", faultcode), tag("faultstring", error.reason), detail), message
        )
    nested: Xml | None = None
    for subcode in reversed(subcodes):
        nested = tag("s:Subcode", tag("s:Value", subcode), nested)
    content = tag(
        "s:Fault",
        tag("s:Code", tag("s:Value", code), nested),
        tag("s:Reason", tag("s:Text", error.reason, {"xml:lang": "en"})),
        tag("s:Detail", error.detail) if error.detail else None,
    )
    return answer(content, message, "http://www.w3.org/2005/08/addressing/soap/fault")


def content_type(version: str) -> bytes:
    return b"application/soap+xml; charset=utf-8" if version == SOAP12 else b"text/xml; charset=utf-8"
