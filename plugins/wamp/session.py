"""Session: one WAMP session, from HELLO to GOODBYE."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from autobahn.wamp import message
from autobahn.wamp.exception import ProtocolError
from autobahn.wamp.role import RoleBrokerFeatures, RoleDealerFeatures
from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger

from camd.errors import RateLimited, Unauthorized
from camd.state import GUEST_NAME, Principal

from . import errors
from .caller import Caller
from .errors import refusal
from .subscriber import Subscriber

if TYPE_CHECKING:
    from .realm import Realm
    from .transport import WampProtocol

REALM = "camd"
#: Seconds in which a client has to say who it is.
JOIN_PATIENCE = 10.0
ROLES = {
    "broker": RoleBrokerFeatures(pattern_based_subscription=True, event_retention=True),
    "dealer": RoleDealerFeatures(progressive_call_results=True, call_canceling=True),
}


class Session:
    """One peer. Reactor thread only.

    Stands for the asker wherever the API wants one. by: who it is, once it joined; address: from where.
    """

    can_subscribe = False  # not in the API's way: a WAMP client subscribes to topics
    patterns = None
    log = Logger()
    by: Principal
    address = ""

    def __init__(self, realm: Realm):
        self.subscriber = Subscriber(self, realm)
        self.caller = Caller(self, realm)
        self._realm = realm
        self._transport: WampProtocol | None = None
        self._stage = "hello"  # then challenge, checking, open, closed
        self._authid = ""
        self._late: Any = None
        self._visit: Any = None  # of those that want to hear when their rights change

    # -- the transport's side

    def onOpen(self, transport: WampProtocol) -> None:
        self._transport = transport
        self.address = transport.address
        self._late = self._realm.app.reactor.callLater(JOIN_PATIENCE, self._too_late)

    def onClose(self, wasClean: bool) -> None:
        self._end()
        self._transport = None

    def onMessage(self, received: message.Message) -> None:
        """Raises ProtocolError for what has no place here, or not now."""
        if self._stage == "closed":
            return
        expected = _EXPECTED.get((self._stage, type(received)))
        if expected is None:
            raise ProtocolError(f"{type(received).__name__.upper()} is not expected now")
        if self._stage == "open" and self.by.how == "session":
            self._realm.app.users.touch(self.by)
        expected(self, received)

    @property
    def joined(self) -> bool:
        return self._stage == "open"

    def pause(self) -> None:
        """The connection is full."""
        self.subscriber.paused = True
        self.caller.pause()

    def resume(self) -> None:
        """It takes more: first what is missing of the state, then pictures."""
        self.subscriber.paused = False
        self.subscriber.drain()
        if not self.subscriber.paused:
            self.caller.resume()

    def send(self, answer: message.Message) -> None:
        if self._transport is not None:
            self._transport.send(answer)

    def answered(self) -> None:
        """A call under way got its answer: there is room for the next."""
        if self._transport is not None:
            self._transport.answered()

    # -- its end

    def leave(self, reason: str, text: str | None = None, code: int = 1000) -> None:
        """End it from our side. code: of the WebSocket's close."""
        if self._stage == "open":
            self._leave(message.Goodbye(reason, text), code)
        elif self._stage != "closed":
            self.abort(reason, text or "", code)

    def abort(self, reason: str, text: str, code: int = 1000) -> None:
        """End it because it could not begin, or because the client broke the rules."""
        if self._stage != "closed":
            self._leave(message.Abort(reason, text), code)

    def _leave(self, farewell: message.Message, code: int) -> None:
        self._end()
        if self._transport is not None:
            self._transport.send(farewell)
            self._transport.leave(code)

    def _end(self) -> None:
        self._stage = "closed"
        if self._late is not None and self._late.active():
            self._late.cancel()
        if self._visit is not None:
            self._visit.leave()
        self.subscriber.close()
        self.caller.close()

    def _too_late(self) -> None:
        self.abort(errors.AUTHENTICATION_REQUIRED, f"nobody joined within {JOIN_PATIENCE:g} s")

    # -- who it is

    def _hello(self, hello: message.Hello) -> None:
        methods = hello.authmethods or ()
        if hello.realm not in (None, REALM):
            self.abort(errors.NO_SUCH_REALM, f"the realm here is {REALM!r}")
        elif "ticket" in methods:
            self._authid = hello.authid or ""
            self._stage = "challenge"
            self.send(message.Challenge("ticket", {}))
        elif methods and "anonymous" not in methods:
            self.abort(errors.NO_MATCHING_AUTH_METHOD, "the methods here are ticket and anonymous")
        else:
            self._join(self._transport.principal, "anonymous")

    def _authenticate(self, answer: message.Authenticate) -> None:
        self._stage = "checking"
        checked = ensureDeferred(self._realm.by_ticket(self._authid, answer.signature, self.address))
        checked.addCallbacks(self._join, self._denied, callbackArgs=("ticket",))

    def _denied(self, failure: Any) -> None:
        if failure.check(Unauthorized, RateLimited):
            self.abort(errors.uri_of(failure.value), errors.text_of(failure.value))
        else:
            self.log.failure("a ticket could not be checked", failure)
            self.abort(errors.AUTHENTICATION_FAILED, errors.text_of(failure.value))

    def _join(self, by: Principal, method: str) -> None:
        if self._stage == "closed":  # the client left while its ticket was checked
            return
        if by.how == "guest" and not by.permissions:
            self.abort(
                errors.AUTHENTICATION_REQUIRED, "guests may nothing here; the method ticket says who you are"
            )
            return
        self._late.cancel()
        self._stage = "open"
        self.by = by
        self._visit = self._realm.app.web.presence.enter(by, self._rights_changed)
        permissions = [one.name for one in sorted(by.permissions, key=lambda one: one.ordinal)]
        self.send(
            message.Welcome(
                secrets.randbelow(1 << 53) + 1,
                ROLES,
                realm=REALM,
                authid=by.name,
                authrole=GUEST_NAME if by.how == "guest" else "user",
                authmethod=method,
                authprovider=by.how or None,
                authextra={"permissions": permissions},
            )
        )

    def _rights_changed(self, by: Principal | None) -> None:
        """This is who it is from now on, None if the identity ended."""
        if by is None or (by.how == "guest" and not by.permissions):
            self.leave(errors.AUTHENTICATION_REQUIRED, "the account, the session or the token ended")
        else:
            self.by = by
            self.caller.reconsider()

    # -- messages

    def _goodbye(self, received: message.Goodbye) -> None:
        self.leave(errors.GOODBYE)

    def _abort(self, received: message.Abort) -> None:
        self._end()
        self._transport.leave(1000)

    def _subscribe(self, request: message.Subscribe) -> None:
        self.subscriber.subscribe(request)

    def _unsubscribe(self, request: message.Unsubscribe) -> None:
        self.subscriber.unsubscribe(request)

    def _call(self, request: message.Call) -> None:
        self.caller.call(request)

    def _cancel(self, request: message.Cancel) -> None:
        self.caller.cancel(request)

    def _publish(self, request: message.Publish) -> None:
        if request.acknowledge:  # else nobody waits for an answer
            self.send(
                refusal(
                    request,
                    errors.NOT_AUTHORIZED,
                    "only camd publishes here; to change a state call camd.set",
                )
            )

    def _register(self, request: message.Register) -> None:
        self.send(refusal(request, errors.NOT_AUTHORIZED, "only camd is called here"))

    def _unregister(self, request: message.Unregister) -> None:
        self.send(refusal(request, errors.NO_SUCH_REGISTRATION, "there is no such registration"))


_EXPECTED: dict[tuple[str, type], Any] = {
    ("hello", message.Hello): Session._hello,
    ("hello", message.Abort): Session._abort,
    ("challenge", message.Authenticate): Session._authenticate,
    ("challenge", message.Abort): Session._abort,
    ("checking", message.Abort): Session._abort,
    ("open", message.Abort): Session._abort,
    ("open", message.Goodbye): Session._goodbye,
    ("open", message.Subscribe): Session._subscribe,
    ("open", message.Unsubscribe): Session._unsubscribe,
    ("open", message.Call): Session._call,
    ("open", message.Cancel): Session._cancel,
    ("open", message.Publish): Session._publish,
    ("open", message.Register): Session._register,
    ("open", message.Unregister): Session._unregister,
}
