"""The messages of WS-Discovery, read and written. Pure: bytes to objects and back.

WS-Discovery of April 2005, sections 4 to 6; ONVIF Core, Device discovery.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import uuid4
from xml.sax.saxutils import escape

from camd.errors import Invalid

from .names import ADDRESSINGS, ANONYMOUS, EVERYBODY, NAMESPACES, SOAPS, WSD
from .reading import Element, read

#: Bytes of the largest message that is read, and of a question.
LONGEST, LONGEST_QUESTION = 16384, 4096
#: What is read of each list.
_MOST = 64
_PREFIXES = {namespace: prefix for prefix, namespace in NAMESPACES.items()}
_DECLARED = "".join(f' xmlns:{prefix}="{namespace}"' for prefix, namespace in NAMESPACES.items())


@dataclass(frozen=True, slots=True)
class Match:
    """One device as it shows itself. address: "urn:uuid:..."; types: "{namespace}name"; version: grows when
    the rest changes."""

    address: str
    types: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    xaddrs: tuple[str, ...] = ()
    version: int = 1


@dataclass(frozen=True, slots=True)
class Message:
    """What came in. kind: Hello, Bye, Probe, Resolve, ProbeMatches or ResolveMatches.

    id: MessageID; about: the MessageID that it answers. types, scopes, rule: what a Probe looks for;
    address: what a Resolve looks for. matches: devices, of all others.
    """

    kind: str
    id: str
    about: str = ""
    types: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    rule: str = ""
    address: str = ""
    matches: tuple[Match, ...] = ()


@dataclass(slots=True)
class Sequence:
    """Orders what we send (AppSequence). instance: grows with each start of the daemon."""

    instance: int
    number: int = field(default=0)

    def next(self) -> str:
        self.number += 1
        return f'<d:AppSequence InstanceId="{self.instance}" MessageNumber="{self.number}"/>'


# -- reading


def parse(data: bytes) -> Message:
    """A message of WS-Discovery. Raises Invalid for everything else."""
    if len(data) > LONGEST:
        raise Invalid("", f"more than {LONGEST} bytes")
    root = read(data)
    if root.name not in [f"{{{soap}}}Envelope" for soap in SOAPS]:
        raise Invalid("", "no SOAP envelope")
    header, body = _in_soap(root, "Header"), _in_soap(root, "Body")
    action = _addressing(header, "Action")
    kind = action.rpartition("/")[2]
    content = body.find(f"{{{WSD}}}{kind}")
    if action != f"{WSD}/{kind}" or content is None:
        raise Invalid("", "no message of WS-Discovery")
    id, about = _addressing(header, "MessageID"), _addressing(header, "RelatesTo")
    if not id or len(id) > 256:
        raise Invalid("", "no MessageID")
    if kind == "Probe":
        if len(data) > LONGEST_QUESTION:
            raise Invalid("", f"more than {LONGEST_QUESTION} bytes")
        scopes = content.find(f"{{{WSD}}}Scopes")
        return Message(
            kind, id, types=_types(content), scopes=_list(content, "Scopes"),
            rule=scopes.attributes.get("MatchBy", "").strip() if scopes else "",
        )  # fmt: skip
    if kind == "Resolve":
        return Message(kind, id, address=_address(content))
    if kind in ("Hello", "Bye"):
        return Message(kind, id, about, matches=(_match(content),))
    found = content.all(f"{{{WSD}}}{kind.removesuffix('es')}")
    return Message(kind, id, about, matches=tuple(_match(element) for element in found)[:_MOST])


def _in_soap(root: Element, name: str) -> Element:
    element = root.find(*[f"{{{soap}}}{name}" for soap in SOAPS])
    if element is None:
        raise Invalid("", f"no {name}")
    return element


def _addressing(element: Element, name: str) -> str:
    found = element.find(*[f"{{{addressing}}}{name}" for addressing in ADDRESSINGS])
    return found.text.strip() if found else ""


def _match(element: Element) -> Match:
    version = element.find(f"{{{WSD}}}MetadataVersion")
    digits = version.text.strip() if version else ""
    return Match(
        _address(element), _types(element), _list(element, "Scopes"), _list(element, "XAddrs"),
        int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 11 else 0,
    )  # fmt: skip


def _address(element: Element) -> str:
    reference = element.find(*[f"{{{addressing}}}EndpointReference" for addressing in ADDRESSINGS])
    return _addressing(reference, "Address") if reference else ""


def _types(element: Element) -> tuple[str, ...]:
    found = element.find(f"{{{WSD}}}Types")
    return found.qualified()[:_MOST] if found else ()


def _list(element: Element, name: str) -> tuple[str, ...]:
    found = element.find(f"{{{WSD}}}{name}")
    return tuple(found.text.split()[:_MOST]) if found else ()


# -- writing


def hello(match: Match, sequence: Sequence) -> bytes:
    return _envelope("Hello", f"<d:Hello>{_written(match)}</d:Hello>", sequence.next())


def bye(match: Match, sequence: Sequence) -> bytes:
    return _envelope("Bye", f"<d:Bye>{_reference(match.address)}</d:Bye>", sequence.next())


def probe(types: Iterable[str] = (), scopes: Iterable[str] = (), id: str = "") -> bytes:
    """A question to everybody. id: its MessageID."""
    wanted = f"<d:Types>{_names(types)}</d:Types>" if types else ""
    where = f"<d:Scopes>{_escaped(scopes)}</d:Scopes>" if scopes else ""
    return _envelope("Probe", f"<d:Probe>{wanted}{where}</d:Probe>", id=id)


def probe_matches(match: Match, about: str, sequence: Sequence) -> bytes:
    return _matches("Probe", match, about, sequence)


def resolve_matches(match: Match, about: str, sequence: Sequence) -> bytes:
    return _matches("Resolve", match, about, sequence)


def unknown_rule(about: str, known: Iterable[str]) -> bytes:
    """The fault for a scope matching rule that we do not have."""
    rules = f"<d:SupportedMatchingRules>{_escaped(known)}</d:SupportedMatchingRules>"
    fault = (
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>d:MatchingRuleNotSupported</s:Value>"
        '</s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">the matching rule is not supported</s:Text>'
        f"</s:Reason><s:Detail>{rules}</s:Detail></s:Fault>"
    )
    return _envelope("fault", fault, about=about, to=ANONYMOUS)


def new_id() -> str:
    return f"urn:uuid:{uuid4()}"


def _matches(kind: str, match: Match, about: str, sequence: Sequence) -> bytes:
    content = f"<d:{kind}Matches><d:{kind}Match>{_written(match)}</d:{kind}Match></d:{kind}Matches>"
    return _envelope(f"{kind}Matches", content, sequence.next(), about, ANONYMOUS)


def _envelope(
    action: str, body: str, sequence: str = "", about: str = "", to: str = EVERYBODY, id: str = ""
) -> bytes:
    relates = f"<a:RelatesTo>{escape(about)}</a:RelatesTo>" if about else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope{_DECLARED}><s:Header>'
        f"<a:Action>{WSD}/{action}</a:Action><a:MessageID>{id or new_id()}</a:MessageID>{relates}"
        f"<a:To>{to}</a:To>{sequence}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def _written(match: Match) -> str:
    scopes = f"<d:Scopes>{_escaped(match.scopes)}</d:Scopes>" if match.scopes else ""
    return (
        f"{_reference(match.address)}<d:Types>{_names(match.types)}</d:Types>{scopes}"
        f"<d:XAddrs>{_escaped(match.xaddrs)}</d:XAddrs><d:MetadataVersion>{match.version}</d:MetadataVersion>"
    )


def _reference(address: str) -> str:
    return f"<a:EndpointReference><a:Address>{escape(address)}</a:Address></a:EndpointReference>"


def _names(types: Iterable[str]) -> str:
    """ "{namespace}name" with our prefixes."""
    return " ".join(f"{_PREFIXES[namespace]}:{name}" for namespace, _, name in
                    (type[1:].partition("}") for type in types))  # fmt: skip


def _escaped(texts: Iterable[str]) -> str:
    return escape(" ".join(texts))
