"""Who the clients of these tests are: at each daemon with an administrator, the holder of its token."""

from __future__ import annotations

from urllib.parse import urlsplit

#: Port of a running daemon -> API token. A Daemon(admin=True) enters itself.
TOKENS: dict[int, str] = {}


def headers_for(url: str) -> dict[str, str]:
    """What a request to this daemon says of its sender."""
    token = TOKENS.get(urlsplit(url).port or 0)
    return {"Authorization": f"Bearer {token}"} if token else {}
