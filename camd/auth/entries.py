"""Entries: users and tokens as they are shown to people and programs; never with a secret."""

from __future__ import annotations

from typing import Any

from .records import Snapshot, Token, User
from .roles import names_of

Entry = dict[str, Any]


def user_entry(snapshot: Snapshot, user: User) -> Entry:
    return {
        "name": user.name,
        "role": user.role,
        "enabled": user.enabled,
        "cameras": None if user.cameras is None else sorted(user.cameras),
        "additional_permissions": names_of(user.additional),
        "permissions": names_of(snapshot.rights(user)),
        "created": user.created,
        "last_login": user.last_login,
        "device_password": user.device_password is not None,
    }


def token_entry(snapshot: Snapshot, token: Token, last_used: int | None, last_address: str) -> Entry:
    """permissions and cameras: what counts now, which may be less than the token was made with."""
    user = snapshot.users[token.user_id]
    cameras = snapshot.cameras(user, token)
    return {
        "id": token.id,
        "name": token.name,
        "user": user.name,
        "permissions": names_of(snapshot.rights(user, token)),
        "cameras": None if cameras is None else sorted(cameras),
        "created": token.created,
        "expires": token.expires,
        "last_used": last_used,
        "last_address": last_address,
    }
