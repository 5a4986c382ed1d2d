"""The layouts against the kernel's own header, and against figures where no compiler is at hand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from camd.sources.v4l2 import abi as v4l2
from camd.sources.v4l2.abi import Abi, Record, fourcc
from camd.sources.v4l2.names import NAMES

#: Compiler options -> the ABI they stand for. -malign-double gives 32-bit x86 the alignment of ARM.
USERLANDS = {
    "-m64": Abi(64, 64, 8),
    "-m32": Abi(32, 32, 4),
    "-m32 -malign-double": Abi(32, 32, 8),
    "-m32 -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64": Abi(32, 64, 4),
    "-m32 -malign-double -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64": Abi(32, 64, 8),
}
STRUCTS = {
    "querycap": "v4l2_capability",
    "enum_fmt": "v4l2_fmtdesc",
    "g_fmt": "v4l2_format",
    "reqbufs": "v4l2_requestbuffers",
    "dqbuf": "v4l2_buffer",
    "g_parm": "v4l2_streamparm",
    "g_ctrl": "v4l2_control",
    "querymenu": "v4l2_querymenu",
    "enum_framesizes": "v4l2_frmsizeenum",
    "enum_frameintervals": "v4l2_frmivalenum",
    "query_ext_ctrl": "v4l2_query_ext_ctrl",
}
#: How the header calls fields that have another name here, or sit in a union.
FIELDS = {
    "dqbuf": {"offset": "m.offset", "seconds": "timestamp.tv_sec", "microseconds": "timestamp.tv_usec"},
    "querymenu": {"union": "name"},
    "enum_framesizes": {"union": "discrete"},
    "enum_frameintervals": {"union": "discrete"},
}
CONSTANTS = {
    name: f"V4L2_{name}"
    for name in dir(v4l2)
    if name.startswith(("CAP_", "BUF_", "MEMORY_", "PIX_FMT_", "COLORSPACE_", "QUANT", "FRM", "CTRL_"))
}


def offsets(record: Record) -> dict[str, int]:
    """Where each field lies: the first byte that its change changes."""
    zeros = record.pack()
    found = {}
    for name in record.names:
        ones = record.pack(**{name: b"\xff" if isinstance(record.unpack(zeros)[name], bytes) else 1})
        found[name] = next(at for at, byte in enumerate(ones) if byte)
    return found


def assertions(abi: Abi) -> list[str]:
    lines = [f"CHECK(VIDIOC_{call.name} == {call.number:#x}u);" for call in abi.calls()]
    for name, struct in STRUCTS.items():
        record = getattr(abi, name).record
        lines.append(f"CHECK(sizeof(struct {struct}) == {record.size});")
        for field, offset in offsets(record).items():
            inner = FIELDS.get(name, {}).get(field, field)
            if name in ("g_fmt", "g_parm") and field != "type":
                inner = f"fmt.pix.{field}" if name == "g_fmt" else f"parm.capture.{field}"
                inner = inner.replace("capture.numerator", "capture.timeperframe.numerator")
                inner = inner.replace("capture.denominator", "capture.timeperframe.denominator")
            lines.append(f"CHECK(offsetof(struct {struct}, {inner}) == {offset});")
    lines += [
        f"CHECK((unsigned){theirs} == {getattr(v4l2, ours):#x}u);" for ours, theirs in CONSTANTS.items()
    ]
    return lines


class HeaderTests(SynchronousTestCase):
    """A compiler reads linux/videodev2.h and our figures together."""

    def setUp(self) -> None:
        if shutil.which("gcc") is None or not Path("/usr/include/linux/videodev2.h").exists():
            self.skipTest("needs gcc and linux/videodev2.h (apt install gcc linux-libc-dev)")
        self.folder = Path(self.mktemp())
        (self.folder / "gnu").mkdir(parents=True)
        (self.folder / "gnu/stubs-32.h").touch()  # all that -m32 lacks to read headers

    def check(self, options: str, lines: list[str]) -> None:
        source = self.folder / "check.c"
        head = "#include <stddef.h>\n#include <linux/videodev2.h>\n#define CHECK(x) _Static_assert(x, #x)\n"
        source.write_text(head + "\n".join(lines) + "\n")
        command = ["gcc", "-fsyntax-only", *options.split(), f"-I{self.folder}"]
        command += ["-I/usr/include/x86_64-linux-gnu", str(source)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_layouts(self) -> None:
        command = ["gcc", "-dumpmachine"]
        machine = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        if machine.startswith("x86_64"):
            for options, abi in USERLANDS.items():
                self.check(options, assertions(abi))
        else:
            self.check("", assertions(v4l2.native()))

    def test_a_wrong_layout_is_noticed(self) -> None:
        with self.assertRaises(self.failureException):
            self.check("", assertions(Abi(32, 32, 4)))

    def test_names_of_controls(self) -> None:
        known = {
            "brightness": "BRIGHTNESS",
            "white_balance_automatic": "AUTO_WHITE_BALANCE",
            "gain_automatic": "AUTOGAIN",
            "power_line_frequency": "POWER_LINE_FREQUENCY",
            "white_balance_temperature": "WHITE_BALANCE_TEMPERATURE",
            "backlight_compensation": "BACKLIGHT_COMPENSATION",
            "brightness_automatic": "AUTOBRIGHTNESS",
            "illuminator_2": "ILLUMINATORS_2",
            "auto_exposure": "EXPOSURE_AUTO",
            "exposure_time_absolute": "EXPOSURE_ABSOLUTE",
            "exposure_dynamic_framerate": "EXPOSURE_AUTO_PRIORITY",
            "focus_automatic_continuous": "FOCUS_AUTO",
            "white_balance_auto_preset": "AUTO_N_PRESET_WHITE_BALANCE",
            "iso_sensitivity_auto": "ISO_SENSITIVITY_AUTO",
            "auto_focus_range": "AUTO_FOCUS_RANGE",
            "tilt_speed": "TILT_SPEED",
            "compression_quality": "JPEG_COMPRESSION_QUALITY",
        }
        numbers = {name: number for number, name in NAMES.items()}
        self.assertEqual(len(numbers), len(NAMES))
        self.check("", [f"CHECK(V4L2_CID_{cid} == {numbers[name]:#x});" for name, cid in known.items()])


class FigureTests(SynchronousTestCase):
    def test_ioctl_numbers(self) -> None:
        expected = {
            (64, 64, 8): (0xC0D05605, 0xC0585611, 0xC058560F),
            (32, 32, 4): (0xC0CC5605, 0xC0445611, 0xC044560F),
            (32, 32, 8): (0xC0CC5605, 0xC0445611, 0xC044560F),
            (32, 64, 4): (0xC0CC5605, 0xC04C5611, 0xC04C560F),
            (32, 64, 8): (0xC0CC5605, 0xC0505611, 0xC050560F),
        }
        for kind, numbers in expected.items():
            abi = Abi(*kind)
            self.assertEqual((abi.s_fmt.number, abi.dqbuf.number, abi.qbuf.number), numbers, kind)
            self.assertEqual(abi.querycap.number, 0x80685600)
            self.assertEqual(abi.streamon.number, 0x40045612)
            self.assertEqual(abi.query_ext_ctrl.number, 0xC0E85667)

    def test_offsets_in_the_buffer(self) -> None:
        expected = {
            (64, 64, 8): (24, 56, 64, 72),
            (32, 32, 8): (20, 44, 52, 56),
            (32, 64, 4): (20, 52, 60, 64),
            (32, 64, 8): (24, 56, 64, 68),
        }
        for kind, places in expected.items():
            found = offsets(Abi(*kind).dqbuf.record)
            self.assertEqual(tuple(found[n] for n in ("seconds", "sequence", "offset", "length")), places)

    def test_every_struct_fits_its_number(self) -> None:
        for abi in USERLANDS.values():
            for call in abi.calls():
                self.assertEqual(call.number >> 16 & 0x3FFF, call.record.size, call.name)

    def test_native(self) -> None:
        self.assertIn(v4l2.native().bits, (32, 64))

    def test_native_of_a_32_bit_userland(self) -> None:
        for release, time_bits in (("6.1.0-18-armmp", 64), ("5.4.0", 32), ("5.10", 64)):
            self.patch(v4l2.platform, "release", lambda release=release: release)
            self.patch(v4l2.struct, "calcsize", {"P": 4, "@IQ": 16}.get)
            abi = v4l2.native()
            self.assertEqual((abi.bits, abi.time_bits, abi.align64), (32, time_bits, 8))


class RecordTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        record = Record("id:I name:4s :3x value:q")
        self.assertEqual(record.size, 19)
        data = record.pack(name=b"ab", value=-2)
        self.assertEqual(record.unpack(data), {"id": 0, "name": b"ab\0\0", "value": -2})
        self.assertEqual(record.values(data), (0, b"ab\0\0", -2))

    def test_unknown_field(self) -> None:
        with self.assertRaises(KeyError):
            Record("id:I").pack(ident=1)

    def test_fourcc(self) -> None:
        self.assertEqual(fourcc("MJPG"), 0x47504A4D)
