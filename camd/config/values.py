"""What a configuration value may be: kinds that check it, convert it and tell people what is expected.

A kind knows nothing of files or keys. `check` takes a value as TOML gives it and returns ours; `parse`
turns the text of an environment variable or an option into what TOML would have given.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .secret import Secret
from .source_url import problem_of

#: Names that a camera cannot have, since they mean something else in a URL.
RESERVED_IDS = frozenset({"main", "sub", "stream", "live", "api", "onvif", "files"})
#: Pixel formats by the name that camd uses, and what else people call them.
FORMATS = {
    "mjpeg": "mjpeg", "mjpg": "mjpeg", "yuyv422": "yuyv422", "yuyv": "yuyv422", "nv12": "nv12",
    "h264": "h264", "hevc": "hevc", "bgr": "bgr",
}  # fmt: skip
#: Names of camd.state.permission.Permission, which this package must not import; a test compares them.
PERMISSIONS = (
    "Device_r", "Device_rw", "Media_r", "Media_rw", "User_r", "User_rw", "Network_r", "Network_rw",
    "Storage_r", "Storage_rw", "System_r", "System_rw", "FirmwareUpdate_r", "FirmwareUpdate_rw", "Reboot_rw",
)  # fmt: skip
ENDPOINT_HINT = (
    'write "tcp:8080", "tcp:8080:interface=127.0.0.1", "unix:/run/camd/http.sock", '
    '"systemd:domain=INET:index=0", or "off"'
)
#: So much of a wrong text is repeated.
_SHOWN = 100
#: What a password begins with that camd has encrypted.
SEALED = "sealed:"
_BASE64 = re.compile(r"[A-Za-z0-9+/]{38,}={0,2}")
_CAMERA_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")
_SOURCE = re.compile(r"[a-z][a-z0-9+.-]*:.*", re.DOTALL)
_SIZE = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")
_ORIGIN = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_BASE_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_BOOLEANS = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False,
             "off": False}


class Unfit(ValueError):
    """A value of the wrong type or range. text: what is wrong; hint: what would be right."""

    def __init__(self, text: str, hint: str = ""):
        self.text = text
        self.hint = hint
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value. `expected` completes "expected …" in messages and names the type in the reference."""

    expected: str
    check: Callable[[Any], Any]
    parse: Callable[[str], Any] = str


def _describe(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{value if len(value) <= _SHOWN else value[:_SHOWN] + "…"}"'
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return f"the {type(value).__name__} {value}"


def _of_type(expected: str, *types: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) not in types:  # exact: True is an int to isinstance
            raise Unfit(f"expected {expected}, got {_describe(value)}")
        return value

    return check


def boolean() -> Kind:
    expected = "true or false"

    def parse(text: str) -> bool:
        if text.lower() not in _BOOLEANS:
            raise Unfit(f'expected {expected}, got "{text}"')
        return _BOOLEANS[text.lower()]

    return Kind(expected, _of_type(expected, bool), parse)


def whole(low: int, high: int) -> Kind:
    """A whole number from low to high, both allowed."""
    return _number(f"a whole number from {low} to {high}", low, high, int)


def number(low: float, high: float) -> Kind:
    """A number from low to high, both allowed."""
    return _number(f"a number from {low:g} to {high:g}", low, high, int, float)


def _number(expected: str, low: float, high: float, *types: type) -> Kind:
    convert = types[-1]

    def check(value: Any) -> Any:
        value = _of_type(expected, *types)(value)
        if not math.isfinite(value) or not low <= value <= high:
            raise Unfit(f"expected {expected}, got {value}")
        return convert(value)

    def parse(text: str) -> Any:
        try:
            return convert(text)
        except ValueError:
            raise Unfit(f'expected {expected}, got "{text}"') from None

    return Kind(expected, check, parse)


def choice(*words: str) -> Kind:
    expected = " or ".join(f'"{word}"' for word in words)

    def check(value: Any) -> str:
        if value not in words:
            raise Unfit(f"expected {expected}, got {_describe(value)}")
        return value

    return Kind(expected, check)


def text() -> Kind:
    return Kind("text", _of_type("text", str))


def words() -> Kind:
    """A list of texts; in the environment separated by commas."""
    expected = "a list of texts"

    def check(value: Any) -> tuple[str, ...]:
        for item in _of_type(expected, list)(value):
            if not isinstance(item, str) or not item.strip():
                raise Unfit(f"expected {expected}, got {_describe(item)} in it")
        return tuple(value)

    return Kind(expected, check, lambda text: [item.strip() for item in text.split(",") if item.strip()])


def _words_of(expected: str, check_one: Callable[[str], str]) -> Kind:
    """A list of texts that are checked one by one."""
    list_of = words()

    def check(value: Any) -> tuple[str, ...]:
        return tuple(check_one(item) for item in list_of.check(value))

    return Kind(expected, check, list_of.parse)


def origins() -> Kind:
    """Web origins (RFC 6454): scheme, host and port, nothing after them."""

    def check_one(item: str) -> str:
        origin = item.lower().rstrip("/")
        if not _ORIGIN.fullmatch(origin):
            raise Unfit(f'"{item}" is no origin', 'write "https://dash.lan" or "http://10.0.0.2:8123"')
        return origin

    return _words_of("a list of origins", check_one)


def networks() -> Kind:
    """Addresses and networks; "unix" stands for unix sockets."""

    def check_one(item: str) -> str:
        try:
            return item if item == "unix" else str(ipaddress.ip_network(item))
        except ValueError as error:
            hint = 'write "127.0.0.1" or "10.0.0.0/8"'
            raise Unfit(f'"{item}" is no address or network: {error}', hint) from None

    return _words_of('a list of addresses and networks, or "unix"', check_one)


def permissions() -> Kind:
    """Names of permissions."""

    def check_one(item: str) -> str:
        if item not in PERMISSIONS:
            raise Unfit(f'"{item}" is no permission', "they are " + ", ".join(PERMISSIONS))
        return item

    return _words_of("a list of permissions", check_one)


def base_path() -> Kind:
    """A path that begins but does not end with a slash; empty is the root."""
    expected = 'a path like "/cams"'

    def check(value: Any) -> str:
        base = _of_type(expected, str)(value).rstrip("/")
        if base and not _BASE_PATH.fullmatch(base):
            raise Unfit(f'expected {expected}, got "{value}"')
        return base

    return Kind(expected, check)


def path() -> Kind:
    """A path; `~` is the home directory, a relative one starts beside the file it stands in."""

    def check(value: Any) -> Path:
        if not _of_type("a path", str)(value).strip():
            raise Unfit("expected a path, got nothing")
        try:
            return Path(value).expanduser()
        except RuntimeError:
            raise Unfit(f'no home directory is known for "{value}"', "write the path in full") from None

    return Kind("a path", check)


def size() -> Kind:
    expected = 'width x height in pixels, like "1280x720"'

    def check(value: Any) -> tuple[int, int]:
        match = _SIZE.fullmatch(value.lower()) if isinstance(value, str) else None
        if match is None:
            raise Unfit(f"expected {expected}, got {_describe(value)}")
        return int(match[1]), int(match[2])

    return Kind(expected, check)


def pixel_format() -> Kind:
    expected = " or ".join(f'"{name}"' for name in dict.fromkeys(FORMATS.values()))

    def check(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in FORMATS:
            raise Unfit(f"expected {expected}, got {_describe(value)}")
        return FORMATS[value.lower()]

    return Kind(expected, check)


def source() -> Kind:
    """`kind:address`; which kinds exist is known only when the plugins are loaded."""
    expected = '"kind:address", like "v4l2:/dev/video0"'

    def check(value: Any) -> str:
        if not _SOURCE.fullmatch(_of_type(expected, str)(value)):
            device = value.startswith("/dev/")
            hint = f'write "{"v4l2" if device else "file"}:{value}"' if value.startswith("/") else ""
            raise Unfit(f"expected {expected}, got {_describe(value)}", hint or 'or "file:…", "test:"')
        if problem := problem_of(value):
            raise Unfit(problem, 'for example "rtsp://10.0.0.20/stream1"')  # the URL may hold a password
        return value

    return Kind(expected, check)


def microphone() -> Kind:
    """`kind:address`, or nothing."""
    expected = '"kind:address", like "alsa:hw:1", or ""'

    def check(value: Any) -> str:
        text = _of_type(expected, str)(value).strip()
        if text and not _SOURCE.fullmatch(text):
            raise Unfit(f"expected {expected}, got {_describe(value)}", 'write "alsa:default", "alsa:auto" or "test:"')
        return text

    return Kind(expected, check)


def device_address() -> Kind:
    """The address of an ONVIF device, without a login: that is the camera's."""
    expected = '"http://host/onvif/device_service"'

    def check(value: Any) -> str:
        text = _of_type(expected, str)(value)
        if text and (not text.startswith(("http://", "https://")) or "@" in text or problem_of(text)):
            raise Unfit(f"expected {expected}", "the login belongs into username and password")  # it may hold one
        return text

    return Kind(expected, check)


def sealed() -> Kind:
    """A password that camd has encrypted, as `Secret`. What is wrong is never repeated: it may be one."""
    expected = "a password that camd has encrypted"

    def check(value: Any) -> Secret:
        text = value.removeprefix(SEALED) if isinstance(value, str) else ""
        if text == value or not _BASE64.fullmatch(text):
            hint = "give it with `camd camera set <id> --password`, or name a password_file"
            raise Unfit(f"expected {expected}", hint)
        return Secret(text, sealed=True)

    return Kind(expected, check)


def camera_id() -> Kind:
    """Names a camera in URLs, states and messages."""
    expected = "a camera id: a lower-case letter, then at most 31 lower-case letters, digits or _"

    def check(value: Any) -> str:
        if not isinstance(value, str) or not _CAMERA_ID.fullmatch(value):
            suggestion = re.sub(r"[^a-z0-9_]", "_", str(value).lower())[:32]
            hint = f'for example "{suggestion}"' if _CAMERA_ID.fullmatch(suggestion) else ""
            raise Unfit(f"expected {expected}, got {_describe(value)}", hint)
        if value in RESERVED_IDS:
            raise Unfit(f'"{value}" cannot be a camera id: URLs use it for something else', f'"{value}1" can')
        return value

    return Kind(expected, check)


def endpoint() -> Kind:
    """A Twisted endpoint string, checked by Twisted's own parser; nothing is opened. None means off."""
    expected = 'an endpoint, like "tcp:8080", or "off"'

    def check(value: Any) -> str | None:
        description = _of_type(expected, str)(value).strip()
        if description in ("", "off"):
            return None
        kind = description.partition(":")[0]
        if kind in ("ssl", "tls"):
            raise Unfit(f'"{kind}:" is not needed', 'write "tcp:…" for https: camd adds TLS itself')
        if kind not in ("tcp", "tcp6", "unix", "systemd"):
            raise Unfit(f"expected {expected}, got {_describe(value)}", ENDPOINT_HINT)
        _check_endpoint(description, kind)
        return description

    return Kind(expected, check)


def _check_endpoint(description: str, kind: str) -> None:
    from twisted.internet.endpoints import serverFromString

    try:
        serverFromString(None, description)  # builds an object, opens nothing
    except TypeError as error:  # Twisted calls a function with the parts as its arguments
        raise Unfit(f'"{description}" {_part_of(str(error))}', ENDPOINT_HINT) from None
    except ValueError as error:
        part = "the port must be a number" if kind.startswith("tcp") else str(error)
        raise Unfit(f'"{description}": {part}', ENDPOINT_HINT) from None
    except LookupError:
        pass  # systemd: well written, but systemd hands its sockets to the daemon only
    port = re.match(r"tcp6?:(?:port=)?(-?[0-9]+)", description)
    if port and not 0 <= int(port[1]) <= 65535:
        raise Unfit(f'"{description}": {port[1]} is no port', "ports are 1 to 65535, 0 takes a free one")
    if description == "unix:":
        raise Unfit('"unix:" needs the path of a socket', ENDPOINT_HINT)


def _part_of(error: str) -> str:
    """Twisted's TypeError in terms of the endpoint string instead of its Python function."""
    name = re.search(r"'(\w+)'", error)
    if name is None:
        return "has too many parts"
    if "missing" in error:
        return f"lacks its {name[1]}"
    if "multiple values" in error:
        return f'gives {name[1]} twice; the colons of an IPv6 address are written "\\:", like "\\:\\:1"'
    return f'has an unknown part "{name[1]}"'
