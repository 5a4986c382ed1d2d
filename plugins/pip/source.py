"""The source: takes pictures of two cameras like any other consumer, and gives composed ones."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from camd.errors import SourceError
from camd.media import Capabilities, Format, Frame, SourceSettings

from .feed import Feed
from .layout import SCHEME, Layout

if TYPE_CHECKING:
    from camd.app import App
    from camd.state import Value

Answer = TypeVar("Answer")

#: How long `open` waits for the first picture (seconds).
FIRST_PICTURE = 6.0
#: How long the reactor thread may take to answer (seconds).
PATIENCE = 2.0
#: The rate of a camera that does not tell it.
RATE = 30.0


class PictureInPicture:
    """A Source; scheme "pip", address as in Layout.parse.

    Size, rate and times are those of the first camera. Without pictures of it there are none; of the second
    one the newest is shown, or the card that says why there is none.
    """

    def __init__(self, app: App, address: str):
        self._app = app
        self._name = f"{SCHEME}:{address}"
        self._layout = Layout.parse(address)
        self._changed = threading.Condition()
        self._first: Feed | None = None
        self._second: Feed | None = None
        self._shape: tuple[int, ...] = ()

    def probe(self) -> Capabilities:
        self.present()
        return Capabilities(f"{self._layout.first} with {self._layout.second}")

    def present(self) -> None:
        self._ask(self._check)

    def open(self, settings: SourceSettings) -> Format:
        self.present()
        size = (settings.width, settings.height) if settings.width and settings.height else None
        self._first = Feed(self._app, self._layout.first, self._changed, self._recall)
        self._second = Feed(self._app, self._layout.second, self._changed, self._recall)
        self._first.start(size, settings.fps)
        self._shape = self._first_picture().image.shape
        height, width = self._shape[:2]
        fps = min(self._ask(self._rate), settings.fps or RATE * 10)
        self._second.start(self._layout.box(width, height), fps)
        return Format("bgr", width, height, fps)

    def read(self, timeout: float) -> Frame | None:
        first, second = self._first, self._second
        if first is None or second is None:
            raise SourceError("the picture in picture is not open")
        with self._changed:
            self._changed.wait_for(lambda: first.new or first.gone or second.gone, timeout)
            large, small, reason = first.take(), second.newest, first.reason
            for feed in (first, second):
                if feed.gone:
                    raise SourceError(feed.reason, "absent")
        if reason:
            raise SourceError(f"{self._layout.first}: {reason}", "stalled")
        if large is None or large.card:  # a card without a reason: it opens
            return None
        if large.image.shape != self._shape:
            raise SourceError(f"the size of {self._layout.first} has changed")
        return replace(large, image=self._layout.compose(large.image, None if small is None else small.image))

    def set(self, name: str, value: Value) -> Value:
        raise SourceError(f"a picture in picture has no control {name!r}; set it at {self._layout.first}")

    def close(self) -> None:
        for feed in (self._first, self._second):
            if feed is not None:
                feed.stop()
        self._second = None  # the first is still asked what it missed

    def dropped(self) -> int:
        return self._first.missed if self._first is not None else 0

    def _first_picture(self) -> Frame:
        feed = self._first
        deadline = time.monotonic() + FIRST_PICTURE
        with self._changed:
            while feed.newest is None or feed.newest.card:
                if feed.reason:
                    reason = feed.reason if feed.gone else f"{self._layout.first}: {feed.reason}"
                    raise SourceError(reason, "absent")
                if not self._changed.wait(deadline - time.monotonic()):
                    raise SourceError(f"{self._layout.first} gives no picture", "stalled")
            return feed.newest

    # ---------------------------------------------------------------- in the reactor thread

    def _check(self) -> None:
        """Raises SourceError if this cannot work now."""
        for camera in (self._layout.first, self._layout.second):
            if camera not in self._app.cameras:
                raise SourceError(f"there is no camera {camera}", "absent")
            self._follow(camera, ())
        first = self._app.cameras[self._layout.first]
        if not first.online:
            raise SourceError(f"{self._layout.first}: {first.reason or first.status}", "absent")

    def _recall(self) -> None:
        """What was composed shows what is masked now: away with it, and compose anew."""
        for camera in self._app.cameras.values():
            if camera.config.source == self._name:
                camera.pipeline.recall()
                camera.device.close()

    def _follow(self, camera: str, path: tuple[str, ...]) -> None:
        """Raises SourceError if the camera shows itself; path: those that show it."""
        if camera in path:
            way = ", which shows ".join((*path[path.index(camera):], camera))
            raise SourceError(f"{way}: choose another camera for one of them")
        source = self._app.state.get(f"cameras/{camera}/source")
        scheme, _, address = str(source.value if source is not None else "").partition(":")
        if scheme != SCHEME:
            return
        try:
            layout = Layout.parse(address)
        except SourceError:
            return  # says so itself
        for shown in (layout.first, layout.second):
            self._follow(shown, (*path, camera))

    def _rate(self) -> float:
        fps = self._app.state.get(f"cameras/{self._layout.first}/fps")
        return fps.value if fps is not None and fps.value else RATE

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """What question() returns or raises (SourceError), asked in the reactor thread from another one."""
        answers: queue.SimpleQueue[Answer | SourceError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(question())
            except SourceError as error:
                answers.put(error)

        self._app.reactor.callFromThread(ask)
        try:
            answer = answers.get(timeout=PATIENCE)
        except queue.Empty:
            raise SourceError("camd is busy and does not answer", "stalled") from None
        if isinstance(answer, SourceError):
            raise answer
        return answer
