"""The topics of the state: `cameras/cam1/brightness` is published as `camd.state.cameras.cam1.brightness`.

A "." within a name looks like a "/" in its topic; every event carries the name as well.
"""

from __future__ import annotations

from collections.abc import Callable

from camd.errors import CamdError

_ROOT = "camd.state."


class InvalidUri(CamdError):
    """No topic of ours can be meant by this."""

    def __init__(self, uri: str):
        super().__init__(f"{uri[:200]}: topics begin with {_ROOT}")


def topic_of(name: str) -> str:
    """The topic of a state name. Pure."""
    return _ROOT + name.replace("/", ".")


def name_of(topic: str) -> str:
    """The name that a topic has, if there is no "." in it. Pure."""
    return topic.removeprefix(_ROOT).replace(".", "/")


def matcher(match: str, uri: str) -> Callable[[str], bool]:
    """Whether a topic is meant (WAMP, "Pattern-based Subscriptions"). match: exact, prefix or wildcard. Pure.

    Raises InvalidUri if none ever could be.
    """
    if match == "prefix":
        if not uri.startswith(_ROOT[: len(uri)]):
            raise InvalidUri(uri)
        return lambda topic: topic.startswith(uri)
    if match == "wildcard":
        parts = uri.split(".")
        if len(parts) < 4 or any(part not in ("", root) for part, root in zip(parts, _ROOT.split(".")[:2])):
            raise InvalidUri(uri)
        return lambda topic: _fits(parts, topic.split("."))
    if not uri.startswith(_ROOT):
        raise InvalidUri(uri)
    return lambda topic: topic == uri


def _fits(parts: list[str], others: list[str]) -> bool:
    return len(parts) == len(others) and all(part in ("", other) for part, other in zip(parts, others))
