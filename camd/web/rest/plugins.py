"""/api/plugins: what extends this camd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import Gone
from ...state.permission import Permission
from .operation import Answer, Call, Operation, Parameter
from .schema import BOOLEAN, component, listing, record, text

if TYPE_CHECKING:
    from ...plugins import PluginInfo, Plugins

_PLUGIN = component(
    "Plugin",
    record(
        {
            "name": text(),
            "state": {"type": "string", "enum": ["ok", "alert", "blocked"]},
            "reason": text("Why it does not run, and what helps", most=4096),
            "module": text(most=1024),
            "distribution": text("The package that brings it"),
            "version": text(),
            "core": {**BOOLEAN, "description": "A part of camd itself that uses the plugin hooks"},
        }
    ),
)
_NAME = Parameter("name", text(least=1), "The name of the plugin", "path")


class PluginsNoun:
    """The plugins with their state."""

    def __init__(self, plugins: Plugins):
        self._plugins = plugins

    def operations(self) -> list[Operation]:
        read = Permission.System_r
        return [
            Operation(
                "GET",
                "/api/plugins",
                read,
                "List the plugins",
                {200: Answer("In the order in which they are called", record({"plugins": listing(_PLUGIN)}))},
                self.list,
            ),
            Operation(
                "GET",
                "/api/plugins/{name}",
                read,
                "Read a plugin",
                {200: Answer("The plugin", _PLUGIN)},
                self.read,
                parameters=(_NAME,),
            ),
        ]

    def list(self, call: Call) -> Any:
        return {"plugins": [_shown(info) for info in self._plugins]}

    def read(self, call: Call) -> Any:
        for info in self._plugins:
            if info.name == call.path["name"]:
                return _shown(info)
        raise Gone("There is no plugin of this name")


def _shown(info: PluginInfo) -> dict[str, Any]:
    return {
        key: getattr(info, key)
        for key in ("name", "state", "reason", "module", "distribution", "version", "core")
    }
