"""The guard before all routes: setup first, HTTPS where it must be, routes that come and go."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import Resource

from camd.errors import Invalid
from camd.hookspecs import ANY, READER, Route
from camd.state import Permission

from .auth_case import OTHER, PASSWORD
from .edge_case import HOME, EdgeCase

_P = Permission


class Page(Resource):
    """Says who asks, and takes bodies of its own size."""

    isLeaf = True
    body_limit = 10

    def render_GET(self, request: Any) -> bytes:
        return request.principal.name.encode()

    def render_POST(self, request: Any) -> bytes:
        return request.content.read()


class SetupTests(EdgeCase):
    set_up = False

    def test_nothing_but_setup(self) -> None:
        for address in (HOME, "127.0.0.1", "::1"):
            for route in [*self.app.web.routes, *self.app.web.actions.values()]:
                if route.path in ("/api/setup", "/health", "/healthz"):
                    continue
                for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
                    answer = self.ask(method, route.path, address=address)
                    self.assertEqual(answer.status, 403, f"{method} {route.path}")
                    if method != "HEAD":
                        self.assertEqual(answer.code, "SETUP_REQUIRED")
        self.assertEqual(self.socket().handshake.status, 403)
        self.assertEqual(self.socket("/wamp").handshake.status, 403)
        self.assertEqual(self.ask("GET", "/nothing").status, 403)

    def test_no_identity_helps(self) -> None:
        for header in ("Bearer x", "Basic YWRtaW46YWRtaW4=", "Basic OmFkbWlu"):
            self.assertEqual(self.ask("GET", "/api/status", authorization=header).status, 403)
        self.assertEqual(self.ask("POST", "/api", {"username": "admin", "password": "admin"}).status, 403)
        self.assertEqual(
            self.ask("POST", "/api/login", {"username": "admin", "password": "admin"}).status, 403
        )

    def test_health_is_bare(self) -> None:
        for headers in ({}, {"authorization": "Bearer x"}):
            answer = self.ask("GET", "/health", **headers)
            self.assertEqual((answer.status, set(answer.json)), (200, {"status", "timestamp"}))

    def test_the_page_leads_to_setup(self) -> None:
        answer = self.ask("GET", "/")
        self.assertEqual((answer.status, answer.headers["location"], answer.body), (303, "setup", b""))

    def test_from_elsewhere_by_https(self) -> None:
        self.app.listeners.urls[:] = ["http://localhost:80/", "https://localhost:443/"]
        for path in ("/setup", "/setup?x=1"):
            answer = self.ask("GET", path)
            self.assertEqual((answer.status, answer.headers["location"]), (303, f"https://camd{path}"))
        body = {"code": self.users.setup.code, "username": "admin", "password": PASSWORD}
        answer = self.ask("POST", "/api/setup", body)
        self.assertEqual((answer.status, answer.headers["location"]), (307, "https://camd/api/setup"))
        self.assertTrue(self.users.needs_setup)
        self.assertEqual(self.ask("POST", "/api/setup", body, address="127.0.0.1").status, 200)

    def test_the_first_administrator(self) -> None:
        body = {"code": self.users.setup.code, "username": "admin", "password": PASSWORD}
        answer = self.ask("POST", "/api/setup", body, secure=True)
        self.assertEqual((answer.status, answer.json["username"]), (200, "admin"))
        cookie = answer.headers["set-cookie"].partition(";")[0]
        self.assertEqual(self.ask("GET", "/api/status", cookie=cookie).status, 200)
        self.assertEqual(self.ask("GET", "/api/status").status, 401)
        again = self.ask("POST", "/api/setup", body | {"username": "other", "password": OTHER}, secure=True)
        self.assertEqual((again.status, again.code), (409, "CONFLICT"))
        self.assertEqual(self.ask("GET", "/setup").headers["location"], "./")

    def test_wrong_codes_and_bad_passwords(self) -> None:
        code = self.users.setup.code
        for change, status in (
            ({"code": "0000-0000"}, 401),
            ({"password": "short"}, 400),
            ({"username": ""}, 400),
            ({"code": 1}, 400),
        ):
            body: dict[str, Any] = {"code": code, "username": "admin", "password": PASSWORD} | change
            answer = self.ask("POST", "/api/setup", body, secure=True)
            self.assertEqual(answer.status, status, change)
        self.assertTrue(self.users.needs_setup)

    def test_of_another_page(self) -> None:
        body = {"code": self.users.setup.code, "username": "admin", "password": PASSWORD}
        for headers in (
            {"origin": "http://evil.example"},
            {"sec_fetch_site": "cross-site"},
            {"host": "evil.example"},
        ):
            self.assertIn(self.ask("POST", "/api/setup", body, secure=True, **headers).status, (403, 421))
        self.assertTrue(self.users.needs_setup)


class RedirectTests(EdgeCase):
    def test_everything_but_health(self) -> None:
        self.app.listeners.urls[:] = ["https://localhost:8443/"]
        self.app.web.redirect_https = True
        for path in ("/", "/snapshot?quality=5", "/api/status", "/app.js", "/api"):
            answer = self.ask("GET", path, address="127.0.0.1")
            self.assertEqual(
                (answer.status, answer.headers["location"]), (301, f"https://camd:8443{path}"), path
            )
            self.assertEqual(answer.body, b"")
        self.assertEqual(self.ask("PUT", "/api/state", {"a/b": 1}).status, 308)
        for path in ("/health", "/healthz"):
            self.assertEqual(self.ask("GET", path).status, 200)
        self.assertEqual(self.ask("GET", "/api/status", by="viewer", secure=True).status, 200)

    def test_where_there_is_no_https(self) -> None:
        self.app.web.redirect_https = True
        self.assertEqual(self.ask("GET", "/api/status", by="viewer").status, 200)


class RouteTests(EdgeCase):
    def add(self, path: str, **rights: Any) -> None:
        self.app.web.add(Route(path, Page(), **rights))

    def test_permissions(self) -> None:
        self.add("/page", read="Network_r", write="Network_rw")
        self.assertEqual(
            [self.ask("GET", "/page", by=name).status for name in ("", "viewer", "admin")], [401, 403, 200]
        )
        self.assertEqual(self.ask("GET", "/page", by="admin").body, b"admin")
        self.assertEqual(
            [self.ask("POST", "/page", b"x", by=name).status for name in ("", "viewer", "admin")],
            [401, 403, 200],
        )
        refused = [(entry["by"], entry["method"], entry["path"]) for entry in self.events("refused")]
        self.assertEqual(refused, [("viewer", "GET", "/page"), ("viewer", "POST", "/page")])

    def test_whoever_is_signed_in(self) -> None:
        self.add("/any", read=ANY, write=ANY)
        self.add("/reader", read=READER)
        for path in ("/any", "/reader"):
            self.assertEqual(
                [self.ask("GET", path, by=name).status for name in ("", "nobody", "admin")], [401, 200, 200]
            )
        admin = self.users.by_token(self.tokens["admin"])
        self.get(self.users.set_role(admin, "guest", [_P.Media_r]))
        self.assertEqual([self.ask("GET", path).status for path in ("/any", "/reader")], [401, 200])

    def test_without_a_permission_there_is_no_route(self) -> None:
        self.assertRaises(ValueError, Route, "/x", Page(), None)
        self.assertRaises(KeyError, Route, "/x", Page(), "Everything_r")

    def test_no_writing(self) -> None:
        self.add("/page", read="Media_r")
        answer = self.ask("POST", "/page", b"x", by="viewer")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET, HEAD"))
        self.assertEqual(self.ask("POST", "/page", b"x").status, 401)

    def test_the_longest_path_answers(self) -> None:
        for path in ("/a", "/a/b/c", "/api/x/y"):
            self.add(path, read="Media_r")
        for path, status in (
            ("/a", 200),
            ("/a/b", 200),
            ("/a/b/c", 200),
            ("/a/b/c/d", 200),
            ("/api/x/y", 200),
            ("/api/x", 404),
        ):
            self.assertEqual(self.ask("GET", path, by="viewer").status, status, path)
        self.assertRaises(Invalid, self.add, "/a/b/c", read="Media_r")
        self.app.web.remove("/a/b/c")
        self.app.web.remove("/a")
        self.assertEqual(self.ask("GET", "/a/b/c", by="viewer").status, 404)

    def test_bodies_are_as_large_as_the_resource_says(self) -> None:
        self.add("/page", read="Media_r", write="Media_r")
        self.assertEqual(self.ask("POST", "/page", 10 * b"x", by="viewer").status, 200)
        self.assertEqual(self.ask("POST", "/page", 11 * b"x", by="viewer").status, 413)

    def test_a_body_is_not_awaited_from_who_may_not_send_it(self) -> None:
        class Upload(Page):
            body_limit = 1 << 30

        self.app.web.add(Route("/box", Upload(), read="Storage_rw", write="Storage_rw"))
        for status, headers in ((401, {}), (403, {"by": "viewer"})):
            wire = self.request("POST", "/box", content_length=str(1 << 29), **headers)
            self.lose(wire)
            self.assertIn(b"HTTP/1.1 %d " % status, wire.value())
