"""The child process as camd sees it: started, spoken with, and ended."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from camd.errors import CamdError, SourceError

from .framing import Message, Picture, Sound, Unpacker, pack_message, pack_picture, pack_sound

_PROGRAM = "camd_plugins.webrtc.child"
#: Nothing that a child says is longer (bytes).
_LONGEST = 1024 * 1024
#: It has so long to start, to answer, to go on reading, and to end when it is asked to (seconds).
START, ANSWER, READ, END = 20.0, 12.0, 10.0, 1.5
#: So many lines of its log are passed on in so many seconds; more are counted.
_LINES, _LINES_IN = 20, 10.0


class Busy(SourceError):
    """Not now; perhaps in a moment."""

    code = "SERVER_BUSY"


class ChildError(CamdError):
    """The child refused. why: its code for it, see `refusal`."""

    def __init__(self, why: str, text: str):
        self.why = why
        super().__init__(text)


@implementer(IPushProducer)
class Process(ProcessProtocol):
    """One run of the child. Reactor thread only.

    on_message(message): it tells something unasked. on_flow(): it reads too slowly, or goes on: see paused.
    on_end(): it is gone. started: fires when it is ready. Pictures for it are written only while it is not
    paused; what then becomes of them is for who has them to decide.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        on_message: Callable[[Message], None],
        on_flow: Callable[[], None],
        on_end: Callable[[], None],
    ):
        self.paused = False
        self.started: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self._reactor = reactor
        self._on_message = on_message
        self._on_flow = on_flow
        self._on_end = on_end
        self._unpacker = Unpacker(_LONGEST)
        self._asks = itertools.count(1)
        self._answers: dict[int, Deferred[Message]] = {}
        self._deadline: Any = reactor.callLater(START, self._kill, f"it did not start within {START:.0f} s")
        self._lines, self._lines_since = 0, reactor.seconds()
        self._is_over = False
        self._stopping = False

    @property
    def running(self) -> bool:
        return not (self._is_over or self._stopping)

    def ask(self, message: Message) -> Deferred[Message]:
        """Send a message and wait for its answer. Fails with ChildError; Busy if the child ends or hangs."""
        number = next(self._asks)
        answer: Deferred[Message] = Deferred()
        self._answers[number] = answer
        self.tell({**message, "ask": number})
        late = self._reactor.callLater(ANSWER, self._not_answered, number)

        def done(result: Any) -> Any:
            if late.active():
                late.cancel()
            return result

        return answer.addBoth(done)

    def tell(self, message: Message) -> None:
        """Send a message; lost if the child is gone."""
        if not self._is_over:
            self.transport.write(pack_message(message))

    def send_picture(self, feed: int, time: int, keyframe: bool, data: bytes) -> None:
        if not self._is_over:
            self.transport.writeSequence(pack_picture(feed, time, keyframe, data))

    def send_sound(self, feed: int, time: int, data: bytes) -> None:
        if not self._is_over:
            self.transport.write(pack_sound(feed, time, data))

    def stop(self) -> Deferred[None]:
        """Let it say goodbye to its viewers and end; fires when it has."""
        if not self._is_over and not self._stopping:
            self._stopping = True
            self._set_deadline(END, "")
            self.transport.closeStdin()
        return self.ended

    # -- as a producer of what is written to the child

    def pauseProducing(self) -> None:
        self.paused = True
        if not self._stopping:
            self._set_deadline(READ, f"it has read nothing for {READ:.0f} s")
        self._on_flow()

    def resumeProducing(self) -> None:
        self.paused = False
        if not self._stopping:
            self._set_deadline(None, "")
        self._on_flow()

    def stopProducing(self) -> None:
        """Its end of the pipe is closed: it is ending, and processEnded tells when it has."""

    # -- what the child does

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)

    def outReceived(self, data: bytes) -> None:
        try:
            for message in self._unpacker.take(data):
                if isinstance(message, Picture | Sound):
                    raise ValueError("a picture or a sound")
                self._said(message)
        except (KeyError, TypeError, ValueError) as error:
            self._kill(f"it said what cannot be understood: {error!r}")

    def errReceived(self, data: bytes) -> None:
        now = self._reactor.seconds()
        if now - self._lines_since >= _LINES_IN:
            if self._lines > _LINES:
                self.log.warn("WebRTC process: {count} more lines", count=self._lines - _LINES)
            self._lines_since, self._lines = now, 0
        for line in data.decode("utf-8", "replace").splitlines():
            self._lines += 1
            if self._lines <= _LINES:
                self.log.warn("WebRTC process: {line}", line=line[:400])

    def processEnded(self, reason: Failure) -> None:
        self._is_over = True
        self._set_deadline(None, "")
        if not self._stopping:
            self.log.warn("the WebRTC process has ended: {reason}", reason=reason.getErrorMessage())
        lost = Busy("the WebRTC process has ended; try again")
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            answer.errback(Failure(lost))
        if not self.started.called:
            self.started.errback(Failure(lost))
        self._on_end()
        self.ended.callback(None)

    def _said(self, message: Message) -> None:
        say = message["say"]
        if say == "ready":
            self._set_deadline(None, "")
            self.started.callback(None)
        elif say == "answer":
            answer = self._answers.pop(message["ask"], None)
            if answer is None:  # too late
                return
            if "error" in message:
                answer.errback(Failure(ChildError(message["error"], str(message.get("text")))))
            else:
                answer.callback(message)
        else:
            self._on_message(message)

    def _not_answered(self, number: int) -> None:
        answer = self._answers.pop(number, None)
        if answer is not None:
            answer.errback(Failure(Busy("the WebRTC process does not answer; try again")))

    def _set_deadline(self, seconds: float | None, why: str) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None if seconds is None else self._reactor.callLater(seconds, self._kill, why)

    def _kill(self, why: str) -> None:
        if why:
            self.log.error("the WebRTC process is ended by force: {why}", why=why)
        if not self._is_over:
            self.transport.signalProcess("KILL")


def spawn(reactor: Any, protocol: Process) -> None:
    """Start the child, in the interpreter and environment of camd, without what is secret in it."""
    reactor.spawnProcess(
        protocol, sys.executable, [sys.executable, "-m", _PROGRAM], env=_environment(os.environ)
    )


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Passwords may be in CAMD_..., and what systemd wants to hear is not the child's to say."""
    paths = os.pathsep.join(path for path in sys.path if path)
    kept = {
        name: value
        for name, value in ours.items()
        if not name.startswith("CAMD_")
        and name not in ("NOTIFY_SOCKET", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY")
    }
    return {**kept, "PYTHONPATH": paths}
