"""Answers to a server that asks who one is: Basic (RFC 7617) and Digest (RFC 7616) as a client."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable

_SCHEME = re.compile(r"(?i)(?:^|,)\s*(basic|digest)(?=\s|$)")
_FIELD = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
#: The best first.
_ALGORITHMS = {"SHA-256": "sha256", "MD5": "md5"}


class Challenge:
    """One way to log in that the server offers. fields: of its header, by lower-case name."""

    def __init__(self, scheme: str, fields: dict[str, str]):
        self.scheme = scheme
        self.fields = fields
        self._count = 0

    def answer(self, method: str, uri: str, username: str, password: str) -> str:
        """Value of the Authorization header for one request; a nonce may be used again and again."""
        if self.scheme == "basic":
            return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        fields = self.fields
        realm, nonce = fields.get("realm", ""), fields.get("nonce", "")
        algorithm = _ALGORITHMS[fields.get("algorithm", "MD5").upper()]

        def digest(text: str) -> str:
            return hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()

        secret, asked = digest(f"{username}:{realm}:{password}"), digest(f"{method}:{uri}")
        said = {"username": username, "realm": realm, "nonce": nonce, "uri": uri}
        rest = [f'algorithm={fields["algorithm"]}'] if "algorithm" in fields else []
        if "qop" in fields:
            self._count += 1
            count, ours = f"{self._count:08x}", secrets.token_hex(8)
            said |= {"response": digest(f"{secret}:{nonce}:{count}:{ours}:auth:{asked}"), "cnonce": ours}
            rest += ["qop=auth", f"nc={count}"]
        else:  # RFC 2069, which old cameras speak
            said["response"] = digest(f"{secret}:{nonce}:{asked}")
        if "opaque" in fields:
            said["opaque"] = fields["opaque"]
        quoted = [f'{name}="{_escape(value)}"' for name, value in said.items()]
        return "Digest " + ", ".join(quoted + rest)


def choose(headers: Iterable[str]) -> Challenge | None:
    """The best of what the values of WWW-Authenticate offer: Digest before Basic; None if there is none that
    camd knows. A header may hold several challenges."""
    offered = []
    for header in headers:
        found = list(_SCHEME.finditer(header))
        ends = [match.start() for match in found[1:]] + [len(header)]
        for match, end in zip(found, ends, strict=False):
            fields = {
                name.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare
                for name, quoted, bare in _FIELD.findall(header[match.end():end])
            }
            rank = _rank(match[1].lower(), fields)
            if rank is not None:
                offered.append((rank, len(offered), Challenge(match[1].lower(), fields)))
    return min(offered)[2] if offered else None


def _rank(scheme: str, fields: dict[str, str]) -> int | None:
    if scheme == "basic":
        return len(_ALGORITHMS)
    algorithm = fields.get("algorithm", "MD5").upper()
    if algorithm not in _ALGORITHMS or "auth" not in re.split(r"[\s,]+", fields.get("qop", "auth")):
        return None
    return list(_ALGORITHMS).index(algorithm)


def _escape(value: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", value)
