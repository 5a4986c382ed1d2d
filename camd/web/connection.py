"""Connection: what the count of all WebSockets knows of each."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import ITCPTransport


class Connection(Protocol):
    """A WebSocket of any endpoint.

    queue_depth: how many messages wait for it while it does not read. is_stranger: nobody knows yet who it
    is, and it may do nothing until somebody does. go_away() says goodbye because camd stops.
    """

    transport: ITCPTransport
    queue_depth: int
    is_stranger: bool

    def go_away(self) -> None: ...
