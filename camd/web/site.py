"""The web site: connections and their limits, the clock that watches them, the access log."""

from __future__ import annotations

import itertools
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable

from constantly import NamedConstant
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.web import server
from twisted.web.http import datetimeToString
from twisted.web.resource import IResource

from ..auth.lockout import network_of
from ..log import levels
from .channel import Channel
from .origin import Origins
from .proxy import Proxies, address_of, is_local
from .request import Request
from .tunnel import Connect

_access = Logger("camd.web.access")

#: Beyond the limit so many connections are told "Server busy"; further ones are closed at once.
_SPARE = 50
#: Of all connections one network may have one in so many.
_SHARE = 4


def _not_observed(request: Request, route: str, seconds: float, code: int) -> None:
    """Nobody counts."""


class Site(server.Site):
    """Serves one tree of resources on any number of listeners, HTTP and HTTPS. Reactor thread only.

    resource: the root of the tree; a resource that takes larger or slower bodies than others says
    so with attributes `body_limit` (bytes) and `body_timeout` (seconds).
    max_connections: the next gets 503; connections that became WebSockets no longer count. Of a quarter of
    them from one IPv4 address or IPv6 /64 the next is closed at once, but for this machine and for proxies.
    request_timeout: seconds for a whole request to arrive, headers and body together;
    idle_timeout: seconds that a connection may wait for its first or next request.
    host_names: if given, other names in the Host header get 421 (DNS rebinding); IP addresses pass.
    proxies: whose word on clients counts; challenges: the values of WWW-Authenticate in a 401.
    tunnels: makes the RTSP connections of those who speak that over HTTP.
    origins: sites beside our own whose pages may change things ("https://ha.lan"), None for any.
    finished: called as finished(request, route, seconds, code) after each request, also one that its
    client left (code 499 if nothing had been sent), but not after streams. refusals: status -> how many were refused
    before they became requests.
    """

    protocol = Channel
    noisy = False
    tick = 1.0  #: seconds between two looks at who is late

    def __init__(
        self,
        resource: IResource,
        reactor: IReactorTime,
        *,
        max_connections: int = 1000,
        body_limit: int = 64 * 1024,
        request_timeout: float = 30.0,
        idle_timeout: float = 60.0,
        host_names: Iterable[str] | None = None,
        origins: Iterable[str] | None = (),
        access_level: NamedConstant = LogLevel.debug,
        finished: Callable[[Request, str, float, int], None] = _not_observed,
    ):
        super().__init__(resource, requestFactory=Request, timeout=None, reactor=reactor)
        self.max_connections = max_connections
        self.body_limit = body_limit
        self.request_timeout = request_timeout
        self.idle_timeout = idle_timeout
        self.host_names: frozenset[bytes] | None = None
        if host_names is not None:
            self.allow_hosts(host_names)
        self.origins = None if origins is None else Origins(origins)
        self.proxies = Proxies()
        self.tunnels: Connect | None = None
        self.challenges: Callable[[Request], list[bytes]] = lambda request: []
        self.access_level = access_level
        self.finished = finished
        self.refusals: Counter[int] = Counter()
        self.channels: set[Channel] = set()
        self._by_network: dict[str, int] = {}  # of those channels that have a share
        self._watch: IDelayedCall | None = None
        self._emptied: Deferred[None] | None = None  # set by close()
        self._date_second = 0
        self._date = b""
        self._ids = itertools.count(1)
        self._boot = secrets.token_hex(3)

    # -- connections

    def buildProtocol(self, addr: IAddress) -> Channel | None:
        number = len(self.channels)
        if self._emptied is not None:
            return None
        if number >= self.max_connections + _SPARE:
            self.refusals[503] += 1
            return None
        network = self._sharer(address_of(addr))
        if network is not None:
            held = self._by_network.get(network, 0)
            if held >= max(1, self.max_connections // _SHARE):
                self.refusals[503] += 1
                return None
            self._by_network[network] = held + 1
        channel = Channel(self)
        channel.network = network
        channel.busy = number >= self.max_connections
        self.channels.add(channel)
        if self._watch is None:
            self._watch = self.reactor.callLater(self.tick, self._look)
        return channel

    def _sharer(self, address: str) -> str | None:
        """The network that a connection counts for; None where many clients come from one address."""
        return None if is_local(address) or self.proxies.trusts(address) else network_of(address)

    def allow_hosts(self, names: Iterable[str]) -> None:
        """From now on other names in the Host header get 421."""
        self.host_names = frozenset(map(_name, names))

    def _look(self) -> None:
        """While there are connections: who is late?"""
        self._watch = self.reactor.callLater(self.tick, self._look)
        now = self.reactor.seconds()
        for channel in tuple(self.channels):
            if channel.transport is None:  # taken over by a WebSocket
                self.forget(channel)
            elif channel.due <= now:
                channel.overdue()

    def forget(self, channel: Channel) -> None:
        """The connection is no longer ours: closed, or a WebSocket now."""
        if channel in self.channels:
            self.channels.remove(channel)
            if channel.network is not None:
                self._give_back(channel.network)
        if self.channels:
            return
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._emptied is not None and not self._emptied.called:
            self._emptied.callback(None)

    def _give_back(self, network: str) -> None:
        held = self._by_network.pop(network) - 1
        if held:
            self._by_network[network] = held

    def close(self, patience: float = 0.5) -> Deferred[None]:
        """Close every connection, after `patience` seconds by force, and take no new ones. Fires when
        all are gone."""
        self._emptied = Deferred()
        for channel in tuple(self.channels):
            if channel.transport is None:
                self.forget(channel)
            else:
                channel.loseConnection()
        if not self.channels:
            return succeed(None)
        late = self.reactor.callLater(patience, self._abort)
        return self._emptied.addCallback(lambda _: late.cancel() if late.active() else None)

    def _abort(self) -> None:
        for channel in tuple(self.channels):
            if channel.transport is None:  # a WebSocket since
                self.forget(channel)
            else:
                channel.transport.abortConnection()

    def startFactory(self) -> None:
        """Without Twisted's own access log and its clock."""

    def stopFactory(self) -> None:
        """The connections stay, and the watch over them too: see `close`."""

    def acceptableProtocols(self) -> list[bytes]:
        return [b"http/1.1"]

    # -- what is counted and logged

    @property
    def date(self) -> bytes:
        """The Date header's value, made once a second."""
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            self._date = datetimeToString(second)
        return self._date

    def next_request_id(self) -> str:
        return f"{self._boot}-{next(self._ids):x}"

    def refused(self, status: int, peer: IAddress) -> None:
        """A request was refused before any resource saw it."""
        self.refusals[status] += 1
        if levels.enabled(_access.namespace, self.access_level):
            _access.emit(self.access_level, "refused {peer}: {code}", code=status, peer=address_of(peer))

    def log(self, request: Request) -> None:
        """A request has ended; tell who counts, and the access log."""
        code = request.code
        if not request.finished and not request.startedWriting:
            code = 499  # the client left before we had an answer
        seconds = time.perf_counter() - request.started
        if not request.endless:
            self.finished(request, request.route, seconds, code)
        if levels.enabled(_access.namespace, self.access_level):
            _access.emit(
                self.access_level,
                "{method} {path} {code} {bytes} bytes {seconds:.4f} s {peer}",
                method=request.method.decode("ascii", "backslashreplace"),
                path=request.path.decode("ascii", "backslashreplace"),
                code=code,
                bytes=request.sentLength,
                seconds=seconds,
                peer=request.address,
            )


def _name(host: str) -> bytes:
    return host.lower().encode("ascii" if host.isascii() else "idna")
