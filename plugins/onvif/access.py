"""Access: the access classes of ONVIF Core as permissions of camd."""

from __future__ import annotations

from enum import Enum

from camd.state import Permission


class Access(Enum):
    """What an operation does; the value is the permission that it needs, None: it needs no identity.

    Three classes of ONVIF are divided, because camd's permissions are finer: writing the system into
    network and users, and what cannot be undone into factory default and restart.
    """

    PRE_AUTH = None
    READ_SYSTEM = Permission.System_r
    READ_SYSTEM_SECRET = Permission.User_r
    READ_MEDIA = Permission.Media_r
    ACTUATE = Permission.Device_rw
    WRITE_SYSTEM = Permission.System_rw
    WRITE_NETWORK = Permission.Network_rw
    WRITE_USERS = Permission.User_rw
    UNRECOVERABLE = Permission.FirmwareUpdate_rw
    REBOOT = Permission.Reboot_rw
