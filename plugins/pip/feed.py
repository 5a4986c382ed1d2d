"""Feed: the newest picture of a camera, handed from the reactor thread to one that waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from camd.media import Encoding

if TYPE_CHECKING:
    from camd.app import App
    from camd.media import Frame, Subscription


class Feed:
    """Read under `changed`, which is notified with every picture; start and stop it from any thread.

    newest: the newest Frame, None before the first one. new: it was not taken yet. missed: pictures replaced
    before they were taken. reason: why the camera gives none, "" if it does; gone: because there is no such
    camera any more. recalled(): what it has shown is masked now; reactor thread.
    """

    def __init__(self, app: App, camera: str, changed: threading.Condition, recalled: Callable[[], None]):
        self.newest: Frame | None = None
        self.new = False
        self.missed = 0
        self.reason = ""
        self.gone = False
        self._app = app
        self._camera = camera
        self._changed = changed
        self._recalled = recalled
        self._subscription: Subscription | None = None  # reactor thread
        self._stopped = False

    def start(self, size: tuple[int, int] | None, fps: float | None) -> None:
        self._app.reactor.callFromThread(self._start, size, fps)

    def stop(self) -> None:
        self._app.reactor.callFromThread(self._stop)

    def take(self) -> Frame | None:
        """The newest picture if it is new."""
        if not self.new:
            return None
        self.new = False
        return self.newest

    def _start(self, size: tuple[int, int] | None, fps: float | None) -> None:
        camera = self._app.cameras.get(self._camera)
        if camera is None:
            self._gone()
        elif not self._stopped:
            stream = camera.stream(Encoding("bgr", size=size))
            self._subscription = stream.subscribe(
                self._arrived, on_end=self._gone, fps=fps, on_recall=self._recalled
            )

    def _stop(self) -> None:
        self._stopped = True
        if self._subscription is not None:
            self._subscription.close()

    def _arrived(self, frame: Frame) -> None:
        with self._changed:
            self.missed += self.new
            self.newest, self.new = frame, True
            self.reason = self._app.cameras[self._camera].reason if frame.card else ""
            self._changed.notify_all()

    def _gone(self) -> None:
        with self._changed:
            self.gone = True
            self.reason = f"there is no camera {self._camera}"
            self._changed.notify_all()
