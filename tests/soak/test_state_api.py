"""A WebSocket client that reads nothing for a minute, at 100 changes a second."""

from __future__ import annotations

from tests.e2e import test_state_api

from . import SKIP


class LazyForAMinuteTests(test_state_api.LazyClientTests):
    skip = SKIP
    sets = 6000
    pause = 0.01
