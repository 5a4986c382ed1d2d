"""/api/config: what this camd was told, and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config.model import SCHEMA
from ...config.schema import Key, values_of
from ...log import redact
from ...state.permission import Permission
from .operation import Answer, Call, Operation, Parameter
from .schema import BOOLEAN, component, nullable, record, text

if TYPE_CHECKING:
    from ...app import App

_SETTING = component(
    "Setting",
    record(
        {
            "value": {"description": "As in the file; passwords are blotted out, null is off or not set"},
            "origin": text(
                "built-in, a file with its line, a variable of the environment, or an option", most=4096
            ),
            "fixed": {
                **BOOLEAN,
                "description": "Given by environment or command line, so it cannot change at run time",
            },
            "effect": text(
                "What a change touches: live, restarts camera, restarts listener, restarts daemon"
            ),
            "doc": text("What it means", most=4096),
        }
    ),
)
_CONFIG = component(
    "Config",
    record(
        {
            "file": nullable(text(most=4096), "The main file"),
            "data_dir": text("Where camd keeps what must survive a restart", most=4096),
            "values": {
                "type": "object",
                "additionalProperties": _SETTING,
                "description": "Dotted key -> its setting",
            },
        }
    ),
)
_TABLES = [name for name, node in SCHEMA.items() if not isinstance(node, Key)]
_SECTION = Parameter("section", {"type": "string", "enum": _TABLES}, "A table of the configuration", "path")


class ConfigNoun:
    """The effective configuration. Read only, without secrets."""

    def __init__(self, app: App):
        self._app = app

    def operations(self) -> list[Operation]:
        read = Permission.System_r
        return [
            Operation(
                "GET",
                "/api/config",
                read,
                "Read the configuration",
                {200: Answer("Every key with its value and where it comes from", _CONFIG)},
                self.read,
            ),
            Operation(
                "GET",
                "/api/config/{section}",
                read,
                "Read a table of the configuration",
                {200: Answer("Its keys and values", {"type": "object"})},
                self.section,
                parameters=(_SECTION,),
            ),
        ]

    def read(self, call: Call) -> Any:
        config = self._app.config
        return {
            "file": None if config.file is None else str(config.file),
            "data_dir": str(config.data_dir),
            "values": {
                name: {
                    "value": value,
                    "origin": config.origins.get(name, "built-in"),
                    "fixed": name in config.fixed,
                    "effect": key.effect.value,
                    "doc": key.doc,
                }
                for name, key, value in self._values(call)
            },
        }

    def section(self, call: Call) -> Any:
        wanted = call.path["section"]
        found: dict[str, Any] = {}
        for name, _, value in self._values(call):
            table, *parts = name.split(".")
            if table != wanted or not parts:
                continue
            node = found
            for part in parts[:-1]:
                node = node.setdefault(part, {})
            node[parts[-1]] = value
        return found

    def _values(self, call: Call) -> Iterator[tuple[str, Key, Any]]:
        for name, key, value in values_of(self._app.config, SCHEMA):
            table, *parts = name.split(".")
            if table != "cameras" or call.by.may(Permission.System_r, f"cameras/{parts[0]}/"):
                yield name, key, shown(value)


def shown(value: Any) -> Any:
    """A value as JSON, with passwords and tokens in addresses blotted out."""
    if isinstance(value, tuple) and value and isinstance(value[0], int):
        return f"{value[0]}x{value[1]}"
    if isinstance(value, tuple):
        return [shown(item) for item in value]
    if isinstance(value, str | Path):
        return redact(str(value))
    return value
