"""Network: what this machine is on its networks, from the kernel and /etc. Read only; small files."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

#: Not the machine's own: bridges and pairs of containers and virtual machines.
_VIRTUAL = re.compile(r"lo|docker\d|br-|veth|virbr|vnet|tun|tap|wg|cni|flannel|dummy")
#: How long what was read is good (seconds).
_FRESH = 5.0


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface that is up. hardware: its address; ipv4, ipv6: each with its prefix length."""

    name: str
    hardware: str
    mtu: int
    ipv4: tuple[tuple[str, int], ...]
    ipv6: tuple[tuple[str, int], ...]


class Network:
    """Interfaces, route and names. seconds: a monotonic clock."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic):
        self._seconds = seconds
        self._read_at = float("-inf")
        self._interfaces: tuple[Interface, ...] = ()

    def interfaces(self) -> tuple[Interface, ...]:
        """Those that are up, the one with the default route last: recorders take its hardware address for
        the identity of the device."""
        now = self._seconds()
        if now - self._read_at >= _FRESH:
            self._read_at = now
            route = default_route()
            found = sorted(_interfaces(), key=lambda interface: (interface.name == route[0], interface.name))
            own = [interface for interface in found if not _VIRTUAL.match(interface.name)]
            self._interfaces = tuple(own or found)
        return self._interfaces

    def hardware_address(self) -> str:
        """Of the interface with the default route; "" without any."""
        interfaces = self.interfaces()
        return interfaces[-1].hardware if interfaces else ""

    def gateway(self) -> str:
        return default_route()[1]

    def dns(self) -> list[str]:
        return [line.split()[1] for line in _lines("/etc/resolv.conf") if line.startswith("nameserver ")]

    def search_domains(self) -> list[str]:
        return [
            domain
            for line in _lines("/etc/resolv.conf")
            if line.startswith("search ")
            for domain in line.split()[1:]
        ]

    def ntp(self) -> list[str]:
        """The servers that timesyncd or chrony are told to ask."""
        found = []
        for line in (*_lines("/etc/systemd/timesyncd.conf"), *_lines("/etc/chrony/chrony.conf")):
            match = re.fullmatch(r"(?:NTP\s*=|(?:server|pool)\s)\s*(.*)", line.strip())
            if match:
                found += [name for name in match[1].split()[: 8 if "=" in line else 1]]
        return found

    def hostname(self) -> str:
        return socket.gethostname()


def _interfaces() -> Iterable[Interface]:
    import psutil

    stats = psutil.net_if_stats()
    for name, addresses in psutil.net_if_addrs().items():
        if name not in stats or not stats[name].isup:
            continue
        hardware = next((a.address for a in addresses if a.family == psutil.AF_LINK), "")
        ipv4 = [(a.address, _prefix(a.netmask)) for a in addresses if a.family == socket.AF_INET]
        ipv6 = [
            (a.address.partition("%")[0], _prefix(a.netmask))
            for a in addresses
            if a.family == socket.AF_INET6
        ]
        yield Interface(name, hardware, stats[name].mtu or 1500, tuple(ipv4), tuple(ipv6))


def _prefix(netmask: str | None) -> int:
    """ "255.255.255.0" -> 24, "ffff:ffff:ffff:ffff::" -> 64."""
    if not netmask:
        return 0
    family = socket.AF_INET6 if ":" in netmask else socket.AF_INET
    try:
        return int.from_bytes(socket.inet_pton(family, netmask.partition("/")[0])).bit_count()
    except OSError:
        return 0


def default_route() -> tuple[str, str]:
    """Interface and IPv4 address of the default gateway; ("", "") without one."""
    for line in _lines("/proc/net/route")[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[1] == "00000000" and int(fields[3], 16) & 2:
            return fields[0], socket.inet_ntoa(struct.pack("<L", int(fields[2], 16)))
    return "", ""


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8", "replace").splitlines()[:200]
    except OSError:
        return []
