"""/api/config: what this camd was told, by whom, and how that is changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config.model import SCHEMA
from ...config.schema import Key, key_of, values_of
from ...config.secret import Secret
from ...config.source_url import shown_source
from ...errors import Invalid
from ...state.permission import Permission
from .changing import CHANGED, HIDDEN, WRITE, Changing
from .operation import Answer, Call, Operation, Parameter
from .schema import BOOLEAN, component, listing, nullable, record, text

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
            "waiting": listing(text(most=4096), doc="Keys that count from the next start of camd on"),
        }
    ),
)
#: The section of the keys that stand in no table.
GENERAL = "general"
_SECTIONS = [GENERAL, *(name for name, node in SCHEMA.items() if not isinstance(node, Key))]
_SECTION = Parameter(
    "section", {"type": "string", "enum": _SECTIONS}, "A table of the configuration, or `general`", "path"
)
_PATH = "/api/config/{section}"
_VALUES = {"type": "object", "description": "Key -> value as in the file; null takes back what was set here"}
_DOC = (
    "All or nothing, and written to the run-time store. A key that the environment or the command line sets "
    "is refused. Passwords go in and never come out."
)


class ConfigNoun:
    """The configuration, without its secrets."""

    def __init__(self, app: App):
        self._app = app
        self._changing = Changing(app)

    def operations(self) -> list[Operation]:
        read, place = Permission.System_r, (_SECTION,)
        changed = {
            200: Answer("What was changed", CHANGED),
            409: Answer("A key is set elsewhere, or a port is in use"),
            422: Answer("It is not valid; `details` has every reason"),
        }
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
                _PATH,
                read,
                "Read a table of the configuration",
                {200: Answer("Its keys and values", {"type": "object"})},
                self.section,
                parameters=place,
            ),
            Operation(
                "PATCH",
                _PATH,
                WRITE,
                "Change some keys of a table",
                changed,
                self.change,
                _DOC,
                place,
                _VALUES,
            ),
            Operation(
                "PUT",
                _PATH,
                WRITE,
                "Change a table",
                changed,
                self.replace,
                f"{_DOC} What is not in the body is taken back, as far as it was set here.",
                place,
                _VALUES,
            ),
        ]

    def read(self, call: Call) -> Any:
        config = self._app.configuration.configured
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
            "waiting": self._app.configuration.waiting,
        }

    def section(self, call: Call) -> Any:
        wanted = call.path["section"]
        found: dict[str, Any] = {}
        for name, _, value in self._values(call):
            table, *parts = name.split(".") if "." in name else (GENERAL, name)
            if table != wanted:
                continue
            node = found
            for part in parts[:-1]:
                node = node.setdefault(part, {})
            node[parts[-1]] = value
        return found

    async def change(self, call: Call) -> Any:
        return await self._write(call, await self._edits(call))

    async def replace(self, call: Call) -> Any:
        edits = await self._edits(call)
        section, body = call.path["section"], call.body
        for name, _, value in self._values(call):
            table, *keys = name.split(".") if "." in name else (GENERAL, name)
            if table != section or not self._app.configuration.was_changed(name):
                continue
            given = body.get(keys[0], {}) if table == "cameras" else body
            if table == "cameras" and keys[0] not in body:
                self._changing.check_camera(call, keys[0])
                edits["cameras", keys[0]] = None
            elif given is not None and keys[-1] not in given and value != HIDDEN:
                edits[tuple(name.split("."))] = None
        return await self._write(call, edits)

    async def _edits(self, call: Call) -> dict[tuple[str, ...], Any]:
        """The body as edits: keys -> value."""
        section, edits = call.path["section"], {}
        for name, value in call.body.items():
            if section != "cameras":
                keys = (name,) if section == GENERAL else (section, name)
                if key_of(keys, SCHEMA) is None:
                    known = ", ".join(self._names(section))
                    raise Invalid(".".join(keys), f"there is no such key; there are {known}")
                edits[keys] = value
            elif value is None:
                self._changing.check_camera(call, name)
                edits["cameras", name] = None
            elif isinstance(value, dict):
                edits |= await self._changing.camera(call, name, value)
            else:
                raise Invalid(f"cameras.{name}", "expected an object with the keys of a camera, or null")
        return edits

    async def _write(self, call: Call, edits: dict[tuple[str, ...], Any]) -> Any:
        return self._changing.answer(await self._changing.edit(call, edits, "config_change"))

    def _names(self, section: str) -> list[str]:
        table = SCHEMA if section == GENERAL else SCHEMA[section]
        return [name for name, node in table.items() if isinstance(node, Key)]

    def _values(self, call: Call) -> Iterator[tuple[str, Key, Any]]:
        for name, key, value in values_of(self._app.configuration.configured, SCHEMA):
            table, *parts = name.split(".")
            if table != "cameras" or call.by.may(Permission.System_r, f"cameras/{parts[0]}/"):
                yield name, key, shown(value)


def shown(value: Any) -> Any:
    """A value as JSON, with passwords and tokens in addresses blotted out."""
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, tuple) and value and isinstance(value[0], int):
        return f"{value[0]}x{value[1]}"
    if isinstance(value, tuple):
        return [shown(item) for item in value]
    if isinstance(value, str | Path):
        return shown_source(str(value))
    return value
