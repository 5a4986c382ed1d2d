"""`camd recordings` and `camd db`, beside a camd that has recorded."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout

from camd.backup.in_use import alone
from camd.cli import run

from .record_case import RecordCase
from .test_record_play import given, pictures


class RecordingsCommandTests(RecordCase):
    def setUp(self) -> None:
        super().setUp()
        self.films()
        self.set(mode="continuous")
        self.packets = self.film(90)
        self.set(mode="off")
        self.path = self.media / self.rows()[0]["filename"]

    def camd(self, *words: str) -> tuple[int, str, str]:
        """Exit code, output, and what was said."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run([*words, "--data-dir", str(self.folder)], {})
        return code, out.getvalue(), err.getvalue()

    def test_list(self) -> None:
        code, out, _ = self.camd("recordings", "list")
        self.assertEqual((code, out.count("\n")), (0, 1))
        self.assertIn("cam1/1970/01/01/001640_000.mp4", out)
        (one,) = json.loads(self.camd("recordings", "list", "--json")[1])
        self.assertEqual((one["camera"], one["duration"]), ("cam1", 3.0))
        self.assertEqual(self.camd("recordings", "list", "--camera", "door")[1], "")
        self.assertEqual(self.camd("recordings", "list", "--since", "2026-01-01")[1], "")

    def test_verify(self) -> None:
        self.assertEqual(self.camd("recordings", "verify")[0], 0)
        data = bytearray(self.path.read_bytes())
        data[-1] ^= 1
        self.path.write_bytes(data)
        self.assertEqual(self.camd("recordings", "verify", "--quick")[0], 0)
        code, out, _ = self.camd("recordings", "verify")
        self.assertEqual(code, 1)
        self.assertIn("SHA-256", out)
        self.path.write_bytes(data + b"x")
        (self.path.parent / "stranger.mp4").write_bytes(b"")
        told = json.loads(self.camd("recordings", "verify", "--json")[1])
        self.assertEqual(
            [fault["file"].rpartition("/")[2] for fault in told["faults"]], [self.path.name, "stranger.mp4"]
        )

    def test_repair_needs_camd_to_be_stopped(self) -> None:
        with alone(self.folder):
            code, _, said = self.camd("recordings", "repair")
        self.assertEqual(code, 1)
        self.assertIn("stop it first", said)
        self.get(self.recordings.stop())
        self.path.rename(self.path.with_name("001641_000.mp4"))
        code, _, said = self.camd("recordings", "repair")
        self.assertEqual(code, 0)
        self.assertIn("1 taken up, 0 defect, 1 missing", said)

    def test_export(self) -> None:
        target = self.folder / "out.mp4"
        code, _, _ = self.camd("recordings", "export", "cam1", "1001000", "1002000", "-o", str(target))
        self.assertEqual((code, pictures(target.read_bytes())), (0, given(self.packets[30:60])))
        code, _, said = self.camd("recordings", "export", "cam1", "1", "2", "-o", str(target))
        self.assertEqual(code, 1)
        self.assertIn("nothing is recorded", said)

    def test_db_check(self) -> None:
        code, out, _ = self.camd("db", "check")
        self.assertEqual((code, out), (0, "camd.db: ok\nindex.db: ok\n"))

    def test_nothing_was_recorded_yet(self) -> None:
        self.get(self.recordings.stop())
        for file in self.folder.glob("index.db*"):
            file.unlink()
        code, _, said = self.camd("recordings", "list")
        self.assertEqual(code, 1)
        self.assertIn("nothing was recorded yet", said)
