"""Name: where a file lies, as strangers may write it. Pure.

A name is refused rather than repaired: what is left after a repair is a name that nobody has checked. It must be
harmless not only here, but also where it is decoded once more, shown, or copied to: in a shell, on a USB stick, on
a share of another system.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ..errors import Invalid

#: The folders and, last, the file; () is the top.
Name = tuple[str, ...]

#: Bytes in UTF-8: of each part (the limit of most file systems), and of all with their slashes.
MOST_BYTES, MOST_IN_ALL = 255, 1024
MOST_PARTS = 16
#: What Windows keeps for devices, with any ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
#: Something that another decoder would make other characters of.
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}|%u[0-9A-Fa-f]{4}|\\x|&#", re.IGNORECASE)
#: Controls, invisible marks that turn text round, half characters, separators of lines.
_UNFIT = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
#: Joiners are invisible, too, but Persian and emoji need them.
_JOINERS = frozenset("\u200c\u200d")
_SPECIAL = frozenset('/\\:*?"<>|')


def parse_path(text: str) -> Name:
    """A path with slashes, one at either end allowed: "photos/cat.jpg" -> ("photos", "cat.jpg"). Raises Invalid."""
    inner = text.removeprefix("/").removesuffix("/")
    return _checked(inner.split("/")) if inner else ()


def parse_parts(parts: Iterable[bytes]) -> Name:
    """The parts of the path of a URL, decoded once; an empty last one is a slash at the end. Raises Invalid."""
    try:
        names = [part.decode("utf-8") for part in parts]
    except UnicodeDecodeError:
        raise Invalid("path", "a name must be UTF-8") from None
    if names and names[-1] == "":
        names.pop()
    return _checked(names)


def parse_name(text: str) -> str:
    """The name of one file, without a folder. Raises Invalid."""
    return _checked([text])[0]


def is_fit(text: str) -> bool:
    """Whether something that is there has a name by which it can be asked for."""
    try:
        return parse_name(text) == text
    except Invalid:
        return False


def _checked(names: list[str]) -> Name:
    if len(names) > MOST_PARTS:
        raise Invalid("path", f"at most {MOST_PARTS} folders deep")
    # Composed, as nearly everybody writes it: one name must not be two files.
    found = tuple(unicodedata.normalize("NFC", name) for name in names)
    for name in found:
        problem = _problem(name) or _problem(unicodedata.normalize("NFKC", name))
        if problem:
            raise Invalid("path", problem)
    if sum(len(name.encode()) + 1 for name in found) > MOST_IN_ALL:
        raise Invalid("path", f"a path has at most {MOST_IN_ALL} bytes")
    return found


def _problem(name: str) -> str:
    if not name:
        return "a name must not be empty"
    if name[0] == ".":
        return "a name must not begin with a dot"
    if name[-1] in ". " or name[0] == " ":
        return "a name must not begin or end with a space, or end with a dot"
    if any(unicodedata.category(c) in _UNFIT and c not in _JOINERS for c in name):
        return "a name must not have invisible characters"
    if not _SPECIAL.isdisjoint(name):
        return 'a name must not have any of / \\ : * ? " < > |'
    if _ESCAPE.search(name):
        return "a name must not look encoded"
    if _DEVICES.fullmatch(name.partition(".")[0].rstrip()):
        return "this is the name of a device"
    if name[0] == "-":
        return "a name must not begin with a dash"
    if len(name.encode()) > MOST_BYTES:
        return f"a name has at most {MOST_BYTES} bytes"
    return ""
