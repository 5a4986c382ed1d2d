"""A place that hangs holds up one thread, and neither the start nor the end of camd."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from camd.config import Config, StorageConfig
from camd.record import place
from camd.record.place import EVERY, LIMIT, Found, ask, type_of
from camd.record.recordings import Recordings
from camd.testing import app_for_tests

MOUNTS = """\
22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
30 22 0:27 / /mnt rw - tmpfs tmpfs rw
31 30 0:28 / /mnt/two\\040words rw shared:5 master:1 - nfs4 server:/x rw,hard
32 31 0:29 / /mnt/two\\040words rw - cifs //server/y rw
nonsense
"""


class AskTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def test_types(self) -> None:
        for path, type in (
            ("/var/lib", "ext4"),
            ("/mnt", "tmpfs"),
            ("/mnt/x", "tmpfs"),
            ("/mntx", "ext4"),
            ("/mnt/two words/media", "cifs"),
        ):
            self.assertEqual(type_of(Path(path), MOUNTS), type)
        self.assertEqual(type_of(Path("/x"), ""), "")

    def test_this_one(self) -> None:
        found = ask(self.folder)
        self.assertEqual((found.state, found.reason, bool(found.type)), ("ok", "", True))

    def test_one_that_is_not_there(self) -> None:
        found = ask(self.folder / "disk")
        self.assertEqual((found.state, found.reason), ("error", "No such file or directory"))
        self.assertEqual(ask(self.folder / "own", make=True).state, "ok")

    def test_a_share_is_written_to(self) -> None:
        self.patch(place, "type_of", lambda root, mounts: "nfs4")
        self.assertEqual(ask(self.folder), Found(str(self.folder), "nfs4"))
        self.assertEqual(list(self.folder.iterdir()), [])

        def refused(*_: Any, **__: Any) -> Any:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

        self.patch(os, "fsync", refused)
        self.assertEqual(ask(self.folder).state, "error")
        self.assertEqual(list(self.folder.iterdir()), [])


class PlaceTests(SynchronousTestCase):
    """The thread that asks returns when the test says so."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        share = self.folder / "share"
        share.mkdir(parents=True)
        self.app = app_for_tests(self.folder / "data", config=self.config(share))
        self.answers: list[Deferred[Found]] = []
        self.asked = 0
        self.clock = self.app.reactor
        real = self.app.threads.io

        def io(function: Any, *args: Any) -> Any:
            if function is not ask:
                return real(function, *args)
            self.asked += 1
            self.answers.append(Deferred())
            return self.answers[-1]

        self.patch(self.app.threads, "io", io)
        self.place, self.storage = self.app.place, self.app.recordings.storage
        self.addCleanup(self.place.stop)

    def config(self, share: Path) -> Config:
        (self.folder / "data").mkdir()
        return Config(data_dir=self.folder / "data", storage=StorageConfig(path=share))

    @property
    def shown(self) -> dict[str, Any]:
        return self.app.state["storage/places"].value[0]

    def test_one_that_answers(self) -> None:
        self.place.start()
        self.answers.pop().callback(Found("/share", "nfs4"))
        self.assertEqual(self.shown, {"path": "/share", "type": "nfs4", "state": "ok", "reason": ""})
        self.clock.advance(LIMIT)
        self.assertEqual((self.place.hangs, self.storage.blocked), (False, ""))
        self.clock.advance(EVERY)
        self.assertEqual(self.asked, 2)

    def test_one_that_hangs_and_comes_back(self) -> None:
        self.place.start()
        self.clock.advance(LIMIT)
        self.assertTrue(self.place.hangs)
        self.assertEqual(self.shown["state"], "hanging")
        self.assertIn("does not answer", self.storage.blocked)
        self.clock.pump([EVERY] * 5)
        self.assertEqual(self.asked, 1, "one thread, and no more")
        self.answers.pop().callback(Found("/share", "nfs4"))
        self.assertEqual((self.place.hangs, self.shown["state"]), (False, "ok"))
        self.clock.advance(EVERY)
        self.assertEqual(self.asked, 2)

    def test_nobody_waits_for_it(self) -> None:
        self.place.start()
        opening: Deferred[None] = Deferred()
        waiting = self.place.bear(opening)
        self.assertNoResult(waiting)
        self.clock.advance(LIMIT)
        self.successResultOf(waiting)
        self.successResultOf(self.place.bear(Deferred()))  # who comes later does not wait at all
        opening.callback(None)

    def test_what_fails_fails(self) -> None:
        failing: Deferred[None] = Deferred()
        waiting = self.place.bear(failing)
        failing.errback(OSError("no"))
        self.failureResultOf(waiting, OSError)

    def test_recording_begins_when_it_answers(self) -> None:
        """The start of camd goes on without it."""
        opened: Deferred[None] = Deferred()
        followed: list[Any] = []

        async def start(recordings: Recordings) -> None:
            await opened

        self.patch(Recordings, "start", start)
        self.patch(Recordings, "follow", lambda recordings, cameras: followed.append(cameras))
        started = Deferred.fromCoroutine(self.app.start_recordings())
        self.assertNoResult(started)
        self.clock.advance(LIMIT)
        self.successResultOf(started)
        self.assertEqual(followed, [])
        self.answers.pop().callback(Found("/share", "nfs4"))
        opened.callback(None)
        self.assertEqual(followed, [self.app.cameras])
