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
#: States whose values are more than JSON Schema can say, with the type that they have.
_PECULIAR = {
    r"s3/": str, r"webrtc/(addresses|ice_servers)$": list, r"onvif/": (list, dict), r"pip/mode$": str,
    r"cameras/\w+/(crop|masks|motion/zones|ptz/presets|recording/schedule|overlay/(logo|text)|(main|sub)/size)$":
        (list, dict, str),
}  # fmt: skip
#: The id of the token that the requests come with. Ids are learned from answers; this one must stay.
_OWN = os.environ["CAMD_SCHEMATHESIS_OWN"]

# JSON Schema cannot say what a good password is.
schemathesis.openapi.format(
    "password", strategies.text("abcdefgh", min_size=1, max_size=8).map(lambda text: f"Correct-{text}-7")
)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """What else the document cannot say: a new password is none of the last five, and an administrator has
    all cameras. What is wrong on purpose stays wrong."""
    body = case.body
    if not isinstance(body, dict):
        return
    if case.path == "/api/state":
        plain = {name: value for name, value in body.items() if not _is_peculiar(name, value)}
        case.body = body = plain or {"cameras/cam1/rotate": 0}
    if case.path == "/api/cameras/{id}" and isinstance(body.get("onvif"), str):
        case.body = body = {**body, "onvif": None}
    if isinstance(body.get("password"), str) and body["password"].startswith("Correct-"):
        case.body = body = {**body, "password": f"Correct-{next(_numbers)}-horse"}
    name = str((case.path_parameters or {}).get("name", "")).lower()
    if (name == "admin" or str(body.get("role")).lower().startswith("admin")) and _are_cameras(
        body.get("cameras")
    ):
        case.body = {**body, "cameras": None}


def _is_peculiar(name: str, value: Any) -> bool:
    return any(re.match(pattern, name) and isinstance(value, kind) for pattern, kind in _PECULIAR.items())


def _are_cameras(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(id, str) and _CAMERA.fullmatch(id) for id in value)


def _send_from_elsewhere(adapter: Any, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
    """Each request comes from somebody else: wrong secrets are tried, too, which locks who sends them and
    slows the account. No hook of schemathesis sees those requests."""
    request.headers["X-Forwarded-For"] = f"10.{_addresses.randrange(256)}.{_addresses.randrange(256)}.9"
    if str(request.headers.get("Authorization", "")).startswith("Basic "):
        wrong = base64.b64encode(f"user{next(_numbers)}:Wrong-password-0".encode()).decode()
        request.headers["Authorization"] = "Basic " + wrong
    if request.method == "DELETE" and _OWN in str(request.url):
        request.url = str(request.url).replace(_OWN, "0" * len(_OWN))
    return _send(adapter, request, *args, **kwargs)


requests.adapters.HTTPAdapter.send = _send_from_elsewhere  # type: ignore[method-assign]
