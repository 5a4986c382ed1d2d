"""Plugins that fail while the daemon runs: what they lose, and that `camd plugins` can say why."""

from __future__ import annotations

import io
import json
import sys
from importlib.metadata import distributions
from pathlib import Path

from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from camd import cli
from camd.config import layers
from camd.extensions import REPORT
from camd.plugins import Plugins
from camd.state import Event
from camd.testing import app_for_tests

LAMP = """
from camd.hookspecs import hookimpl

@hookimpl
def camd_event(event):
    raise RuntimeError("no lamp")
"""
REASON = "camd_event: RuntimeError: no lamp"


class ReportTests(SynchronousTestCase):
    """A daemon's App with one installed plugin, which raises at the first event."""

    def setUp(self) -> None:
        self.data_dir = Path(self.mktemp()).absolute()
        self.site = Path(self.mktemp()).absolute()
        self.install("1.0")
        self.patch(sys, "path", [str(self.site), *sys.path])
        self.addCleanup(sys.modules.pop, "camd_lamp_for_tests", None)
        discover = Plugins.discover
        self.patch(
            Plugins,
            "discover",
            lambda plugins, blocked=(): discover(plugins, blocked, distributions(path=[str(self.site)])),
        )
        self.start()

    def install(self, version: str) -> None:
        self.site.mkdir(exist_ok=True)
        (self.site / "camd_lamp_for_tests.py").write_text(LAMP)
        about = self.site / "camd_lamp.dist-info"
        about.mkdir(exist_ok=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: camd-lamp\nVersion: {version}\n")
        (about / "entry_points.txt").write_text("[camd.plugins]\nlamp = camd_lamp_for_tests\n")

    def start(self) -> None:
        self.app = app_for_tests(self.data_dir)
        del self.app.plugins.discover  # app_for_tests has it find nothing
        self.successResultOf(ensureDeferred(self.app.extensions.load({})))

    def fail(self) -> None:
        self.app.events.publish(Event("motion"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def report(self) -> dict[str, dict[str, str]]:
        return json.loads((self.data_dir / REPORT).read_text())

    def camd_plugins(self, *argv: str) -> str:
        out = io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", io.StringIO())
        self.patch(layers, "DEFAULT_FILE", self.site / "none.toml")
        code = cli.run(["plugins", "--data-dir", str(self.data_dir), *argv], {"HOME": str(self.site)})
        self.assertEqual(code, 0)
        return out.getvalue()

    def test_all_is_well(self) -> None:
        wanted = {"distribution": "camd-lamp", "version": "1.0", "state": "ok", "reason": ""}
        self.assertEqual(self.report(), {"lamp": wanted})
        self.assertIn("lamp             ok       camd-lamp 1.0\n", self.camd_plugins())

    def test_a_failure_while_it_runs(self) -> None:
        self.fail()
        self.assertEqual((self.report()["lamp"]["state"], self.report()["lamp"]["reason"]), ("alert", REASON))
        self.assertIn(f"lamp             alert    camd-lamp 1.0  {REASON}\n", self.camd_plugins())
        (lamp,) = json.loads(self.camd_plugins("--json"))
        self.assertEqual((lamp["state"], lamp["reason"]), ("alert", REASON))

    def test_the_next_start_forgets_it(self) -> None:
        self.fail()
        self.start()
        self.assertIn("lamp             ok ", self.camd_plugins())

    def test_another_version_is_not_to_blame(self) -> None:
        self.fail()
        self.install("1.1")
        self.assertIn("lamp             ok       camd-lamp 1.1\n", self.camd_plugins())

    def test_a_blocked_plugin_stays_blocked(self) -> None:
        self.fail()
        self.patch(layers, "DEFAULT_FILE", self.site / "camd.toml")
        (self.site / "camd.toml").write_text('[plugins]\nblocked = ["lamp"]\n')
        self.assertIn("lamp             blocked", self.camd_plugins("--config", str(self.site / "camd.toml")))

    def test_a_file_that_is_damaged_or_missing(self) -> None:
        for text in ("{", "[]", '{"lamp": 1}', '{"lamp": {"state": "alert"}}'):
            (self.data_dir / REPORT).write_text(text)
            self.assertIn("lamp             ok ", self.camd_plugins())
        (self.data_dir / REPORT).unlink()
        self.assertIn("lamp             ok ", self.camd_plugins())

    def test_written_only_when_it_changes_and_once_at_a_time(self) -> None:
        io_pool = self.app.threads.pools["io"]
        io_pool.at_once = False
        before = self.app.threads.jobs["io"]
        self.app.extensions._report()
        self.assertEqual(self.app.threads.jobs["io"], before)
        self.fail()
        self.app.plugins.disable("lamp", "again")  # no change: it is off already
        self.assertEqual((self.app.threads.jobs["io"], io_pool.qsize()), (before + 1, 1))
        self.assertEqual(self.report()["lamp"]["state"], "ok")
        io_pool.run()
        self.assertEqual(self.report()["lamp"]["state"], "alert")

    def test_a_disk_that_cannot_be_written(self) -> None:
        (self.data_dir / REPORT).unlink()
        (self.data_dir / REPORT).mkdir()
        self.fail()  # and nothing else: it is a warning in the log
        self.assertEqual(self.app.plugins["lamp"].state, "alert")
        self.assertIn("lamp             ok ", self.camd_plugins())

    def test_private(self) -> None:
        self.assertEqual((self.data_dir / REPORT).stat().st_mode & 0o777, 0o600)
