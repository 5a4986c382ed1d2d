"""Trial: what is in a source, looked at once before it becomes a camera."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from ..errors import SourceError
from .source import Mode, Source, SourceSettings

#: So long a source may take for its first picture (seconds).
FIRST_PICTURE = 5.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What was found. reason: why nothing was; modes: what the source can deliver, or does."""

    ok: bool
    name: str = ""
    modes: tuple[Mode, ...] = ()
    reason: str = ""


def try_source(source: Source, settings: SourceSettings) -> Trial:
    """Look at a source, and unless it says by itself what it delivers, open it and wait for a picture. Blocks,
    as long as the source does; never raises SourceError."""
    try:
        capabilities = source.probe()
        if capabilities.modes:
            return Trial(True, capabilities.name, capabilities.modes)
        format = source.open(settings)
        if source.read(FIRST_PICTURE) is None:
            return Trial(False, capabilities.name, reason=f"no picture within {FIRST_PICTURE:.0f} s")
        mode = Mode(format.codec, format.width, format.height, (format.fps,) if format.fps else ())
        return Trial(True, capabilities.name, (mode,))
    except SourceError as error:
        reason = str(error)
        if settings.password:
            reason = reason.replace(settings.password, "***")
        return Trial(False, reason=reason)
    finally:
        with contextlib.suppress(SourceError):
            source.close()
