"""The resource that serves Operations: one leaf of the tree for one noun and all that is below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import isawaitable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from ...errors import CamdError, ConfigError, Invalid, Refused, Unauthorized
from ...log import redact
from ...state.permission import Permission, Principal
from ...wire.strictjson import dumps
from ..api import DeviceError
from ..errors import render_failure, respond, status_of
from ..identify import is_signed_in
from ..request import Request
from .operation import ANY, PUBLIC, READER, Call, NotAllowed, Operation, Parameter, Rejected, Reply
from .reading import check_conditions, has_conditions, is_unchanged, read_body, read_path, read_query, tag_of

Identify = Callable[[Request], "Principal | Deferred[Principal]"]
#: The body of an answer, or what sends it.
Content = bytes | Callable[[Request], None]


def refusal(permission: Permission | str, by: Principal) -> int:
    """The status that refuses this identity, 0 if it may: 401 while nobody has said who they are."""
    guest = not is_signed_in(by)
    if permission == PUBLIC or (permission == READER and by.permissions):
        return 0
    if permission in (ANY, READER):
        return 401 if guest else 0
    if isinstance(permission, Permission) and by.may(permission):
        return 0
    return 401 if guest else 403


class Template:
    """The Operations of one path, by method."""

    def __init__(self, path: str, depth: int):
        self.path = path
        self.operations: dict[str, Operation] = {}
        self._parts = path.strip("/").split("/")[depth:]

    def find(self, method: str, call: Call) -> Operation:
        """The Operation of a method; raises NotAllowed."""
        found = {o.method: o for o in self.operations.values() if o.there is None or o.there(call)}
        wanted = "GET" if method == "HEAD" else method
        if wanted not in found:
            raise NotAllowed({*found, "HEAD"} if "GET" in found else set(found))
        return found[wanted]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of the path are the same in all Operations."""
        return next(iter(self.operations.values())).parameters

    def match(self, parts: list[bytes]) -> dict[str, bytes] | None:
        """The variable parts if this is the path; the last one may take several."""
        values: dict[str, bytes] = {}
        for number, wanted in enumerate(self._parts):
            if number >= len(parts) or not parts[number]:
                return None
            if not wanted.startswith("{"):
                if parts[number] != wanted.encode():
                    return None
            elif self._takes_rest(wanted):
                values[wanted[1:-1]] = b"/".join(parts[number:])
                return values
            else:
                values[wanted[1:-1]] = parts[number]
        return values if len(parts) == len(self._parts) else None

    def _takes_rest(self, place: str) -> bool:
        return any(parameter.rest for parameter in self.parameters if parameter.name == place[1:-1])


class Operations(Resource):
    """Serves the Operations below one path. identify(request): who asks, where no guard has said so.
    audit(event, by, address, **fields): hears of those who were refused."""

    isLeaf = True

    def __init__(
        self, path: str, operations: Iterable[Operation], identify: Identify, audit: Callable[..., None]
    ):
        super().__init__()
        self.operations = tuple(operations)
        if limit := max(operation.body_limit for operation in self.operations):
            self.body_limit = limit
        self._identify = identify
        self._audit = audit
        self._templates: dict[str, Template] = {}
        depth = path.strip("/").count("/") + 1
        for operation in self.operations:
            template = self._templates.setdefault(operation.path, Template(operation.path, depth))
            template.operations[operation.method] = operation

    def render(self, request: Request) -> Any:
        found = [
            (template, values)
            for template in self._templates.values()
            if (values := template.match(request.postpath)) is not None
        ]
        if not found:
            return respond(request, 404)
        method = request.method.decode("ascii", "replace").replace("HEAD", "GET")
        # A word and a variable part may stand in the same place; the one that has the method is meant.
        found.sort(key=lambda pair: len(pair[1]))
        template, values = next((pair for pair in found if method in pair[0].operations), found[0])
        request.route = template.path
        gone: list[Any] = []
        request.notifyFinish().addErrback(gone.append)
        # Not cancelled when the client goes: what has begun to change is better finished than left half done.
        done = Deferred.fromCoroutine(self._serve(request, template, values))
        done.addCallbacks(self._send, self._fail, callbackArgs=(request, gone), errbackArgs=(request, gone))
        return NOT_DONE_YET

    async def _serve(self, request: Request, template: Template, values: dict[str, bytes]) -> Content:
        call = Call(request, await self._who(request), request.address)
        call.path = read_path(template.parameters, values)
        operation = template.find(request.method.decode("ascii", "replace"), call)
        self._check_rights(operation, call)
        call.query = read_query(operation, request.args)
        if operation.body is not None:
            call.body = read_body(request, operation.body)
        if operation.method != "GET" and has_conditions(request):
            check_conditions(request, await self._current_tag(template, call))
        try:
            reply = await _result(operation, call)
        except Refused:
            if not is_signed_in(call.by):
                raise Unauthorized from None
            raise
        return reply.send or self._answer(request, operation, reply)

    async def _who(self, request: Request) -> Principal:
        if request.principal is not None:
            return request.principal
        return await maybeDeferred(self._identify, request)

    def _check_rights(self, operation: Operation, call: Call) -> None:
        status = refusal(operation.permission, call.by)
        if status == 401:
            raise Unauthorized
        if status:
            self._audit("refused", call.by.name, call.address, method=operation.method, path=operation.path)
            raise Rejected(403, f"This needs the permission {operation.permission.name}")

    async def _current_tag(self, template: Template, call: Call) -> str | None:
        """The validator of what GET would answer now; None if it would not."""
        read = template.operations.get("GET")
        if read is None or refusal(read.permission, call.by):
            return None
        try:
            reply = await _result(read, Call(call.request, call.by, call.address, call.path))
        except CamdError:
            return None
        return reply.etag or tag_of(_content(reply))

    def _answer(self, request: Request, operation: Operation, reply: Reply) -> bytes:
        status = reply.status or operation.success
        content = b"" if status == 204 else _content(reply)
        headers = request.responseHeaders
        headers.setRawHeaders(b"cache-control", [b"no-store"])
        tag = reply.etag or (tag_of(content) if operation.method == "GET" else "")
        if tag:
            headers.setRawHeaders(b"etag", [b'"%b"' % tag.encode()])
        for name, value in reply.headers.items():
            headers.setRawHeaders(name.encode(), [value.encode()])
        if operation.method == "GET" and is_unchanged(request, tag):
            status, content = 304, b""
        request.setResponseCode(status)
        if status not in (204, 304):
            headers.setRawHeaders(b"content-type", [operation.answers[status].type.encode()])
            headers.setRawHeaders(b"content-length", [b"%d" % len(content)])
        return content

    def _send(self, content: Content, request: Request, gone: list[Any]) -> None:
        if callable(content):
            content(request)
        elif not gone:
            request.write(content)
            request.finish()

    def _fail(self, failure: Failure, request: Request, gone: list[Any]) -> None:
        error = failure.value
        if gone and isinstance(error, CamdError):
            return
        if isinstance(error, Invalid):
            error = Rejected(422, str(error), "INVALID_FORMAT", error.key)
        elif isinstance(error, ConfigError):
            error = _rejected(error)
        elif isinstance(error, DeviceError):
            error = Rejected(503, str(error), "CAMERA_NOT_CONNECTED", error.key)
        if not isinstance(error, Rejected):
            render_failure(request, failure)
            return
        details = error.details or ({"key": error.key} if error.key else None)
        headers = {"Allow": error.allow} if isinstance(error, NotAllowed) else None
        body = respond(request, error.status, error.code, str(error), details, headers)
        self._send(body, request, gone)


async def _result(operation: Operation, call: Call) -> Reply:
    assert operation.handler is not None, operation.path
    result = operation.handler(call)
    if isawaitable(result):
        result = await result
    return result if isinstance(result, Reply) else Reply(result)


def _rejected(error: ConfigError) -> Rejected:
    """A configuration that is not valid: the first mistake, and all of them in the details."""
    problems = [
        {"key": problem.key, "message": redact(problem.text), "hint": redact(problem.hint), "where": problem.where}
        for problem in error.problems
    ]
    first = error.problems[0]
    text = ": ".join(part for part in (first.key, redact(first.text)) if part)
    details = {"key": first.key, "problems": problems}
    status, code = status_of(error)
    return Rejected(status, text, code, details=details)


def _content(reply: Reply) -> bytes:
    return reply.content if reply.content is not None else dumps(reply.value).encode()
