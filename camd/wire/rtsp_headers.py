"""The values of RTSP's headers (RFC 2326 section 12) and its URLs, read and written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from ..errors import Invalid

#: Of a Transport header that are looked at; a player offers two or three.
_ALTERNATIVES = 8
_PAIR = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_HEX32 = re.compile(r"[0-9A-Fa-f]{1,8}")
_SESSION = re.compile(r"[A-Za-z0-9$\-_.+]{1,64}")
_CLOCK = re.compile(r"(?:([0-9]{1,6}):([0-9]{1,2}):)?([0-9]{1,9}(?:\.[0-9]{0,9})?)")
_URL = re.compile(r"(?:(rtspu?|rtsps|https?)://([^/?#]*))?(/[^?#]*)?(?:\?([^#]*))?(?:#.*)?", re.IGNORECASE)
#: The control of a track, behind the path or behind the query: players put it at either place.
_TRACK = re.compile(r"(?<!/)/++(?:trackID|streamid|track|stream)=([0-9]{1,2})/*+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Transport:
    """One alternative of a Transport header (RFC 2326 section 12.39).

    profile: "RTP/AVP", "RTP/AVPF", or one that we do not have; tcp: interleaved in the connection. ports of
    RTP and RTCP, channels of RTP and RTCP: None if not said. `destination` is never read: whoever could
    name one would aim our packets at somebody else.
    """

    profile: str = "RTP/AVP"
    tcp: bool = False
    multicast: bool = False
    client_port: tuple[int, int] | None = None
    server_port: tuple[int, int] | None = None
    interleaved: tuple[int, int] | None = None
    source: str = ""
    ssrc: int | None = None
    mode: str = "PLAY"

    def chosen(self, **values: Any) -> Transport:
        """This alternative as the answer states it, with what the server adds."""
        return replace(self, **values)

    def __str__(self) -> str:
        parts = [self.profile + ("/TCP" if self.tcp else ""), "multicast" if self.multicast else "unicast"]
        for name in ("client_port", "server_port", "interleaved"):
            pair = getattr(self, name)
            if pair is not None:
                parts.append(f"{name}={pair[0]}-{pair[1]}")
        if self.source:
            parts.append(f"source={self.source}")
        if self.ssrc is not None:
            parts.append(f"ssrc={self.ssrc:08X}")
        parts.append(f'mode="{self.mode}"')
        return ";".join(parts)


def parse_transports(text: str) -> tuple[Transport, ...]:
    """The alternatives that can be understood, in the client's order. Pure. Raises Invalid without any."""
    found = []
    for alternative in text.split(",", _ALTERNATIVES)[:_ALTERNATIVES]:
        transport = _transport(alternative)
        if transport is not None:
            found.append(transport)
    if not found:
        raise Invalid("Transport", "no transport that can be understood")
    return tuple(found)


def _transport(text: str) -> Transport | None:
    kind, *parameters = (part.strip() for part in text.split(";"))
    profile, *lower = kind.upper().rsplit("/", 1) if kind.count("/") > 1 else (kind.upper(),)
    if not profile.startswith("RTP/") or lower not in ([], ["UDP"], ["TCP"]):
        return None
    values: dict[str, Any] = {"profile": profile, "tcp": lower == ["TCP"]}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        name, value = name.strip().lower(), value.strip().strip('"')
        if name == "multicast":
            values["multicast"] = True
        elif name in ("client_port", "server_port"):
            values[name] = _pair(value, 1, 65535)
        elif name == "interleaved":
            values[name] = _pair(value, 0, 255)
        elif name == "ssrc" and _HEX32.fullmatch(value):
            values[name] = int(value, 16)
        elif name == "mode":
            values[name] = value.upper()
        else:
            continue
        if values.get(name, True) is None:
            return None
    return Transport(**values)


def _pair(text: str, least: int, most: int) -> tuple[int, int] | None:
    match = _PAIR.fullmatch(text.replace(" ", ""))
    if match is None:
        return None
    first = int(match[1])
    second = first + 1 if match[2] is None else int(match[2])
    return (first, second) if least <= first <= most and least <= second <= most else None


@dataclass(frozen=True, slots=True)
class Url:
    """What a request is about.

    base: without user and track, the path ending with "/", for Content-Base; names: of the path, decoded;
    query: decoded, the first of each; track: its number, None for all of them.
    """

    base: str
    names: tuple[str, ...]
    query: Mapping[str, str]
    track: int | None = None

    def control(self, track: int) -> str:
        """The URL of a track for a=control: relative to `base` where players agree what that means, which they
        do not if there is a query."""
        if not self.query:
            return f"trackID={track}"
        path, _, query = self.base.partition("?")
        return f"{path}trackID={track}?{query}"


def parse_url(text: str) -> Url:
    """rtsp://user@host:port/camera/main/trackID=0?token=..., or only its path. Pure. Raises Invalid."""
    if text == "*":
        return Url("*", (), MappingProxyType({}))
    match = _URL.fullmatch(text)
    if match is None:
        raise Invalid("url", "not an RTSP URL")
    scheme, authority, path, query = match[1] or "", match[2] or "", match[3] or "", match[4]
    track = None
    if query and (found := _TRACK.search("/" + query if query[0] != "/" else query)):
        track = int(found[1])
        query = query[: max(0, len(query) - len(found[0]))]
    elif found := _TRACK.search(path):
        track = int(found[1])
        path = path[: found.start()]
    query = (query or "").rstrip("/")
    base = f"{scheme.lower()}://{authority.rpartition('@')[2]}" if scheme else ""
    base += path.rstrip("/") + "/" + (f"?{query}" if query else "")
    names = tuple(unquote(name) for name in path.split("/") if name)
    return Url(base, names, MappingProxyType(_query(query)), track)


def _query(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        if name:
            values.setdefault(unquote(name), unquote(value.replace("+", " ")))
    return values


def parse_range(text: str) -> tuple[float | None, float | None]:
    """Begin and end of Range: npt=..., seconds; None for "now", and for an open end. Pure.

    Raises Invalid for other units and what is none.
    """
    unit, equals, span = text.partition(";")[0].partition("=")
    begin, dash, end = span.strip().partition("-")
    if unit.strip().lower() != "npt" or not equals or not dash or not (begin or end):
        raise Invalid("Range", "only npt=begin-end is understood")
    return _clock(begin.strip()), _clock(end.strip())


def _clock(text: str) -> float | None:
    if text in ("", "now"):
        return None
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise Invalid("Range", "not a normal play time")
    return int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + float(match[3])


def rtp_info(streams: Iterable[tuple[str, int | None, int | None]]) -> str:
    """RTP-Info: (URL of the track, sequence number, timestamp) of the first packet that follows."""
    parts = []
    for url, sequence, timestamp in streams:
        part = f"url={url}"
        if sequence is not None:
            part += f";seq={sequence}"
        if timestamp is not None:
            part += f";rtptime={timestamp}"
        parts.append(part)
    return ",".join(parts)


def session(identifier: str, timeout: int) -> str:
    """The Session header of an answer to SETUP. timeout: seconds."""
    return f"{identifier};timeout={timeout}"


def parse_session(text: str) -> str:
    """The identifier in a Session header; some players repeat the timeout. Raises Invalid."""
    identifier = text.partition(";")[0].strip()
    if not _SESSION.fullmatch(identifier):
        raise Invalid("Session", "not an identifier of a session")
    return identifier
