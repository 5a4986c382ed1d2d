"""A client that keeps its cookies, sends what headers it likes, and connects from any of our addresses."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .rest import any_certificate

TIMEOUT = 20.0


@dataclass(frozen=True)
class Answer:
    """An answer, whatever its status; header names in lower case, the last of each."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks for what is below `url`. address: ours, from which it connects. headers: of every request."""

    def __init__(self, url: str, address: str = "", **headers: str):
        self.url = url
        self.headers = headers
        self._address = address

    def __call__(self, method: str, path: str, value: Any = None, **headers: str) -> Answer:
        """Send one request; value: sent as JSON. The session of the answer is kept."""
        connection = self.connect()
        try:
            self.send(connection, method, path, value, **headers)
            answer = connection.getresponse()
            found = {name.lower(): text for name, text in answer.getheaders()}
            body = answer.read()
        finally:
            connection.close()
        if "set-cookie" in found:
            self.headers["Cookie"] = found["set-cookie"].partition(";")[0]
        return Answer(answer.status, found, body)

    def connect(self) -> http.client.HTTPConnection:
        where = urlsplit(self.url)
        source = (self._address, 0) if self._address else None
        if where.scheme == "https":
            return http.client.HTTPSConnection(
                where.hostname, where.port, timeout=TIMEOUT, source_address=source, context=any_certificate()
            )
        return http.client.HTTPConnection(where.hostname, where.port, timeout=TIMEOUT, source_address=source)

    def send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        value: Any = None,
        **headers: str,
    ) -> None:
        """The request alone, for answers without end."""
        sent = {**self.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
        body = None
        if value is not None:
            body = json.dumps(value).encode()
            sent["Content-Type"] = "application/json"
        connection.request(method, urlsplit(self.url).path.rstrip("/") + path, body, sent)
