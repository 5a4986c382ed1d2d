"""Cameras whose configuration changes under their clients, the mount they sit in, and files that are followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from camd.auth.file_watch import FileWatch
from camd.config import CameraConfig, Config, Effect
from camd.configuration import _in_force
from camd.errors import ConfigError, Conflict, SourceError
from camd.media import Capabilities, Encoding, Format, SourceSettings
from camd.media.camera import Camera
from camd.media.cameras import Cameras
from camd.media.mount import Mount
from camd.state import EVERYONE, State
from camd.testing import FakeSource, app_for_tests, jpeg_packet

from .test_camera import CODECS, MODES, ManualThreads, Reactor


class CamerasTests(SynchronousTestCase):
    """One camera changes; whoever watches stays."""

    def setUp(self) -> None:
        self.reactor, self.threads, self.state = Reactor(), ManualThreads(), State()
        self.made: list[FakeSource] = []
        self.logins = 0
        self.cameras = Cameras(self.state, {"fake": self.source}, self.make, login=self.login)
        self.configure(a={}, b={})
        self.got: dict[str, list[bytes]] = {"a": [], "b": []}
        for name, got in self.got.items():
            self.cameras[name].stream(Encoding("mjpeg")).subscribe(lambda item, got=got: got.append(item.data))

    def source(self, address: str) -> FakeSource:
        self.made.append(FakeSource(capabilities=Capabilities(address or "first", MODES)))
        return self.made[-1]

    def make(self, config: CameraConfig, source: Any) -> Camera:
        return Camera(config, source, self.state, self.threads, CODECS, self.reactor)

    def login(self, config: CameraConfig) -> tuple[str, str]:
        self.logins += 1
        return config.username, "secret"

    def configure(self, main: str | None = None, **cameras: dict[str, Any]) -> None:
        configs = {
            name: CameraConfig(name, values.pop("source", "fake:"), **values) for name, values in cameras.items()
        }
        self.cameras.configure(configs, main)

    def loops(self, name: str) -> list[tuple[Any, Deferred[Any]]]:
        """The capture loops of a camera, the newest last."""
        source = self.cameras._mounts[name]
        return [(capture, done) for capture, done in self.threads.loops if capture._source is source]

    def play(self, name: str) -> None:
        """The camera opens and has a picture."""
        capture = self.loops(name)[-1][0]
        capture._tell_opened(Format("mjpeg", 640, 480, 30.0))
        capture._hand_over(jpeg_packet())

    def value(self, name: str) -> Any:
        return self.state[f"cameras/{name}"].value

    def test_the_name_is_live(self) -> None:
        self.play("a")
        self.configure(a={"name": "Door"}, b={})
        self.assertEqual((self.value("a/name"), self.cameras["a"].name), ("Door", "Door"))
        self.assertEqual(len(self.loops("a")), 1)
        self.assertFalse(self.loops("a")[0][0]._stopping.is_set())

    def test_whoever_still_has_a_camera_that_went_does_not_open_it(self) -> None:
        self.configure(a={}, b={}, c={})
        gone = self.cameras["c"]
        self.assertEqual(gone.status, "idle")
        self.configure(a={}, b={})
        before = len(self.threads.loops)
        gone.stream(Encoding("mjpeg")).subscribe(lambda item: None)
        self.reactor.advance(3)
        self.assertEqual(len(self.threads.loops), before)

    def test_a_size_opens_the_device_anew(self) -> None:
        self.play("a")
        self.play("b")
        camera = self.cameras["a"]
        self.configure(a={"size": (1280, 720), "fps": 10.0, "format": "yuyv422"}, b={})
        self.assertIs(self.cameras["a"], camera)
        self.loops("a")[-1][1].callback(None)
        self.assertEqual(len(self.loops("a")), 2)
        wanted = self.loops("a")[-1][0]._settings
        self.assertEqual((wanted.width, wanted.height, wanted.fps, wanted.codec), (1280, 720, 10.0, "yuyv422"))
        self.play("a")
        self.assertEqual((len(self.got["a"]), len(self.got["b"]), len(self.loops("b"))), (2, 1, 1))

    def test_the_configuration_counts_more_than_what_was_set_before(self) -> None:
        self.play("a")
        self.state["cameras/a/size"].set("1280x720", EVERYONE)
        self.loops("a")[-1][1].callback(None)
        self.play("a")
        self.assertEqual(self.state.saved["cameras/a/size"], "640x480")
        self.configure(a={"fps": 10.0}, b={})
        self.assertIn("cameras/a/size", self.state.saved)
        self.configure(a={"fps": 10.0, "size": (320, 240)}, b={})
        self.assertNotIn("cameras/a/size", self.state.saved)
        self.assertEqual(self.cameras["a"].settings.wanted.width, 320)

    def test_another_source(self) -> None:
        self.play("a")
        self.configure(a={"source": "fake:second"}, b={})
        self.loops("a")[-1][1].callback(None)
        self.assertEqual((self.value("a/source"), self.value("a/device")), ("fake:second", "second"))
        self.play("a")
        self.assertEqual(len(self.got["a"]), 2)
        self.cameras._mounts["a"].open(SourceSettings("a", "second"))
        self.assertEqual([len(source.opened) for source in self.made], [0, 0, 1])

    def test_another_source_while_the_old_one_hangs(self) -> None:
        self.play("a")
        self.configure(a={"source": "fake:second"}, b={})
        self.reactor.advance(5)
        self.assertEqual(self.value("a/device"), "second")

    def test_another_login(self) -> None:
        self.play("a")
        self.configure(a={"username": "eva"}, b={})
        self.loops("a")[-1][1].callback(None)
        self.cameras._mounts["a"].open(SourceSettings("a", ""))
        (settings,) = self.made[-1].opened
        self.assertEqual((settings.username, settings.password), ("eva", "secret"))
        self.assertNotIn("secret", repr(settings))

    def test_off_and_on(self) -> None:
        self.play("a")
        self.configure(a={"enabled": False}, b={})
        self.loops("a")[-1][1].callback(None)
        self.assertEqual(self.value("a/state"), "disabled")
        self.assertIn(b"switched off", self.got["a"][-1])  # the card
        self.configure(a={}, b={})
        self.reactor.advance(2)
        self.play("a")
        self.assertEqual(self.value("a/state"), "streaming")
        self.assertNotIn(b"switched off", self.got["a"][-1])

    def test_stopped_while_it_starts_again(self) -> None:
        self.play("a")
        self.configure(a={"source": "fake:second"}, b={})
        self.cameras.stop()
        self.loops("a")[-1][1].callback(None)
        self.reactor.advance(5)
        self.assertEqual(len(self.loops("a")), 1)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_the_main_camera(self) -> None:
        self.state["system/main_camera"].set("b", EVERYONE)
        self.configure(a={"name": "x"}, b={})
        self.assertEqual(self.cameras.main.id, "b")  # chosen, and not configured otherwise
        self.configure("a", a={"name": "x"}, b={})
        self.assertEqual(self.cameras.main.id, "a")
        self.configure("b", a={}, b={})
        self.configure(None, a={})
        self.assertEqual((self.cameras.main.id, self.state["system/main_camera"].value), ("a", "a"))


    def test_a_source_hears_how_fast_it_is_configured_to_be(self) -> None:
        heard: list[tuple[int, float | None]] = []
        FakeSource.expect = lambda source, fps: heard.append((self.made.index(source), fps))
        self.addCleanup(delattr, FakeSource, "expect")
        self.configure(a={"fps": 0.2}, b={})
        self.assertEqual(heard, [(0, 0.2)])
        self.configure(a={"fps": 0.5, "source": "fake:second"}, b={})
        self.assertEqual(heard[1:], [(2, 0.5)])
        self.configure(a={"source": "fake:second"}, b={})
        self.assertEqual(heard[2:], [(2, None)])


class MountTests(SynchronousTestCase):
    def test_what_is_open_stays_until_it_is_closed(self) -> None:
        old, new = FakeSource([jpeg_packet(1)]), FakeSource([jpeg_packet(2)])
        mount = Mount(old, lambda: ("", ""))
        mount.open(SourceSettings("a", ""))
        mount.exchange(new, lambda: ("", ""))
        self.assertEqual(mount.read(1).pts, jpeg_packet(1).pts)
        mount.close()
        self.assertFalse(old.is_open or new.is_open)
        mount.open(SourceSettings("a", ""))
        self.assertEqual(mount.read(1).pts, jpeg_packet(2).pts)

    def test_exchanged_while_it_is_looked_at(self) -> None:
        for away in (None, SourceError("gone")):
            new = FakeSource(capabilities=Capabilities("new"))
            old = FakeSource()
            mount = Mount(old, lambda: ("", ""))

            def probe(mount: Mount = mount, new: FakeSource = new, away: Any = away) -> Capabilities:
                mount.exchange(new, lambda: ("", ""))
                if away:
                    raise away
                return Capabilities("old")

            old.probe = probe
            self.assertEqual(mount.probe().name, "new")

    def test_login_for_looking(self) -> None:
        source = FakeSource()
        signed: list[tuple[str, str]] = []
        source.sign_in = lambda username, password: signed.append((username, password))
        Mount(source, lambda: ("eva", "x")).probe()
        self.assertEqual(signed, [("eva", "x")])


class ConfigurationTests(SynchronousTestCase):
    """Files that are followed."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.file = self.folder / "camd.toml"
        self.write("")
        self.data = self.folder / "data"
        self.patch(FileWatch, "_open", self.no_inotify)
        self.app = app_for_tests(self.data, config=Config(data_dir=self.data, file=self.file))
        self.app.configuration.start()
        self.addCleanup(self.app.configuration.stop)
        self.settle()

    def no_inotify(self) -> None:
        raise OSError("only the clock tells")

    def write(self, text: str) -> None:
        self.file.write_text('http = "off"\nhttps = "off"\n' + text)

    def settle(self) -> None:
        """Time passes, as the daemon without inotify sees it: what stays as it is counts."""
        for _ in range(12):
            self.app.reactor.advance(0.1)

    def test_within_a_second(self) -> None:
        self.write('[websocket]\nmax_clients = 7\n[cameras.a]\nsource = "test:"\n')
        self.settle()
        self.assertEqual(self.app.web.websocket.max_clients, 7)
        self.assertEqual(list(self.app.cameras), ["a"])

    def test_a_mistake_is_told_once_and_nothing_changes(self) -> None:
        self.write("[websocket]\nmax_clients = 7\nping_timeot = 5\n[limits]\nmax_body = 0\n")
        self.settle()
        self.settle()
        self.assertEqual(self.app.config.websocket.max_clients, 50)
        self.failureResultOf(ensureDeferred(self.app.configuration.reload()), ConfigError)
        self.write("[websocket]\nmax_clients = 8\n")
        self.settle()
        self.assertEqual(self.app.config.websocket.max_clients, 8)

    def test_a_folder_that_appears(self) -> None:
        folder = self.folder / "conf.d"
        folder.mkdir()
        (folder / "a.toml").write_text("[websocket]\nmax_clients = 9\n")
        self.settle()
        self.assertEqual(self.app.config.websocket.max_clients, 9)

    def test_what_needs_a_restart_waits(self) -> None:
        self.write("[auth]\nsession_idle = 60\nrate_factor = 2\n")
        self.settle()
        self.assertEqual(self.app.configuration.waiting, ["auth.session_idle"])
        self.assertEqual((self.app.config.auth.session_idle, self.app.config.auth.rate_factor), (1800, 2))

    def test_in_force(self) -> None:
        old = Config(data_dir=Path("/a"), log_format="text")
        new = Config(data_dir=Path("/b"), log_format="json", log_level="debug")
        found = _in_force(old, new, Effect.DAEMON)
        self.assertEqual((found.data_dir, found.log_format, found.log_level), (Path("/a"), "text", "debug"))

    def test_another_data_directory(self) -> None:
        self.app.configuration.configured = Config(data_dir=Path("/elsewhere"))
        change = self.app.configuration.change({("log_level",): "debug"}, "x", "", "config_change")
        self.failureResultOf(ensureDeferred(change), Conflict)
