"""camd camera and camd config set: the run-time store by command."""

from __future__ import annotations

import io
import json
import sys
import tomllib
from typing import Any

from camd.auth.camera_login import open_login
from camd.config import load
from camd.sources import default, v4l2

from .test_cli import FRONT, CliCase


class StoreCase(CliCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(v4l2, "devices", list)

    def stored(self) -> dict[str, Any]:
        path = self.folder / "data" / "config.toml"
        return tomllib.loads(path.read_text()) if path.exists() else {}

    def audited(self) -> list[str]:
        lines = (self.folder / "data" / "audit.jsonl").read_text().splitlines()
        return [json.loads(line)["event"] for line in lines]


class CameraTests(StoreCase):
    def test_add(self) -> None:
        self.assertEqual(self.camd("camera", "add", "test:x", "--name", "Back", "--size", "640x480", "--fps", "5"), 0)
        self.assertEqual(self.out, "cam2\n")
        back = {"source": "test:x", "name": "Back", "size": "640x480", "fps": 5.0}
        self.assertEqual(self.stored()["cameras"], {"cam1": {"source": "test:"}, "cam2": back})
        self.assertIn("a running daemon takes it within a second", self.err)
        self.assertEqual(self.audited(), ["camera_add"])

    def test_add_beside_those_of_the_file(self) -> None:
        self.assertEqual(self.camd_with(FRONT, "camera", "add", "test:"), 0)
        self.assertEqual(self.out, "cam1\n")
        self.assertEqual(self.stored(), {"cameras": {"cam1": {"source": "test:"}}})
        self.assertEqual(self.camd_with(FRONT, "camera", "add", "test:", "--id", "front"), 1)

    def test_the_found_one_becomes_a_configured_one(self) -> None:
        device = {"id": "usb-1", "modes": [{}]}
        self.patch(default.v4l2, "devices", lambda: [device])
        self.camd("camera", "add", "test:")
        self.assertEqual(self.stored()["cameras"]["cam1"], {"source": "v4l2:usb-1"})

    def test_set_and_remove(self) -> None:
        self.camd("camera", "add", "test:", "--id", "a", "--name", "A")
        self.assertEqual(self.camd("camera", "set", "a", "--name", "B", "--enabled", "false"), 0)
        self.assertEqual(self.stored()["cameras"]["a"], {"source": "test:", "name": "B", "enabled": False})
        self.assertEqual(self.camd("camera", "set", "a", "--unset", "name"), 0)
        self.assertNotIn("name", self.stored()["cameras"]["a"])
        self.assertEqual(self.camd("camera", "remove", "a"), 0)
        self.assertNotIn("a", self.stored()["cameras"])
        for command in (("remove", "a"), ("set", "a", "--name", "x")):
            self.assertEqual(self.camd("camera", *command), 1)
            self.assertIn("there is no camera a", self.err)

    def test_of_a_file(self) -> None:
        self.assertEqual(self.camd_with(FRONT, "camera", "remove", "front"), 78)
        self.assertIn(f"{self.file}:2", self.err)
        self.assertEqual(self.camd_with(FRONT, "camera", "set", "front", "--name", "F"), 0)
        self.assertEqual(self.stored(), {"cameras": {"front": {"name": "F"}}})

    def test_wrong_values(self) -> None:
        for options in (("--size", "big"), ("--fps", "x"), ("--id", "Main"), ("--enabled", "maybe")):
            self.assertNotEqual(self.camd("camera", "add", "test:", *options), 0, options)
        self.assertNotEqual(self.camd("camera", "add", "test"), 0)
        self.assertEqual(self.stored(), {})

    def test_passwords(self) -> None:
        self.patch(sys, "stdin", io.StringIO("Pass-9\n"))
        self.assertEqual(self.camd("camera", "add", "rtsp://10.0.0.9/", "--username", "eva", "--password"), 0)
        self.assertEqual(self.camd("camera", "add", "http://eva:Pass-9@10.0.0.8/"), 0)
        config = load(None, environ=self.environ, options={})
        for camera in ("cam2", "cam3"):
            self.assertEqual(open_login(config.data_dir, config.cameras[camera]), ("eva", "Pass-9"))
        written = "".join(path.read_text() for path in (self.folder / "data").glob("*.[tj]*"))
        for command in (("camera", "list"), ("config", "show", "--origin"), ("config", "show", "--json")):
            self.assertEqual(self.camd(*command), 0)
            written += self.out + self.err
        self.assertNotIn("Pass-9", written)
        self.assertEqual(self.camd("camera", "set", "cam2", "--password"), 1)
        self.assertIn("no password was given", self.err)

    def test_a_password_file_is_named_in_full(self) -> None:
        self.camd("camera", "add", "rtsp://10.0.0.9/", "--password-file", "word")
        path = self.stored()["cameras"]["cam2"]["password_file"]
        self.assertTrue(path.startswith("/") and path.endswith("/word"), path)

    def test_list(self) -> None:
        self.assertEqual(self.camd_with(FRONT, "camera", "list"), 0)
        self.assertEqual(self.out, f"front        test:  front  # {self.file}:2\n")
        self.camd_with(FRONT, "camera", "list", "--json")
        self.assertEqual(json.loads(self.out)[0]["id"], "front")
        self.camd("camera", "list")
        self.assertIn("No camera is configured", self.err)

    def test_looking_into_a_source(self) -> None:
        self.assertEqual(self.camd_with(FRONT, "camera", "test", "front"), 0)
        self.assertIn("640x480", self.out)
        self.assertEqual(self.camd("camera", "test", "test:", "--json"), 0)
        self.assertTrue(json.loads(self.out)["ok"])
        self.assertEqual(self.camd("camera", "test", "file:/nothing.mp4"), 1)
        self.assertIn("/nothing.mp4", self.err)
        for source in ("none:", "rtsp://", "cam7"):
            self.assertEqual(self.camd("camera", "test", source), 1, source)


class ConfigTests(StoreCase):
    def test_set_and_unset(self) -> None:
        self.assertEqual(self.camd("config", "set", "web.host_names", "a, b"), 0)
        self.assertEqual(self.stored(), {"web": {"host_names": ["a", "b"]}})
        self.assertIn("web.host_names: changed (live)", self.err)
        self.camd("config", "show", "--origin")
        self.assertRegex(self.out, r'host_names = \["a", "b"\] +# .*/data/config.toml:4\n')
        self.assertEqual(self.camd("config", "unset", "web.host_names"), 0)
        self.assertEqual(self.stored(), {})
        self.assertEqual(self.camd("config", "unset", "web.host_names"), 0)
        self.assertIn("nothing to change", self.err)
        self.assertEqual(self.audited(), ["config_change", "config_change"])

    def test_types(self) -> None:
        for key, text, value in (
            ("http", "off", "off"),
            ("websocket.max_clients", "7", 7),
            ("websocket.ping_interval", "2.5", 2.5),
            ("auth.rate_limits", "no", False),
        ):
            self.assertEqual(self.camd("config", "set", key, text), 0, self.err)
            node = self.stored()
            for name in key.split("."):
                node = node[name]
            self.assertEqual(node, value)

    def test_wrong(self) -> None:
        for key, value, hint in (
            ("htpp", "off", 'did you mean "http"?'),
            ("web.host_name", "x", 'did you mean "host_names"?'),
            ("websocket.max_clients", "many", "a whole number"),
            ("cameras.a.password", "x", "--password"),
            ("main_camera", "gone", "there is no camera"),
            ("data_dir", "/x", "data_dir: is set by CAMD_DATA_DIR"),
        ):
            self.assertNotEqual(self.camd("config", "set", key, value), 0, key)
            self.assertIn(hint, self.err)
        self.assertEqual(self.stored(), {})

    def test_what_the_environment_sets(self) -> None:
        self.environ["CAMD_HTTP"] = "off"
        self.assertEqual(self.camd("config", "set", "http", "tcp:80"), 78)
        self.assertIn("http: is set by CAMD_HTTP", self.err)
