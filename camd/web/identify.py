"""Identify: who asks, by what their request brings along.

Looked at in this order, the first found decides, and a wrong one is refused instead of passed over:

    Authorization   Bearer: API token or session · Basic: password of an account, API token, on pictures and
                    streams also the device password · Digest: the device password, on pictures and streams
    ?token=         on GET of pictures, streams and WebSockets: a page's URL token, API token or session
    cookie          a session; for changes and WebSockets only with the browser's word that it is our page
    nothing         the guest

Which secret works where is one table for the whole product. Everything is answered from memory, except
for a password of an account that was not checked lately.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..errors import CamdError, Unauthorized
from ..state.permission import GUEST_NAME, Principal
from ..wire.authorization import basic_pair, parse_fields
from .origin import Origins, is_upgrade
from .ratelimit import RateLimits

if TYPE_CHECKING:
    from ..auth.users import Users
    from .request import Request

COOKIE = b"camd_session"
_CAMERA = b"/cam/"


class Identify:
    """Tells who asks. Reactor thread only.

    main_camera(): the id of the camera behind /snapshot and /stream. origins: may be replaced when the
    configuration changes.
    """

    def __init__(self, users: Users, origins: Origins, limits: RateLimits, main_camera: Callable[[], str]):
        self.origins = origins
        self._users = users
        self._limits = limits
        self._main_camera = main_camera

    def __call__(self, request: Request) -> Principal | Deferred[Principal]:
        """The identity of a request, which it also gets as `principal`; a Deferred while a password is
        checked. Raises, or fails with: Unauthorized, Locked, RateLimited, Refused (a cookie that another
        page may have caused to be sent), Invalid. Asked again, it answers the same."""
        if request.principal is not None:
            return request.principal
        try:
            found = self._find(request)
        except CamdError:
            self._limits.charge(None, request.address, request.media)
            raise
        if isinstance(found, Deferred):
            return found.addCallbacks(self._known, self._unknown, (request,), errbackArgs=(request,))
        return self._known(found, request)

    def _known(self, principal: Principal, request: Request) -> Principal:
        self._limits.charge(principal, request.address, request.media)
        request.principal = principal
        return principal

    def _unknown(self, failure: Failure, request: Request) -> Failure:
        self._limits.charge(None, request.address, request.media)
        return failure

    def _find(self, request: Request) -> Principal | Deferred[Principal]:
        headers = request.requestHeaders
        authorization = headers.getRawHeaders(b"authorization")
        if authorization is not None:
            return self._by_header(authorization, request)
        if request.args and b"token" in request.args:
            upgrade = is_upgrade(headers)
            if request.method in (b"GET", b"HEAD") and (request.media or upgrade):
                return self._by_url(request, upgrade)
        cookies = headers.getRawHeaders(b"cookie")
        if cookies is not None and (secret := cookie(cookies)):
            principal = self._users.by_session(secret)
            if principal is not None:
                self.origins.check_cookie(request)
                return principal
        return self._users.guest

    def _by_header(self, values: list[bytes], request: Request) -> Principal | Deferred[Principal]:
        scheme, _, rest = values[0].strip().partition(b" ")
        scheme = scheme.lower()
        if len(values) == 1:
            if scheme == b"bearer":
                return self.by_token(rest.strip().decode("latin-1"), request.address)
            if scheme == b"basic":
                return self._basic(rest, request)
            if scheme == b"digest" and request.media:
                return self._digest(rest, request)
        raise Unauthorized

    def by_token(self, secret: str, address: str, how: str = "bearer") -> Principal:
        """The identity behind an API token or the secret of a session. Raises Unauthorized."""
        principal = self._users.by_token(secret, address, how) or self._users.by_session(secret)
        if principal is None:
            raise Unauthorized
        return principal

    def _by_url(self, request: Request, upgrade: bool) -> Principal:
        secret = request.args[b"token"][-1].decode("latin-1")
        if not upgrade:
            principal = self._users.by_url_token(secret, self._camera(request))
            if principal is not None:
                return principal
        return self.by_token(secret, request.address, "url")

    def _camera(self, request: Request) -> str:
        """The camera whose picture is asked for."""
        names = request.prepath + request.postpath
        if len(names) > 1 and names[0] == b"cam":
            return names[1].decode("ascii", "replace")
        return self._main_camera()

    def _basic(self, encoded: bytes, request: Request) -> Principal | Deferred[Principal]:
        name, password = basic_pair(encoded)
        users = self._users
        principal = users.by_token(password, request.address, "basic")
        if principal is None and request.media:
            principal = users.by_device_password(name, password)
        if principal is not None:
            return principal
        return now_or_later(Deferred.fromCoroutine(users.by_password(name, password, request.address)))

    def _digest(self, text: bytes, request: Request) -> Principal:
        fields = parse_fields(text.decode("latin-1"))
        uri = request.way.prefix + request.uri.decode("latin-1")
        return self._users.digest(fields, request.method.decode("latin-1"), request.address, uri)


def is_signed_in(principal: Principal) -> bool:
    """Whether somebody said who they are, and it was right."""
    return principal.name != GUEST_NAME


def now_or_later(deferred: Deferred[Principal]) -> Principal | Deferred[Principal]:
    """The result of a Deferred if it has one already; raises what it failed with."""
    if not deferred.called or deferred.paused:
        return deferred
    results: list[Principal | Failure] = []
    deferred.addBoth(results.append)
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


def cookie(headers: list[bytes]) -> str:
    """Our cookie's value, "" without one; the first counts, which has the longest path."""
    for header in headers:
        for pair in header.split(b";"):
            name, _, value = pair.partition(b"=")
            if name.strip() == COOKIE:
                return value.strip().decode("latin-1")
    return ""
