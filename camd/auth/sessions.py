"""Sessions: logins of browsers, which end after some time without activity, and after a longer one anyway."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .records import Session, hash_of

IDLE = 30 * 60.0  #: seconds
LONGEST = 12 * 3600.0


@dataclass(slots=True)
class _Live:
    """began and used: monotonic, for the wall clock of a small board jumps when it learns the time."""

    session: Session
    began: float
    used: float
    written: float


def new_session(user_id: int, now: int) -> tuple[str, Session]:
    """The secret for the cookie, and the session. now: Unix milliseconds."""
    secret = secrets.token_urlsafe(32)
    return secret, Session(secrets.token_hex(8), user_id, hash_of(secret), now, now)


class Sessions:
    """The sessions in memory; the database has them too, so a restart logs nobody out. Reactor thread only.

    now: monotonic seconds; wall: UTC seconds; idle, longest: seconds until they end. `expire` and `unwritten` are for whoever keeps the database.
    """

    def __init__(self, now: Callable[[], float], wall: Callable[[], float], idle: float = IDLE,
                 longest: float = LONGEST):
        self._idle = idle
        self._longest = longest
        self._now = now
        self._wall = wall
        self._by_hash: dict[bytes, _Live] = {}
        self._by_id: dict[str, _Live] = {}
        self._ended: set[str] = set()
        self._unsaved: set[str] = set()

    def __len__(self) -> int:
        return len(self._by_id)

    def take(self, found: Iterable[Session]) -> bool:
        """Make these the sessions; True if one of those before is not among them."""
        rows = {session.id: session for session in found}
        gone = [id for id in self._by_id if id not in rows and id not in self._unsaved]
        for id in gone:
            self._drop(id)
        self._ended &= set(rows)  # the others are out of the database, and cannot come back
        for id, session in rows.items():
            if id not in self._by_id and id not in self._ended:
                self._put(session)
        return bool(gone)

    def keep(self, session: Session) -> None:
        """Take one that could not be written: a full disk must not keep its owner out."""
        self._unsaved.add(session.id)
        self._put(session)

    def _put(self, session: Session) -> None:
        now, wall = self._now(), self._wall()
        used = now - max(wall - session.used / 1000, 0.0)
        live = _Live(session, now - max(wall - session.created / 1000, 0.0), used, used)
        self._by_hash[session.hash] = self._by_id[session.id] = live

    def _drop(self, id: str) -> Session | None:
        live = self._by_id.pop(id, None)
        if live is None:
            return None
        del self._by_hash[live.session.hash]
        self._unsaved.discard(id)
        return live.session

    def find(self, secret: str) -> Session | None:
        """The session of a cookie, which counts as activity."""
        live = self._by_hash.get(hash_of(secret))
        if live is None or self._is_over(live):
            return None
        live.used = self._now()
        return live.session

    def get(self, id: str, touch: bool = False) -> Session | None:
        live = self._by_id.get(id)
        if live is None or self._is_over(live):
            return None
        if touch:
            live.used = self._now()
        return live.session

    def _is_over(self, live: _Live) -> bool:
        now = self._now()
        return now - live.used >= self._idle or now - live.began >= self._longest

    def end(self, id: str) -> Session | None:
        """End one now; the database is told by the caller."""
        ended = self._drop(id)
        if ended is not None:
            self._ended.add(id)
        return ended

    def end_unsaved(self, user_id: int) -> None:
        """End a user's sessions that the database never had, and so does not end by itself."""
        for id in [id for id in self._unsaved if self._by_id[id].session.user_id == user_id]:
            self.end(id)

    def expire(self) -> list[str]:
        """End those whose time is over, and return their ids."""
        over = [id for id, live in self._by_id.items() if self._is_over(live)]
        for id in over:
            self.end(id)
        return over

    def unwritten(self) -> list[tuple[str, int]]:
        """(id, Unix milliseconds of the last activity) of those used since this was asked last."""
        now, wall = self._now(), self._wall()
        found = []
        for id, live in self._by_id.items():
            if live.used > live.written:
                live.written = live.used
                found.append((id, int((wall - (now - live.used)) * 1000)))
        return found
