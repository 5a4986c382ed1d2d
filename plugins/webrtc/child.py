"""The child process: WebRTC by aiortc, on an event loop of its own, for all viewers of all cameras.

camd starts it as `python -m camd_plugins.webrtc.child`, writes to its standard input, reads from its standard
output (see `framing`), and logs what it says on standard error. It ends when camd closes its input.

    to the child                                            from it
    do: offer, ask, session, feed, sdp, network, sound      say: ready
    do: candidates, ask, session, sdp                       say: answer, ask, sdp, sound; or ask, error, text
    do: close, session                                      say: state, session, state
    do: forget, feed                                        say: keyframe, feed
    pictures and sound                                      say: dropped, count
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import Any

import aioice.ice

from .framing import Message, Picture, Sound, Unpacker, pack_message
from .network import Loop, host_addresses
from .profiles import know_more_profiles
from .refusal import Refusal
from .viewer import Feed, Viewer

_log = logging.getLogger(__name__)
_LONGEST = 64 * 1024 * 1024
#: A viewer that does not answer so many times, five seconds apart, is gone (RFC 7675 lets it be six).
_CONSENT_FAILURES = 3
#: How long a child that ends waits for its viewers to hear of it (seconds).
_FAREWELL = 0.5
#: How often camd hears how many pictures were dropped (seconds).
_REPORT = 5.0


class Child(asyncio.Protocol):
    """What camd asks for is done here. ended is set when camd wants no more."""

    def __init__(self, loop: Loop, tell: Any):
        self.ended = asyncio.Event()
        self._loop = loop
        self._tell = tell
        self._unpacker = Unpacker(_LONGEST)
        self._feeds: dict[int, Feed] = {}
        self._viewers: dict[str, Viewer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._dropped = 0

    def data_received(self, data: bytes) -> None:
        for piece in self._unpacker.take(data):
            if isinstance(piece, Picture):
                self._feed(piece.feed).publish(piece)
            elif isinstance(piece, Sound):
                self._feed(piece.feed).hear(piece)
            else:
                self._do(piece)

    def connection_lost(self, reason: Exception | None) -> None:
        self.ended.set()

    async def report(self) -> None:
        """Tell how many pictures were dropped, as long as it runs."""
        told = 0
        while True:
            await asyncio.sleep(_REPORT)
            count = self._dropped + sum(feed.dropped for feed in self._feeds.values())
            if count != told:
                told = count
                self._tell({"say": "dropped", "count": count})

    async def stop(self) -> None:
        """Let all viewers go."""
        closing = [asyncio.ensure_future(viewer.closed()) for viewer in tuple(self._viewers.values())]
        if closing:
            await asyncio.wait(closing, timeout=_FAREWELL)

    def _feed(self, number: int) -> Feed:
        if number not in self._feeds:
            self._feeds[number] = Feed(lambda: self._tell({"say": "keyframe", "feed": number}))
        return self._feeds[number]

    def _do(self, message: Message) -> None:
        do, session = message["do"], message.get("session", "")
        if do == "offer":
            self._answer(message, self._offer(message))
        elif do == "candidates":
            self._answer(message, self._candidates(message))
        elif do == "close":
            if session in self._viewers:
                self._viewers[session].close()
        elif do == "forget":
            feed = self._feeds.pop(message["feed"], None)
            self._dropped += feed.dropped if feed is not None else 0

    def _answer(self, message: Message, doing: Any) -> None:
        task = self._loop.create_task(self._answered(message["ask"], doing))
        self._tasks.add(task)  # a loop holds its tasks weakly
        task.add_done_callback(self._tasks.discard)

    async def _answered(self, ask: int, doing: Any) -> None:
        try:
            reply = await doing
        except Refusal as refusal:
            reply = {"error": refusal.code, "text": str(refusal)}
        except Exception:
            _log.exception("not answered")
            reply = {"error": "internal", "text": "the offer could not be answered; the log says more"}
        self._tell({"say": "answer", "ask": ask, **reply})

    async def _offer(self, message: Message) -> Message:
        session, network = message["session"], message["network"]
        ports = network.get("ports")
        self._loop.ports = (ports[0], ports[1]) if ports else None

        answered = False

        def tell(state: str) -> None:
            if state == "closed":
                self._viewers.pop(session, None)
            if answered:  # else camd hears why not, and may try again
                self._tell({"say": "state", "session": session, "state": state})

        viewer = Viewer(self._feed(message["feed"]), network["ice_servers"], tell)
        self._viewers[session] = viewer
        try:
            answer = await viewer.answer(message["sdp"], network["addresses"], message["sound"])
        except BaseException:
            await viewer.closed()
            raise
        answered = True
        return {"sdp": answer, "sound": viewer.hears}

    async def _candidates(self, message: Message) -> Message:
        viewer = self._viewers.get(message["session"])
        if viewer is None:
            raise Refusal("session", "this session has ended")
        await viewer.add_candidates(message["sdp"])
        return {"sdp": ""}


async def serve(pipe_in: int, pipe_out: int) -> None:
    """Work until camd closes the pipe."""
    loop: Any = asyncio.get_running_loop()
    out, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(pipe_out, "wb", 0))
    child = Child(loop, lambda message: out.write(pack_message(message)))
    await loop.connect_read_pipe(lambda: child, os.fdopen(pipe_in, "rb", 0))
    out.write(pack_message({"say": "ready"}))
    reporting = asyncio.ensure_future(child.report())
    await child.ended.wait()
    reporting.cancel()
    await child.stop()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: camd ends us in its own time
    pipe_out = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not come between messages
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    know_more_profiles()
    aioice.ice.get_host_addresses = host_addresses
    aioice.ice.CONSENT_FAILURES = _CONSENT_FAILURES
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(serve(0, pipe_out))


if __name__ == "__main__":
    main()
    sys.stderr.flush()
    os._exit(0)  # a look-up of a name that hangs in a thread must not hold us up
