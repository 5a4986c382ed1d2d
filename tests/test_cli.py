"""The camd command: answers, exit codes, and what goes to which stream."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from camd import __version__, cli
from camd.config import changes, layers, load
from camd.plugins import PluginInfo, Plugins
from camd.sources import v4l2

FRONT = '[cameras.front]\nsource = "test:"\nsize = "640x480"\n'


class CliCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.file = self.folder / "camd.toml"
        self.environ = {"HOME": str(self.folder), "CAMD_DATA_DIR": str(self.folder / "data")}
        self.patch(layers, "DEFAULT_FILE", self.folder / "nothing.toml")

    def camd(self, *argv: str) -> int:
        """Run the command; its output is in self.out and self.err."""
        out, err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        try:
            return cli.run(argv, self.environ)
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else -1
        finally:
            self.out, self.err = out.getvalue(), err.getvalue()

    def camd_with(self, text: str, *argv: str) -> int:
        """Run the command with this configuration file."""
        self.file.write_text(text)
        return self.camd(*argv, "--config", str(self.file))


class CheckTests(CliCase):
    def test_valid(self) -> None:
        self.assertEqual(self.camd_with(FRONT, "check"), 0)
        self.assertEqual(self.out, "The configuration is valid (cameras: 1).\n")
        data = f"data directory: {self.folder}/data (CAMD_DATA_DIR)\n"
        self.assertEqual(self.err, f"configuration: {self.file}\n{data}")

    def test_without_a_file(self) -> None:
        self.assertEqual(self.camd("check"), 0)
        self.assertIn("configuration: built-in, no file\n", self.err)

    def test_every_mistake_on_its_own_line(self) -> None:
        self.assertEqual(self.camd_with('htpp = "off"\nlog_level = "loud"\n', "check"), 78)
        lines = self.out.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertEqual(lines[0], f'{self.file}:1: htpp: unknown key (did you mean "http"?)')

    def test_json(self) -> None:
        self.assertEqual(self.camd_with("htpp = 1\n", "check", "--json"), 78)
        answer = json.loads(self.out)
        self.assertIs(answer["valid"], False)
        hint = 'did you mean "http"?'
        problem = {"where": str(self.file), "key": "htpp", "text": "unknown key", "hint": hint, "line": 1}
        self.assertEqual(answer["problems"], [problem])
        self.assertEqual(self.camd("check", "--json"), 0)
        self.assertEqual(json.loads(self.out), {"valid": True, "problems": []})


class ShowTests(CliCase):
    def test_is_a_file_that_gives_the_same(self) -> None:
        text = FRONT + 'name = "Tür \\"A\\"\\u0007"\n[tls]\nnames = ["a", "b"]\n'
        self.assertEqual(self.camd_with('https = "off"\n' + text, "config", "show", "--origin"), 0)
        tomllib.loads(self.out)
        shown = self.folder / "shown.toml"
        shown.write_text(self.out)
        old, new = (load(path, environ=self.environ, options={}) for path in (self.file, shown))
        self.assertEqual(changes(old, new), {})
        self.assertEqual(new.cameras, old.cameras)

    def test_origin(self) -> None:
        self.environ["CAMD_LOG_LEVEL"] = "debug"
        self.camd_with(FRONT, "config", "show", "--origin")
        self.assertRegex(self.out, rf'\nsource = "test:" +# {self.file}:2\n')
        self.assertRegex(self.out, r'\nlog_level = "debug" +# CAMD_LOG_LEVEL\n')
        self.assertRegex(self.out, r"\n# fps: the source's choice +# built-in\n")

    def test_json(self) -> None:
        self.camd_with(FRONT, "config", "show", "--json")
        answer = json.loads(self.out)
        self.assertEqual(answer["cameras.front.size"], "640x480")
        self.assertEqual(answer["data_dir"], str(self.folder / "data"))
        self.camd_with(FRONT, "config", "show", "--json", "--origin")
        entry = json.loads(self.out)["data_dir"]
        wanted = {"origin": "CAMD_DATA_DIR", "fixed": True, "effect": "restarts daemon"}
        self.assertEqual(entry, {"value": str(self.folder / "data"), **wanted})

    def test_passwords_are_not_shown(self) -> None:
        text = '[cameras.front]\nsource = "rtsp://me:pa%20ss@10.0.0.1/live"\n'
        for flags in (["--json"], []):
            self.camd_with(text, "config", "show", *flags)
            self.assertIn("rtsp://10.0.0.1/live", self.out)
            self.assertNotIn("pa%20ss", self.out)
            self.assertNotIn("pa ss", self.out)

    def test_invalid(self) -> None:
        self.assertEqual(self.camd_with("htpp = 1\n", "config", "show"), 78)
        self.assertEqual(self.out, "")
        self.assertIn("unknown key", self.err)


class ListTests(CliCase):
    DEVICE = {  # noqa: RUF012
        "path": "/dev/video0",
        "name": "Camera",
        "id": "A1",
        "modes": [{"codec": "mjpeg", "width": 1280, "height": 720, "rates": [30.0, 7.5]}],
    }

    def test_devices(self) -> None:
        self.patch(v4l2, "devices", lambda: [self.DEVICE])
        self.assertEqual(self.camd("devices"), 0)
        self.assertEqual(self.out, "/dev/video0  Camera  [v4l2:A1]\n    mjpeg 1280x720 at 30, 7.5\n")
        self.assertEqual(self.camd("devices", "--json"), 0)
        self.assertEqual(json.loads(self.out), [self.DEVICE])

    def test_device_that_cannot_be_opened(self) -> None:
        self.patch(v4l2, "devices", lambda: [{**self.DEVICE, "modes": [], "error": "permission denied"}])
        self.assertEqual(self.camd("devices"), 0)
        self.assertIn("\n    permission denied\n", self.out)

    def test_no_device(self) -> None:
        self.patch(v4l2, "devices", list)
        self.assertEqual(self.camd("devices"), 0)
        self.assertEqual(self.out, "")
        self.assertIn("No V4L2 camera", self.err)

    def test_plugins(self) -> None:
        asked = []

        def discover(plugins: Plugins, blocked: tuple[str, ...]) -> None:
            asked.append(blocked)
            plugins._infos = {
                "monitor": PluginInfo("monitor", "camd_plugins.monitor", "camd", "1.0"),
                "bad": PluginInfo("bad", "bad", "camd-bad", "2.0", "alert", "does not import"),
            }

        self.patch(Plugins, "discover", discover)
        self.assertEqual(self.camd_with('[plugins]\nblocked = ["x"]\n', "plugins"), 0)
        self.assertEqual(asked, [("x",)])
        lines = [line.split() for line in self.out.splitlines()]
        self.assertEqual(lines[0], ["monitor", "ok", "camd", "1.0"])
        self.assertEqual(lines[1], ["bad", "alert", "camd-bad", "2.0", "does", "not", "import"])
        self.assertEqual(self.camd("plugins", "--json"), 0)
        self.assertEqual([info["name"] for info in json.loads(self.out)], ["monitor", "bad"])

    def test_version(self) -> None:
        self.assertEqual(self.camd("version"), 0)
        self.assertIn(f"camd {__version__}\n", self.out)
        self.assertEqual(self.camd("version", "--json"), 0)
        self.assertEqual(json.loads(self.out)["camd"], __version__)


class UsageTests(CliCase):
    def test_wrong_use(self) -> None:
        for argv in ((), ("fly",), ("check", "--fast"), ("config",), ("check", "--conf", "x"), ("version", "x")):
            self.assertEqual(self.camd(*argv), 2, argv)
            self.assertIn("usage: camd", self.err)

    def test_run_becomes_twistd(self) -> None:
        done = []
        self.patch(os, "execv", lambda path, argv: done.append((path, argv)))
        for options in (["--http", "tcp:0", "--trace-hooks"], ["--help"], []):
            self.camd("run", *options)
            path, argv = done.pop()
            self.assertEqual(Path(path).name, "twistd")
            self.assertEqual(argv, [path, "-n", "--pidfile=", "camd", *options])

    def test_run_without_twistd(self) -> None:
        self.patch(sys, "executable", str(self.folder / "python"))
        self.patch(shutil, "which", lambda name: None)
        self.assertEqual(self.camd("run"), 1)
        self.assertIn("reinstall Twisted", self.err)
