"""Thousands of random things that happen to a daemon, other ones in every run."""

from __future__ import annotations

import os
import random

from tests.e2e import test_churn

from . import SKIP


class LongChurnTests(test_churn.ChurnTests):
    """CAMD_SEED repeats a run; a failure names it."""

    skip = SKIP
    seed = int(os.environ.get("CAMD_SEED") or random.randrange(1_000_000))
    steps = 6000
