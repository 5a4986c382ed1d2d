"""The language of /api/v1: flat objects of keys and values.

    in                                        out
    {"<key>": v, ...}                         {"<key>": v, ..., "info": [keys]}    all or nothing
    {"get": [keys]} or {"info": [keys]}       {"<key>": v, ...}
    a change, to every reader                 {"<key>": v}
    anything wrong                            {"error": text, "key": key, "message": reason}

An "id" is echoed. Signing in is the business of whoever carries the messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from camd.errors import Invalid, Refused

from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from camd.app import App

QUERIES = ("get", "info")


class Dialect:
    """Answers the messages of /api/v1 from the State. Reactor thread only."""

    def __init__(self, app: App):
        self.vocabulary = Vocabulary(app, native=False)
        self._api = app.api

    async def ask(self, message: Any, session: Any) -> dict[str, Any]:
        """The answer to one decoded message; raises CamdError."""
        if not isinstance(message, dict):
            raise Invalid("", "a message is a JSON object")
        if not isinstance(message.get("id"), int | str | float | None):
            raise Invalid("id", "an id is a number or a text")
        body = {key: value for key, value in message.items() if key != "id"}
        for query in QUERIES:
            if query in body:
                if extra := body.keys() - {query}:
                    raise Invalid(min(extra), f"does not belong into one message with {query!r}")
                return self._read(query, body[query], session)
        if not body:
            raise Invalid("", "the message is empty")
        for key in body:
            self._find(key)
        done = await self._api.set(body, session.by, self.vocabulary)
        return {**done, "info": list(done)}

    def _read(self, query: str, keys: Any, session: Any) -> dict[str, Any]:
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise Invalid(query, "Value must be a list of keys")
        words = [self._find(key) for key in dict.fromkeys(keys)]
        for word in words:
            if not word.may_read(session.by):
                raise Refused(word.name, word.key.read)
        return {word.name: word.get(session.by) for word in words}

    def _find(self, key: str) -> Any:
        word = self.vocabulary.find(key)
        if word is None:
            raise Invalid(key, "is no key of /api/v1")
        return word
