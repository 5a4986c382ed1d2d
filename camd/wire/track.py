"""A Track: one line of pictures or sound in an MP4 file, with the sample entry that describes it.

ISO/IEC 14496-12 section 8.5.2 and 12, ISO/IEC 14496-15 for H.264 and H.265, ISO/IEC 14496-14 for MJPEG and
AAC, "Encapsulation of Opus in ISO Base Media File Format" for Opus.

Parameter sets are in the sample entry alone ("avc1", "hvc1"), because some players and all of Apple's read
only those. When they change, so does the Track, and a new init segment must come before the next picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack

from ..errors import Invalid, Unsupported
from . import h264, h265, nal
from .boxes import box, full_box

#: Ticks a second of pictures: divides evenly by all usual rates, as RTP does.
VIDEO_TIMESCALE = 90000


@dataclass(frozen=True, slots=True)
class Track:
    """One track; equal tracks need no new init segment.

    codec: for `codecs=` (RFC 6381), "avc1.42C01F". timescale: ticks a second. entry: its sample entry, a box;
    further: others, in a file whose video becomes another one. width, height: pixels; 0 for sound.
    """

    codec: str
    timescale: int
    entry: bytes
    width: int = 0
    height: int = 0
    number: int = 1
    further: tuple[bytes, ...] = ()

    @property
    def is_video(self) -> bool:
        return self.width > 0

    def ticks(self, seconds: float) -> int:
        """Seconds since the start of the track in its timescale.

        Always from the picture's own time, never by adding durations: what was rounded does not add up.
        """
        return round(seconds * self.timescale)


def video(codec: str, data: nal.Buffer, size: tuple[int, int] = (0, 0), number: int = 1) -> Track:
    """The track of a stream of pictures, from one of its key frames.

    codec: as in Packet: "h264", "hevc", "mjpeg"; size: width and height, needed for MJPEG only. Raises Invalid
    when the parameter sets are missing or broken, Unsupported for another codec.
    """
    if codec == "mjpeg":
        return mjpeg(*size, number=number)
    if codec == "h264":
        return h264_track(nal.parameter_sets(data, codec), number)
    if codec == "hevc":
        return hevc_track(nal.parameter_sets(data, codec), number)
    raise Unsupported(f"MP4 cannot have {codec}: choose h264, hevc or mjpeg")


def h264_track(parameter_sets: tuple[bytes, ...], number: int = 1) -> Track:
    """parameter_sets: as `nal.parameter_sets` gives them. Raises Invalid."""
    configuration = box(b"avcC", h264.configuration(parameter_sets))
    first = h264.sequence(parameter_sets[0])
    entry = _visual(b"avc1", first.width, first.height, configuration)
    return Track(first.codec, VIDEO_TIMESCALE, entry, first.width, first.height, number)


def hevc_track(parameter_sets: tuple[bytes, ...], number: int = 1) -> Track:
    """parameter_sets: as `nal.parameter_sets` gives them. Raises Invalid."""
    configuration = box(b"hvcC", h265.configuration(parameter_sets))
    first = h265.sequence(next(unit for unit in parameter_sets if nal.kind(unit, "hevc") == nal.HEVC_SPS))
    entry = _visual(b"hvc1", first.width, first.height, configuration)
    return Track(first.codec, VIDEO_TIMESCALE, entry, first.width, first.height, number)


def mjpeg(width: int, height: int, number: int = 1) -> Track:
    """Whole JPEGs, for files; browsers do not play it. Raises Invalid without a size."""
    if not (0 < width < 65536 and 0 < height < 65536):
        raise Invalid("", f"pictures of {width}x{height} do not fit into MP4")
    entry = _visual(b"mp4v", width, height, _stream_description(0x6C, 0x11, b""))
    return Track("mp4v.6C", VIDEO_TIMESCALE, entry, width, height, number)


def aac(configuration: bytes, rate: int, channels: int, number: int = 2) -> Track:
    """configuration: AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1); rate: samples a second."""
    if len(configuration) < 2:
        raise Invalid("", "AAC without an AudioSpecificConfig")
    entry = _audible(b"mp4a", rate, channels, _stream_description(0x40, 0x15, configuration))
    return Track(f"mp4a.40.{configuration[0] >> 3}", rate, entry, number=number)


def opus(channels: int, skip: int = 312, number: int = 2) -> Track:
    """channels: 1 or 2; skip: samples at 48 kHz that the decoder drops at the start, as the encoder says."""
    if channels not in (1, 2):
        raise Invalid("", f"Opus with {channels} channels; 1 or 2 are written")
    specific = box(b"dOps", pack(">BBHIhB", 0, channels, skip, 48000, 0, 0))
    return Track("opus", 48000, _audible(b"Opus", 48000, channels, specific), number=number)


def _visual(kind: bytes, width: int, height: int, specific: bytes) -> bytes:
    """VisualSampleEntry: 72 dots an inch, one picture a sample, 24 bits a pixel, no name."""
    return box(kind, pack(">6xH16xHHIIIH32xHh", 1, width, height, 72 << 16, 72 << 16, 0, 1, 24, -1), specific)


def _audible(kind: bytes, rate: int, channels: int, specific: bytes) -> bytes:
    """AudioSampleEntry; a rate past 16 bits is in `specific` only."""
    return box(kind, pack(">6xH8xHH4xI", 1, channels, 16, rate << 16 if rate < 65536 else 0), specific)


def _stream_description(kind: int, stream: int, specific: bytes) -> bytes:
    """An "esds" box (ISO/IEC 14496-1 section 7.2.6): object type, stream type, and the decoder's own bytes."""
    decoder = pack(">BB3xII", kind, stream, 0, 0)
    if specific:
        decoder += _descriptor(5, specific)
    return full_box(b"esds", 0, 0, _descriptor(3, b"\0\0\0" + _descriptor(4, decoder) + _descriptor(6, b"\2")))


def _descriptor(tag: int, content: bytes) -> bytes:
    if len(content) > 127:
        raise Invalid("", f"a decoder description of {len(content)} bytes; at most 127 are written")
    return pack(">BB", tag, len(content)) + content
