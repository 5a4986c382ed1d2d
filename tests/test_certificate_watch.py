from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet import inotify
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from camd.auth.certificate_files import CertificateFiles
from camd.auth.file_watch import OFTEN, PATIENCE, QUIET, SELDOM, FileWatch
from camd.testing import FakeReactor


class Watch(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.files = CertificateFiles.within(self.folder)
        self.reactor = FakeReactor()
        self.pool: Any = maybeDeferred
        self.told = 0
        self.watch = FileWatch(self.reactor, lambda look: self.pool(look), self.tell)
        self.addCleanup(self.reactor.advance, 0)
        self.addCleanup(self.watch.stop)

    def tell(self) -> None:
        self.told += 1

    def start(self) -> None:
        """Watch the files, and forget what is told of them as they are."""
        self.watch.start(self.files.paths, self.files.stamp)
        self.pass_time(QUIET + 0.1)
        self.assertEqual(self.told, 1)
        self.told = 0

    def pass_time(self, seconds: float) -> None:
        """The kernel's news come at once."""
        self.hear()
        for _ in range(round(seconds / 0.05)):
            self.reactor.advance(0.05)
            self.hear()

    def hear(self) -> None:
        for reader in list(self.reactor.readers):
            reader.doRead()

    def deafen(self) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise inotify.INotifyError("no more watches")

        self.patch(inotify.INotify, "watch", refuse)


class Told(Watch):
    """By the kernel."""

    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.assertTrue(self.watch.is_told)

    def test_written(self) -> None:
        self.files.key.write_text("a")
        self.pass_time(2 * QUIET + 0.1)
        self.assertEqual(self.told, 1)
        self.pass_time(3 * SELDOM)
        self.assertEqual(self.told, 1)

    def test_exchanged(self) -> None:
        (self.folder / "part").write_text("a")
        os.replace(self.folder / "part", self.files.certificate)
        self.pass_time(1)
        self.assertEqual(self.told, 1)

    def test_gone_and_back(self) -> None:
        self.files.key.write_text("a")
        self.pass_time(1)
        self.files.key.unlink()
        self.pass_time(1)
        self.assertEqual(self.told, 2)
        self.files.key.write_text("a")
        self.pass_time(1)
        self.assertEqual(self.told, 3)

    def test_both_are_one_change(self) -> None:
        for path in self.files.paths:
            path.write_text("a")
            self.pass_time(QUIET / 2)
        self.pass_time(1)
        self.assertEqual(self.told, 1)

    def test_others_are_no_change(self) -> None:
        for number in range(100):
            (self.folder / f"other{number}").write_text("a")
            self.pass_time(0.05)
        self.assertEqual(self.told, 0)

    def test_noise_beside_does_not_hold_it_up(self) -> None:
        self.files.key.write_text("a")
        for number in range(10):
            (self.folder / f"other{number}").write_text("a")
            self.pass_time(0.05)
        self.assertEqual(self.told, 1)

    def test_a_slow_writer_is_waited_for(self) -> None:
        """Even when nothing comes for a while."""
        with self.files.certificate.open("w") as file:
            for _ in range(3):
                file.write("a")
                file.flush()
                self.pass_time(2)
            self.assertEqual(self.told, 0)
        self.pass_time(2 * QUIET)
        self.assertEqual(self.told, 1)

    def test_but_not_for_ever(self) -> None:
        with self.files.certificate.open("w") as file:
            file.write("a")
            file.flush()
            self.pass_time(PATIENCE - 1)
            self.assertEqual(self.told, 0)
            self.pass_time(2)
            self.assertEqual(self.told, 1)

    def test_what_changes_all_the_time_is_not_told(self) -> None:
        for number in range(40):
            self.files.key.write_text("a" * number)
            self.pass_time(QUIET / 2)
        self.assertEqual(self.told, 0)
        self.pass_time(1)
        self.assertEqual(self.told, 1)

    def test_behind_a_link(self) -> None:
        """The kernel tells nothing of other directories."""
        elsewhere = Path(self.mktemp())
        elsewhere.write_text("a")
        self.files.key.symlink_to(elsewhere.absolute())
        self.pass_time(1)
        self.assertEqual(self.told, 1)
        elsewhere.write_text("other")
        self.pass_time(SELDOM + 1)
        self.assertEqual(self.told, 2)

    def test_the_directory_goes_and_comes(self) -> None:
        self.folder.rmdir()
        self.pass_time(1)
        self.assertFalse(self.watch.is_told)
        self.folder.mkdir()
        self.files.key.write_text("a")
        self.pass_time(1)
        self.assertEqual((self.watch.is_told, self.told), (True, 1))
        self.files.key.write_text("other")
        self.pass_time(2 * QUIET + 0.1)
        self.assertEqual(self.told, 2)

    def test_the_directory_is_exchanged(self) -> None:
        other = self.folder.with_name("other")
        other.mkdir()
        (other / self.files.key.name).write_text("a")
        self.folder.rename(self.folder.with_name("old"))
        other.rename(self.folder)
        self.pass_time(1)
        self.assertEqual((self.watch.is_told, self.told), (True, 1))
        self.files.key.write_text("other")
        self.pass_time(1)
        self.assertEqual(self.told, 2)

    def test_stopped(self) -> None:
        descriptors = os.listdir("/proc/self/fd")
        self.watch.stop()
        self.files.key.write_text("a")
        self.pass_time(2)
        self.assertEqual((self.told, self.reactor.getDelayedCalls(), list(self.reactor.readers)), (0, [], []))
        self.assertEqual(len(os.listdir("/proc/self/fd")), len(descriptors) - 1)


class Looking(Watch):
    """Where the kernel does not tell."""

    def test_a_change(self) -> None:
        self.deafen()
        descriptors = len(os.listdir("/proc/self/fd"))
        self.start()
        self.assertFalse(self.watch.is_told)
        self.files.key.write_text("a")
        self.pass_time(OFTEN + QUIET + 0.1)
        self.assertEqual(self.told, 1)
        self.pass_time(5)
        self.assertEqual(self.told, 1)
        self.assertEqual(len(os.listdir("/proc/self/fd")), descriptors)

    def test_the_directory_comes_later(self) -> None:
        self.folder.rmdir()
        self.start()
        self.assertFalse(self.watch.is_told)
        self.folder.mkdir()
        self.files.key.write_text("a")
        self.pass_time(1)
        self.assertEqual((self.watch.is_told, self.told), (True, 1))

    def test_no_c_library(self) -> None:
        import sys

        self.patch(sys.modules["twisted.internet"], "inotify", None)
        saved = sys.modules["twisted.internet.inotify"]
        self.addCleanup(sys.modules.__setitem__, "twisted.internet.inotify", saved)
        sys.modules["twisted.internet.inotify"] = None  # type: ignore[assignment]
        self.start()
        self.files.key.write_text("a")
        self.pass_time(1)
        self.assertEqual((self.watch.is_told, self.told), (False, 1))

    def test_other_files_while_looking(self) -> None:
        waiting: list[tuple[Deferred[Any], Any]] = []

        def pool(look: Any) -> Deferred[Any]:
            waiting.append((Deferred(), look))
            return waiting[-1][0]

        self.pool = pool
        other = CertificateFiles.within(self.folder / "other")
        self.watch.start(self.files.paths, self.files.stamp)
        self.pass_time(1)
        self.watch.start(other.paths, other.stamp)
        self.pass_time(1)
        self.pool = maybeDeferred
        (done, look), = waiting
        done.callback(look())
        self.pass_time(1)
        self.assertEqual(self.told, 1)
        other.certificate.parent.mkdir()
        other.key.write_text("a")
        self.pass_time(2)
        self.assertEqual(self.told, 2)

    def test_looking_fails(self) -> None:
        self.start()
        self.pool = lambda look: maybeDeferred(lambda: 1 / 0)
        self.pass_time(SELDOM + 1)
        self.assertEqual((len(self.flushLoggedErrors(ZeroDivisionError)), self.told), (1, 0))
        self.pool = maybeDeferred
        self.files.key.write_text("a")
        self.pass_time(1)
        self.assertEqual(self.told, 1)
