"""Realm: what all WAMP sessions share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from camd.errors import Unauthorized
from camd.state import Principal

from .broker import Broker
from .pictures import Pictures
from .procedures import Procedures

if TYPE_CHECKING:
    from camd.app import App

#: API tokens begin so; anything else is a password.
TOKEN = "camd_"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client shows: an account and its password, or a token alone."""

    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class Realm:
    """The one realm there is. Reactor thread only."""

    def __init__(self, app: App):
        self.app = app
        self.broker = Broker(app.state)
        self.pictures = Pictures(app)
        self.procedures = Procedures(app, self.pictures)

    async def by_ticket(self, authid: str, ticket: str, address: str) -> Principal:
        """Who shows this ticket: an API token, or the password of the account authid. Raises Unauthorized,
        Locked or RateLimited."""
        web = self.app.web
        if ticket.startswith(TOKEN):
            try:
                return await web.sign_in(Ticket(token=ticket), address)
            except Unauthorized:
                pass  # a password may begin like this, too
        return await web.sign_in(Ticket(authid, ticket), address)

    def count_drop(self) -> None:
        """A change was replaced by a newer one before a slow client read it."""
        self.app.web.websocket.drops += 1
