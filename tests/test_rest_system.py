"""/api/cameras, /api/config and /api/plugins: what this camd is made of, without its secrets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from camd.config import load
from camd.hookspecs import Route
from camd.media import Format
from camd.plugins import Plugins
from camd.web.rest.cameras import CamerasNoun
from camd.web.rest.config import ConfigNoun, shown
from camd.web.rest.plugins import PluginsNoun
from camd.web.rest.resource import Operations

from .rest_client import RestClient, identify, unheard


def client_of(*nouns: Any) -> RestClient:
    routes = []
    for noun in nouns:
        operations = noun.operations()
        path = "/".join(operations[0].path.split("/")[:3])
        routes.append(Route.public(path, Operations(path, operations, identify, unheard)))
    return RestClient(routes)


class Cameras(dict):
    """Two cameras, of which the second one is away."""

    def __init__(self) -> None:
        super().__init__(
            front=self.make("front", "streaming", Format("mjpeg", 640, 480, 30.0)),
            back=self.make("back", "absent", None),
        )
        self.main = self["front"]

    def make(self, id: str, status: str, format: Any) -> Any:
        return SimpleNamespace(
            id=id,
            name=id.title(),
            status=status,
            reason="" if format else "unplugged",
            online=format is not None,
            pipeline=SimpleNamespace(format=format),
            measured_fps=29.9,
        )


class CamerasTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = client_of(CamerasNoun(Cameras()))

    def test_all(self) -> None:
        front, back = self.client("GET", "/api/cameras", by="viewer").json["cameras"]
        self.assertEqual(
            front,
            {
                "id": "front",
                "name": "Front",
                "main": True,
                "connected": True,
                "state": "streaming",
                "reason": "",
                "resolution": "640x480",
                "framerate": 30.0,
                "format": "mjpeg",
                "measured_fps": 29.9,
                "snapshot": "/cam/front/snapshot.jpg",
                "stream": "/cam/front/stream.mjpg",
            },
        )
        self.assertEqual((back["connected"], back["reason"], back["resolution"]), (False, "unplugged", None))

    def test_one(self) -> None:
        self.assertEqual(self.client("GET", "/api/cameras/back").json["id"], "back")
        self.assertEqual(self.client("GET", "/api/cameras/no").status, 404)

    def test_those_of_others_are_not_told(self) -> None:
        self.assertEqual(
            [c["id"] for c in self.client("GET", "/api/cameras", by="front").json["cameras"]], ["front"]
        )
        hidden, missing = (self.client("GET", f"/api/cameras/{id}", by="front") for id in ("back", "no"))
        self.assertEqual((hidden.status, hidden.error["message"]), (missing.status, missing.error["message"]))

    def test_who_may(self) -> None:
        for by, status in (("guest", 401), ("nobody", 403), ("reading-guest", 200)):
            self.assertEqual(self.client("GET", "/api/cameras", by=by).status, status)


class ConfigTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        file = folder / "camd.toml"
        file.write_text(
            '[limits]\nmax_body = 2048\n[cameras.front]\nsource = "file:/video.mp4"\nsize = "640x480"\n'
            '[cameras.back]\nsource = "v4l2:rtsp://eva:Correct-Horse1@10.0.0.9/live?token=abcdef"\n'
        )
        config = load(
            file, environ={"CAMD_DATA_DIR": str(folder), "CAMD_LIMITS__REQUEST_TIMEOUT": "9"}, options={}
        )
        configuration = SimpleNamespace(configured=config, waiting=[])
        self.client = client_of(ConfigNoun(SimpleNamespace(configuration=configuration)))
        self.file = file

    def test_every_key_with_where_it_comes_from(self) -> None:
        answer = self.client("GET", "/api/config", by="viewer").json
        self.assertEqual(answer["file"], str(self.file))
        values = answer["values"]
        self.assertEqual(
            (values["limits.max_body"]["value"], values["limits.max_body"]["origin"]),
            (2048, f"{self.file}:2"),
        )
        self.assertEqual(values["cameras.front.size"]["value"], "640x480")
        self.assertEqual(values["log_level"]["origin"], "built-in")
        timeout = values["limits.request_timeout"]
        self.assertEqual((timeout["value"], timeout["fixed"]), (9, True))
        self.assertTrue(timeout["doc"] and timeout["effect"])

    def test_one_table(self) -> None:
        self.assertEqual(self.client("GET", "/api/config/limits").json["max_body"], 2048)
        cameras = self.client("GET", "/api/config/cameras").json
        self.assertEqual((list(cameras), cameras["front"]["size"]), (["front", "back"], "640x480"))
        for name in ("no", "log_level", "limits.max_body"):
            self.assertEqual(self.client("GET", f"/api/config/{name}").status, 404, name)

    def test_secrets_stay_here(self) -> None:
        for path in ("/api/config", "/api/config/cameras"):
            body = self.client("GET", path).body.decode()
            for secret in ("Correct-Horse1", "eva", "abcdef"):
                self.assertNotIn(secret, body)
            self.assertIn("10.0.0.9/live", body)

    def test_cameras_of_others_are_not_told(self) -> None:
        for path in ("/api/config", "/api/config/cameras"):
            self.assertNotIn("10.0.0.9", self.client("GET", path, by="front").body.decode())

    def test_who_may(self) -> None:
        for by, status in (("guest", 401), ("nobody", 403), ("reading-guest", 401), ("viewer", 200)):
            self.assertEqual(self.client("GET", "/api/config", by=by).status, status)

    def test_values_as_json(self) -> None:
        for value, expected in (
            (None, None),
            (True, True),
            ((640, 480), "640x480"),
            (("a", "b"), ["a", "b"]),
            ((), []),
            (Path("/a"), "/a"),
            (1.5, 1.5),
        ):
            self.assertEqual(shown(value), expected)


class PluginsTests(SynchronousTestCase):
    def setUp(self) -> None:
        plugins = Plugins()
        plugins.register("broken", object())
        self.client = client_of(PluginsNoun(plugins))

    def test_state_and_reason(self) -> None:
        (plugin,) = self.client("GET", "/api/plugins", by="viewer").json["plugins"]
        self.assertEqual((plugin["name"], plugin["state"], plugin["core"]), ("broken", "alert", True))
        self.assertIn("@hookimpl", plugin["reason"])
        self.assertEqual(self.client("GET", "/api/plugins/broken").json, plugin)
        self.assertEqual(self.client("GET", "/api/plugins/no").status, 404)
        self.assertEqual(self.client("GET", "/api/plugins", by="nobody").status, 403)
        self.flushLoggedErrors()
