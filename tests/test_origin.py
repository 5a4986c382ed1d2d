"""Pages of other sites, cookies, preflights and host names."""

from __future__ import annotations

from camd.config import AuthConfig, WebConfig

from .edge_case import EdgeCase

FOREIGN = (
    "http://evil.example", "null", "http://camd.evil.example", "http://evilcamd", "",
    "http://camd@evil.example",
    "http://camd:8080", "https://camd:444", "http://camd.", "file://", "camd", "//camd", "ftp://camd",
    "chrome-extension://abcdef", "http://camd/", "http://camd http://evil.example",
)  # fmt: skip
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


class ForeignTests(EdgeCase):
    def test_changes(self) -> None:
        for origin in FOREIGN:
            for method in UNSAFE:
                for who in ({"by": "admin"}, {"cookie": "camd_session=x"}, {}):
                    answer = self.ask(
                        method, "/api/state/lamp/device_rw", {"value": "x"}, origin=origin, **who
                    )
                    self.assertEqual(
                        (answer.status, answer.code), (403, "PERMISSION_DENIED"), (origin, method)
                    )
        self.assertEqual(self.app.state["lamp/device_rw"].value, "value of Device_rw")

    def test_login_of_somebody_else(self) -> None:
        body = {"username": "admin", "password": "x"}
        for origin in FOREIGN:
            self.assertEqual(
                self.ask("POST", "/api/login", body, origin=origin, address="127.0.0.1").status, 403
            )
        for site in ("cross-site", "same-site"):
            answer = self.ask("POST", "/api/login", body, sec_fetch_site=site, address="127.0.0.1")
            self.assertEqual(answer.status, 403)

    def test_websockets(self) -> None:
        cookie = self.login()
        for origin in FOREIGN:
            for who in ({"by": "admin"}, {"cookie": cookie}, {}):
                self.assertEqual(self.socket(origin=origin, **who).handshake.status, 403, origin)
        self.assertEqual(self.app.web.websocket.clients, 0)

    def test_looking_is_not_refused(self) -> None:
        self.assertEqual(self.ask("GET", "/snapshot", by="viewer", origin="http://evil.example").status, 200)
        answer = self.ask("GET", "/api/status", by="viewer", origin="http://evil.example")
        self.assertEqual(answer.status, 200)
        self.assertNotIn("access-control-allow-origin", answer.headers)

    def test_own_pages(self) -> None:
        for origin, host, secure in (
            ("http://camd", "camd", False), ("http://CAMD:80", "camd", False),
            ("https://camd", "camd:443", True), ("http://192.0.2.1:8080", "192.0.2.1:8080", False),
            ("http://[fd00::1]:8080", "[FD00::1]:8080", False),
            ("https://camd", "camd", False),  # a proxy that we do not know of ended the TLS
        ):  # fmt: skip
            answer = self.ask(
                "PUT",
                "/api/state/lamp/device_rw",
                {"value": "x"},
                by="admin",
                origin=origin,
                host=host,
                secure=secure,
            )
            self.assertEqual(answer.status, 200, origin)
        answer = self.ask(
            "PUT", "/api/state/lamp/device_rw", {"value": "x"}, by="admin", origin="http://camd", secure=True
        )
        self.assertEqual(answer.status, 403)


class CookieTests(EdgeCase):
    def setUp(self) -> None:
        super().setUp()
        self.cookie = self.login()

    def post(self, body: object = {"get": ["lamp/device_r"]}, **headers: str) -> int:
        return self.ask("POST", "/api", body, cookie=self.cookie, **headers).status

    def test_a_change_needs_proof(self) -> None:
        self.assertEqual(self.post(), 403)
        self.assertEqual(self.post(sec_fetch_site="none"), 403)
        self.assertEqual(self.post(referer="http://evil.example/camd"), 403)
        self.assertEqual(self.post(referer="http://camd.evil.example/"), 403)
        for proof in (
            {"origin": "http://camd"},
            {"sec_fetch_site": "same-origin"},
            {"referer": "http://camd/x?y"},
        ):
            self.assertEqual(self.post(**proof), 200, proof)
        for method, path in (
            ("PUT", "/api/state/lamp/device_rw"),
            ("POST", "/api/logout"),
            ("DELETE", "/api/users/x"),
        ):
            answer = self.ask(method, path, {"value": "x"} if method == "PUT" else None, cookie=self.cookie)
            self.assertEqual((answer.status, answer.code), (403, "PERMISSION_DENIED"), path)
        self.assertIn("cookie", answer.json["error"]["message"])

    def test_the_body_is_json(self) -> None:
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "",
        ):
            self.assertEqual(self.post(b"{}", origin="http://camd", content_type=kind), 400, kind)
        self.assertEqual(
            self.post(b'{"get": []}', origin="http://camd", content_type="Application/JSON; charset=utf-8"),
            200,
        )

    def test_looking_needs_none(self) -> None:
        self.assertEqual(self.ask("GET", "/snapshot", cookie=self.cookie).status, 200)
        self.assertEqual(
            self.ask("GET", "/api/status", cookie=self.cookie, sec_fetch_site="cross-site").status, 200
        )

    def test_websockets(self) -> None:
        self.assertEqual(self.socket(cookie=self.cookie).handshake.status, 403)
        self.assertEqual(
            self.socket(cookie=self.cookie, referer="http://evil.example/").handshake.status, 403
        )
        self.assertEqual(self.socket(cookie=self.cookie, origin="http://camd").handshake.status, 101)

    def test_programs_need_no_origin(self) -> None:
        self.assertEqual(self.socket(by="viewer").handshake.status, 101)
        self.assertEqual(self.socket(f"/api?token={self.tokens['viewer']}").handshake.status, 101)
        self.assertEqual(
            self.ask("POST", "/api", b'{"get": []}', by="viewer", content_type="text/plain").status, 200
        )


class ListedTests(EdgeCase):
    web = WebConfig(host_names=("camd",), origins=("https://dash.lan", "http://10.0.0.2:8123"))

    def test_preflight(self) -> None:
        answer = self.ask(
            "OPTIONS",
            "/api/state/lamp/device_rw",
            origin="https://dash.lan",
            access_control_request_method="PUT",
            access_control_request_headers="authorization",
        )
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(answer.headers["access-control-allow-origin"], "https://dash.lan")
        self.assertIn("PUT", answer.headers["access-control-allow-methods"])
        self.assertIn("Authorization", answer.headers["access-control-allow-headers"])
        self.assertEqual(answer.headers["vary"], "Origin")

    def test_preflight_of_others(self) -> None:
        for origin in ("https://evil.example", "http://dash.lan", "https://dash.lan.evil.example", "null"):
            answer = self.ask("OPTIONS", "/api/state", origin=origin, access_control_request_method="PUT")
            self.assertNotIn("access-control-allow-origin", answer.headers)
            self.assertIn(answer.status, (401, 405))

    def test_use(self) -> None:
        for origin in ("https://dash.lan", "https://dash.lan:443", "http://10.0.0.2:8123"):
            answer = self.ask(
                "PUT", "/api/state/lamp/device_rw", {"value": origin}, by="admin", origin=origin
            )
            self.assertEqual((answer.status, answer.headers["access-control-allow-origin"]), (200, origin))
            refused = self.ask("GET", "/api/status", origin=origin)
            self.assertEqual((refused.status, refused.headers["access-control-allow-origin"]), (401, origin))
            self.assertEqual(self.socket(by="admin", origin=origin).handshake.status, 101)
        self.assertEqual(
            self.ask(
                "PUT", "/api/state/lamp/device_rw", {"value": "x"}, by="admin", origin="http://evil.example"
            ).status,
            403,
        )

    def test_a_cookie(self) -> None:
        answer = self.ask("POST", "/api", {"get": []}, cookie=self.login(), origin="https://dash.lan")
        self.assertEqual(answer.status, 200)


class HostTests(EdgeCase):
    web = WebConfig(host_names=("camd", "Cams.Example.org"))

    def test_names(self) -> None:
        for host in (
            "camd",
            "CAMD:8080",
            "cams.example.org",
            "localhost",
            "127.0.0.1:80",
            "203.0.113.9",
            "[::1]:8080",
        ):
            self.assertEqual(self.ask("GET", "/health", host=host).status, 200, host)
        for host in (
            "evil.example",
            "camd.evil.example",
            "camd.",
            "127.0.0.1.evil.example",
            "2130706433",
            "0x7f.1",
        ):
            answer = self.ask("GET", "/health", host=host)
            self.assertEqual((answer.status, answer.code), (421, "MISDIRECTED_REQUEST"), host)
            self.assertEqual(self.socket(by="admin", host=host).handshake.status, 421)
            self.assertNotIn(host.encode(), answer.body)


class SecretsTests(EdgeCase):
    auth = AuthConfig(rate_limits=False)

    def test_what_a_page_of_another_site_cannot_learn(self) -> None:
        """A script tag or an image of another site gets nothing that it could read."""
        for path in ("/api/status", "/api/schema", "/api/state", "/metrics"):
            answer = self.ask("GET", path, by="admin")
            self.assertEqual(answer.headers["cross-origin-resource-policy"], "same-origin", path)
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff", path)
