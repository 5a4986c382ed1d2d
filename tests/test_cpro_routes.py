"""The product's HTTP routes and messages as its document writes them, over the whole web edge in memory."""

import base64
import re
from pathlib import Path

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from camd.config import AuthConfig, CameraConfig
from camd.errors import Invalid
from camd.state import Permission
from camd.web.rest.schema import check
from camd_plugins import cpro
from camd_plugins.cpro.cameras import CONTROLS
from camd_plugins.cpro.keys import KEYS
from camd_plugins.cpro.limits import Limit

from .auth_case import PASSWORD
from .cpro_app import FakeCameras
from .edge_case import EdgeCase

DOCUMENT = Path(__file__).parent.parent / "docs" / "cpro.md"
ALL = [permission.name for permission in Permission]


class CproEdge(EdgeCase):
    plugins = {"cpro": cpro}

    def setUp(self):
        super().setUp()
        self.get(self.app.extensions.start_services())
        self.addCleanup(self.app.extensions.stop_services)
        self.get(self.app.recordings.start())
        self.app.recordings.follow(self.app.cameras)
        self.addCleanup(lambda: self.get(self.app.recordings.stop()))

    def json(self, method, path, body=None, by="admin", status=200, **options):
        answer = self.ask(method, path, body, by=by, **options)
        self.assertEqual(answer.status, status, answer.body)
        return answer.json if answer.body else None


class SocketTests(CproEdge):
    """Sections 2 and 3: /api/v1 over WebSocket."""

    def open(self, by="admin", path="/api/v1", **options):
        socket = self.socket(path, by=by, **options)
        self.assertTrue(socket.is_open, socket.handshake.body)
        return socket

    def test_the_examples_of_the_document(self):
        socket = self.open()
        for message, answer in (
            ({"brightness": 75}, {"brightness": 75, "info": ["brightness"]}),
            (
                {"brightness": 75, "contrast": 60},
                {"brightness": 75, "contrast": 60, "info": ["brightness", "contrast"]},
            ),
            ({"get": ["brightness", "record"]}, {"brightness": 75, "record": False}),
            (
                {"info": ["cam1-light", "brightness", "record"]},
                {"cam1-light": False, "brightness": 75, "record": False},
            ),
            (
                {"brightness": 101},
                {"error": "Invalid value", "key": "brightness", "message": "Value must be between 0 and 100"},
            ),
        ):
            socket.send(message)
            self.assertIn(answer, socket.received())
        viewer = self.open("viewer")
        self.assertEqual(viewer.ask({"brightness": 75}), {"error": "Permission denied", "key": "brightness"})

    def test_every_reader_hears_of_a_change_and_the_sender_too(self):
        sender, viewer, api = self.open(), self.open("viewer"), self.open(path="/api")
        nobody = self.open("nobody")
        sender.send({"brightness": 80})
        self.assertEqual(sender.received(), [{"brightness": 80}, {"brightness": 80, "info": ["brightness"]}])
        self.assertEqual(viewer.received(), [{"brightness": 80}])
        self.assertIn(("cameras/cam1/brightness", 80), [(m["state"], m["value"]) for m in api.received()])
        self.assertEqual(nobody.received(), [])
        self.ask("PUT", "/api/state/cameras/cam1/brightness", {"value": 20}, by="admin")
        self.assertEqual(viewer.received(), [{"brightness": 20}])
        self.ask("POST", "/api", {"cameras/cam1/brightness": 30}, by="admin")
        self.assertEqual(viewer.received(), [{"brightness": 30}])

    def test_signing_in_within_the_connection(self):
        for credentials in ({"username": "admin", "password": PASSWORD}, {"token": self.tokens["admin"]}):
            socket = self.open(by="")
            self.assertEqual(socket.ask({"get": ["brightness"]}), {"error": "Unauthorized"})
            self.assertEqual(socket.ask(credentials), {"authenticated": True, "permissions": ALL})
            self.assertEqual(socket.ask({"get": ["brightness"]}), {"brightness": 50})
            socket.send({"brightness": 50, "contrast": 51})
            self.assertIn({"contrast": 51}, socket.received())
            self.json("POST", "/api/v1", {"contrast": 50})
        socket = self.open(by="")
        self.assertEqual(socket.ask({"username": "admin", "password": "wrong"}), {"error": "Unauthorized"})
        self.assertTrue(socket.is_open)

    def test_a_token_in_the_address(self):
        for path in ("/api", "/api/v1"):
            self.assertTrue(self.socket(f"{path}?token={self.tokens['viewer']}").is_open)

    def test_who_never_signs_in_is_sent_away(self):
        socket = self.open(by="")
        self.clock.advance(10.1)
        self.assertEqual(socket.received()[-1], {"close": 4401})

    def test_places_are_shared_with_api(self):
        self.app.web.websocket.max_clients = 2
        first = self.open()
        self.open(path="/api")
        busy = self.ask(
            "GET",
            "/api/v1",
            by="admin",
            upgrade="websocket",
            connection="Upgrade",
            sec_websocket_version="13",
            sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==",
        )
        self.assertEqual((busy.status, busy.body), (503, b"Server busy"))
        first.wire.protocol.connectionLost(Failure(ConnectionDone()))
        self.open()
        self.assertEqual(self.app.web.websocket.clients, 2)

    def test_a_slow_client_gets_the_newest(self):
        socket = self.open()
        producer = socket.wire.producer
        producer.pauseProducing()
        for value in (60, 70, 80):
            self.json("POST", "/api/v1", {"brightness": value})
        self.assertEqual(socket.received(), [])
        self.assertEqual(self.app.web.websocket.drops, 2)
        producer.resumeProducing()
        self.assertEqual(socket.received(), [{"brightness": 80}])

    def test_rights_that_change(self):
        socket = self.open("viewer")
        admin = self.get(self.users.by_password("admin", PASSWORD, "192.0.2.9"))
        self.get(self.users.change(admin, "viewer", role="guest"))
        self.clock.advance(0)
        self.json("POST", "/api/v1", {"brightness": 60})
        self.assertEqual([m for m in socket.received() if "brightness" in m], [])

    def test_native_names_on_api(self):
        socket = self.open(path="/api")
        message = {"light0": True, "changePostName": "test_recording", "record": "start"}
        self.assertEqual(
            socket.ask(message),
            {"error": "Invalid value", "key": "light0", "message": "this camera has no light"},
        )
        self.assertEqual(socket.ask({"info": ["light0", "record"]}), {"light0": False, "record": "stop"})
        self.json("POST", "/api/v1", {"brightness": 77})
        self.assertIn({"state": "brightness", "value": 77}, socket.received())


class LimitedSocketTests(CproEdge):
    auth = AuthConfig()

    def test_a_hundred_messages_a_second(self):
        socket = self.socket("/api/v1", by="admin")
        socket.send(*[{"get": ["fps"]}] * 101)
        self.clock.pump([0] * 20)
        answers = socket.received()
        self.assertEqual(len(answers), 101)
        self.assertEqual(
            answers[100], {"error": "Rate limit exceeded", "limit": 100, "period": "second", "retry_after": 1}
        )

    def test_the_products_limits_are_for_everybody(self):
        codes = [self.ask("GET", "/api/snapshot?quality=0", by="admin").status for _ in range(11)]
        self.assertEqual(codes, [400] * 10 + [429])
        answer = self.ask("GET", "/api/snapshot?quality=0", by="viewer")
        self.assertEqual(
            (
                answer.status,
                answer.headers["retry-after"],
                answer.headers["x-ratelimit-limit"],
                answer.headers["x-ratelimit-remaining"],
            ),
            (429, "1", "10", "0"),
        )
        self.assertIn("x-ratelimit-reset", answer.headers)
        self.assertEqual(
            self.ask("GET", "/api/snapshot?quality=0", by="admin", address="192.0.2.8").status, 400
        )
        self.assertEqual(self.ask("GET", "/camera.jpeg?quality=0", by="admin").status, 400)


class LimitTests(CproEdge):
    def test_it_is_bounded_and_fills_with_time(self):
        time = [0.0]
        limit = Limit(2, lambda: time[0], lambda: True)
        for number in range(10_050):
            limit.charge(f"10.0.{number // 256}.{number % 256}")
        self.assertEqual(len(limit._left), 10_000)
        results = []
        for time[0] in (10, 10, 10, 10.4, 10.5, 10.5):
            results.append(self.charged(limit, "::1"))
        self.assertEqual(results, [True, True, False, False, True, False])
        self.assertFalse(self.charged(limit, "::2"))

    def charged(self, limit, address):
        try:
            limit.charge(address)
        except Exception as error:
            self.assertEqual(type(error).__name__, "RateLimited")
            return False
        return True


class PostTests(CproEdge):
    """Section 1: the same over plain HTTP."""

    def test_messages(self):
        self.assertEqual(
            self.json("POST", "/api/v1", {"brightness": 75}), {"brightness": 75, "info": ["brightness"]}
        )
        self.assertEqual(
            self.json("POST", "/api/v1", {"get": ["brightness"], "id": 5}), {"brightness": 75, "id": 5}
        )
        self.assertEqual(self.json("POST", "/api/v1/", {"get": ["brightness"]}), {"brightness": 75})
        self.assertEqual(
            self.json("POST", "/api/v1", {"brightness": 5}, by="viewer"),
            {"error": "Permission denied", "key": "brightness"},
        )

    def test_identity_in_the_message(self):
        who = {"username": "admin", "password": PASSWORD}
        self.assertEqual(
            self.json("POST", "/api/v1", who, by=""), {"authenticated": True, "permissions": ALL}
        )
        self.assertEqual(
            self.json("POST", "/api/v1", {**who, "brightness": 60}, by=""),
            {"brightness": 60, "info": ["brightness"]},
        )
        for body in ({"get": ["brightness"]}, {"username": "admin", "password": "wrong"}, {"token": "wrong"}):
            answer = self.ask("POST", "/api/v1", body)
            self.assertEqual((answer.status, answer.json), (401, "Unauthorized"))

    def test_a_plain_get(self):
        self.assertEqual(self.ask("GET", "/api/v1", by="admin").code, "UPGRADE_REQUIRED")
        for path in ("/api/v1/nonsense", "/api/info2", "/api/token/x"):
            self.assertIn(self.ask("GET", path, by="admin").status, (404, 405), path)

    def test_what_is_not_served_names_what_is(self):
        for path in ("/ws", "/api/v1/ws"):
            answer = self.ask("GET", path, by="admin")
            self.assertEqual(answer.status, 404)
            self.assertIn("/api/v1", answer.json["error"]["message"])


class IdentityTests(CproEdge):
    """Section 3."""

    def basic(self, name, password):
        return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()

    def test_login(self):
        answer = self.ask("POST", "/api/login", {"username": "admin", "password": PASSWORD}, secure=True)
        self.assertEqual(answer.status, 200)
        self.assertIn("camd_session=", answer.headers["set-cookie"])
        token = answer.json["token"]
        self.assertEqual(self.ask("GET", "/api/info", authorization=f"Bearer {token}").status, 200)

    def test_login_with_all_that_the_product_tells(self):
        for path in ("/api/auth/login", "/api/v1/auth/login"):
            body = {"username": "viewer", "password": PASSWORD, "remember_me": True}
            answer = self.json("POST", path, body, by="", secure=True)
            self.assertEqual(
                set(answer), {"token", "access_token", "refresh_token", "token_type", "expires_in", "user"}
            )
            self.assertEqual((answer["token_type"], answer["expires_in"]), ("Bearer", 1800))
            self.assertEqual(
                answer["user"],
                {
                    "username": "viewer",
                    "role": "viewer",
                    "permissions": ["Device_r", "Media_r", "Storage_r", "System_r"],
                },
            )
            bearer = {"authorization": f"Bearer {answer['access_token']}"}
            self.assertEqual(self.ask("GET", "/api/info", **bearer).status, 200)
            fresh = self.json(
                "POST", "/api/auth/refresh", {"refresh_token": answer["refresh_token"]}, by="", secure=True
            )
            self.assertEqual(
                self.ask("GET", "/api/info", authorization=f"Bearer {fresh['access_token']}").status, 200
            )
            self.assertEqual(self.ask("POST", "/api/auth/logout", **bearer).status, 200)
            self.assertEqual(self.ask("GET", "/api/info", **bearer).status, 401)
            gone = self.ask(
                "POST", "/api/auth/refresh", {"refresh_token": answer["refresh_token"]}, secure=True
            )
            self.assertEqual((gone.status, gone.code), (401, "INVALID_CREDENTIALS"))

    def test_login_refused(self):
        answer = self.ask("POST", "/api/auth/login", {"username": "admin", "password": "wrong"}, secure=True)
        self.assertEqual((answer.status, answer.code), (401, "INVALID_CREDENTIALS"))
        for body in ({"username": "admin"}, {"username": 1, "password": "x"}, ["admin"], {}):
            self.assertEqual(self.ask("POST", "/api/auth/login", body, secure=True).status, 400, body)
        form = self.ask("POST", "/api/auth/login", b"username=admin&password=x", secure=True)
        self.assertEqual(form.status, 400)

    def test_a_password_change_ends_what_login_gave(self):
        answer = self.json(
            "POST", "/api/auth/login", {"username": "viewer", "password": PASSWORD}, by="", secure=True
        )
        viewer = self.get(self.users.by_password("viewer", PASSWORD, "192.0.2.9"))
        self.get(self.users.change_own_password(viewer, PASSWORD, "Another-Password1"))
        self.assertEqual(
            self.ask("GET", "/api/info", authorization=f"Bearer {answer['access_token']}").status, 401
        )

    def test_secrets_travel_encrypted(self):
        for path in (
            "/api/auth/login",
            "/api/v1/auth/login",
            "/api/auth/refresh",
            "/api/token",
            "/api/auth/apikey",
        ):
            route = next(route for route in self.app.web.routes if route.path == path)
            self.assertTrue(route.encrypted)

    def test_token(self):
        basic = self.basic("viewer", PASSWORD)
        answer = self.ask("POST", "/api/token", {"duration_days": 30}, authorization=basic, secure=True)
        self.assertEqual((answer.status, set(answer.json)), (200, {"token"}))
        self.assertEqual(self.ask("GET", f"/api/snapshot?quality=0&token={answer.json['token']}").status, 400)
        self.assertEqual(self.ask("POST", "/api/token", authorization=basic, secure=True).status, 200)
        self.assertEqual(
            self.ask("POST", "/api/token", {"duration_days": "x"}, authorization=basic, secure=True).status,
            400,
        )
        self.assertEqual(self.ask("POST", "/api/token", {}, secure=True).status, 401)
        self.assertEqual(
            self.ask("POST", "/api/token", {}, authorization=self.basic("viewer", "x"), secure=True).status,
            401,
        )

    def test_api_keys(self):
        body = {
            "name": "wall",
            "description": "a screen",
            "expires_in_days": 7,
            "permissions": ["Media_r"],
            "ip_restrictions": [],
        }
        made = self.json("POST", "/api/auth/apikey", body, by="viewer", status=201, secure=True)
        self.assertEqual(made["permissions"], ["Media_r"])
        self.assertLess(made["created"], made["expires"])
        keys = self.json("GET", "/api/auth/apikeys", by="viewer")["api_keys"]
        self.assertIn(made["key_id"], [key["key_id"] for key in keys])
        self.assertNotIn(made["api_key"], str(keys))
        self.assertEqual(
            self.ask("GET", "/api/camera/status", authorization=f"Bearer {made['api_key']}").status, 403
        )
        self.json("DELETE", f"/api/auth/apikey/{made['key_id']}", by="viewer", status=204, secure=True)
        self.assertEqual(
            self.ask("GET", "/api/snapshot", authorization=f"Bearer {made['api_key']}").status, 401
        )
        self.assertEqual(
            self.ask("DELETE", f"/api/auth/apikey/{made['key_id']}", by="viewer", secure=True).status, 404
        )
        for wrong in (
            {},
            {"name": 5},
            {"name": "x", "ip_restrictions": ["10.0.0.1"]},
            {"name": "x", "permissions": ["User_rw"]},
        ):
            self.assertEqual(
                self.ask("POST", "/api/auth/apikey", wrong, by="viewer", secure=True).status, 400, wrong
            )

    def test_users(self):
        new = {
            "username": "anna",
            "password": "Correct-Horse9",
            "email": "anna@example.com",
            "role": "viewer",
        }
        self.json("POST", "/api/users", new, status=201, secure=True)
        for path in ("/api/users", "/api/v1/users", "/api/auth/users", "/api/admin/users"):
            self.assertIn("anna", [user["username"] for user in self.json("GET", path)["users"]])
            self.assertEqual(self.ask("GET", path, by="viewer").status, 403)
        self.assertEqual(
            self.json("PUT", "/api/v1/users/anna", {"role": "operator"}, secure=True)["role"], "operator"
        )
        self.json("DELETE", "/api/v1/users/anna", status=204, secure=True)
        self.assertEqual(self.ask("GET", "/api/v1/users/anna", by="admin").status, 404)


class InformationTests(CproEdge):
    """Section 7: what there is, and how it is."""

    def test_one_document_under_all_names(self):
        for path in ("/api/info", "/api/status", "/status", "/api/v1/status"):
            told = self.json("GET", path, by="viewer")
            self.assertLessEqual(
                {"version", "build", "uptime", "system", "camera", "network", "status", "timestamp"},
                set(told),
            )
            self.assertLessEqual({"temperature", "cpu_usage", "memory", "disk"}, set(told["system"]))
            self.assertLessEqual({"total", "available", "used"}, set(told["system"]["memory"]))
            self.assertLessEqual({"connected", "resolution", "framerate", "recording"}, set(told["camera"]))
            self.assertLessEqual({"ip", "hostname", "connected"}, set(told["network"]))
            self.assertIn(told["status"], ("online", "offline", "error"))
            self.assertEqual(self.ask("GET", path).status, 401)
            self.assertEqual(self.ask("GET", path, by="nobody").status, 403)

    def test_health(self):
        for path in ("/health", "/api/health"):
            self.assertEqual(set(self.json("GET", path, by="")), {"status", "timestamp"})
            self.assertEqual(set(self.json("GET", path)), {"status", "timestamp", "checks"})
        self.assertEqual(self.json("GET", "/api/ready", by=""), {"ready": True})

    def test_camera(self):
        status = self.json("GET", "/api/camera/status", by="viewer")
        self.assertEqual((status["active_camera"], status["streaming"]), ("cam1", False))
        self.assertEqual([camera["id"] for camera in status["cameras"]], ["cam1", "door"])
        self.assertEqual(
            set(status["cameras"][0]),
            {
                "id",
                "connected",
                "device",
                "name",
                "driver",
                "resolution",
                "framerate",
                "format",
                "capabilities",
            },
        )
        limited = self.json("GET", "/api/camera/status", by="limited")
        self.assertEqual([camera["id"] for camera in limited["cameras"]], ["cam1"])
        for path in ("/api/camera/info", "/api/v1/camera/info"):
            info = self.json("GET", path, by="viewer")
            self.assertEqual(set(info), {"device", "capabilities", "current_settings"})
            self.assertEqual(set(info["device"]), {"path", "name", "driver"})
            self.assertEqual(set(info["capabilities"]), {"resolutions", "formats", "frame_rates"})

    def test_pictures(self):
        for path in ("/camera.jpeg", "/image", "/api/snapshot"):
            wire = self.request("GET", path, by="viewer")
            self.assertEqual(self.ask("GET", path + "?quality=0", by="viewer").status, 400)
            self.assertEqual(self.ask("GET", path).status, 401)
            self.assertEqual(self.ask("GET", path, by="nobody").status, 403)
            self.assertEqual(self.ask("GET", f"{path}?quality=101&token={self.tokens['viewer']}").status, 400)
            self.assertFalse(wire.lost)

    def test_what_camd_has_no_use_for(self):
        for path in (
            "/api/camera/start",
            "/api/camera/stop",
            "/api/v1/camera/start",
        ):
            answer = self.ask("POST", path, {}, by="admin")
            self.assertEqual((answer.status, answer.code), (409, "NOT_SUPPORTED"), path)
            self.assertTrue(answer.json["error"]["message"])
            self.assertEqual(self.ask("POST", path, {}, by="viewer").status, 403, path)
            self.assertEqual(self.ask("POST", path, {}).status, 401, path)


class TableTests(CproEdge):
    """docs/cpro.md lists what works and what does not; nothing is missing in it, and nothing is invented."""

    def setUp(self):
        super().setUp()
        self.text = DOCUMENT.read_text()
        self.rows = [
            [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            for line in self.text.splitlines()
            if line.startswith("| ")
        ]

    def test_every_row_has_a_verdict(self):
        verdicts = [row[-1] for row in self.rows if row[-1].startswith(("works", "not applicable"))]
        self.assertGreater(len(verdicts), 80)
        for verdict in verdicts:
            if not verdict.startswith("works"):
                self.assertRegex(verdict, "^not applicable because .{10,}")

    def test_every_key_and_name_is_listed(self):
        listed = set(re.findall(r"`([^`]+)`", self.text))
        self.assertLessEqual({name for key in KEYS for name in (key.key, key.native) if name}, listed)

    def test_every_route_is_listed(self):
        listed = {path.partition("/{")[0] for row in self.rows for path in re.findall(r"`(/[^`?]*)`", row[0])}
        self.assertLessEqual({route.path for route in cpro.camd_resources(self.app)}, listed)

    def test_every_route_that_works_answers(self):
        asked = 0
        for row in self.rows:
            method = re.match("GET|POST|PUT|DELETE", row[0])
            if not method or not row[-1].startswith("works"):
                continue
            for path in re.findall(r"`(/[^`?]*)`", row[0]):
                asked += 1
                body = None if method[0] == "GET" else {}
                one = re.sub(r"\{[^}]*\}", "x", path)
                stranger = self.ask(method[0], one, body, secure=True).status
                self.assertIn(stranger, (200, 400, 401, 426), f"{method[0]} {path}")
                status = self.ask(method[0], one, body, by="admin", secure=True).status
                # 0: waits; 409: it is recorded already
                fine = {0, 200, 400, 409, 415, 422, 426} | ({404} if one != path else set())
                self.assertIn(status, fine, f"{method[0]} {path}")
        self.assertGreater(asked, 50)


class SettingTests(CproEdge):
    """Setting the main camera over HTTP; its device has controls in ranges of its own."""

    def setUp(self):
        super().setUp()
        self.app.extensions.sources |= FakeCameras().camd_sources()
        self.app.cameras.configure({"front": CameraConfig("front", "device:front")})
        self.clock.advance(0)

    def value(self, name):
        return self.app.state[f"cameras/front/{name}"].value

    def test_settings(self):
        for path in ("/api/camera/settings", "/api/v1/camera/settings", "/api/camera/config"):
            settings = {"resolution": "1280x720", "framerate": 10.0, "format": "mjpeg"}
            self.assertEqual(self.json("PUT", path, settings), {"success": True, **settings})
            self.assertEqual(self.json("GET", path, by="viewer"), settings)
            self.assertEqual(self.value("size"), "1280x720")
            self.assertEqual(self.ask("PUT", path, settings, by="viewer").status, 403)
        for resolution in ("1281x720", "1280", 720, "9999x9999"):
            answer = self.ask("PUT", "/api/camera/settings", {"resolution": resolution}, by="admin")
            self.assertEqual((answer.status, answer.code), (400, "INVALID_RESOLUTION"), resolution)
        for body, key in (
            ({"framerate": 500}, "framerate"),
            ({"format": "gif"}, "format"),
            ({"zoom": 1}, "zoom"),
        ):
            answer = self.ask("PUT", "/api/camera/settings", body, by="admin")
            self.assertEqual((answer.status, answer.json["error"]["details"]), (400, {"key": key}))
        self.assertEqual(self.ask("PUT", "/api/camera/settings", [], by="admin").status, 400)
        self.assertEqual(self.value("size"), "1280x720")

    def test_profiles(self):
        built_in = ["indoor", "outdoor", "low_light", "microscopy"]
        listed = self.json("GET", "/api/camera/profiles", by="viewer")
        self.assertEqual(listed, {"profiles": built_in, "active": None})
        applied = self.json("POST", "/api/camera/profile", {"profile": "microscopy"})
        self.assertEqual(applied, {"success": True, "profile": "microscopy"})
        self.assertEqual((self.value("auto_exposure"), self.value("profile")), ("Manual Mode", "microscopy"))
        saved = self.json("POST", "/api/camera/profiles", {"profile": "slides"})
        self.assertEqual(saved, {"success": True, "profiles": [*built_in, "slides"], "active": "slides"})
        for path, body in (
            ("profile", {}),
            ("profile", {"profile": ""}),
            ("profiles", {"profile": 7}),
            ("profiles", {"profile": "x", "more": 1}),
        ):
            answer = self.ask("POST", f"/api/camera/{path}", body, by="admin")
            self.assertEqual((answer.status, answer.json["error"]["details"]), (400, {"key": "profile"}))
        self.assertEqual(self.ask("POST", "/api/camera/profile", {"profile": "unknown"}, by="admin").status, 404)
        self.assertEqual(self.ask("POST", "/api/camera/profiles", {"profile": "indoor"}, by="admin").status, 409)
        for path in ("profile", "profiles"):
            self.assertEqual(self.ask("POST", f"/api/camera/{path}", {"profile": "indoor"}, by="viewer").status, 403)

    def test_info(self):
        info = self.json("GET", "/api/camera/info")
        self.assertEqual(info["device"], {"path": "device:front", "name": "Front camera", "driver": "device"})
        self.assertEqual(info["capabilities"]["resolutions"][0], {"width": 640, "height": 480})
        self.assertEqual(info["capabilities"]["frame_rates"], [10.0, 30.0])
        self.assertEqual(info["capabilities"]["formats"], ["mjpeg", "yuyv422"])

    def test_controls(self):
        for body, name, device in (
            ({"exposure_auto": 1}, "auto_exposure", "Manual Mode"),
            ({"exposure_auto": 3}, "auto_exposure", "Aperture Priority Mode"),
            ({"exposure_auto": False}, "auto_exposure", "Manual Mode"),
            ({"exposure_auto": "auto"}, "auto_exposure", "Aperture Priority Mode"),
            ({"exposure_auto": "auto"}, "auto_exposure", "Aperture Priority Mode"),
            ({"exposure_auto": "Manual Mode"}, "auto_exposure", "Manual Mode"),
            ({"exposure_absolute": 300}, "exposure_time_absolute", 300),
            ({"white_balance_auto": 0}, "white_balance_automatic", False),
            ({"white_balance_temperature": 3000}, "white_balance_temperature", 3000),
            ({"brightness": -20}, "brightness", -20),
            ({"hue": 90}, "hue", 90),
        ):
            answer = self.json("PUT", "/api/camera/controls", body)
            self.assertEqual(
                (answer, self.value(name)),
                ({"success": True, "controls": {next(iter(body)): device}}, device),
            )
        for body in (
            {"focus_auto": True},
            {"brightness": 65},
            {"exposure_auto": 7},
            {"gain": 1},
            {"exposure_auto": "x"},
        ):
            answer = self.ask("PUT", "/api/camera/controls", body, by="admin")
            self.assertEqual(
                (answer.status, answer.json["error"]["details"]), (400, {"key": next(iter(body))}), body
            )
        self.assertEqual(self.ask("PUT", "/api/camera/controls", {"hue": 1}, by="viewer").status, 403)

    def described(self, path, by="admin"):
        document = self.json("GET", "/api/openapi.json", by=by)
        return document["paths"][path]["put"]["requestBody"]["content"]["application/json"]["schema"]

    def test_the_document_says_what_they_take(self):
        for path, wanted in (
            ("/api/camera/settings", {"resolution", "framerate", "format"}),
            ("/api/camera/controls", CONTROLS.keys() - {"focus_auto", "focus_absolute"}),
        ):
            body = self.described(path)
            self.assertEqual(body["properties"].keys(), wanted)
            self.assertFalse(body["additionalProperties"])
            for name, value in self.probes(body["properties"]):
                answer = self.ask("PUT", path, {name: value}, by="admin")
                self.assertEqual(answer.status, 200 if self.fits(value, body["properties"][name]) else 400, (name, value))

    def probes(self, members):
        """Values at the edges of what each takes, and others."""
        for name, schema in members.items():
            low, high = schema.get("minimum", 0), schema.get("maximum", 0)
            edges = (low, high, low - 1, high + 1, float(high), low + 0.5)
            for value in (*edges, *range(5), 0.0, True, False, "auto", "off", "x", None, [], *schema.get("enum", ())):
                yield name, value

    def fits(self, value, schema):
        try:
            check(value, schema)
        except Invalid:
            return False
        return True

    def test_the_document_follows_the_main_camera(self):
        self.assertIn("hue", self.described("/api/camera/controls")["properties"])
        self.assertEqual(self.described("/api/camera/controls", by="limited")["properties"], {})
        self.app.cameras.configure({})
        self.assertEqual(self.described("/api/camera/controls")["properties"], {})

    def test_without_a_camera(self):
        self.app.cameras.configure({})
        for path in ("/api/camera/info", "/api/camera/settings"):
            answer = self.ask("GET", path, by="admin")
            self.assertEqual((answer.status, answer.code), (503, "CAMERA_NOT_CONNECTED"))
        self.assertEqual(
            self.json("GET", "/api/camera/status"), {"cameras": [], "active_camera": None, "streaming": False}
        )

    def test_another_camera_than_ones_own(self):
        self.assertEqual(self.ask("GET", "/api/camera/info", by="limited").status, 403)
        self.assertEqual(self.ask("PUT", "/api/camera/settings", {"framerate": 10}, by="limited").status, 403)
        self.assertEqual(self.json("GET", "/api/camera/status", by="limited")["cameras"], [])
