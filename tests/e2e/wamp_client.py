"""A WAMP client of its own process, on Twisted or asyncio: does everything once and prints what it saw.

    python wamp_client.py twisted|asyncio URL '{"admin": TOKEN, "viewer": TOKEN}'
    python wamp_client.py twisted URL '{"watcher": TOKEN}'
    python wamp_client.py twisted 'URL?token=TOKEN' '{"listener": ""}'

For each serializer and token one line of JSON: [serializer, name, what it saw]. The watcher goes on watching
after its line, the listener has one more line of the change that it waits for. A script, for a process can
have but one of the two loops.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import sys
from typing import Any

from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallOptions, PublishOptions, SubscribeOptions
from twisted.internet.defer import CancelledError, Deferred

#: What each of them sets: they run at the same time.
LEVELS = {name: f"cameras/other/{level}" for name, level in
          (("cbor", "brightness"), ("msgpack", "contrast"), ("json", "saturation"))}  # fmt: skip
PICTURES = 3


def future(loop: str) -> Any:
    return Deferred() if loop == "twisted" else asyncio.get_running_loop().create_future()


def resolve(waiting: Any) -> None:
    if hasattr(waiting, "callback"):
        waiting.callback(None)
    else:
        waiting.set_result(None)


async def refused(call: Any) -> list[Any]:
    """[URI, details] of the error that a request ends with."""
    try:
        return ["not refused", await call]
    except ApplicationError as error:
        return [error.error, error.kwargs]


async def watch(session: Any, loop: str) -> tuple[list[str], bool]:
    """Digests of some pictures of a stream, and whether it ended when it was canceled."""
    digests: list[str] = []
    enough = future(loop)

    def show(jpeg: bytes, wall: float) -> None:
        digests.append(hashlib.sha256(jpeg).hexdigest())
        if len(digests) == PICTURES:
            resolve(enough)

    call = session.call("camd.stream", "still", options=CallOptions(on_progress=show))
    await enough
    call.cancel()
    try:
        await call
    except (asyncio.CancelledError, CancelledError):
        await session.call("camd.get")  # whatever was sent before it has come
        return digests[:PICTURES], True
    return digests[:PICTURES], False


async def admin(session: Any, level: str, loop: str) -> dict[str, Any]:
    """What somebody sees who may do everything."""
    retained: dict[str, Any] = {}
    changes: list[Any] = []
    changed = future(loop)

    def event(value: Any, state: str, rev: int, details: Any) -> None:
        if details.retained:
            retained[state] = [value, details.topic]
        elif state == level:
            changes.append([value, rev])
            resolve(changed)

    before = await session.call("camd.get", level)
    options = SubscribeOptions(match="prefix", get_retained=True, details=True)
    subscription = await session.subscribe(event, "camd.state.cameras.other.", options)
    new = before["values"][level] % 90 + 1
    answer = await session.call("camd.set", {level: new})
    await changed
    wrong = await refused(session.call("camd.set", {level: 101}))
    jpeg = await session.call("camd.snapshot", "still")
    digests, ended = await watch(session, loop)
    seen = {
        "set": [new, answer["values"][level], changes[0][0], changes[0][1] == answer["rev"]],
        "retained": retained,
        "wrong": wrong,
        "snapshot": [type(jpeg).__name__, hashlib.sha256(jpeg).hexdigest()],
        "stream": [digests, ended],
        "register": await refused(session.register(lambda: None, "camd.mine")),
        "publish": await refused(
            session.publish("camd.state.cameras.other.x", 1, options=PublishOptions(acknowledge=True))
        ),
        "unknown": await refused(session.call("camd.nothing")),
    }
    await subscription.unsubscribe()
    return seen


async def viewer(session: Any, level: str) -> dict[str, Any]:
    """What somebody sees who may only look."""
    return {
        "get": sorted((await session.call("camd.get", level, "plugins/*"))["values"]),
        "set": await refused(session.call("camd.set", level, 5)),
        "subscribe": await refused(session.subscribe(lambda: None, "camd.state.plugins.wamp")),
    }


async def watcher(session: Any, loop: str) -> dict[str, Any]:
    """Somebody who begins to watch."""
    first = future(loop)
    pictures: list[bytes] = []

    def show(jpeg: bytes, wall: float) -> None:
        pictures.append(jpeg)
        if len(pictures) == 1:
            resolve(first)

    session.call("camd.stream", "still", options=CallOptions(on_progress=show))
    await first
    return {"pictures": len(pictures)}


async def listener(session: Any, tell: Any) -> None:
    """Somebody who waits for a change; tell(what): prints it."""

    def changed(value: Any, state: str, rev: int) -> None:
        tell({"changed": [state, value, rev]})
        session.leave()

    await session.subscribe(changed, "camd.state.cameras.other.sharpness")
    tell({"listens": True})


def main(loop: str, url: str, tokens: dict[str, str]) -> None:
    module = importlib.import_module(f"autobahn.{loop}.component")

    def component(serializer: str, name: str) -> Any:
        one = module.Component(
            transports=[{"type": "websocket", "url": url, "serializers": [serializer], "max_retries": 0}],
            realm="camd",
            authentication={"ticket": {"authid": name, "ticket": tokens[name]}} if tokens[name] else None,
        )

        def tell(seen: dict[str, Any]) -> None:
            print(json.dumps([serializer, name, seen], default=repr), flush=True)

        @one.on_join
        async def joined(session: Any, details: Any) -> None:
            level, who = LEVELS[serializer], {"who": [details.authid, details.authmethod]}
            try:
                if name == "admin":
                    tell(await admin(session, level, loop) | who)
                elif name == "viewer":
                    tell(await viewer(session, level) | who)
                elif name == "watcher":
                    tell(await watcher(session, loop) | who)
                    return
                else:
                    await listener(session, lambda seen: tell(seen | who))
                    return
            except Exception as error:
                tell({"failed": repr(error)})
            session.leave()

        return one

    module.run([component(serializer, name) for serializer in LEVELS for name in tokens], log_level=None)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
