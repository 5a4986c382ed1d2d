"""The state protocol apart from its carrier: the same messages over WebSocket and POST /api.

    in                                       out
    {"<name>": v, ...}                       {"values": {name: readback}, "rev": n}   all or nothing
    {"get": ["name" or "prefix*", ...]}      {"values": {...}, "rev": n, "boot": id}
    {"info": ["name" or "prefix*", ...]}     {name: value, ...}                       the same, flat
    {"since": n, "boot": id}                 the values that changed since
    {"subscribe": ["prefix*", ...]}          {"subscribed": [...]}                    WebSocket only
    {"schema": true}                         {"schema": {name: Spec}}
    {"call": method, "args": {...}}          {"result": ...}
    anything wrong                           {"error": text, "key": name, "message": reason}

An "id" is echoed. A message that mixes kinds is refused whole. A plugin may bring a vocabulary: names
without "/" that stand for state names. A WebSocket that used one hears of changes in those words, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger

from ..errors import CamdError, Gone, Invalid, Locked, RateLimited, Refused, SourceError, Unauthorized
from ..state.alias import Alias, Vocabulary
from ..state.observable import Observable
from ..state.permission import GUEST_NAME, Principal
from ..state.spec import Spec, Value
from ..state.state import State

if TYPE_CHECKING:
    from ..hookspecs import Method

Message = dict[str, Any]
_KINDS = {
    "get": {"get"},
    "info": {"info"},
    "since": {"since", "boot"},
    "subscribe": {"subscribe"},
    "schema": {"schema"},
    "call": {"call", "args"},
}
_MAX_NAMES = 1000
#: The one state whose choices are cameras.
MAIN_CAMERA = "system/main_camera"


def _unheard(*_: Any, **fields: Any) -> None:
    """Nobody listens."""


@dataclass(slots=True)
class Session:
    """One asker: who it is, and which changes it wants (patterns None: all; a carrier without a way to
    send changes has can_subscribe False), in state names (paths) and in the words of a vocabulary.
    on_change: called when what it wants became another. address: where it is, for the audit log."""

    by: Principal
    can_subscribe: bool = False
    patterns: tuple[str, ...] | None = None
    vocabulary: Vocabulary | None = None
    paths: bool = True
    on_change: Callable[[], None] = _unheard
    address: str = ""


class Dialect(Protocol):
    """A language in which clients speak with the State. vocabulary: the words in which its clients hear of
    changes, and no others."""

    vocabulary: Vocabulary | None

    async def ask(self, message: Any, session: Session) -> Message:
        """The answer to one decoded JSON message. Raises CamdError; echoes no "id"."""


class Api:
    """Answers messages against the State. Reactor thread only.

    vocabulary: further names that are understood, None without the plugin that has them.
    audit(event, by, address, **fields): hears of everything that was changed, called or refused.
    """

    log = Logger()

    def __init__(self, state: State, methods: Mapping[str, Method], audit: Callable[..., None] = _unheard):
        self.vocabulary: Vocabulary | None = None
        self._audit = audit
        self._state = state
        self._methods = methods

    async def answer(self, message: Any, session: Session) -> Message:
        """The answer to one decoded JSON message; wrong messages get an error answer. Never raises."""
        return await answer(self.ask, message, session)

    async def ask(self, message: Any, session: Session) -> Message:
        """As `answer`, for edges with error codes of their own: raises CamdError, echoes no "id"."""
        if not isinstance(message, dict):
            raise Invalid("", "a message is a JSON object")
        request_id = message.get("id")
        if not isinstance(request_id, int | str | float | None):
            raise Invalid("id", "an id is a number or a text")
        body = {key: value for key, value in message.items() if key != "id"}
        names = [key for key in body if "/" in key or self._alias(key)]
        if names and len(names) == len(body):
            self._hear(names, session)
            values = await self.set(body, session.by, self.vocabulary, session.address)
            return {"values": values, "rev": self._state.rev}
        for kind, keys in _KINDS.items():
            if kind in body:
                if extra := body.keys() - keys:
                    raise Invalid(min(extra), f"does not belong into one message with {kind!r}")
                result = getattr(self, "_" + kind)(body, session)
                return result if isinstance(result, dict) else await result
        if not body:
            raise Invalid("", "the message is empty")
        raise Invalid(next(iter(body)), "is no state name and no request; see {\"schema\": true}")

    async def set(
        self, values: Message, by: Principal, vocabulary: Vocabulary | None = None, address: str = ""
    ) -> Message:
        """Set these names, all or nothing; returns name -> readback. Names of the vocabulary are understood
        beside those of the State. address: from where, for the audit log. Raises Refused, Invalid and
        DeviceError with the name as it was given."""
        words = [name for name in values if "/" not in name] if vocabulary else []  # the State's names have one
        aliases = {name: alias for name in words if (alias := vocabulary.find(name))}
        wanted: dict[str, Value] = {} if aliases else values
        given: dict[str, str] = {} if aliases else dict(zip(values, values, strict=True))
        try:
            for name, value in values.items() if aliases else ():
                meant = aliases[name].translate(value, by) if name in aliases else {name: value}
                if twice := given.keys() & meant.keys():
                    raise Invalid(name, f"means the same as {given[min(twice)]}")
                wanted |= meant
                given |= dict.fromkeys(meant, name)
            done = await self._set(wanted, by, given)
        except Refused as error:
            self._audit("refused", by.name, address, name=error.key)
            raise
        if done:
            self._audit("set", by.name, address, values=done)
        return {name: aliases[name].get(by) if name in aliases else done[name] for name in values}

    async def _set(self, values: Message, by: Principal, given: Mapping[str, str]) -> Message:
        """Set names of the State; an error speaks of what was given for the name."""
        observables = [self._find(name, by) for name in values]
        before = {o.name: o.value for o in observables}
        done: dict[str, Any] = {}
        try:
            for observable in observables:
                _check_choice(observable, values[observable.name], by)
                observable.check(values[observable.name], by)
            for observable in observables:
                done[observable.name] = await observable.set(values[observable.name], by)
        except CamdError as error:
            await self._undo({name: before[name] for name in done}, by)
            raise _renamed(error, given[observable.name]) from error
        return done

    def _find(self, name: str, by: Principal) -> Observable:
        """The observable of that name. Whoever may not know whether it exists is refused."""
        if not by.knows(name):
            raise Refused(name)
        return self._state[name]

    async def _undo(self, values: Message, by: Principal) -> None:
        for name, value in values.items():
            try:
                await self._state[name].set(value, by)
            except CamdError as error:
                self.log.warn("{name} could not be set back: {error}", name=name, error=error)

    def _alias(self, name: str) -> Alias | None:
        return self.vocabulary.find(name) if self.vocabulary is not None else None

    def _hear(self, names: Iterable[str], session: Session) -> None:
        """Who uses a word of the vocabulary hears of changes in its words from now on."""
        if session.can_subscribe and session.vocabulary is None and any("/" not in name and self._alias(name) for name in names):
            session.vocabulary = self.vocabulary
            session.on_change()

    def _get(self, body: Message, session: Session) -> Message:
        return self._values(self._read(body, "get", session))

    def _info(self, body: Message, session: Session) -> Message:
        return self._read(body, "info", session)

    def _read(self, body: Message, kind: str, session: Session) -> Message:
        found: dict[str, Any] = {}
        names = _names(body[kind], kind)
        self._hear(names, session)
        for pattern in names:
            if alias := self._alias(pattern):
                found[pattern] = read(alias, session.by)
                continue
            one = None if pattern.endswith("*") else self._find(pattern, session.by)
            for observable in self._state.select(pattern) if one is None else (one,):
                if session.by.may(observable.spec.read, observable.name):
                    found[observable.name] = observable.value
                elif observable.name == pattern:
                    raise Refused(pattern, observable.spec.read)
        return found

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
        self._hear(session.patterns, session)
        session.on_change()
        return {"subscribed": list(session.patterns)}

    def _schema(self, body: Message, session: Session) -> Message:
        if body["schema"] is not True:
            raise Invalid("schema", "Value must be true")
        return {"schema": schema_for(self._state, session.by)}

    async def _call(self, body: Message, session: Session) -> Message:
        method = self._methods.get(body["call"]) if isinstance(body["call"], str) else None
        if method is None:
            raise Invalid("call", "no such method")
        arguments = body.get("args", {})
        has_camera = isinstance(arguments, dict) and "camera" in method.args
        camera = arguments.get("camera", "") if has_camera else ""
        if missing := method.missing(session.by, camera):
            self._audit("refused", session.by.name, session.address, call=method.name)
            raise Refused(method.name, missing)
        if not isinstance(arguments, dict) or arguments.keys() != method.args.keys():
            raise Invalid("args", f"the arguments are {', '.join(method.args) or 'none'}")
        arguments = dict(arguments)
        for name, kind in method.args.items():
            if kind is float and type(arguments[name]) is int:
                arguments[name] = float(arguments[name])
            if type(arguments[name]) is not kind:
                raise Invalid(name, f"Value must be of type {kind.__name__}")
        self._audit("call", session.by.name, session.address, call=method.name)
        return {"result": await maybeDeferred(method.function, **arguments)}


def schema_for(state: State, by: Principal) -> Message:
    """Every name that this reader may read, with its Spec."""
    return {
        o.name: {**spec_for(o, by).describe(), "target": o.target, "status": o.status}
        for o in state
        if by.may(o.spec.read, o.name)
    }


def spec_for(observable: Observable, by: Principal) -> Spec:
    """The Spec of a name as this reader may know it: choices among cameras are those among its own."""
    spec = observable.spec
    if by.cameras is None or spec.name != MAIN_CAMERA:
        return spec
    return replace(spec, choices=tuple(camera for camera in spec.choices if camera in by.cameras))


def _check_choice(observable: Observable, value: Value, by: Principal) -> None:
    """Raise Invalid for a choice that this writer may not know, and tell of no such choice."""
    spec = spec_for(observable, by)
    if spec is not observable.spec and spec.write is not None and by.may(spec.write, spec.name):
        spec.check(value)


class DeviceError(SourceError):
    """The device did not take the value."""

    def __init__(self, key: str, text: str):
        self.key = key
        super().__init__(text)


async def answer(ask: Callable[[Any, Session], Awaitable[Message]], message: Any, session: Session) -> Message:
    """What ask(message, session) gives, or the error answer for what it raises, with the "id" echoed."""
    request_id = message.get("id") if isinstance(message, dict) else None
    try:
        result = await ask(message, session)
    except Refused as error:
        result = error_answer(error)
        if session.by.name == GUEST_NAME:  # what is missing is an identity, not a right
            result["error"] = "Unauthorized"
    except CamdError as error:
        result = error_answer(error)
    except Exception:
        Api.log.failure("message of {user} failed", user=session.by.name)
        result = {"error": "Internal error", "key": "", "message": "see the log of camd"}
    if request_id is not None:
        result["id"] = request_id
    return result


def _renamed(error: CamdError, key: str) -> CamdError:
    """An error of an observable, in the words of the asker."""
    if isinstance(error, Refused):
        return Refused(key, error.permission)
    if isinstance(error, Invalid):
        return Invalid(key, error.reason)
    return DeviceError(key, str(error)) if isinstance(error, SourceError) else error


def read(alias: Alias, by: Principal) -> Value:
    """The value behind the alias; raises Refused."""
    if not alias.may_read(by):
        raise Refused(alias.name)
    return alias.get(by)


def may_read(observable: Observable, session: Session) -> bool:
    """Whether this asker may and wants to see the observable."""
    return session.by.may(observable.spec.read, observable.name) and wants(session, observable.name)


def wants(session: Session, name: str) -> bool:
    patterns = session.patterns
    return patterns is None or any(matches(pattern, name) for pattern in patterns)


def matches(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def error_answer(error: CamdError) -> Message:
    """The product's error texts, with the name meant and the reason."""
    if isinstance(error, Refused):
        return {"error": "Permission denied", "key": error.key}
    if isinstance(error, Invalid):
        return {"error": "Invalid value", "key": error.key, "message": error.reason}
    if isinstance(error, RateLimited):
        answer = {"error": str(error), "limit": error.limit, "period": "second"}
        return {**answer, "retry_after": error.retry_after}
    if isinstance(error, Locked):
        return {"error": str(error), "retry_after": error.retry_after}
    if isinstance(error, Unauthorized):
        return {"error": str(error)}
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
