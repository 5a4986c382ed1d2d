"""Changes at run time: what is written to the run-time store, and what is refused as a whole."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from camd.auth.camera_login import open_login, seal_login
from camd.config import CameraConfig, Config, data_dir, layers, load
from camd.config.change import free_id, write_change
from camd.config.secret import Secret
from camd.config.source_url import problem_of, same_server, shown_source, split_login
from camd.config.store import RuntimeStore, edited
from camd.errors import ConfigError, SourceError


class EditedTests(SynchronousTestCase):
    """TOML with changes in it."""

    def test_everything_else_stays(self) -> None:
        text = '# mine\nhttp = "tcp:1"  # why\n\n[cameras.a]\n# left\nsource = "test:"\n'
        self.assertEqual(
            edited(text, {("cameras", "a", "name"): 'Tür "A"', ("http",): "off"}),
            '# mine\nhttp = "off"  # why\n\n[cameras.a]\n# left\nsource = "test:"\nname = "Tür \\"A\\""\n',
        )

    def test_keys_come_before_tables(self) -> None:
        text = edited("[web]\nbase_path = \"/a\"\n", {("log_level",): "debug", ("limits", "max_body"): 2048})
        wanted = {"web": {"base_path": "/a"}, "log_level": "debug", "limits": {"max_body": 2048}}
        self.assertEqual(tomllib.loads(text), wanted)

    def test_cameras_keep_their_order(self) -> None:
        text = ""
        for name in ("zoo", "attic", "m"):
            text = edited(text, {("cameras", name, "source"): "test:"})
        self.assertEqual(list(tomllib.loads(text)["cameras"]), ["zoo", "attic", "m"])

    def test_removing(self) -> None:
        text = '[cameras.a]\nsource = "test:"\n[cameras.b]\nsource = "test:"\nfps = 5\n'
        text = edited(text, {("cameras", "a"): None, ("cameras", "b", "fps"): None, ("web", "origins"): None})
        self.assertEqual(tomllib.loads(text), {"cameras": {"b": {"source": "test:"}}})
        self.assertEqual(tomllib.loads(edited(text, {("cameras", "b"): None})), {})

    def test_inline_tables(self) -> None:
        text = edited('cameras = {a = {source = "test:"}}\n', {("cameras", "a", "fps"): 5})
        self.assertEqual(tomllib.loads(text), {"cameras": {"a": {"source": "test:", "fps": 5}}})

    def test_what_cannot_be_changed(self) -> None:
        for text, key in (("htt p", "http"), ("cameras = 5\n", "cameras.a.source")):
            self.assertRaises(ConfigError, edited, text, {tuple(key.split(".")): "test:"})
        self.assertRaises(ConfigError, edited, "", {("log_level",): "\ud800"})


class StoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.store = RuntimeStore(self.folder)

    def test_written_as_a_whole_and_private(self) -> None:
        self.assertEqual(self.store.read(), "")
        self.store.path.write_text("old")
        self.store.path.chmod(0o644)
        with self.store.locked():
            self.store.write("new")
        self.assertEqual(self.store.read(), "new")
        self.assertEqual(stat.S_IMODE(os.stat(self.store.path).st_mode), 0o600)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["config.toml"])

    def test_what_cannot_be_written_is_told(self) -> None:
        store = RuntimeStore(self.folder / "gone")
        error = self.assertRaises(ConfigError, store.write, "")
        self.assertIn("cannot be written: No such file", str(error))


class ChangeCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.data = self.folder / "data"
        self.data.mkdir(parents=True)
        self.file = self.folder / "camd.toml"
        self.file.write_text("")
        self.store = RuntimeStore(self.data)
        self.environ = {"HOME": str(self.folder), "CAMD_DATA_DIR": str(self.data)}
        self.patch(layers, "DEFAULT_FILE", self.folder / "nothing.toml")
        self.patch(data_dir, "SYSTEM_DATA_DIR", self.folder / "var")

    def read(self, text: str | None = None) -> Config:
        return load(self.file, environ=self.environ, options={}, store=text)

    def change(self, edits: dict[str, Any], found: str = "") -> Any:
        by_keys = {tuple(name.split(".")): value for name, value in edits.items()}
        default = (lambda: CameraConfig("cam1", found)) if found else None
        return write_change(self.store, self.read, by_keys, default)

    def refused(self, edits: dict[str, Any]) -> list[tuple[str, str]]:
        """The problems, by key; nothing was written."""
        before = self.store.read()
        problems = self.assertRaises(ConfigError, self.change, edits).problems
        self.assertEqual(self.store.read(), before)
        return [(problem.key, problem.text) for problem in problems]


class ChangeTests(ChangeCase):
    """What the API and commands write."""

    def test_counts_more_than_the_file(self) -> None:
        self.file.write_text("[websocket]\nmax_clients = 5\n")
        change = self.change({"websocket.max_clients": 7})
        self.assertEqual((change.old.websocket.max_clients, change.new.websocket.max_clients), (5, 7))
        self.assertEqual(change.keys, ("websocket.max_clients",))
        self.assertEqual(self.read().websocket.max_clients, 7)
        self.assertEqual(self.change({"websocket.max_clients": None}).new.websocket.max_clients, 5)

    def test_every_mistake_at_once(self) -> None:
        found = self.refused({"websocket.max_clients": 0, "cameras.a.fps": "x", "log_levl": "debug", "http": 1})
        keys = {key for key, _ in found}
        self.assertEqual(keys, {"websocket.max_clients", "cameras.a.fps", "log_levl", "http", "cameras.a.source"})

    def test_what_the_environment_sets_is_refused(self) -> None:
        self.environ["CAMD_HTTP"] = "tcp:1"
        (problem,) = self.assertRaises(ConfigError, self.change, {"http": "off"}).problems
        self.assertEqual((problem.where, problem.key), ("CAMD_HTTP", "http"))
        self.assertEqual(self.change({"http": "tcp:1"}).keys, ())  # which it is

    def test_what_is_so_anyway_is_not_written(self) -> None:
        self.file.write_text('[cameras.a]\nsource = "test:"\nsize = "640x480"\n')
        change = self.change({"cameras.a.size": "640x480", "cameras.a.name": "A", "log_level": None})
        self.assertEqual(change.keys, ("cameras.a.name",))

    def test_what_stands_in_a_file_cannot_be_removed(self) -> None:
        self.file.write_text('log_level = "debug"\n[cameras.a]\nsource = "test:"\n')
        self.change({"cameras.a.name": "A"})
        self.assertEqual([key for key, _ in self.refused({"cameras.a": None})], ["cameras.a"])
        self.assertEqual([key for key, _ in self.refused({"log_level": None})], ["log_level"])

    def test_the_main_camera_cannot_be_removed(self) -> None:
        self.change({"cameras.a.source": "test:", "cameras.b.source": "test:", "main_camera": "b"})
        self.assertEqual(self.refused({"cameras.b": None}), [("main_camera", 'there is no camera "b"')])

    def test_the_found_camera_stays(self) -> None:
        config = self.change({"cameras.cam2.source": "test:"}, found="v4l2:usb-1").new
        self.assertEqual({name: camera.source for name, camera in config.cameras.items()},
                         {"cam1": "v4l2:usb-1", "cam2": "test:"})
        self.assertEqual(list(self.change({"cameras.cam3.source": "test:"}, found="test:x").new.cameras),
                         ["cam1", "cam2", "cam3"])

    def test_the_found_camera_is_changed(self) -> None:
        config = self.change({"cameras.cam1.name": "Door"}, found="test:x").new
        self.assertEqual((config.cameras["cam1"].source, config.cameras["cam1"].name), ("test:x", "Door"))
        self.assertEqual(self.change({"log_level": "debug"}, found="test:y").new.cameras, config.cameras)

    def test_data_dir(self) -> None:
        self.environ = {"HOME": str(self.folder)}
        self.file.write_text(f'data_dir = "{self.data}"\n')
        self.assertEqual([key for key, _ in self.refused({"data_dir": "/elsewhere"})], ["data_dir"])

    def test_free_id(self) -> None:
        self.assertEqual(free_id({"cam1", "cam3", "door"}), "cam2")


class LoginTests(ChangeCase):
    """Passwords of network cameras."""

    URL = "rtsp://eva:pa%2Fss@10.0.0.9:554/live"

    def add(self, **values: Any) -> CameraConfig:
        sealed = seal_login(self.data, "a", values)
        return self.change({f"cameras.a.{key}": value for key, value in sealed.items()}).new.cameras["a"]

    def test_sealed(self) -> None:
        camera = self.add(source=self.URL)
        self.assertEqual((camera.source, camera.username), ("rtsp://10.0.0.9:554/live", "eva"))
        self.assertEqual(open_login(self.data, camera), ("eva", "pa/ss"))
        for text in (self.store.read(), repr(camera), str(camera.password)):
            self.assertNotIn("pa/ss", text)
            self.assertNotIn("pa%2F", text)

    def test_of_another_camera_it_is_worth_nothing(self) -> None:
        sealed = seal_login(self.data, "a", {"password": "pass"})["password"]
        config = self.change({"cameras.b.source": "rtsp://x/", "cameras.b.password": sealed}).new
        error = self.assertRaises(SourceError, open_login, self.data, config.cameras["b"])
        self.assertIn("give it again", str(error))

    def test_another_server_does_not_get_it(self) -> None:
        self.add(source=self.URL)
        camera = self.add(source="rtsp://10.0.0.9:554/other")
        self.assertEqual(open_login(self.data, camera), ("eva", "pa/ss"))
        camera = self.add(source="rtsp://10.6.6.6/live")
        self.assertEqual(open_login(self.data, camera), ("", ""))
        self.assertNotIn("sealed", self.store.read())

    def test_nor_does_another_device(self) -> None:
        self.add(source=self.URL, onvif="http://10.0.0.9/onvif/device_service")
        self.assertEqual(self.refused({"cameras.a.onvif": "http://10.6.6.6/"}),
                         [("cameras.a.onvif", "is on another host than the source")])
        self.assertEqual(self.add(source="rtsp://10.6.6.6/live").onvif, "")

    def test_another_server_does_not_get_that_of_the_file(self) -> None:
        (self.folder / "word").write_text("from a file\r\nmore")
        self.file.write_text('[cameras.a]\nsource = "rtsp://10.0.0.9/a"\nusername = "eva"\npassword_file = "word"\n')
        camera = self.read().cameras["a"]
        self.assertEqual(open_login(self.data, camera), ("eva", "from a file"))
        self.assertEqual(self.add(source="rtsp://10.0.0.9/b").username, "eva")
        camera = self.add(source="rtsp://10.6.6.6/b")
        self.assertEqual((camera.username, camera.password_file), ("", None))

    def test_one_in_the_url_of_the_file_is_hidden(self) -> None:
        self.file.write_text(f'[cameras.a]\nsource = "{self.URL}"\n')
        camera = self.read().cameras["a"]
        self.assertEqual(open_login(self.data, camera), ("eva", "pa/ss"))
        self.assertNotIn("pa", repr(camera).replace("password", ""))

    def test_in_clear_it_is_refused(self) -> None:
        self.file.write_text('[cameras.a]\nsource = "rtsp://x/"\npassword = "Correct-Horse"\n')
        error = self.assertRaises(ConfigError, self.read)
        self.assertNotIn("Correct-Horse", str(error))
        sealed = seal_login(self.data, "a", {"password": "x"})["password"]
        self.file.write_text(f'[cameras.a]\nsource = "rtsp://x/"\npassword = "{sealed}"\n')
        self.assertIn("belongs into the run-time store", str(self.assertRaises(ConfigError, self.read)))

    def test_removed(self) -> None:
        self.add(source=self.URL)
        self.assertIsNone(self.add(password="").password)

    def test_a_file_that_is_not_there(self) -> None:
        camera = CameraConfig("a", "rtsp://x/", password_file=self.folder / "gone")
        self.assertRaises(SourceError, open_login, self.data, camera)
        self.assertEqual(Secret("x"), Secret("x"))


class SourceTests(SynchronousTestCase):
    """Addresses of network cameras."""

    def test_split_login(self) -> None:
        for source, wanted in (
            ("rtsp://u:p@h:1/x?y", ("rtsp://h:1/x?y", "u", "p")),
            ("http://u@h", ("http://h", "u", "")),
            ("rtsp://u:p@w:x@h/@", ("rtsp://h/@", "u", "p@w:x")),
            ("rtsp://h/a@b", ("rtsp://h/a@b", "", "")),
            ("file:/a/u:p@h", ("file:/a/u:p@h", "", "")),
            ("test:", ("test:", "", "")),
        ):
            self.assertEqual(split_login(source), wanted)

    def test_shown(self) -> None:
        self.assertEqual(shown_source("rtsp://u:p@h/x?token=abc&ch=1#f"), "rtsp://h/x?token=***&ch=1#f")
        self.assertEqual(shown_source("v4l2:/dev/video0"), "v4l2:/dev/video0")
        self.assertEqual(shown_source("http://h/v?usr=me&pwd=abc&ch=1"), "http://h/v?usr=***&pwd=***&ch=1")
        self.assertEqual(shown_source("http://h/v?loginpas=abc&psw=d/e"), "http://h/v?loginpas=***&psw=***")
        self.assertEqual(shown_source("rtsp://h/user=admin_password=abc_channel=1_stream=0.sdp"), "rtsp://h/user=***")
        self.assertEqual(shown_source("rtsp://h/cam/realmonitor?channel=1"), "rtsp://h/cam/realmonitor?channel=1")
        self.assertEqual(shown_source("file:/video/key=1.mp4"), "file:/video/key=1.mp4")

    def test_problems(self) -> None:
        for good in ("rtsp://10.0.0.1/x", "https://[::1]:8/", "file:/a b", "pip:cam1+cam2", "x-y:anything"):
            self.assertEqual(problem_of(good), "", good)
        for bad in ("rtsp:", "rtsp://", "rtsp:///x", "http://h:port/", "http://h/ x", "http://h/\n", "http://h:0"):
            self.assertNotEqual(problem_of(bad), "", bad)

    def test_same_server(self) -> None:
        self.assertTrue(same_server("rtsp://H/a", "rtsp://u:p@h/b"))
        for other in ("rtsp://h:1/a", "rtsps://h/a", "rtsp://i/a", "test:"):
            self.assertFalse(same_server("rtsp://h/a", other))
