"""In the child: which addresses and UDP ports viewers are offered."""

from __future__ import annotations

import asyncio
import ipaddress
import random
import re
from collections.abc import Iterable
from typing import Any

#: Interfaces between a machine and its own containers: no viewer is there.
_BRIDGES = re.compile(r"(docker|br-|veth|virbr|lxc|lxd|cni|podman)")
_CANDIDATE = re.compile(
    r"^a=candidate:(?P<foundation>\S+) (?P<component>\d+) (?P<transport>\S+) (?P<priority>\d+) (?P<host>\S+)"
    r" (?P<rest>\d+ typ host.*)$"
)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose UDP sockets have a port of `ports` (first, last) where any would do; None: any."""

    ports: tuple[int, int] | None = None

    async def create_datagram_endpoint(
        self, protocol_factory: Any, local_addr: Any = None, **options: Any
    ) -> Any:
        if self.ports is None or local_addr is None or local_addr[1] != 0:
            return await super().create_datagram_endpoint(protocol_factory, local_addr=local_addr, **options)
        first, last = self.ports
        count = last - first + 1
        begin = random.randrange(count)
        for number in range(count):
            address = (local_addr[0], first + (begin + number) % count)
            try:
                return await super().create_datagram_endpoint(protocol_factory, local_addr=address, **options)
            except OSError as error:
                taken = error
        raise OSError(f"no UDP port free from {first} to {last} at {local_addr[0]}: {taken}")


def host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """The addresses of this machine that a viewer may reach; the loopback's only if there is no other."""
    import ifaddr

    found = []
    for adapter in ifaddr.get_adapters():
        if _BRIDGES.match(adapter.name):
            continue
        for ip in adapter.ips:
            if ip.is_IPv4:
                wanted, address = use_ipv4, ip.ip
            else:
                wanted, address = use_ipv6 and ip.ip[2] == 0, ip.ip[0]
            if wanted and not ipaddress.ip_address(address).is_loopback:
                found.append(address)
    return found or ["127.0.0.1"]


def with_addresses(sdp: str, addresses: Iterable[str]) -> str:
    """A description that offers each host candidate at these addresses, too: those that a router in between
    has, which sends the same ports on to this machine."""
    wanted = [ipaddress.ip_address(address) for address in addresses]
    lines = []
    for line in sdp.splitlines():
        lines.append(line)
        candidate = _CANDIDATE.match(line)
        if candidate is None:
            continue
        version = ipaddress.ip_address(candidate["host"]).version
        for number, address in enumerate(wanted, 1):
            if address.version == version:
                priority = max(1, int(candidate["priority"]) - (number << 8))
                lines.append(
                    f"a=candidate:{candidate['foundation']}x{number} {candidate['component']}"
                    f" {candidate['transport']} {priority} {address} {candidate['rest']}"
                )
    return "\r\n".join(lines) + "\r\n"
