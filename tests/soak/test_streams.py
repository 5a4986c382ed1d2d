"""25 viewers of a JPEG camera for half a minute, and through everything that can happen to it."""

from __future__ import annotations

from tests.e2e import test_streams

from . import SKIP


class ManyViewersTests(test_streams.JpegCameraTests):
    skip = SKIP
    clients = 25
    count = 900
    rate = (29.5, 30.5)
