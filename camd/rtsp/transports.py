"""Transports: how the packets of one session reach its client, interleaved in its connection or over UDP."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from ..direct import DirectWriter
from ..media.stream import Subscription
from ..wire.rtcp import interleaved
from ..wire.rtp import AccessUnit
from .udp import UdpPair


class RtpTransport(Protocol):
    """kind: "tcp" or "udp". subscription: what feeds it at the moment."""

    kind: str
    subscription: Subscription | None

    def begin(self, answer: bytes, report: bytes | None, unit: AccessUnit) -> None:
        """Send the answer to PLAY, if it is not out yet, a sender report and the first access unit, in this order."""

    def write(self, unit: AccessUnit) -> None: ...

    def report(self, data: bytes) -> None:
        """Send RTCP, unless the client does not read."""

    def close(self) -> None: ...


class InterleavedTransport:
    """Packets within the RTSP connection (RFC 2326 section 10.12): one write for each access unit.

    The connection pauses the subscription while its client does not read.
    """

    __slots__ = ("_rtcp", "_rtp", "_writer", "channels", "subscription")
    kind = "tcp"

    def __init__(self, writer: DirectWriter, channels: tuple[int, int]):
        self.subscription: Subscription | None = None
        self.channels = channels
        self._rtp, self._rtcp = channels
        self._writer = writer

    def begin(self, answer: bytes, report: bytes | None, unit: AccessUnit) -> None:
        about = interleaved(report, self._rtcp) if report else b""
        self._writer.write(answer + about + unit.on(self._rtp))

    def write(self, unit: AccessUnit) -> None:
        self._writer.write(unit.interleaved if unit.channel == self._rtp else unit.on(self._rtp))

    def report(self, data: bytes) -> None:
        if self._writer.idle:
            self._writer.write(interleaved(data, self._rtcp))

    def close(self) -> None:
        self.subscription = None


class UdpTransport:
    """Packets to two ports of the client's address, which is that of its connection.

    host: the client's; ports: its RTP and RTCP; received(data) gets its RTCP; writer: of the connection.
    """

    kind = "udp"

    def __init__(self, writer: DirectWriter, pair: UdpPair, host: str, ports: tuple[int, int],
                 received: Callable[[bytes], None]):
        self.subscription: Subscription | None = None
        self._writer = writer
        self._pair = pair
        self._rtp, self._rtcp = (host, ports[0]), (host, ports[1])
        self._left: deque[tuple[bytes, int]] = deque()  # of the unit that did not go out whole
        self._is_open = True
        self._reports = received
        pair.reports[self._rtcp] = received

    def begin(self, answer: bytes, report: bytes | None, unit: AccessUnit) -> None:
        if answer:
            self._writer.write(answer)
        if report:
            self.report(report)
        self.write(unit)

    def write(self, unit: AccessUnit) -> None:
        self._left.extend(unit.batches)
        self._go_on()

    def _go_on(self) -> None:
        while self._left and self._is_open:
            data, segment = self._left.popleft()
            sent = self._pair.rtp.send(data, segment, self._rtp)
            if sent == len(data):
                continue
            self._left.appendleft((data[sent:], segment))
            if self.subscription is not None:
                self.subscription.pauseProducing()
            self._pair.rtp.wait(self._resume)
            return

    def _resume(self) -> None:
        self._go_on()
        if not self._left and self.subscription is not None:
            self.subscription.resumeProducing()

    def report(self, data: bytes) -> None:
        self._pair.rtcp.send(data, len(data), self._rtcp)

    def close(self) -> None:
        self._is_open = False
        self.subscription = None
        self._left.clear()
        if self._pair.reports.get(self._rtcp) == self._reports:
            del self._pair.reports[self._rtcp]
