"""The procedures: what a client can call, and what it gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from camd.errors import Invalid

from .codec import plain
from .pictures import SNAPSHOT_ARGUMENTS, Pictures

if TYPE_CHECKING:
    from camd.app import App

    from .session import Session

#: (session, positional arguments, keyword arguments) -> result
Procedure = Callable[["Session", Sequence[Any], dict[str, Any]], Awaitable[Any]]
_ROOT = "camd."
STREAM = "camd.stream"


class Procedures:
    """Calls by their URI. What concerns the state has the code of POST /api behind it."""

    def __init__(self, app: App, pictures: Pictures):
        self._app = app
        self._pictures = pictures
        self._own: dict[str, Procedure] = {
            "camd.get": self._get,
            "camd.set": self._set,
            "camd.schema": self._schema,
            "camd.snapshot": self._snapshot,
        }

    def find(self, uri: str) -> Procedure | None:
        """The procedure, None if there is no such."""
        if uri in self._own:
            return self._own[uri]
        method = self._app.extensions.methods.get(uri.removeprefix(_ROOT)) if uri.startswith(_ROOT) else None
        if method is None:
            return None

        async def call(session: Session, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
            arguments = plain(bind(tuple(method.args), args, kwargs))
            answer = await self._app.api.ask({"call": method.name, "args": arguments}, session)
            return answer["result"]

        return call

    async def _get(self, session: Session, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """camd.get(name or "prefix*", ...) -> {"values": {name: value}, "rev": n, "boot": id}"""
        bind((), (), kwargs)
        return await self._app.api.ask({"get": list(args)}, session)

    async def _set(self, session: Session, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """camd.set({name: value, ...}) or camd.set(name, value) -> {"values": {name: readback}, "rev": n}"""
        bind((), (), kwargs)
        if len(args) == 2 and isinstance(args[0], str):
            args = ({args[0]: args[1]},)
        if len(args) != 1 or not isinstance(args[0], dict) or not args[0]:
            raise Invalid("", "the argument is a map of names and values")
        values = await self._app.api.set(plain(args[0]), session.by, address=session.address)
        return {"values": values, "rev": self._app.state.rev}

    async def _schema(self, session: Session, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """camd.schema() -> {name: Spec}"""
        bind((), args, kwargs)
        return (await self._app.api.ask({"schema": True}, session))["schema"]

    async def _snapshot(self, session: Session, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """camd.snapshot(camera, quality, max_age) -> JPEG"""
        return await self._pictures.snapshot(session, bind(SNAPSHOT_ARGUMENTS, args, kwargs))


def bind(names: tuple[str, ...], args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name, given by position or by keyword; raises Invalid if there are others. Pure."""
    arguments = dict(zip(names, args, strict=False))
    wrong = kwargs.keys() - set(names) or kwargs.keys() & arguments.keys()
    if len(args) > len(names) or wrong:
        raise Invalid(min(wrong, default=""), f"the arguments are {', '.join(names) or 'none'}")
    return arguments | kwargs
