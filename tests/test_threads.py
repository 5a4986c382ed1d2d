"""The pools' threads, as the system sees them."""

from __future__ import annotations

import os
import threading

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from camd.threads import NICENESS, Threads


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


class NicenessTests(TestCase):
    def setUp(self) -> None:
        self.threads = Threads(reactor)
        self.threads.start()
        self.addCleanup(self.threads.stop)

    async def check(self, pool: Deferred[int], more: int) -> None:
        self.assertEqual(await pool, min(19, niceness() + more))

    async def test_threads_that_compute_stand_back(self) -> None:
        for pool in (self.threads.encode, self.threads.auth):
            await self.check(pool(niceness), NICENESS)

    async def test_others_do_not(self) -> None:
        for pool in (self.threads.capture, self.threads.io, self.threads.record, self.threads.index):
            await self.check(pool(niceness), 0)
