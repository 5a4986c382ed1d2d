"""What can be set about WebRTC, as state."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from camd.errors import Invalid
from camd.state import Permission, Spec, State, Value

from .framing import Message

_R, _RW = Permission.System_r, Permission.System_rw
#: Fewer would hardly do: every viewer takes one at each address of the machine.
_LEAST_PORTS = 2
_SERVER = re.compile(r"(stun|turns?):[A-Za-z0-9.\-\[\]:]+(\?transport=(udp|tcp))?")

_SPECS = (
    Spec("webrtc/enabled", bool, default=True, doc="Whether browsers may watch over WebRTC.", read=_R, write=_RW),
    Spec("webrtc/port_min", int, default=0, min=0, max=65535, read=_R, write=_RW,
         doc="First UDP port for viewers; 0: any port."),
    Spec("webrtc/port_max", int, default=0, min=0, max=65535, read=_R, write=_RW,
         doc="Last UDP port for viewers; 0: any port."),
    Spec("webrtc/addresses", list, default=[], read=_R, write=_RW,
         doc="Further IP addresses at which this machine is reached, such as a router's."),
    Spec("webrtc/ice_servers", list, default=[], read=_RW, write=_RW,
         doc='STUN and TURN servers: {"urls": "turn:host:3478", "username", "credential"}.'),
)  # fmt: skip


class Options:
    """The settings, kept across restarts. Reactor thread only. enabled_changed() is called after a change of it."""

    def __init__(self, state: State):
        self._values: dict[str, Any] = {}
        checks = {"addresses": _addresses, "ice_servers": _servers}
        for spec in _SPECS:
            name = spec.name.partition("/")[2]
            check = checks.get(name, lambda value: value)

            def apply(value: Value, name: str = name, check: Any = check) -> Value:
                self._values[name] = check(value)
                return self._values[name]

            observable = state.get(spec.name) or state.declare(_kept(spec), apply)
            saved = spec.default if observable.target is None else observable.target
            try:
                observable.publish(apply(saved))
            except Invalid:  # of another version
                observable.publish(apply(spec.default))

    @property
    def enabled(self) -> bool:
        return self._values["enabled"]

    @property
    def ice_servers(self) -> list[Message]:
        return self._values["ice_servers"]

    def network(self) -> Message:
        """As the child takes it. Raises Invalid if the range of ports is none."""
        first, last = self._values["port_min"], self._values["port_max"]
        if bool(first) != bool(last) or last - first + 1 < (_LEAST_PORTS if first else 1):
            raise Invalid(
                "webrtc/port_max", f"the UDP ports {first} to {last} are no range of {_LEAST_PORTS} or more; set both"
            )
        return {
            "ports": [first, last] if first else None,
            "addresses": self._values["addresses"],
            "ice_servers": self.ice_servers,
        }


def _kept(spec: Spec) -> Spec:
    from dataclasses import replace

    return replace(spec, persist=True)


def _addresses(value: Any) -> Any:
    if len(value) > 8:
        raise Invalid("webrtc/addresses", "at most 8 addresses")
    try:
        return [str(ipaddress.ip_address(str(address))) for address in value]
    except ValueError as error:
        raise Invalid("webrtc/addresses", f"{error}; give IP addresses, not names") from None


def _servers(value: Any) -> Any:
    if len(value) > 4:
        raise Invalid("webrtc/ice_servers", "at most 4 servers")
    for server in value:
        texts = server.values() if isinstance(server, dict) else ()
        known = isinstance(server, dict) and set(server) <= {"urls", "username", "credential"}
        if not known or not all(isinstance(text, str) and len(text) <= 256 for text in texts):
            raise Invalid("webrtc/ice_servers", 'a server is {"urls": "stun:host:port"}, with username and credential')
        if not _SERVER.fullmatch(server.get("urls", "")):
            raise Invalid("webrtc/ice_servers", "urls must be like stun:host:3478 or turn:host:3478?transport=udp")
    return value
