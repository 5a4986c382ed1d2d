"""SecretKey: `secret.key` of the data directory, for what must be stored and read back in clear.

It protects copies of the database (backups, support bundles), not against somebody who can read the
whole data directory: a daemon that starts by itself must be able to read its own key.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import CamdError

_SIZE = 32
_NONCE = 12


class SecretKey:
    """Encrypts short texts with AES-256-GCM. purpose: bound into each, so that none stands in for another."""

    def __init__(self, key: bytes):
        self._cipher = AESGCM(key)

    def encrypt(self, text: str, purpose: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, text.encode(), purpose.encode())

    def decrypt(self, sealed: bytes, purpose: str) -> str | None:
        """The text; None if it was encrypted with another key or for another purpose, or is damaged."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode()).decode()
        except (InvalidTag, ValueError):
            return None


def read_secret_key(path: Path) -> SecretKey:
    """The key in the file, made (mode 0600) if there is none; blocks. Raises CamdError."""
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise CamdError(f"{path}: cannot be used: {error.strerror}") from None
    if len(key) != _SIZE:
        raise CamdError(f"{path}: has {len(key)} bytes, not {_SIZE}; put a copy back, or remove it and renew "
                        "the device passwords")
    return SecretKey(key)


def _make(path: Path) -> None:
    """Write it beside its place first and link it in: a daemon and a command may start at once."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SIZE))
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()
