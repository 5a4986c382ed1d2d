"""Realm: what all WAMP sessions share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from camd.state import Principal

from .broker import Broker
from .pictures import Pictures
from .procedures import Procedures

if TYPE_CHECKING:
    from camd.app import App

    from .session import Session

#: API tokens begin so; anything else is a password.
TOKEN = "camd_"


class Realm:
    """The one realm there is. sessions: those that joined. Reactor thread only."""

    def __init__(self, app: App):
        self.app = app
        self.sessions: dict[Session, None] = {}
        self.broker = Broker(app.state)
        self.pictures = Pictures(app)
        self.procedures = Procedures(app, self.pictures)
        app.users.on_change.append(self._rights_changed)

    async def by_ticket(self, authid: str, ticket: str, address: str) -> Principal:
        """Who shows this ticket: an API token, or the password of the account authid. Raises Unauthorized."""
        if ticket.startswith(TOKEN):
            principal = self.app.users.by_token(ticket, address, how="bearer")
            if principal is not None:
                return principal
        return await self.app.users.by_password(authid, ticket, address, how="password")

    def count_drop(self) -> None:
        """A change was replaced by a newer one before a slow client read it."""
        self.app.web.websocket.drops += 1

    def _rights_changed(self) -> None:
        for session in list(self.sessions):
            session.reconsider(self.app.users.still_valid(session.by))
