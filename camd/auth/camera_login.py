"""The logins of network cameras: sealed for the run-time store, and opened when a camera is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config import CameraConfig
from ..config.source_url import split_login
from ..config.values import SEALED
from ..errors import SourceError
from .certificate_files import read_regular
from .secret_key import read_secret_key

SECRET_KEY = "secret.key"


def _purpose(camera: str) -> str:
    return f"login of camera {camera}"


def seal_login(data_dir: Path, camera: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a camera as the run-time store may hold them: the login in its URL moved to `username`
    and `password`, and the password encrypted. An empty password removes it. Blocks; raises CamdError."""
    sealed = dict(values)
    if isinstance(source := values.get("source"), str):
        sealed["source"], username, password = split_login(source)
        if username or password:
            sealed = {"username": username, "password": password} | sealed
    password = sealed.get("password")
    if password == "":
        sealed["password"] = None
    elif isinstance(password, str):
        key = read_secret_key(data_dir / SECRET_KEY)
        sealed["password"] = SEALED + base64.b64encode(key.encrypt(password, _purpose(camera))).decode()
    return sealed


def open_login(data_dir: Path, config: CameraConfig) -> tuple[str, str]:
    """The user name and the password of a camera as they are now; both "" for none. A password in the run-time
    store counts more than `password_file`. Blocks; raises SourceError."""
    password = config.password
    if password is not None and not password.sealed:
        return config.username, password.text
    if password is not None:
        text = read_secret_key(data_dir / SECRET_KEY).decrypt(base64.b64decode(password.text), _purpose(config.id))
        if text is None:
            raise SourceError(f"the password of camera {config.id} was encrypted with another secret.key: "
                              f"give it again (camd camera set {config.id} --password)")
        return config.username, text
    if config.password_file is not None:
        try:
            first = read_regular(config.password_file).decode().partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{config.password_file}: the password cannot be read: {error}") from None
        return config.username, first
    return config.username, ""
