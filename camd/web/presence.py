"""Presence: whatever stays open on the strength of an identity, and hears when that changes or ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from ..state.permission import Principal

if TYPE_CHECKING:
    from ..auth.users import Users

#: What a WebSocket is closed with when its identity ended, or never came (RFC 6455 7.4.2: ours to define).
SIGNED_OUT = 4401
#: Sessions and tokens end by time, too: so often we look (seconds).
INTERVAL = 10.0


class Visit:
    """One open connection. changed(principal): its rights are others now; None: its identity ended."""

    __slots__ = ("_presence", "changed", "principal")

    def __init__(self, presence: Presence, principal: Principal, changed: Callable[[Principal | None], None]):
        self.principal = principal
        self.changed = changed
        self._presence = presence

    def leave(self) -> None:
        """The connection is gone, or nobody needs to hear any more; may be called more than once."""
        self._presence.visits.pop(self, None)


class Presence:
    """The open connections and their identities. Reactor thread only."""

    log = Logger()

    def __init__(self, users: Users, reactor: Any):
        self.visits: dict[Visit, None] = {}
        self._users = users
        self._reactor = reactor
        self._look: Any = None
        self._soon: Any = None
        users.on_change.append(self.look_soon)

    def enter(self, principal: Principal, changed: Callable[[Principal | None], None]) -> Visit:
        """Hear of changes from now on."""
        visit = Visit(self, principal, changed)
        self.visits[visit] = None
        if self._look is None:
            self._look = self._reactor.callLater(INTERVAL, self._again)
        return visit

    def look_soon(self) -> None:
        """Something changed: look at everybody in the next turn, once for all changes of this one."""
        if self._soon is None and self.visits:
            self._soon = self._reactor.callLater(0, self.look)

    def look(self) -> None:
        """Ask about every identity again, and tell those for whom something is different."""
        self._soon = None
        now: dict[Principal, Principal | None] = {}
        for visit in tuple(self.visits):
            was = visit.principal
            if was not in now:
                now[was] = self._users.guest if was.how == "guest" else self._users.still_valid(was)
            current = now[was]
            if current == was or visit not in self.visits:
                continue
            try:
                if current is None:
                    visit.leave()
                else:
                    visit.principal = current
                visit.changed(current)
            except Exception:
                self.log.failure("{user} was not told", user=was.name)

    def stop(self) -> None:
        """No more looks."""
        for call in (self._look, self._soon):
            if call is not None and call.active():
                call.cancel()
        self._look = self._soon = None

    def _again(self) -> None:
        self._look = self._reactor.callLater(INTERVAL, self._again) if self.visits else None
        self.look()
