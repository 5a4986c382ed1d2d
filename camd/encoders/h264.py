"""H.264 by PyAV and x264, without any frame of delay; blocks, for the encode pool."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ..errors import CamdError
from ..hookspecs import hookimpl
from ..media.frame import Frame, Packet
from ..media.rendition import VideoSettings

#: The clock of the encoder's timestamps (1/s); 90 kHz is what RTP has, too.
_CLOCK = 90_000


@hookimpl
def camd_encoders() -> dict[str, Callable[..., Any]]:
    return {"h264": H264Encoder}


class H264Encoder:
    """Makes one access unit of each Frame, with parameter sets before each key frame (Annex B).

    The picture is limited-range BT.709, and says so. One thread at a time.
    """

    def __init__(self, settings: VideoSettings):
        self._settings = settings
        self._context: Any = None

    def encode(self, frame: Frame, keyframe: bool) -> Packet | None:
        """The access unit; raises CamdError if the encoder refuses the picture or its settings."""
        import av

        height, width = frame.image.shape[:2]
        try:
            if self._context is None:
                self._context = self._make(width, height)
            picture = av.VideoFrame.from_ndarray(frame.image[: height // 2 * 2, : width // 2 * 2], "bgr24")
            picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", threads=1)
            picture.pts, picture.time_base = round(frame.pts * _CLOCK), Fraction(1, _CLOCK)
            picture.pict_type = av.video.frame.PictureType.I if keyframe else av.video.frame.PictureType.NONE
            packets = self._context.encode(picture)
        except (av.FFmpegError, ValueError) as error:
            raise CamdError(f"a picture of {width}x{height} cannot be encoded as H.264: {error}") from None
        if not packets:
            return None
        data = b"".join(bytes(packet) for packet in packets)
        return Packet(data, "h264", frame.pts, frame.wall, frame.grabbed, keyframe=packets[0].is_keyframe)

    def close(self) -> None:
        self._context = None

    def _make(self, width: int, height: int) -> Any:
        import av

        settings = self._settings
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height = width // 2 * 2, height // 2 * 2
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, _CLOCK)
        context.framerate = Fraction(settings.fps).limit_denominator(1001)
        context.gop_size = max(1, round(settings.key_interval * settings.fps))
        context.bit_rate = settings.bitrate
        context.colorspace, context.color_range = 1, 1  # BT.709, limited
        context.color_primaries, context.color_trc = 1, 1
        context.thread_count = 1
        context.options = {
            "preset": settings.preset,
            "tune": "zerolatency",
            "profile": settings.profile,
            "forced-idr": "1",
            "maxrate": str(settings.bitrate),
            "bufsize": str(settings.bitrate),
            "x264-params": "keyint-infinite=0:scenecut=0:bframes=0",
        }
        return context
