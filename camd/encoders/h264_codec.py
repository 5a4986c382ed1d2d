"""H264Codec: one of FFmpeg's H.264 encoders, by PyAV, without any picture of delay."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ..errors import CamdError
from ..media.frame import Frame, Packet
from ..media.packed import PackedFrame
from ..media.rendition import VideoSettings
from .packed_planes import PackedPlanes
from .planes import Planes

#: The clock of the encoder's timestamps (1/s); 90 kHz is what RTP has, too.
_CLOCK = 90_000
#: Matrix coefficients and range as FFmpeg numbers them (ITU-T H.273 section 8.3).
_MATRICES = {"bt709": 1, "bt601": 6}
_LIMITED = 1


class H264Codec:
    """Makes one access unit of each Frame, with parameter sets before each key frame (Annex B).

    name: FFmpeg's, "libx264". The picture is of limited range, with the matrix of the settings, and says so. Blocks,
    for the encode pool; one thread at a time.
    """

    def __init__(self, name: str, settings: VideoSettings):
        self.name = name
        self._settings = settings
        self._context: Any = None
        self._planes: Planes | None = None
        self._packed: PackedPlanes | None = None

    def encode(self, frame: Frame | PackedFrame, keyframe: bool) -> Packet | None:
        """The access unit; raises CamdError if the encoder refuses the picture or its settings."""
        import av

        width, height = frame.size
        try:
            if self._context is None:
                self._context = self._make(width, height)
            picture = self._fill(frame)
            picture.colorspace, picture.color_range = _MATRICES[self._settings.matrix], _LIMITED
            picture.pts, picture.time_base = round(frame.pts * _CLOCK), Fraction(1, _CLOCK)
            picture.pict_type = av.video.frame.PictureType.I if keyframe else av.video.frame.PictureType.NONE
            packets = self._context.encode(picture)
        except (av.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            text = f"{self.name} does not encode a picture of {width}x{height}: {reason}"
            raise CamdError(text) from None
        if not packets:
            return None
        data = b"".join(bytes(packet) for packet in packets)
        return Packet(data, "h264", frame.pts, frame.wall, frame.grabbed, keyframe=packets[0].is_keyframe)

    def close(self) -> None:
        self._context = self._planes = self._packed = None

    def _fill(self, frame: Frame | PackedFrame) -> Any:
        width, height = frame.size
        if isinstance(frame, PackedFrame) and self._settings.matrix == "bt601" and not (width % 2 or height % 2):
            self._packed = self._packed or PackedPlanes(width, height, frame.full_range)
            return self._packed.fill(frame.packet)
        if self._planes is None:
            self._planes = Planes(width // 2 * 2, height // 2 * 2, self._settings.matrix)
        return self._planes.fill(frame.image)

    def _make(self, width: int, height: int) -> Any:
        import av

        settings = self._settings
        context = av.CodecContext.create(self.name, "w")
        context.width, context.height = width // 2 * 2, height // 2 * 2
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, _CLOCK)
        context.framerate = Fraction(settings.fps).limit_denominator(1001)
        context.gop_size = max(1, round(settings.key_interval * settings.fps))
        context.max_b_frames = 0
        context.bit_rate = settings.bitrate
        context.colorspace, context.color_range = _MATRICES[settings.matrix], _LIMITED
        context.color_primaries, context.color_trc = 1, 1  # BT.709's, as webcams have them
        context.thread_count = 1
        context.options = _options(self.name, settings)
        return context


def _options(name: str, settings: VideoSettings) -> dict[str, str]:
    rate = {"maxrate": str(settings.bitrate), "bufsize": str(settings.bitrate), "profile": settings.profile}
    if name == "libx264":
        return {
            **rate, "preset": settings.preset, "tune": "zerolatency", "forced-idr": "1",
            "x264-params": "scenecut=0",
        }  # fmt: skip
    if name == "h264_nvenc":
        return {**rate, "preset": "p1", "tune": "ull", "zerolatency": "1", "delay": "0", "forced-idr": "1"}
    if name == "h264_qsv":
        return {**rate, "preset": "veryfast", "async_depth": "1", "low_delay_brc": "1", "forced_idr": "1"}
    return {}
