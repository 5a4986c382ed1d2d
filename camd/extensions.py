"""Extensions: what plugins add to the daemon, and its removal when one of them fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.logger import Logger

from .plugins import PluginInfo
from .state import Spec, store

if TYPE_CHECKING:
    from .app import App
    from .hookspecs import Method
    from .media.sound import Microphone
    from .media.source import Source


#: In the data directory: how the plugins do, for `camd plugins`, which is another process.
REPORT = "plugins.json"


class Extensions:
    """Sources and microphones by scheme, encoders by codec, methods by name, and the plugins' services.

    Every plugin's part is taken under `plugins.guard`: a bad one is switched off, the rest goes on.
    Reactor thread only.
    """

    log = Logger()

    def __init__(self, app: App):
        self.sources: dict[str, Callable[[str], Source]] = {}
        self.microphones: dict[str, Callable[[str], Microphone]] = {}
        self.encoders: dict[str, Callable[..., Any]] = {}
        self.methods: dict[str, Method] = {}
        self._app = app
        self._paths: dict[str, list[str]] = {}
        self._services: list[tuple[str, Any]] = []
        self._loaded = False
        self._writing = False
        self._reported: dict[str, Any] | None = None
        app.plugins.on_change = self._changed

    async def load(self, core: Mapping[str, Any]) -> None:
        """Find the plugins and take what they add, in the order of the hooks."""
        app, plugins = self._app, self._app.plugins
        for name, module in core.items():
            plugins.register(name, module)
        plugins.discover(app.config.plugins.blocked)
        for hook, known in (("camd_sources", self.sources), ("camd_microphones", self.microphones),
                            ("camd_encoders", self.encoders)):
            for name, added in await plugins.call_async(hook, app=app):
                for key, factory in added.items():
                    if known.setdefault(key, factory) is not factory:
                        plugins.disable(name, f"{hook}: {key!r} is provided already")
        for name, specs in await plugins.call_async("camd_observables", app=app):
            with plugins.guard(name, "camd_observables"):
                for spec in specs:
                    if spec.name in app.state:
                        raise ValueError(f"the state {spec.name} exists already")
                    app.state.declare(spec)
        for name, routes in await plugins.call_async("camd_resources", app=app):
            with plugins.guard(name, "camd_resources"):
                for route in routes:
                    app.web.add(route)
                    self._paths.setdefault(name, []).append(route.path)
        for name, methods in await plugins.call_async("camd_methods", app=app):
            with plugins.guard(name, "camd_methods"):
                for method in methods:
                    if self.methods.setdefault(method.name, method) is not method:
                        raise ValueError(f"the method {method.name} exists already")
        self._loaded = True
        self._report()

    async def start_services(self) -> None:
        plugins = self._app.plugins
        for name, services in await plugins.call_async("camd_services", app=self._app):
            for service in services:
                self._services.append((name, service))
                maybeDeferred(service.startService).addErrback(self._service_failed, name)

    def stop_services(self) -> Deferred[Any]:
        stopping = [self._stop(name, service) for name, service in reversed(self._services)]
        self._services.clear()
        return DeferredList(stopping)

    def _service_failed(self, failure: Any, name: str) -> None:
        self._app.plugins.failed(name, "camd_services", failure)

    def _stop(self, name: str, service: Any) -> Deferred[Any]:
        stopped = maybeDeferred(service.stopService)
        return stopped.addErrback(lambda failure: self.log.failure("service of {plugin}", failure, plugin=name))

    def _changed(self, info: PluginInfo) -> None:
        """Show the plugin in the State; take back what a failed one runs and serves."""
        state = self._app.state
        if not info.core or info.state == "alert":
            about = {
                f"plugins/{info.name}": (info.state, ("ok", "alert", "blocked"), f"State of the plugin {info.name}."),
                f"plugins/{info.name}/reason": (info.reason, (), "Why it does not run."),
            }
            for name, (value, choices, doc) in about.items():
                state.declare(Spec(name, str, choices=choices, doc=doc)).publish(value)
        if info.state == "alert":
            for name, service in [pair for pair in self._services if pair[0] == info.name]:
                self._services.remove((name, service))
                self._stop(name, service)
            for path in self._paths.pop(info.name, ()):
                self._app.web.remove(path)
        if self._loaded:
            self._report()

    def _report(self) -> None:
        """Write REPORT if it would change; one write at a time, in the io pool."""
        report = {
            info.name: {"distribution": info.distribution, "version": info.version,
                        "state": info.state, "reason": info.reason}
            for info in self._app.plugins if not info.core
        }
        if self._writing or report == self._reported:
            return
        self._writing, self._reported = True, report
        path = self._app.config.data_dir / REPORT
        written = self._app.threads.io(store.write, path, report)
        written.addErrback(self._not_written).addCallback(self._written)

    def _not_written(self, failure: Any) -> None:
        self.log.warn("cannot write {name}: {error}", name=REPORT, error=failure.value)

    def _written(self, _: Any) -> None:
        self._writing = False
        self._report()
