"""The errors of camd. Each text says what is wrong, where, and what to do about it.

One table at every edge maps these classes to its protocol: HTTP status codes, WebSocket error
objects, exit codes. Nothing below an edge knows about those.
"""

from __future__ import annotations

from dataclasses import dataclass


class CamdError(Exception):
    """The root: everything camd raises on purpose. code: of the product, where one says more than the class
    does ("INVALID_RESOLUTION")."""

    code = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the configuration: where it is and what would be right."""

    where: str  #: file, environment variable or command line option
    key: str  #: dotted path of the key, "" when the whole place is meant
    text: str  #: what is wrong
    hint: str = ""  #: what to do
    line: int | None = None  #: line in the file, where the parser knows it

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        text = f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"
        return f"{text} ({self.hint})" if self.hint else text


class ConfigError(CamdError):
    """The configuration cannot be used; `problems` has every mistake found, not only the first."""

    def __init__(self, problems: list[Problem]):
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class SourceError(CamdError):
    """A source cannot deliver. `state` is the camera state it leads to: "absent" when the device is
    not there, "stalled" when it is silent, "backoff" for everything that is worth another try. `retry`:
    seconds to wait at least before that try, given or taken a fifth, for many may want to come at once."""

    def __init__(self, text: str, state: str = "backoff", retry: float | None = None):
        super().__init__(text)
        self.state = state
        self.retry = retry


class Refused(CamdError):
    """The asker does not hold the permission for this name."""

    def __init__(self, key: str, permission: object = None):
        self.key = key
        self.permission = permission
        super().__init__(f"{key}: permission denied")


class Invalid(CamdError):
    """A value, a name or a message is not acceptable; nothing was changed."""

    def __init__(self, key: str, reason: str):
        self.key = key
        self.reason = reason
        super().__init__(f"{key}: {reason}" if key else reason)


class Gone(CamdError):
    """The thing asked for existed once or could exist, but is not there now."""


class Unauthorized(CamdError):
    """No identity, or a wrong one; never says which part was wrong. stale: only a nonce was too old."""

    def __init__(self, stale: bool = False):
        self.stale = stale
        super().__init__("Unauthorized")


class Locked(Unauthorized):
    """Too many wrong attempts; `retry_after` seconds from now another one is looked at."""

    def __init__(self, retry_after: int):
        super().__init__()
        self.retry_after = retry_after


class RateLimited(CamdError):
    """The asker asks too often: `limit` each second; `retry_after` seconds from now it may again."""

    def __init__(self, limit: int, retry_after: int = 1):
        self.limit = limit
        self.retry_after = retry_after
        super().__init__("Rate limit exceeded")


class Unsupported(CamdError):
    """Nobody can have this here: the hardware, or the part of camd for it, is not there."""


class Conflict(CamdError):
    """The change does not fit what is there: a name that is taken, a version that moved on."""


class Unmet(CamdError):
    """The asker made a condition, and it does not hold: nothing was changed."""


class TooLarge(CamdError):
    """More than is taken at once."""


class StorageFull(CamdError):
    """There is no room for it, or the quota leaves none."""
