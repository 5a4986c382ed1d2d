"""Sockets for one place: one that hears the group there, and one for each address that hears and speaks.

Every socket is bound to one interface, so what arrives needs no further look at where it came from, and what
leaves has the address of that interface. One hop is as far as anything goes: discovery is for the link.
"""

from __future__ import annotations

import socket
import struct

from .names import PORT
from .places import Place

# linux/in.h and linux/in6.h: whether a socket hears groups that others have joined.
_IP_MULTICAST_ALL, _IPV6_MULTICAST_ALL = 49, 29
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def group_socket(place: Place) -> socket.socket:
    """Hears what is sent to the group at this place. Raises OSError."""
    opened = _open(place)
    try:
        if place.version == 4:
            opened.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
            membership = struct.pack("=4s4si", socket.inet_aton(place.group), bytes(4), place.index)
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        else:
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)
            membership = struct.pack("=16si", socket.inet_pton(socket.AF_INET6, place.group), place.index)
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
        opened.bind(endpoint(place, place.group, PORT))
    except OSError:
        opened.close()
        raise
    return opened


def own_socket(place: Place, address: str, port: int = PORT) -> socket.socket:
    """Hears and speaks with one address of this place; port 0: any. Raises OSError."""
    opened = _open(place)
    try:
        if place.version == 4:
            level, interface = socket.IPPROTO_IP, struct.pack("=4s4si", bytes(4), bytes(4), place.index)
            opened.setsockopt(level, socket.IP_MULTICAST_IF, interface)
            opened.setsockopt(level, socket.IP_MULTICAST_TTL, 1)
            opened.setsockopt(level, socket.IP_TTL, 1)
        else:
            level = socket.IPPROTO_IPV6
            opened.setsockopt(level, socket.IPV6_MULTICAST_IF, place.index)
            opened.setsockopt(level, socket.IPV6_MULTICAST_HOPS, 1)
            opened.setsockopt(level, socket.IPV6_UNICAST_HOPS, 1)
        opened.bind(endpoint(place, address, port))
    except OSError:
        opened.close()
        raise
    return opened


def endpoint(place: Place, host: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """As the socket module names it: an address of IPv6 needs the interface that it is reached through."""
    return (host, port) if place.version == 4 else (host.partition("%")[0], port, 0, place.index)


def _open(place: Place) -> socket.socket:
    opened = socket.socket(_FAMILIES[place.version], socket.SOCK_DGRAM)
    opened.setblocking(False)
    # Other programs of this machine speak WS-Discovery, too.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if place.version == 6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return opened
