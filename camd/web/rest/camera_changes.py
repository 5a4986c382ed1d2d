"""/api/cameras: adding, changing and removing cameras, and looking what is in a source before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from ...config import CameraConfig
from ...config.change import free_id
from ...config.source_url import shown_source, split_login
from ...config.values import FORMATS, Unfit
from ...config.values import source as source_kind
from ...errors import Conflict, Gone, Invalid, RateLimited
from ...media.trial import Trial
from .cameras import CAMERA, ID
from .changing import CHANGED, WRITE, Changing
from .operation import Answer, Call, Operation, Reply
from .schema import BOOLEAN, Schema, component, listing, nullable, record, text

if TYPE_CHECKING:
    from ...app import App

#: A source that has not answered after so long is not waited for (seconds).
PATIENCE = 15.0
#: Sources that are looked at at the same time; one that hangs keeps its place and a thread.
TRIALS = 3

_SOURCE = text(
    "kind:address, as in the configuration; a login in a URL is taken out of it",
    most=4096,
    pattern="^[a-z][a-z0-9+.-]*:",
)
_LOGIN: dict[str, Schema] = {
    "username": text("Whom a network camera knows camd as"),
    "password": text("For it; encrypted, and never shown"),
}
_WISHES: dict[str, Schema] = {
    "name": text("The name that people see"),
    "enabled": BOOLEAN,
    "size": text("1280x720", pattern="^[1-9][0-9]{1,4}x[1-9][0-9]{1,4}$"),
    "fps": {"type": "number", "minimum": 0.1, "maximum": 1000},
    "format": {"type": "string", "enum": sorted(FORMATS)},
    "sound": text("The microphone that belongs to it, kind:address; none if it is empty", most=4096),
    "onvif": text("Where the ONVIF device is that it belongs to, on the same host", most=4096),
}
_ID = text("Without one it is the next free of cam1, cam2, ...", pattern="^[a-z][a-z0-9_]{0,31}$")
_NEW = component("NewCamera", record({"source": _SOURCE}, {"id": _ID, **_WISHES, **_LOGIN}, closed=True))
_KEYS = {"source": _SOURCE, **_WISHES, **_LOGIN}
_CHANGE = component(
    "CameraChange",
    {
        **record(optional={key: nullable(schema) for key, schema in _KEYS.items()}, closed=True),
        "minProperties": 1,
        "description": "null takes back what was set",
    },
)
# What a value may be is checked with the whole configuration, which tells every mistake and not the first.
_LOOSE_NEW = record({"source": text(most=4096)}, {"id": text(), **{key: {} for key in (*_WISHES, *_LOGIN)}}, closed=True)
_LOOSE_CHANGE = {**record(optional={key: {} for key in _KEYS}, closed=True), "minProperties": 1}
_TRY = component("CameraTest", record({"source": _SOURCE}, _LOGIN, closed=True))
_MODE = record(
    {
        "codec": text(),
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "rates": listing({"type": "number"}, doc="Pictures a second, highest first"),
    }
)
_FOUND = component(
    "CameraTestResult",
    record(
        {
            "ok": {**BOOLEAN, "description": "There are pictures in it"},
            "name": text("What the device calls itself", most=4096),
            "modes": listing(_MODE, doc="What it can deliver, or does"),
            "reason": text("Why there is nothing", most=4096),
        }
    ),
)


class CameraChangesNoun:
    """Cameras come, change and go while camd runs; the others notice nothing."""

    def __init__(self, app: App, shown: Callable[[Any], Any]):
        self._app = app
        self._shown = shown
        self._changing = Changing(app)
        self._trying: dict[str, int] = {}

    def operations(self) -> list[Operation]:
        wrong = {
            409: Answer("The id is taken, nobody provides this kind of source, or a key is set elsewhere"),
            422: Answer("It is not valid; `details` has every reason"),
        }
        added = {201: Answer("The new camera", CAMERA, headers={"Location": "Where it is"}), **wrong}
        return [
            Operation(
                "POST",
                "/api/cameras",
                WRITE,
                "Add a camera",
                added,
                self.add,
                "Whoever adds a camera leads camd to an address, hence `System_rw`. The first one that is added "
                "does not take the place of the one that camd found by itself.",
                body=_LOOSE_NEW,
                stated=_NEW,
            ),
            Operation(
                "PATCH",
                "/api/cameras/{id}",
                WRITE,
                "Change a camera",
                {200: Answer("What was changed", CHANGED), **wrong},
                self.change,
                "Its clients stay. Another server in `source` forgets the login, if none comes with it.",
                (ID,),
                _LOOSE_CHANGE,
                stated=_CHANGE,
            ),
            Operation(
                "DELETE",
                "/api/cameras/{id}",
                WRITE,
                "Remove a camera",
                {
                    204: Answer("Removed; what was set is kept for its return"),
                    409: Answer("It stands in a file that camd does not change, or was found by itself"),
                    422: wrong[422],
                },
                self.remove,
                parameters=(ID,),
            ),
            Operation(
                "POST",
                "/api/cameras/test",
                WRITE,
                "Look what is in a source",
                {
                    200: Answer("What was found, or why nothing was", _FOUND),
                    409: Answer("Nobody provides this kind of source"),
                },
                self.test,
                "Changes nothing. One at a time for each user.",
                body=_TRY,
            ),
        ]

    async def add(self, call: Call) -> Reply:
        values = dict(call.body)
        taken = {*self._app.cameras, *self._app.configuration.configured.cameras}
        camera = values.pop("id", None) or free_id(taken)
        self._changing.check_camera(call, camera)
        if camera in taken:
            raise Conflict(f"there is a camera {camera} already")
        edits = await self._changing.camera(call, camera, values)
        await self._changing.edit(call, edits, "camera_add", camera=camera)
        return Reply(self._shown(self._app.cameras[camera]), headers={"Location": f"/api/cameras/{camera}"})

    async def change(self, call: Call) -> Any:
        camera = self._camera(call)
        edits = await self._changing.camera(call, camera, call.body)
        return self._changing.answer(
            await self._changing.edit(call, edits, "camera_change", camera=camera)
        )

    async def remove(self, call: Call) -> None:
        camera = self._camera(call)
        self._changing.check_camera(call, camera)
        if camera not in self._app.configuration.configured.cameras:
            raise Conflict(f"{camera} was found by camd itself: switch it off, or add another camera first")
        await self._changing.edit(call, {("cameras", camera): None}, "camera_remove", camera=camera)

    def _camera(self, call: Call) -> str:
        camera = call.path["id"]
        if camera not in self._app.cameras or not call.by.knows(f"cameras/{camera}/"):
            raise Gone("There is no camera of this id")
        return camera

    # -- looking what is in a source

    async def test(self, call: Call) -> Any:
        self._changing.check_camera(call, "")  # for somebody who is limited to some cameras there is no new one
        self._changing.check_values(call, call.body)
        source, username, password = split_login(call.body["source"])
        username, password = call.body.get("username", username), call.body.get("password", password)
        try:
            config = CameraConfig("test", source_kind().check(source))
        except Unfit as unfit:
            raise Invalid("source", unfit.text) from None
        who = call.by.key or call.by.name
        if self._trying.get(who) or sum(self._trying.values()) >= TRIALS:
            raise RateLimited(1, round(PATIENCE))
        self._trying[who] = 1
        trial = self._app.threads.io(self._app.cameras.try_source, config, username, password)
        trial.addBoth(self._tried, who)
        found = await self._within(trial)
        self._app.audit.record("camera_test", call.by.name, call.address, source=shown_source(source), ok=found.ok)
        modes = [
            {"codec": mode.codec, "width": mode.width, "height": mode.height, "rates": list(mode.rates)}
            for mode in found.modes
        ]
        return {"ok": found.ok, "name": found.name, "modes": modes, "reason": found.reason}

    def _tried(self, result: Any, who: str) -> Any:
        del self._trying[who]
        return result

    def _within(self, trial: Deferred[Trial]) -> Deferred[Trial]:
        """The same, or that it took too long; a device call that hangs cannot be ended."""
        answer: Deferred[Trial] = Deferred()
        late = self._app.reactor.callLater(
            PATIENCE, lambda: answer.callback(Trial(False, reason=f"no answer within {PATIENCE:.0f} s"))
        )

        def done(result: Any) -> None:
            if late.active():
                late.cancel()
                answer.callback(result)

        trial.addBoth(done)
        return answer
