"""Responder: the device side. Says Hello and Bye, and answers those who look for cameras.

It must never be of use against others. An answer goes to who asked, if that is on the same link, and one hop
far. It is at most FACTOR times as large as the question. One question has one answer of each device, and
there are so many answers in a second, for one asker and for all. Whatever is not answered is counted.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from . import messages
from .allowance import ANSWERED, Allowance
from .endpoints import Endpoint, Site
from .link import Link
from .matching import NONE, RULES, matches
from .messages import Match, Message
from .places import Place

#: Bytes of an answer for each byte of the question.
FACTOR = 5
#: Answers to everybody's questions, and Hello, come within this time (seconds): others answer, too.
DELAY = 0.5
#: Questions that are remembered.
_QUESTIONS = 512


class Responder:
    """Reactor thread only.

    clock: has seconds and callLater. drop(reason): counts what is not answered. links: those that are open,
    kept by the owner. chance: between 0 and 1.
    """

    def __init__(
        self, clock: Any, links: dict[Place, Link], drop: Callable[[str], None],
        chance: Callable[[], float] = random.random,
    ):  # fmt: skip
        self.site = Site()
        self._clock = clock
        self._links = links
        self._drop = drop
        self._chance = chance
        self._sequence = messages.Sequence(0)
        self._version = 0
        self._endpoints: tuple[Endpoint, ...] = ()
        self._allowance = Allowance(ANSWERED, clock.seconds)
        self._answered: OrderedDict[tuple[str, str, Place], None] = OrderedDict()
        self._later: set[Any] = set()

    def start(self, instance: int) -> None:
        """instance: see `messages.Sequence`."""
        self._sequence = messages.Sequence(instance)
        self._version = instance

    @property
    def addresses(self) -> set[str]:
        """Of our own devices."""
        return {endpoint.address for endpoint in self._endpoints}

    # -- telling everybody

    def announce(self, endpoints: tuple[Endpoint, ...], site: Site) -> None:
        """These are the devices from now on: Hello from those that are new or different, Bye from those that
        are gone."""
        before, moved = self._endpoints, site != self.site
        if endpoints == before and not moved:
            return
        self._version += 1
        staying = {endpoint.address for endpoint in endpoints}
        self._bye([endpoint for endpoint in before if endpoint.address not in staying])
        self._endpoints, self.site = endpoints, site
        changed = [one for one in endpoints if one not in before or (moved and one.site is None)]
        for link in self._links.values():
            self._hello(link, changed)

    def joined(self, link: Link) -> None:
        """A link was opened: there are more addresses than before."""
        self._version += 1
        self._hello(link, self._endpoints)

    def stop(self) -> None:
        """Bye from all, at once."""
        for call in self._later:
            call.cancel()
        self._later.clear()
        self._bye(self._endpoints)
        self._endpoints = ()

    def _hello(self, link: Link, endpoints: Iterable[Endpoint]) -> None:
        for endpoint in endpoints:
            self._in_a_moment(self._say_hello, link, endpoint)

    def _say_hello(self, link: Link, endpoint: Endpoint) -> None:
        match = self._match(endpoint, link.place, link.place.own) if endpoint in self._endpoints else None
        if match is not None:
            link.tell_everybody(messages.hello(match, self._sequence))

    def _bye(self, endpoints: Iterable[Endpoint]) -> None:
        for endpoint in endpoints:
            for link in self._links.values():
                link.tell_everybody(messages.bye(Match(endpoint.address), self._sequence))

    def _in_a_moment(self, function: Callable[..., None], *args: Any) -> None:
        def now() -> None:
            self._later.discard(call)
            function(*args)

        call = self._clock.callLater(self._chance() * DELAY, now)
        self._later.add(call)

    # -- answering

    def answer(self, link: Link, wanted: Message, size: int, host: str, port: int, own: str) -> None:
        """A Probe or a Resolve came from there, on the link. size: its bytes; own: the address asked, "" for
        the group."""
        facing = link.place.facing(host)
        if not self._endpoints:
            return None
        if wanted.kind == "Probe" and wanted.rule not in (*RULES, NONE):
            return self._refuse_rule(link, wanted, size, host, port, own)
        found = [one for one in self._endpoints if _is_wanted(one, wanted)]
        answers = [match for one in found if (match := self._match(one, link.place, own or facing))]
        if not answers or not self._first_time((wanted.id, host, link.place)):
            return None
        if not self._allowance.take(host, len(answers)):
            return self._drop("too_many")
        for match in answers:
            # Probes of the group are answered by many devices, a Resolve by one.
            now = bool(own) or wanted.kind == "Resolve"
            say = self._say if now else lambda *args: self._in_a_moment(self._say, *args)
            say(link, wanted, match, size * FACTOR, host, port, own or facing)
        return None

    def _say(
        self, link: Link, wanted: Message, match: Match, most: int, host: str, port: int, own: str
    ) -> None:
        write = messages.probe_matches if wanted.kind == "Probe" else messages.resolve_matches
        answer = write(match, wanted.id, self._sequence)
        if len(answer) > most:  # what is not needed to find it
            answer = write(replace(match, scopes=(), xaddrs=match.xaddrs[:1]), wanted.id, self._sequence)
        if len(answer) > most:
            return self._drop("too_large")
        return link.send(answer, host, port, own)

    def _refuse_rule(self, link: Link, wanted: Message, size: int, host: str, port: int, own: str) -> None:
        fault = messages.unknown_rule(wanted.id, [rule for rule in (*RULES, NONE) if rule])
        if own and len(fault) <= size * FACTOR and self._allowance.take(host, 1):
            link.send(fault, host, port, own)
        else:
            self._drop("unknown_rule")

    def _first_time(self, question: tuple[str, str, Place]) -> bool:
        """Questions are sent twice or more, in case one is lost."""
        if question in self._answered:
            return False
        self._answered[question] = None
        if len(self._answered) > _QUESTIONS:
            self._answered.popitem(last=False)
        return True

    def _match(self, endpoint: Endpoint, place: Place, own: str) -> Match | None:
        return endpoint.match(self.site, self._version, place, own, tuple(self._links))


def _is_wanted(endpoint: Endpoint, wanted: Message) -> bool:
    if wanted.kind == "Resolve":
        return wanted.address.lower() == endpoint.address.lower()
    return matches(endpoint.types, endpoint.scopes, wanted)
