"""Condition: how a camera is: its state, the reason, and since when, told to state, log and listeners."""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.logger import Logger

from ..state.event import Event


class Condition:
    """The state of one camera with everybody who is told of it. Reactor thread only.

    status: disabled, absent, opening, idle, streaming, stalled or backoff; reason: why the camera is
    not well, for people, "" if it is. publish(**values) is that of Settings.
    """

    log = Logger(namespace="camd.media.camera.Camera")

    def __init__(self, camera: str, publish: Callable[..., None], on_event: Callable[[Event], None]):
        self.status = "disabled"
        self.reason = ""
        self._camera = camera
        self._publish = publish
        self._on_event = on_event

    @property
    def online(self) -> bool:
        """Openable: it streams, or it would if somebody watched."""
        return self.status in ("idle", "streaming") or (self.status == "opening" and not self.reason)

    def become(self, status: str, reason: str = "") -> bool:
        """Take a state; returns whether that was news."""
        if (status, reason) == (self.status, self.reason):
            return False
        before, self.status, self.reason = self.status, status, reason
        if status != before:
            if reason:
                text = "camera {camera} is {status}: {reason}"
                self.log.warn(text, camera=self._camera, status=status, reason=reason)
            if "streaming" in (status, before):
                self._on_event(Event("camera", camera=self._camera, data={"state": status, "reason": reason}))
            self._publish(state=status, since=round(time.time(), 3))
        self._publish(state=status, reason=reason, online=self.online)
        return True
