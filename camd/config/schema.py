"""The keys of the configuration, read from the dataclasses that hold it: one truth for code, checks and docs.

A field with `about` metadata is a key; one with "table" is a table with fixed keys; one with "tables" is a
table of tables whose names the user chooses (`[cameras.<id>]`). Other fields are not configuration.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any

from .values import Kind

#: In a tree or a key's name: a name of the user's choice.
ANY = "<id>"


class Effect(Enum):
    """When a changed value counts, once the configuration is read again (SIGHUP)."""

    LIVE = "live"
    CAMERA = "restarts camera"
    LISTENER = "restarts listener"
    DAEMON = "restarts daemon"


@dataclass(frozen=True, slots=True)
class Key:
    """One key. name: dotted path, "cameras.<id>.source"; shown: its default in words for people."""

    name: str
    kind: Kind
    effect: Effect
    doc: str
    default: Any
    shown: str


#: Nested tables with a Key at each leaf.
Tree = dict[str, "Key | Tree"]


def about(kind: Kind, effect: Effect, doc: str, *, shown: str = "") -> dict[str, Any]:
    """Metadata that makes a dataclass field a key; shown: its default in words, where TOML cannot say it."""
    return {"kind": kind, "effect": effect, "doc": doc, "shown": shown}


def tree_of(cls: type, prefix: str = "") -> Tree:
    """The keys of a configuration dataclass, by name and table."""
    tree: Tree = {}
    for item in fields(cls):
        name, meta = prefix + item.name, item.metadata
        if "kind" in meta:
            default = None if item.default is MISSING else item.default
            shown = meta["shown"] or ("required" if item.default is MISSING else to_toml(default))
            tree[item.name] = Key(name, meta["kind"], meta["effect"], meta["doc"], default, shown)
        elif "table" in meta:
            tree[item.name] = tree_of(meta["table"], name + ".")
        elif "tables" in meta:
            tree[item.name] = {ANY: tree_of(meta["tables"], f"{name}.{ANY}.")}
    return tree


def keys_of(tree: Tree) -> Iterator[Key]:
    """Every key, in the order of declaration."""
    for node in tree.values():
        if isinstance(node, Key):
            yield node
        else:
            yield from keys_of(node)


def key_of(keys: tuple[str, ...], tree: Tree) -> Key | None:
    """The Key at this path; None if there is none."""
    node: Key | Tree = tree
    for name in keys:
        if isinstance(node, Key):
            return None
        found = node.get(ANY, node.get(name))
        if found is None:
            return None
        node = found
    return node if isinstance(node, Key) else None


def values_of(table: Any, node: Key | Tree, name: str = "") -> Iterator[tuple[str, Key, Any]]:
    """Every value that a configuration holds: its dotted name, its Key, the value."""
    if isinstance(node, Key):
        yield name, node, table
    elif ANY in node:
        for chosen, below in table.items():
            yield from values_of(below, node[ANY], f"{name}.{chosen}")
    else:
        for field, below in node.items():
            yield from values_of(getattr(table, field), below, f"{name}.{field}" if name else field)


def suggest(name: str, siblings: Tree, tree: Tree) -> str:
    """What somebody who wrote `name` may have meant, in words; "" without an idea."""
    near = difflib.get_close_matches(name, [known for known in siblings if known != ANY], 1, 0.6)
    if near:
        return f'did you mean "{near[0]}"?'
    elsewhere = [known.name for known in keys_of(tree) if known.name.rpartition(".")[2] == name]
    if elsewhere:
        return f'did you mean "{elsewhere[0]}"?'
    return "known here: " + ", ".join(siblings)


def to_toml(value: Any) -> str:
    """A checked value as one would write it in the file; None is off or not set."""
    if value is None:
        return '""'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | Path):
        escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
    if isinstance(value, tuple) and value and isinstance(value[0], int):
        return f'"{value[0]}x{value[1]}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(to_toml(item) for item in value) + "]"
    return str(value)
