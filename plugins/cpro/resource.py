"""Resources of the product's routes: functions that answer with JSON, and camd's own under other names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from types import MethodType
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.error import UnsupportedMethod
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from camd.errors import CamdError, Gone, Invalid

from .limits import Limit

#: What a docstring begins with: the method, the path, the body.
_CALLED = re.compile(r"[A-Z]+ /\S*( \{.*\})?: ")
#: Answers one request: a JSON value or a Reply, or a coroutine of one. Raises CamdError.
Answer = Callable[[Any], Any]
#: The same, or the method of a class that becomes one.
Told = TypeVar("Told", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with another status than 200. value None: no body."""

    status: int
    value: Any = None


def tells(answers: Mapping[int, Any], body: Any = None) -> Callable[[Told], Told]:
    """Says for the documentation of the API what a function answers (a text, or a text and a JSON Schema), and what
    the body must be: a JSON Schema, or a method that gives it for who reads. Without it that is one answer, 200. A
    body without a member that it needs may be left out."""

    def note(answer: Told) -> Told:
        answer.answers, answer.body = answers, body  # type: ignore[attr-defined]
        return answer

    return note


class Endpoint(Resource):
    """A leaf with one function for each method. below: paths below its own are for it, too. described: what
    the documentation of the API says of it."""

    isLeaf = True

    def __init__(self, limit: Limit, below: bool = False, **methods: Answer):
        super().__init__()
        self._limit = limit
        self._below = below
        self._methods = {name.encode(): answer for name, answer in methods.items()}
        self.described = {name: _described(answer) for name, answer in methods.items()}

    def render(self, request: Any) -> Any:
        if request.postpath and not self._below:
            raise Gone("Not found")
        answer = self._methods.get(request.method)
        if answer is None:  # HEAD too: the request turns it into GET
            raise UnsupportedMethod(list(self._methods))
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        # Not cancelled when the client goes: what has begun to change is better finished than left half done.
        done = Deferred.fromCoroutine(self._answer(answer, request))
        done.addCallback(lambda reply: None if gone else _send(request, reply))
        done.addErrback(lambda failure: _failed(failure, request, gone))
        return NOT_DONE_YET

    async def _answer(self, answer: Answer, request: Any) -> Any:
        self._limit.charge(request.address)
        value = answer(request)
        return await value if isawaitable(value) else value


class Elsewhere(Resource):
    """A resource of camd's with the product's rate limit. stands_for: the path that camd has for it;
    described: as in Endpoint, if it stands for none."""

    isLeaf = True

    def __init__(
        self,
        limit: Limit,
        resource: IResource,
        stands_for: str = "",
        described: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        self.stands_for = stands_for
        self.described = described
        self._limit = limit
        self._resource = resource

    def render(self, request: Any) -> Any:
        self._limit.charge(request.address)
        if any(request.postpath) and not self._resource.isLeaf:
            raise Gone("Not found")
        return self._resource.render(request)


def body_of(request: Any) -> dict[str, Any]:
    """The JSON object in the body; an empty one without a body. Raises Invalid."""
    if not request.content.getbuffer().nbytes:
        return {}
    body = request.read_json()
    if not isinstance(body, dict):
        raise Invalid("", "the body must be a JSON object")
    return body


def field(body: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    """A member of the body of this type. Raises Invalid if it is another, or is needed and not there."""
    value = body.get(name, default)
    if value is default and default is not None:
        return value
    if type(value) is not kind:
        raise Invalid(name, f"Value must be of type {kind.__name__}")
    return value


def _described(answer: Answer) -> dict[str, Any]:
    text = " ".join((answer.__doc__ or "").split())
    what = _CALLED.sub("", text).partition(". ")[0].removesuffix(".")
    body = getattr(answer, "body", None)
    if callable(body):  # a method, which knows the instance only now
        body = MethodType(body, answer.__self__)  # type: ignore[attr-defined]
    return {
        "summary": what[:1].upper() + what[1:],
        "answers": getattr(answer, "answers", {200: "Done"}),
        "body": body,
        "optional": callable(body) or (body is not None and not body.get("required")),
    }


def _send(request: Any, reply: Any) -> None:
    if not isinstance(reply, Reply):
        request.send_json(reply)
    elif reply.value is not None:
        request.send_json(reply.value, reply.status)
    else:
        request.setResponseCode(reply.status)
        request.finish()


def _failed(failure: Failure, request: Any, gone: list[Failure]) -> None:
    if not (gone and failure.check(CamdError)):
        request.processingFailed(failure)
