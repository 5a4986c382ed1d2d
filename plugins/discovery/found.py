"""A search for devices: its questions, and what the answers say, put together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from camd.hookspecs import Found

from .messages import Match, Message, new_id, probe
from .names import DEVICE, TDN, TDS, TRANSMITTER

#: Devices of one search, services of one device, characters of one text.
MOST, _SERVICES, _LONGEST = 64, 8, 128
#: Seconds after which questions are repeated.
AGAIN = 0.3
_ROOT = "onvif://www.onvif.org/"


class Search:
    """The devices that answered, each once, however many answers there are of it.

    questions: for everybody, repeated once, in case one is lost. apart: addresses ("urn:uuid:...") that are
    not told, for they are our own.
    """

    def __init__(self, apart: Collection[str] = ()) -> None:
        ids = [new_id(), new_id()]
        # Some devices answer to the one, some to the other.
        self.questions = [probe((kind,), id=id) for kind, id in zip((TRANSMITTER, DEVICE), ids, strict=True)]
        self._ids = frozenset(ids)
        self._apart = apart
        self._found: dict[str, Found] = {}

    def __iter__(self) -> Iterator[Found]:
        """By name."""
        return iter(sorted(self._found.values(), key=lambda found: (found.name.lower(), found.uuid)))

    def hear(self, message: Message, source: str) -> None:
        """Something was said. source: the address that said it."""
        if message.kind == "ProbeMatches" and message.about in self._ids:
            for match in message.matches:
                if match.address not in self._apart and _is_onvif(match):
                    self._add(_found(match, source))

    def _add(self, found: Found) -> None:
        before = self._found.get(found.uuid)
        if found.uuid and found.services and (before is not None or len(self._found) < MOST):
            services = dict.fromkeys((*(before.services if before else ()), *found.services))
            # Few programs can use link-local addresses of IPv6.
            kept = tuple(sorted(services, key=_is_ipv6)[:_SERVICES])
            self._found[found.uuid] = replace(before or found, services=kept)

    def described(self) -> list[dict[str, Any]]:
        return [{**asdict(found), "services": list(found.services)} for found in self]


def _is_onvif(match: Match) -> bool:
    """Printers answer to searches for cameras, too."""
    return any(type.startswith((f"{{{TDN}}}", f"{{{TDS}}}")) for type in match.types) or any(
        scope.lower().startswith(_ROOT) for scope in match.scopes
    )


def _found(match: Match, source: str) -> Found:
    uuid = match.address.strip().lower().removeprefix("urn:").removeprefix("uuid:")
    name, hardware, location = (_scope(match.scopes, kind) for kind in ("name", "hardware", "location"))
    addresses = sorted(filter(_is_address, match.xaddrs), key=lambda url: urlsplit(url).hostname != source)
    return Found(_text(uuid), name or source, hardware, location, tuple(addresses[:_SERVICES]))


def _is_ipv6(url: str) -> bool:
    return "[" in url


def _scope(scopes: Sequence[str], kind: str) -> str:
    """What comes after "onvif://www.onvif.org/<kind>/" first."""
    root = _ROOT + kind + "/"
    ends = (scope[len(root) :] for scope in scopes if scope.lower().startswith(root))
    return next((_text(unquote(end)) for end in ends), "")


def _text(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:_LONGEST]


def _is_address(url: str) -> bool:
    """Strangers wrote it: only what a camera's service may be, by what it says."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not parts.username
    except ValueError:
        return False
    return bool(fine) and len(url) <= 256 and url.isascii() and url.isprintable()
