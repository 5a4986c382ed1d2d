"""A change of the configuration at run time: checked as a whole, then written to the run-time store."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError, Conflict, Problem
from .model import BUILT_IN, SCHEMA, CameraConfig, Config
from .reading import LOGIN
from .schema import key_of, values_of
from .source_url import same_server
from .store import Edits, RuntimeStore, edited
from .values import Unfit

#: Reads the configuration, with this text in the run-time store instead of what it holds.
Read = Callable[[str | None], Config]
_Keys = tuple[str, ...]


class Elsewhere(ConfigError, Conflict):
    """A key is set where camd does not write, so the run-time store cannot say otherwise."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was written. before: the store's text as it was, to take it back; keys: what was changed in it."""

    before: str
    old: Config
    new: Config
    keys: tuple[str, ...]


def write_change(
    store: RuntimeStore, read: Read, edits: Edits, found: Callable[[], CameraConfig] | None = None
) -> Change:
    """Write these edits to the run-time store if the configuration is valid with them. Blocks.

    found: the camera that camd uses while none is configured; it is written, too, before another joins it.
    Raises ConfigError with every reason why not, and then nothing was changed.
    """
    with store.locked():
        before = store.read()
        old = read(before)
        edits = dict(_news(edits, old))
        edits |= _forgotten_logins(edits, old, str(store.path))
        if found is not None and not old.cameras:
            edits = {**_explicit(edits, found), **edits}
        problems = list(_fixed(edits, old))
        if problems:
            raise Elsewhere(problems)
        if not edits:
            return Change(before, old, old, ())
        text = edited(before, edits)
        new = read(text)
        problems = list(_not_removed(edits, old, new))
        if problems:
            raise Elsewhere(problems)
        store.write(text)
    return Change(before, old, new, tuple(".".join(keys) for keys in edits))


def free_id(taken: Collection[str]) -> str:
    """The next camera id: cam1, cam2, ..."""
    return next(name for number in itertools.count(1) if (name := f"cam{number}") not in taken)


def _news(edits: Edits, old: Config) -> Iterator[tuple[_Keys, Any]]:
    """The edits without those that change nothing: they would only take over into the store what is so anyway."""
    values = {name: value for name, _, value in values_of(old, SCHEMA)}
    for keys, value in edits.items():
        known, name = key_of(keys, SCHEMA), ".".join(keys)
        if known is not None and value is None and not _is_given(old.origins.get(name, BUILT_IN)):
            continue
        if known is not None and value is not None and name in values:
            try:
                if known.kind.check(value) == values[name]:
                    continue
            except Unfit:
                pass  # told when the whole is checked
        yield keys, value


def _forgotten_logins(edits: Edits, old: Config, store: str) -> dict[_Keys, None]:
    """Logins in the store of cameras that are led to another server; see `reading`."""
    found: dict[_Keys, None] = {}
    for keys, value in edits.items():
        camera = old.cameras.get(keys[1]) if keys[::2] == ("cameras", "source") else None
        if camera is None or value is None or same_server(camera.source, str(value)):
            continue
        for key in LOGIN:
            path = (*keys[:2], key)
            if path not in edits and old.origins.get(".".join(path), "").startswith(store):
                found[path] = None
    return found


def _explicit(edits: Edits, found: Callable[[], CameraConfig]) -> dict[_Keys, Any]:
    """The camera that was found by itself, if a camera is configured now."""
    if not any(keys[0] == "cameras" and value is not None for keys, value in edits.items()):
        return {}
    camera = found()
    return {("cameras", camera.id, "source"): camera.source}


def _fixed(edits: Edits, old: Config) -> Iterator[Problem]:
    for keys in edits:
        name = ".".join(keys)
        for fixed in sorted(old.fixed):
            if fixed == name or fixed.startswith(name + "."):
                where = old.origins[fixed]
                text = f"is set by {where}, which wins over what is changed at run time"
                yield Problem(where, fixed, text, "change it there, or remove it and restart camd")


def _not_removed(edits: Edits, old: Config, new: Config) -> Iterator[Problem]:
    """What was to be removed and is still there, for it stands in a file that camd does not write."""
    for keys in (keys for keys, value in edits.items() if value is None):
        name = ".".join(keys)
        if key_of(keys, SCHEMA):
            origin = "" if old.origins.get(name) != new.origins.get(name) else new.origins.get(name, "")
        else:
            origin = next((at for key, at in new.origins.items() if key.startswith(name + ".")), "")
        if origin and _is_given(origin):
            hint = "change it there" if key_of(keys, SCHEMA) else "remove it there, or set enabled = false"
            yield Problem(origin, name, f"stands in {origin}, which camd does not change", hint)


def _is_given(origin: str) -> bool:
    return origin != BUILT_IN and not origin.startswith("preset ")
