"""Half a minute of video in a browser, with nothing else running: every picture, and how old it is."""

from __future__ import annotations

import sys

from tests.e2e import test_glass_to_glass
from tests.e2e.browser import MISSING

from . import SKIP


class HalfMinuteTests(test_glass_to_glass.GlassToGlassTests):
    skip = SKIP or MISSING
    window = 30.0
    least_fps = 29.5
    most_delay = {"mse": 0.12, "webrtc": 0.15}

    def told(self, figures: str) -> None:
        print(figures, file=sys.stderr)
