"""A camera on the network: RTSP, and what comes over HTTP."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from email.message import Message
from functools import partial
from http.client import HTTPException
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

from ..errors import CamdError, SourceError
from ..hookspecs import hookimpl
from ..media.frame import Format, Frame, Packet
from ..media.source import Capabilities, Mode, Source, SourceSettings
from ..state.spec import Value
from ..wire import jpeg
from .demuxer import Demuxer
from .http import HttpClient
from .mjpeg import Multipart, Stills
from .renderer import Renderer
from .timeline import Timeline
from .trouble import Answered, changed, explain
from .unit import Unit

#: Seconds in which the camera must take a connection, tell what it has, and send its next picture.
CONNECTING, ASKING, READING = 2.5, 4.0, 4.0
#: A camera whose pictures are further apart by its configuration has the time of so many pictures instead: FFmpeg
#: reads two before it knows what it has.
_TO_OPEN, _TO_READ = 3, 2
#: An idle camera is asked for a sign of life this often (seconds).
PRESENCE = 10.0
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
#: What FFmpeg may use, so that no answer of a camera leads it to a file.
_PROTOCOLS = {"rtsp": "rtsp,rtp,udp,tcp", "rtsps": "rtsp,rtsps,rtp,udp,tcp,tls"}
_PROTOCOLS |= dict.fromkeys(("http", "https"), "http,https,tcp,tls,crypto")
_ERRORS = (CamdError, OSError, HTTPException, UnicodeError)
#: Words behind "#", which no camera gets to see.
_WORDS = frozenset({"udp", "verify"})


@hookimpl
def camd_sources() -> dict[str, Callable[[str], Source]]:
    return {scheme: partial(NetworkSource, scheme) for scheme in _PORTS}


class _Feed(Protocol):
    """An open connection. dropped: pictures lost so far."""

    format: Format
    dropped: int

    def read(self, timeout: float) -> Unit | None: ...

    def close(self) -> None: ...


class NetworkSource:
    """A Source that is somewhere else.

    scheme: rtsp, rtsps, http or https; address: the URL behind it, "//host/path". A login in it is used, and
    never shown; "#udp" asks for RTP over UDP, "#verify" for a certificate that this computer trusts.

    H.264, H.265 and JPEG go out undecoded, everything else comes as Frames. Over HTTP the answer decides:
    a multipart stream of JPEGs and single JPEGs are read without any picture library, the rest is FFmpeg's.

    `read` returns with the next picture, or with "stalled" after READING seconds without one (of a slow camera
    the time of two pictures, see `expect`), however short its time-out: neither FFmpeg nor an HTTP answer can go on after a read that was cut off, and a thread more
    for each camera would gain nothing but a quicker end of a connection that is silent.
    """

    def __init__(self, scheme: str, address: str):
        url, _, words = address.partition("#")
        self._words = frozenset(filter(None, words.split("&")))
        try:
            parts = urlsplit(f"{scheme}:{url}")
            self._port = parts.port or _PORTS[scheme]
        except ValueError as error:
            raise SourceError(f"no address of a camera: {error}") from None
        if not parts.hostname or self._words - _WORDS:
            raise SourceError(f'{scheme}: expected "//host/path", at its end perhaps "#udp" or "#verify"')
        self._scheme, self._host = scheme, parts.hostname
        self._where = parts.netloc.rpartition("@")[2]
        self._rest = parts._replace(scheme="", netloc="").geturl()
        self._login = unquote(parts.username or ""), unquote(parts.password or "")
        self._name = f"{scheme}://{self._where}"
        self._feed: _Feed | None = None
        self._timeline = Timeline()
        self._rate: float | None = None  # of a stream that does not tell it, once it was measured
        self._expected: float | None = None
        self._present_at = float("-inf")

    def sign_in(self, username: str, password: str) -> None:
        """Who camd is, from now on."""
        self._login = username, password

    def expect(self, fps: float | None) -> None:
        """So many pictures a second it is configured to give, from now on."""
        self._expected = fps

    def probe(self) -> Capabilities:
        if _is_slow(self._expected):  # the next picture may be further away than a look may take
            self._reach()
            return Capabilities(self._name)
        feed = self._connect(SourceSettings("", ""))
        try:
            format = feed.format
            return Capabilities(self._name, (Mode(format.codec, format.width, format.height, (format.fps,)),))
        finally:
            feed.close()

    def present(self) -> None:
        """A connection and nothing else, and that only now and then: cameras count them."""
        if time.monotonic() - self._present_at >= PRESENCE:
            self._reach()

    def open(self, settings: SourceSettings) -> Format:
        self.close()
        if settings.username or settings.password:
            self.sign_in(settings.username, settings.password)
        self._timeline = Timeline()
        self._feed = self._connect(settings)
        return self._feed.format

    def read(self, timeout: float) -> Frame | Packet | None:
        feed = self._feed
        if feed is None:
            raise SourceError(f"{self._name} is not open")
        try:
            unit = feed.read(timeout)
        except _ERRORS as error:
            raise explain(self._name, error, bool(self._login[0]), started=True) from None
        if unit is None:
            return None
        grabbed = self._present_at = time.monotonic()
        pts = self._timeline.at(unit.position, grabbed)
        wall = time.time() - (grabbed - pts)
        if isinstance(unit.content, bytes):
            return Packet(unit.content, feed.format.codec, pts, wall, grabbed, unit.keyframe)
        return Frame(unit.content, pts, wall, grabbed)

    def set(self, name: str, value: Value) -> Value:
        raise SourceError(f"{self._name}: a network camera has no control {name!r} that camd could set")

    def close(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.close()

    def dropped(self) -> int:
        return self._feed.dropped if self._feed is not None else 0

    def _reach(self) -> None:
        """Raises SourceError unless something takes a connection: better than what FFmpeg says of it."""
        try:
            with socket.create_connection((self._host, self._port), CONNECTING) as connection:
                if self._scheme in ("rtsps", "https") and "verify" in self._words:
                    context = ssl.create_default_context()
                    context.wrap_socket(connection, server_hostname=self._host).close()
        except (OSError, UnicodeError) as error:
            raise explain(self._name, error, False) from None
        self._present_at = time.monotonic()

    def _connect(self, settings: SourceSettings) -> _Feed:
        try:
            if self._scheme in ("http", "https"):
                return self._ask(settings)
            self._reach()
            return self._demux(self._url(), settings)
        except _ERRORS as error:
            raise explain(self._name, error, bool(self._login[0])) from None

    def _ask(self, settings: SourceSettings) -> _Feed:
        """Whatever a web server has behind the address."""
        slow = _is_slow(settings.fps)
        client = HttpClient(*self._login, "verify" in self._words, _time_of(_TO_READ, settings.fps, ASKING))
        try:
            response, url = client.get(f"{self._name}{self._rest}")
            kind = response.headers
            if response.status != 200:
                raise Answered(response.status)
            if kind.get_content_maintype() == "multipart":
                feed = Multipart(client, response, _boundary(kind), settings.fps if slow else self._rate)
                self._rate = self._rate if slow else feed.format.fps
                return feed
            if kind.get_content_type() in ("image/jpeg", "image/jpg"):
                return Stills(client, response, url, settings.fps)
        except BaseException:
            client.close()
            raise
        client.close()
        return self._demux(self._url(), settings)

    def _url(self) -> str:
        """The address for FFmpeg, which takes the login from there."""
        username, password = (quote(text, safe="") for text in self._login)
        login = f"{username}:{password}@" if username or password else ""
        return f"{self._scheme}://{login}{self._where}{self._rest}"

    def _demux(self, url: str, settings: SourceSettings) -> _Feed:
        options = {"protocol_whitelist": _PROTOCOLS[self._scheme]}
        if self._scheme.startswith("rtsp"):
            options |= {"rtsp_transport": "udp"} if "udp" in self._words else {"rtsp_flags": "prefer_tcp"}
            # The rate is in what the camera says, or in its time stamps soon; waiting for it costs a second.
            options |= {"allowed_media_types": "video", "fpsprobesize": "3"}
        if self._scheme in ("rtsps", "https"):
            options["tls_verify"] = "0"
            if "verify" in self._words:
                options |= {"tls_verify": "1", "ca_file": _authorities()}

        def fail(error: Exception | str, started: bool = False) -> SourceError:
            return explain(self._name, error, bool(self._login[0]), started)

        fps = settings.fps
        timeouts = _time_of(_TO_OPEN, fps, ASKING), _time_of(_TO_READ, fps, READING)
        return _Demuxed(Demuxer(url, options, fail, timeouts), settings.codec, fps if _is_slow(fps) else None)


class _Demuxed:
    """What FFmpeg reads. codec: "bgr" to have it decoded in any case; fps: its rate, whatever it says of that."""

    def __init__(self, demuxer: Demuxer, codec: str | None, fps: float | None = None):
        self._demuxer = demuxer
        self._render: Renderer | None = None
        self._units: Iterator[Unit] | None = None
        if not demuxer.width or not demuxer.height:
            demuxer.close()
            raise SourceError("it has not told the size of its picture in time")
        passed = demuxer.passable and codec != "bgr"
        given = demuxer.codec if passed else "bgr"
        self.format = Format(given, demuxer.width, demuxer.height, fps or demuxer.fps)
        self._units = demuxer.packets() if passed else demuxer.frames()
        if not passed:
            self._render = Renderer(demuxer.width, demuxer.height)

    @property
    def dropped(self) -> int:
        return self._demuxer.damaged

    def read(self, timeout: float) -> Unit | None:
        unit = next(self._units, None)
        if unit is None:
            raise SourceError("it has ended the stream")
        content, format = unit.content, self.format
        if self._render is not None:
            size = content.width, content.height
        elif format.codec == "mjpeg":
            size = jpeg.size(content)
        else:
            return unit  # of the others only key frames tell, and the demuxer looks at those
        if size != (format.width, format.height):
            raise changed(format.size, "{}x{}".format(*size))
        return unit if self._render is None else Unit(self._render(content), unit.position, True)

    def close(self) -> None:
        self._units.close()
        self._demuxer.close()


def _time_of(pictures: int, fps: float | None, least: float) -> float:
    """How long so many pictures may take (seconds). fps: that is configured."""
    return max(least, pictures / fps) if fps else least


def _is_slow(fps: float | None) -> bool:
    """Whether pictures are so far apart that the usual time is too short for them. What such a camera says of
    its rate is not believed: many tell one that they do not keep."""
    return _time_of(_TO_READ, fps, READING) > READING


def _authorities() -> str:
    """The file of the authorities that this computer trusts, which an FFmpeg from a wheel does not know."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.openssl_cafile


def _boundary(headers: Message) -> str:
    """Of a Content-Type; cameras write things behind the boundary that no parser takes."""
    found = re.search(r'(?i)boundary\s*=\s*("[^"]*"|[^\s;,]+)', headers.get("Content-Type", ""))
    return found[1] if found else ""
