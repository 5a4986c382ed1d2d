"""A search by a process of its own, for the command line; the daemon searches with the links that it has."""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import ExitStack

from camd.errors import CamdError, Invalid
from camd.hookspecs import Found

from .found import AGAIN, Search
from .messages import LONGEST, parse
from .names import PORT
from .places import Place, places
from .sockets import endpoint, own_socket

Mouths = list[tuple[Place, socket.socket]]


def look(seconds: float) -> list[Found]:
    """Ask everybody, and tell who answers within that time. Blocks. Raises CamdError if there is no
    network."""
    search = Search()
    with ExitStack() as stack:
        mouths = _mouths(stack)
        if not mouths:
            raise CamdError("there is no network to search: no interface is up that carries multicast")
        selector = stack.enter_context(selectors.DefaultSelector())
        for _, mouth in mouths:
            selector.register(mouth, selectors.EVENT_READ)
        begin = time.monotonic()
        for until in (min(AGAIN, seconds), seconds):
            _ask(mouths, search)
            while (left := begin + until - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    _hear(key.fileobj, search)
    return list(search)


def _mouths(stack: ExitStack) -> Mouths:
    found: Mouths = []
    for place in places():
        try:
            found.append((place, stack.enter_context(own_socket(place, place.own, 0))))
        except OSError:  # an address that is not ready yet
            continue
    return found


def _ask(mouths: Mouths, search: Search) -> None:
    for place, mouth in mouths:
        for question in search.questions:
            try:
                mouth.sendto(question, endpoint(place, place.group, PORT))
            except OSError:  # an interface that went down a moment ago
                break


def _hear(mouth: object, search: Search) -> None:
    assert isinstance(mouth, socket.socket)
    try:
        data, source = mouth.recvfrom(LONGEST + 1)
        search.hear(parse(data), source[0].partition("%")[0])
    except (OSError, Invalid):  # strangers say all sorts of things
        return
