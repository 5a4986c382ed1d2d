"""The state protocol apart from its carrier: the same messages over WebSocket and POST /api.

    in                                       out
    {"<name>": v, ...}                       {"values": {name: readback}, "rev": n}   all or nothing
    {"get": ["name" or "prefix*", ...]}      {"values": {...}, "rev": n, "boot": id}
    {"since": n, "boot": id}                 the values that changed since
    {"subscribe": ["prefix*", ...]}          {"subscribed": [...]}                    WebSocket only
    {"schema": true}                         {"schema": {name: Spec}}
    {"call": method, "args": {...}}          {"result": ...}
    anything wrong                           {"error": text, "key": name, "message": reason}

An "id" is echoed. A message that mixes kinds is refused whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger

from ..errors import CamdError, Gone, Invalid, Refused, SourceError
from ..state.observable import Observable
from ..state.permission import Principal
from ..state.state import State

if TYPE_CHECKING:
    from ..hookspecs import Method

Message = dict[str, Any]
_KINDS = {
    "get": {"get"},
    "since": {"since", "boot"},
    "subscribe": {"subscribe"},
    "schema": {"schema"},
    "call": {"call", "args"},
}
_MAX_NAMES = 1000


@dataclass(slots=True)
class Session:
    """One asker: who it is, and which changes it wants (None: all; a carrier without a way to send
    changes has can_subscribe False)."""

    by: Principal
    can_subscribe: bool = False
    patterns: tuple[str, ...] | None = None


class Api:
    """Answers messages against the State. Reactor thread only."""

    log = Logger()

    def __init__(self, state: State, methods: Mapping[str, Method]):
        self._state = state
        self._methods = methods

    async def answer(self, message: Any, session: Session) -> Message:
        """The answer to one decoded JSON message; wrong messages get an error answer. Never raises."""
        request_id = message.get("id") if isinstance(message, dict) else None
        try:
            result = await self.ask(message, session)
        except CamdError as error:
            result = error_answer(error)
        except Exception:
            self.log.failure("message of {user} failed", user=session.by.name)
            result = {"error": "Internal error", "key": "", "message": "see the log of camd"}
        if request_id is not None:
            result["id"] = request_id
        return result

    async def ask(self, message: Any, session: Session) -> Message:
        """As `answer`, for edges with error codes of their own: raises CamdError, echoes no "id"."""
        if not isinstance(message, dict):
            raise Invalid("", "a message is a JSON object")
        request_id = message.get("id")
        if not isinstance(request_id, int | str | float | None):
            raise Invalid("id", "an id is a number or a text")
        body = {key: value for key, value in message.items() if key != "id"}
        names = [key for key in body if "/" in key]
        if names and len(names) == len(body):
            return await self._set(body, session.by)
        for kind, keys in _KINDS.items():
            if kind in body:
                if extra := body.keys() - keys:
                    raise Invalid(min(extra), f"does not belong into one message with {kind!r}")
                result = getattr(self, "_" + kind)(body, session)
                return result if isinstance(result, dict) else await result
        if not body:
            raise Invalid("", "the message is empty")
        raise Invalid(next(iter(body)), "is no state name and no request; see {\"schema\": true}")

    async def _set(self, values: Message, by: Principal) -> Message:
        observables = [self._state[name] for name in values]
        for observable in observables:
            observable.check(values[observable.name], by)
        before = {o.name: o.value for o in observables}
        done: dict[str, Any] = {}
        try:
            for observable in observables:
                done[observable.name] = await observable.set(values[observable.name], by)
        except CamdError as error:
            await self._undo({name: before[name] for name in done}, by)
            if isinstance(error, SourceError):
                raise DeviceError(observable.name, str(error)) from error
            raise
        return {"values": done, "rev": self._state.rev}

    async def _undo(self, values: Message, by: Principal) -> None:
        for name, value in values.items():
            try:
                await self._state[name].set(value, by)
            except CamdError as error:
                self.log.warn("{name} could not be set back: {error}", name=name, error=error)

    def _get(self, body: Message, session: Session) -> Message:
        found: dict[str, Any] = {}
        for pattern in _names(body["get"], "get"):
            for observable in self._state.select(pattern):
                if session.by.may(observable.spec.read, observable.name):
                    found[observable.name] = observable.value
                elif observable.name == pattern:
                    raise Refused(pattern, observable.spec.read)
        return self._values(found)

    def _since(self, body: Message, session: Session) -> Message:
        rev, boot = body["since"], body.get("boot", "")
        if type(rev) is not int:
            raise Invalid("since", "Value must be a revision (int)")
        changed = self._state.since(rev, boot)
        return self._values({o.name: o.value for o in changed if may_read(o, session)})

    def _values(self, values: Message) -> Message:
        return {"values": values, "rev": self._state.rev, "boot": self._state.boot}

    def _subscribe(self, body: Message, session: Session) -> Message:
        if not session.can_subscribe:
            raise Invalid("subscribe", "changes are sent over the WebSocket only")
        session.patterns = tuple(_names(body["subscribe"], "subscribe"))
        return {"subscribed": list(session.patterns)}

    def _schema(self, body: Message, session: Session) -> Message:
        if body["schema"] is not True:
            raise Invalid("schema", "Value must be true")
        return {"schema": {o.name: o.describe() for o in self._state if session.by.may(o.spec.read, o.name)}}

    async def _call(self, body: Message, session: Session) -> Message:
        method = self._methods.get(body["call"]) if isinstance(body["call"], str) else None
        if method is None:
            raise Invalid("call", "no such method")
        if not session.by.may(method.permission):
            raise Refused(method.name, method.permission)
        arguments = body.get("args", {})
        if not isinstance(arguments, dict) or arguments.keys() != method.args.keys():
            raise Invalid("args", f"the arguments are {', '.join(method.args) or 'none'}")
        for name, kind in method.args.items():
            if type(arguments[name]) is not kind:
                raise Invalid(name, f"Value must be of type {kind.__name__}")
        return {"result": await maybeDeferred(method.function, **arguments)}


class DeviceError(SourceError):
    """The device did not take the value."""

    def __init__(self, key: str, text: str):
        self.key = key
        super().__init__(text)


def may_read(observable: Observable, session: Session) -> bool:
    """Whether this asker may and wants to see the observable."""
    if not session.by.may(observable.spec.read, observable.name):
        return False
    patterns = session.patterns
    return patterns is None or any(matches(pattern, observable.name) for pattern in patterns)


def matches(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def error_answer(error: CamdError) -> Message:
    """The product's error texts, with the name meant and the reason."""
    if isinstance(error, Refused):
        return {"error": "Permission denied", "key": error.key}
    if isinstance(error, Invalid):
        return {"error": "Invalid value", "key": error.key, "message": error.reason}
    if isinstance(error, DeviceError):
        return {"error": "Device error", "key": error.key, "message": str(error)}
    text = "Gone" if isinstance(error, Gone) else "Failed"
    return {"error": text, "key": "", "message": str(error)}


def _names(value: Any, key: str) -> Iterable[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise Invalid(key, "Value must be a list of names")
    if len(value) > _MAX_NAMES:
        raise Invalid(key, f"Value must have at most {_MAX_NAMES} names")
    return value
