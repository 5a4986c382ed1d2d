"""Addresses of network cameras: what they must look like, and the login that people write into them."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

#: Kinds whose source is a URL with a host.
NETWORK = frozenset({"rtsp", "rtsps", "http", "https"})
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)

_LOGIN = re.compile(r"(?<=://)[^/?#]*@")
#: Some recorders have the login in the path, "/user=admin_password=..._channel=1.sdp".
_SECRETS = re.compile(
    r"(?i)((?:pass|pwd|psw|token|secret|key|auth|user|usr|login|sid|session|credential)[a-z0-9-]*(?:_[a-z0-9-]+)*=)"
    r"[^&#]*"
)


def problem_of(source: str) -> str:
    """What is wrong with the URL of a network camera; "" if nothing is, or if it is none."""
    scheme = source.partition(":")[0]
    if scheme not in NETWORK:
        return ""
    if not source.startswith(f"{scheme}://"):
        return f'expected "{scheme}://host/path"'
    if not source.isprintable() or any(character.isspace() for character in source):
        return "spaces and control characters must be written as %20 and the like"
    try:
        parts = urlsplit(source)
        if not parts.hostname or parts.port == 0:
            return "there is no host in it" if not parts.hostname else "0 is no port"
    except ValueError as error:
        return f"no URL: {error}"
    return ""


def split_login(source: str) -> tuple[str, str, str]:
    """A source without its login, the user name and the password; both "" where there is none. Everything
    before the last "@" of the authority is the login, as RFC 3986 has it (section 3.2.1)."""
    match = _URL.fullmatch(source)
    if match is None or "@" not in match[2]:
        return source, "", ""
    login, _, host = match[2].rpartition("@")
    username, _, password = login.partition(":")
    return f"{match[1]}://{host}{match[3]}", unquote(username), unquote(password)


def shown_source(source: str) -> str:
    """A source as everybody may see it: without logins and tokens, wherever a URL has them."""
    return _SECRETS.sub(r"\1***", _LOGIN.sub("", source)) if "://" in source else source


def same_server(one: str, other: str) -> bool:
    """Whether both sources lead to the same place, to which one may show the same password."""

    def server(source: str) -> str:
        match = _URL.fullmatch(source)
        return f"{match[1]}://{match[2].rpartition('@')[2].lower()}" if match else source

    return server(one) == server(other)


def same_host(one: str, other: str) -> bool:
    """Whether both are URLs with the same host, whatever their ports."""
    hosts = {urlsplit(url).hostname if _URL.fullmatch(url) else None for url in (one, other)}
    return len(hosts) == 1 and None not in hosts
