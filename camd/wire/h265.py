"""What an H.265 stream says of itself: its sequence parameter set (Rec. ITU-T H.265 section 7.3.2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack

from ..errors import Invalid
from . import nal
from .bits import Bits

#: More than the part of a parameter set that is read here can have.
_LONGEST = 1024
#: Width and height past this are a lie: level 6.2 ends at 16888.
_LARGEST = 16888
#: Samples of luma for one of chroma, across and down, by chroma_format_idc.
_SUBSAMPLING = ((1, 1), (2, 2), (2, 1), (1, 1))


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence parameter set, as far as somebody asks for it.

    space, tier, profile, level: general_*_space/flag/idc; compatibility: 32 flags, constraints: 6 bytes.
    width, height: pixels that are shown. chroma: chroma_format_idc (1: 4:2:0). reorder: by how many pictures
    the order of showing differs at most from that of decoding.
    """

    space: int
    tier: int
    profile: int
    compatibility: int
    constraints: bytes
    level: int
    layers: int
    nested: bool
    width: int
    height: int
    chroma: int
    luma_depth: int
    chroma_depth: int
    reorder: int

    @property
    def codec(self) -> str:
        """For `codecs=` in a media type (ISO/IEC 14496-15 annex E.3): "hvc1.1.6.L93.B0"."""
        space = ("", "A", "B", "C")[self.space]
        flags = int(f"{self.compatibility:032b}"[::-1], 2)
        text = f"hvc1.{space}{self.profile}.{flags:X}.{'LH'[self.tier]}{self.level}"
        return "".join([text, *(f".{byte:X}" for byte in self.constraints.rstrip(b"\0"))])


def sequence(unit: nal.Buffer) -> Sequence:
    """Read a sequence parameter set, header included. Raises Invalid."""
    if not unit or nal.kind(unit, "hevc") != nal.HEVC_SPS:
        raise Invalid("", "not a sequence parameter set of H.265")
    bits = Bits(nal.payload(unit, "hevc", _LONGEST))
    bits.read(4)  # sps_video_parameter_set_id
    layers = bits.read(3) + 1
    nested = bits.flag()
    space, tier, profile, compatibility = bits.read(2), bits.read(1), bits.read(5), bits.read(32)
    constraints = bits.read(48).to_bytes(6, "big")
    level = bits.read(8)
    _skip_layers(bits, layers - 1)
    bits.unsigned()  # sps_seq_parameter_set_id
    chroma = bits.unsigned()
    if chroma > 3:
        raise Invalid("", f"a sequence parameter set with chroma format {chroma}")
    planes = chroma == 3 and bits.flag()
    width, height = bits.unsigned(), bits.unsigned()
    if bits.flag():  # conformance_window
        across, down = _SUBSAMPLING[0 if planes else chroma]
        width -= across * (bits.unsigned() + bits.unsigned())
        height -= down * (bits.unsigned() + bits.unsigned())
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
        raise Invalid("", f"a sequence parameter set with pictures of {width}x{height}")
    luma_depth, chroma_depth = 8 + bits.unsigned(), 8 + bits.unsigned()
    if luma_depth > 15 or chroma_depth > 15:
        raise Invalid("", f"a sequence parameter set with samples of {luma_depth} and {chroma_depth} bits")
    bits.unsigned()  # log2_max_pic_order_cnt_lsb_minus4
    reorder = 0
    for _ in range(layers if bits.flag() else 1):
        bits.unsigned()
        reorder = max(reorder, bits.unsigned())
        bits.unsigned()
    return Sequence(space, tier, profile, compatibility, constraints, level, layers, nested,
                    width, height, chroma, luma_depth, chroma_depth, reorder)


def _skip_layers(bits: Bits, count: int) -> None:
    """Profiles and levels of the temporal sub-layers."""
    if not count:
        return
    present = [(bits.flag(), bits.flag()) for _ in range(count)]
    bits.read(2 * (8 - count))
    for profile, level in present:
        bits.read(88 * profile + 8 * level)


def configuration(parameter_sets: tuple[bytes, ...]) -> bytes:
    """HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 8.3.3.1), the content of an "hvcC" box.

    parameter_sets: VPS, SPS and PPS, as `nal.parameter_sets` gives them. Raises Invalid if one kind is missing.
    """
    by_kind: dict[int, list[bytes]] = {nal.HEVC_VPS: [], nal.HEVC_SPS: [], nal.HEVC_PPS: []}
    for unit in parameter_sets:
        by_kind[nal.kind(unit, "hevc")].append(unit)
    first = sequence(b"".join(by_kind[nal.HEVC_SPS][:1]))
    for kind, units in by_kind.items():
        if not units:
            raise Invalid("", f"no parameter set of type {kind} before the first picture")
    record = [
        pack(">BBI6sB", 1, first.space << 6 | first.tier << 5 | first.profile, first.compatibility,
             first.constraints, first.level),
        # Segmentation, parallelism and frame rate are not said.
        pack(">HBBBBHBB", 0xF000, 0xFC, 0xFC | first.chroma, 0xF8 | first.luma_depth - 8,
             0xF8 | first.chroma_depth - 8, 0, first.layers << 3 | first.nested << 2 | 3, len(by_kind)),
    ]
    for kind, units in by_kind.items():
        record.append(pack(">BH", 0x80 | kind, len(units)))  # 0x80: there are no others in the samples
        record += (pack(">H", len(unit)) + unit for unit in units)
    return b"".join(record)
