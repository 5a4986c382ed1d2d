"""RtspServer: the connections of all RTSP clients, what they share, and the clock that watches them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from ..auth.lockout import network_of
from .catalogue import Catalogue
from .connection import RtspConnection
from .identify import Identify, Limits
from .udp import UdpPairs, host_of

if TYPE_CHECKING:
    from ..auth.users import Users
    from ..media.cameras import Cameras

#: Connections at the same time, and how many of them one network may have (one in so many).
MOST, SHARE = 250, 4
#: Between two sender reports, and two looks at who is late (seconds).
INTERVAL = 5.0
#: The second half of a tunnel has to follow within so long (seconds).
PAIRING = 10.0
#: A stopping daemon waits so long for what is on its way (seconds).
PATIENCE = 0.5


class RtspServer(Factory):
    """Serves the cameras on any number of listeners, RTSP and RTSPS, and through tunnels. Reactor thread only.

    presence: what stays open on the strength of an identity; limits: how often one may ask; audit: of what
    was refused; note(grabbed): of each picture that leaves. refused: connections turned away; malformed: that
    sent no RTSP.
    """

    noisy = False
    log = Logger()

    def __init__(self, cameras: Cameras, users: Users, reactor: Any, presence: Any, limits: Limits,
                 audit: Callable[..., None], note: Callable[[float], None] = lambda grabbed: None):
        self.cameras = cameras
        self.reactor = reactor
        self.presence = presence
        self.audit = audit
        self.identify = Identify(users, limits)
        self.catalogue = Catalogue(reactor, note)
        self.udp = UdpPairs(reactor)
        self.refused = 0
        self.malformed = 0
        self.connections: dict[RtspConnection, None] = {}
        self._users = users
        self._by_network: Counter[str] = Counter()
        self._tunnels: dict[tuple[str, str], RtspConnection] = {}
        self._watch: IDelayedCall | None = None
        self._is_open = True

    def doStart(self) -> None:
        """A port was opened."""
        super().doStart()
        self._is_open = True

    @property
    def needs_setup(self) -> bool:
        """Whether nobody has set camd up yet."""
        return self._users.needs_setup

    @property
    def main_camera(self) -> str:
        main = self.cameras.main
        return main.id if main is not None else ""

    def sessions(self) -> Mapping[str, int]:
        """Sessions that play, by transport."""
        counts = Counter({"tcp": 0, "udp": 0})
        for connection in self.connections:
            counts.update(one.kind for one in connection.conversation.sessions.values() if one.is_playing)
        return counts

    # -- connections

    def buildProtocol(self, addr: IAddress) -> RtspConnection | None:
        return self.connection(host_of(getattr(addr, "host", "")) or "local")

    def connection(self, address: str) -> RtspConnection | None:
        """A connection of a client at this address; None if there are too many."""
        network = None if _is_local(address) else network_of(address)
        if not self._is_open or len(self.connections) >= MOST:
            self.refused += 1
            return None
        if network is not None and self._by_network[network] >= MOST // SHARE:
            self.refused += 1
            return None
        if network is not None:
            self._by_network[network] += 1
        made = RtspConnection(self, address, network)
        self.connections[made] = None
        if self._watch is None:
            self._watch = self.reactor.callLater(INTERVAL, self._look)
        return made

    def lost(self, connection: RtspConnection) -> None:
        """A connection is closed."""
        if self.connections.pop(connection, self) is self:
            return
        if connection.network is not None:
            self._by_network[connection.network] -= 1
            self._by_network += Counter()  # forgets those of which nothing is left
        if connection.cookie:
            self._tunnels = {key: one for key, one in self._tunnels.items() if one is not connection}
        if not self.connections and self._watch is not None:
            self._watch.cancel()
            self._watch = None
            self.udp.close_unused()

    async def stop(self) -> None:
        """Say goodbye to everybody."""
        self._is_open = False
        self.catalogue.stop()
        for connection in tuple(self.connections):
            connection.close()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self.reactor.callLater(PATIENCE, self._abort)
        self.udp.close_unused()

    def _abort(self) -> None:
        for connection in tuple(self.connections):
            connection.abort()

    def _look(self) -> None:
        """Send reports to who plays, and end who is silent."""
        self._watch = self.reactor.callLater(INTERVAL, self._look)
        now = self.reactor.seconds()
        for line in self.catalogue.lines:
            line.send_reports()
        for connection in tuple(self.connections):
            if not connection.brings and connection.conversation.is_idle(now):
                connection.close()
        self.udp.close_unused()

    # -- tunnels

    def open_tunnel(self, cookie: str, address: str, connection: RtspConnection) -> bool:
        """A GET has come; False if there is one with this cookie already."""
        if (cookie, address) in self._tunnels:
            return False
        self._tunnels[cookie, address] = connection
        self.wait_for_post(connection)
        return True

    def tunnel(self, cookie: str, address: str) -> RtspConnection | None:
        """The connection that a POST belongs to."""
        return self._tunnels.get((cookie, address))

    def wait_for_post(self, connection: RtspConnection) -> None:
        """End it if its POST does not come, or not again."""
        self.reactor.callLater(PAIRING, lambda: connection.close() if connection.is_half else None)


def _is_local(address: str) -> bool:
    return address in ("local", "::1") or address.startswith("127.")
