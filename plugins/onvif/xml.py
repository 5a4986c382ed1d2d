"""Answers as XML text. It is written, not built: no tree, and nothing heavy in memory.

tag("tt:Bounds", x=0, y=0, width=640, height=480)
tag("tds:Scopes", tag("tt:ScopeDef", "Fixed"), tag("tt:ScopeItem", uri))
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

#: What XML 1.0 cannot hold, however it is written.
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile('[&<>"]|' + _UNSPEAKABLE.pattern)
_DURATION = re.compile(
    r"(-)?P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})D)?"
    r"(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?"
)
_SECONDS = (365 * 86400, 30 * 86400, 86400, 3600, 60, 1)


class Xml(str):
    """Text that is XML already and is not escaped again."""

    __slots__ = ()


Content = str | int | float | None
Child = Content | Mapping[str, Content] | Iterable["Child"]


def tag(name: str, *children: Child, **attributes: Content) -> Xml:
    """An element. children: Xml as it is, other values as text, None nothing, an iterable its items, a
    mapping further attributes (their names may have a prefix). An attribute None is left out."""
    content: list[str] = []
    for child in children:
        if isinstance(child, Mapping):
            attributes |= child
        else:
            _collect(child, content)
    written = "".join(
        f' {key}="{_escape(_text(value))}"' for key, value in attributes.items() if value is not None
    )
    if not content:
        return Xml(f"<{name}{written}/>")
    return Xml(f"<{name}{written}>{''.join(content)}</{name}>")


def _collect(child: Child, content: list[str]) -> None:
    if isinstance(child, Xml):
        content.append(child)
    elif isinstance(child, str | int | float):
        content.append(_escape(_text(child)))
    elif child is not None:
        for item in child:
            _collect(item, content)


def _text(value: Content) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _escape(text: str) -> str:
    if _SPECIAL.search(text) is None:
        return text
    text = _UNSPEAKABLE.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def utc(seconds: float) -> str:
    """Seconds since 1970 as xs:dateTime, in UTC and to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def parse_utc(text: str) -> float | None:
    """xs:dateTime as seconds since 1970; without a zone it is UTC. None if it is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def parse_duration(text: str) -> float | None:
    """xs:duration in seconds, a month of 30 and a year of 365 days. None if it is none."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()[1:]):
        return None
    seconds = sum(float(part or 0) * unit for part, unit in zip(match.groups()[1:], _SECONDS, strict=True))
    return -seconds if match[1] else seconds
