"""Scopes and discovery mode (tds): how a discovering recorder finds this device, and what it reads there.

Fixed scopes say what the device can; the others may be changed and are kept. The plugin `discovery` reads
the same list from the state `onvif/scopes`.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from camd.errors import Invalid
from camd.state import Value

from .access import Access
from .faults import Fault, invalid, not_supported
from .operation import Answer, Call, Service, operation
from .xml import tag

_ROOT = "onvif://www.onvif.org/"
_MOST, _LONGEST = 32, 256
_SCOPE = r"[^\x00-\x20\x7f-\xa0]+"
STATE = "onvif/scopes"
#: The value of the state, in words of JSON Schema.
SHAPE = {"maxItems": _MOST, "items": {"type": "string", "maxLength": _LONGEST, "pattern": f"^{_SCOPE}$"}}


def fixed_scopes(model: str, streaming: bool, t: bool, ptz: bool) -> list[str]:
    """What the device can do, by what it has. Recorders look for Profile/Streaming, some for types."""
    return [
        f"{_ROOT}type/video_encoder",
        f"{_ROOT}type/Network_Video_Transmitter",
        *([f"{_ROOT}type/ptz"] if ptz else []),
        *([f"{_ROOT}Profile/Streaming"] if streaming else []),
        *([f"{_ROOT}Profile/T"] if t else []),
        f"{_ROOT}hardware/{quote(model, safe='')}",
    ]


def default_scopes(name: str) -> list[str]:
    """Those that can be changed, before anybody did."""
    return [f"{_ROOT}name/{quote(name, safe='')}", f"{_ROOT}location/unknown"]


def check_scopes(value: Any) -> Any:
    """The value of the state, if it is one. Raises Invalid."""
    if len(value) > _MOST:
        raise Invalid(STATE, f"at most {_MOST} scopes")
    for scope in value:
        if not isinstance(scope, str) or len(scope) > _LONGEST or not re.fullmatch(_SCOPE, scope):
            raise Invalid(STATE, f"a scope is an address of at most {_LONGEST} characters, without spaces")
    return value


class Scopes(Service):
    """GetScopes and its kin, and the discovery mode."""

    prefix = "tds"

    @operation("GetScopes", Access.READ_SYSTEM)
    def get(self, call: Call) -> Answer:
        for kind, scopes in (("Fixed", self.context.fixed_scopes()), ("Configurable", self.context.scopes())):
            for scope in scopes:
                yield tag("tds:Scopes", tag("tt:ScopeDef", kind), tag("tt:ScopeItem", scope))

    @operation("SetScopes", Access.WRITE_SYSTEM)
    async def set(self, call: Call) -> Answer:
        wanted = list(dict.fromkeys(call.texts("tds:Scopes")))
        fixed = set(self.context.fixed_scopes())
        if not wanted:
            raise Fault("at least one scope", "ter:OperationProhibited", "ter:ScopeOverwrite")
        await self._keep(call, [scope for scope in wanted if scope not in fixed])
        return None

    @operation("AddScopes", Access.WRITE_SYSTEM)
    async def add(self, call: Call) -> Answer:
        await self._keep(call, list(dict.fromkeys((*self.context.scopes(), *call.texts("tds:ScopeItem")))))
        return None

    @operation("RemoveScopes", Access.WRITE_SYSTEM)
    async def remove(self, call: Call) -> Answer:
        unwanted, scopes = call.texts("tds:ScopeItem"), self.context.scopes()
        if set(unwanted) & set(self.context.fixed_scopes()):
            raise Fault("a fixed scope stays", "ter:OperationProhibited", "ter:FixedScope")
        if not set(unwanted) <= set(scopes):
            raise invalid("there is no such scope", "ter:NoScope")
        await self._keep(call, [scope for scope in scopes if scope not in unwanted])
        return [tag("tds:ScopeItem", scope) for scope in unwanted]

    async def _keep(self, call: Call, scopes: list[Value]) -> None:
        if self.context.only:
            raise not_supported("the scopes of a device with one camera are made of it")
        try:
            check_scopes(scopes)
        except Invalid as error:
            raise Fault(error.reason, "ter:Action", "ter:TooManyScopes", sender=False) from None
        await self.context.set({STATE: scopes}, call)

    @operation("GetDiscoveryMode", Access.READ_SYSTEM)
    def mode(self, call: Call) -> Answer:
        found = self.context.state("onvif/discoverable")
        return tag("tds:DiscoveryMode", "Discoverable" if found else "NonDiscoverable")

    @operation("SetDiscoveryMode", Access.WRITE_SYSTEM)
    async def set_mode(self, call: Call) -> Answer:
        mode = call.needed("tds:DiscoveryMode")
        if mode not in ("Discoverable", "NonDiscoverable"):
            raise invalid("the mode is Discoverable or NonDiscoverable")
        await self.context.set({"onvif/discoverable": mode == "Discoverable"}, call)
        return None
