"""Listeners: the open ports of the web sites, plain and with TLS."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from .auth.tls import tls_endpoint
from .errors import CamdError

if TYPE_CHECKING:
    from .app import App


#: Connections that may wait to be accepted.
BACKLOG = 1024


class Listeners:
    """Opens and closes the ports; urls has where people find the page. Reactor thread only."""

    log = Logger()

    def __init__(self, app: App):
        self._app = app
        self._ports: dict[str, Any] = {}
        self.urls: list[str] = []

    async def open_http(self) -> None:
        description = self._app.config.http
        if description is not None:
            await self._listen("http", server_endpoint(self._app.reactor, description), description)

    async def open_https(self) -> None:
        description = self._app.config.https
        if description is not None:
            certificate = self._app.certificate
            await certificate.start()
            endpoint = server_endpoint(self._app.reactor, description)
            await self._listen("https", tls_endpoint(self._app.reactor, endpoint, certificate.context), description)

    def close_http(self) -> Deferred[Any]:
        return self._close("http")

    def close_https(self) -> Deferred[Any]:
        self._app.certificate.stop()
        return self._close("https")

    async def _listen(self, scheme: str, endpoint: Any, description: str) -> None:
        try:
            port = await endpoint.listen(self._app.web.site)
        except CannotListenError as error:
            raise CamdError(_why_not(error, description)) from error
        self._ports[scheme] = port
        host = port.getHost()
        if hasattr(host, "port"):
            name = host.host if host.host not in ("0.0.0.0", "::") else "localhost"
            url = f"{scheme}://[{name}]:{host.port}/" if ":" in name else f"{scheme}://{name}:{host.port}/"
            self.urls.append(url)

    def _close(self, scheme: str) -> Deferred[Any]:
        port = self._ports.pop(scheme, None)
        return maybeDeferred(port.stopListening if port else lambda: None)


def server_endpoint(reactor: Any, description: str) -> Any:
    """serverFromString, with room for a burst of clients: when Twisted's 50 waiting connections are
    exceeded, the kernel lets the next ones wait a second before they may try again."""
    if description.startswith("tcp:") and "backlog=" not in description:
        description += f":backlog={BACKLOG}"
    try:
        return serverFromString(reactor, description)
    except (ValueError, LookupError) as error:
        raise CamdError(f"cannot listen on {description}: {error}") from error


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
