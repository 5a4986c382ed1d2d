"""mDNS and DNS-SD (RFC 6762, 6763): the page and the streams under a name, for browsers of services.

By zeroconf, which has a thread of its own. It is imported when there is something to tell, and made anew when
the addresses or ports change, for it does not follow them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from .endpoints import Site
from .places import Place

if TYPE_CHECKING:
    from camd.app import App

#: DNS labels have at most 63 bytes.
_LABEL = 63


@dataclass(frozen=True, slots=True)
class Names:
    """What is told. ports: by the scheme; host: our own name, without ".local"."""

    instance: str
    host: str
    addresses: tuple[str, ...]
    ports: tuple[tuple[str, int], ...]


class Mdns:
    """Reactor thread only; what blocks is done in the io pool, one job at a time."""

    log = Logger()

    def __init__(self, app: App):
        self._app = app
        self._told: Names | None = None
        self._zeroconf: Any = None
        self._busy: Deferred[Any] = succeed(None)
        self._stopped = False

    def tell(self, places: Sequence[Place], site: Site) -> None:
        """Tell of camd at those of these places where the site is; nowhere if it is switched off."""
        addresses = tuple(
            str(address.ip) for place in places if place.version == 4 or site.version6
            for address in place.addresses if site.host in ("", str(address.ip))
        )  # fmt: skip
        wanted = self._names(addresses) if addresses and self._app.state["discovery/mdns"].value else None
        if wanted != self._told and not self._stopped:
            self._told = wanted
            self._do(wanted)

    def stop(self) -> Deferred[Any]:
        self._stopped = True
        self._do(None)
        return self._busy

    def _do(self, wanted: Names | None) -> None:
        self._busy.addCallback(lambda _: self._replace(wanted))

    def _replace(self, wanted: Names | None) -> Deferred[Any] | None:
        if wanted is None and self._zeroconf is None:
            return None
        if self._stopped:
            wanted = None
        before, self._zeroconf = self._zeroconf, None
        done = self._app.threads.io(exchange, before, wanted)
        return done.addCallbacks(self._exchanged, self._failed)

    def _exchanged(self, zeroconf: Any) -> None:
        self._zeroconf = zeroconf

    def _failed(self, failure: Any) -> None:
        self.log.warn("mDNS does not work: {error}", error=failure.value)

    def _names(self, addresses: tuple[str, ...]) -> Names:
        urls = [urlsplit(url) for url in self._app.listeners.urls]
        ports = {url.scheme: url.port for url in urls if url.port}
        name = str(self._app.state["system/name"].value)
        device = self._app.state.get("onvif/uuid")
        end = str(device.value)[-12:] if device and device.value else name
        return Names(
            f"camd {name}".encode()[:_LABEL].decode("utf-8", "ignore"), f"camd-{end}"[:_LABEL],
            addresses, tuple(sorted(ports.items())),
        )  # fmt: skip


def exchange(before: Any, wanted: Names | None) -> Any:
    """Take back what was told, and tell something else; returns what can take it back. Blocks half a second;
    what is told for the first time is made sure to be nobody else's, which goes on in zeroconf's own
    thread."""
    if before is not None:
        before.close()
    if wanted is None:
        return None
    import asyncio

    from zeroconf import IPVersion, ServiceInfo, Zeroconf

    zeroconf = Zeroconf(interfaces=list(wanted.addresses), ip_version=IPVersion.All)
    for scheme, port in wanted.ports:
        service = f"_{scheme}._tcp.local."
        info = ServiceInfo(
            service, f"{wanted.instance}.{service}", port=port, properties={"path": "/"},
            server=f"{wanted.host}.local.", parsed_addresses=list(wanted.addresses),
        )  # fmt: skip
        registered = zeroconf.async_register_service(info, allow_name_change=True)
        assert zeroconf.loop is not None
        asyncio.run_coroutine_threadsafe(registered, zeroconf.loop)
    return zeroconf
