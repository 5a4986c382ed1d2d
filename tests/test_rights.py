"""Who may what: (role x route) and (role x name), walked over the real routes and the real state.

Nothing here lists what is there: a route or a name that is added tomorrow is tested tomorrow. What is
listed are the routes that ask nobody who they are, so that one more of them is a decision.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import camd_plugins.cpro
import camd_plugins.monitor
import camd_plugins.onvif
import camd_plugins.wamp

from camd.hookspecs import ANY, READER, Route
from camd.state import GUEST_NAME, Permission, Principal
from camd.web import rest
from camd.web.rest.operation import PUBLIC as PUBLIC_OPERATION
from camd.web.rest.operation import Operation

from .edge_case import PEOPLE, EdgeCase, Socket

#: Routes whose resource looks for itself who asks, and why that must be.
PUBLIC = {
    # the state of the process without its reasons
    "/health", "/healthz", "/ready", "/readyz", "/api/health", "/api/ready",
    # whoever comes here has no identity yet
    "/api/login", "/api/setup", "/api/auth/login", "/api/v1/auth/login", "/api/auth/refresh",
    # an identity may be in the message
    "/api", "/api/v1", "/wamp", "/onvif",
    # a page that explains, with nothing in it
    "/api/docs",
    # say that they are elsewhere
    "/ws", "/api/v1/ws",
}  # fmt: skip
#: Beyond the permission they ask for more of them, for all cameras, and for HTTPS.
CLOSER = {"/api/backup", "/api/restore"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
READING = ("GET", "HEAD", "OPTIONS")
VALUES = {permission: f"value of {permission.name}" for permission in Permission}


def may(by: Principal, needed: Permission | str | None) -> bool:
    """What the guard is to think, said in another way than it does."""
    if needed in (ANY, READER):
        return by.name != GUEST_NAME or (needed == READER and bool(by.permissions))
    held = {permission.name for permission in by.permissions}
    return isinstance(needed, Permission) and bool(held & {needed.name, needed.name + "w"})


class RightsCase(EdgeCase):
    plugins = {"monitor": camd_plugins.monitor, "wamp": camd_plugins.wamp, "cpro": camd_plugins.cpro,
               "onvif": camd_plugins.onvif}

    def setUp(self) -> None:
        super().setUp()
        self.get(self.app.extensions.start_services())
        self.addCleanup(self.app.extensions.stop_services)
        self.who = {name: self.users.by_token(token) for name, token in self.tokens.items()}
        self.who[""] = self.users.guest

    def routes(self) -> Iterator[Route]:
        yield from self.app.web.routes
        yield from self.app.web.actions.values()

    def status(self, method: str, path: str, name: str, **options: Any) -> int:
        return self.ask(method, path, by=name, **options).status


class RouteTests(RightsCase):
    def test_the_public_ones_are_these(self) -> None:
        self.assertEqual({route.path for route in self.routes() if route.open}, PUBLIC)

    def test_role_by_route(self) -> None:
        count = 0
        for route in self.routes():
            if route.open:
                continue
            path = {"/cam": "/cam/cam1/nothing"}.get(route.path, route.path)
            for method in METHODS:
                for name, by in self.who.items():
                    count += 1
                    status = self.status(method, path, name)
                    allowed = may(by, route.read) and (method in READING or may(by, route.write))
                    about = f"{method} {path} as {name or 'nobody'}: {status}"
                    if name == "":
                        self.assertEqual(status, 401, about)
                    elif allowed and (ANY in (route.read, route.write) or route.path in CLOSER):  # the resource looks closer
                        self.assertNotIn(status, (0, 401), about)
                    elif allowed:
                        self.assertNotIn(status, (0, 401, 403), about)
                    elif method not in READING and may(by, route.read) and route.write is None:
                        self.assertEqual(status, 405, about)
                    else:
                        self.assertEqual(status, 403, about)
        self.assertGreater(count, 1000)

    def test_other_spellings_lead_to_the_same_guard(self) -> None:
        for path in (
            "/api/%73tatus", "/api/status/", "/%61pi/status", "/api/status;x", "/api//status", "/API/status",
            "/api/./status", "/x/../api/status", "/api/status%00", "/api/status%2f", "//api/status",
            "/api%2fstatus",
            "/metrics/", "/metrics/x", "/%6detrics", "/snapshot/x", "/cam/cam1//snapshot.jpg", "/cam//cam1",
            "/cam/cam1/snapshot.jpg/", "/cam/cam1/snapshot.jpg%00", "/cam/%63am1/snapshot.jpg",
            "/?action=stream&action=snapshot", "/snapshot?token=", "/snapshot?token", "/snapshot?user=admin",
        ):  # fmt: skip
            self.assertIn(self.ask("GET", path).status, (401, 404), path)
        unknown = self.ask("GET", "/?action=snapshot%00")  # the page, which is public, and no picture
        self.assertIn("text/html", unknown.headers["content-type"])

    def test_methods_that_pretend(self) -> None:
        for header in (
            {"x_http_method_override": "GET"},
            {"x_original_url": "/health"},
            {"x_rewrite_url": "/health"},
            {"x_forwarded_for": "127.0.0.1"},
            {"x_real_ip": "127.0.0.1"},
            {"x_user": "admin"},
        ):
            self.assertEqual(self.ask("GET", "/api/users", **header).status, 401)
            self.assertEqual(self.ask("DELETE", "/api/users/viewer", by="viewer", **header).status, 403)


class OperationTests(RightsCase):
    """REST has operations of different rights on one path."""

    def path(self, operation: Operation) -> str:
        names = {"id": "cam1", "section": "web", "name": "nothing"}
        if operation.path.startswith("/api/state"):
            names["name"] = "lamp/device_r"
        return re.sub(r"\{(\w+)\}", lambda match: names[match[1]], operation.path)

    def test_role_by_operation(self) -> None:
        for operation in rest.operations(self.app):
            path = self.path(operation)
            for name, by in self.who.items():
                status = self.status(operation.method, path, name)
                about = f"{operation.method} {path} as {name or 'nobody'}: {status}"
                if operation.permission == PUBLIC_OPERATION:
                    self.assertEqual(status, 200, about)
                elif may(by, operation.permission):
                    self.assertNotIn(status, (0, 401), about)
                else:
                    self.assertEqual(status, 403 if name else 401, about)

    def test_nobody_rises(self) -> None:
        """A user cannot give themselves, or a token, more than they have."""
        for method, path, body in (
            ("PATCH", "/api/users/viewer", {"role": "administrator"}),
            ("PATCH", "/api/users/nobody", {"additional_permissions": ["System_rw"]}),
            (
                "POST",
                "/api/users",
                {"name": "mallory", "password": "Correct-Horse1", "role": "administrator"},
            ),
            ("PUT", "/api/roles/guest", {"permissions": ["System_rw"]}),
        ):
            for name in ("", "viewer", "operator", "nobody"):
                self.assertEqual(self.status(method, path, name, body=body), 403 if name else 401)
        answer = self.ask("POST", "/api/tokens", {"name": "more", "permissions": ["System_rw"]}, by="viewer")
        self.assertNotEqual(answer.status, 201)


class CameraTests(RightsCase):
    def test_the_cameras_of_others(self) -> None:
        for path in (
            "/cam/door/snapshot.jpg",
            "/cam/door/stream.mjpg",
            "/cam/door",
            "/cam/none/snapshot.jpg",
            "/cam/none",
        ):
            self.assertEqual(self.status("GET", path, "limited"), 403, path)
        for path in ("/cam/cam1/snapshot.jpg", "/cam/cam1/stream.mjpg", "/snapshot", "/stream"):
            self.assertEqual(self.status("GET", path, "limited"), 200, path)
        self.app.state["system/main_camera"].publish("door")
        self.app.cameras.configure(
            dict(reversed([(c.id, c.config) for c in self.app.cameras.values()])), "door"
        )
        self.assertEqual(self.app.cameras.main.id, "door")
        for path in ("/snapshot", "/stream", "/image", "/?action=snapshot", "/api/snapshot"):
            self.assertEqual(self.status("GET", path, "limited"), 403, path)

    def test_nothing_says_that_there_is_another(self) -> None:
        for path in (
            "/api/status",
            "/api/schema",
            "/api/state",
            "/metrics",
            "/health",
            "/ready",
            "/api/cameras",
            "/api/camera/status",
            "/status",
            "/api/info",
            "/api/openapi.json",
        ):
            answer = self.ask("GET", path, by="limited")
            self.assertIn(answer.status, (200, 503), path)
            self.assertNotRegex(answer.body, rb"\bdoor\b", path)
            if path != "/ready":  # tells only of cameras that are missing
                self.assertIn(b"door", self.ask("GET", path, by="operator").body, path)

    def test_names_of_others_are_like_names_of_nothing(self) -> None:
        for name in ("cameras/door/brightness", "cameras/none/brightness"):
            for message in ({"get": [name]}, {name: 1}):
                answer = self.ask("POST", "/api", message, by="limited").json
                self.assertEqual(answer, {"error": "Permission denied", "key": name})
        self.assertEqual(
            self.ask("POST", "/api", {"get": ["cameras/door*"]}, by="limited").json["values"], {}
        )

    def test_another_camera_is_not_made_the_main_one(self) -> None:
        for camera in ("door", "none"):
            answer = self.ask("PUT", "/api/state/system/main_camera", {"value": camera}, by="limited")
            self.assertEqual((answer.status, b"door" in answer.body), (422, False))
            answer = self.ask("POST", "/api/cameras", {"id": camera, "source": "test:"}, by="limited")
            self.assertEqual(answer.status, 403)
        answer = self.ask("PUT", "/api/state/system/main_camera", {"value": "cam1"}, by="limited")
        self.assertEqual(answer.status, 200)
        answer = self.ask("PUT", "/api/state/system/main_camera", {"value": "door"}, by="operator")
        self.assertEqual(answer.status, 200)

    def test_calls(self) -> None:
        def call(camera: str) -> Any:
            return self.ask(
                "POST", "/api", {"call": "lamp.shoot", "args": {"camera": camera}}, by="limited"
            ).json

        self.assertEqual(call("cam1"), {"result": "cam1"})
        self.assertEqual(call("door"), {"error": "Permission denied", "key": "lamp.shoot"})


class NameTests(RightsCase):
    def readable(self, by: Principal) -> set[str]:
        return {
            o.name for o in self.app.state
            if may(by, o.spec.read)
            and not (by.cameras is not None and re.match(r"cameras/(?!cam1/)", o.name))
        }  # fmt: skip

    def test_reading(self) -> None:
        for name, by in self.who.items():
            if not name:
                continue
            readable = self.readable(by)

            def post(message: Any, name: str = name) -> Any:
                return self.ask("POST", "/api", message, by=name).json

            self.assertEqual(set(post({"get": ["*"]})["values"]), readable, name)
            self.assertEqual(set(post({"info": ["*"]})), readable, name)
            self.assertEqual(set(post({"schema": True})["schema"]), readable, name)
            self.assertEqual(set(self.ask("GET", "/api/schema", by=name).json["schema"]), readable, name)
            self.assertEqual(set(self.ask("GET", "/api/state", by=name).json["values"]), readable, name)
            for observable in self.app.state:
                answer = post({"get": [observable.name]})
                status = self.status("GET", f"/api/state/{observable.name}", name)
                if observable.name in readable:
                    self.assertEqual(
                        (set(answer["values"]), status), ({observable.name}, 200), observable.name
                    )
                else:
                    self.assertEqual(answer, {"error": "Permission denied", "key": observable.name})
                    self.assertEqual(status, 403, f"{name} {observable.name}")

    def test_nobody_reads(self) -> None:
        for observable in self.app.state:
            self.assertEqual(self.ask("POST", "/api", {"get": [observable.name]}).body, b'"Unauthorized"')
            self.assertEqual(self.status("GET", f"/api/state/{observable.name}", ""), 401)

    def test_writing(self) -> None:
        for name, by in self.who.items():
            for observable in [o for o in self.app.state if o.name.startswith("lamp/")]:
                before = observable.value
                answer = self.ask("POST", "/api", {observable.name: f"by {name}"}, by=name)
                if may(by, observable.spec.write):
                    self.assertEqual(answer.json["values"], {observable.name: f"by {name}"})
                else:
                    self.assertEqual(observable.value, before)
                    self.assertEqual(answer.status, 200 if name else 401)
                put = self.ask("PUT", f"/api/state/{observable.name}", {"value": "x"}, by=name).status
                self.assertEqual(put, 200 if may(by, observable.spec.write) else 403 if name else 401)
        changes = self.events("set")
        self.assertTrue(changes)
        self.assertTrue(all(entry["by"] in PEOPLE and entry["address"] for entry in changes))
        self.assertTrue(self.events("refused"))

    def test_read_only_names(self) -> None:
        for observable in self.app.state:
            if observable.spec.write is None:
                answer = self.ask("POST", "/api", {observable.name: observable.value}, by="admin").json
                self.assertEqual(answer["error"], "Permission denied", observable.name)

    def test_broadcasts(self) -> None:
        sockets: dict[str, Socket] = {name: self.socket(by=name) for name in PEOPLE}
        for socket in sockets.values():
            socket.received()
        names = [o.name for o in self.app.state]
        for observable in self.app.state:
            observable.value, observable.rev = None, 0
            observable.publish("told to everybody who may hear it")
        for name, socket in sockets.items():
            heard = {message["state"] for message in socket.received() if "state" in message}
            self.assertEqual(heard & set(names), self.readable(self.who[name]), name)

    def test_what_came_and_went_is_not_told_to_others(self) -> None:
        socket = self.socket(by="limited")
        self.app.cameras.configure({"cam1": self.app.cameras["cam1"].config})
        told = [message.get("state", "") for message in socket.received()]
        self.assertEqual([name for name in told if name.startswith("cameras/door")], [])


class LeakTests(RightsCase):
    def test_no_document_has_what_its_reader_may_not_read(self) -> None:
        """Each value of the plugin says whose it is; no answer to anybody may have one that is not theirs."""
        paths = {
            route.path for route in self.routes() if not route.path.startswith(("/stream", "/?action=stream"))
        }
        paths |= {"/api/state/lamp/user_r", "/api/nothing", "/nothing", "/cam/cam1", "/api/state?name=lamp/*"}
        for name, by in self.who.items():
            forbidden = [value.encode() for permission, value in VALUES.items() if not may(by, permission)]
            for path in paths:
                for method in ("GET", "POST"):
                    body = {"get": ["lamp/user_r"]} if method == "POST" else None
                    answer = self.ask(method, path, body, by=name)
                    for value in forbidden:
                        self.assertNotIn(value, answer.body, f"{method} {path} as {name or 'nobody'}")

    def test_errors_repeat_nothing(self) -> None:
        marker = "zebra-4711"
        for path in (f"/{marker}", f"/api/{marker}", f"/cam/{marker}", f"/api/users/{marker}"):
            for name in ("", "viewer"):
                self.assertNotIn(marker.encode(), self.ask("GET", path, by=name).body, path)

    def test_metrics_have_no_secrets(self) -> None:
        self.ask("GET", f"/snapshot?token={self.tokens['viewer']}")
        text = self.ask("GET", "/metrics", by="admin").body
        for token in self.tokens.values():
            self.assertNotIn(token.encode(), text)

    def test_secrets_are_in_no_file_that_others_read(self) -> None:
        self.login("viewer")
        self.ask("GET", f"/snapshot?token={self.tokens['viewer']}")
        self.ask("POST", "/api", {"token": self.tokens["viewer"], "get": ["nothing/x"]})
        self.get(self.app.audit.stop())
        log = (self.folder / "audit.jsonl").read_bytes()
        for token in self.tokens.values():
            self.assertNotIn(token.encode(), log)
        self.assertNotIn(b"Correct-Horse1", log)
