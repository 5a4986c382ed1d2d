"""The plugin loader: what it finds, how it calls, and that a bad plugin costs only itself."""

from __future__ import annotations

import inspect
import sys
import textwrap
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from camd import hookspecs
from camd.errors import Invalid
from camd.hookspecs import Check, hookimpl
from camd.plugins import PATIENCE, PluginInfo, Plugins
from camd.testing import app_for_tests


def plugin(**hooks: Any) -> ModuleType:
    """A plugin module with these hook functions."""
    module = ModuleType("a_plugin")
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


class PluginsCase(SynchronousTestCase):
    """Plugins with a Clock; `told` has every PluginInfo that on_change got."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[PluginInfo] = []
        self.plugins = Plugins(self.clock, self.told.append)

    def add(self, name: str, **hooks: Any) -> None:
        self.plugins.register(name, plugin(**hooks))

    def state(self, name: str) -> tuple[str, str]:
        info = self.plugins[name]
        return info.state, info.reason

    def logged(self, kind: type[Exception]) -> None:
        self.assertEqual(len(self.flushLoggedErrors(kind)), 1)


class CallTests(PluginsCase):
    def test_results_come_with_the_plugins_name_in_order(self) -> None:
        self.add("one", camd_services=lambda app: ["a"])
        self.add("two", camd_sources=lambda: {"x": "y"})
        self.add("three", camd_services=lambda app: ("b",))
        self.assertEqual(self.plugins.call("camd_services", app=None), [("one", ["a"]), ("three", ("b",))])
        self.assertEqual(self.plugins.call("camd_sources", app=None), [("two", {"x": "y"})])

    def test_hooks_get_only_the_arguments_they_name(self) -> None:
        self.add("one", camd_services=lambda: ["no app"])
        self.assertEqual(self.plugins.call("camd_services", app="the app"), [("one", ["no app"])])

    def test_none_is_no_result(self) -> None:
        self.add("one", camd_services=lambda app: None)
        self.assertEqual(self.plugins.call("camd_services", app=None), [])
        self.assertEqual(self.state("one"), ("ok", ""))

    def test_a_raise_ends_that_plugin_only(self) -> None:
        calls = []

        def fails(app: Any) -> list[Any]:
            calls.append(app)
            raise KeyError("x")

        self.add("before", camd_services=lambda app: ["before"])
        self.add("bad", camd_services=fails, camd_health=lambda app: ["never"])
        self.add("after", camd_services=lambda app: ["after"])
        expected = [("before", ["before"]), ("after", ["after"])]
        self.assertEqual(self.plugins.call("camd_services", app=1), expected)
        self.assertEqual(self.plugins.call("camd_services", app=2), expected)
        self.assertEqual(self.plugins.call("camd_health", app=3), [])
        self.assertEqual(calls, [1])
        self.assertEqual(self.state("bad"), ("alert", "camd_services: KeyError: 'x'"))
        self.logged(KeyError)

    def test_our_own_errors_speak_for_themselves(self) -> None:
        def fails(app: Any) -> list[Any]:
            raise Invalid("ticker/count", "no such state")

        self.add("bad", camd_services=fails)
        self.plugins.call("camd_services", app=None)
        self.assertEqual(self.state("bad"), ("alert", "camd_services: ticker/count: no such state"))
        self.logged(Invalid)

    def test_a_long_reason_is_one_short_line(self) -> None:
        def fails(app: Any) -> list[Any]:
            raise ValueError("line\n" * 1000)

        self.add("bad", camd_services=fails)
        self.plugins.call("camd_services", app=None)
        reason = self.plugins["bad"].reason
        self.assertLess(len(reason), 600)
        self.assertNotIn("\n", reason)
        self.logged(ValueError)

    def test_the_wrong_kind_of_result(self) -> None:
        self.add("bad", camd_services=lambda app: "a service")
        self.assertEqual(self.plugins.call("camd_services", app=None), [])
        self.assertEqual(self.state("bad"), ("alert", "camd_services: returned str instead of a list"))

    def test_the_wrong_kind_of_item(self) -> None:
        self.add("list", camd_health=lambda app: [Check("lamp", True), "fine"])
        self.add("dict", camd_sources=lambda: {1: "y"})
        self.assertEqual(self.plugins.call("camd_health", app=None), [])
        self.assertEqual(self.plugins.call("camd_sources", app=None), [])
        self.assertEqual(self.state("list"), ("alert", "camd_health: returned str in place of Check"))
        self.assertEqual(self.state("dict"), ("alert", "camd_sources: returned int in place of str"))

    def test_a_deferred_where_the_result_is_needed_at_once(self) -> None:
        self.add("bad", camd_health=lambda app: Deferred())
        self.assertEqual(self.plugins.call("camd_health", app=None), [])
        self.assertEqual(self.state("bad"), ("alert", "camd_health: returned Deferred instead of a list"))

    def test_an_event_may_be_worked_on_later(self) -> None:
        work: Deferred[None] = Deferred()
        seen = []

        async def fails(event: Any) -> None:
            seen.append(event)
            await work
            raise OSError("no route to host")

        self.add("bad", camd_event=fails)
        self.assertEqual(self.plugins.call("camd_event", event="motion"), [])
        self.assertEqual((seen, self.state("bad")), (["motion"], ("ok", "")))
        work.callback(None)
        self.assertEqual(self.state("bad"), ("alert", "camd_event: OSError: no route to host"))
        self.logged(OSError)

    def test_on_change_hears_of_each_plugin_and_of_its_end_once(self) -> None:
        self.add("one", camd_services=lambda app: 1 / 0)
        for _ in range(2):
            self.plugins.call("camd_services", app=None)
        self.assertEqual([(info.name, info.state) for info in self.told], [("one", "ok"), ("one", "alert")])
        self.logged(ZeroDivisionError)

    def test_what_the_owner_does_for_a_plugin_is_guarded_too(self) -> None:
        self.add("one", camd_services=lambda app: [None])
        for _ in range(2):
            with self.plugins.guard("one", "start of Lamp"):
                raise RuntimeError("no lamp")
        self.assertEqual(self.state("one"), ("alert", "start of Lamp: RuntimeError: no lamp"))
        self.logged(RuntimeError)

    def test_two_managers_share_nothing(self) -> None:
        self.add("one", camd_services=lambda app: ["a"])
        self.assertEqual(Plugins().call("camd_services", app=None), [])

    def test_tracing_prints_calls_and_results(self) -> None:
        plugins = Plugins(trace=True)
        plugins.register("one", plugin(camd_services=lambda app: ["fine"]))
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        plugins.call("camd_services", app=None)
        lines = [event["log_format"].format(**event) for event in events]
        self.assertEqual(lines, ["one: camd_services(app)", "one: camd_services -> [['fine']]"])


class CallAsyncTests(PluginsCase):
    def call(self, hook: str, **kwargs: Any) -> Deferred[Any]:
        return ensureDeferred(self.plugins.call_async(hook, **kwargs))

    def test_deferreds_coroutines_and_plain_results(self) -> None:
        later: Deferred[Any] = Deferred()

        async def coroutine(app: Any) -> Any:
            return ["b", await later]

        self.add("plain", camd_services=lambda app: ["a"])
        self.add("coroutine", camd_services=coroutine)
        self.add("deferred", camd_services=lambda app: later)
        result = self.call("camd_services", app=None)
        self.assertNoResult(result)
        later.callback(["c"])
        self.assertEqual(
            self.successResultOf(result), [("plain", ["a"]), ("coroutine", ["b", ["c"]]), ("deferred", ["c"])]
        )

    def test_a_failure_ends_that_plugin_only(self) -> None:
        async def fails(app: Any) -> Any:
            raise OSError("gone")

        self.add("bad", camd_services=fails)
        self.add("good", camd_services=lambda app: ["a"])
        self.assertEqual(self.successResultOf(self.call("camd_services", app=None)), [("good", ["a"])])
        self.assertEqual(self.state("bad"), ("alert", "camd_services: OSError: gone"))
        self.logged(OSError)

    def test_nobody_waits_for_ever(self) -> None:
        self.add("silent", camd_services=lambda app: Deferred())
        self.add("dumb", camd_services=lambda app: Deferred())
        self.add("good", camd_services=lambda app: ["a"])
        result = self.call("camd_services", app=None)
        self.clock.advance(PATIENCE - 0.1)
        self.assertNoResult(result)
        self.clock.advance(0.2)
        self.assertEqual(self.successResultOf(result), [("good", ["a"])])
        self.assertEqual(self.state("silent"), ("alert", "camd_services: no result within 10 s"))
        self.assertEqual(self.state("dumb")[0], "alert")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.flushLoggedErrors()


class MistakeTests(PluginsCase):
    """What pluggy would refuse or overlook, told so that the author can mend it."""

    def alert(self, module: Any) -> str:
        self.plugins.register("bad", module)
        state, reason = self.state("bad")
        self.assertEqual(state, "alert")
        self.assertEqual(self.plugins.call("camd_services", app=None), [])
        return reason

    def test_a_misspelt_hook(self) -> None:
        reason = self.alert(plugin(camd_service=lambda app: []))
        self.assertIn("has no hook camd_service; did you mean camd_services?", reason)

    def test_an_unknown_hook_that_may_be_unknown(self) -> None:
        module = ModuleType("modern")
        module.camd_telepathy = hookimpl(optionalhook=True)(lambda app: [])
        self.plugins.register("modern", module)
        self.assertEqual(self.state("modern"), ("ok", ""))

    def test_an_unknown_argument(self) -> None:
        reason = self.alert(plugin(camd_services=lambda application: []))
        self.assertIn("camd_services", reason)
        self.assertIn("'application'", reason)

    def test_a_forgotten_mark(self) -> None:
        self.assertEqual(
            self.alert(SimpleNamespace(camd_services=lambda app: [])),
            "camd_services is not marked with @hookimpl",
        )

    def test_no_hook_at_all(self) -> None:
        self.assertEqual(self.alert(ModuleType("empty")), "has no function marked with @hookimpl")

    def test_one_module_under_two_names(self) -> None:
        module = plugin(camd_services=lambda app: [])
        self.plugins.register("one", module)
        self.plugins.register("two", module)
        self.assertEqual(self.state("one"), ("ok", ""))
        self.assertEqual(
            self.state("two"), ("alert", "module a_plugin is a plugin under another name already")
        )


class DiscoverTests(PluginsCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.modules: list[str] = []
        self.patch(sys, "path", [str(self.folder), *sys.path])
        self.addCleanup(lambda: [sys.modules.pop(name, None) for name in self.modules])

    def install(self, name: str, source: str | None, entry: str = "", requires: tuple[str, ...] = ()) -> None:
        """Put a distribution with one module of that name into the folder, as an installer would."""
        if source is not None:
            (self.folder / f"{name}.py").write_text(textwrap.dedent(source))
        information = self.folder / f"{name}-1.0.dist-info"
        information.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (information / "METADATA").write_text("\n".join(lines) + "\n")
        (information / "entry_points.txt").write_text(f"[camd.plugins]\n{entry or f'{name} = {name}'}\n")
        self.modules.append(name)

    def discover(self, *blocked: str) -> None:
        self.plugins.discover(blocked, distributions(path=[str(self.folder)]))

    GOOD = """
        from camd.hookspecs import hookimpl

        @hookimpl
        def camd_services(app):
            return [__name__]
    """

    def test_an_installed_plugin(self) -> None:
        self.install("lamp", self.GOOD)
        self.discover()
        self.assertEqual(list(self.plugins), [PluginInfo("lamp", "lamp", "lamp", "1.0")])
        self.assertEqual(self.plugins.call("camd_services", app=None), [("lamp", ["lamp"])])

    def test_an_object_in_a_module(self) -> None:
        source = """
            from camd.hookspecs import hookimpl

            class Lamp:
                @hookimpl
                def camd_services(self, app):
                    return ["lit"]

            lamp = Lamp()
        """
        self.install("lamp", source, "lamp = lamp:lamp")
        self.discover()
        self.assertEqual(self.plugins.call("camd_services", app=None), [("lamp", ["lit"])])

    def test_no_entry_point_is_loaded_unless_asked(self) -> None:
        self.install("lamp", self.GOOD)
        self.assertEqual(list(Plugins()), [])

    def test_a_missing_package(self) -> None:
        self.install("bad", "import a_package_that_nobody_has.part")
        self.install("good", self.GOOD)
        self.discover()
        self.assertEqual(
            self.state("bad"),
            ("alert", "needs a_package_that_nobody_has: pip install a_package_that_nobody_has"),
        )
        self.assertEqual(self.state("good"), ("ok", ""))
        self.logged(ModuleNotFoundError)

    def test_a_package_of_an_extra(self) -> None:
        requires = ("twisted", "a-package-that-nobody-has>=2; extra == 'light'")
        self.install("bad", "import a_package_that_nobody_has", requires=requires)
        self.discover()
        self.assertEqual(self.state("bad")[1], "needs a_package_that_nobody_has: pip install 'bad[light]'")
        self.logged(ModuleNotFoundError)

    def test_another_version_of_camd(self) -> None:
        self.install("bad", "from camd.hookspecs import Telepathy")
        self.discover()
        self.assertIn("another version of camd", self.state("bad")[1])
        self.logged(ImportError)

    def test_a_module_that_is_not_there(self) -> None:
        self.install("bad", None)
        self.discover()
        self.assertEqual(self.state("bad")[1], "module bad is not there: pip install --force-reinstall bad")
        self.logged(ModuleNotFoundError)

    def test_what_else_can_happen_at_import(self) -> None:
        self.install("divides", "1 / 0")
        self.install("exits", "raise SystemExit(3)")
        self.install("garbled", "def f(:")
        self.install("good", self.GOOD)
        self.discover()
        self.assertEqual(
            self.state("divides"), ("alert", "does not import: ZeroDivisionError: division by zero")
        )
        self.assertEqual(self.state("exits"), ("alert", "does not import: SystemExit: 3"))
        self.assertIn("SyntaxError", self.state("garbled")[1])
        self.assertEqual(self.plugins.call("camd_services", app=None), [("good", ["good"])])
        self.assertEqual(len(self.flushLoggedErrors()), 3)

    def test_a_blocked_plugin_is_listed_but_not_imported(self) -> None:
        self.install("exits", "raise SystemExit(3)")
        self.discover("exits")
        self.assertEqual(self.state("exits"), ("blocked", "switched off in the configuration"))
        self.assertNotIn("exits", sys.modules)

    def test_of_two_with_one_name_a_bundled_one_counts(self) -> None:
        self.install("a_third", self.GOOD, "lamp = a_third")
        self.install("bundled", None, "lamp = camd_plugins.lamp")
        self.discover("lamp")
        self.assertEqual([info.distribution for info in self.plugins], ["bundled"])

    def test_a_name_that_cannot_be_a_state(self) -> None:
        self.install("lamp", self.GOOD, "My Lamp! = lamp")
        self.discover()
        self.assertEqual([info.name for info in self.plugins], ["my_lamp_"])

    def test_the_order_is_that_of_the_names(self) -> None:
        for name in ("zebra", "ant", "mole"):
            self.install(name, self.GOOD)
        self.discover()
        self.assertEqual([info.name for info in self.plugins], ["ant", "mole", "zebra"])

    def test_damaged_metadata(self) -> None:
        self.install("good", self.GOOD)
        self.install("damaged", None, "this is not an entry point\n[[[")
        self.discover()
        self.assertEqual(self.state("good"), ("ok", ""))
        self.flushLoggedErrors()


class DocumentationTests(SynchronousTestCase):
    """docs/plugins.md shows the plugin that the tests install, and every hook there is."""

    ROOT = Path(__file__).parent.parent

    def setUp(self) -> None:
        self.page = (self.ROOT / "docs" / "plugins.md").read_text()

    def test_the_plugin_shown_is_the_one_that_is_tested(self) -> None:
        for name, language in (
            ("camd_ticker.py", "python"),
            ("setup.cfg", "ini"),
            ("pyproject.toml", "toml"),
        ):
            text = (self.ROOT / "tests" / "fixtures" / "camd_ticker" / name).read_text()
            self.assertIn(f"```{language}\n{text}```", self.page)

    def test_it_has_twenty_lines(self) -> None:
        text = (self.ROOT / "tests" / "fixtures" / "camd_ticker" / "camd_ticker.py").read_text()
        self.assertEqual(len([line for line in text.splitlines() if line.strip()]), 20)

    def test_every_hook_with_its_arguments(self) -> None:
        hooks = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("camd_")}
        self.assertEqual(len(hooks), 11)
        for name, hook in hooks.items():
            arguments = ", ".join(inspect.signature(hook).parameters)
            self.assertIn(f"### `{name}({arguments})", self.page)

    def test_every_part_of_the_facade(self) -> None:
        app = app_for_tests(Path(self.mktemp()))
        for name in (
            "state",
            "cameras",
            "events",
            "web",
            "threads",
            "metrics",
            "plugins",
            "config",
            "reactor",
            "log",
        ):
            getattr(app, name)
            self.assertIn(f"`app.{name}`", self.page)
