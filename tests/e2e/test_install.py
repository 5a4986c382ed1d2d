"""camd as people install it: a wheel and an editable install, each in a fresh environment, without network.

The environment borrows every dependency from the running interpreter, but has a Twisted of its own, so that
an uninstall could harm it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import venv
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.test_packaging import ROOT, TOPS, files_below, shipped_files

TWISTD = "from twisted.scripts.twistd import run; run()"


class InstallTests(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        for needed in ("pip", "setuptools"):
            if find_spec(needed) is None:
                raise SkipTest(f"{needed} is not installed")
        self.folder = Path(self.mktemp()).absolute()
        self.elsewhere = self.folder / "elsewhere"
        self.elsewhere.mkdir(parents=True)
        self.source = self.folder / "source"
        self.copy_source()
        self.make_environment()

    def copy_source(self) -> None:
        for path in [*shipped_files(), *files_below("twisted")]:
            target = self.source / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, target)
        for name in ("setup.cfg", "pyproject.toml", "MANIFEST.in", "LICENSE", "README.md"):
            if (ROOT / name).exists():
                shutil.copy(ROOT / name, self.source)

    def make_environment(self) -> None:
        venv.create(self.folder / "env", symlinks=True)
        self.python = self.folder / "env" / "bin" / "python"
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        self.site = Path(self.run_python("-c", where).strip())
        twisted = distribution("twisted")
        for path in twisted.files or ():
            if path.parts[0] != ".." and path.suffix != ".pyc" and "test" not in path.parts:
                (self.site / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(twisted.locate_file(path), self.site / path)
        borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (self.site / "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n")

    def run_python(self, *argv: str) -> str:
        """Run the fresh Python in a folder where nothing of camd lies; returns what it printed."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CAMD_"))}
        environ["HOME"] = str(self.elsewhere)
        command = [str(self.python), *argv]
        done = subprocess.run(
            command, cwd=self.elsewhere, env=environ, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def pip(self, *argv: str) -> str:
        return self.run_python("-m", "pip", "--disable-pip-version-check", *argv)

    def twisted_files(self) -> set[str]:
        below = self.site / "twisted"
        return {
            str(path.relative_to(below))
            for path in below.rglob("*")
            if path.is_file() and path.suffix != ".pyc" and path.name != "dropin.cache"
        }

    def test_wheel(self) -> None:
        before = self.twisted_files()
        self.pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(self.folder), str(self.source))
        (wheel,) = self.folder.glob("camd-*.whl")
        with ZipFile(wheel) as archive:
            shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
        wanted = {Path(TOPS[path.parts[0]], *path.parts[1:]) for path in shipped_files()}
        self.assertEqual(shipped, {str(path) for path in wanted} | {"twisted/plugins/camd_plugin.py"})

        self.pip("install", "--no-deps", "--no-index", "--ignore-installed", str(wheel))
        self.assertEqual(self.twisted_files() - before, {"plugins/camd_plugin.py"})
        self.check_commands()

        self.pip("uninstall", "--yes", "camd")
        self.assertEqual(self.twisted_files(), before)
        self.assertFalse((self.site / "camd").exists())
        self.assertFalse((self.site / "camd_plugins").exists())
        self.assertNotIn("camd", self.run_python("-c", TWISTD, "--help").split())

    def test_editable(self) -> None:
        self.pip("install", "--no-deps", "--no-build-isolation", "--ignore-installed", "--editable", str(self.source))
        self.check_commands()
        (self.source / "camd" / "__init__.py").write_text('__version__ = "edited"\n')
        self.assertIn("camd edited\n", self.run_python("-m", "camd", "version"))

    def check_commands(self) -> None:
        self.assertIn("camd", self.run_python("-c", TWISTD, "--help").split())
        self.assertIn("--data-dir", self.run_python("-c", TWISTD, "camd", "--help"))
        self.assertIn("camd 0.", self.run_python(str(self.python.with_name("camd")), "version"))
        self.assertIn("monitor", self.run_python("-m", "camd", "plugins").split())
