"""The binary face of V4L2: ioctl numbers and struct layouts of the kernel's linux/videodev2.h.

Two structs depend on the word size: v4l2_format holds a pointer, v4l2_buffer a pointer and a
timeval. A 32-bit timeval comes with 32-bit or (since Linux 5.6, and then for every architecture)
64-bit seconds. The size of a struct is part of its ioctl number, so a wrong layout is refused by
the kernel with ENOTTY and never misread. Little-endian; the number scheme is asm-generic's (x86,
ARM, RISC-V: not MIPS, PowerPC and SPARC). Pure: no device is needed to compute or to test it.
"""

from __future__ import annotations

import platform
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass


def fourcc(text: str) -> int:
    """A pixel format's number ("MJPG")."""
    return int.from_bytes(text.encode("ascii"), "little")


# v4l2_capability.capabilities
CAP_VIDEO_CAPTURE = 0x00000001
CAP_VIDEO_M2M = 0x00008000
CAP_STREAMING = 0x04000000
CAP_IO_MC = 0x20000000
CAP_DEVICE_CAPS = 0x80000000
CAP_TIMEPERFRAME = 0x1000  # v4l2_captureparm.capability

BUF_TYPE_VIDEO_CAPTURE = 1
MEMORY_MMAP = 1

PIX_FMT_MJPEG = fourcc("MJPG")
PIX_FMT_JPEG = fourcc("JPEG")
PIX_FMT_YUYV = fourcc("YUYV")
PIX_FMT_NV12 = fourcc("NV12")
PIX_FMT_H264 = fourcc("H264")
PIX_FMT_PRIV_MAGIC = 0xFEEDCAFE  # the fields behind v4l2_pix_format.priv are valid

COLORSPACE_JPEG = 7
QUANTIZATION_DEFAULT = 0
QUANTIZATION_FULL_RANGE = 1

FRMSIZE_TYPE_DISCRETE = 1
FRMIVAL_TYPE_DISCRETE = 1

BUF_FLAG_KEYFRAME = 0x00000008
BUF_FLAG_ERROR = 0x00000040
BUF_FLAG_TIMESTAMP_MASK = 0x0000E000
BUF_FLAG_TIMESTAMP_MONOTONIC = 0x00002000

CTRL_TYPE_INTEGER = 1
CTRL_TYPE_BOOLEAN = 2
CTRL_TYPE_MENU = 3
CTRL_TYPE_BUTTON = 4
CTRL_TYPE_INTEGER_MENU = 9

CTRL_FLAG_DISABLED = 0x0001
CTRL_FLAG_READ_ONLY = 0x0004
CTRL_FLAG_INACTIVE = 0x0010
CTRL_FLAG_WRITE_ONLY = 0x0040
CTRL_FLAG_VOLATILE = 0x0080
CTRL_FLAG_HAS_PAYLOAD = 0x0100
CTRL_FLAG_NEXT_CTRL = 0x80000000
CTRL_FLAG_NEXT_COMPOUND = 0x40000000


class Record:
    """A C struct by its fields: "index:I name:32s :8x", codes as in the struct module; the gaps and
    what camd does not use have no name. Sizes and offsets are as written, nothing is aligned."""

    __slots__ = ("_defaults", "_struct", "names", "size")

    def __init__(self, fields: str):
        pairs = [field.partition(":")[::2] for field in fields.split()]
        self._struct = struct.Struct("<" + "".join(code for _, code in pairs))
        self._defaults = {name: b"" if code.endswith("s") else 0 for name, code in pairs if name}
        self.names = tuple(self._defaults)
        self.size = self._struct.size

    def pack(self, **values: int | bytes) -> bytearray:
        """The struct with these fields, zeros elsewhere."""
        unknown = values.keys() - self._defaults.keys()
        if unknown:
            raise KeyError(f"no such field: {', '.join(sorted(unknown))}")
        return bytearray(self._struct.pack(*(self._defaults | values).values()))

    def unpack(self, data: bytes | bytearray) -> dict:
        return dict(zip(self.names, self._struct.unpack_from(data)))

    def values(self, data: bytes | bytearray) -> tuple:
        """The fields in the order of `names`: unpack for the hot path."""
        return self._struct.unpack_from(data)


@dataclass(frozen=True, slots=True)
class Call:
    """An ioctl: its name without VIDIOC_, its number, and the struct that it reads and writes."""

    name: str
    number: int
    record: Record


_WRITE, _READ = 1, 2  # as seen from the program
_BOTH = _READ | _WRITE


def _call(name: str, direction: int, nr: int, record: Record) -> Call:
    return Call(name, direction << 30 | record.size << 16 | ord("V") << 8 | nr, record)


_INT = Record("value:i")
_CONTROL = Record("id:I value:i")
#: Readers of the unions of frmsizeenum and frmivalenum: one pair, or minimum, maximum and step.
PAIR = struct.Struct("<2I")
STEPWISE = struct.Struct("<6I")
#: Reader of querymenu's union when the menu is of integers.
INT64 = struct.Struct("<q")


class Abi:
    """The ioctls as one kind of userland calls them.

    bits: size of a pointer and a long; time_bits: of time_t; align64: alignment of 64-bit integers
    inside structs, in bytes (4 on 32-bit x86 alone).
    """

    def __init__(self, bits: int = 64, time_bits: int = 64, align64: int = 8):
        self.bits, self.time_bits, self.align64 = bits, time_bits, align64
        wide = bits == 64
        gap = " :4x" if wide else ""  # before and behind what holds a pointer
        time_gap = " :4x" if time_bits == 64 and align64 == 8 else ""
        time_code = "q" if time_bits == 64 else "i"
        form = Record(
            f"type:I{gap} width:I height:I pixelformat:I field:I bytesperline:I sizeimage:I colorspace:I"
            " priv:I flags:I ycbcr_enc:I quantization:I xfer_func:I :152x"
        )
        parm = Record(
            "type:I capability:I capturemode:I numerator:I denominator:I extendedmode:I readbuffers:I :176x"
        )
        buffer = Record(
            f"index:I type:I bytesused:I flags:I field:I{time_gap}"
            f" seconds:{time_code} microseconds:{time_code} :16x"
            f" sequence:I memory:I offset:I{gap} length:I {':12x' if wide else ':8x'}"
        )
        self.querycap = _call(
            "QUERYCAP",
            _READ,
            0,
            Record("driver:16s card:32s bus_info:32s version:I capabilities:I device_caps:I :12x"),
        )
        self.enum_fmt = _call(
            "ENUM_FMT", _BOTH, 2, Record("index:I type:I flags:I description:32s pixelformat:I :16x")
        )
        self.g_fmt = _call("G_FMT", _BOTH, 4, form)
        self.s_fmt = _call("S_FMT", _BOTH, 5, form)
        self.reqbufs = _call("REQBUFS", _BOTH, 8, Record("count:I type:I memory:I capabilities:I :4x"))
        self.querybuf = _call("QUERYBUF", _BOTH, 9, buffer)
        self.qbuf = _call("QBUF", _BOTH, 15, buffer)
        self.dqbuf = _call("DQBUF", _BOTH, 17, buffer)
        self.streamon = _call("STREAMON", _WRITE, 18, _INT)
        self.streamoff = _call("STREAMOFF", _WRITE, 19, _INT)
        self.g_parm = _call("G_PARM", _BOTH, 21, parm)
        self.s_parm = _call("S_PARM", _BOTH, 22, parm)
        self.g_ctrl = _call("G_CTRL", _BOTH, 27, _CONTROL)
        self.s_ctrl = _call("S_CTRL", _BOTH, 28, _CONTROL)
        self.querymenu = _call("QUERYMENU", _BOTH, 37, Record("id:I index:I union:32s :4x"))
        self.enum_framesizes = _call(
            "ENUM_FRAMESIZES", _BOTH, 74, Record("index:I pixel_format:I type:I union:24s :8x")
        )
        self.enum_frameintervals = _call(
            "ENUM_FRAMEINTERVALS",
            _BOTH,
            75,
            Record("index:I pixel_format:I width:I height:I type:I union:24s :8x"),
        )
        self.query_ext_ctrl = _call(
            "QUERY_EXT_CTRL",
            _BOTH,
            103,
            Record(
                "id:I type:I name:32s minimum:q maximum:q step:Q default_value:q flags:I elem_size:I"
                " elems:I nr_of_dims:I :144x"
            ),
        )

    def calls(self) -> Sequence[Call]:
        """Every ioctl that camd uses."""
        return [value for value in vars(self).values() if isinstance(value, Call)]


def native() -> Abi:
    """The ABI of this very process."""
    align64 = struct.calcsize("@IQ") - 8
    if struct.calcsize("P") == 8:
        return Abi()
    release = tuple(map(int, re.findall(r"\d+", platform.release())[:2]))
    return Abi(32, 64 if release >= (5, 6) else 32, align64)
