"""Changing: what the API may change of the configuration, with the rules that files and commands do not need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...auth.camera_login import seal_login
from ...config.source_url import shown_source, split_login
from ...config.store import Edits
from ...errors import Invalid, Refused, Unsupported
from ...state.permission import Permission
from .operation import Call, Rejected
from .schema import component, listing, record, text

if TYPE_CHECKING:
    from ...app import App
    from ...config import Effect

WRITE = Permission.System_rw
#: Stands for a secret that is there; whoever sends it back means the same one.
HIDDEN = "***"
CHANGED = component(
    "ConfigChange",
    record(
        {
            "changed": {
                "type": "object",
                "additionalProperties": text("live, restarts camera, restarts listener, restarts daemon"),
                "description": "Dotted key -> what the change touches",
            },
            "waiting": listing(text(most=4096), doc="Keys that count from the next start of camd on"),
        }
    ),
)


class Changing:
    """Changes in the name of whoever calls."""

    def __init__(self, app: App):
        self._app = app

    async def edit(self, call: Call, edits: Edits, event: str, **fields: Any) -> dict[str, Effect]:
        """Write and bring into force, all or nothing. event, fields: for the audit log."""
        self._check_guest(call, edits)
        return await self._app.configuration.change(edits, call.by.name, call.address, event, **fields)

    async def camera(self, call: Call, camera: str, values: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
        """The edits that give a camera these values; None takes one back. Raises Refused, Invalid, Unsupported, and
        Rejected for what must not come in clear."""
        self.check_camera(call, camera)
        self.check_values(call, values)
        # What is shown without its secrets, and comes back like that, was not changed.
        now = self._app.configuration.configured.cameras.get(camera)
        same = {"password": HIDDEN, "source": None if now is None else shown_source(now.source)}
        values = {key: value for key, value in values.items() if value is None or value != same.get(key)}
        if values.get("source") is not None:
            self.check_camera(call, "")  # all that camd can see could be shown as a camera of one's own
        sealed = await self._app.threads.io(seal_login, self._app.config.data_dir, camera, values)
        return {("cameras", camera, key): value for key, value in sealed.items()}

    def check_camera(self, call: Call, camera: str) -> None:
        """Whoever may lead camd to an address, and learn what is there, may do so for this camera."""
        if not call.by.may(WRITE, f"cameras/{camera}/"):
            raise Refused(f"cameras/{camera}", WRITE)

    def check_values(self, call: Call, values: Mapping[str, Any]) -> None:
        if values.get("password_file") is not None:
            # It would be sent, as a password, to wherever the source leads.
            raise Invalid("password_file", "is set in files and by commands only; give the password itself")
        source, password = values.get("source"), values.get("password")
        if isinstance(source, str):
            if ":" in source and not self._app.cameras.knows(source):
                kinds = ", ".join(self._app.cameras.kinds)
                raise Unsupported(f"source: there is no such kind of source; there are {kinds}")
            password = split_login(source)[2] or password
        way = call.request.way
        if password and password != HIDDEN and not (way.secure or way.is_local):
            raise Rejected(403, "This password has come in clear, so others may know it: send it by HTTPS")

    def _check_guest(self, call: Call, edits: Edits) -> None:
        """Nobody gives rights to everybody who may not give them to a user."""
        key = ("auth", "guest")
        given = edits.get(key) or []
        if key not in edits:
            return
        if not call.by.may(Permission.User_rw) or call.by.cameras is not None:
            raise Refused("auth.guest", Permission.User_rw)
        for name in given if isinstance(given, list) else ():
            if name in Permission.__members__ and not call.by.may(Permission[name]):
                raise Refused("auth.guest", Permission[name])

    def answer(self, effects: Mapping[str, Effect]) -> dict[str, Any]:
        return {
            "changed": {name: effect.value for name, effect in effects.items()},
            "waiting": self._app.configuration.waiting,
        }
