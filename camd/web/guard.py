"""Guard: nobody meets a resource who may not.

Every request passes here once, before its body is read: as long as nobody has set camd up there is only
that; then HTTPS where it must be, the identity, and the permission of the route. A resource that a guard
let through finds who asks at `request.principal`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource, getChildForRequest
from twisted.web.server import NOT_DONE_YET

from ..errors import CamdError
from ..hookspecs import ANY, READER, Route
from ..state.permission import Permission, Principal
from .errors import ErrorResource, Failing, render_failure
from .identify import is_signed_in
from .redirect import Redirect
from .request import Request

if TYPE_CHECKING:
    from .web import Web

#: What answers while camd has no administrator, beside the files of the page.
SETUP_PATHS = frozenset({"/health", "/healthz", "/api/setup"})
#: What plain HTTP answers even if everything else leads to HTTPS.
PLAIN_PATHS = frozenset({"/health", "/healthz"})
_UNAUTHORIZED = ErrorResource(401)
_READING = (b"GET", b"HEAD", b"OPTIONS")


class Guard:
    """Decides about the requests of one Web. Reactor thread only."""

    SETUP_REQUIRED = ErrorResource(
        403, "SETUP_REQUIRED", "camd must be set up first: open /setup with the code that it printed"
    )

    def __init__(self, web: Web):
        self._web = web

    @property
    def needs_setup(self) -> bool:
        """Whether nobody has set camd up yet."""
        return self._web.needs_setup

    def admit(self, route: Route, request: Request) -> IResource:
        """The route's resource, or one that says why not."""
        web, path = self._web, route.path
        request.route = path
        request.media = route.media
        if request.requestHeaders.hasHeader(b"origin") and web.origins.allow(request):
            return _PREFLIGHT
        if web.needs_setup and path not in SETUP_PATHS:
            return self.SETUP_REQUIRED
        if path not in PLAIN_PATHS and (redirect := self.lead_to_https(request, route.encrypted)) is not None:
            return redirect
        if route.open:
            return route.resource
        try:
            principal = web.identify(request)
        except CamdError as error:
            return Failing(error)
        if isinstance(principal, Deferred):
            return _Waiting(principal, self, route)
        return self.decide(route, request, principal)

    def lead_to_https(self, request: Request, encrypted: bool) -> Redirect | None:
        """The way to HTTPS for plain HTTP: always if that is configured, and from elsewhere than this machine
        where secrets are entered. A proxy that we trust leads its clients by itself."""
        always = self._web.redirect_https
        if not (always or encrypted):
            return None
        way = request.way
        if way.secure or way.proxied or not (always or not way.is_local):
            return None
        target = self._web.https_address(way.host)
        return Redirect(target + request.uri, permanent=always) if target else None

    def decide(self, route: Route, request: Request, principal: Principal) -> IResource:
        """As `admit`, for a known identity."""
        request.principal = principal
        refused = self._refused(principal, route.read)
        if refused is None and request.method not in _READING:
            if route.write is None:
                return ErrorResource(405, headers={"Allow": "GET, HEAD"})
            refused = self._refused(principal, route.write)
        if refused is None:
            return route.resource
        if refused.status == 403:
            method = request.method.decode("latin-1")
            self._web.audit("refused", principal.name, request.address, method=method, path=route.path)
        return refused

    def _refused(self, principal: Principal, needed: Permission | str | None) -> ErrorResource | None:
        if needed in (ANY, READER):
            welcome = is_signed_in(principal) or (needed == READER and principal.permissions)
            return None if welcome else _UNAUTHORIZED
        if principal.may(needed):
            return None
        if not is_signed_in(principal):
            return _UNAUTHORIZED
        return ErrorResource(403, message=f"This needs the permission {needed.name}")


class _Waiting(Resource):
    """Stands for a resource while a password is being checked; what it takes of a body waits with it."""

    isLeaf = True

    def __init__(self, principal: Deferred[Principal], guard: Guard, route: Route):
        super().__init__()
        self._guard = guard
        self._route = route
        self._result: Principal | Failure | None = None
        self._request: Request | None = None
        self._body: _Body | None = None
        principal.addBoth(self._decided)

    def receive(self, request: Request) -> _Body | None:
        """The body waits, too, where it would be taken piece by piece."""
        if getattr(self._route.resource, "receive", None) is not None:
            self._body = _Body(request)
        return self._body

    def _decided(self, result: Principal | Failure) -> None:
        self._result = result
        if self._body is not None and not self._body.is_abandoned:
            self._body.go_on(result if isinstance(result, Failure) else self._resource(self._body.request, result))
        self._go_on()

    def _resource(self, request: Request, principal: Principal) -> IResource | Failure:
        try:
            return getChildForRequest(self._guard.decide(self._route, request, principal), request)
        except Exception:
            return Failure()

    def render(self, request: Request) -> Any:
        self._request = request
        request.notifyFinish().addErrback(self._gone)
        self._go_on()
        return NOT_DONE_YET

    def _gone(self, _: Failure) -> None:
        self._request = None

    def _go_on(self) -> None:
        request, result = self._request, self._result
        if request is None or result is None or request.startedWriting:
            return
        resource = result if isinstance(result, Failure) else self._body and self._body.taker
        if resource is None:
            resource = self._resource(request, result)
        if isinstance(resource, Failure):
            request.processingFailed(resource)
            return
        try:
            request.render(resource)
        except Exception:
            request.processingFailed(Failure())


class _Body:
    """What has come of a body while a password is being checked; the rest is held up. taker: who gets it."""

    limit = sys.maxsize  # no more comes

    def __init__(self, request: Request):
        self.request = request
        self.is_abandoned = False
        self.taker: IResource | None = None
        self._length = request.channel.length
        self._pieces: list[bytes] = []
        request.channel.hold()

    def write(self, data: bytes) -> None:
        self._pieces.append(data)

    def abandon(self) -> None:
        self.is_abandoned = True

    def go_on(self, answer: IResource | Failure) -> None:
        """It is known who takes it, or why nobody does."""
        if isinstance(answer, Failure):
            self.request.answer_early(answer)
        else:
            self.taker = answer
            self.request.hand_over(answer, self._pieces, self._length)


class _Preflight(Resource):
    """The answer to a browser that asks what a listed page may do; all of it is in the headers."""

    isLeaf = True

    def render(self, request: Request) -> bytes:
        request.setResponseCode(204)
        return b""


_PREFLIGHT = _Preflight()
