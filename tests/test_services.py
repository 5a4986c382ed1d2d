"""The order of a start and a stop, and what a failure or a stop amid the start does."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from camd.services import RootService, StartError, Step


class RootServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root, self.happened = RootService(), []
        self.second: Deferred[None] = Deferred()
        self.add("first")
        self.add("second", self.second)
        self.add("third")

    def add(self, name: str, ready: Deferred[None] | None = None) -> None:
        def start() -> Deferred[None] | None:
            self.happened.append(f"start {name}")
            return ready

        Step(name, start, lambda: self.happened.append(f"stop {name}")).setServiceParent(self.root)

    def test_each_waits_for_the_one_before_and_they_stop_in_reverse(self) -> None:
        self.root.startService()
        self.assertEqual(self.happened, ["start first", "start second"])
        self.assertNoResult(self.root.started)
        self.second.callback(None)
        self.assertIsNone(self.successResultOf(self.root.started))
        self.successResultOf(self.root.stopService())
        self.assertEqual(self.happened[2:], ["start third", "stop third", "stop second", "stop first"])

    def test_a_failure_names_the_one_that_failed(self) -> None:
        self.root.startService()
        self.second.errback(OSError("the port is taken"))
        failure = self.failureResultOf(self.root.started, StartError)
        self.assertEqual(failure.getErrorMessage(), "second: the port is taken")

    def test_who_is_stopped_while_starting_never_says_that_it_runs(self) -> None:
        self.root.startService()
        self.successResultOf(self.root.stopService())
        self.second.callback(None)
        self.assertNoResult(self.root.started)
        self.assertEqual(self.happened, ["start first", "start second", "stop first", "stop second"])

    def test_nor_that_it_failed(self) -> None:
        self.root.startService()
        self.successResultOf(self.root.stopService())
        self.second.errback(OSError("cancelled"))
        self.assertNoResult(self.root.started)
        self.assertEqual(len(self.flushLoggedErrors(StartError)), 1)
