"""Endpoints: what camd is for searching recorders, and where it is reached.

The plugin `onvif` tells in the state `onvif/devices` what there is; without it there is nothing to announce.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from camd.state import Value

from .messages import Match
from .names import DEVICE, TRANSMITTER
from .places import Place, usable

#: The state: a list of {"uuid", "port", "path", "scopes", "discoverable"}, where a port of its own is plain HTTP
#: at every address, and None that of the web site.
DEVICES = "onvif/devices"
#: Of scopes: how many, and how long.
_MOST, _LONGEST = 64, 256


@dataclass(frozen=True, slots=True)
class Site:
    """A listening port. port 0: there is none. host: the only address that it listens at, "" for all;
    version6: whether at those of IPv6, too."""

    scheme: str = "http"
    port: int = 0
    host: str = ""
    version6: bool = True

    def hosts(self, place: Place, own: str, places: Sequence[Place]) -> list[str]:
        """The addresses that somebody at this place may use, the best one first. own: the one they asked, if
        they asked one. A site that has IPv4 only is told by that to those who asked over IPv6, too."""
        version = place.version if place.version == 4 or self.version6 else 4
        hosts = [host for host in usable(places, version, place.name) if self.host in ("", host)]
        if version == 4 and own in hosts:
            return [own]
        return hosts[:3]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One device. site: its own, else that of the web pages."""

    uuid: str
    path: str
    scopes: tuple[str, ...]
    site: Site | None = None
    types: ClassVar = (TRANSMITTER, DEVICE)

    @property
    def address(self) -> str:
        return f"urn:uuid:{self.uuid}"

    def match(self, web: Site, version: int, place: Place, own: str, places: Sequence[Place]) -> Match | None:
        """As it is told to somebody at this place; None if they cannot reach it. See `Site.hosts`."""
        site = self.site or web
        if not site.port:
            return None
        hosts = [f"[{host}]" if ":" in host else host for host in site.hosts(place, own, places)]
        xaddrs = tuple(f"{site.scheme}://{host}:{site.port}{self.path}" for host in hosts)
        return Match(self.address, self.types, self.scopes, xaddrs, version) if xaddrs else None


def site_of(urls: Sequence[str], description: str | None) -> Site:
    """The web site. urls: where the page is; description: the endpoint of plain HTTP, for "localhost" in the
    former stands for all addresses, of one kind or both. Recorders do not know our certificate, so HTTPS is
    for a site that has nothing else."""
    found = {url.scheme: url for url in map(urlsplit, urls) if url.port}
    for scheme in ("http", "https"):
        if scheme in found:
            url = found[scheme]
            host = url.hostname or ""
            if host != "localhost":
                return Site(scheme, url.port or 0, host, ":" in host)
            return Site(scheme, url.port or 0, "", scheme == "http" and "\\:" in (description or ""))
    return Site()


def endpoints(told: Value) -> tuple[Endpoint, ...]:
    """Those in the value of DEVICES that want to be found."""
    return tuple(_endpoints(told)) if isinstance(told, list) else ()


def _endpoints(told: list[Any]) -> Iterator[Endpoint]:
    for entry in told:
        if entry.get("uuid") and entry.get("discoverable"):
            site = Site(port=entry["port"]) if entry.get("port") else None
            yield Endpoint(entry["uuid"], entry["path"], _said(entry["scopes"]), site)


def _said(scopes: list[Any]) -> tuple[str, ...]:
    """Those that can be said: a list is written with spaces between."""
    texts = [str(scope) for scope in scopes]
    return tuple(text for text in texts if 0 < len(text) <= _LONGEST and _is_one(text))[:_MOST]


def _is_one(text: str) -> bool:
    return text.isprintable() and " " not in text
