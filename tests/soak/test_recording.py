"""Fifty kills while two cameras are recorded."""

from __future__ import annotations

from tests.e2e import test_recording

from . import SKIP


class ManyKillsTests(test_recording.KillTests):
    skip = SKIP
    timeout = 1200
    moments = 50
    seed = 1
