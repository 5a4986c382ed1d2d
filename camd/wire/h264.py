"""What an H.264 stream says of itself: its sequence parameter set (Rec. ITU-T H.264 section 7.3.2.1, annex E)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack

from ..errors import Invalid
from . import nal
from .bits import Bits

#: Longer than any sequence parameter set with all scaling lists.
_LONGEST = 1024
#: Width and height past this are a lie: level 6.2 ends at 16888.
_LARGEST = 16888
#: Profiles whose parameter sets say which chroma they have.
_HIGH = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
#: Samples of luma for one of chroma, across and down, by chroma_format_idc.
_SUBSAMPLING = ((1, 1), (2, 2), (2, 1), (1, 1))


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence parameter set, as far as somebody asks for it.

    width, height: pixels that are shown. chroma: chroma_format_idc (1: 4:2:0). fps: 0.0 if it does not say.
    reorder: by how many pictures the order of showing differs at most from that of decoding; None if it does
    not say (then B pictures are possible).
    """

    profile: int
    constraints: int
    level: int
    width: int
    height: int
    chroma: int = 1
    luma_depth: int = 8
    chroma_depth: int = 8
    fps: float = 0.0
    reorder: int | None = None

    @property
    def codec(self) -> str:
        """For `codecs=` in a media type (RFC 6381 section 3.3): "avc1.42C01F"."""
        return f"avc1.{self.profile:02X}{self.constraints:02X}{self.level:02X}"


def sequence(unit: nal.Buffer) -> Sequence:
    """Read a sequence parameter set, header included. Raises Invalid."""
    if not unit or nal.kind(unit, "h264") != nal.H264_SPS:
        raise Invalid("", "not a sequence parameter set of H.264")
    bits = Bits(nal.payload(unit, "h264", _LONGEST))
    profile, constraints, level = bits.read(8), bits.read(8), bits.read(8)
    bits.unsigned()  # seq_parameter_set_id
    chroma, planes, luma_depth, chroma_depth = _chroma(bits) if profile in _HIGH else (1, False, 8, 8)
    order = _picture_order(bits)
    bits.unsigned()  # max_num_ref_frames
    bits.flag()  # gaps_in_frame_num_value_allowed_flag
    width = 16 * (bits.unsigned() + 1)
    height = 16 * (bits.unsigned() + 1)
    frames = bits.flag()  # else fields, of half the height each
    if not frames:
        height *= 2
        bits.flag()  # mb_adaptive_frame_field_flag
    bits.flag()  # direct_8x8_inference_flag
    if bits.flag():
        across, down = _SUBSAMPLING[0 if planes else chroma]
        down *= 1 if frames else 2
        width -= across * (bits.unsigned() + bits.unsigned())
        height -= down * (bits.unsigned() + bits.unsigned())
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
        raise Invalid("", f"a sequence parameter set with pictures of {width}x{height}")
    fps, reorder = _usability(bits) if bits.flag() else (0.0, None)
    if order == 2 or profile == 66:
        reorder = 0
    return Sequence(profile, constraints, level, width, height, chroma, luma_depth, chroma_depth, fps, reorder)


def _chroma(bits: Bits) -> tuple[int, bool, int, int]:
    """chroma_format_idc, separate_colour_plane_flag, bit depths."""
    chroma = bits.unsigned()
    if chroma > 3:
        raise Invalid("", f"a sequence parameter set with chroma format {chroma}")
    planes = chroma == 3 and bits.flag()
    luma, colour = 8 + bits.unsigned(), 8 + bits.unsigned()
    if luma > 14 or colour > 14:
        raise Invalid("", f"a sequence parameter set with samples of {luma} and {colour} bits")
    bits.flag()  # qpprime_y_zero_transform_bypass_flag
    if bits.flag():
        for index in range(12 if chroma == 3 else 8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma, planes, luma, colour


def _skip_scaling_list(bits: Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _picture_order(bits: Bits) -> int:
    """pic_order_cnt_type; 2: pictures are shown in the order in which they come."""
    bits.unsigned()  # log2_max_frame_num_minus4
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.flag()
        bits.signed(), bits.signed()
        cycle = bits.unsigned()
        if cycle > 255:
            raise Invalid("", f"a sequence parameter set with {cycle} offsets in a cycle; at most 255")
        for _ in range(cycle):
            bits.signed()
    elif order != 2:
        raise Invalid("", f"a sequence parameter set with picture order {order}")
    return order


def _usability(bits: Bits) -> tuple[float, int | None]:
    """VUI (section E.1.1): pictures a second, and how many may be out of order."""
    if bits.flag() and bits.read(8) == 255:  # aspect_ratio_idc: extended
        bits.read(32)
    if bits.flag():  # overscan_info
        bits.flag()
    if bits.flag():  # video_signal_type
        bits.read(4)
        if bits.flag():
            bits.read(24)
    if bits.flag():  # chroma_loc_info
        bits.unsigned(), bits.unsigned()
    fps = 0.0
    if bits.flag():  # timing_info; a tick is a field
        tick, scale = bits.read(32), bits.read(32)
        bits.flag()
        fps = scale / (2 * tick) if tick else 0.0
    if any([_skip_hrd(bits), _skip_hrd(bits)]):  # for slices alone, and for all units
        bits.flag()  # low_delay_hrd_flag
    bits.flag()  # pic_struct_present_flag
    if not bits.flag():  # bitstream_restriction
        return fps, None
    bits.flag()
    for _ in range(4):
        bits.unsigned()
    return fps, bits.unsigned()


def _skip_hrd(bits: Bits) -> bool:
    """Skip parameters of a hypothetical decoder; whether they are there."""
    if not bits.flag():
        return False
    count = bits.unsigned()
    if count > 31:
        raise Invalid("", f"a sequence parameter set with {count + 1} coded picture buffers; at most 32")
    bits.read(8)
    for _ in range(count + 1):
        bits.unsigned(), bits.unsigned()
        bits.flag()
    bits.read(20)
    return True


def configuration(parameter_sets: tuple[bytes, ...]) -> bytes:
    """AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3.1), the content of an "avcC" box.

    parameter_sets: SPS and PPS, as `nal.parameter_sets` gives them. Raises Invalid if one kind is missing.
    """
    by_kind: dict[int, list[bytes]] = {nal.H264_SPS: [], nal.H264_PPS: []}
    for unit in parameter_sets:
        by_kind[nal.kind(unit, "h264")].append(unit)
    first = sequence(b"".join(by_kind[nal.H264_SPS][:1]))
    if not by_kind[nal.H264_PPS]:
        raise Invalid("", "no picture parameter set before the first picture")
    record = [pack(">BBBBB", 1, first.profile, first.constraints, first.level, 0xFF)]
    for mask, units in zip((0xE0, 0x00), by_kind.values(), strict=True):
        record.append(pack(">B", mask | len(units) & 0x1F))
        record += (pack(">H", len(unit)) + unit for unit in units[:31])
    if first.profile in (100, 110, 122, 144):
        record.append(pack(">BBBB", 0xFC | first.chroma, 0xF8 | first.luma_depth - 8,
                           0xF8 | first.chroma_depth - 8, 0))
    return b"".join(record)
