"""Tunnel: RTSP over HTTP on the web sites' ports, handed over to the RTSP server.

Its requests are none of the web's: a GET whose answer never ends, and a POST whose body does not, however
long it says it is. So they leave the channel before anything is routed, limited or waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.protocols.policies import ProtocolWrapper

from ..wire import rtsp, rtsp_tunnel

if TYPE_CHECKING:
    from .channel import Channel
    from .request import Request

#: Makes the RTSP connection of a client at this address, None if there are too many.
Connect = Callable[[str], Any]


def half_of_tunnel(request: Request) -> rtsp.Request | None:
    """The request as RTSP sees it, if it is one half of a tunnel."""
    if not request.requestHeaders.hasHeader(b"x-sessioncookie"):
        return None
    headers = {
        name.decode("latin-1").lower(): values[0].decode("latin-1")
        for name, values in request.requestHeaders.getAllRawHeaders()
    }
    half = rtsp.Request(request.method.decode("latin-1"), request.uri.decode("latin-1"), "HTTP/1.1", headers)
    return half if rtsp_tunnel.cookie(half) else None


def hand_over(channel: Channel, half: rtsp.Request, connection: Any) -> None:
    """The transport belongs to this RTSP connection from now on."""
    rest = channel.clearLineBuffer()
    channel._networkProducer.unregisterProducer()
    transport, channel.transport = channel.transport, None
    if isinstance(transport, ProtocolWrapper):  # TLS
        transport.wrappedProtocol = connection
    else:
        transport.protocol = connection
    connection.makeConnection(transport)
    transport.resumeProducing()
    connection.adopt(half, rest)
