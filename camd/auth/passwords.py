"""Passwords: what a good one is, and how they are hashed (argon2id, RFC 9106)."""

from __future__ import annotations

import os
import secrets
import unicodedata
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from ..errors import Invalid

SHORTEST, LONGEST = 8, 1024
_PASSES = 3
#: Memory of the box (GiB, somewhat less than it is sold as) -> memory of one hash (MiB). The largest is the
#: second choice of RFC 9106 section 4, the smallest the least that OWASP recommends.
_STEPS = ((3.0, 64), (1.5, 32), (0.0, 19))


def normal(password: str) -> str:
    """One spelling for what looks the same: keyboards differ in how they compose letters (RFC 8265).

    What is too long for a password stays as it is: ordering many accents takes the square of their number.
    """
    return password if len(password) > LONGEST else unicodedata.normalize("NFC", password)


def check_password(password: str, key: str = "password") -> str:
    """A new password as it will be hashed. Raises Invalid with everything that it lacks.

    Letters of a script without case count as both upper and lower.
    """
    if not isinstance(password, str):
        raise Invalid(key, "expected a text")
    password = normal(password)
    kinds = {unicodedata.category(character) for character in password}
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(key, f"a password has {SHORTEST} to {LONGEST} characters")
    if kinds & {"Cc", "Cs"}:
        raise Invalid(key, "control characters cannot be typed everywhere")
    either = {"Lo", "Lm"}
    rules = (
        ("an upper-case letter", {"Lu", "Lt"} | either),
        ("a lower-case letter", {"Ll"} | either),
        ("a digit", {"Nd"}),
    )
    missing = [name for name, wanted in rules if not kinds & wanted]
    if all(kind[0] in "LN" for kind in kinds):
        missing.append("a special character")
    if missing:
        raise Invalid(key, f"the password lacks {', '.join(missing)}")
    return password


class Hashing:
    """Makes and checks hashes; slow and large on purpose. Blocking: for the pool `auth`, or for a command.

    memory: KiB for one hash; passes: over that memory. One lane each: the parallelism is that of the pool.
    """

    def __init__(self, memory: int, passes: int = _PASSES):
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=1)

    @cached_property
    def decoy(self) -> str:
        """What is checked in place of a user that does not exist, so that it takes as long."""
        return self._hasher.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        return self._hasher.hash(normal(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether this is the password; never for stored None, and after the same time."""
        if len(password) > LONGEST:
            return False
        try:
            return self._hasher.verify(stored or self.decoy, normal(password)) and stored is not None
        except (VerifyMismatchError, InvalidHashError, UnicodeEncodeError):
            return False

    def replace(self, password: str, before: Iterable[str]) -> str:
        """The hash of a new password; Invalid if it is one of those before."""
        password = check_password(password)
        if any(self.verify(stored, password) for stored in before):
            raise Invalid("password", "this password was used before; it must be none of the last 5")
        return self.hash(password)

    def is_outdated(self, stored: str) -> bool:
        """Whether it was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(stored)


def hashing_for(memory: int) -> Hashing:
    """Parameters for a box with so many bytes of memory."""
    return Hashing(next(size * 1024 for least, size in _STEPS if memory >= least * 2**30))


def memory_of_box() -> int:
    """Bytes of memory that this process may use: the machine's, or less in a limited group (cgroups(7))."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    root = Path("/sys/fs/cgroup")
    try:
        own = Path("/proc/self/cgroup").read_text().strip().partition("0::/")[2]
    except OSError:
        own = ""
    for group in (root / own, *(root / own).parents):
        try:
            found.append(int((group / "memory.max").read_text()))
        except (OSError, ValueError):
            continue  # no such file, or "max"
    return min(found)
