"""The service: links at every place, as they come and go; what is announced there, and searching."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from camd.errors import Invalid
from camd.state import Value

from .allowance import READ, Allowance
from .endpoints import DEVICES, Site, endpoints, site_of
from .found import AGAIN, Search
from .link import Link
from .mdns import Mdns
from .messages import parse
from .places import Place, places
from .responder import Responder

if TYPE_CHECKING:
    from camd.app import App

FOUND, INSTANCE = "discovery/devices", "discovery/instance"
#: Seconds between looks at the machine's addresses.
LOOK = 3.0
#: How long a search waits for answers, and how long they are good for another one (seconds).
SEARCH, FRESH = 3.0, 10.0


class Discovery(Service):
    """Reactor thread only. look: finds the places, in the io pool. trouble: why it does not work at some
    place."""

    log = Logger()

    def __init__(self, app: App, look: Callable[[], tuple[Place, ...]] = places, link: Any = Link):
        self.setName("discovery")
        self.trouble = ""
        self._app = app
        self._look_for_places = look
        self._make_link = link
        self._links: dict[Place, Link] = {}
        self._dropped = Counter("camd_discovery_dropped", "Datagrams of discovery that were not answered.",
                                ["reason"], registry=None)  # fmt: skip
        self._responder = Responder(app.reactor, self._links, self._drop)
        self._reading = Allowance(READ, app.reactor.seconds)
        self._mdns = Mdns(app)
        self._looking = LoopingCall(self._look)
        self._looking.clock = app.reactor
        self._beginning: Any = None
        self._watches: list[Any] = []
        self._search: Search | None = None
        self._searched = float("-inf")
        self._waiting: list[Deferred[Value]] = []
        self._timers: list[Any] = []

    def _instance(self) -> int:
        """Grows with each start, also where nobody set the clock."""
        before = self._app.state.saved.get(INSTANCE)
        instance = max(int(time.time()), (before if type(before) is int else 0) + 1) % 2**32
        self._app.state.remember(INSTANCE, instance)
        return instance

    def startService(self) -> None:
        super().startService()
        self._app.metrics.register(self._dropped)
        self._responder.start(self._instance())
        # In the next turn, when `onvif` has told what there is.
        self._beginning = self._app.reactor.callLater(0, self._begin)
        self._watches = [
            self._app.state.observe(DEVICES, lambda _: self._announce()),
            self._app.state.observe("discovery/mdns", lambda _: self._publish_names()),
        ]

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        for watch in self._watches:
            watch.close()
        if self._beginning.active():
            self._beginning.cancel()
        if self._looking.running:
            self._looking.stop()
        self._app.metrics.unregister(self._dropped)
        self._end_search()
        self._responder.stop()
        closing = [link.close() for link in self._links.values()]
        self._links.clear()
        return DeferredList([*closing, self._mdns.stop()])

    def _begin(self) -> None:
        self._looking.start(LOOK).addErrback(self._failed)

    # -- places

    def _look(self) -> Deferred[Any] | None:
        if self._app.web.needs_setup:  # a camd that is nobody's yet is not told of
            return None
        return self._app.threads.io(self._look_for_places).addCallback(self._follow)

    def _follow(self, found: tuple[Place, ...]) -> None:
        """Close the links of places that are gone, open those of new ones."""
        if not self.running:
            return
        for place in set(self._links) - set(found):
            self._links.pop(place).close()
        opened, trouble = [], ""
        for place in found:
            if place not in self._links:
                link = self._make_link(place, self._app.reactor, self._heard)
                try:
                    link.open()
                except OSError as error:  # the address is not ready yet, or somebody has the port for himself
                    trouble = f"{place.name}: {error}"
                else:
                    opened.append(link)
        if trouble != self.trouble:
            self.trouble = trouble
            if trouble:
                self.log.warn("discovery does not work at {trouble}", trouble=trouble)
        self._links.update((link.place, link) for link in opened)
        for link in opened:
            self._responder.joined(link)
        self._announce()
        self._publish_names()

    def _announce(self) -> None:
        if self._links:
            told = self._app.state.get(DEVICES)
            self._responder.announce(endpoints(told.value if told else None), self._site())

    def _publish_names(self) -> None:
        if self._links:
            self._mdns.tell(tuple(self._links), self._site())

    def _site(self) -> Site:
        return site_of(self._app.listeners.urls, self._app.config.http)

    # -- what comes in

    def _heard(self, link: Link, data: bytes, host: str, port: int, own: str) -> None:
        if not link.place.facing(host):
            return self._drop("off_link")
        if not self._reading.take(host):
            return self._drop("too_many")
        try:
            message = parse(data)
        except Invalid:
            return self._drop("malformed")
        if message.kind in ("Probe", "Resolve"):
            return self._responder.answer(link, message, len(data), host, port, own)
        if self._search is not None and own:
            self._search.hear(message, host)
        return None

    def _drop(self, reason: str) -> None:
        self._dropped.labels(reason).inc()

    # -- searching

    def search(self) -> Deferred[Value]:
        """The devices of the network, as in the state FOUND: those of the search that is under way or was a
        moment ago, else of a new one, which takes SEARCH seconds."""
        answer: Deferred[Value] = Deferred(lambda deferred: self._waiting.remove(deferred))
        self._waiting.append(answer)
        clock = self._app.reactor
        if self._search is None:
            if not self._links or clock.seconds() - self._searched < FRESH:
                self._tell()
            else:
                self._search = Search(self._responder.addresses)
                self._ask()
                self._timers = [clock.callLater(AGAIN, self._ask), clock.callLater(SEARCH, self._end_search)]
        return answer

    def _ask(self) -> None:
        assert self._search is not None
        for link in self._links.values():
            for question in self._search.questions:
                link.tell_everybody(question)

    def _end_search(self) -> None:
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        search, self._search = self._search, None
        if search is not None:
            self._searched = self._app.reactor.seconds()
            self._app.state[FOUND].publish(search.described())
        self._tell()

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer.callback(self._app.state[FOUND].value)

    def _failed(self, failure: Any) -> None:
        self.trouble = str(failure.value)
        self.log.failure("the networks are watched no more", failure)
