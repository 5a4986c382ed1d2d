"""Changing cameras and the configuration over REST: who may, what is written, and what is refused as a whole."""

from __future__ import annotations

import tomllib
from typing import Any

from camd.auth.camera_login import open_login
from camd.errors import SourceError
from camd.media import Capabilities
from camd.media.source import Mode
from camd.testing import FakeSource
from camd.web.rest.camera_changes import PATIENCE

from .edge_case import EdgeCase

_STORE = """
http = "off"
https = "off"
[web]
host_names = ["camd"]
[auth]
rate_limits = false
[cameras.cam1]
source = "fake:"
[cameras.door]
source = "fake:door"
"""


class HotCase(EdgeCase):
    """An App whose configuration is all in the run-time store."""

    def setUp(self) -> None:
        super().setUp()
        self.store = self.folder / "config.toml"
        self.store.write_text(_STORE)
        self.get(self.app.configuration.reload())

    def stored(self) -> dict[str, Any]:
        return tomllib.loads(self.store.read_text())

    def change(self, path: str, body: Any, status: int = 200, method: str = "PATCH", **options: Any) -> Any:
        """The answer's JSON; a refusal has changed nothing."""
        before = self.store.read_text()
        answer = self.ask(method, path, body, **{"by": "admin", "secure": True, **options})
        self.assertEqual(answer.status, status, answer.body)
        if status >= 400:
            self.assertEqual(self.store.read_text(), before)
        return answer.json if answer.body else None


class CameraTests(HotCase):
    def test_add(self) -> None:
        body = {"source": "fake:x", "name": "Back", "size": "640x480", "fps": 5}
        answer = self.ask("POST", "/api/cameras", body, by="admin")
        self.assertEqual((answer.status, answer.headers["location"]), (201, "/api/cameras/cam2"))
        self.assertEqual((answer.json["id"], answer.json["name"]), ("cam2", "Back"))
        self.assertEqual(self.stored()["cameras"]["cam2"], body)
        self.assertEqual(list(self.app.cameras), ["cam1", "door", "cam2"])
        (entry,) = self.events("camera_add")
        self.assertEqual((entry["by"], entry["camera"]), ("admin", "cam2"))

    def test_what_cannot_be_added(self) -> None:
        for body, status in (
            ({"source": "fake:", "id": "door"}, 409),
            ({"source": "fake:", "id": "Door"}, 422),
            ({"source": "none:"}, 409),
            ({"source": "fake"}, 422),
            ({"source": "fake:", "fps": -1}, 422),
            ({"source": "fake:", "password_file": "/etc/passwd"}, 422),
            ({"name": "x"}, 422),
        ):
            self.change("/api/cameras", body, status, "POST")
        self.assertEqual(list(self.app.cameras), ["cam1", "door"])

    def test_every_reason_is_told(self) -> None:
        error = self.change("/api/cameras/door", {"fps": 0, "size": "big", "format": "gif"}, 422)["error"]
        keys = {problem["key"] for problem in error["details"]["problems"]}
        self.assertEqual(keys, {f"cameras.door.{key}" for key in ("fps", "size", "format")})
        self.assertIn("expected", error["message"])

    def test_change(self) -> None:
        camera = self.app.cameras["door"]
        answer = self.change("/api/cameras/door", {"name": "Door", "size": "640x480"})
        self.assertEqual(answer["changed"], {"cameras.door.name": "live", "cameras.door.size": "restarts camera"})
        self.assertIs(self.app.cameras["door"], camera)
        self.assertEqual(self.app.state["cameras/door/name"].value, "Door")
        self.change("/api/cameras/door", {"name": None, "size": None})
        self.assertEqual(self.stored()["cameras"]["door"], {"source": "fake:door"})
        self.assertEqual(self.app.state["cameras/door/name"].value, "door")

    def test_remove(self) -> None:
        self.change("/api/cameras/door", None, 204, "DELETE")
        self.assertEqual(list(self.app.cameras), ["cam1"])
        self.assertEqual(self.app.state.select("cameras/door/*"), [])
        self.change("/api/cameras/door", None, 404, "DELETE")

    def test_who_may(self) -> None:
        for by, status in (("viewer", 403), ("operator", 403), ("nobody", 403), ("limited", 403), ("", 401)):
            for method, path, body in (
                ("POST", "/api/cameras", {"source": "fake:"}),
                ("POST", "/api/cameras/test", {"source": "fake:"}),
                ("PATCH", "/api/config/general", {"log_level": "info"}),
            ):
                if by != "limited" or path != "/api/config/general":
                    self.change(path, body, status, method, by=by)

    def test_limited_to_some_cameras(self) -> None:
        self.change("/api/cameras/door", {"name": "x"}, 404, by="limited")
        self.change("/api/cameras/door", None, 404, "DELETE", by="limited")
        self.change("/api/config/cameras", {"door": {"name": "x"}}, 403, by="limited")
        self.change("/api/config/cameras", {"door": None}, 403, by="limited")
        self.change("/api/cameras/cam1", {"name": "x"}, by="limited")
        for path, body in (("cameras/cam1", {"source": "fake:door"}), ("config/cameras", {"cam1": {"source": "fake:door"}})):
            self.change(f"/api/{path}", body, 403, by="limited")
        mine = {"cam1": {"source": "fake:", "name": "y"}}
        self.change("/api/config/cameras", mine, method="PUT", by="limited")
        self.assertIn("door", self.app.cameras)

    def test_a_camera_called_test(self) -> None:
        self.change("/api/cameras", {"source": "fake:", "id": "test"}, 201, "POST")
        self.assertEqual(self.ask("GET", "/api/cameras/test", by="admin").json["id"], "test")
        self.change("/api/cameras/test", {"name": "Test"})
        self.change("/api/cameras/test", None, 204, "DELETE")


class LoginTests(HotCase):
    """Passwords come in and never go out."""

    def setUp(self) -> None:
        super().setUp()
        self.app.extensions.sources["rtsp"] = lambda address: FakeSource()

    def test_in_the_url(self) -> None:
        self.change("/api/cameras", {"source": "rtsp://eva:Pass-9@10.0.0.9/live?token=t0k"}, 201, "POST")
        config = self.app.cameras["cam2"].config
        self.assertEqual(open_login(self.folder, config), ("eva", "Pass-9"))
        shown = b"".join(
            self.ask("GET", path, by="admin").body
            for path in ("/api/config", "/api/config/cameras", "/api/cameras", "/api/state", "/api/audit")
        )
        for text in (shown.decode(), self.store.read_text(), repr(config), str(self.app.audit.tail(9))):
            self.assertNotIn("Pass-9", text)
        self.assertNotIn(b"t0k", shown)
        self.assertNotIn(b"sealed", shown)

    def test_what_was_read_can_be_written_back(self) -> None:
        self.change("/api/cameras", {"source": "rtsp://eva:Pass-9@10.0.0.9/live?token=t0k"}, 201, "POST")
        before = self.stored()
        for method in ("PUT", "PATCH"):
            read = self.ask("GET", "/api/config/cameras", by="admin").json
            answer = self.change("/api/config/cameras", read, method=method)
            self.assertEqual((answer["changed"], self.stored()), ({}, before))

    def test_not_in_clear(self) -> None:
        for path, body in (
            ("/api/cameras", {"source": "rtsp://10.0.0.9/", "password": "x"}),
            ("/api/cameras", {"source": "rtsp://u:x@10.0.0.9/"}),
            ("/api/cameras/test", {"source": "rtsp://u:x@10.0.0.9/"}),
        ):
            self.change(path, body, 403, "POST", secure=False)
        self.change("/api/config/cameras", {"door": {"password": "x"}}, 403, secure=False)

    def test_another_server_forgets_it(self) -> None:
        self.change("/api/cameras", {"source": "rtsp://eva:Pass-9@10.0.0.9/live"}, 201, "POST")
        self.change("/api/cameras/cam2", {"source": "rtsp://10.0.0.9/other"})
        self.assertEqual(open_login(self.folder, self.app.cameras["cam2"].config), ("eva", "Pass-9"))
        self.change("/api/config/cameras", {"cam2": {"source": "rtsp://10.6.6.6/"}})
        self.assertEqual(open_login(self.folder, self.app.cameras["cam2"].config), ("", ""))

    def test_of_nobody(self) -> None:
        self.change("/api/config/cameras", {"door": {"password_file": "/etc/shadow"}}, 422)


class SectionTests(HotCase):
    def test_patch(self) -> None:
        answer = self.change("/api/config/websocket", {"max_clients": 7})
        self.assertEqual(answer, {"changed": {"websocket.max_clients": "live"}, "waiting": []})
        self.assertEqual(self.app.web.websocket.max_clients, 7)
        self.change("/api/config/websocket", {"max_clients": None})
        self.assertEqual(self.app.web.websocket.max_clients, 50)
        self.assertNotIn("websocket", self.stored())

    def test_put_takes_back_what_is_not_named(self) -> None:
        self.change("/api/config/limits", {"max_body": 2048, "request_timeout": 9})
        self.change("/api/config/limits", {"max_body": 4096}, method="PUT")
        self.assertEqual(self.stored()["limits"], {"max_body": 4096})
        cameras = {"door": {"source": "fake:door", "name": "Door"}}
        self.change("/api/config/cameras", cameras, method="PUT")
        self.assertEqual(self.stored()["cameras"], cameras)
        self.assertEqual(list(self.app.cameras), ["door"])

    def test_general(self) -> None:
        self.change("/api/config/general", {"main_camera": "door"})
        self.assertEqual(self.app.cameras.main.id, "door")
        self.assertEqual(self.ask("GET", "/api/config/general", by="admin").json["main_camera"], "door")
        self.change("/api/config/general", {"main_camera": "gone"}, 422)
        self.change("/api/config/general", {"data_dir": "/tmp"}, 409)
        self.change("/api/config/general", {"cameras": {}}, 422)

    def test_what_waits(self) -> None:
        answer = self.change("/api/config/auth", {"session_idle": 60})
        self.assertEqual(answer["waiting"], ["auth.session_idle"])
        self.assertEqual(self.ask("GET", "/api/config", by="admin").json["waiting"], ["auth.session_idle"])
        self.assertEqual(self.ask("GET", "/api/config/auth", by="admin").json["session_idle"], 60)
        self.assertEqual(self.app.config.auth.session_idle, 1800)
        self.assertEqual(self.change("/api/config/auth", {"session_idle": None})["waiting"], [])

    def test_guests_get_nothing_that_the_asker_may_not_give(self) -> None:
        self.change("/api/config/auth", {"guest": ["Media_r"]}, 403, by="limited")
        self.change("/api/config/auth", {"guest": ["Media_r"]})

    def test_wrong(self) -> None:
        for path, body in (
            ("limits", {"max_bdy": 5}),
            ("limits", {"max_body": "5"}),
            ("limits", {"max_body": {"a": 1}}),
            ("cameras", {"door": 5}),
            ("cameras", {"door": {"sorce": "fake:"}}),
            ("cameras", {"main": {"source": "fake:"}}),
            ("web", {"origins": ["https://x", None]}),
            ("web", {"origins": [["x"]]}),
        ):
            self.change(f"/api/config/{path}", body, 422)
        self.change("/api/config/nothing", {}, 404)
        self.change("/api/config/limits", [], 422)

    def test_two_at_once(self) -> None:
        tag = self.ask("GET", "/api/config/limits", by="admin").headers["etag"]
        self.change("/api/config/limits", {"max_body": 2048}, if_match=tag)
        self.change("/api/config/limits", {"max_body": 4096}, 412, if_match=tag)

    def test_a_store_that_somebody_broke(self) -> None:
        self.store.write_text("htt p")
        error = self.change("/api/config/limits", {"max_body": 2048}, 422)["error"]
        self.assertIn("config.toml", error["details"]["problems"][0]["where"])

    def test_audit(self) -> None:
        self.change("/api/config/limits", {"max_body": 2048})
        (entry,) = self.events("config_change")
        self.assertEqual((entry["by"], entry["keys"]), ("admin", "limits.max_body"))


class TrialTests(HotCase):
    """Looking what is in a source."""

    def setUp(self) -> None:
        super().setUp()
        self.source = FakeSource(capabilities=Capabilities("A camera", (Mode("mjpeg", 640, 480, (30.0,)),)))
        self.app.extensions.sources["rtsp"] = lambda address: self.source

    def try_(self, status: int = 200, **values: Any) -> Any:
        return self.change("/api/cameras/test", {"source": "rtsp://10.0.0.9/", **values}, status, "POST")

    def test_it_says_what_it_has(self) -> None:
        mode = {"codec": "mjpeg", "width": 640, "height": 480, "rates": [30.0]}
        self.assertEqual(self.try_(), {"ok": True, "name": "A camera", "modes": [mode], "reason": ""})
        self.assertEqual(self.source.opened, [])

    def test_it_is_opened(self) -> None:
        self.source.capabilities = Capabilities("A camera")
        self.source.script.append(None)
        self.assertEqual(self.try_()["reason"], "no picture within 5 s")
        self.source.script.append(object())
        self.assertEqual(self.try_(username="eva", password="Pass-9")["modes"][0]["width"], 640)
        self.assertEqual((self.source.opened[-1].username, self.source.opened[-1].password), ("eva", "Pass-9"))
        self.assertFalse(self.source.is_open)

    def test_what_is_wrong(self) -> None:
        self.source.away = SourceError("401 for eva:Pass-9")
        found = self.try_(source="rtsp://eva:Pass-9@10.0.0.9/")
        self.assertEqual((found["ok"], found["reason"]), (False, "401 for eva:***"))
        self.assertNotIn("Pass-9", str(self.app.audit.tail(9)))

    def test_one_that_hangs(self) -> None:
        self.app.threads.pools["io"].at_once = False
        wire = self.request("POST", "/api/cameras/test", {"source": "rtsp://10.0.0.9/"}, by="admin", secure=True)
        self.addCleanup(self.lose, wire)
        self.assertEqual(self.ask("POST", "/api/cameras/test", {"source": "fake:"}, by="admin").status, 429)
        self.clock.advance(PATIENCE)
        self.assertIn(b"no answer within", wire.value())
        self.app.threads.pools["io"].at_once = True
        self.app.threads.pools["io"].run()
        self.assertTrue(self.try_()["ok"])
