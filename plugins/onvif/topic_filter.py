"""Filters of subscriptions: which topics (ONVIF's ConcreteSet), and which items in them.

tns1:RuleEngine/CellMotionDetector/Motion         this topic
tns1:RuleEngine//.                                it and all below
tns1:VideoSource//.|tns1:Device/Trigger//.        either
boolean(//tt:SimpleItem[@Name="State" and @Value="true"])
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .faults import Fault
from .names import CONCRETE, CONCRETE_SET, ITEM_FILTER, NAMESPACES, qualified
from .topics import Property
from .xml import Xml, tag, utc

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_EXPRESSION = re.compile(r"([\w.-]+):([\w.-]+(?:/[\w.-]+)*)(//\.)?")
_ITEM = re.compile(
    r"""\s*boolean\(\s*//tt:SimpleItem\[\s*@Name\s*=\s*(["'])([^"']{1,64})\1"""
    r"""(?:\s+and\s+@Value\s*=\s*(["'])([^"']{0,64})\3)?\s*\]\s*\)\s*"""
)
_LONGEST = 2048
#: Topics and items in one filter: each is looked at for each event.
_MOST = 64


@dataclass(frozen=True, slots=True)
class Filter:
    """topics: paths, each with whether all below it is meant, too; none: every topic. items: name and value,
    None for any value, of which all must be there. camera: no other one is meant, "" for any."""

    topics: tuple[tuple[str, bool], ...] = ()
    items: tuple[tuple[str, str | None], ...] = ()
    camera: str = ""

    @classmethod
    def read(cls, element: Element | None, camera: str = "") -> Filter:
        """What a wsnt:Filter says. Raises Fault."""
        topics: list[tuple[str, bool]] = []
        items: list[tuple[str, str | None]] = []
        for part in () if element is None else element:
            text, dialect = (part.text or "").strip(), part.get("Dialect", "")
            if len(text) > _LONGEST:
                raise event_fault("the filter is too long", "InvalidFilterFault")
            if part.tag == qualified("wsnt:TopicExpression"):
                if dialect not in (CONCRETE_SET, CONCRETE):
                    raise event_fault("this dialect is not known", "TopicExpressionDialectUnknownFault")
                topics += [_topic(expression.strip(), part) for expression in text.split("|")]
            elif part.tag == qualified("wsnt:MessageContent"):
                match = _ITEM.fullmatch(text) if dialect == ITEM_FILTER else None
                if match is None:
                    reason = "only one SimpleItem with Name and Value is understood"
                    raise event_fault(reason, "InvalidMessageContentExpressionFault")
                items.append((match[2], match[4]))
            else:
                raise event_fault("this filter is not known", "InvalidFilterFault")
            if len(topics) + len(items) > _MOST:
                raise event_fault(f"a filter has at most {_MOST} topics and items", "InvalidFilterFault")
        return cls(tuple(topics), tuple(items), camera)

    def matches(self, about: Property, value: str) -> bool:
        if about.camera and self.camera not in ("", about.camera):
            return False
        path = about.topic.path
        if self.topics and not any(
            path == wanted or (below and path.startswith(wanted + "/")) for wanted, below in self.topics
        ):
            return False
        if not self.items:
            return True
        found = {name: item for (name, _), item in zip(about.topic.source, about.source, strict=True)}
        found[about.topic.data[0]] = value
        return all(name in found and wanted in (None, found[name]) for name, wanted in self.items)


def _topic(expression: str, element: Element) -> tuple[str, bool]:
    match = _EXPRESSION.fullmatch(expression)
    namespace = element.nsmap.get(match[1]) if match else None
    if (
        match is None
        or namespace not in (NAMESPACES["tns1"], None)
        or (namespace is None and match[1] != "tns1")
    ):
        raise event_fault("this is no expression of topics", "InvalidTopicExpressionFault")
    return match[2], match[3] is not None


def event_fault(reason: str, name: str, namespace: str = "wsnt", more: Xml | None = None) -> Fault:
    """A fault of WS-BaseNotification, with the detail that its documents want."""
    known = {"xmlns:wsrf": NAMESPACES["wsrf"], "xmlns:wsrf-rw": "http://docs.oasis-open.org/wsrf/rw-2"}
    detail = tag(f"{namespace}:{name}", known, tag("wsrf:Timestamp", utc(time.time())), more)
    return Fault(reason, "ter:InvalidArgVal", detail=detail)
