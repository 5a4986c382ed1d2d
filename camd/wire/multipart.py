"""Parts of a multipart/x-mixed-replace stream (RFC 2046 section 5.1, as browsers read it for MJPEG)."""

from __future__ import annotations

BOUNDARY = "camd-next-picture"
CONTENT_TYPE = f"multipart/x-mixed-replace;boundary={BOUNDARY}"


def jpeg_part(data: bytes, wall: float) -> bytes:
    """One part. data: a JPEG; wall: when it was taken, UTC seconds. Pure.

    The delimiter of the next part ends this one: a reader that ignores Content-Length still has
    the whole picture as soon as it was sent.
    """
    return b"Content-Type: image/jpeg\r\nContent-Length: %d\r\nX-Timestamp: %.6f\r\n\r\n%b\r\n--%b\r\n" % (
        len(data), wall, data, BOUNDARY.encode()
    )


#: What comes before the first part.
PREAMBLE = b"--%b\r\n" % BOUNDARY.encode()
