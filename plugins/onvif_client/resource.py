"""What clients ask of devices: POST /api/onvif/probe, and messages of their own to a configured device."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from camd.errors import Conflict, Gone, Invalid, RateLimited, Refused
from camd.state import Permission

from .description import Description
from .peer import DeviceError, Reply
from .service import Devices

if TYPE_CHECKING:
    from camd.app import App

#: A device that has not answered after so long is not waited for (seconds); so many are looked at at a time.
PATIENCE, AT_ONCE = 20.0, 3
#: The largest message of a client to a device (bytes).
LARGEST = 64 * 1024
_SERVICES = ("device", "media", "media2", "ptz", "imaging", "events", "analytics", "deviceio")
_TEXT = {"type": "string", "maxLength": 1024}
_HOST = r"[^\x00-\x20/?#@:\[\]\\\x7f-\xa0]+"
_PORT = "0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_XML = frozenset((b"application/soap+xml", b"text/xml", b"application/xml"))


class Asking:
    """So many devices are asked at a time for clients, each for so long; one that hangs keeps its place."""

    def __init__(self, app: App):
        self._app = app
        self._under_way = 0

    def __call__(self, f: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """f(*args) in the io pool. Raises RateLimited."""
        if self._under_way >= AT_ONCE:
            raise RateLimited(AT_ONCE, round(PATIENCE))
        self._under_way += 1
        answer: Deferred[Any] = Deferred()
        late = self._app.reactor.callLater(
            PATIENCE, lambda: answer.errback(DeviceError(f"no answer within {PATIENCE:.0f} s"))
        )

        def done(result: Any) -> None:
            self._under_way -= 1
            if late.active():
                late.cancel()
                answer.callback(result)

        self._app.threads.io(f, *args).addBoth(done)
        return answer


def _answer(request: Any, asked: Deferred[Any], send: Callable[[Any], None]) -> int:
    """Send what comes, if the client is still there."""
    gone: list[Any] = []
    request.notifyFinish().addErrback(gone.append)

    def answered(result: Any) -> None:
        if not gone:
            send(result)

    def failed(failure: Any) -> None:
        if not gone:
            request.processingFailed(failure)

    asked.addCallback(answered).addErrback(failed)
    return NOT_DONE_YET


class Probe(Resource):
    """Looks at a device that is not configured. look(url, login, True): with a picture; blocks."""

    isLeaf = True
    described: ClassVar = {
        "POST": {
            "summary": "Look what an ONVIF device is and has. Changes nothing",
            "answers": {
                200: '{"ok": true, "device": {"name", "manufacturer", "model", "firmware", "serial", "services", '
                '"profiles": [{"token", "name", "encoding", "width", "height", "stream", "snapshot"}], "axes", '
                '"imaging", "events", "picture": base64 of a JPEG, "camera"}}, where `camera` is what '
                '`POST /api/cameras` takes; or {"ok": false, "reason", "refused": whether it was the login}',
                400: "It is not an address, or the password came in clear",
                429: "Too many at a time",
            },
            "body": {
                "type": "object",
                "properties": {
                    # An address in IPv6 is taken, too: that is more than a pattern should say.
                    "url": {**_TEXT, "pattern": f"^ *(https?://)?{_HOST}(:{_PORT})?([/?#][!-?A-~]*)? *$"},
                    "username": _TEXT,
                    "password": _TEXT,
                },
                "required": ["url"],
                "additionalProperties": False,
            },
        },
    }

    def __init__(self, app: App, asking: Asking, look: Callable[[str, tuple[str, str], bool], Description]):
        super().__init__()
        self._app = app
        self._asking = asking
        self._look = look

    def render_POST(self, request: Any) -> Any:
        by = request.principal
        if not by.may(Permission.System_rw, "cameras//"):  # who is limited to some cameras adds none
            raise Refused("onvif", Permission.System_rw)
        url, username, password = _login(request.read_json())
        if password and not (request.way.secure or request.way.is_local):
            raise Invalid("password", "has come in clear, so others may know it: send it by HTTPS")

        def told(found: Description | DeviceError) -> None:
            ok = isinstance(found, Description)
            self._app.audit.record("onvif_probe", by.name, request.address, url=url, ok=ok)
            if isinstance(found, Description):
                request.send_json({"ok": True, "device": found.described(url, username)})
            else:
                request.send_json({"ok": False, "reason": str(found), "refused": found.refused})

        asked = self._asking(self._look, url, (username, password), True)
        asked.addErrback(lambda failure: failure.trap(DeviceError) and failure.value)
        return _answer(request, asked, told)


def _login(value: Any) -> tuple[str, str, str]:
    if not isinstance(value, dict) or not set(value) <= {"url", "username", "password"}:
        raise Invalid("", "expected url, username and password")
    texts = [value.get(name, "") for name in ("url", "username", "password")]
    if not all(isinstance(text, str) and len(text) <= 1024 for text in texts):
        raise Invalid("", "expected texts")
    url, username, password = texts
    return device_address(url), username, password


def device_address(text: str) -> str:
    """Where a device service is, given as people do: a host is enough. Raises Invalid."""
    url = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or "@" in url or not url.isprintable() or " " in url:
        raise Invalid("url", 'expected "http://host/onvif/device_service", and no login in it')
    return url if parts.path.strip("/") else url.rstrip("/") + "/onvif/device_service"


class Proxy(Resource):
    """Takes a message to a device of a configured camera, with the camera's login, and its answer back:
    POST /api/onvif/<camera>/<service>. To nowhere else."""

    isLeaf = True
    body_limit = LARGEST
    described: ClassVar = {
        "POST": {
            "summary": "A SOAP message to the ONVIF device of a camera: /api/onvif/<camera>/<service>",
            "answers": {
                200: "What the device answered; its status may be another one",
                400: "The body is no SOAP message",
                404: "No such camera or service; services are " + ", ".join(_SERVICES),
                409: "The camera has no ONVIF device",
                429: "Too many at a time",
                503: "The device does not answer",
            },
            "body": None,
        },
    }

    def __init__(self, app: App, asking: Asking, devices: Devices):
        super().__init__()
        self._app = app
        self._asking = asking
        self._devices = devices

    def render_POST(self, request: Any) -> Any:
        names = [name.decode("ascii", "replace") for name in request.postpath]
        camera, name = names if len(names) == 2 else ("", "")
        name = name.removesuffix("_service")
        by = request.principal
        if camera not in self._app.cameras or name not in _SERVICES or not by.knows(f"cameras/{camera}/"):
            raise Gone("There is no such camera or service")
        if not by.may(Permission.System_rw, f"cameras/{camera}/"):
            raise Refused(f"cameras/{camera}", Permission.System_rw)
        follower = self._devices[camera]
        if follower is None:
            raise Conflict(f"{camera} has no ONVIF device (cameras.{camera}.onvif)")
        device = follower.device
        if device is None or name not in device.services:
            raise DeviceError("The device is not there, or has no such service")
        kind = (request.getHeader(b"content-type") or b"").decode("latin-1")
        if kind.partition(";")[0].strip().lower().encode() not in _XML or not kind.isprintable():
            raise Invalid("", "the Content-Type must be application/soap+xml")
        self._app.audit.record("onvif_message", by.name, request.address, camera=camera, service=name)
        asked = self._asking(device.peer.post, device.services[name], request.content.read(), kind)

        def send(reply: Reply) -> None:
            request.setResponseCode(reply.status_code if reply.status_code != 401 else 502)
            is_text = reply.headers["Content-Type"].lower().startswith("text/xml")
            for header, value in (
                # Never what the device says: on our site it could be a page.
                (
                    b"content-type",
                    b"text/xml; charset=utf-8" if is_text else b"application/soap+xml; charset=utf-8",
                ),
                (b"content-length", b"%d" % len(reply.content)),
                (b"cache-control", b"no-store"),
                (b"content-disposition", b"attachment"),
            ):
                request.responseHeaders.setRawHeaders(header, (value,))
            request.write(reply.content)
            request.finish()

        return _answer(request, asked, send)
