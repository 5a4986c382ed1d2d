"""What survives a restart, and what happens to a damaged file."""

import os
from pathlib import Path

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.state import EVERYONE, Spec, State, Store
from camd.state.store import DELAY, RETRY, read

GAIN = Spec("a/gain", int, default=5, write="Device_rw", persist=True)


class StoreTests(SynchronousTestCase):
    def setUp(self):
        self.path = Path(self.mktemp())
        self.clock = Clock()
        self.state = State(read(self.path))
        self.store = Store(self.state, self.path, self.clock, maybeDeferred)
        self.gain = self.state.declare(GAIN)

    def test_round_trip(self):
        self.gain.set(7, EVERYONE)
        self.assertFalse(self.path.exists())
        self.clock.advance(DELAY)
        self.assertEqual(read(self.path), {"a/gain": 7})
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.assertEqual(State(read(self.path)).declare(GAIN).value, 7)

    def test_several_changes_are_one_write(self):
        writes = []
        self.store._defer = lambda f, path, saved: writes.append(saved) or maybeDeferred(lambda: None)
        for value in range(20):
            self.gain.set(value, EVERYONE)
        self.clock.advance(DELAY)
        self.assertEqual(writes, [{"a/gain": 19}])

    def test_a_change_during_a_write_is_written_next(self):
        slow = []
        self.store._defer = lambda f, path, saved: slow.append((saved, Deferred())) or slow[-1][1]
        self.gain.set(1, EVERYONE)
        self.clock.advance(DELAY)
        self.gain.set(2, EVERYONE)
        self.clock.advance(DELAY)
        self.assertEqual(len(slow), 1)
        slow[0][1].callback(None)
        self.clock.advance(DELAY)
        self.assertEqual([saved for saved, _ in slow], [{"a/gain": 1}, {"a/gain": 2}])

    def test_flush_writes_at_once(self):
        self.gain.set(8, EVERYONE)
        self.store.flush()
        self.assertEqual(read(self.path), {"a/gain": 8})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_a_pool_dropped_is_written_at_the_end(self):
        self.store._defer = lambda *_: Deferred()  # so is a thread pool that was stopped
        self.gain.set(8, EVERYONE)
        self.clock.advance(DELAY)
        self.store.flush()
        self.assertEqual(read(self.path), {"a/gain": 8})

    def test_a_disk_that_refuses_is_logged_and_tried_again(self):
        def refuse(*_):
            raise OSError(28, "No space left on device")

        self.store._defer = lambda f, *args: maybeDeferred(refuse)
        self.gain.set(1, EVERYONE)
        self.clock.advance(DELAY)
        self.store._defer = maybeDeferred
        self.clock.advance(RETRY)
        self.assertEqual(read(self.path), {"a/gain": 1})

    def test_a_damaged_file_is_set_aside(self):
        for damage in (b"{", b"[]", b"\xff"):
            self.path.write_bytes(damage)
            self.assertEqual(read(self.path), {})
            self.assertEqual(self.path.with_suffix(".damaged").read_bytes(), damage)
            self.assertFalse(self.path.exists())
