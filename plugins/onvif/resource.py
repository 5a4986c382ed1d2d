"""The resource at /onvif: one POST, one answer. Who may is decided here, by operation."""

from __future__ import annotations

import importlib
import sys
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from camd.errors import CamdError, Gone, Unauthorized
from camd.state import Principal

from . import soap
from .access import Access
from .faults import Fault, NotAuthorized, fault_of, not_supported
from .operation import Call, Operation
from .security import Tokens, UsernameToken
from .xml import tag

if TYPE_CHECKING:
    from camd.app import App

    from .devices import Devices

#: A form on any page could send other types without asking first.
_XML = frozenset((b"application/soap+xml", b"text/xml", b"application/xml"))

#: What the documentation of the API says of this path.
DESCRIBED = {
    "POST": {
        "summary": "ONVIF: one SOAP message",
        "answers": {
            200: "The answer",
            400: "A fault of the sender",
            401: "A fault, and how to sign in",
            404: "No such service; they are below this path",
            413: "Too large",
            415: "A fault: not XML",
            429: "A fault: too often",
            500: "A fault of the device",
        },
        "body": None,
    }
}


class Onvif(Resource):
    """Every service of the device. Reactor thread only.

    devices: which one a request is for, and what it can.
    """

    isLeaf = True
    body_limit = soap.MAX_BYTES
    described = DESCRIBED
    log = Logger()

    def __init__(self, app: App, devices: Devices, tokens: Tokens):
        super().__init__()
        self._app = app
        self._devices = devices
        self._paths = devices.paths
        self._tokens = tokens

    def render_POST(self, request: Any) -> Any:
        path, below = request.postpath[:1], request.postpath[1:]
        if not path or path[0].decode("ascii", "replace") not in self._paths or len(below) > 1:
            raise Gone("There is no such service")
        kind = (request.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower()
        if kind not in _XML:
            fault = Fault("the Content-Type must be application/soap+xml", "ter:WellFormed", status=415)
            return self._send(request, fault, None)
        gone: list[Any] = []
        request.notifyFinish().addErrback(lambda _: [leave() for leave in gone] and None)
        # Not cancelled when the client goes: what has begun to change is better finished than left half done.
        Deferred.fromCoroutine(self._respond(request, below[0] if below else b"", gone)).addErrback(
            lambda failure: self.log.failure("an answer could not be given", failure))  # fmt: skip
        return NOT_DONE_YET

    async def _respond(self, request: Any, below: bytes, gone: list[Any]) -> None:
        message: soap.Message | None = None
        try:
            message = await self._parse(request)
            data = await self._answer(message, request, below, gone)
        except CancelledError:
            return  # the client left while it waited
        except Unauthorized as error:
            self._send(request, NotAuthorized(challenge=True, stale=error.stale), message)
        except CamdError as error:
            self._send(request, fault_of(error), message)
        except Exception:
            self.log.failure("{operation} failed", operation=message.name if message else "reading a request")
            self._send(request, fault_of(CamdError("internal error")), message)
        else:
            self._finish(request, 200, data, message.version)

    async def _parse(self, request: Any) -> soap.Message:
        if "lxml.etree" not in sys.modules:  # loading it takes longer than the reactor may be busy
            await self._app.threads.io(importlib.import_module, "lxml.etree")
        try:
            return soap.parse(request.content.read())
        except Fault:
            self._app.web.limits.charge(None, request.address, False)
            raise

    async def _answer(self, message: soap.Message, request: Any, below: bytes, gone: list[Any]) -> bytes:
        port = getattr(request.getHost(), "port", 0)
        operation = self._devices.operations(port).get(message.name)
        by = await self._who(message, request, operation)
        if operation is None:
            raise not_supported("this device has no such operation")
        way = request.way
        base = f"{'https' if way.secure else 'http'}://{way.host.decode('ascii', 'replace')}{way.prefix}"
        call = Call(message.body, by, request.address, base, below.decode("ascii", "replace"), gone)
        content = operation.method(call)
        if isawaitable(content):
            content = await content
        if (
            operation.prefix == "tptz" and operation.access is Access.ACTUATE
        ):  # what sets states is in the log by that
            self._app.audit.record("call", by.name, request.address, call=f"onvif.{operation.name}")
        response = tag(operation.response, content)
        return soap.answer(response, message, _action(operation))

    async def _who(self, message: soap.Message, request: Any, operation: Operation | None) -> Principal:
        """Who asks, if they may do this. Raises NotAuthorized and whatever else stands in the way."""
        app = self._app
        by: Principal = app.users.guest
        brought = False
        if request.requestHeaders.hasHeader(b"authorization"):
            by = await _soon(app.web.identify(request))
            brought = True
        if message.security is not None and (operation is None or operation.access is not Access.PRE_AUTH):
            by = self._by_token(message.security, request.address)
            brought = True
        elif app.web.assume is not None:
            by = app.web.assume
        elif not brought:
            app.web.limits.charge(None, request.address, False)
        if operation is not None and operation.access is Access.PRE_AUTH:
            return by
        permission = operation.access.value if operation else None
        if not brought and not by.may(permission):
            raise NotAuthorized(challenge=True)
        if operation is not None and not by.may(permission):
            app.audit.record("refused", by.name, request.address, operation=operation.request)
            raise NotAuthorized()
        return by

    def _by_token(self, security: Any, address: str) -> Principal:
        app = self._app
        by: Principal | None = None
        try:
            token = UsernameToken.read(security)
            by = app.users.by_username_token(token.username, partial(self._tokens.verify, token), address)
        except Unauthorized:
            raise NotAuthorized() from None
        finally:
            app.web.limits.charge(by, address, False)
        return by

    # -- going out

    def _send(self, request: Any, fault: Fault, message: soap.Message | None) -> int:
        if isinstance(fault, NotAuthorized) and fault.challenge:
            # MD5 only: clients that read one header with all challenges mix up two. SHA-256 is good as well.
            challenges = [
                one for one in self._app.users.digest_challenges(fault.stale) if "algorithm=MD5" in one
            ]
            request.responseHeaders.setRawHeaders(b"WWW-Authenticate", [one.encode() for one in challenges])
        version = message.version if message else soap.SOAP12
        self._finish(request, fault.status, soap.fault(fault, message), version)
        return NOT_DONE_YET

    def _finish(self, request: Any, status: int, data: bytes, version: str) -> None:
        if request.finished or request.channel is None:
            return
        request.setResponseCode(status)
        for name, value in (
            (b"content-type", soap.content_type(version)),
            (b"content-length", b"%d" % len(data)),
            (b"cache-control", b"no-store"),
        ):
            request.responseHeaders.setRawHeaders(name, (value,))
        request.write(data)
        request.finish()


async def _soon(principal: Any) -> Principal:
    return await principal if isawaitable(principal) or isinstance(principal, Deferred) else principal


def _action(operation: Operation) -> str:
    """The wsa:Action of an answer, as the documents of the event services have them."""
    return ACTIONS.get(operation.response, "")


_TEV, _WSN = "http://www.onvif.org/ver10/events/wsdl", "http://docs.oasis-open.org/wsn/bw-2"
ACTIONS = {
    "tev:GetServiceCapabilitiesResponse": f"{_TEV}/EventPortType/GetServiceCapabilitiesResponse",
    "tev:CreatePullPointSubscriptionResponse": f"{_TEV}/EventPortType/CreatePullPointSubscriptionResponse",
    "tev:GetEventPropertiesResponse": f"{_TEV}/EventPortType/GetEventPropertiesResponse",
    "tev:PullMessagesResponse": f"{_TEV}/PullPointSubscription/PullMessagesResponse",
    "tev:SetSynchronizationPointResponse": f"{_TEV}/PullPointSubscription/SetSynchronizationPointResponse",
    "wsnt:SubscribeResponse": f"{_WSN}/NotificationProducer/SubscribeResponse",
    "wsnt:RenewResponse": f"{_WSN}/SubscriptionManager/RenewResponse",
    "wsnt:UnsubscribeResponse": f"{_WSN}/SubscriptionManager/UnsubscribeResponse",
}
