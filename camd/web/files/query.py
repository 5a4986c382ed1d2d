"""What stands behind the question mark of an address for files."""

from __future__ import annotations

from ...errors import Invalid
from ...files import Name, parse_path
from ..request import Request

_WORDS = {b"true": True, b"1": True, b"on": True, b"yes": True, b"": True,
          b"false": False, b"0": False, b"off": False, b"no": False}  # fmt: skip


def flag(name: str, value: bytes) -> bool:
    """true or false, as forms and people write it. Raises Invalid."""
    found = _WORDS.get(bytes(value).strip().lower())
    if found is None:
        raise Invalid(name, "must be true or false")
    return found


def flag_of(request: Request, name: str, default: bool = False) -> bool:
    """A flag of the query. Raises Invalid."""
    values = request.args.get(name.encode())
    return flag(name, values[-1]) if values else default


def text_of(request: Request, *names: str) -> str:
    """The first of these parameters that there is, "" without any. Raises Invalid."""
    for name in names:
        values = request.args.get(name.encode())
        if values:
            return _decode(name, values[-1])
    return ""


def folder_of(value: bytes) -> Name:
    """A folder: "", "/", "photos" or "/photos/2026". Raises Invalid."""
    return parse_path(_decode("path", bytes(value)))


def number_of(request: Request, name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`. Raises Invalid."""
    values = request.args.get(name.encode())
    if not values:
        return default
    if not values[-1].isdigit() or len(values[-1]) > 9 or not 1 <= int(values[-1]) <= most:
        raise Invalid(name, f"must be a whole number from 1 to {most}")
    return int(values[-1])


def _decode(name: str, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid(name, "must be UTF-8") from None
