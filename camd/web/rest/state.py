"""/api/state: the observables, all of them or one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ...errors import Refused
from ...state.observable import Observable
from ...state.spec import Value
from ..api import matches
from .operation import READER, Answer, Call, Operation, Parameter, Rejected, Reply
from .schema import Schema, component, listing, record, text

if TYPE_CHECKING:
    from ...app import App

_REV: Schema = {"type": "integer", "description": "Revision of the state; it grows with every change"}
_BOOT = text("Names this run of camd; revisions of another run mean nothing")
#: Replaced in the document by one member for each name that its reader may read, or write.
VALUES = component("StateValues", record(doc="Name -> value, null while it is unknown"))
CHANGES = component(
    "StateChanges", {**record(doc="Name -> new value"), "minProperties": 1, "maxProperties": 1000}
)
_NAME = Parameter(
    "name", text("A name, with its slashes", least=3), "The name of the state", "path", rest=True
)
_PATTERNS = Parameter(
    "name",
    listing(text(least=1, most=100, pattern="^[a-z0-9_./*-]+$"), most=50),
    "Only these names; one that ends in `*` is a beginning",
    many=True,
)


def value_schema(values: Schema) -> Schema:
    """The document of one state whose value fits `values`."""
    return record({"state": text("Its name"), "value": values, "rev": _REV})


def change_schema(values: Schema) -> Schema:
    """A request for one state."""
    return record({"value": values}, closed=True)


ONE = component("State", value_schema({}))


class StateNoun:
    """Reads and sets through the same API that answers WebSocket messages."""

    def __init__(self, app: App):
        self._app = app

    def operations(self) -> list[Operation]:
        missing = Answer("The device, or the part of camd for it, is not there")
        changed = {200: Answer("What the values are now", record({"values": VALUES, "rev": _REV})), 409: missing}
        doc = (
            "All or nothing: when one value is refused none is changed. Names that are not in the body stay "
            "as they are. The answer has the values that were really taken."
        )
        return [
            Operation(
                "GET",
                "/api/state",
                READER,
                "Read all values",
                {
                    200: Answer(
                        "What the asker may read", record({"values": VALUES, "rev": _REV, "boot": _BOOT})
                    ),
                    403: Answer("A name without `*` may not be read"),
                    404: Answer("A name without `*` is not there"),
                },
                self.read_all,
                parameters=(_PATTERNS,),
            ),
            Operation(
                "PATCH", "/api/state", READER, "Set some values", changed, self.write_all, doc, body=CHANGES
            ),
            Operation(
                "PUT",
                "/api/state",
                READER,
                "Set some values (as PATCH)",
                changed,
                self.write_all,
                doc,
                body=CHANGES,
            ),
            Operation(
                "GET",
                "/api/state/{name}",
                READER,
                "Read a value",
                {200: Answer("The value", ONE)},
                self.read,
                parameters=(_NAME,),
            ),
            Operation(
                "PUT",
                "/api/state/{name}",
                READER,
                "Set a value",
                {200: Answer("The value that was really taken", ONE), 409: missing},
                self.write,
                "With `If-Match` only if nobody has changed it meanwhile.",
                parameters=(_NAME,),
                body=change_schema({}),
                there=self.can_be_set,
            ),
        ]

    def can_be_set(self, call: Call) -> bool:
        """Whether the state has a PUT: not if it is known to the asker as one that nobody may set."""
        observable = self._app.state.get(call.path["name"])
        if observable is None or observable.spec.write is not None:
            return True
        return not call.by.may(observable.spec.read, observable.name)

    def read_all(self, call: Call) -> Reply:
        state, patterns = self._app.state, call.query.get("name")
        values = {}
        for pattern in (p for p in patterns or () if not p.endswith("*")):
            self._find(pattern, call)
        for observable in state:
            name = observable.name
            if patterns is not None and not any(matches(pattern, name) for pattern in patterns):
                continue
            if call.by.may(observable.spec.read, name):
                values[name] = observable.value
        # The names stand for the reader's rights, which may change while the state does not.
        seen = hashlib.blake2b("\n".join(values).encode(), digest_size=6).hexdigest()
        value = {"values": values, "rev": state.rev, "boot": state.boot}
        return Reply(value, etag=f"{state.boot}-{state.rev}-{seen}")

    def read(self, call: Call) -> Reply:
        observable = self._find(call.path["name"], call)
        return self._reply(observable, observable.value)

    async def write_all(self, call: Call) -> Any:
        wanted = {name: _fit(self._known(name, call, 422), value) for name, value in call.body.items()}
        values = await self._app.api.set(wanted, call.by, address=call.address)
        return {"values": values, "rev": self._app.state.rev}

    async def write(self, call: Call) -> Reply:
        observable = self._known(call.path["name"], call)
        wanted = {observable.name: _fit(observable, call.body["value"])}
        values = await self._app.api.set(wanted, call.by, address=call.address)
        return self._reply(observable, values[observable.name])

    def _reply(self, observable: Observable, value: Value) -> Reply:
        document = {"state": observable.name, "value": value, "rev": observable.rev}
        return Reply(document, etag=f"{self._app.state.boot}-{observable.rev}")

    def _known(self, name: str, call: Call, status: int = 404) -> Observable:
        if not call.by.knows(name):
            raise Refused(name)
        observable = self._app.state.get(name)
        if observable is None:
            raise Rejected(status, "There is no state of this name; GET /api/schema lists them", key=name)
        return observable

    def _find(self, name: str, call: Call) -> Observable:
        observable = self._known(name, call)
        if not call.by.may(observable.spec.read, name):
            raise Refused(name, observable.spec.read)
        return observable


def _fit(observable: Observable, value: Value) -> Value:
    """JSON has one kind of number: 1.0 is an integer there, and so it is here."""
    if observable.spec.type is int and type(value) is float and value.is_integer():
        return int(value)
    return value
