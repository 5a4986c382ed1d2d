"""Mount: where the source of a camera sits, so that it can be exchanged while the camera stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..errors import SourceError
from ..state.spec import Value
from .frame import Format, Frame, Packet
from .source import Capabilities, Source, SourceSettings

#: Returns user name and password, both "" for none; may block, and raise SourceError.
Login = Callable[[], tuple[str, str]]


class Mount:
    """A Source that is another one after `exchange`, from the next opening on, and that gets its login whenever
    it is used: a password that was changed counts then, and is in no configuration, state or log."""

    def __init__(self, source: Source, login: Login):
        self._seat = source, login
        self._opened = source

    def exchange(self, source: Source, login: Login) -> None:
        """Put another source in the place; what is open stays so until it is closed. Reactor thread."""
        self._seat = source, login

    def __getattr__(self, name: str) -> Any:
        return getattr(self._seat[0], name)

    def probe(self) -> Capabilities:
        seat = self._seat
        try:
            found = self._probe(*seat)
        except SourceError:
            if seat is self._seat:
                raise
        else:
            if seat is self._seat:
                return found
        return self.probe()  # exchanged meanwhile: whatever came of it, it is not what is there now

    def _probe(self, source: Source, login: Login) -> Capabilities:
        sign_in = getattr(source, "sign_in", None)
        if sign_in is not None:
            sign_in(*login())
        return source.probe()

    def present(self) -> None:
        self._seat[0].present()

    def open(self, settings: SourceSettings) -> Format:
        source, login = self._seat
        self._opened = source
        username, password = login()
        return source.open(replace(settings, username=username, password=password))

    def read(self, timeout: float) -> Frame | Packet | None:
        return self._opened.read(timeout)

    def set(self, name: str, value: Value) -> Value:
        return self._seat[0].set(name, value)

    def close(self) -> None:
        self._opened.close()

    def dropped(self) -> int:
        return self._opened.dropped()
