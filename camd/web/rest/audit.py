"""/api/audit: who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...state.permission import Permission
from .operation import Answer, Call, Operation, Parameter
from .schema import component, listing, record, text

if TYPE_CHECKING:
    from ...auth.audit import Audit

_ENTRY = component(
    "AuditEntry",
    record(
        {
            "time": {"type": "string", "format": "date-time"},
            "event": text("What happened"),
            "by": text("Who did it"),
            "address": text("From where"),
        },
        doc="With further members, as the event has them",
    ),
)
_LIMIT = Parameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}, "How many at most"
)


class AuditNoun:
    """The newest part of the audit log; all of it is `audit.jsonl` in the data directory."""

    def __init__(self, audit: Audit):
        self._audit = audit

    def operations(self) -> list[Operation]:
        # It has the names of users and where they are: not for everybody who may see the system's state.
        return [
            Operation(
                "GET",
                "/api/audit",
                Permission.User_r,
                "Read the audit log",
                {200: Answer("The newest entries, the newest last", record({"entries": listing(_ENTRY)}))},
                self.read,
                parameters=(_LIMIT,),
            )
        ]

    def read(self, call: Call) -> Any:
        return {"entries": self._audit.tail(call.query.get("limit", 100))}
