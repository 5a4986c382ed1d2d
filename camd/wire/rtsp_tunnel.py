"""RTSP over HTTP: two connections that are one (as QuickTime began it, and ONVIF's streaming specification
asks for it).

A GET carries what the server says, a POST what the client says, in base64; the same x-sessioncookie makes
them belong together. Neither has an end.
"""

from __future__ import annotations

import base64
import binascii
import re

from .rtsp import BadMessage, Request

CONTENT_TYPE = "application/x-rtsp-tunnelled"
_COOKIE = re.compile(r"[\x21-\x7e]{1,128}")
_SPACE = b"\t\n\r "

#: The answer to GET, before the first byte of RTSP.
ACCEPTED = (
    b"HTTP/1.0 200 OK\r\n"
    b"Content-Type: application/x-rtsp-tunnelled\r\n"
    b"Cache-Control: no-store\r\n"
    b"Pragma: no-cache\r\n"
    b"Connection: close\r\n\r\n"
)


def cookie(request: Request) -> str:
    """What makes the halves belong together; "" if this is not one half of a tunnel."""
    text = request.headers.get("x-sessioncookie", "")
    if not request.version.startswith("HTTP/") or not _COOKIE.fullmatch(text):
        return ""
    said = request.headers.get("accept" if request.method == "GET" else "content-type", "")
    return text if request.method in ("GET", "POST") and said.lower().startswith(CONTENT_TYPE) else ""


class TunnelDecoder:
    """The base64 of a POST, however it is cut; each message may have been encoded, and padded, by itself.

    Keeps at most three characters. Raises BadMessage (400).
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """What the characters stand for, as far as they are whole."""
        data = self._rest + data.translate(None, _SPACE)
        whole = len(data) // 4 * 4
        self._rest = data[whole:]
        data = data[:whole]
        try:
            if b"=" not in data:
                return base64.b64decode(data, validate=True)
            pieces = []
            begin = 0
            while (end := data.find(b"=", begin)) >= 0:
                end = end // 4 * 4 + 4
                pieces.append(base64.b64decode(data[begin:end], validate=True))
                begin = end
            pieces.append(base64.b64decode(data[begin:], validate=True))
        except binascii.Error:
            raise BadMessage(400, "the tunnel does not carry base64") from None
        return b"".join(pieces)
