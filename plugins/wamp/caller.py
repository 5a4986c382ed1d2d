"""Caller: the calls of one session that are under way, streams among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autobahn.wamp import message
from autobahn.wamp.exception import ProtocolError
from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger

from camd.errors import CamdError, Invalid, Refused
from camd.media import Packet, Subscription

from .errors import CANCELED, NO_SUCH_PROCEDURE, Busy, error_message, refusal
from .pictures import STREAM_ARGUMENTS
from .procedures import STREAM, bind

if TYPE_CHECKING:
    from .realm import Realm
    from .session import Session

MAX_STREAMS = 16


@dataclass(slots=True)
class _Call:
    """A call without its last answer. camera, pictures: of a stream."""

    request: message.Call
    camera: str = ""
    pictures: Subscription | None = None


class Caller:
    """A session in this role of WAMP. Reactor thread only.

    A stream gives its pictures as progressive results until it is canceled; while the client does not
    read, its newest picture is kept. waiting: calls under way, streams not counted. paused: the client
    does not read.
    """

    log = Logger()

    def __init__(self, session: Session, realm: Realm):
        self.waiting = 0
        self._paused = False
        self._session = session
        self._realm = realm
        self._calls: dict[int, _Call] = {}

    def call(self, request: message.Call) -> None:
        if request.request in self._calls:
            raise ProtocolError(f"the request {request.request} is under way")
        procedure = self._realm.procedures.find(request.procedure)
        try:
            if request.payload is not None:
                raise Invalid("", "an opaque payload (payload transparency) cannot be read here")
            if request.procedure == STREAM:
                self._stream(request)
            elif procedure is None:
                text = f"there is no procedure {request.procedure[:200]}"
                self._session.send(refusal(request, NO_SUCH_PROCEDURE, text))
            else:
                self._calls[request.request] = _Call(request)
                self.waiting += 1
                result = ensureDeferred(procedure(self._session, request.args or [], request.kwargs or {}))
                result.addCallback(self._succeeded, request)
                result.addErrback(self._failed, request)
        except CamdError as error:
            self._session.send(error_message(request, error))

    def _succeeded(self, value: Any, request: message.Call) -> None:
        self._finish(request.request, message.Result(request.request, [value]))

    def _failed(self, failure: Any, request: message.Call) -> None:
        if not failure.check(CamdError):
            user = self._session.by.name
            self.log.failure("{procedure} of {user} failed", failure, procedure=request.procedure, user=user)
        self._finish(request.request, error_message(request, failure.value))

    def _finish(self, number: int, answer: message.Message) -> None:
        call = self._calls.get(number)
        if call is None:  # canceled, or the session is over
            return
        self._session.send(answer)  # may fail, if a plugin's result is nothing that can be sent
        del self._calls[number]
        if call.pictures is None:
            self.waiting -= 1
        else:
            call.pictures.close()
        self._session.answered()

    def _stream(self, request: message.Call) -> None:
        number = request.request

        def deliver(packet: Packet) -> None:
            about: dict[str, Any] = {"wall": packet.wall}
            if packet.card:
                about["card"] = True
            self._session.send(message.Result(number, [packet.data], about, progress=True))

        if not request.receive_progress:
            raise Invalid(
                "receive_progress", "pictures come as progressive results, which were not asked for"
            )
        if len(self._streams()) >= MAX_STREAMS:
            raise Busy(f"a session has at most {MAX_STREAMS} streams")
        arguments = bind(STREAM_ARGUMENTS, request.args or [], request.kwargs or {})
        camera, stream = self._realm.pictures.stream(self._session, arguments)
        call = self._calls[number] = _Call(request, camera.id)
        call.pictures = stream.subscribe(
            deliver, kind="wamp", on_end=lambda: self._finish(number, message.Result(number))
        )

    def _streams(self) -> list[_Call]:
        return [call for call in self._calls.values() if call.pictures is not None]

    def cancel(self, cancel: message.Cancel) -> None:
        """The caller is answered at once whatever the mode; what a device was told to do is done."""
        call = self._calls.get(cancel.request)
        if call is not None:  # else it was answered meanwhile
            self._finish(cancel.request, refusal(call.request, CANCELED, "canceled by the caller"))

    def reconsider(self) -> None:
        """Rights changed: end the streams that must not be seen any more."""
        for call in self._streams():
            if not self._session.by.sees(call.camera):
                self._finish(call.request.request, error_message(call.request, Refused("camera")))

    def pause(self) -> None:
        self._paused = True
        for call in self._streams():
            call.pictures.pauseProducing()

    def resume(self) -> None:
        self._paused = False
        for call in self._streams():
            if self._paused:  # the picture of another one filled the connection again
                return
            call.pictures.resumeProducing()

    def close(self) -> None:
        """The session is over: streams end; what else is under way goes on, and nobody hears of it."""
        streams = self._streams()
        self._calls.clear()
        self.waiting = 0
        for call in streams:
            call.pictures.close()
