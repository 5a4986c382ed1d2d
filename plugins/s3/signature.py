"""AWS Signature Version 4, as every S3-compatible server checks it. Pure.

Source: "Authenticating Requests: Using the Authorization Header", Amazon S3 API Reference.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs. region: of the bucket, such as "eu-central-1"; most servers of one's own take
    "us-east-1"."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"


def sign(
    credentials: Credentials,
    method: str,
    host: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    payload: str,
    now: float,
) -> dict[str, str]:
    """All headers of a request with its signature. host: with the port if it is not the usual one; path: not
    encoded, beginning with "/"; payload: SHA-256 of the body in hexadecimal; now: Unix seconds."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    signed |= {"host": host, "x-amz-date": moment, "x-amz-content-sha256": payload}
    names = ";".join(sorted(signed))
    request = "\n".join(
        (
            method,
            encode(path),
            encode_query(query),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            payload,
        )
    )
    scope = f"{moment[:8]}/{credentials.region}/s3/aws4_request"
    text = "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    identity = f"{credentials.access_key}/{scope}"
    authorization = f"{_ALGORITHM} Credential={identity}, SignedHeaders={names}, Signature={signature}"
    return {**signed, "authorization": authorization}


def encode(path: str) -> str:
    """A path as it is signed and sent: each byte but the unreserved ones (RFC 3986 2.3) and the slash."""
    return quote(path, safe="/-_.~")


def encode_query(query: Mapping[str, str]) -> str:
    """The same for a query, sorted by name."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
