"""The plugin loader: finds plugins, calls their hooks one at a time, and survives the bad ones.

The forces. A plugin is somebody else's code in our process: it may not import, it may raise in any
hook, it may return a Deferred that never fires. None of that may keep the daemon or another plugin
from working, and the owner must see which one it was, why, and what helps.

Refused: pluggy's own entry-point loading, which stops at the first plugin that does not import, and
its plain hook call, which one raising implementation aborts for all. So each plugin is imported in
a `try` of its own and each hook is called plugin by plugin.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, EntryPoint
from typing import Any

import pluggy
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from . import __version__, hookspecs
from .errors import CamdError
from .state import Spec

GROUP = "camd.plugins"
#: How long `call_async` waits for a plugin's Deferred (seconds).
PATIENCE = 10.0

#: What hooks return lists of, by its name in the annotation.
_ITEMS: dict[str, type] = {
    "Spec": Spec,
    "Route": hookspecs.Route,
    "Method": hookspecs.Method,
    "Check": hookspecs.Check,
    "Found": hookspecs.Found,
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_SWITCHED_OFF = "switched off in the configuration"


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """What is known of one plugin.

    state: "ok"; "alert" when it failed and is not called any more, `reason` says why and what helps;
    "blocked" when the configuration switches it off, it is not even imported.
    core: a part of camd itself that uses the plugin hooks (its sources and encoders).
    """

    name: str
    module: str
    distribution: str = ""
    version: str = ""
    state: str = "ok"
    reason: str = ""
    core: bool = False


class Plugins:
    """All plugins, in the order in which they are called: camd's own first, then by name.

    clock: bounds the wait for Deferreds of plugins; without it there is no limit.
    on_change(PluginInfo) is called for each plugin that comes, and when it is switched off: the
    owner stops what it runs for that plugin. trace: log every call and result. Reactor thread only.
    """

    log = Logger()

    def __init__(
        self,
        clock: Any = None,
        on_change: Callable[[PluginInfo], None] = lambda info: None,
        trace: bool = False,
    ):
        self.on_change = on_change
        self._clock = clock
        self._infos: dict[str, PluginInfo] = {}
        self._manager = pluggy.PluginManager("camd")
        self._manager.add_hookspecs(hookspecs)
        self._hooks = {name: _wanted(getattr(hookspecs, name)) for name in vars(self._manager.hook)}
        if trace:
            self._manager.add_hookcall_monitoring(self._before, self._after)

    def __iter__(self) -> Iterator[PluginInfo]:
        return iter(list(self._infos.values()))

    def __getitem__(self, name: str) -> PluginInfo:
        return self._infos[name]

    # -- finding them

    def register(self, name: str, module: Any) -> None:
        """Take in a part of camd itself: a module or object with hook functions."""
        info = PluginInfo(
            name, getattr(module, "__name__", type(module).__name__), "camd", __version__, core=True
        )
        self._add(info, module)

    def discover(
        self, blocked: Iterable[str] = (), distributions: Iterable[Distribution] | None = None
    ) -> None:
        """Import every plugin that an installed distribution names in the group `camd.plugins`.

        blocked: names that are listed but not imported; distributions: where to look, by default
        everything installed. Of two plugins with one name the first counts, a bundled one before any
        other.
        """
        blocked = set(blocked)
        for entry, distribution in _entry_points(distributions or importlib.metadata.distributions()):
            name = (
                entry.name
                if _NAME.fullmatch(entry.name)
                else re.sub(r"[^a-z0-9_.-]", "_", entry.name.lower())
            )
            info = PluginInfo(
                name, entry.value, distribution.metadata["Name"] or "", distribution.version or ""
            )
            if name in self._infos:
                taken = self._infos[name]
                if (taken.module, taken.distribution) != (info.module, info.distribution):
                    self.log.warn(
                        "plugin {plugin} of {distribution} is ignored: {taken} has one of that name",
                        plugin=name,
                        distribution=info.distribution,
                        taken=taken.distribution,
                    )
            elif name in blocked:
                self._tell(replace(info, state="blocked", reason=_SWITCHED_OFF))
            else:
                self._load(info, entry)
        for name in blocked - set(self._infos):
            self.log.warn(
                "no plugin {plugin} to switch off{hint}", plugin=name, hint=_did_you_mean(name, self._infos)
            )

    def _load(self, info: PluginInfo, entry: EntryPoint) -> None:
        try:
            module = entry.load()
        except (Exception, SystemExit) as error:  # a script taken for a plugin may well call exit()
            self.log.failure("plugin {plugin} does not import", plugin=info.name)
            self._tell(replace(info, state="alert", reason=_import_reason(error, entry)))
        else:
            self._add(info, module)

    def _add(self, info: PluginInfo, module: Any) -> None:
        reason = self._mistake(module)
        if not reason:
            try:
                self._manager.register(module, info.name)
            except pluggy.PluginValidationError as error:
                reason = _one_line(str(error))
            except ValueError:
                reason = f"module {info.module} is a plugin under another name already"
        if reason:
            self.log.error("plugin {plugin}: {reason}", plugin=info.name, reason=reason)
            info = replace(info, state="alert", reason=reason)
        self._tell(info)

    def _mistake(self, module: Any) -> str:
        """What is wrong with the names of its hook functions, or ""."""
        hooks = 0
        for attribute in dir(module):
            options = self._manager.parse_hookimpl_opts(module, attribute)
            if options is None:
                if attribute in self._hooks:
                    return f"{attribute} is not marked with @hookimpl"
                continue
            hooks += 1
            name = options.get("specname") or attribute
            if name not in self._hooks and not options.get("optionalhook"):
                return f"camd {__version__} has no hook {name}{_did_you_mean(name, self._hooks)}"
        return "" if hooks else "has no function marked with @hookimpl"

    # -- calling them

    def call(self, hook: str, **kwargs: Any) -> list[tuple[str, Any]]:
        """Call a hook of every plugin that has it: (plugin name, result), results of None left out.

        A plugin that raises, or returns something else than the hook asks for, is switched off. A
        Deferred is accepted only where nothing is to be returned; its failure counts as a raise.
        """
        results = []
        for name, result in self._call_each(hook, kwargs):
            if self._hooks[hook] is None:
                if inspect.isawaitable(result):
                    self._settle(name, hook, result)
            elif self._fits(name, hook, result):
                results.append((name, result))
        return results

    async def call_async(self, hook: str, **kwargs: Any) -> list[tuple[str, Any]]:
        """As `call`, and waits for Deferreds and coroutines, all at once, at most PATIENCE."""
        waiting = [(name, self._settle(name, hook, result)) for name, result in self._call_each(hook, kwargs)]
        results = [(name, await result) for name, result in waiting]
        return [(name, result) for name, result in results if self._fits(name, hook, result)]

    @contextmanager
    def guard(self, name: str, doing: str) -> Iterator[None]:
        """Run something on behalf of a plugin: if it raises, the plugin is switched off.

        For what the owner does with results, such as declaring a Spec or starting a service.
        """
        try:
            yield
        except Exception:
            self.failed(name, doing, Failure())

    def failed(self, name: str, doing: str, failure: Failure) -> None:
        """Something of this plugin raised: log it once with its traceback and switch it off."""
        if self._infos[name].state != "ok":
            return
        self.log.failure(
            "plugin {plugin} failed in {doing} and is switched off", failure, plugin=name, doing=doing
        )
        self.disable(name, f"{doing}: {_text(failure.value)}")

    def disable(self, name: str, reason: str) -> None:
        """Call this plugin no more and show the reason."""
        info = self._infos[name]
        if info.state == "ok":
            self._manager.unregister(name=name)
            self._tell(replace(info, state="alert", reason=reason))

    def _call_each(self, hook: str, kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        owners = {
            implementation.plugin_name for implementation in getattr(self._manager.hook, hook).get_hookimpls()
        }
        for info in self:
            if info.name not in owners or self._infos[info.name].state != "ok":
                continue
            others = [plugin for name, plugin in self._manager.list_name_plugin() if name != info.name]
            results = []
            with self.guard(info.name, hook):
                results = self._manager.subset_hook_caller(hook, others)(**kwargs)
            for result in results:
                yield info.name, result

    def _settle(self, name: str, hook: str, result: Any) -> Deferred[Any]:
        """A Deferred of the result; it never fails, for a failure ends the plugin."""
        if not inspect.isawaitable(result):
            return succeed(result)
        settled = ensureDeferred(result) if inspect.iscoroutine(result) else maybeDeferred(lambda: result)
        if self._clock is not None:
            settled.addTimeout(PATIENCE, self._clock, _too_late)
        return settled.addErrback(lambda failure: self.failed(name, hook, failure))

    def _fits(self, name: str, hook: str, result: Any) -> bool:
        wanted = self._hooks[hook]
        if result is None or wanted is None:
            return False
        reason = _misfit(result, *wanted)
        if reason:
            self.log.error("plugin {plugin}: {hook} {reason}", plugin=name, hook=hook, reason=reason)
            self.disable(name, f"{hook}: {reason}")
        return not reason

    def _tell(self, info: PluginInfo) -> None:
        self._infos[info.name] = info
        self.on_change(info)

    # -- tracing

    def _before(self, hook: str, implementations: Any, kwargs: dict[str, Any]) -> None:
        for implementation in implementations:
            self.log.info(
                "{plugin}: {hook}({arguments})",
                plugin=implementation.plugin_name,
                hook=hook,
                arguments=", ".join(implementation.argnames),
            )

    def _after(self, outcome: Any, hook: str, implementations: Any, kwargs: dict[str, Any]) -> None:
        result = repr(outcome.exception) if outcome.exception else outcome.get_result()
        for implementation in implementations:
            self.log.info(
                "{plugin}: {hook} -> {result}", plugin=implementation.plugin_name, hook=hook, result=result
            )


def _entry_points(distributions: Iterable[Distribution]) -> list[tuple[EntryPoint, Distribution]]:
    found = []
    for distribution in distributions:
        try:
            found += [(entry, distribution) for entry in distribution.entry_points.select(group=GROUP)]
        except Exception:  # a damaged dist-info directory of whoever's package
            Plugins.log.failure("the metadata of an installed package cannot be read")
    return sorted(found, key=lambda pair: (not pair[0].value.startswith("camd_plugins."), pair[0].name))


def _wanted(hook: Callable[..., Any]) -> tuple[tuple[type, ...], type] | None:
    """What a hook's annotation asks for: a list (or tuple) of what, a dict, or nothing."""
    container, _, inner = str(inspect.get_annotations(hook)["return"]).rstrip("]").partition("[")
    return {
        "list": ((list, tuple), _ITEMS.get(inner, object)),
        "dict": ((dict,), str),
    }.get(container)


def _misfit(result: Any, containers: tuple[type, ...], item: type) -> str:
    if not isinstance(result, containers):
        if inspect.iscoroutine(result):
            result.close()  # it will never run, and need not complain about that
        return f"returned {type(result).__name__} instead of a {containers[0].__name__}"
    wrong = next((entry for entry in result if not isinstance(entry, item)), None)
    return "" if wrong is None else f"returned {type(wrong).__name__} in place of {item.__name__}"


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def _too_late(result: Any, seconds: float) -> None:
    raise CamdError(f"no result within {seconds:g} s")


def _text(error: BaseException) -> str:
    if isinstance(error, CamdError):
        return _one_line(str(error))
    return _one_line(f"{type(error).__name__}: {error}")


def _one_line(text: str) -> str:
    return textwrap.shorten(text, 500, placeholder=" ...")


def _import_reason(error: BaseException, entry: EntryPoint) -> str:
    """Why a plugin does not import, and what helps."""
    missing = getattr(error, "name", None)
    if not isinstance(error, ImportError) or not missing:
        return f"does not import: {_text(error)}"
    package = missing.partition(".")[0]
    if not isinstance(error, ModuleNotFoundError):
        hint = f"; it needs another version of camd, this is {__version__}" if package == "camd" else ""
        return f"does not import: {error}{hint}"
    distribution = entry.dist.metadata["Name"]
    if package == entry.module.partition(".")[0]:
        return f"module {missing} is not there: pip install --force-reinstall {distribution}"
    extra = _extra(entry.dist.requires or (), package)
    return f"needs {missing}: pip install " + (f"'{distribution}[{extra}]'" if extra else package)


def _extra(requirements: Iterable[str], package: str) -> str:
    """The extra of a distribution that brings this package, or ""."""
    for requirement in requirements:
        match = re.match(r"([\w.-]+).*;.*\bextra\s*==\s*['\"]([\w.-]+)['\"]", requirement)
        if match and match[1].replace("-", "_").lower() == package.replace("-", "_").lower():
            return match[2]
    return ""
