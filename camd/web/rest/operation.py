"""Operation: one method of one path, said once, for serving it and for describing it.

Everything that a client must know stands in the Operation: who may, what comes in, what goes out.
`resource` serves from it (identity, parameters, body, conditions, errors) and `openapi` writes it down,
so the two cannot differ. An Operation without a handler is served elsewhere and only described.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import CamdError
from ...hookspecs import ANY, READER
from ...state.permission import Permission, Principal
from ..request import Request
from .schema import Schema

__all__ = [
    "ANY",
    "PUBLIC",
    "READER",
    "Answer",
    "Call",
    "NotAllowed",
    "Operation",
    "Parameter",
    "Rejected",
    "Reply",
]

#: Who may, beside the holders of a Permission, ANY who is signed in, and READERs: everybody.
PUBLIC = "public"

_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value in the query, or with `where` "path" in the path.

    many: it may be given more than once and arrives as a list. rest: of a path, it takes all that
    follows, with its slashes. required: nothing can be answered without it; what is in the path always is.
    """

    name: str
    schema: Schema
    doc: str
    where: str = "query"
    many: bool = False
    rest: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back with one status. headers: name -> what it says."""

    doc: str
    schema: Schema | None = None
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """method: upper case. path: "/api/users/{name}". answers: status -> Answer; the first is success, and
    the usual refusals need not be listed. handler(call): returns a JSON value, a Reply, or an awaitable of
    one; raises CamdError. body: what a JSON body must be, checked before the handler; stated: what the document
    says of it, where the handler checks more, to tell every mistake at once. there(call): whether
    this very path has the method; without it all paths of the template have. body_limit: bytes of a body, 0 for
    the usual. optional: the body may be left out, where something else than `resource` serves."""

    method: str
    path: str
    permission: Permission | str
    summary: str
    answers: Mapping[int, Answer]
    handler: Callable[[Call], Any] | None = None
    doc: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None
    tag: str = ""
    stated: Schema | None = None
    there: Callable[[Call], bool] | None = None
    body_limit: int = 0
    optional: bool = False

    @property
    def success(self) -> int:
        """The status of an answer that says nothing else."""
        return next(iter(self.answers))

    @property
    def places(self) -> list[str]:
        """The names of the variable parts of the path."""
        return _PLACE.findall(self.path)


@dataclass(slots=True)
class Call:
    """One request as its handler sees it. by: who asks; address: from where; path, query: parameters that
    were given or have a default, checked; body: the checked JSON value."""

    request: Request
    by: Principal
    address: str
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None


@dataclass(slots=True)
class Reply:
    """An answer that says more than its value. status 0: the operation's success; etag: without quotes;
    content: bytes that go out as they are, instead of the JSON value; send(request): answers all by itself."""

    value: Any = None
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str = ""
    content: bytes | None = None
    send: Callable[[Request], None] | None = None


class Rejected(CamdError):
    """A request that HTTP itself gives a status for."""

    def __init__(self, status: int, text: str, code: str = "", key: str = "", details: Any = None):
        super().__init__(text)
        self.details = details
        self.status = status
        self.code = code
        self.key = key


class NotAllowed(Rejected):
    """The path is there, the method is not. allow: as the header says it (RFC 9110 10.2.1)."""

    def __init__(self, methods: Iterable[str]):
        super().__init__(405, "Method not allowed")
        self.allow = ", ".join(sorted(methods))
