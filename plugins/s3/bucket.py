"""Bucket: one bucket of an S3-compatible server. All of this blocks, and belongs to one thread at a time."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit
from xml.etree import ElementTree

from camd.errors import CamdError

from .signature import Credentials, encode, encode_query, sign

#: Without a byte for so long the server is taken for gone (seconds).
PATIENCE = 60.0
_LARGEST_ANSWER = 4 << 20
_META = "x-amz-meta-sha256"


class S3Error(CamdError):
    """The server does not do it. status: of HTTP, 0 if it cannot be reached; code: as S3 has them."""

    def __init__(self, text: str, status: int = 0, code: str = ""):
        super().__init__(text)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    headers: Mapping[str, str]
    body: bytes

    def values(self, name: str) -> list[str]:
        """The texts of all elements of this name, whatever their namespace."""
        try:
            root = ElementTree.fromstring(self.body)
        except ElementTree.ParseError as error:
            raise S3Error(f"the server sent no XML: {error}") from None
        return [node.text or "" for node in root.iter() if node.tag.rpartition("}")[2] == name]

    def value(self, name: str) -> str:
        """The first of them; raises S3Error without one."""
        found = self.values(name)
        if not found:
            raise S3Error(f"the server's answer lacks {name}")
        return found[0]


class Bucket:
    """endpoint: "https://s3.example.org", perhaps with a port; the bucket's name goes into the path, which
    all servers understand."""

    def __init__(self, endpoint: str, name: str, credentials: Credentials):
        self.endpoint = endpoint
        self.name = name
        self._credentials = credentials
        parts = urlsplit(endpoint)
        self._secure = parts.scheme == "https"
        self._host, self._address = parts.netloc, (parts.hostname or "", parts.port)
        self._base = parts.path.rstrip("/")
        self._connection: http.client.HTTPConnection | None = None
        self._closed = False

    # -- objects

    def head(self, key: str) -> tuple[int, str] | None:
        """Size and SHA-256 of an object, "" if it does not say; None if there is none."""
        try:
            answer = self.ask("HEAD", key)
        except S3Error as error:
            if error.status == 404:
                return None
            raise
        return int(answer.headers.get("content-length", -1)), answer.headers.get(_META, "")

    def put(self, key: str, data: bytes, digest: str, type: str) -> None:
        """Write an object of one piece. digest: its SHA-256, which the server checks."""
        self.ask("PUT", key, data, headers={"content-type": type, _META: digest})

    def begin(self, key: str, digest: str, type: str) -> str:
        """Begin an object of many parts; its id."""
        answer = self.ask("POST", key, query={"uploads": ""}, headers={"content-type": type, _META: digest})
        return answer.value("UploadId")

    def put_part(self, key: str, upload: str, number: int, data: bytes) -> str:
        """One part, of at least 5 MiB unless it is the last; returns its tag. number: from 1."""
        answer = self.ask("PUT", key, data, {"partNumber": str(number), "uploadId": upload})
        return answer.headers.get("etag", "").strip('"')

    def parts(self, key: str, upload: str) -> dict[int, tuple[int, str]]:
        """Number -> size and tag of what is there; raises S3Error 404 if the upload is not."""
        found: dict[int, tuple[int, str]] = {}
        marker = ""
        while True:
            query = {"uploadId": upload} | ({"part-number-marker": marker} if marker else {})
            answer = self.ask("GET", key, query=query)
            numbers, sizes = answer.values("PartNumber"), answer.values("Size")
            tags = [tag.strip('"') for tag in answer.values("ETag")]
            found |= {
                int(number): (int(size), tag) for number, size, tag in zip(numbers, sizes, tags, strict=False)
            }
            if answer.values("IsTruncated") != ["true"]:
                return found
            marker = answer.value("NextPartNumberMarker")

    def complete(self, key: str, upload: str, tags: Mapping[int, str]) -> None:
        """Make one object of the parts. S3 may say 200 and tell of a failure in the body."""
        body = "".join(
            f'<Part><PartNumber>{number}</PartNumber><ETag>"{tags[number]}"</ETag></Part>'
            for number in sorted(tags)
        )
        data = f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode()
        answer = self.ask("POST", key, data, {"uploadId": upload})
        if answer.values("Code"):
            raise S3Error(f"{key}: {answer.value('Code')}", 500, answer.value("Code"))

    def abandon(self, key: str, upload: str) -> None:
        """Forget the parts, which cost money; never fails."""
        with suppress(S3Error):
            self.ask("DELETE", key, query={"uploadId": upload})

    # -- requests

    def ask(
        self,
        method: str,
        key: str,
        data: bytes = b"",
        query: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
    ) -> Answer:
        """One request, whose body the server checks against the SHA-256 in the signature. Raises S3Error."""
        path = f"{self._base}/{self.name}/{key}"
        now, payload = time.time(), sha256(data).hexdigest()
        signed = sign(self._credentials, method, self._host, path, query, headers, payload, now)
        target = encode(path) + (f"?{encode_query(query)}" if query else "")
        try:
            status, answer = self._exchange(method, target, data, signed)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise S3Error(f"{self.endpoint}: {error or type(error).__name__}") from None
        if status >= 300:
            code = re.search(rb"<Code>([A-Za-z]{1,80})</Code>", answer.body)
            name = code[1].decode() if code else http.client.responses.get(status, "")
            raise S3Error(f"{self.endpoint}, bucket {self.name}: {status} {name}", status, name)
        return answer

    def _exchange(self, method: str, target: str, data: bytes, headers: dict[str, str]) -> tuple[int, Answer]:
        for is_first in (True, False):
            is_new = self._connection is None
            try:
                connection = self._connect()
                connection.request(method, target, data or None, headers)
                answer = connection.getresponse()
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self._drop()
                if is_new or not is_first:  # else the server had closed it meanwhile, as it may
                    raise
        body = answer.read(_LARGEST_ANSWER)
        if answer.will_close or not answer.isclosed() and method != "HEAD":
            self._drop()
        return answer.status, Answer({name.lower(): value for name, value in answer.getheaders()}, body)

    def _connect(self) -> http.client.HTTPConnection:
        if self._closed:
            raise OSError("camd ends")
        if self._connection is None:
            host, port = self._address
            if self._secure:
                context = ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=context)
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """End, from any thread: who waits for the server is told at once."""
        self._closed = True
        connection = self._connection
        sock = connection.sock if connection is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
