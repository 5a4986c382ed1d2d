"""Identify: who asks over RTSP, by what a request brings along.

    Authorization   Basic: API token, device password, password of an account · Digest: the device password ·
                    Bearer: API token
    ?token=         API token, or a page's token for this camera
    nothing         whoever this connection is already, else the guest

A wrong one is refused instead of passed over. One that was right is right for as long as its connection
lasts and its user may: players repeat it with every request.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from ..errors import CamdError, Invalid, Unauthorized
from ..state.permission import Principal
from ..wire.authorization import basic_pair, parse_fields
from ..wire.rtsp import Request
from ..wire.rtsp_headers import Url, parse_url

if TYPE_CHECKING:
    from ..auth.users import Users

#: Nonces that a connection remembers; each 401 has two.
_NONCES = 16


class Limits(Protocol):
    """How often one may ask."""

    def charge(self, by: Principal | None, address: str, picture: bool) -> None: ...


class Caller:
    """The client of one connection, as far as it is known. principal: who it is, None before it said so;
    nonces: those that it got, which are good on its connection only, and for as long as that lasts."""

    def __init__(self, address: str):
        self.address = address
        self.principal: Principal | None = None
        self.nonces: deque[str] = deque(maxlen=_NONCES)
        self._proof = ""

    def known_by(self, proof: str) -> bool:
        """Whether this very secret was right before. Answers to Digest never are: each is for one request."""
        return bool(proof) and proof == self._proof

    def is_now(self, principal: Principal, proof: str = "") -> Principal:
        self.principal = principal
        if proof:
            self._proof = proof
        return principal


class Identify:
    """Reactor thread only. users: who is who; limits: how often one may ask."""

    def __init__(self, users: Users, limits: Limits):
        self._users = users
        self._limits = limits

    async def __call__(self, request: Request, url: Url, camera: str, caller: Caller) -> Principal:
        """The identity behind a request. camera: the id of the one that it is about, "" of none. Raises
        Unauthorized, Locked, RateLimited."""
        try:
            principal = await self._find(request, url, camera, caller)
        except CamdError:
            self._limits.charge(None, caller.address, False)
            raise
        self._limits.charge(principal, caller.address, False)
        return principal

    def challenges(self, caller: Caller, stale: bool) -> list[str]:
        """Values for WWW-Authenticate. Of several Digests most players answer the last, and all know MD5."""
        challenges = self._users.digest_challenges(stale)
        for challenge in challenges:
            caller.nonces.append(parse_fields(challenge.partition(" ")[2])["nonce"])
        return [*challenges, 'Basic realm="camd", charset="UTF-8"']

    async def _find(self, request: Request, url: Url, camera: str, caller: Caller) -> Principal:
        proof = request.headers.get("authorization", "")
        token = url.query.get("token", "")
        known = self._still(caller)
        if known is not None and caller.known_by(proof or token):
            return known
        if proof:
            return await self._by_header(proof, request, url, caller)
        if token:
            principal = self._users.by_url_token(token, camera, caller.address)
            if principal is None:
                raise Unauthorized
            return caller.is_now(principal, token)
        return known or self._users.guest

    def _still(self, caller: Caller) -> Principal | None:
        """Who is known at this connection, as it is now."""
        if caller.principal is not None:
            caller.principal = self._users.still_valid(caller.principal)
        return caller.principal

    async def _by_header(self, proof: str, request: Request, url: Url, caller: Caller) -> Principal:
        scheme, _, rest = proof.partition(" ")
        if scheme.lower() == "digest":
            return caller.is_now(self._digest(rest, request, url, caller))
        if scheme.lower() == "basic":
            return caller.is_now(await self._basic(rest, caller), proof)
        principal = None
        if scheme.lower() == "bearer":
            principal = self._users.by_token(rest.strip(), caller.address)
        if principal is None:
            raise Unauthorized
        return caller.is_now(principal, proof)

    async def _basic(self, encoded: str, caller: Caller) -> Principal:
        name, password = basic_pair(encoded.encode())
        users = self._users
        known = users.by_token(password, caller.address, "basic") or users.by_device_password(name, password)
        return known or await users.by_password(name, password, caller.address)

    def _digest(self, text: str, request: Request, url: Url, caller: Caller) -> Principal:
        fields = parse_fields(text)
        if not _is_about(fields.get("uri", ""), url):
            raise Unauthorized
        return self._users.digest(fields, request.method, caller.address, fields["uri"], caller.nonces)


def _is_about(signed: str, url: Url) -> bool:
    """Whether the URL that was signed is that of the request: of its track, of the whole presentation, with or
    without host, as players have it."""
    try:
        about = parse_url(signed)
    except Invalid:
        return False
    return (about.names, about.query) == (url.names, url.query)
