"""Parameter sets that leave the sample entry for the samples."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.wire import nal, track
from camd.wire.boxes import box
from camd.wire.in_band import in_band

from .coded_video import coded


class InBandTests(SynchronousTestCase):
    def test_what_the_encoder_said_stands_before_the_picture(self) -> None:
        for codec, kind in (("h264", b"avc3"), ("hevc", b"hev1")):
            data = coded(codec, 2)[0].data
            made = track.video(codec, data)
            entry, sets = in_band(made.entry)
            self.assertEqual((entry[4:8], entry[8:]), (kind, made.entry[8:]))
            units = nal.parameter_sets(data, codec)
            self.assertEqual(sets, b"".join(len(unit).to_bytes(4, "big") + unit for unit in units))

    def test_jpeg_has_none(self) -> None:
        entry = track.mjpeg(640, 480).entry
        self.assertEqual(in_band(entry), (entry, b""))

    def test_a_lie_is_refused(self) -> None:
        for codec in ("h264", "hevc"):
            entry = track.video(codec, coded(codec, 2)[0].data).entry
            kind = entry[90:94]
            for length in (0, 5, 7, 24):  # of what says the parameter sets
                broken = entry[:86] + box(kind, entry[94 : 94 + length])
                self.assertRaises(Invalid, in_band, broken)
            self.assertRaises(Invalid, in_band, entry[:86])
