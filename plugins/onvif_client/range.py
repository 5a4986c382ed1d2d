"""Range: the numbers that a device uses for a way that is 0 to 1 here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Range:
    """False if there is no such range."""

    low: float = 0.0
    high: float = 0.0

    @classmethod
    def of(cls, spaces: Any, name: str) -> Range:
        """That of the first space that the device lists, in its answer to GetConfigurationOptions."""
        for space in spaces or ():
            span = getattr(space, name, None)
            if span is not None and span.Min is not None and span.Max is not None and span.Min < span.Max:
                return cls(float(span.Min), float(span.Max))
        return cls()

    def __bool__(self) -> bool:
        return self.low < self.high

    def theirs(self, share: float) -> float:
        return self.low + share * (self.high - self.low)

    def ours(self, value: Any, otherwise: float) -> float:
        """otherwise: where there is no range or no value."""
        if not self or value is None:
            return otherwise
        return max(0.0, min(1.0, (float(value) - self.low) / (self.high - self.low)))
