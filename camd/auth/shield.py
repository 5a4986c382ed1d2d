"""Shield: work that goes on when the one who waits for it is cancelled."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred


def shield(work: Deferred[Any]) -> Deferred[Any]:
    """A Deferred with the result of `work` that can be cancelled without cancelling the work.

    A client that leaves cancels its request; what was written to the database for it must still arrive
    in the mirror.
    """
    outside: Deferred[Any] = Deferred()

    def arrived(result: Any) -> None:
        if not outside.called:
            outside.callback(result)  # a Failure makes it fail

    work.addBoth(arrived)
    return outside
