"""Whether a device is what a Probe looks for: types, and scopes by their rules (WS-Discovery 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import SplitResult, unquote, urlsplit
from uuid import UUID

from .messages import Message
from .names import WSD

#: rule(wanted, had) -> whether a scope that is wanted is this one that a device has.
Rule = Callable[[str, str], bool]


def matches(types: Sequence[str], scopes: Sequence[str], wanted: Message) -> bool:
    """Whether a device with these has every type and every scope that is wanted. Raises KeyError for an
    unknown rule."""
    if not set(wanted.types) <= set(types):
        return False
    if wanted.rule == NONE:
        return not scopes
    rule = RULES[wanted.rule]
    return all(any(rule(scope, had) for had in scopes) for scope in wanted.scopes)


def by_path(wanted: str, had: str) -> bool:
    """Scheme and authority are the same whatever their case, and the segments of the path begin the other's
    (RFC 3986). Query and fragment do not count; "." and ".." are never the same."""
    one, other = _split(wanted), _split(had)
    if one is None or other is None or one.scheme.lower() != other.scheme.lower():
        return False
    mine, theirs = _segments(one.path), _segments(other.path)
    dots = {".", ".."} & {*mine, *theirs}
    return not dots and one.netloc.lower() == other.netloc.lower() and theirs[: len(mine)] == mine


def by_uuid(wanted: str, had: str) -> bool:
    one, other = _uuid(wanted), _uuid(had)
    return one is not None and one == other


def by_name(wanted: str, had: str) -> bool:
    """Directory names in LDAP URLs: same server, and the one is above the other or the same. They are written
    from the bottom up (RFC 2253)."""
    one, other = _split(wanted), _split(had)
    if one is None or other is None or {one.scheme.lower(), other.scheme.lower()} != {"ldap"}:
        return False
    mine, theirs = ([part for part in reversed(unquote(parts.path).lstrip("/").split(",")) if part]
                    for parts in (one, other))  # fmt: skip
    return one.netloc.lower() == other.netloc.lower() and theirs[: len(mine)] == mine


def _split(uri: str) -> SplitResult | None:
    try:
        return urlsplit(uri)
    except ValueError:
        return None


def _segments(path: str) -> list[str]:
    segments = [unquote(segment) for segment in path.split("/")]
    while segments and not segments[-1]:
        segments.pop()
    return segments


def _uuid(text: str) -> UUID | None:
    text = text.lower().removeprefix("urn:").removeprefix("uuid:")
    try:
        return UUID(text)
    except ValueError:
        return None


NONE = f"{WSD}/none"
RULES: Mapping[str, Rule] = MappingProxyType({
    "": by_path,
    f"{WSD}/rfc3986": by_path,
    f"{WSD}/rfc2396": by_path,
    f"{WSD}/strcmp0": str.__eq__,
    f"{WSD}/uuid": by_uuid,
    f"{WSD}/ldap": by_name,
})  # fmt: skip
