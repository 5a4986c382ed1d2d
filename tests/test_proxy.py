"""What a reverse proxy says, believed or not."""

from __future__ import annotations

from camd.config import WebConfig
from camd.web.proxy import Proxies, host_name

from .edge_case import EdgeCase

PROXY, CLIENT, OTHER = "127.0.0.1", "198.51.100.9", "192.0.2.7"


class TrustTests(EdgeCase):
    web = WebConfig(
        host_names=("camd", "cams.example.org"), trusted_proxies=("127.0.0.0/8", "10.0.0.1", "fd00::/8")
    )

    def way(self, address: str = PROXY, **headers: str) -> object:
        wire = self.request("GET", "/stream", by="viewer", address=address, **headers)
        way = wire.protocol.requests[-1].way
        self.lose(wire)
        return way

    def address(self, forwarded: str, peer: str = PROXY) -> str:
        return self.way(peer, x_forwarded_for=forwarded).address

    def test_the_last_address_that_is_no_proxy(self) -> None:
        self.assertEqual(self.address(CLIENT), CLIENT)
        self.assertEqual(self.address(f"1.1.1.1, {CLIENT}"), CLIENT)
        self.assertEqual(self.address(f"{CLIENT}, 10.0.0.1, 127.0.0.5"), CLIENT)
        self.assertEqual(self.address(f"{CLIENT}:4711"), CLIENT)
        self.assertEqual(self.address("[2001:db8::5]:4711"), "2001:db8::5")
        self.assertEqual(self.address("2001:db8::5"), "2001:db8::5")
        self.assertEqual(self.address(f"::ffff:{CLIENT}"), CLIENT)

    def test_nonsense(self) -> None:
        for text in ("", "unknown", "_hidden", "1.1.1.1.1", "a, b", "' OR 1", "1.2.3.4, x", "\xff"):
            self.assertEqual(self.address(text), PROXY, text)
        self.assertEqual(self.address("10.0.0.1"), "10.0.0.1")

    def test_several_lines_are_one_list(self) -> None:
        self.assertEqual(self.address(f"1.1.1.1\r\nX-Forwarded-For: {CLIENT}"), CLIENT)

    def test_everybody_else_is_who_they_are(self) -> None:
        way = self.way(
            OTHER,
            x_forwarded_for="127.0.0.1",
            x_forwarded_proto="https",
            x_forwarded_prefix="/x",
            x_forwarded_host="cams.example.org",
        )
        self.assertEqual(
            (way.address, way.secure, way.prefix, way.host, way.proxied), (OTHER, False, "", b"camd", False)
        )

    def test_the_rest(self) -> None:
        way = self.way(
            x_forwarded_for=CLIENT,
            x_forwarded_proto="https",
            x_forwarded_prefix="/a/cams/",
            x_forwarded_host="Cams.Example.org:8443",
        )
        self.assertEqual(
            (way.secure, way.prefix, way.host, way.proxied), (True, "/a/cams", b"cams.example.org:8443", True)
        )
        self.assertEqual(self.way(x_forwarded_proto="http, https").secure, True)
        self.assertEqual(self.way(x_forwarded_proto="https, http").secure, False)

    def test_hosts_and_prefixes_that_cannot_be(self) -> None:
        for host in ("evil.example", "cams.example.org/x", "", "a b"):
            self.assertEqual(self.way(x_forwarded_host=host).host, b"camd", host)
        for prefix in (
            "cams",
            "//evil.example",
            "/../x",
            "/a b",
            "/a;Path=/",
            "/" + 200 * "x",
            "/%2e",
            "/a/..",
        ):
            self.assertEqual(self.way(x_forwarded_prefix=prefix).prefix, "", prefix)

    def test_the_audit_log_and_the_lockout_know_the_client(self) -> None:
        body = {"username": "admin", "password": "wrong"}
        for _ in range(6):
            answer = self.ask(
                "POST", "/api/login", body, address=PROXY, x_forwarded_for=CLIENT, x_forwarded_proto="https"
            )
        self.assertEqual(answer.status, 429)
        self.assertEqual({entry["address"] for entry in self.events("login_refused")}, {CLIENT})
        again = self.ask(
            "POST",
            "/api/login",
            body,
            address=PROXY,
            x_forwarded_for="203.0.113.1",
            x_forwarded_proto="https",
        )
        self.assertEqual(again.status, 401)

    def test_the_cookie_is_for_the_prefix(self) -> None:
        cookie = self.ask(
            "POST",
            "/api/login",
            {"username": "viewer", "password": "Correct-Horse1"},
            address=PROXY,
            x_forwarded_prefix="/cams",
            x_forwarded_proto="https",
        ).headers["set-cookie"]
        self.assertIn("; Path=/cams/; HttpOnly; SameSite=Strict; Secure", cookie)

    def test_a_page_behind_the_proxy_is_our_own(self) -> None:
        headers = {"address": PROXY, "x_forwarded_proto": "https", "x_forwarded_host": "cams.example.org"}
        for origin, status in (
            ("https://cams.example.org", 200),
            ("http://cams.example.org", 403),
            ("https://camd", 403),
            ("https://evil.example", 403),
        ):
            answer = self.ask("POST", "/api", {"get": []}, by="viewer", origin=origin, **headers)
            self.assertEqual(answer.status, status, origin)

    def test_a_proxy_leads_to_https_by_itself(self) -> None:
        self.app.listeners.urls[:] = ["https://localhost:8443/"]
        self.app.web.redirect_https = True
        for path in ("/health", "/snapshot"):
            answer = self.ask("GET", path, by="viewer", address=PROXY, x_forwarded_proto="http")
            self.assertEqual(answer.status, 200)
        self.assertEqual(self.ask("GET", "/snapshot", by="viewer").status, 301)


class BasePathTests(EdgeCase):
    web = WebConfig(host_names=("camd",), base_path="/a/cams")

    def test_it_is_taken_away(self) -> None:
        for path in ("/snapshot", "/cam/cam1/snapshot.jpg", "/api/status", "/health", "/api/me"):
            self.assertEqual(self.ask("GET", "/a/cams" + path, by="viewer").status, 200, path)
            self.assertEqual(self.ask("GET", path, by="viewer").status, 200, path)
        for path in ("/a/cams/api/status", "/a/cams/cam/door/snapshot.jpg"):
            self.assertEqual(self.ask("GET", path).status, 401)
        self.assertEqual(self.ask("GET", "/a/cam/x").status, 404)

    def test_without_its_slash(self) -> None:
        answer = self.ask("GET", "/a/cams")
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/a/cams/"))

    def test_the_cookie(self) -> None:
        cookie = self.ask(
            "POST", "/a/cams/api/login", {"username": "viewer", "password": "Correct-Horse1"}, secure=True
        ).headers["set-cookie"]
        self.assertIn("; Path=/a/cams/; ", cookie)


class UnixTests(EdgeCase):
    def test_trust(self) -> None:
        self.assertTrue(Proxies(["unix"]).trusts("local"))
        self.assertFalse(Proxies(["127.0.0.1"]).trusts("local"))
        self.assertFalse(Proxies([]).trusts("127.0.0.1"))

    def test_what_is_remembered_is_bounded(self) -> None:
        proxies = Proxies(["10.0.0.0/8"])
        for number in range(3000):
            proxies.trusts(f"10.0.{number // 256}.{number % 256}")
        self.assertLessEqual(len(proxies._known), 1000)

    def test_host_name(self) -> None:
        for host, name in (
            (b"Camd:80", b"camd"),
            (b"1.2.3.4", b""),
            (b"[::1]:8", b""),
            (b"a b", None),
            (b"a:80.b", None),
        ):
            self.assertEqual(host_name(host), name)
