"""The index: pages, searches and tags of many records; a damaged file, a full disk, files nobody knows."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from camd.auth.database import DatabaseError
from camd.errors import Conflict, Gone, Invalid
from camd.record import changes, queries
from camd.record.entries import LARGEST_PAGE, Filter, Tag
from camd.record.index import Index
from camd.record.repair import CUT, MISSING, Repair
from camd.record.segment_file import read_label, write_label
from camd.testing import FakeReactor, ThreadlessPool
from camd.threads import Threads

from .record_case import RecordCase


class IndexCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.clock = FakeReactor()
        self.threads = Threads(self.clock)
        self.threads.pools = {name: ThreadlessPool() for name in self.threads.pools}
        self.index = self.open()

    def open(self) -> Index:
        index = Index(self.folder / "index.db", self.threads, self.clock, lambda: 5.0)
        self.successResultOf(index.open())
        self.addCleanup(index.close_now)
        return index

    def add(
        self, start: int, camera: str = "a", size: int = 10, length: int = 1000, kind: str = "continuous"
    ) -> str:
        name = f"{camera}/{start}.mp4"
        began = changes.Began(name, camera, kind, "h264", start)
        done = changes.Finished(name, length, size, 30.0, bytes(32))
        self.successResultOf(self.index.write(changes.adopt, began, done))
        return name

    def find(self, *args: object, **wanted: object) -> list[str]:
        return [
            record.filename for record in self.index.read_now(queries.find, Filter(**wanted), *args).records
        ]


class FindTests(IndexCase):
    def test_pages(self) -> None:
        names = [self.add(number * 10) for number in range(25)][::-1]
        page = self.index.read_now(queries.find, Filter(), 10)
        self.assertEqual(([r.filename for r in page.records], page.total), (names[:10], 25))
        page = self.index.read_now(queries.find, Filter(), 10, page.cursor)
        self.assertEqual([r.filename for r in page.records], names[10:20])
        page = self.index.read_now(queries.find, Filter(), 10, page.cursor)
        self.assertEqual(([r.filename for r in page.records], page.cursor), (names[20:], ""))
        self.assertEqual(self.find(10, "", 20), names[20:])
        for cursor in ("x", "1", "1.x", "1.2.3", "9" * 50, "9" * 20 + ".1", "1." + "9" * 20):
            self.assertRaises(Invalid, self.index.read_now, queries.find, Filter(), 10, cursor)

    def test_filters(self) -> None:
        one, two = self.add(0), self.add(5000, "b", kind="manual")
        self.assertEqual(self.find(cameras=frozenset("a")), [one])
        self.assertEqual(self.find(cameras=frozenset()), [])
        self.assertEqual(self.find(kinds=("manual", "event")), [two])
        self.assertEqual(self.find(states=("recording",)), [])
        self.assertEqual(
            [self.find(start=1000, end=5000), self.find(start=1001, end=5000), self.find(end=0)],
            [[one], [], []],
        )
        self.assertEqual(self.find(text="b/5"), [two])
        self.assertEqual(self.find(text="%"), [])

    def test_tags(self) -> None:
        one, two, three = self.add(0), self.add(0, "b"), self.add(5000)
        id = self.successResultOf(self.index.write(changes.tag, Tag(0, 500, "a 50% fault", "note", "a")))
        self.assertEqual([self.find(tagged=True), sorted(self.find(tagged=False))], [[one], [three, two]])
        self.assertEqual(
            [self.find(text="50%"), self.find(text="NOTE"), self.find(text="5%")], [[one], [one], []]
        )
        self.successResultOf(self.index.write(changes.tag, Tag(0, 700, "for all")))
        self.assertEqual(sorted(self.find(tagged=True)), [one, two])
        self.successResultOf(self.index.write(changes.untag, id))
        self.failureResultOf(self.index.write(changes.untag, id), Gone)
        self.assertEqual(self.index.read_now(queries.one, 1).tags, 1)
        self.failureResultOf(self.index.write(changes.tag, Tag(0, 1, "x", category=9)), Gone)

    def test_those_of_other_cameras_hide_nothing(self) -> None:
        """A page is full of what one may see, or there is no more."""

        def fill(connection: sqlite3.Connection) -> None:
            for camera, count in (("a", LARGEST_PAGE + 1), ("b", 1)):
                for n in range(count):
                    changes.lose(connection, camera, 10 + n, 11 + n, "why")
                    changes.tag(connection, Tag(0, 10 + n, "x", camera=camera))
            changes.tag(connection, Tag(0, 5000, "for all"))

        self.successResultOf(self.index.write(fill))
        for cameras, gaps, tags in ((frozenset("b"), ["b"], ["b", ""]), (frozenset(), [], [""])):
            found = [self.index.read_now(question, cameras, 0, 9999) for question in (queries.gaps, queries.tags)]
            self.assertEqual([[one.camera for one in page] for page in found], [gaps, tags])
        self.assertEqual(len(self.index.read_now(queries.gaps, None, 0, 9999)), LARGEST_PAGE)

    def test_a_hundred_thousand(self) -> None:
        count = 100_000

        def fill(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO records (filename, camera, kind, media_type, encoding, timestamp_start,"
                " timestamp_end,"
                " duration, size, state) VALUES (?, ?, 'continuous', 'video', 'mp4', ?, ?, 60000, 1000, 'ready')",
                (
                    (f"cam{n % 4}/2026/11/{n}.mp4", f"cam{n % 4}", n * 60_000, n * 60_000 + 60_000)
                    for n in range(count)
                ),
            )

        self.successResultOf(self.index.write(fill))
        for number in range(0, count, 1000):
            self.index.commit_now([(changes.tag, (Tag(0, number * 60_000, f"tag {number}"),))])
        asked = {
            "the first page": Filter(),
            "one camera": Filter(frozenset({"cam2"})),
            "an hour": Filter(start=50_000 * 60_000, end=50_060 * 60_000),
            "a text": Filter(text="tag 77000"),
            "with tags": Filter(tagged=True),
        }
        for what, wanted in asked.items():
            took = min(self.timed(wanted) for _ in range(5))
            self.assertLess(took, 0.05, what)
        self.assertEqual(self.index.read_now(queries.find, Filter()).total, count)

    def timed(self, wanted: Filter) -> float:
        start = time.thread_time()  # other things run on this computer, too
        self.index.read_now(queries.find, wanted)
        return time.thread_time() - start


class IndexTests(IndexCase):
    def test_changes_that_come_meanwhile_are_one_commit(self) -> None:
        pool = self.threads.pools["index"] = ThreadlessPool(at_once=False)
        began = [changes.Began(f"a/{n}.mp4", "a", "manual", "h264", n) for n in range(10)]
        done = [self.index.write(changes.begin, one) for one in began]
        self.assertEqual(len(pool.waiting), 1)
        pool.run()
        self.assertEqual([self.successResultOf(one) for one in done], list(range(1, 11)))
        self.assertEqual(self.threads.jobs["index"], 3)  # the first alone, then the rest

    def test_a_change_that_is_refused_undoes_itself_only(self) -> None:
        began = changes.Began("a/1.mp4", "a", "manual", "h264", 1)
        results = self.index.commit_now(
            [(changes.begin, (began,)), (changes.begin, (began,)), (changes.lose, ("a", 1, 2, "x"))]
        )
        self.assertEqual(results[0], 1)
        self.assertTrue(results[1].check(sqlite3.IntegrityError))
        self.assertEqual(len(self.index.read_now(queries.gaps, None, 0, 10)), 1)

    def test_two_threads_that_write_wait_for_each_other(self) -> None:
        """The files that nobody knows are taken up in a thread of their own, while the index is written."""
        inside, go_on = threading.Event(), threading.Event()

        def slow(_connection: sqlite3.Connection) -> None:
            inside.set()
            go_on.wait(10)

        def tag(connection: sqlite3.Connection) -> int:
            self.assertTrue(go_on.is_set())
            return changes.tag(connection, Tag(0, 1, "x"))

        results: list[object] = []
        first = threading.Thread(target=self.index.commit_now, args=([(slow, ())],))
        second = threading.Thread(target=lambda: results.extend(self.index.commit_now([(tag, ())])))
        first.start()
        self.assertTrue(inside.wait(10))
        second.start()
        second.join(0.05)  # it cannot come in: if it could, it would be now
        go_on.set()
        first.join()
        second.join()
        self.assertEqual(results, [1])

    def test_a_full_disk_delays_changes(self) -> None:
        (pages,) = self.index.read_now(lambda c: c.execute("PRAGMA page_count").fetchone())
        self.index._database._use().execute(f"PRAGMA max_page_count = {pages}")
        done = [self.index.write(changes.tag, Tag(0, 1, "x" * 40_000)) for _ in range(3)]
        self.assertEqual([self.results(one) for one in done], [[], [], []])
        self.index._database._use().execute("PRAGMA max_page_count = 100000")
        self.clock.advance(1)
        self.assertEqual([self.results(one) for one in done], [[1], [2], [3]])
        self.flushLoggedErrors()

    def test_what_comes_after_the_end_is_refused(self) -> None:
        before = self.index.write(changes.tag, Tag(0, 1, "x"))
        self.successResultOf(self.index.close())
        self.assertEqual(self.successResultOf(before), 1)
        self.failureResultOf(self.index.write(changes.tag, Tag(0, 2, "y")), DatabaseError)
        self.successResultOf(self.index.open())
        self.assertEqual(self.successResultOf(self.index.write(changes.tag, Tag(0, 3, "z"))), 2)

    def results(self, deferred: object) -> list[object]:
        found: list[object] = []
        deferred.addCallback(lambda result: found.append(result) or result)  # type: ignore[attr-defined]
        return found

    def test_a_damaged_one_is_set_aside(self) -> None:
        for damage in (b"x" * 5000, None):
            self.add(1)
            self.index.close_now()
            path = self.folder / "index.db"
            content = damage or path.read_bytes()[:8192] + b"\xff" * 8192
            path.write_bytes(content)
            self.index = self.open()
            self.assertTrue(self.index.is_new)
            self.assertEqual(self.find(), [])
            aside = self.folder / "index.db.damaged-5"
            self.assertEqual(aside.read_bytes(), content)
            aside.unlink()
        self.flushLoggedErrors()

    def test_a_gap_ends_with_the_next_record(self) -> None:
        self.index.commit_now(
            [
                (changes.lose, ("a", 10, None, "x")),
                (changes.lose, ("a", 20, None, "y")),
                (changes.lose, ("b", 30, None, "z")),
            ]
        )
        self.add(35)  # a file that is found says nothing about gaps
        self.index.commit_now([(changes.begin, (changes.Began("a/40.mp4", "a", "manual", "h264", 40),))])
        gaps = [
            (gap.camera, gap.start, gap.end, gap.reason)
            for gap in self.index.read_now(queries.gaps, None, 0, 99)
        ]
        self.assertEqual(gaps, [("a", 10, 40, "x"), ("b", 30, None, "z")])
        self.assertEqual(len(self.index.read_now(queries.gaps, frozenset("b"), 0, 99)), 1)


class RepairTests(RecordCase):
    """The recordings of two cameras whose camd ended in the middle of everything."""

    def setUp(self) -> None:
        super().setUp()
        self.films()
        self.set(mode="continuous")
        self.film(100)

    def path(self) -> Path:
        return self.media / self.rows()[-1]["filename"]

    def test_a_disk_that_somebody_prepared(self) -> None:
        """What is no number or text for the index must not keep camd from its start."""
        whole = self.path().read_bytes()
        with self.path().open("rb") as file:
            label = read_label(file)
        assert label is not None
        at = whole.index(write_label(label))
        rest = whole[at + len(write_label(label)) :]
        for name, changes in (
            (b"a.mp4", {"start": 10**30}), (b"b.mp4", {"start": -1}), (b"c.mp4", {"camera": "\ud800"}),
            (b"d.mp4", {"kind": "x" * 1000}), (b"e\xff.mp4", {"start": 10**12}), (b"f.mp4", {"kind": ""}),
        ):  # fmt: skip
            poisoned = self.path().parent / os.fsdecode(name)
            poisoned.write_bytes(whole[:at] + write_label(replace(label, **changes)) + rest)
        self.again()
        self.assertTrue(self.recordings.is_open)
        self.assertEqual(len(self.rows()), 1)

    def test_cut_to_the_last_whole_fragment(self) -> None:
        path = self.path()
        whole = path.read_bytes()
        with path.open("ab") as file:
            file.write(b"\0\0\x40\0moof and then the power went")
        self.again()
        row = self.rows()[0]
        self.assertEqual(
            (row["state"], row["reason"], row["duration"], row["size"], row["fps"]),
            ("ready", CUT, 3000, len(whole), 30.0),
        )
        self.assertEqual((path.read_bytes(), hashlib.sha256(whole).digest()), (whole, row["sha256"]))
        self.assertEqual([gap[0] for gap in self.gaps()], [1003_000])

    def test_every_length(self) -> None:
        """Wherever it is cut, what was whole stays and nothing else."""
        path = self.path()
        whole = path.read_bytes()
        for length in range(0, len(whole), len(whole) // 40 + 1):
            path.write_bytes(whole[:length])
            self.index_says("UPDATE records SET state = 'recording'")
            repair = Repair(self.recordings.index, self.media, 0)
            repair.run()
            (row,) = self.rows()
            if row["state"] == "ready":
                self.assertEqual((row["size"], path.stat().st_size), (row["size"],) * 2)
                self.assertEqual(row["duration"] % 1000, 0)
            else:
                self.assertEqual((row["state"], repair.report.defect), ("defect", 1))

    def index_says(self, change: str) -> None:
        self.recordings.index.commit_now([(lambda connection: connection.execute(change) and None, ())])

    def test_files_that_nobody_knows_are_taken_up(self) -> None:
        self.set(mode="off")
        picture = self.get(self.recordings.keep_picture("cam1"))
        before = self.rows()
        (self.folder / "media" / "cam1" / "1970" / "01" / "01" / "mine.mp4").write_bytes(b"not of camd")
        self.get(self.recordings.stop())
        for file in self.folder.glob("index.db*"):
            file.unlink()
        self.begin()
        after = {row["filename"]: row for row in self.rows()}
        self.assertEqual(sorted(after), sorted(row["filename"] for row in before))
        for row in before:
            found = after[row["filename"]]
            for name in (
                "camera",
                "timestamp_start",
                "timestamp_end",
                "duration",
                "size",
                "state",
                "fps",
                "media_type",
            ) + (("kind", "codec", "resolution") if row["encoding"] == "mp4" else ()):
                self.assertEqual(found[name], row[name], name)
        self.assertIn(picture.filename, after)
        self.assertTrue((self.folder / "media/cam1/1970/01/01/mine.mp4").exists())

    def test_a_file_that_was_begun_and_not_noted(self) -> None:
        """The end came between the first fragment and its row: it is like one that was not finished."""
        self.camera().pipeline.source.forget()
        self.again()
        self.film(60, 10.0)
        self.index_says("DELETE FROM records WHERE timestamp_start = 1010000")
        self.index_says("UPDATE gaps SET timestamp_end = NULL")
        self.camera().pipeline.source.forget()
        self.again()
        first, second = self.rows()
        self.assertEqual((second["reason"], second["duration"], len(second["sha256"])), (CUT, 1000, 32))
        self.assertEqual(self.gaps(), [(1003_000, second["timestamp_start"], "camd ended unexpectedly"),
                                       (second["timestamp_end"], None, "camd ended unexpectedly")])

    def test_a_file_without_a_picture_is_none(self) -> None:
        self.set(mode="off")
        empty = self.path().with_name("001700_000.mp4")
        empty.write_bytes(b"")
        headless = self.path().with_name("001800_000.mp4")
        headless.write_bytes(self.path().read_bytes()[:900])
        self.again()
        self.assertFalse(empty.exists() or headless.exists())

    def test_missing_files_are_marked(self) -> None:
        self.set(mode="off")
        self.path().unlink()
        self.again()
        self.assertEqual([(row["state"], row["reason"]) for row in self.rows()], [("defect", MISSING)])

    def test_if_nearly_all_are_missing_it_is_the_wrong_disk(self) -> None:
        self.set(mode="off")
        self.index_says(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) INSERT INTO"
            " records (filename, camera, kind, media_type, encoding, timestamp_start, timestamp_end, state)"
            " SELECT 'cam1/' || i, 'cam1', 'manual', 'video', 'mp4', i, i + 1, 'ready' FROM n"
        )
        self.again()
        self.assertEqual({row["state"] for row in self.rows()}, {"ready"})
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_a_deletion_that_was_begun_is_finished(self) -> None:
        self.set(mode="off")
        path = self.path()
        self.index_says("UPDATE records SET state = 'removing'")
        self.assertEqual(self.get(self.recordings.find(Filter())).total, 0)
        self.again()
        self.assertEqual((self.rows(), path.exists()), ([], False))

    def test_delete(self) -> None:
        (row,) = self.rows()
        self.failureResultOf(self.later(self.recordings.delete(row["id"])), Conflict)
        self.set(mode="off")
        path = self.path()
        self.get(self.recordings.delete(row["id"]))
        self.assertEqual((self.rows(), path.exists(), list(self.media.glob("cam1/*"))), ([], False, []))
        self.failureResultOf(self.later(self.recordings.delete(row["id"])), Gone)

    def later(self, work: object) -> object:
        from twisted.internet.defer import ensureDeferred

        return ensureDeferred(work)  # type: ignore[arg-type]
