"""What can be set about the copies, as state."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from camd.errors import Invalid
from camd.state import Permission, Spec, State, Value

from .bucket import Bucket
from .signature import Credentials

_R, _RW = Permission.System_r, Permission.System_rw
SECRET = "s3.key"
#: Stands for the secret key, which goes in and never out.
SET = "set"
_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
#: What texts may be, whole. Servers by an IPv6 address are taken, too: that is more than a pattern should say.
_PATTERNS = {
    "endpoint": rf"|https?://[A-Za-z0-9_.-]+(:({_PORT}))?(/[A-Za-z0-9_.~/-]*)?",
    "bucket": r"|[a-z0-9][a-z0-9.-]{1,62}",
    "region": r"[a-z0-9-]{1,32}",
    "prefix": r"[A-Za-z0-9/_.-]{0,200}",
    "access_key": r"[A-Za-z0-9_.+/=-]{0,128}",
    "secret_key": r"[!-~]{0,256}",
}


def _schema(name: str) -> dict[str, str]:
    return {"pattern": f"^({_PATTERNS[name]})$"} if name in _PATTERNS else {}


_SPECS = tuple(
    Spec(f"s3/{name}", type(value), default=value, doc=doc, read=_R, write=_RW, persist=True, schema=_schema(name))
    for name, value, doc in (
        ("endpoint", "", "The server: https://host[:port]; empty: nothing is copied."),
        ("bucket", "", "The bucket, which must be there."),
        ("region", "us-east-1", "The region of the bucket; servers of one's own mostly take us-east-1."),
        ("prefix", "", "What the names of all objects begin with, such as garden/."),
        ("access_key", "", "The id of the key."),
        ("files", False, "Whether files that users upload are copied, too."),
    )
)
_SECRET = Spec(
    "s3/secret_key",
    str,
    default="",
    doc="The secret of the key. It reads as `set`, or as nothing.",
    read=_R,
    write=_RW,
    schema=_schema("secret_key"),
)


def _fits(name: str, value: Value) -> bool:
    if name == "endpoint":
        return not value or _is_endpoint(str(value))
    return name not in _PATTERNS or re.fullmatch(_PATTERNS[name], str(value)) is not None


def _is_endpoint(text: str) -> bool:
    try:
        parts = urlsplit(text)
        plain = not (parts.query or parts.fragment or "@" in parts.netloc)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and plain and parts.port != 0
    except ValueError:
        return False


class Options:
    """The settings, kept across restarts; the secret key in a file of its own. Reactor thread only, and no
    more than a small file is written there. changed() is called after each change."""

    def __init__(self, state: State, data_dir: Path, changed: Callable[[], None]):
        self._values: dict[str, Any] = {}
        self._secret_file = data_dir / SECRET
        self._secret = ""
        with suppress(OSError, UnicodeDecodeError):
            self._secret = self._secret_file.read_text().strip()
        for spec in _SPECS:
            name = spec.name.partition("/")[2]

            def apply(value: Value, name: str = name) -> Value:
                if not _fits(name, value):
                    raise Invalid(f"s3/{name}", "is none")
                self._values[name] = value
                changed()
                return value

            observable = state.declare(spec, apply)
            self._values[name] = spec.default if observable.target is None else observable.target
            observable.publish(self._values[name])

        def apply_secret(value: Value) -> Value:
            secret.target = SET if value else ""  # what is wanted shows in the schema
            if value != SET:
                self._keep_secret(str(value))
                changed()
            return SET if self._secret else ""

        secret = state.declare(_SECRET, apply_secret)
        secret.publish(SET if self._secret else "")

    def _keep_secret(self, text: str) -> None:
        if not _fits("secret_key", text):
            raise Invalid("s3/secret_key", "is none")
        part = self._secret_file.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w") as file:
            file.write(text)
        os.replace(part, self._secret_file)
        self._secret = text

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def bucket(self) -> Bucket | None:
        """Where copies go, None for nowhere."""
        if not all((self["endpoint"], self["bucket"], self["access_key"], self._secret)):
            return None
        credentials = Credentials(self["access_key"], self._secret, self["region"])
        return Bucket(self["endpoint"], self["bucket"], credentials)
