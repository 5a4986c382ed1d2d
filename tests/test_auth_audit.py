"""Audit: one line per event, whatever is in it; bounded in memory and on disk; shared with commands."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from twisted.internet.defer import ensureDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.auth.audit import DELAY, Audit, AuditFile, make_entry
from camd.testing import FakeReactor, ThreadlessPool
from camd.threads import Threads


class AuditCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.path = self.folder / "audit.jsonl"
        self.threads = Threads(FakeReactor())
        self.pool = self.threads.pools["io"] = ThreadlessPool()
        self.audit = self.start()

    def start(self) -> Audit:
        audit = Audit(self.folder, self.threads, lambda: 1_700_000_000.25)
        self.successResultOf(ensureDeferred(audit.start()))
        return audit

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.path.read_text("ascii").splitlines()]


class AuditTests(AuditCase):
    def test_entry(self) -> None:
        self.audit.record("set", "ann", "192.0.2.1", key="cameras/front/light", value=True)
        entry = {"time": "2023-11-14T22:13:20.250Z", "event": "set", "by": "ann", "address": "192.0.2.1",
                 "key": "cameras/front/light", "value": True}
        self.assertEqual(self.lines(), [entry])
        self.assertEqual(self.audit.tail(), [entry])
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

    def test_nothing_foreign_breaks_a_line(self) -> None:
        hostile = 'x"\n{"event": "login"}\r\x1b[2J\x9b\u2028\u202e\ud800'
        self.audit.record("login_refused", hostile, hostile, agent=hostile)
        self.assertEqual(self.path.read_bytes().count(b"\n"), 1)
        self.assertEqual(self.lines()[0]["by"], hostile)
        self.assertTrue(self.path.read_bytes().strip().decode("ascii").isprintable())

    def test_long_ones_are_cut(self) -> None:
        self.audit.record("set", "ann", value="x" * 10_000)
        self.audit.record("set", "ann", value=["x" * 10_000])
        self.assertEqual([len(str(line)) < 600 for line in self.lines()], [True, True])
        self.assertEqual(self.lines()[1]["cut"], True)

    def test_what_json_does_not_know(self) -> None:
        self.audit.record("set", "ann", value={1, 2}, path=Path("/x"))
        self.assertEqual(self.lines()[0]["path"], "/x")

    def test_tail(self) -> None:
        for number in range(600):
            self.audit.record("set", "ann", number=number)
        self.assertEqual([entry["number"] for entry in self.audit.tail(3)], [597, 598, 599])
        self.assertEqual(len(self.audit.tail(1000)), 500)
        self.assertEqual(self.audit.tail(0), [])
        self.assertEqual(self.audit.tail(-1), [])

    def test_after_a_restart(self) -> None:
        for number in range(600):
            self.audit.record("set", "ann", number=number)
        self.assertEqual(self.start().tail(1000), self.audit.tail(1000))

    def test_a_cut_line(self) -> None:
        self.path.write_bytes(b'{"event": "whole"}\n{"event": "ha')
        audit = self.start()
        audit.record("next", "ann")
        self.assertEqual([entry["event"] for entry in audit.tail()], ["whole", "next"])
        self.assertEqual(json.loads(self.path.read_bytes().splitlines()[-1])["event"], "next")

    def test_commands_are_seen(self) -> None:
        self.audit.record("one", "ann")
        command = AuditFile(self.path, rotates=False)
        command.append([make_entry(0, "two", "command line")])
        self.audit.refresh()
        self.assertEqual([entry["event"] for entry in self.audit.tail()], ["one", "two"])
        command.append([make_entry(0, "three", "command line")])
        self.audit.record("four", "ann")
        self.assertEqual({entry["event"] for entry in self.audit.tail()}, {"one", "two", "three", "four"})
        self.audit.refresh()
        self.assertEqual(len(self.audit.tail()), 4)


class BoundedTests(AuditCase):
    def test_a_slow_disk(self) -> None:
        self.pool.at_once = False
        for number in range(1500):
            self.audit.record("set", "ann", number=number)
        self.assertEqual(len(self.pool.waiting), 1, "one write at a time")
        self.assertEqual(self.audit.dropped, 499)
        stopping = ensureDeferred(self.audit.stop())
        self.assertNoResult(stopping)
        self.pool.run()
        self.successResultOf(stopping)
        lines = self.lines()
        self.assertEqual((lines[-1]["event"], lines[-1]["count"], len(lines)), ("entries_lost", 499, 1002))

    def test_a_full_disk(self) -> None:
        self.path.mkdir()
        self.audit.record("set", "ann")
        self.assertEqual(self.audit.dropped, 1)
        self.assertEqual(len(self.audit.tail()), 1)
        os.rmdir(self.path)
        self.audit.record("set", "bob")
        self.assertEqual([line["event"] for line in self.lines()], ["set", "entries_lost"])

    def test_rotated(self) -> None:
        file = AuditFile(self.path, size=1000)
        for number in range(100):
            file.append([make_entry(0, "set", "ann", number=number)])
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()),
                         ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"])
        self.assertLess(sum(path.stat().st_size for path in self.folder.iterdir()), 3500)
        numbers = [entry["number"] for entry in AuditFile(self.path).read()]
        self.assertEqual(numbers, list(range(numbers[0], 100)))
        self.assertGreater(len(numbers), 10)

    def test_not_through_a_link(self) -> None:
        self.path.symlink_to(self.folder / "elsewhere")
        self.audit.record("set", "ann")
        self.assertFalse((self.folder / "elsewhere").exists())
        self.assertEqual(self.audit.dropped, 1)


class DelayTests(SynchronousTestCase):
    def test_entries_of_a_moment_are_one_write(self):
        clock, writes = Clock(), []

        class Threads:
            def io(self, f, *args):
                writes.append(args)
                return succeed([])

        audit = Audit(Path(self.mktemp()), Threads(), later=clock.callLater)
        for number in range(20):
            audit.record("set", "anna", value=number)
        self.assertEqual(writes, [])
        clock.advance(DELAY)
        self.assertEqual([len(batch) for (batch,) in writes], [20])
        audit.record("set", "anna")
        self.successResultOf(ensureDeferred(audit.stop()))
        self.assertEqual(len(writes), 2)
        self.assertEqual(clock.getDelayedCalls(), [])
