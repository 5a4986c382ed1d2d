"""200 faults of a camera, one after the other."""

from __future__ import annotations

from tests.e2e import test_faults

from . import SKIP


class ManyFaultsTests(test_faults.FaultTests):
    skip = SKIP
    faults = 200
