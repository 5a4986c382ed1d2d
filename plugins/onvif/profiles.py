"""Profiles: which configurations a client gets together. Each camera has one for every rendition, which are
fixed; clients may make further ones, which are kept in the state `onvif/profiles`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from camd.errors import Invalid
from camd.state import Principal

from .cameras import RENDITIONS, CameraView, Directory, Rendition
from .faults import Fault, invalid
from .operation import Call

if TYPE_CHECKING:
    from camd.app import App

#: Of those that clients made.
MOST_PROFILES = 64
STATE = "onvif/profiles"
_LONGEST = 64
#: What is kept of each, and what it is without.
_KEPT = {"name": "", "camera": "", "encoder": "", "ptz": False, "analytics": False, "metadata": False}
#: The value of the state, in words of JSON Schema.
SHAPE = {
    "maxProperties": MOST_PROFILES,
    "propertyNames": {"minLength": 1, "maxLength": _LONGEST},
    "additionalProperties": {
        "type": "object",
        "properties": {
            key: {"type": "string", "maxLength": 4 * _LONGEST} if type(without) is str else {"type": "boolean"}
            for key, without in _KEPT.items()
        },
        "additionalProperties": False,
    },
}


@dataclass(frozen=True, slots=True)
class Profile:
    """token, name: of the profile; fixed: cannot be deleted or changed. camera: id of the one whose video
    source is in it, "" for none; encoder: token of the video encoder, "" for none; ptz, analytics, metadata:
    whether the camera's are in it."""

    token: str
    name: str
    fixed: bool = False
    camera: str = ""
    encoder: str = ""
    ptz: bool = False
    analytics: bool = False
    metadata: bool = False


class Profiles:
    """All profiles. Reactor thread only."""

    def __init__(self, app: App, directory: Directory):
        self._app = app
        self._directory = directory

    def all(self, by: Principal) -> Iterator[Profile]:
        """The fixed ones, then those that clients made, as far as the asker may see their cameras."""
        for camera in self._directory.all(by):
            for name in RENDITIONS:
                yield Profile(
                    camera.token("Profile", name), f"{camera.name} {name}"[:_LONGEST], True, camera.id,
                    camera.token("VideoEncoder", name), camera.has_ptz, True, True,
                )  # fmt: skip
        for profile in self._made().values():
            if not profile.camera or (profile.camera in self._app.cameras and by.sees(profile.camera)):
                yield profile

    def find(self, token: str, by: Principal) -> Profile:
        """Raises Fault."""
        token = self._directory.canonical(token)
        for profile in self.all(by):
            if profile.token == token:
                return profile
        raise invalid("there is no profile with this token", "ter:NoProfile")

    def camera(self, profile: Profile) -> CameraView | None:
        return CameraView(self._app, profile.camera) if profile.camera in self._app.cameras else None

    def rendition(self, profile: Profile) -> Rendition | None:
        """What is streamed for this profile."""
        camera = self.camera(profile)
        if camera is None:
            return None
        tokens = {camera.token("VideoEncoder", name): name for name in RENDITIONS}
        return camera.rendition(tokens[profile.encoder]) if profile.encoder in tokens else None

    def streamed(self, token: str, by: Principal) -> Rendition:
        """The rendition of a profile that can be streamed. Raises Fault."""
        rendition = self.rendition(self.find(token, by))
        if rendition is None:
            raise Fault(
                "the profile has no video source and encoder", "ter:Action", "ter:IncompleteConfiguration"
            )
        return rendition

    # -- changes

    def _made(self) -> dict[str, Profile]:
        saved = self._app.state[STATE].value or {}
        return {
            token: Profile(token, **{key: about.get(key, default) for key, default in _KEPT.items()})
            for token, about in saved.items()
        }

    async def create(self, name: str, token: str | None, call: Call) -> Profile:
        """A new one, without any configuration. Raises Fault."""
        made = self._made()
        if len(made) >= MOST_PROFILES:
            raise Fault(
                "there are as many profiles as there may be", "ter:Action", "ter:MaxNVTProfiles", sender=False
            )
        if not 0 < len(name) <= _LONGEST or (token is not None and not 0 < len(token) <= _LONGEST):
            raise invalid(f"name and token have 1 to {_LONGEST} characters")
        taken = {profile.token for profile in self.all(call.by)} | set(made)
        if token is None:
            token = next(f"Custom_{n}" for n in range(1, 10_000) if f"Custom_{n}" not in taken)
        elif token in taken or self._directory.canonical(token) != token:
            raise invalid("there is a profile with this token", "ter:ProfileExists")
        profile = Profile(token, name)
        await self._keep({**made, token: profile}, call)
        return profile

    async def change(self, profile: Profile, call: Call, **fields: Any) -> None:
        """Put configurations in or take them out. Raises Fault."""
        if profile.fixed:
            if all(getattr(profile, key) == value for key, value in fields.items()):
                return
            raise invalid(
                "this profile is fixed",
                "ter:FixedConfiguration" if "encoder" in fields else "ter:ConfigModify",
            )
        changed = replace(profile, **fields)
        if not changed.camera:
            changed = replace(changed, encoder="", ptz=False, analytics=False, metadata=False)
        await self._keep({**self._made(), profile.token: changed}, call)

    async def delete(self, profile: Profile, call: Call) -> None:
        if profile.fixed:
            raise Fault("this profile is fixed", "ter:Action", "ter:DeletionOfFixedProfile")
        made = self._made()
        made.pop(profile.token, None)
        await self._keep(made, call)

    async def _keep(self, made: dict[str, Profile], call: Call) -> None:
        saved = {
            token: {key: value for key, value in asdict(profile).items() if key in _KEPT}
            for token, profile in made.items()
        }
        await self._app.api.set({STATE: saved}, call.by, address=call.address)


def check_profiles(value: Any) -> Any:
    """The value of the state, if it is one: programs may set it, too. Raises Invalid."""
    if len(value) > MOST_PROFILES or not all(0 < len(token) <= _LONGEST for token in value):
        raise Invalid(STATE, f"at most {MOST_PROFILES} profiles, with tokens of 1 to {_LONGEST} characters")
    for about in value.values():
        if not isinstance(about, dict) or not about.keys() <= _KEPT.keys():
            raise Invalid(STATE, f"a profile has {', '.join(_KEPT)}")
        if not all(type(content) is type(_KEPT[key]) for key, content in about.items()):
            raise Invalid(STATE, "a value is of another type")
        if not all(len(content) <= 4 * _LONGEST for content in about.values() if isinstance(content, str)):
            raise Invalid(STATE, "a text is too long")
    return value
