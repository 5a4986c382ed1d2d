"""Incoming: a file on its way from a socket to the disk, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...errors import StorageFull, TooLarge
from ...files import Demands, Files, Name, Part
from ..request import Request

#: Bytes that wait for the disk before the client has to.
ENOUGH = 1 << 18


class Incoming:
    """What comes is written by a thread, piece after piece; the client is held up while too much waits. Reactor
    thread only.

    It begins at once: with the checks, and the client held up until they are done. length: bytes that will come
    at least. What goes wrong is the answer to the request, unless its body is whole: then it is what `finish`
    fails with. However it ends, either the file has its name, or nothing is left of it.
    """

    log = Logger()

    def __init__(self, request: Request, files: Files, folder: Name, target: Name, demands: Demands, length: int):
        files.claim(0, length)
        self.size = 0
        self._request = request
        self._channel = request.channel
        self._files = files
        self._claimed = length
        self._part: Part | None = None
        self._waiting: list[bytes] = []
        self._amount = 0
        self._is_busy = True
        self._is_over = False
        self._failure: Failure | None = None
        self._finishing: Callable[[], None] | None = None
        self._channel.hold()
        begun = Deferred.fromCoroutine(files.begin(folder, length, target, demands))
        begun.addCallbacks(self._begun, self._failed)

    def write(self, data: bytes) -> None:
        """The next bytes."""
        if self._is_over:
            return
        self.size += len(data)
        try:
            self._claim(max(self._claimed, self.size))
        except (TooLarge, StorageFull):
            self._failed(Failure())
            return
        self._waiting.append(data)
        self._amount += len(data)
        if self._amount > ENOUGH:
            self._channel.hold()
        self._write()

    def finish(self, target: Name, demands: Demands) -> Deferred[bool]:
        """That was all: give it its name. Fires with whether another file was replaced."""
        done: Deferred[bool] = Deferred()

        def finish() -> None:
            if self._failure is not None:
                done.errback(self._failure)
                return
            self._is_busy = self._is_over = True
            finished = Deferred.fromCoroutine(self._files.finish(self._part, target, demands))
            finished.addCallbacks(self._finished, self._not_finished).chainDeferred(done)

        self._finishing = finish
        if not self._is_busy:
            self._go_on()
        return done

    def abandon(self) -> None:
        """Nobody wants it any more."""
        if not self._is_over:
            self._is_over = True
            self._waiting.clear()
            self._claim(0)
            if not self._is_busy:
                self._drop()

    def _claim(self, size: int) -> None:
        self._files.claim(self._claimed, size)
        self._claimed = size

    def _begun(self, part: Part) -> None:
        self._part = part
        self._written(0)

    def _write(self) -> None:
        if self._is_busy or not self._waiting:
            return
        pieces, self._waiting, self._amount = self._waiting, [], 0
        self._is_busy = True
        self._io(self._part.write, pieces).addCallbacks(self._written, self._failed)

    def _io(self, f: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return self._files.io(f, *args)

    def _written(self, _: int) -> None:
        self._is_busy = False
        if self._is_over:
            self._drop()
        else:
            self._channel.release()
            self._go_on()

    def _go_on(self) -> None:
        self._write()
        if not self._is_busy and self._finishing is not None:
            self._finishing()

    def _failed(self, failure: Failure) -> None:
        """It cannot be: the client hears of it at once, if it still sends."""
        self._is_busy = False
        if self._is_over:
            self._drop()
            return
        self._failure = failure
        self.abandon()
        if self._finishing is not None:
            self._finishing()
        else:
            self._request.answer_early(failure)

    def _finished(self, replaced: bool) -> bool:
        self._claim(0)
        return replaced

    def _not_finished(self, failure: Failure) -> Failure:
        self._claim(0)
        self._drop()
        return failure

    def _drop(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            self._io(part.abandon).addErrback(
                lambda failure: self.log.failure("{name} is left over", failure, name=part.name)
            )
