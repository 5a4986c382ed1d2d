"""Archive: a backup as bytes: a ZIP with a list of what is in it, or a ZIP with such a ZIP encrypted in it.

    camd.json       {"format": 1, "camd": "0.1.0", "created": "...", "files": {name: {"size", "sha256"}}}
    config.toml ...

    camd.json       {"format": 1, "camd": "0.1.0", "created": "...", "encryption": {"kdf": "scrypt", ...}}
    content.enc     nonce (12 bytes) and AES-256-GCM of a ZIP as above; camd.json is authenticated with it

Pure, but takes some tenths of a second with a passphrase: for a thread.
"""

from __future__ import annotations

import json
import secrets
import struct
import time
import zipfile
import zlib
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from typing import Any

from .. import __version__
from ..errors import Invalid
from ..wire.strictjson import loads

FORMAT = 1
#: Of all files together, and of the archive (bytes).
LARGEST = 64 << 20
MOST_FILES = 64
SHORTEST_PASSPHRASE = 8
MANIFEST = "camd.json"
SEALED = "content.enc"
_NONCE = 12
#: RFC 7914. 32 MiB and a tenth of a second on a desktop: a small board must be able to do it, too.
_COST = {"n": 1 << 15, "r": 8, "p": 1}
_HIGHEST_COST = {"n": 1 << 17, "r": 8, "p": 4}
_OLDEST = 315_532_800  # ZIP knows no time before 1980
#: What the parser of a damaged ZIP may stumble over.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
)


class WrongPassphrase(Invalid):
    """Another passphrase, or a file that somebody changed: nobody can tell which."""

    def __init__(self) -> None:
        super().__init__("passphrase", "is not the one of this backup, or the file is damaged")


def pack(files: Mapping[str, bytes], now: float, passphrase: str = "") -> bytes:
    """Name -> content as an archive, encrypted if there is a passphrase. now: Unix seconds. Raises
    Invalid."""
    about = {
        "format": FORMAT,
        "camd": __version__,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
    }
    listed = {name: {"size": len(data), "sha256": sha256(data).hexdigest()} for name, data in files.items()}
    plain = _zip({MANIFEST: _json({**about, "files": listed}), **files}, now)
    if len(plain) > LARGEST or sum(map(len, files.values())) > LARGEST:
        raise Invalid("", f"a backup has at most {LARGEST >> 20} MiB")
    if not passphrase:
        return plain
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise Invalid("passphrase", f"Value must have at least {SHORTEST_PASSPHRASE} characters")
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(_NONCE)
    manifest = _json({**about, "encryption": {"kdf": "scrypt", "salt": salt.hex(), **_COST}})
    sealed = _cipher(passphrase, salt, _COST).encrypt(nonce, plain, manifest)
    return _zip({MANIFEST: manifest, SEALED: nonce + sealed}, now)


def unpack(data: bytes, passphrase: str = "") -> dict[str, bytes]:
    """The files of an archive, each as its list says. Raises Invalid, and WrongPassphrase."""
    found = _unzip(data)
    about = _manifest(found)
    if "encryption" not in about:
        return _checked(found, about)
    if not passphrase:
        raise Invalid("passphrase", "is needed: this backup is encrypted")
    manifest, sealed = found[MANIFEST], found.get(SEALED, b"")
    cipher = _cipher(passphrase, *_kdf(about["encryption"]))
    from cryptography.exceptions import InvalidTag

    try:
        plain = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], manifest)
    except (InvalidTag, ValueError):
        raise WrongPassphrase from None
    found = _unzip(plain)
    return _checked(found, _manifest(found))


def is_encrypted(data: bytes) -> bool:
    """Whether this archive needs a passphrase. Raises Invalid."""
    return "encryption" in _manifest(_unzip(data))


def _zip(files: Mapping[str, bytes], now: float) -> bytes:
    out = BytesIO()
    moment = time.gmtime(max(now, _OLDEST))[:6]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            about = zipfile.ZipInfo(name, moment)
            about.external_attr = 0o600 << 16
            about.compress_type = zipfile.ZIP_STORED if name == SEALED else zipfile.ZIP_DEFLATED
            archive.writestr(about, data)
    return out.getvalue()


def _unzip(data: bytes) -> dict[str, bytes]:
    """Sizes are looked at before anything is unpacked, and again while it is: the list may lie."""
    files: dict[str, bytes] = {}
    room = LARGEST
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            if len(archive.infolist()) > MOST_FILES:
                raise _foreign("has too many files")
            for about in archive.infolist():
                if about.filename in files or about.file_size > room:
                    raise _foreign("has a file twice, or is too large")
                with archive.open(about) as file:
                    files[about.filename] = file.read(room + 1)
                room -= len(files[about.filename])
                if room < 0:
                    raise _foreign("is too large")
    except _BROKEN:
        raise _foreign("is none of camd, or is damaged") from None
    return files


def _manifest(found: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        about = loads(found.get(MANIFEST, b""), LARGEST)
    except Invalid:
        raise _foreign("is none of camd, or is damaged") from None
    if not isinstance(about, dict) or not isinstance(about.get("format"), int):
        raise _foreign("is none of camd")
    if about["format"] > FORMAT:
        raise _foreign(f"was made by a newer camd ({about.get('camd')})")
    return about


def _checked(found: dict[str, bytes], about: dict[str, Any]) -> dict[str, bytes]:
    files = {name: data for name, data in found.items() if name != MANIFEST}
    listed = about.get("files")
    if not isinstance(listed, dict) or listed.keys() != files.keys():
        raise _foreign("has other files than its list says")
    for name, data in files.items():
        if not isinstance(listed[name], dict) or listed[name].get("sha256") != sha256(data).hexdigest():
            raise _foreign(f"is damaged: {name} is not as it was")
    return files


def _kdf(told: Any) -> tuple[bytes, dict[str, int]]:
    """Salt and cost, within bounds: a stranger's file must not take all memory."""
    try:
        cost = {name: told[name] for name in _COST}
        salt = bytes.fromhex(told["salt"])
        fits = all(type(value) is int and 0 < value <= _HIGHEST_COST[name] for name, value in cost.items())
        if told["kdf"] == "scrypt" and fits and cost["n"].bit_count() == 1 and cost["n"] > 1 and salt:
            return salt, cost
    except (TypeError, KeyError, ValueError):
        pass  # told below
    raise _foreign("is encrypted in a way that camd does not know")


def _cipher(passphrase: str, salt: bytes, cost: Mapping[str, int]) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return AESGCM(Scrypt(salt, 32, **cost).derive(passphrase.encode()))


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"


def _foreign(text: str) -> Invalid:
    return Invalid("archive", f"this file {text}")
