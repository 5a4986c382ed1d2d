"""Secret: a password as the configuration holds it, which shows nowhere by accident."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """A password. sealed: `text` is encrypted with the secret key of the data directory, in base64; it is
    read back only when a device is opened."""

    text: str = field(repr=False)
    sealed: bool = False

    def __str__(self) -> str:
        return "***"
