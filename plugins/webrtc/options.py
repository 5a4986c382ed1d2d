"""What can be set about WebRTC, as state."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from camd.errors import Invalid
from camd.state import Permission, Spec, State, Value

from .framing import Message

_R, _RW = Permission.System_r, Permission.System_rw
#: Fewer would hardly do: every viewer takes one at each address of the machine.
_LEAST_PORTS = 2
_PORT = {"min": 0, "max": 65535}
_SERVER = r"(stun|turns?):[A-Za-z0-9.\-\[\]:]+(\?transport=(udp|tcp))?"
_MOST_ADDRESSES, _MOST_SERVERS, _LONGEST = 8, 4, 256
_ADDRESSES = {
    "maxItems": _MOST_ADDRESSES,
    "items": {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]},
}
_TEXT = {"type": "string", "maxLength": _LONGEST}
_SERVERS = {
    "maxItems": _MOST_SERVERS,
    "items": {
        "type": "object",
        "properties": {"urls": {**_TEXT, "pattern": f"^{_SERVER}$"}, "username": _TEXT, "credential": _TEXT},
        "required": ["urls"],
        "additionalProperties": False,
    },
}

_SPECS = tuple(
    Spec(f"webrtc/{name}", type(value), default=value, doc=doc, read=read, write=_RW, persist=True, **more)
    for name, value, read, more, doc in (
        ("enabled", True, _R, {}, "Whether browsers may watch over WebRTC."),
        ("port_min", 0, _R, _PORT, "First UDP port for viewers; 0: any port."),
        ("port_max", 0, _R, _PORT, "Last UDP port for viewers; 0: any port."),
        ("addresses", [], _R, {"schema": _ADDRESSES}, "Further IP addresses of this machine, such as its router's."),
        ("ice_servers", [], _RW, {"schema": _SERVERS},
         'STUN and TURN servers: {"urls": "turn:host:3478", "username": ..., "credential": ...}.'),
    )
)  # fmt: skip


class Options:
    """The settings, kept across restarts. Reactor thread only. changed() is called after each change."""

    def __init__(self, state: State, changed: Callable[[], None]):
        self._values: dict[str, Any] = {}
        checks = {"addresses": _addresses, "ice_servers": _servers}
        for spec in _SPECS:
            name = spec.name.partition("/")[2]
            check = checks.get(name, lambda value: value)

            def apply(value: Value, name: str = name, check: Any = check) -> Value:
                self._values[name] = check(value)
                changed()
                return self._values[name]

            observable = state.declare(spec, apply)
            saved = spec.default if observable.target is None else observable.target
            try:
                observable.publish(apply(saved))
            except Invalid:  # of another version
                observable.publish(apply(spec.default))

    @property
    def enabled(self) -> bool:
        return self._values.get("enabled", True)

    @property
    def ice_servers(self) -> list[Message]:
        return self._values["ice_servers"]

    def network(self) -> Message:
        """As the child takes it. Raises Invalid if the range of ports is none."""
        first, last = self._values["port_min"], self._values["port_max"]
        if bool(first) != bool(last) or last - first + 1 < (_LEAST_PORTS if first else 1):
            raise Invalid(
                "webrtc/port_max",
                f"the UDP ports {first} to {last} are no range of {_LEAST_PORTS} or more; set both",
            )
        return {
            "ports": [first, last] if first else None,
            "addresses": self._values["addresses"],
            "ice_servers": self.ice_servers,
        }


def _addresses(value: Any) -> Any:
    if len(value) > _MOST_ADDRESSES:
        raise Invalid("webrtc/addresses", f"at most {_MOST_ADDRESSES} addresses")
    try:
        return [str(ipaddress.ip_address(str(address))) for address in value]
    except ValueError as error:
        raise Invalid("webrtc/addresses", f"{error}; give IP addresses, not names") from None


def _servers(value: Any) -> Any:
    if len(value) > _MOST_SERVERS:
        raise Invalid("webrtc/ice_servers", f"at most {_MOST_SERVERS} servers")
    for server in value:
        texts = server.values() if isinstance(server, dict) else ()
        known = isinstance(server, dict) and set(server) <= {"urls", "username", "credential"}
        if not known or not all(isinstance(text, str) and len(text) <= _LONGEST for text in texts):
            raise Invalid(
                "webrtc/ice_servers", 'a server is {"urls": "stun:host:port"}, with username and credential'
            )
        if not re.fullmatch(_SERVER, server.get("urls", "")):
            raise Invalid(
                "webrtc/ice_servers", "urls must be like stun:host:3478 or turn:host:3478?transport=udp"
            )
    return value
