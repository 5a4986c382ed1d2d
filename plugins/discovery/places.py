"""Places: where this machine is on its networks, one for each interface and kind of address."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface

from .names import GROUP4, GROUP6

Address = IPv4Interface | IPv6Interface
#: Of all interfaces.
MOST = 32


@dataclass(frozen=True, slots=True)
class Place:
    """One interface and its addresses of one family, at least one. index: the kernel's number of the
    interface; version: 4 or 6. With IPv6 the first address is the link-local one."""

    name: str
    index: int
    version: int
    addresses: tuple[Address, ...]

    @property
    def group(self) -> str:
        return GROUP4 if self.version == 4 else GROUP6

    @property
    def own(self) -> str:
        """The address that speaks to everybody."""
        return str(self.addresses[0].ip)

    def facing(self, source: str) -> str:
        """The address here that shares a network with this one; "" if none does: it is not on this link."""
        try:
            address = ip_address(source.partition("%")[0])
        except ValueError:
            return ""
        return next((str(own.ip) for own in self.addresses if address in own.network), "")


def places() -> tuple[Place, ...]:
    """Those that are up and carry multicast, without loopback. Blocks for a millisecond."""
    import psutil

    found: list[Place] = []
    indices = {name: index for index, name in socket.if_nameindex()}
    states = psutil.net_if_stats()
    for name, addresses in sorted(psutil.net_if_addrs().items()):
        flags = states[name].flags.split(",") if name in states else []
        if name not in indices or "up" not in flags or "multicast" not in flags or "loopback" in flags:
            continue
        for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            own = [_interface(one.address, one.netmask) for one in addresses if one.family == family]
            kept = tuple(sorted(own, key=lambda one: not one.is_link_local)) if version == 6 else tuple(own)
            if kept and (version == 4 or kept[0].is_link_local):  # without one there is no multicast
                found.append(Place(name, indices[name], version, kept))
    return tuple(found[:MOST])


def _interface(address: str, netmask: str | None) -> Address:
    address = address.partition("%")[0]
    if ":" not in address:
        return ip_interface(f"{address}/{netmask or 32}")
    bits = int(ip_address(netmask.partition("/")[0])).bit_count() if netmask else 128
    return ip_interface(f"{address}/{bits}")


def usable(found: Sequence[Place], version: int, name: str) -> Iterator[str]:
    """The addresses of one interface and one family, for clients: link-local ones of IPv6 last, for they mean
    nothing further away."""
    meant = [place for place in found if (place.name, place.version) == (name, version)]
    own = [one for place in meant for one in place.addresses]
    return (str(one.ip) for one in sorted(own, key=lambda one: version == 6 and one.is_link_local))
