"""Roles: names for sets of permissions, and how permissions are written and combined."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..errors import Invalid
from ..state.permission import GUEST_NAME, Permission

ADMINISTRATOR = "administrator"
VIEWER = "viewer"
Permissions = frozenset[Permission]


def _set(names: str) -> Permissions:
    return frozenset(Permission[name] for name in names.split())


#: The product's roles. Those of "guest" are the only ones that can be changed.
BUILT_IN: Mapping[str, Permissions] = {
    ADMINISTRATOR: frozenset(Permission),
    "operator": _set("Device_r Device_rw Media_r Media_rw Storage_r System_r Reboot_rw"),
    VIEWER: _set("Device_r Media_r Storage_r System_r"),
    GUEST_NAME: frozenset(),
}
_ALIASES = {"admin": ADMINISTRATOR}
_ORDER = tuple(Permission)
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_READ_OF = {
    permission: Permission[permission.name[:-1]]
    for permission in Permission
    if permission.name.endswith("_rw") and permission.name[:-1] in Permission.__members__
}


def role_name(name: str, key: str = "role") -> str:
    """The name as it is stored. Raises Invalid for what could be no role."""
    known = name.lower() if isinstance(name, str) else ""
    known = _ALIASES.get(known, known)
    if not _NAME.fullmatch(known):
        raise Invalid(key, "the name of a role is a letter and up to 31 of a-z, 0-9, _ and -")
    return known


def parse_permissions(values: Iterable[Permission | str | int], key: str = "permissions") -> Permissions:
    """Permissions from names or from the product's ordinals. Raises Invalid."""
    if isinstance(values, str):
        raise Invalid(key, "expected a list of permissions")
    return frozenset(_parse(value, key) for value in values)


def _parse(value: Permission | str | int, key: str) -> Permission:
    if isinstance(value, Permission):
        return value
    if isinstance(value, str) and value in Permission.__members__:
        return Permission[value]
    if type(value) is int and 0 <= value < len(_ORDER):
        return _ORDER[value]
    raise Invalid(key, f"expected names of permissions ({', '.join(names_of(_ORDER))}), or their numbers "
                       f"from 0 to {len(_ORDER) - 1}")


def names_of(permissions: Iterable[Permission]) -> list[str]:
    """Their names, in the product's order."""
    return [permission.name for permission in sorted(permissions, key=lambda p: p.ordinal)]


def with_reading(permissions: Iterable[Permission]) -> Permissions:
    """The permissions with those that they include: who may write may read."""
    held = frozenset(permissions)
    return held | {_READ_OF[permission] for permission in held if permission in _READ_OF}


def common(one: Permissions, other: Permissions) -> Permissions:
    """What both allow."""
    return with_reading(one) & with_reading(other)


def common_cameras(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """The cameras that both allow; None stands for all."""
    if one is None or other is None:
        return other if one is None else one
    return one & other
