"""Listeners: the open ports of the web sites and of RTSP, plain and with TLS."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from .auth.tls import tls_endpoint
from .config import Config
from .errors import CamdError, Conflict

if TYPE_CHECKING:
    from .app import App


#: Connections that may wait to be accepted.
BACKLOG = 1024
SCHEMES = ("http", "https", "rtsp", "rtsps")
_ENCRYPTED = frozenset({"https", "rtsps"})


class Listeners:
    """Opens and closes the ports; urls has where each is reached, the page first. Reactor thread only."""

    log = Logger()

    def __init__(self, app: App):
        self._app = app
        self._ports: dict[str, Any] = {}
        self._described: dict[str, str] = {}
        self._has_certificate = False
        self.urls: list[str] = []

    async def open_http(self) -> None:
        await self._open("http", self._app.config.http)

    async def open_https(self) -> None:
        await self._open("https", self._app.config.https)

    async def open_rtsp(self) -> None:
        await self._open("rtsp", self._app.config.rtsp)
        await self._open("rtsps", self._app.config.rtsps)

    def close_http(self) -> Deferred[Any]:
        return self._close("http")

    def close_https(self) -> Deferred[Any]:
        closed = self._close("https")
        self._drop_unused_certificate()
        return closed

    async def close_rtsp(self) -> None:
        await self._close("rtsp")
        await self._close("rtsps")
        self._drop_unused_certificate()

    @property
    def pages(self) -> list[str]:
        """Where people find the page."""
        return [url for url in self.urls if url.startswith("http")]

    async def reopen(self, config: Config) -> None:
        """Listen where this configuration says. Connections that are open stay, also those of a port that is
        closed. Raises CamdError if a port cannot be opened, and then those that were open still are.

        New ports are opened before old ones are closed; only a new one with the number of an old one, for
        example for another interface, has to wait until that is free.
        """
        wanted = {scheme: getattr(config, scheme) for scheme in SCHEMES}
        changed = [scheme for scheme in SCHEMES if wanted[scheme] != self._described.get(scheme)]
        if not changed:
            return
        before = {scheme: self._described.get(scheme) for scheme in changed}
        old = {scheme: self._ports.pop(scheme) for scheme in changed if scheme in self._ports}
        try:
            try:
                await self._open_all(changed, wanted)
            except _Taken as error:
                if error.where not in [_place(port) for port in old.values()]:
                    raise
                await _stop(old)
                old = {}
                await self._open_all(changed, wanted)
        except CamdError:
            if old:
                self._ports |= old
                self._described |= {scheme: text for scheme, text in before.items() if text is not None}
                self._tell()
            else:
                await self._open_all(changed, before)
            self._drop_unused_certificate()
            raise
        await _stop(old)
        self._drop_unused_certificate()
        self.log.info("listening at {urls} now", urls="   ".join(self.urls) or "nothing")

    async def _open_all(self, schemes: list[str], descriptions: dict[str, str | None]) -> None:
        """Open these ports, or none of them."""
        opened: dict[str, Any] = {}
        try:
            for scheme in schemes:
                await self._open(scheme, descriptions[scheme])
                if scheme in self._ports:
                    opened[scheme] = self._ports[scheme]
        except CamdError:
            for scheme in opened:
                del self._ports[scheme], self._described[scheme]
            await _stop(opened)
            raise

    async def _open(self, scheme: str, description: str | None) -> None:
        self._described.pop(scheme, None)
        if description is not None:
            endpoint = server_endpoint(self._app.reactor, description)
            if scheme in _ENCRYPTED:
                await self._have_certificate()
                endpoint = tls_endpoint(self._app.reactor, endpoint, self._app.certificate.context)
            try:
                factory = self._app.web.site if scheme.startswith("http") else self._app.rtsp
                self._ports[scheme] = await endpoint.listen(factory)
            except CannotListenError as error:
                raise _Taken(_why_not(error, description), error) from error
            self._described[scheme] = description
        self._tell()

    async def _have_certificate(self) -> None:
        if not self._has_certificate:
            self._has_certificate = True
            await self._app.certificate.start()

    def _drop_unused_certificate(self) -> None:
        if not _ENCRYPTED & self._ports.keys():
            self._has_certificate = False
            self._app.certificate.stop()

    def _tell(self) -> None:
        self.urls[:] = [url for scheme in SCHEMES if (url := self._url(scheme))]

    def _url(self, scheme: str) -> str:
        host = self._ports[scheme].getHost() if scheme in self._ports else None
        if not hasattr(host, "port"):
            return ""
        name = host.host if host.host not in ("0.0.0.0", "::") else "localhost"
        return f"{scheme}://[{name}]:{host.port}/" if ":" in name else f"{scheme}://{name}:{host.port}/"

    def _close(self, scheme: str) -> Deferred[Any]:
        port = self._ports.pop(scheme, None)
        self._described.pop(scheme, None)
        return maybeDeferred(port.stopListening if port else lambda: None)


class _Taken(Conflict):
    """A port cannot be opened. where: its number or path, if it is somebody's."""

    def __init__(self, text: str, error: CannotListenError):
        super().__init__(text)
        self.where = str(error.port) if getattr(error.socketError, "errno", None) == errno.EADDRINUSE else None


def _place(port: Any) -> str:
    """The number or the path of a port that is open."""
    host = port.getHost()
    if hasattr(host, "port"):
        return str(host.port)
    name = getattr(host, "name", "")
    return name.decode() if isinstance(name, bytes) else str(name)


async def _stop(ports: dict[str, Any]) -> None:
    for port in ports.values():
        await maybeDeferred(port.stopListening)


def server_endpoint(reactor: Any, description: str) -> Any:
    """serverFromString, with room for a burst of clients: when Twisted's 50 waiting connections are
    exceeded, the kernel lets the next ones wait a second before they may try again."""
    if description.startswith("tcp:") and "backlog=" not in description:
        description += f":backlog={BACKLOG}"
    try:
        return serverFromString(reactor, description)
    except (ValueError, LookupError) as error:
        raise Conflict(f"cannot listen on {description}: {error}") from error


def _why_not(error: CannotListenError, description: str) -> str:
    reason = error.socketError
    if getattr(reason, "errno", None) == errno.EADDRINUSE:
        return f"port {error.port} is in use{_owner_of(error.port)}; free it, or choose another ({description})"
    if getattr(reason, "errno", None) == errno.EACCES:
        return f"port {error.port} needs more rights (CAP_NET_BIND_SERVICE), or choose one above 1023 ({description})"
    return f"cannot listen on {description}: {reason}"


def _owner_of(port: Any) -> str:
    """Which process listens there, as far as we may know."""
    import psutil

    try:
        for connection in psutil.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return ""
