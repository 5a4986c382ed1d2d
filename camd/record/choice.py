"""Choice: the stream that is recorded, which is the one that costs least."""

from __future__ import annotations

from ..errors import Invalid
from ..media.camera import Camera
from ..media.frame import INTER, Encoding
from ..media.stream import Stream


def choose(camera: Camera, rendition: str, codec: str) -> Stream:
    """The stream of a camera for a recording of this rendition. codec: "auto", "h264" or "mjpeg".

    The camera's own bytes come from the source itself, so that nothing is encoded for the cards that it shows
    while the camera is away.
    """
    pipeline = camera.pipeline
    if pipeline.format is None:
        return pipeline.source  # until it was opened, nobody knows
    own = pipeline.format.codec
    if codec == "auto":
        passes = own in INTER or own == "mjpeg"
        passes = passes and not pipeline.why_encoding(Encoding(own, rendition=rendition))
        codec = own if passes else "h264"
    encoding = Encoding(codec, rendition=rendition)
    try:
        return pipeline.stream(encoding) if pipeline.why_encoding(encoding) else pipeline.source
    except Invalid:  # there is no such encoder here
        return pipeline.stream(Encoding("mjpeg", rendition=rendition))
