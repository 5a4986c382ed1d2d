"""Device passwords: what cameras' viewers and recorders log in with, where the protocol (digest, ONVIF)
needs the clear secret at the server. Generated, so that nobody uses a password of their own there."""

from __future__ import annotations

import secrets

#: Without what looks alike: it is typed into recorders from a screen.
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
#: 93 bits; recorders are known to cut at 16.
_LENGTH = 16


def new_device_password() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def purpose(user_id: int) -> str:
    """What it is encrypted for (see SecretKey)."""
    return f"device password of user {user_id}"
