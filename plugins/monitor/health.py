"""Health checks from what the last sample published."""

from __future__ import annotations

from camd.hookspecs import Check
from camd.state import State

#: Less than this part free or available is not well.
SCARCE = 0.05
#: A loop that is this late makes everything feel stuck (seconds).
LATE = 1.0


def checks(state: State) -> list[Check]:
    """One line each for memory, disk and event loop."""
    return [
        _enough(state, "memory", "system/memory_available", "system/memory_total", "available"),
        _enough(state, "disk", "system/disk_free", "system/disk_total", "free"),
        _prompt(state),
    ]


def _enough(state: State, name: str, part: str, whole: str, word: str) -> Check:
    have, total = _value(state, part), _value(state, whole)
    if have is None or not total:
        return Check(name, True, "not measured yet")
    return Check(name, have >= SCARCE * total, f"{_amount(have)} of {_amount(total)} {word}")


def _prompt(state: State) -> Check:
    lag = _value(state, "system/loop_lag")
    if lag is None:
        return Check("event_loop", True, "not measured yet")
    return Check("event_loop", lag < LATE, f"up to {lag * 1000:.0f} ms late")


def _value(state: State, name: str) -> float | None:
    observable = state.get(name)
    return None if observable is None else observable.value


def _amount(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
