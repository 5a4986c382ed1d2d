"""Devices: what recorders see of this machine. One device with all cameras, at the web ports; and, for
recorders that take one camera from a device, each camera named in the state `onvif/ports` as a device of its
own.

Such a device is the same site at another port, where /onvif knows one camera only. Its UUID, serial number
and hardware address are made from the machine's UUID and the camera's id, so they stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.logger import Logger

from camd.errors import Invalid
from camd.state import Value

from .context import Context
from .notify import CONSUMERS, check_consumers
from .operation import Operation, operations_of
from .profiles import STATE as PROFILES
from .profiles import check_profiles
from .scopes import STATE as SCOPES
from .scopes import check_scopes

if TYPE_CHECKING:
    from camd.app import App

PORTS, DEVICES = "onvif/ports", "onvif/devices"
#: The value of `onvif/ports`, in words of JSON Schema, but that no two have one port.
SHAPE = {"additionalProperties": {"type": "integer", "minimum": 1, "maximum": 65535}}
Table = dict[str, Operation]


def _check_ports(ports: Any) -> Any:
    """The value of `onvif/ports`, if it is one."""
    # JSON has one kind of number: 80.0 is an integer there.
    ports = {id: int(n) if type(n) is float and n.is_integer() else n for id, n in ports.items()}
    numbers = list(ports.values())
    if not all(type(number) is int and 1 <= number <= 65535 for number in numbers):
        raise Invalid(PORTS, "a port is a number from 1 to 65535")
    if len(set(numbers)) != len(numbers):
        raise Invalid(PORTS, "each camera needs a port of its own")
    return ports


#: State -> what makes sure that it gets such a value only.
_CHECKED = {PORTS: _check_ports, PROFILES: check_profiles, SCOPES: check_scopes, CONSUMERS: check_consumers}


class Devices(Service):
    """Finds the device that a request is for, opens the ports of those with one camera, and tells the state
    `onvif/devices` what there is: for the plugin that announces them. Reactor thread only.

    make(camera): the Context of a device; "" for all cameras.
    """

    log = Logger()

    def __init__(self, app: App, make: Callable[[str], Context]):
        self._app = app
        self._make = make
        self.whole = make("")
        self._table = operations_of(self.whole.services)
        self._single: dict[int, tuple[Context, Table]] = {}
        self._listening: dict[int, Any] = {}
        self._watches: list[Any] = []
        self._later: Any = None

    def operations(self, port: int) -> Table:
        """Those of the device at this port."""
        return self._single[port][1] if port in self._single else self._table

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(service.path for service in self.whole.services if service.path)

    def startService(self) -> None:
        super().startService()
        for name, check in _CHECKED.items():
            observable = self._app.state[name]
            observable.redefine(observable.spec, check)
        # The schema grows when cameras come and go.
        self._watches = [self._app.state.observe(name, self._soon) for name in ("onvif/", "system/schema")]
        self.refresh()

    def stopService(self) -> Deferred[Any]:
        for watch in self._watches:
            watch.close()
        self._watches.clear()
        if self._later is not None and self._later.active():
            self._later.cancel()
        super().stopService()
        return DeferredList([self._close(port) for port in list(self._listening)], consumeErrors=True)

    def _soon(self, observable: Any) -> None:
        if observable.name != DEVICES and (self._later is None or not self._later.active()):
            self._later = self._app.reactor.callLater(0, self.refresh)

    def refresh(self) -> None:
        """Open and close ports until they are those of the state."""
        wanted = {port: camera for camera, port in (self._app.state[PORTS].value or {}).items()
                  if camera in self._app.cameras}  # fmt: skip
        for port in list(self._single):
            if wanted.get(port) != self._single[port][0].only:
                self._close(port)
        for port, camera in wanted.items():
            if port not in self._single:
                self._open(port, camera)
        self._tell()

    def _open(self, port: int, camera: str) -> None:
        context = self._make(camera)
        self._single[port] = context, operations_of(context.services)
        host = self._host()
        if host:
            listening = self._listen(TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint, port, host)
        else:
            listening = self._listen(TCP6ServerEndpoint, port, "::")
            listening.addErrback(lambda _: self._listen(TCP4ServerEndpoint, port, ""))  # a machine without IPv6
        listening.addCallbacks(self._opened, self._failed, (port,), errbackArgs=(port, camera))

    def _host(self) -> str:
        """The one address at which the page is: whoever keeps it off the network does not want it there at another
        port. "" if it is at all of them, which "localhost" stands for."""
        pages = self._app.listeners.pages
        host = (urlsplit(pages[0]).hostname if pages else None) or "localhost"
        return "" if host == "localhost" else host

    def _listen(self, kind: Any, port: int, address: str) -> Deferred[Any]:
        return maybeDeferred(kind(self._app.reactor, port, interface=address).listen, self._app.web.site)

    def _opened(self, listening: Any, port: int) -> None:
        if port in self._single and self.running:
            self._listening[port] = listening
            self._tell()
        else:
            listening.stopListening()

    def _failed(self, failure: Any, port: int, camera: str) -> None:
        self._single.pop(port, None)
        self.log.error("{camera} is no ONVIF device of its own, for port {port} cannot be opened: {error}",
                       camera=camera, port=port, error=failure.value)  # fmt: skip
        self._tell()

    def _close(self, port: int) -> Deferred[Any]:
        self._single.pop(port, None)
        listening = self._listening.pop(port, None)
        return maybeDeferred(listening.stopListening if listening else lambda: None)

    def _tell(self) -> None:
        found = [_described(self.whole, None)]
        found += [_described(context, port) for port, (context, _) in sorted(self._single.items())
                  if port in self._listening]  # fmt: skip
        self._app.state[DEVICES].publish(found)


def _described(context: Context, port: int | None) -> dict[str, Value]:
    return {
        "uuid": context.uuid,
        "camera": context.only or None,
        "port": port,
        "path": "/onvif/device_service",
        "scopes": [*context.fixed_scopes(), *context.scopes()],
        "discoverable": bool(context.state("onvif/discoverable")),
    }
