"""Schemas: ONVIF's own documents (WSDL), which onvif-zeep brings, read by zeep into calls. Blocks.

zeep is 35 MB, so it is imported by the first device that is asked. Of onvif-zeep only the documents are used:
its client opens subscriptions that nobody ends, and changes the environment and the logging of the process.
"""

from __future__ import annotations

import datetime
import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from camd.errors import CamdError

from .peer import ANSWERING, DeviceError, Peer, Reply

#: Name of a service -> its document, its binding, and its namespace.
SERVICES = {
    "device": ("devicemgmt", "DeviceBinding", "http://www.onvif.org/ver10/device/wsdl"),
    "media": ("media", "MediaBinding", "http://www.onvif.org/ver10/media/wsdl"),
    "ptz": ("ptz", "PTZBinding", "http://www.onvif.org/ver20/ptz/wsdl"),
    "imaging": ("imaging", "ImagingBinding", "http://www.onvif.org/ver20/imaging/wsdl"),
    "events": ("events", "EventBinding", "http://www.onvif.org/ver10/events/wsdl"),
    "pull": ("events", "PullPointSubscriptionBinding", "http://www.onvif.org/ver10/events/wsdl"),
    "subscription": ("events", "SubscriptionManagerBinding", "http://www.onvif.org/ver10/events/wsdl"),
}


def service(
    name: str, url: str, peer: Peer, token: Any = None, patience: float = ANSWERING
) -> Callable[..., Any]:
    """Calls of a service at an address: `service(...)("GetProfiles", ...)`, with what the document says as
    arguments and answer. token: writes the name and password into a message. A call raises DeviceError."""
    import zeep
    from zeep.exceptions import Fault

    document, binding, namespace = SERVICES[name]
    client = zeep.Client(_document(document), token, _transport()(peer, patience), settings=_settings())
    proxy = client.create_service(f"{{{namespace}}}{binding}", url)

    def call(operation: str, **values: Any) -> Any:
        try:
            return proxy[operation](**values)
        except Fault as fault:
            codes = " ".join(str(code) for code in (fault.code, *(fault.subcodes or ())))
            raise DeviceError(
                f"{operation}: {fault.message or codes}"[:300], "NotAuthorized" in codes
            ) from fault
        except CamdError:
            raise
        except Exception as error:  # whatever a stranger's answer does to a parser
            refused = getattr(error, "status_code", 0) in (401, 403)
            raise DeviceError(f"{operation}: the answer is not understood: {error}"[:300], refused) from error

    return call


class Token:
    """WS-UsernameToken, digest. ahead: how far the device's clock is before ours (seconds)."""

    def __init__(self, login: tuple[str, str], ahead: float = 0.0):
        self._login = login
        self.ahead = ahead

    def apply(self, envelope: Any, headers: Any) -> Any:
        from zeep.wsse.username import UsernameToken

        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.ahead)
        return UsernameToken(*self._login, use_digest=True, zulu_timestamp=True, created=now).apply(
            envelope, headers
        )

    def verify(self, envelope: Any) -> None:
        """Answers are not signed."""


@functools.cache
def _document(name: str) -> Any:
    """Read once, for all devices."""
    from zeep import Client

    found = importlib.util.find_spec("onvif")
    if found is None or found.origin is None:
        raise DeviceError("onvif-zeep is not installed, which has ONVIF's documents")
    path = Path(found.origin).parents[1] / "wsdl" / f"{name}.wsdl"
    return Client(str(path), transport=_transport()(None)).wsdl


def _settings() -> Any:
    from zeep import Settings

    # Devices write what is not quite XML, and leave out what must be there.
    return Settings(strict=False, forbid_dtd=True, forbid_entities=True, forbid_external=True)


@functools.cache
def _transport() -> Any:
    from zeep.transports import Transport

    class Way(Transport):
        """What zeep sends messages with. A document leads to files only."""

        def __init__(self, peer: Peer | None, patience: float = ANSWERING):
            super().__init__()
            self._peer, self._patience = peer, patience

        def post(self, address: str, message: bytes, headers: dict[str, str]) -> Reply:
            assert self._peer is not None
            kind = headers.get("Content-Type", "application/soap+xml; charset=utf-8")
            return self._peer.post(address, message, kind, self._patience)

        def _load_remote_data(self, url: str) -> bytes:
            raise DeviceError(f"nothing is loaded from {url}")

    return Way
