"""What is shipped: the lists in setup.cfg against the tree, and the rules for Twisted's plugin folder."""

from __future__ import annotations

import configparser
import os
import re
import runpy
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

ROOT = Path(__file__).parent.parent
#: Top folders of the tree -> the package they are imported as.
TOPS = {"camd": "camd", "plugins": "camd_plugins"}


def metadata() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def words(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def shipped_files() -> list[Path]:
    """Every file under the package folders, but what tools make for themselves."""
    return [path for top in TOPS for path in files_below(top)]


def files_below(top: str) -> list[Path]:
    found = [path.relative_to(ROOT) for path in (ROOT / top).rglob("*") if path.is_file()]
    made = re.compile(r"__pycache__|dropin\.cache|\..+")
    return [path for path in found if not any(made.fullmatch(part) for part in path.parts)]


def package_of(folder: Path) -> str:
    return ".".join((TOPS[folder.parts[0]], *folder.parts[1:]))


class ListTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.metadata = metadata()
        self.packages = words(self.metadata["options"]["packages"])

    def test_packages(self) -> None:
        tree = {package_of(path.parent) for path in shipped_files() if path.name == "__init__.py"}
        self.assertEqual(sorted(self.packages), sorted(tree | {"twisted.plugins"}))
        self.assertEqual(len(self.packages), len(set(self.packages)))

    def test_every_module_lies_in_a_package(self) -> None:
        strays = [path for path in shipped_files() if path.suffix == ".py" and package_of(path.parent) not in self.packages]
        self.assertEqual(strays, [])

    def test_every_data_file_is_shipped(self) -> None:
        patterns = {package: words(text) for package, text in self.metadata["options.package_data"].items()}
        for path in shipped_files():
            if path.suffix in (".py", ".pyc"):
                continue
            owner = next(folder for folder in path.parents if (ROOT / folder / "__init__.py").exists())
            inside = str(path.relative_to(owner))
            covered = any(fnmatch(inside, pattern.replace("**/", "")) for pattern in patterns.get(package_of(owner), []))
            self.assertTrue(covered, f"{path} is in no [options.package_data] of setup.cfg")

    def test_every_pattern_covers_something(self) -> None:
        for package, text in self.metadata["options.package_data"].items():
            folder = ROOT / package.replace("camd_plugins", "plugins").replace(".", "/")
            for pattern in words(text):
                self.assertTrue(any(folder.glob(pattern)), f"{package}: {pattern}")

    def test_every_plugin_has_an_entry_point(self) -> None:
        named = words(self.metadata["options.entry_points"]["camd.plugins"])
        bundled = sorted(path.parent.name for path in ROOT.glob("plugins/*/__init__.py"))
        self.assertEqual(sorted(named), [f"{name} = camd_plugins.{name}" for name in bundled])

    def test_metadata_stands_in_one_place(self) -> None:
        sections = re.findall(r"^\[(.+)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
        self.assertEqual(sections, ["build-system"])
        self.assertFalse((ROOT / "setup.py").exists())

    def test_typed(self) -> None:
        for top in TOPS:
            self.assertTrue((ROOT / top / "py.typed").exists())


class DropInTests(SynchronousTestCase):
    def test_nothing_of_twisteds_is_replaced(self) -> None:
        self.assertEqual(files_below("twisted"), [Path("twisted/plugins/camd_plugin.py")])

    def test_it_names_the_service(self) -> None:
        maker = runpy.run_path(str(ROOT / "twisted" / "plugins" / "camd_plugin.py"))["camd"]
        self.assertEqual((maker.tapname, maker.module), ("camd", "camd.tap"))


class MakeTests(SynchronousTestCase):
    """The Makefile on machines where something is missing; it installs nothing here."""

    def setUp(self) -> None:
        if shutil.which("make") is None:
            raise SkipTest("make is not installed")
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        for name in ("Makefile", "setup.cfg", "pyproject.toml"):
            shutil.copy(ROOT / name, self.folder)
        for name in ("camd", "plugins", "twisted"):
            (self.folder / name).mkdir()

    def make(self, *argv: str, **environ: str) -> tuple[int, str]:
        command = ["make", "--no-print-directory", "-C", str(self.folder), *argv]
        kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
        done = subprocess.run(command, env={**kept, **environ}, check=False, capture_output=True, text=True)
        return done.returncode, done.stderr.splitlines()[0]

    def test_without_venv_one_line_says_what_to_install(self) -> None:
        (self.folder / "ensurepip.py").touch()  # there, but of no use
        code, line = self.make("run", PYTHONPATH=str(self.folder))
        self.assertEqual(code, 2)
        self.assertRegex(line, r"^No venv module here: apt install python3\.\d+-venv$")
        self.assertFalse((self.folder / ".venv").exists())

    def test_python_too_old(self) -> None:
        old = self.folder / "python"
        old.write_text("#!/bin/sh\nexit 1\n")
        old.chmod(0o755)
        code, line = self.make("test", f"PYTHON={old}")
        self.assertEqual(code, 2)
        self.assertIn("camd needs Python 3.11", line)
