"""Players of RTSP for a minute each, and readers that stop for as long."""

from __future__ import annotations

from tests.e2e import test_rtsp

from . import SKIP


class PlayersTests(test_rtsp.PlayersTests):
    skip = SKIP
    seconds = 60
    timeout = 600


class ReadersTests(test_rtsp.ReadersTests):
    skip = SKIP
    seconds = 60.0
    timeout = 400
