"""Microphones by ALSA."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import SourceError
from ..hookspecs import hookimpl
from ..media.frame import Format, Packet
from ..media.sound import Microphone
from ..media.source import SourceSettings


@hookimpl
def camd_microphones() -> dict[str, Callable[[str], Microphone]]:
    return {"alsa": AlsaMicrophone}


class AlsaMicrophone:
    def __init__(self, address: str):
        self._address = address

    def open(self, settings: SourceSettings) -> Format:
        raise SourceError("not here yet")

    def read(self, timeout: float) -> Packet | None:
        return None

    def close(self) -> None: ...

    def dropped(self) -> int:
        return 0
