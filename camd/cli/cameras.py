"""`camd camera`: the cameras of the configuration, whether the daemon runs or not."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..config import CameraConfig, Config, prepare_data_dir
from ..config.change import free_id
from ..config.source_url import shown_source, split_login
from ..config.values import Unfit
from ..config.values import source as source_kind
from ..errors import CamdError, Conflict, Gone, Invalid
from .changing import write as change
from .configuration import load_config, parse_value
from .output import FAILED, OK, say, write, write_json
from .verbs import JSON, PLACE, Verbs

if TYPE_CHECKING:
    from ..media.source import Source

#: Options that are keys of a camera.
_KEYS = ("source", "name", "enabled", "size", "fps", "format", "username", "password_file", "onvif", "sound")


def add_verbs(verbs: Verbs) -> None:
    camera = verbs.group("camera", "Add cameras, change and remove them.")
    camera.add("list", _list, "List the configured cameras.", PLACE, JSON)
    add = camera.add("add", _add, "Add a camera.", PLACE)
    add.add_argument("source", metavar="SOURCE", help='such as "v4l2:/dev/video0" or "rtsp://10.0.0.20/stream1"')
    add.add_argument("--id", metavar="ID", help="without it the next free of cam1, cam2, ...")
    change = camera.add("set", _set, "Change a camera.", PLACE)
    change.add_argument("id", metavar="ID")
    change.add_argument("--source", metavar="SOURCE", help="another device or address")
    for parser in (add, change):
        parser.add_argument("--name", help="what people call it")
        parser.add_argument("--enabled", metavar="true|false", help="whether it runs")
        parser.add_argument("--size", metavar="WIDTHxHEIGHT", help="size of the picture")
        parser.add_argument("--fps", metavar="NUMBER", help="pictures per second")
        parser.add_argument("--format", help="how the device delivers")
        parser.add_argument("--username", metavar="NAME", help="whom a network camera knows camd as")
        parser.add_argument("--password-file", metavar="FILE", help="where its password stands")
        parser.add_argument("--onvif", metavar="URL", help="the ONVIF device that it belongs to")
        parser.add_argument("--sound", metavar="MICROPHONE", help='such as "alsa:auto"; "" for none')
        parser.add_argument("--password", action="store_true",
                            help="ask for its password, or read it from standard input, and keep it encrypted")
    change.add_argument("--unset", metavar="KEY", action="append", default=[], help="take back what was set here")
    camera.add("remove", _remove, "Remove a camera.", PLACE).add_argument("id", metavar="ID")
    test = camera.add("test", _test, "Look what is in a source.", PLACE, JSON)
    test.add_argument("source", metavar="SOURCE", help="a source, or the id of a camera")
    test.add_argument("--username", metavar="NAME", default="", help="whom it knows camd as")
    test.add_argument("--password", action="store_true", help="ask for the password, or read it from standard input")


def _list(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    config = load_config(args, environ)
    cameras = [
        {"id": camera.id, "name": camera.name or camera.id, "source": shown_source(camera.source),
         "enabled": camera.enabled, "origin": config.origins[f"cameras.{camera.id}.source"]}
        for camera in config.cameras.values()
    ]  # fmt: skip
    if args.json:
        write_json(cameras)
        return OK
    if not cameras:
        say("No camera is configured: camd uses the first one that it finds, or else a test picture, as cam1.")
    for camera in cameras:
        state = "" if camera["enabled"] else "  (off)"
        write(f"{camera['id']:<12} {camera['source']}  {camera['name']}{state}  # {camera['origin']}")
    return OK


def _add(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    config = load_config(args, environ)
    taken = set(config.cameras) or {"cam1"}  # which stands for the camera that is found
    camera = args.id or free_id(taken)
    if camera in config.cameras:
        raise Conflict(f"there is a camera {camera} already: camd camera set {camera}")
    edits = _edits(args, config, camera)
    change(args, environ, config, edits, "camera_add", camera=camera)
    write(camera)
    return OK


def _set(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    config = load_config(args, environ)
    if config.cameras:
        _camera(config, args.id)
    edits = _edits(args, config, args.id)
    edits |= {("cameras", args.id, key): None for key in args.unset}
    change(args, environ, config, edits, "camera_change", camera=args.id)
    return OK


def _remove(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    config = load_config(args, environ)
    _camera(config, args.id)
    change(args, environ, config, {("cameras", args.id): None}, "camera_remove", camera=args.id)
    return OK


def _camera(config: Config, camera: str) -> CameraConfig:
    if camera not in config.cameras:
        raise Gone(f"there is no camera {camera}; there are: {', '.join(config.cameras) or 'none'}")
    return config.cameras[camera]


def _edits(args: argparse.Namespace, config: Config, camera: str) -> dict[tuple[str, ...], Any]:
    """What the options give the camera."""
    from ..auth.camera_login import seal_login

    given = {key: getattr(args, key) for key in _KEYS if getattr(args, key) is not None}
    values = {key: parse_value(("cameras", camera, key), text) for key, text in given.items()}
    if args.password:
        values["password"] = read_password()
    sealed = seal_login(prepare_data_dir(config), camera, values)
    return {("cameras", camera, key): value for key, value in sealed.items()}


def read_password() -> str:
    """What is typed, or the first line of standard input: never an option, which others could read."""
    try:
        password = getpass.getpass("Password of the camera: ") if sys.stdin.isatty() else sys.stdin.readline()
    except EOFError:
        password = ""
    if not password.rstrip("\r\n"):
        raise CamdError("no password was given")
    return password.rstrip("\r\n")


# -- looking what is in a source


def _test(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..media.mount import Mount
    from ..media.source import SourceSettings, expect
    from ..media.trial import try_source

    config = load_config(args, environ)
    camera, username, password = _meant(args, config)
    settings = SourceSettings(camera.id, camera.address, fps=camera.fps, password=password)
    source = _source(camera, config)
    expect(source, camera.fps)
    found = try_source(Mount(source, lambda: (username, password)), settings)
    if args.json:
        modes = [
            {"codec": mode.codec, "width": mode.width, "height": mode.height, "rates": list(mode.rates)}
            for mode in found.modes
        ]
        write_json({"ok": found.ok, "name": found.name, "modes": modes, "reason": found.reason})
    else:
        write(found.name or shown_source(camera.source))
        for mode in found.modes:
            rates = ", ".join(f"{rate:g}" for rate in mode.rates)
            write(f"    {mode.codec} {mode.width}x{mode.height}" + (f" at {rates}" if rates else ""))
    if not found.ok:
        say(f"camd: {found.reason}")
    return OK if found.ok else FAILED


def _meant(args: argparse.Namespace, config: Config) -> tuple[CameraConfig, str, str]:
    """The camera to look at, with its login."""
    from ..auth.camera_login import open_login

    if args.source in config.cameras:
        camera = config.cameras[args.source]
        return camera, *open_login(config.data_dir, camera)
    source, username, password = split_login(args.source)
    if args.password:
        password = read_password()
    try:
        return CameraConfig("test", source_kind().check(source)), args.username or username, password
    except Unfit as unfit:
        raise Invalid(args.source if ":" not in args.source else "", f"{unfit.text} ({unfit.hint})") from None


def _source(camera: CameraConfig, config: Config) -> Source:
    scheme = camera.source.partition(":")[0]
    kinds = _kinds(config)
    if scheme not in kinds:
        raise CamdError(f"there is no kind of source {scheme!r}; there are: {', '.join(sorted(kinds))}")
    return kinds[scheme](camera.address)


def _kinds(config: Config) -> dict[str, Callable[[str], Source]]:
    """Kind -> function(address) -> Source, of camd and of the installed plugins."""
    from ..plugins import Plugins
    from ..sources import file, network, testpicture, v4l2

    plugins = Plugins()
    for module in (file, network, testpicture, v4l2):
        plugins.register(module.__name__.rpartition(".")[2], module)
    plugins.discover(config.plugins.blocked)
    found: dict[str, Callable[[str], Source]] = {}
    for _, kinds in plugins.call("camd_sources", app=None):
        found = {**kinds, **found}
    return found
