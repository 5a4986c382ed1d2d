"""The rules of the house, as docs/architecture.md and CONTRIBUTING.md have them, checked on the source."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent
#: Lines of a file; past them ask what two things it is. Tests are lists of cases, which grow by nature.
LONGEST = {"camd": 400, "plugins": 400, "bench": 400, "tests": 800}
#: Files that may be longer, and why.
LONG_FOR_A_REASON: dict[str, str] = {
    "camd/web/static/settings.html": "one document; each of its sections has a script of its own",
}
LONGEST_FUNCTION = 60
#: Packages that cost tens of megabytes; imported where they are used: passing JPEG through needs none.
HEAVY = {"cv2", "numpy", "av", "lxml", "zeep", "onvif"}
#: Imports the reactor on import.
BRINGS_THE_REACTOR = "autobahn.twisted.resource"
#: What a plugin may import of camd.
FOR_PLUGINS = {"hookspecs", "errors", "media", "state", "testing"}
#: Who names the one global reactor; everybody else is given one.
KNOWS_THE_REACTOR = {"camd/tap.py"}


@dataclass(frozen=True)
class Import:
    """One imported module by its full name; lazy: within a function; typing: under TYPE_CHECKING."""

    name: str
    line: int
    lazy: bool
    typing: bool


class Module:
    """A Python file, parsed."""

    def __init__(self, path: Path):
        self.path = str(path.relative_to(ROOT))
        self.text = path.read_text()
        self.tree = ast.parse(self.text)
        self.package = self.path.split("/")[:-1]

    def walk(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    def imports(self) -> list[Import]:
        found: list[Import] = []
        self._collect(self.tree.body, False, False, found)
        return found

    def _collect(self, nodes: list[ast.AST], lazy: bool, typing: bool, found: list[Import]) -> None:
        for node in nodes:
            if isinstance(node, ast.Import):
                found += [Import(alias.name, node.lineno, lazy, typing) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = self.package[: len(self.package) - node.level + 1] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                found += [Import(f"{module}.{alias.name}", node.lineno, lazy, typing) for alias in node.names]
            inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            is_typing = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
            self._collect(list(ast.iter_child_nodes(node)), inside, typing or is_typing, found)


@functools.cache
def modules(*tops: str) -> list[Module]:
    return [Module(path) for top in tops for path in sorted((ROOT / top).rglob("*.py"))]


SHIPPED = modules("camd", "plugins")


def room_of(name: str) -> str:
    """ "camd.media.frame.Frame" -> "media"; "" for `camd` itself, which anybody may ask for its version."""
    return (name.split(".") + [""])[1]


class ImportTests(SynchronousTestCase):
    """The table of rooms in docs/architecture.md is the law; imports for type checkers may point anywhere."""

    def setUp(self) -> None:
        page = (ROOT / "docs" / "architecture.md").read_text()
        table = page.partition("| room |")[2].partition("\n\n")[0]
        self.law: dict[str, set[str]] = {}
        for row in table.splitlines()[2:]:
            _, room, _noun, allowed, _ = row.split("|")
            self.law[room.strip(" `/")] = set(re.findall(r"`(\w+)`", allowed))

    def test_the_table_names_what_there_is(self) -> None:
        rooms = {
            path.stem
            for path in (ROOT / "camd").iterdir()
            if path.suffix == ".py" or (path / "__init__.py").exists()
        } - {"__init__", "__main__"}
        self.assertEqual(sorted(self.law), sorted(rooms))
        self.assertLessEqual(set().union(*self.law.values()), rooms)

    def test_arrows_never_turn_round(self) -> None:
        """Following the arrows leads out of the house, never back."""
        done: set[str] = set()
        while len(done) < len(self.law):
            free = {room for room, allowed in self.law.items() if allowed <= done} - done
            self.assertTrue(free, f"a circle among {sorted(set(self.law) - done)}")
            done |= free

    def test_every_import_follows_an_arrow(self) -> None:
        wrong = []
        for module in SHIPPED:
            room = room_of(module.path.removesuffix(".py").replace("/", "."))
            if not module.path.startswith("camd/") or room in ("__init__", "__main__"):
                continue
            for item in module.imports():
                to = room_of(item.name)
                if (
                    item.name.startswith("camd.")
                    and not item.typing
                    and to not in {room, "__version__", *self.law[room]}
                ):
                    wrong.append(f"{module.path}:{item.line}: {room} may not import {to}")
        self.assertEqual(wrong, [])

    def test_the_core_knows_no_plugin(self) -> None:
        wrong = [
            f"{module.path}:{item.line}"
            for module in modules("camd", "twisted")
            for item in module.imports()
            if item.name.split(".")[0] in ("camd_plugins", "plugins")
        ]
        self.assertEqual(wrong, [])

    def test_plugins_import_the_contract_only(self) -> None:
        wrong = [
            f"{module.path}:{item.line}: {item.name}"
            for module in modules("plugins")
            for item in module.imports()
            if item.name.startswith("camd.") and not item.typing and room_of(item.name) not in FOR_PLUGINS
        ]
        self.assertEqual(wrong, [])

    def test_protocol_code_knows_no_twisted(self) -> None:
        wrong = [
            f"{module.path}:{item.line}: {item.name}"
            for module in modules("camd/wire")
            for item in module.imports()
            if item.name.split(".")[0] in ("twisted", "autobahn", "zope")
        ]
        self.assertEqual(wrong, [])

    def test_who_knows_the_reactor(self) -> None:
        wrong = [
            f"{module.path}:{item.line}"
            for module in SHIPPED
            if module.path not in KNOWS_THE_REACTOR
            for item in module.imports()
            if item.name.startswith("twisted.internet.reactor")
        ]
        wrong += [
            f"{module.path}:{item.line}"
            for module in SHIPPED
            for item in module.imports()
            if item.name.startswith(("twisted.internet.reactor", BRINGS_THE_REACTOR)) and not item.lazy
        ]
        self.assertEqual(wrong, [])

    def test_heavy_packages_are_imported_where_they_are_used(self) -> None:
        wrong = [
            f"{module.path}:{item.line}: {item.name}"
            for module in SHIPPED
            for item in module.imports()
            if item.name.split(".")[0] in HEAVY and not item.lazy and not item.typing
        ]
        self.assertEqual(wrong, [])

    def test_a_daemon_that_has_started_has_none_of_them(self) -> None:
        program = (
            "import sys, pathlib\n"
            "import camd.tap, camd.daemon\n"
            "from camd.app import CORE\n"
            "from camd.testing import app_for_tests\n"
            "from camd_plugins import monitor\n"
            "early = [m for m in ('twisted.internet.reactor',) if m in sys.modules]\n"
            "app = app_for_tests(pathlib.Path(sys.argv[1]), {**CORE, 'monitor': monitor})\n"
            "print(early + sorted(set(sys.argv[2:]) & set(sys.modules)))\n"
        )
        answer = subprocess.run(
            [sys.executable, "-c", program, self.mktemp(), *HEAVY],
            cwd=None,
            env={"PYTHONPATH": ":".join(path for path in (str(ROOT), *sys.path) if path)},
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((answer.stdout, answer.stderr), ("[]\n", ""))


class SizeTests(SynchronousTestCase):
    def test_files(self) -> None:
        long = {
            str(path.relative_to(ROOT)): len(path.read_text().splitlines())
            for top in LONGEST
            for path in (ROOT / top).rglob("*")
            if path.suffix in (".py", ".js", ".css", ".html", ".c", ".h") and "node_modules" not in path.parts
        }
        wrong = {
            path: lines
            for path, lines in long.items()
            if lines > LONGEST[path.split("/")[0]] and path not in LONG_FOR_A_REASON
        }
        self.assertEqual(wrong, {}, "what two things are they?")
        for path in LONG_FOR_A_REASON:
            self.assertGreater(long[path], LONGEST[path.split("/")[0]], f"{path} needs no reason any more")

    def test_functions(self) -> None:
        wrong = [
            f"{module.path}:{node.lineno}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
            for module in modules(*LONGEST)
            for node in module.walk(ast.FunctionDef, ast.AsyncFunctionDef)
            if node.end_lineno - node.lineno >= LONGEST_FUNCTION
        ]
        self.assertEqual(wrong, [])


class MannersTests(SynchronousTestCase):
    def test_no_bare_except(self) -> None:
        wrong = [
            f"{module.path}:{node.lineno}"
            for module in modules(*LONGEST)
            for node in module.walk(ast.ExceptHandler)
            if node.type is None
        ]
        self.assertEqual(wrong, [])

    def test_nobody_prints_or_sleeps(self) -> None:
        wrong = [
            f"{module.path}:{node.lineno}: {ast.unparse(node.func)}"
            for module in SHIPPED
            for node in module.walk(ast.Call)
            if ast.unparse(node.func) in ("print", "time.sleep", "sleep")
        ]
        self.assertEqual(wrong, [])

    def test_logs_have_fields(self) -> None:
        """A text made by an f-string cannot be searched for, and a brace in it is taken for a field."""
        levels = {"debug", "info", "warn", "error", "critical", "failure"}
        wrong = [
            f"{module.path}:{node.lineno}"
            for module in SHIPPED
            for node in module.walk(ast.Call)
            if isinstance(node.func, ast.Attribute)
            and node.func.attr in levels
            and node.args
            and re.search(r"\blog$", ast.unparse(node.func.value).replace("_log", "log"))
            and isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
        ]
        self.assertEqual(wrong, [])

    def test_logs_are_those_of_twisted(self) -> None:
        """`warning` is of the standard library's, and would be noticed only when there is something to warn of."""
        wrong = [
            f"{module.path}:{node.lineno}: {ast.unparse(node.func)}"
            for module in SHIPPED
            for node in module.walk(ast.Call)
            if isinstance(node.func, ast.Attribute)
            and re.search(r"\.log$", ast.unparse(node.func.value))
            and not hasattr(Logger, node.func.attr)
        ]
        self.assertEqual(wrong, [])

    def test_classes_are_named_after_what_they_are(self) -> None:
        wrong = [
            f"{module.path}:{node.lineno}: {node.name}"
            for module in modules(*LONGEST)
            for node in module.walk(ast.ClassDef)
            if re.search(r"(Manager|Helper|Utils?|Handler)$", node.name)
        ]
        self.assertEqual(wrong, [])

    def test_every_module_says_what_it_is(self) -> None:
        wrong = [
            module.path for module in SHIPPED if module.text.strip() and not ast.get_docstring(module.tree)
        ]
        self.assertEqual(wrong, [])

    def test_no_place_that_only_one_computer_has(self) -> None:
        place = re.compile(r"\.\./shared|(?<![\w.])/(?:home/[a-z]|root/|work/|Users/)")
        wrong = []
        for path in [
            *(
                ROOT / top
                for top in (
                    "README.md",
                    "CHANGELOG.md",
                    "CONTRIBUTING.md",
                    "SECURITY.md",
                    "Makefile",
                    "setup.cfg",
                    "MANIFEST.in",
                )
            ),
            *(
                path
                for top in ("camd", "plugins", "docs", "etc", "tap", "twisted", ".ci")
                for path in (ROOT / top).rglob("*")
            ),
        ]:
            made = any(
                part == "__pycache__" or part.startswith(".") and part != ".ci"
                for part in path.relative_to(ROOT).parts
            )
            if path.is_file() and not made:
                wrong += [
                    f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
                    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
                    if place.search(line)
                ]
        self.assertEqual(wrong, [])
