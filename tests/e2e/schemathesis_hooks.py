"""What schemathesis must know beyond the document; it loads this file by itself, in its own process."""

from __future__ import annotations

import base64
import itertools
import os
import random
import re
from typing import Any

import requests
import schemathesis
from hypothesis import strategies

_addresses = random.Random(1)
_numbers = itertools.count(1)
_send = requests.adapters.HTTPAdapter.send
_CAMERA = re.compile("[a-z][a-z0-9_]*")
#: A camera that is large, quick or recorded for hours leaves no time for anything else.
_AT_EASE = {
    "cameras/cam1/recording/mode": "off",
    "cameras/cam1/recording/state": "stopped",
    "cameras/cam1/size": "320x240",
    "cameras/cam1/fps": 5.0,
}
#: The product's names of them.
_SETTINGS = {"resolution": "size", "framerate": "fps"}
#: Nobody listens there: no request of ours shall look for devices in the network.
_NOBODY = "http://127.0.0.1:9/onvif/device_service"
_NO_H264 = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=recvonly
a=mid:0
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
""".format(fingerprint=":".join(["0A"] * 32)).replace("\n", "\r\n")
#: Checking a password takes long on purpose: one of so many wrong ones is a password, the others are tokens.
_PASSWORDS = 16
#: Of so many changes of users with a password and something else, one has both: it is compared with the last five.
_CHANGED = 4
#: The id of the token that the requests come with. Ids are learned from answers; this one must stay.
_OWN = os.environ["CAMD_SCHEMATHESIS_OWN"]

# JSON Schema cannot say what a good password is, nor which files are there.
schemathesis.openapi.format(
    "password", strategies.text("abcdefgh", min_size=1, max_size=8).map(lambda text: f"Correct-{text}-7")
)
schemathesis.openapi.format("png-path", strategies.just(""))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """What else the document cannot say, because one value depends on another. What is wrong on purpose stays wrong."""
    query, body = case.query, case.body
    if case.path.endswith(("/range", "/index.m3u8")) and isinstance(query, dict):
        case.query = _in_order(query)
    if case.path == "/api/files/zip" and isinstance(query, dict) and isinstance(query.get("path"), list):
        case.query = {**query, "path": query["path"][:4]}  # a URL is not longer than 16 KiB
    if not isinstance(body, dict):
        return
    if case.path.endswith(("/camera/settings", "/camera/config")):
        body = {name: _eased(f"cameras/cam1/{_SETTINGS.get(name)}", value) for name, value in body.items()}
    elif case.path == "/api/state":
        body = {name: _eased(name, value) for name, value in body.items()}
    elif case.path.startswith("/api/state/") and "value" in body:
        body = {**body, "value": _eased(case.path.removeprefix("/api/state/"), body["value"])}
    elif case.path.endswith("/recording/start") and type(body.get("duration", 0.5)) in (int, float, type(None)):
        body = {**body, "duration": 1} if (body.get("duration") or 1) >= 1 else body
    elif case.path == "/api/onvif/probe" and isinstance(body.get("url"), str) and body["url"].strip():
        body = {name: value for name, value in body.items() if name != "password"}  # no longer local, so not in clear
        body["url"] = _NOBODY
    elif case.path == "/api/webrtc/offer" and isinstance(body.get("sdp"), str):
        body = {**body, "sdp": _NO_H264}
    elif case.path == "/api/cameras/{id}" and isinstance(body.get("onvif"), str):
        body = {**body, "onvif": None}
    if isinstance(body.get("password"), str) and body["password"].startswith("Correct-"):
        number = next(_numbers)
        if case.path.endswith("/users/{name}") and len(body) > 1 and number % _CHANGED:
            body = {name: value for name, value in body.items() if name != "password"}
        else:
            body = {**body, "password": f"Correct-{number}-horse"}  # none of the last five
    name = str((case.path_parameters or {}).get("name", "")).lower()
    if (name == "admin" or str(body.get("role")).lower().startswith("admin")) and _are_cameras(body.get("cameras")):
        body = {**body, "cameras": None}  # an administrator has all
    case.body = body


def _in_order(query: dict[str, Any]) -> dict[str, Any]:
    """A time of at most a second that does not end before it begins."""
    given = [str(query.get(name)) for name in ("start", "end")]
    whole = all(text.isdigit() and int(text) <= 1 << 45 for text in given)
    return {**query, "start": int(given[0]) // 2, "end": int(given[0]) // 2 + 1000} if whole else query


def _eased(name: str, value: Any) -> Any:
    """A value of a state, so that it can be had, and had for long."""
    if name.endswith("/crop"):
        return _within(value)
    if name == "onvif/ports" and isinstance(value, dict):
        return dict(itertools.islice(value.items(), 1))  # no two have one port
    return _AT_EASE[name] if name in _AT_EASE and type(value) is type(_AT_EASE[name]) else value


def _within(crop: Any) -> Any:
    """What lies within the picture, of a crop of four shares."""
    if not isinstance(crop, list) or len(crop) != 4 or not all(type(n) in (int, float) and 0 <= n <= 1 for n in crop):
        return crop
    return [crop[0] / 2, crop[1] / 2, 0.25 + crop[2] / 4, 0.25 + crop[3] / 4]


def _are_cameras(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(id, str) and _CAMERA.fullmatch(id) for id in value)


def _send_from_elsewhere(adapter: Any, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
    """Each request comes from somebody else: wrong secrets are tried, too, which locks who sends them and
    slows the account. No hook of schemathesis sees those requests."""
    request.headers["X-Forwarded-For"] = f"10.{_addresses.randrange(256)}.{_addresses.randrange(256)}.9"
    if str(request.headers.get("Authorization", "")).startswith("Basic "):
        number = next(_numbers)
        wrong = base64.b64encode(f"user{number}:Wrong-password-0".encode()).decode()
        request.headers["Authorization"] = f"Bearer camd_{number:040}" if number % _PASSWORDS else "Basic " + wrong
    if request.method == "DELETE" and _OWN in str(request.url):
        request.url = str(request.url).replace(_OWN, "0" * len(_OWN))
    return _send(adapter, request, *args, **kwargs)


requests.adapters.HTTPAdapter.send = _send_from_elsewhere  # type: ignore[method-assign]
