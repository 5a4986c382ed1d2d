"""What a script does with camd: GET a document, POST a message."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

JSON = {"Content-Type": "application/json"}


def any_certificate() -> ssl.SSLContext:
    """For a certificate that camd signed itself."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(frozen=True)
class Answer:
    """An answer, whatever its status."""

    status: int
    reason: str
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def fetch(url: str, body: bytes | None = None, timeout: float = 20.0) -> Answer:
    """GET, or POST of a JSON body. An error status is an answer too."""
    request = Request(url, body, JSON if body is not None else {})
    context = any_certificate() if url.startswith("https:") else None
    try:
        answer = urlopen(request, timeout=timeout, context=context)
    except HTTPError as error:
        answer = error
    with answer:
        return Answer(answer.status, answer.reason, answer.headers, answer.read())


def ask(url: str, message: Any) -> Any:
    """The answer of POST /api below the url of the page."""
    return fetch(url + "api", json.dumps(message).encode()).json


def status(url: str) -> dict[str, Any]:
    """The document /api/status."""
    return fetch(url + "api/status").json


def camera(url: str, name: str = "cam1") -> dict[str, Any]:
    """One camera's part of /api/status."""
    return next(one for one in status(url)["cameras"] if one["id"] == name)
