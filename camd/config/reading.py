"""From files, environment and command line to one frozen Config, or to every mistake at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError, Problem
from . import values as kinds
from .data_dir import default_data_dir
from .layers import (
    Layer,
    Setting,
    choose_file,
    read_environment,
    read_file,
    read_files,
    read_options,
    read_text,
)
from .model import (
    BUILT_IN,
    PRESETS,
    SCHEMA,
    AuthConfig,
    CameraConfig,
    Config,
    LimitsConfig,
    PluginsConfig,
    StorageConfig,
    TlsConfig,
    WebConfig,
    WebSocketConfig,
)
from .schema import ANY, Effect, Key, Tree, keys_of, suggest, values_of
from .secret import Secret
from .source_url import same_host, same_server, split_login
from .store import STORE

#: Keys of a camera by which camd gets into it; they are for the server that its source names.
LOGIN = ("username", "password", "password_file", "onvif")
_KEYS = {known.name: known for known in keys_of(SCHEMA)}


def load(
    path: Path | None,
    *,
    environ: Mapping[str, str],
    options: Mapping[str, str | None],
    store: str | None = None,
) -> Config:
    """Read every layer and return the checked whole, or raise ConfigError with every mistake.

    path: the file that the command line names, or None; environ: as os.environ; options: further options of
    the command line by name, as in layers.read_options; store: what the run-time store shall hold, to be
    checked instead of what it holds. Reads files, changes nothing.
    """
    return _Reading(environ).config(choose_file(path, environ), options, store)


def changes(old: Config, new: Config) -> dict[str, Effect]:
    """What differs, by dotted key. A camera that came or went is its key "cameras.<id>"."""
    before = {name: value for name, _, value in values_of(old, SCHEMA)}
    found: dict[str, Effect] = {}
    for name, known, value in values_of(new, SCHEMA):
        if name in before and before[name] != value:
            found[name] = known.effect
    for camera in old.cameras.keys() ^ new.cameras.keys():
        found[f"cameras.{camera}"] = Effect.CAMERA
    return found


class _Reading:
    """One run of `load`: what was given so far, and what is wrong with it."""

    def __init__(self, environ: Mapping[str, str]):
        self.environ = environ
        self.problems: list[Problem] = []
        self.given: dict[tuple[str, ...], tuple[Any, Setting]] = {}
        self.cameras: dict[str, Setting] = {}  # the first Setting of each, in order
        self.reported: set[tuple[str, tuple[str, ...]]] = set()
        self.store = ""

    def config(self, file: Path | None, options: Mapping[str, str | None], text: str | None) -> Config:
        files = Layer() if file is None else read_files(file)
        environment, command_line = read_environment(self.environ), read_options(options)
        self.take(files)
        data_dir, data_dir_origin = self.data_dir(files, environment, command_line)
        store = data_dir / STORE
        self.store = str(store)
        if text is not None:
            self.take_store(read_text(store, text))
        elif os.path.lexists(store):
            self.take_store(read_file(store))
        self.take(environment)
        self.take(command_line)
        self.check_together()
        if self.problems:
            raise ConfigError(self.problems)
        return self.build(file, data_dir, data_dir_origin)

    def take(self, layer: Layer) -> None:
        """Check the settings of one layer and let them win over earlier ones."""
        self.problems += layer.problems
        self.forget_logins(layer)
        for setting in layer.settings:
            known = self.find(setting)
            if known is None:
                continue
            try:
                self.given[setting.keys] = self.convert(known, setting), setting
            except kinds.Unfit as unfit:
                self.problems.append(setting.problem(unfit.text, unfit.hint))

    def forget_logins(self, layer: Layer) -> None:
        """A layer that leads a camera to another server leaves its login behind: whoever may change the source
        at run time must not learn the password in the file by naming a server of their own."""
        for setting in layer.settings:
            if setting.keys[::2] != ("cameras", "source") or setting.keys not in self.given:
                continue
            if not same_server(self.given[setting.keys][0], str(setting.value)):
                for key in LOGIN:
                    self.given.pop((*setting.keys[:2], key), None)

    def take_store(self, layer: Layer) -> None:
        allowed = tuple(setting for setting in layer.settings if setting.keys != ("data_dir",))
        for setting in layer.settings:
            if setting.keys == ("data_dir",):
                text = "the run-time store lies in the data directory and cannot move it"
                self.problems.append(setting.problem(text, "remove the line"))
        self.take(Layer(allowed, layer.problems))

    def convert(self, known: Key, setting: Setting) -> Any:
        value = known.kind.parse(setting.value) if setting.given_as_text else setting.value
        value = known.kind.check(value)
        return setting.folder / value if isinstance(value, Path) else value

    def find(self, setting: Setting) -> Key | None:
        """The Key of a setting; None after noting what is wrong, or for a table without keys."""
        node: Key | Tree = SCHEMA
        for depth, name in enumerate(setting.keys, 1):
            here = setting.keys[:depth]
            if isinstance(node, Key):
                self.note(setting, f"expected {node.kind.expected}, got a table", "", here[:-1])
                return None
            if ANY in node:
                if not self.know_camera(name, setting):
                    return None
                node = node[ANY]
            elif name in node:
                node = node[name]
            else:
                self.note(setting, "unknown key", suggest(name, node, SCHEMA), here)
                return None
        if isinstance(node, Key):
            return node
        if setting.value != {}:
            hint = f"write [{'.'.join(setting.keys)}]" if ANY not in node else "write [cameras.front]"
            self.note(setting, "expected a table", hint, setting.keys)
        return None

    def know_camera(self, name: str, setting: Setting) -> bool:
        try:
            kinds.camera_id().check(name)
        except kinds.Unfit as unfit:
            self.note(setting, unfit.text, unfit.hint, setting.keys[:2])
            return False
        self.cameras.setdefault(name, setting)
        return True

    def note(self, setting: Setting, text: str, hint: str, keys: tuple[str, ...]) -> None:
        """Note a problem of a whole table once, not for each key in it."""
        if (setting.where, keys) not in self.reported:
            self.reported.add((setting.where, keys))
            self.problems.append(setting.problem(text, hint, keys))

    def data_dir(self, files: Layer, *stronger: Layer) -> tuple[Path, str]:
        """The data directory and where it comes from: given, else the system's if it is ours, else the user's."""
        for layer in reversed((files, *stronger)):
            for setting in reversed(layer.settings):
                if setting.keys == ("data_dir",):
                    try:
                        return self.convert(_KEYS["data_dir"], setting), setting.origin
                    except kinds.Unfit:
                        break  # noted by take(); a weaker one serves to look for further mistakes
        return default_data_dir(self.environ)

    def check_together(self) -> None:
        """Mistakes that no single key shows."""
        wrong = {problem.key for problem in self.problems}
        for name, setting in self.cameras.items():
            source = f"cameras.{name}.source"
            if ("cameras", name, "source") not in self.given and not {source, f"cameras.{name}"} & wrong:
                hint = 'add source = "v4l2:/dev/video0", "file:…" or "test:"'
                self.problems.append(setting.problem("missing", hint, ("cameras", name, "source")))
        for keys, (value, setting) in self.given.items():
            if isinstance(value, Secret) and setting.where != self.store:
                hint = f"write {keys[-1]}_file, or give it with `camd camera set {keys[1]} --password`"
                self.problems.append(setting.problem("belongs into the run-time store", hint))
        self.check_devices()
        self.check_main_camera()
        self.check_listeners()
        self.check_tls()

    def check_devices(self) -> None:
        """What is signed in to with the login of a source is where the source is."""
        for keys, (value, setting) in self.given.items():
            if keys[::2] != ("cameras", "onvif") or not value:
                continue
            source = self.given.get((*keys[:2], "source"))
            if source is not None and not same_host(value, source[0]):
                hint = "the login of the camera is for its source"
                self.problems.append(setting.problem("is on another host than the source", hint))

    @property
    def preset(self) -> Mapping[str, object]:
        """Dotted key -> the default that the chosen preset has instead."""
        return PRESETS[self.given.get(("preset",), (_KEYS["preset"].default, None))[0]]

    def check_main_camera(self) -> None:
        if ("main_camera",) not in self.given:
            return
        main, setting = self.given["main_camera",]
        there = tuple(self.cameras) or ("cam1",)  # without cameras camd finds or makes one by this id
        if main not in there:
            self.problems.append(setting.problem(f'there is no camera "{main}"', f"there is {', '.join(there)}"))

    def check_listeners(self) -> None:
        preset, seen = self.preset, {}
        for name in ("http", "https", "rtsp", "rtsps"):
            endpoint, setting = self.given.get((name,), (preset.get(name, _KEYS[name].default), None))
            if endpoint is None or endpoint.split(":")[1:2] == ["0"]:
                continue
            other, others = seen.setdefault(endpoint, (name, setting))
            told = setting or others
            if other != name and told is not None:
                self.problems.append(told.problem(f"{other} and {name} have the same endpoint", "give each its own port"))

    def check_tls(self) -> None:
        given = {name: self.given["tls", name] for name in ("certificate", "key") if ("tls", name) in self.given}
        for name, (path, setting) in given.items():
            if len(given) == 1:
                other = "key" if name == "certificate" else "certificate"
                self.problems.append(setting.problem(f"needs tls.{other} beside it", "give both, or none"))
            if not os.access(path, os.R_OK):
                self.problems.append(setting.problem(f"{path} cannot be read", "check the path and its mode"))

    def build(self, file: Path | None, data_dir: Path, data_dir_origin: str) -> Config:
        preset = {tuple(name.split(".")): value for name, value in self.preset.items()}
        wanted = preset | {keys: value for keys, (value, _) in self.given.items()}

        def table(keys: tuple[str, ...]) -> dict[str, Any]:
            depth = len(keys)
            return {
                path[depth]: value
                for path, value in wanted.items()
                if len(path) == depth + 1 and path[:depth] == keys
            }

        top = {**table(()), "data_dir": data_dir}
        config = Config(
            **top,
            websocket=WebSocketConfig(**table(("websocket",))),
            limits=LimitsConfig(**table(("limits",))),
            web=WebConfig(**table(("web",))),
            auth=AuthConfig(**table(("auth",))),
            tls=TlsConfig(**table(("tls",))),
            storage=StorageConfig(**table(("storage",))),
            plugins=PluginsConfig(**table(("plugins",))),
            cameras={name: self.camera(name, table(("cameras", name))) for name in self.cameras},
            data_dir_origin=data_dir_origin,
            file=file,
            fixed=frozenset(".".join(keys) for keys, (_, at) in self.given.items() if at.given_as_text),
        )
        origins = dict.fromkeys(self.preset, f"preset {config.preset}")
        origins |= {".".join(keys): at.origin for keys, (_, at) in self.given.items()}
        for name, _, _ in values_of(config, SCHEMA):
            config.origins[name] = origins.get(name, BUILT_IN)
        config.origins["data_dir"] = data_dir_origin
        return config

    def camera(self, name: str, given: dict[str, Any]) -> CameraConfig:
        """One camera, with the login in its URL moved to where it is not shown."""
        source, username, password = split_login(given["source"])
        if username or password:
            login = {"username": username, "password": Secret(password)}
            if "password" in given or "password_file" in given:
                del login["password"]
            given = {**login, **given, "source": source}
        return CameraConfig(id=name, **given)
