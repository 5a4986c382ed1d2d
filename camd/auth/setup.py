"""Setup: the first minute of a camd that has no administrator yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Setup:
    """The one-time setup code. Reactor thread only.

    code: as shown to people ("7KQ2-M4XD"), "" once an administrator exists. It lasts 30 minutes and 5 wrong
    tries; then there is a new one, and on_new_code is called with it (also for the first one, and for one
    made by `camd setup-code`).
    """

    def __init__(self) -> None:
        self.code = ""
        self.on_new_code: Callable[[str], None] = lambda code: None

    @property
    def link_path(self) -> str:
        """What a link needs after the address of the site: "setup#code=7KQ2-M4XD". After "#", so that
        no server or proxy on the way sees it."""
        return f"setup#code={self.code}"

    async def use(self, code: str, name: str, password: str, address: str) -> dict[str, Any]:
        """Create the first administrator and return its entry (see Users); the caller logs in after it.

        Raises Unauthorized (wrong code), Locked (too many from this address), Invalid (name or password
        not good enough; the code stays good), Conflict (an administrator exists, or the name is taken).
        """
        raise NotImplementedError
