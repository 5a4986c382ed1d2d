"""JPEGs over HTTP: a multipart stream of them, or one address that shows a new one each time."""

from __future__ import annotations

import threading
import time
from collections import deque
from http.client import HTTPResponse

from ..errors import Invalid, SourceError
from ..media.frame import Format
from ..wire import jpeg
from ..wire.parts import LIMIT, PartReader
from .http import HttpClient
from .trouble import Answered, changed
from .unit import Unit

#: How often an address with single pictures is asked, if nobody says (1/s).
USUAL_RATE = 2.0
_FASTEST = 10.0
#: A stream does not tell its rate: it is measured, for so long and so many pictures, but no longer (seconds).
_MEASURING, _MEASURED, _LONGEST = 0.5, 5, 1.2
#: What cameras are set to; such a short look at the clock tells no more than which.
_USUAL_RATES = (1, 2, 3, 5, 8, 10, 12, 15, 20, 25, 30, 50, 60)
_CHUNK = 1 << 18


class Stills:
    """One picture a question. response: the answer to the first, which is used."""

    def __init__(self, client: HttpClient, response: HTTPResponse, url: str, fps: float | None):
        self.dropped = 0
        self._client, self._url = client, url
        self._wait = threading.Event().wait
        self._first: bytes | None = _read_whole(response)
        width, height = jpeg.size(self._first)
        self.format = Format("mjpeg", width, height, min(fps or USUAL_RATE, _FASTEST))
        self._due = time.monotonic()

    def read(self, timeout: float) -> Unit | None:
        now = time.monotonic()
        if self._due > now:
            self._wait(min(self._due - now, timeout))
            if time.monotonic() < self._due:
                return None
        data, self._first = self._first, None
        self._due = max(self._due + 1 / self.format.fps, time.monotonic())
        if data is None:
            response, _ = self._client.get(self._url)
            data = _read_whole(response)
            if response.status != 200:
                raise Answered(response.status)
        return _checked(self, data)

    def close(self) -> None:
        self._client.close()


class Multipart:
    """Pictures as the camera sends them, multipart/x-mixed-replace."""

    def __init__(self, client: HttpClient, response: HTTPResponse, boundary: str, fps: float | None = None):
        self.dropped = 0
        self._client, self._response = client, response
        self._parts = PartReader(boundary)
        self._ready: deque[bytes] = deque()
        self._receive()
        fps = fps or self._measure()
        width, height = jpeg.size(self._ready[0])
        self.format = Format("mjpeg", width, height, fps)

    def _measure(self) -> float:
        """The rate of the first pictures, 1/s; the newest of them is read next.

        Servers begin with a picture that they have at hand, so time counts from the second on.
        """
        self._receive()
        begun = now = time.monotonic()
        before = len(self._ready)
        while now - begun < _LONGEST:
            if now - begun >= _MEASURING and len(self._ready) - before >= _MEASURED:
                break
            self._receive()
            now = time.monotonic()
        rate = (len(self._ready) - before) / (now - begun)
        while len(self._ready) > 1:
            self._ready.popleft()
        usual = min(_USUAL_RATES, key=lambda known: abs(known - rate))
        return float(usual) if abs(usual - rate) < 0.1 * rate else round(rate, 2)

    def _receive(self) -> None:
        """Wait for pictures, at least one."""
        before = len(self._ready)
        while len(self._ready) == before:
            data = self._response.read1(_CHUNK)
            if not data:
                raise SourceError("it has ended the stream")
            self._ready.extend(self._parts.feed(data))

    def read(self, timeout: float) -> Unit | None:
        if not self._ready:
            self._receive()
        return _checked(self, self._ready.popleft())

    def close(self) -> None:
        self._response.close()
        self._client.close()


def _read_whole(response: HTTPResponse) -> bytes:
    data = response.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise Invalid("", f"more than {LIMIT} bytes instead of a picture")
    return data


def _checked(feed: Stills | Multipart, data: bytes) -> Unit | None:
    """The picture, if it is a whole one of the size that was promised."""
    data = data.rstrip(b"\0\r\n")
    if not (data.startswith(jpeg.START) and data.endswith(jpeg.END)):
        feed.dropped += 1
        return None
    width, height = jpeg.size(data)
    if (width, height) != (feed.format.width, feed.format.height):
        raise changed(feed.format.size, f"{width}x{height}")
    return Unit(data, None, True)
