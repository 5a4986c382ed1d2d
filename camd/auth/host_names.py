"""The names and addresses under which this host is reached."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import socket
import struct

_IFA_F_TEMPORARY, _IFA_F_DEPRECATED, _IFA_F_TENTATIVE = 0x01, 0x20, 0x40  # linux/if_addr.h
_PASSING = _IFA_F_TEMPORARY | _IFA_F_DEPRECATED | _IFA_F_TENTATIVE
_SIOCGIFADDR = 0x8915  # netdevice(7)


def own_names() -> list[str]:
    """The names that this host answers to without being told: its own, the same in mDNS, localhost."""
    host = host_name()
    return [host, f"{host}.local", "localhost"]


def host_name() -> str:
    """The host's own name without its domain; "camd" when it has none that a certificate could hold."""
    name = socket.gethostname().partition(".")[0].lower()
    return name if name.isascii() and 0 < len(name) < 64 and name.isprintable() and " " not in name else "camd"


def own_addresses() -> list[str]:
    """The lasting addresses of this host, loopback first. Read from the kernel: asking the resolver could
    take seconds. Temporary IPv6 addresses (RFC 8981) are left out, for they change every day."""
    found = ["127.0.0.1", "::1"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
        for _, interface in socket.if_nameindex():
            request = struct.pack("256s", interface.encode()[:15])
            with contextlib.suppress(OSError):  # an interface without IPv4
                answer = fcntl.ioctl(query, _SIOCGIFADDR, request)
                found.append(socket.inet_ntoa(answer[20:24]))
    with contextlib.suppress(OSError), open("/proc/net/if_inet6", encoding="ascii") as table:
        found += _lasting(table.read())
    return list(dict.fromkeys(found))


def _lasting(table: str) -> list[str]:
    """The addresses in if_inet6 (proc(5)): address, interface, length of the prefix, scope and flags, in hex."""
    found = []
    for line in table.splitlines():
        number, _, _, _, flags, _ = line.split()
        address = ipaddress.IPv6Address(int(number, 16))
        if not address.is_link_local and not int(flags, 16) & _PASSING:
            found.append(str(address))
    return found
