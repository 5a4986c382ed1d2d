"""Who may read and write what: the 15 permissions and the identity that holds some of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Permission(Enum):
    """The product's permissions. Their order is stored in user accounts: append, never reorder."""

    Device_r = "Device_r"
    Device_rw = "Device_rw"
    Media_r = "Media_r"
    Media_rw = "Media_rw"
    User_r = "User_r"
    User_rw = "User_rw"
    Network_r = "Network_r"
    Network_rw = "Network_rw"
    Storage_r = "Storage_r"
    Storage_rw = "Storage_rw"
    System_r = "System_r"
    System_rw = "System_rw"
    FirmwareUpdate_r = "FirmwareUpdate_r"
    FirmwareUpdate_rw = "FirmwareUpdate_rw"
    Reboot_rw = "Reboot_rw"

    @property
    def ordinal(self) -> int:
        """Position in the list, as the product stores it (0 to 14)."""
        return _ORDINALS[self]

    # Members are singletons, so identity hashing is right, and ten times faster than Enum's own.
    __hash__ = object.__hash__


_ORDINALS = {permission: number for number, permission in enumerate(Permission)}
#: The write permission that includes a read permission.
_WRITING = {
    permission: Permission[permission.name + "w"] for permission in Permission if permission.name.endswith("_r")
}


@dataclass(frozen=True, slots=True)
class Principal:
    """An identity with its permissions, asked at every edge before anything is read or changed.

    cameras: the ids it is limited to, None for all. how: what proved it ("session", "bearer", "url",
    "basic", "digest", "password", "guest", "system"); key: names that session or token, so that it
    can be ended.
    """

    name: str
    permissions: frozenset[Permission]
    cameras: frozenset[str] | None = None
    how: str = ""
    key: str = ""

    def may(self, permission: Permission | None, name: str = "") -> bool:
        """Whether this identity holds the permission, and, if it is limited to some cameras, may
        use the state name meant. The permission None is held by nobody."""
        if permission is None or not self.knows(name):
            return False
        return permission in self.permissions or _WRITING.get(permission) in self.permissions

    def knows(self, name: str) -> bool:
        """Whether this identity may know that there is such a state name: not if it belongs to a camera that
        is none of its own."""
        return self.cameras is None or not name.startswith("cameras/") or name.split("/", 2)[1] in self.cameras

    def sees(self, camera: str) -> bool:
        """Whether this identity may see the pictures of the camera with this id. Every way to them asks here."""
        return self.may(Permission.Media_r, f"cameras/{camera}/")


GUEST_NAME = "guest"
#: The daemon itself, for what it does on its own account.
SYSTEM = Principal("system", frozenset(Permission), how="system")
#: Everybody with every permission: for tests.
EVERYONE = Principal("everyone", frozenset(Permission))
