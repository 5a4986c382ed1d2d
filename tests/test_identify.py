"""Who asks: every secret in every place, and what is refused."""

from __future__ import annotations

import base64
import re
import time
from hashlib import md5, sha256

from camd.config import AuthConfig
from camd.errors import Unauthorized
from camd.web.identify import cookie
from camd.wire.authorization import basic_pair

from .auth_case import PASSWORD
from .edge_case import EdgeCase

PICTURE = "/cam/cam1/snapshot.jpg"
SEEN = 200


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class PartsTests(EdgeCase):
    def test_basic_pair(self) -> None:
        self.assertEqual(basic_pair(b"YTpi"), ("a", "b"))
        self.assertEqual(basic_pair(base64.b64encode("ä:ö:ü".encode())), ("ä", "ö:ü"))
        self.assertEqual(basic_pair(base64.b64encode("ä:ö".encode("latin-1"))), ("ä", "ö"))
        for wrong in (b"", b"%%%", b"YWI=", b"\xff\xff"):
            self.assertRaises(Unauthorized, basic_pair, wrong)

    def test_cookie(self) -> None:
        self.assertEqual(cookie([b"a=b; camd_session=x-y; c=d", b"camd_session=z"]), "x-y")
        for header in (b"", b"camd_session", b"xcamd_session=1", b"camd_session=", b"a=camd_session=1"):
            self.assertEqual(cookie([header]), "")


class HeaderTests(EdgeCase):
    def me(self, **headers: str) -> tuple[int, str]:
        answer = self.ask("GET", "/api/me", **headers)
        return answer.status, answer.json["how"] if answer.status == 200 else ""

    def test_nothing(self) -> None:
        self.assertEqual(self.me(), (401, ""))

    def test_bearer(self) -> None:
        self.assertEqual(self.me(by="viewer"), (200, "bearer"))
        secret = self.login("viewer").partition("=")[2]
        self.assertEqual(self.me(authorization=f"Bearer {secret}"), (200, "session"))
        for wrong in ("Bearer", "Bearer ", "Bearer x", "Bearer camd_x", f"bearer {secret[:-1]}", "Bearer ä"):
            self.assertEqual(self.me(authorization=wrong), (401, ""), wrong)

    def test_basic(self) -> None:
        self.assertEqual(self.me(authorization=basic("viewer", PASSWORD)), (200, "basic"))
        self.assertEqual(self.me(authorization=basic("VIEWER", PASSWORD)), (200, "basic"))
        self.assertEqual(self.me(authorization=basic("whoever", self.tokens["viewer"])), (200, "basic"))
        for wrong in (
            basic("viewer", "x"),
            basic("none", PASSWORD),
            basic("viewer", ""),
            "Basic",
            "Basic %%%",
        ):
            self.assertEqual(self.me(authorization=wrong), (401, ""), wrong)

    def test_other_schemes_and_two_at_once(self) -> None:
        for wrong in ("Negotiate abc", "", "Digest username=x", f"Bearer{self.tokens['admin']}"):
            self.assertEqual(self.me(authorization=wrong), (401, ""), wrong)
        lines = f"Bearer {self.tokens['admin']}\r\nAuthorization: Bearer {self.tokens['admin']}"
        self.assertEqual(self.me(authorization=lines), (401, ""))

    def test_a_wrong_header_is_not_passed_over(self) -> None:
        self.assertEqual(self.me(authorization="Bearer x", cookie=self.login()), (401, ""))

    def test_an_old_cookie_is_nobody(self) -> None:
        self.assertEqual(self.me(cookie="camd_session=old"), (401, ""))
        self.assertEqual(self.ask("GET", "/health", cookie="camd_session=old").status, 200)

    def test_a_cookie(self) -> None:
        self.assertEqual(self.me(cookie=self.login("viewer")), (200, "session"))

    def test_five_wrong_ones_lock(self) -> None:
        for _ in range(5):
            self.me(authorization=basic("viewer", "wrong"))
        answer = self.ask("GET", "/api/status", authorization=basic("viewer", PASSWORD))
        self.assertEqual((answer.status, answer.code), (429, "RATE_LIMITED"))
        self.assertEqual(answer.headers["retry-after"], "300")
        answer = self.ask("POST", "/api", {"username": "viewer", "password": PASSWORD})
        self.assertEqual(
            (answer.status, answer.body, answer.headers["retry-after"]), (429, b'"Unauthorized"', "300")
        )
        self.assertEqual(
            self.me(authorization=basic("viewer", PASSWORD), address="198.51.100.1"), (200, "basic")
        )


class UrlTests(EdgeCase):
    def test_where_a_token_in_the_url_counts(self) -> None:
        token = self.tokens["viewer"]
        for path in (
            PICTURE,
            "/snapshot",
            "/snapshot.jpg",
            "/camera.jpeg",
            "/image",
            "/?action=snapshot&x=1",
        ):
            separator = "&" if "?" in path else "?"
            self.assertEqual(self.ask("GET", f"{path}{separator}token={token}").status, SEEN, path)
            self.assertEqual(self.ask("GET", f"{path}{separator}token=x").status, 401, path)
        for path in ("/cam/cam1/stream.mjpg", "/stream", "/?action=stream&a=b"):
            separator = "&" if "?" in path else "?"
            self.assertEqual(self.ask("GET", f"{path}{separator}token={token}").status, 200, path)
        for path in ("/api/status", "/api/users", "/api/me", "/metrics", "/api/state"):
            self.assertEqual(self.ask("GET", f"{path}?token={self.tokens['admin']}").status, 401, path)
        self.assertEqual(self.ask("POST", f"/api?token={self.tokens['admin']}", {"get": ["*"]}).status, 401)
        self.assertEqual(self.ask("POST", f"/api/logout?token={self.tokens['admin']}").status, 401)

    def test_websockets(self) -> None:
        self.assertEqual(self.socket(f"/api?token={self.tokens['viewer']}").handshake.status, 101)
        self.assertEqual(self.socket("/api?token=wrong").handshake.status, 401)
        plain = self.ask("GET", f"/api/status?token={self.tokens['admin']}", upgrade="h2c")
        self.assertEqual(plain.status, 401)

    def test_a_token_of_the_page_is_for_one_camera_and_a_minute(self) -> None:
        by = self.users.by_session(self.login("viewer").partition("=")[2])
        token = self.users.url_token(by, "cam1")
        self.assertEqual(self.ask("GET", f"{PICTURE}?token={token}").status, SEEN)
        self.assertEqual(self.ask("GET", f"/snapshot?token={token}").status, SEEN)
        self.assertEqual(self.ask("GET", f"/cam/door/snapshot.jpg?token={token}").status, 401)
        self.assertEqual(self.socket(f"/api?token={token}").handshake.status, 401)
        self.clock.advance(61)
        self.assertEqual(self.ask("GET", f"{PICTURE}?token={token}").status, 401)


class DevicePasswordTests(EdgeCase):
    def setUp(self) -> None:
        super().setUp()
        admin = self.users.by_token(self.tokens["admin"])
        self.secret = self.get(self.users.device_password(admin, "viewer"))

    def digest(
        self, challenge: str, path: str, method: str = "GET", password: str = "", **changes: str
    ) -> str:
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        hash = {"SHA-256": sha256, "MD5": md5}[fields["algorithm"]]

        def h(text: str) -> str:
            return hash(text.encode()).hexdigest()

        given = {
            "username": "viewer",
            "realm": fields["realm"],
            "nonce": fields["nonce"],
            "uri": path,
            "algorithm": fields["algorithm"],
            "qop": "auth",
            "nc": "00000001",
            "cnonce": "abc",
        } | changes
        one = h(f"{given['username']}:{given['realm']}:{password or self.secret}")
        two = h(f"{method}:{given['uri']}")
        response = h(f"{one}:{given['nonce']}:{given['nc']}:{given['cnonce']}:auth:{two}")
        quoted = ", ".join(
            f'{name}="{value}"' for name, value in given.items() if name not in ("nc", "algorithm", "qop")
        )
        rest = f'algorithm={given["algorithm"]}, qop=auth, nc={given["nc"]}, response="{response}"'
        return f"Digest {quoted}, {rest}"

    def challenges(self, path: str, **headers: str) -> list[str]:
        return self.ask("GET", path, **headers).all("www-authenticate")

    def test_basic_on_media_only(self) -> None:
        self.assertEqual(self.ask("GET", PICTURE, authorization=basic("viewer", self.secret)).status, SEEN)
        self.assertEqual(
            self.ask("GET", "/api/status", authorization=basic("viewer", self.secret)).status, 401
        )
        self.assertEqual(
            self.ask("POST", "/api", {"username": "viewer", "password": self.secret}).status, 401
        )

    def test_digest_on_media(self) -> None:
        offered = self.challenges(PICTURE)
        self.assertEqual([one.split(" ")[0] for one in offered], ["Digest", "Digest", "Basic", "Bearer"])
        for challenge in offered[:2]:
            answer = self.ask("GET", PICTURE, authorization=self.digest(challenge, PICTURE))
            self.assertEqual(answer.status, SEEN, challenge)

    def test_digest_signs_its_target(self) -> None:
        challenge = self.challenges(PICTURE)[0]
        other = "/cam/door/snapshot.jpg"
        self.assertEqual(self.ask("GET", other, authorization=self.digest(challenge, PICTURE)).status, 401)
        self.assertEqual(
            self.ask("GET", PICTURE, authorization=self.digest(challenge, PICTURE, password="x")).status, 401
        )

    def test_an_old_nonce_is_told_so(self) -> None:
        challenge = self.challenges(PICTURE)[0]
        self.clock.advance(86400)
        answer = self.ask("GET", PICTURE, authorization=self.digest(challenge, PICTURE))
        self.assertEqual(answer.status, 401)
        self.assertIn("stale=true", answer.all("www-authenticate")[0])

    def test_a_long_digest_is_refused_at_once(self) -> None:
        """It is read on the reactor before anybody is known."""
        begin = time.process_time()
        for part in ("a", "a ", 'a="', '\\"', "a=,"):
            answer = self.ask("GET", PICTURE, authorization="Digest " + part * (8000 // len(part)))
            self.assertEqual(answer.status, 401)
        self.assertLess(time.process_time() - begin, 0.25)

    def test_digest_elsewhere_is_nothing(self) -> None:
        challenge = self.challenges(PICTURE)[0]
        self.assertEqual(
            self.ask("GET", "/api/status", authorization=self.digest(challenge, "/api/status")).status, 401
        )


class ChallengeTests(EdgeCase):
    def schemes(self, path: str, **headers: str) -> list[str]:
        return [one.split(" ")[0] for one in self.ask("GET", path, **headers).all("www-authenticate")]

    def test_programs(self) -> None:
        self.assertEqual(self.schemes("/api/status"), ["Basic", "Bearer"])
        self.assertEqual(self.schemes("/api/me", user_agent="curl/8.0"), ["Basic", "Bearer"])
        self.assertEqual(self.ask("POST", "/api", {"get": []}).all("www-authenticate")[0][:5], "Basic")

    def test_the_address_bar(self) -> None:
        browser = {"user_agent": "Mozilla/5.0 (X11)", "accept": "text/html,*/*"}
        self.assertEqual(self.schemes(PICTURE, **browser), ["Basic", "Bearer"])
        self.assertEqual(self.schemes(PICTURE, sec_fetch_mode="navigate", **browser), ["Basic", "Bearer"])

    def test_what_a_page_asks_for_opens_no_dialogue(self) -> None:
        browser = {"user_agent": "Mozilla/5.0 (X11)", "accept": "image/avif,image/webp,*/*"}
        for path in (PICTURE, "/api/me", "/stream"):
            self.assertEqual(self.schemes(path, **browser), ["Bearer"])
            self.assertEqual(self.schemes(path, sec_fetch_mode="no-cors"), ["Bearer"])
            self.assertEqual(self.schemes(path, sec_fetch_mode="cors"), ["Bearer"])


class InBandTests(EdgeCase):
    def test_what_is_no_message(self) -> None:
        for body in (b"null", b"7", b'"u"', b"[null]"):
            answer = self.ask("POST", "/api", body, by="admin", content_type="application/json")
            self.assertEqual(answer.status, 200, body)
            self.assertIn("error", answer.json, body)

    def test_post(self) -> None:
        ask = {"get": ["lamp/device_r"]}
        for who in ({"username": "viewer", "password": PASSWORD}, {"token": self.tokens["viewer"]}):
            self.assertEqual(self.ask("POST", "/api", who).json["authenticated"], True)
            self.assertIn("Media_r", self.ask("POST", "/api", who).json["permissions"])
            answer = self.ask("POST", "/api", {**who, **ask, "id": 7})
            self.assertEqual(
                (answer.json["values"], answer.json["id"]), ({"lamp/device_r": "value of Device_r"}, 7)
            )
            self.assertEqual(self.ask("POST", "/api", {**who, "id": 7}).json["id"], 7)

    def test_post_refuses(self) -> None:
        for who in ({"username": "viewer", "password": "x"}, {"token": "x"}, {}, {"get": ["*"]}):
            answer = self.ask("POST", "/api", who)
            self.assertEqual((answer.status, answer.body), (401, b'"Unauthorized"'), who)
        for wrong in ({"token": 1}, {"username": "a"}, {"password": "a", "token": "b"}, {"username": None}):
            answer = self.ask("POST", "/api", wrong)
            self.assertEqual((answer.status, answer.json["error"]), (400, "Invalid value"), wrong)

    def test_nobody_learns_what_is_wrong_with_their_json(self) -> None:
        self.assertEqual(self.ask("POST", "/api", b"{").status, 401)
        self.assertEqual(self.ask("POST", "/api", b"{", by="viewer").status, 400)


class LoginTests(EdgeCase):
    def test_login(self) -> None:
        answer = self.ask(
            "POST", "/api/login", {"username": "viewer", "password": PASSWORD}, address="127.0.0.1"
        )
        self.assertEqual(answer.status, 200)
        self.assertEqual((answer.json["username"], answer.json["token_type"]), ("viewer", "Bearer"))
        cookie = answer.headers["set-cookie"]
        self.assertEqual(cookie, f"camd_session={answer.json['token']}; Path=/; HttpOnly; SameSite=Strict")
        secure = self.ask("POST", "/api/login", {"username": "viewer", "password": PASSWORD}, secure=True)
        self.assertIn("; Secure", secure.headers["set-cookie"])
        self.assertEqual(secure.headers["cache-control"], "no-store")

    def test_basic(self) -> None:
        answer = self.ask("POST", "/api/login", authorization=basic("viewer", PASSWORD), address="127.0.0.1")
        self.assertEqual((answer.status, answer.json["username"]), (200, "viewer"))

    def test_refused(self) -> None:
        for body in ({"username": "viewer", "password": "x"}, {"username": "none", "password": PASSWORD}):
            answer = self.ask("POST", "/api/login", body, address="127.0.0.1")
            self.assertEqual((answer.status, answer.code), (401, "INVALID_CREDENTIALS"))
            self.assertEqual(answer.json["error"]["message"], "Unauthorized")
            self.assertNotIn("set-cookie", answer.headers)
        for body in ({}, {"username": "viewer"}, {"username": 1, "password": "x"}, [], "x", b"{"):
            kind = {"content_type": "application/json"} if isinstance(body, bytes) else {}
            self.assertEqual(
                self.ask("POST", "/api/login", body, address="127.0.0.1", **kind).status, 400, body
            )
        form = self.ask(
            "POST",
            "/api/login",
            b"username=viewer",
            address="127.0.0.1",
            content_type="application/x-www-form-urlencoded",
        )
        self.assertEqual(form.status, 400)
        self.assertEqual(self.ask("GET", "/api/login", address="127.0.0.1").status, 405)

    def test_each_login_is_a_new_session(self) -> None:
        first, second = self.login(), self.login()
        self.assertNotEqual(first, second)
        planted = self.ask(
            "POST", "/api/login", {"username": "admin", "password": PASSWORD}, secure=True, cookie=first
        )
        self.assertNotIn(first, planted.headers["set-cookie"])

    def test_logout(self) -> None:
        held = self.login("viewer")
        self.assertEqual(self.ask("GET", "/api/me", cookie=held).status, 200)
        answer = self.ask("POST", "/api/logout", cookie=held, sec_fetch_site="same-origin")
        self.assertEqual((answer.status, answer.json), (200, {"authenticated": False}))
        self.assertIn("Max-Age=0", answer.headers["set-cookie"])
        self.assertEqual(self.ask("GET", "/api/me", cookie=held).status, 401)
        self.assertEqual(self.ask("POST", "/api/logout").status, 401)
        self.assertEqual([entry["by"] for entry in self.events("logout")], ["viewer"])

    def test_logout_of_a_bearer_ends_sessions_not_tokens(self) -> None:
        secret = self.login("viewer").partition("=")[2]
        self.assertEqual(self.ask("POST", "/api/logout", authorization=f"Bearer {secret}").status, 200)
        self.assertEqual(self.ask("GET", "/api/me", authorization=f"Bearer {secret}").status, 401)
        self.assertEqual(self.ask("POST", "/api/logout", by="viewer").status, 200)
        self.assertEqual(self.ask("GET", "/api/me", by="viewer").status, 200)

    def test_a_password_in_clear_is_led_to_https(self) -> None:
        self.app.listeners.urls[:] = ["http://localhost:8080/", "https://localhost:8443/"]
        body = {"username": "viewer", "password": PASSWORD}
        answer = self.ask("POST", "/api/login", body, host="camd:8080")
        self.assertEqual((answer.status, answer.headers["location"]), (307, "https://camd:8443/api/login"))
        self.assertEqual(
            self.ask("POST", "/api/login", body, host="[fd00::1]:80").headers["location"],
            "https://[fd00::1]:8443/api/login",
        )
        page = self.ask("GET", "/login", host="192.0.2.1")
        self.assertEqual((page.status, page.headers["location"]), (303, "https://192.0.2.1:8443/login"))
        self.assertEqual(self.ask("POST", "/api/login", body, address="127.0.0.1").status, 200)
        self.assertEqual(self.ask("POST", "/api/login", body, secure=True).status, 200)
        self.app.listeners.urls[:] = ["http://localhost:8080/"]
        self.assertEqual(self.ask("POST", "/api/login", body).status, 200)


class GuestTests(EdgeCase):
    def test_a_guest_with_rights(self) -> None:
        admin = self.users.by_token(self.tokens["admin"])
        self.get(self.users.set_role(admin, "guest", ["Media_r"]))
        self.assertEqual(self.ask("GET", PICTURE).status, SEEN)
        self.assertEqual(self.ask("GET", "/api/status").status, 401)
        me = self.ask("GET", "/api/me").json
        self.assertEqual((me["username"], me["permissions"], me["how"]), ("guest", ["Media_r"], "guest"))
        self.assertEqual(self.ask("POST", "/api/logout").status, 401)
        answer = self.ask("POST", "/api", {"get": ["lamp/device_r"]})
        self.assertEqual((answer.status, answer.body), (401, b'"Unauthorized"'))


class ConfiguredTests(EdgeCase):
    auth = AuthConfig(
        rate_limits=False, guest=("Media_r", "Device_rw"), session_idle=60, session_lifetime=100
    )

    def test_guests(self) -> None:
        self.assertEqual(self.ask("GET", "/api/me").json["permissions"], ["Device_r", "Device_rw", "Media_r"])
        admin = self.users.by_token(self.tokens["admin"])
        self.get(self.users.set_role(admin, "guest", ["System_r"]))
        self.assertEqual(
            self.ask("GET", "/api/me").json["permissions"], ["Device_r", "Device_rw", "Media_r", "System_r"]
        )

    def test_sessions(self) -> None:
        idle, long = self.login("viewer"), self.login("viewer")
        for seconds, expected in ((50, "viewer"), (49, "viewer"), (2, "guest")):
            self.clock.advance(seconds)
            self.assertEqual(self.ask("GET", "/api/me", cookie=long).json["username"], expected)
        self.assertEqual(self.ask("GET", "/api/me", cookie=idle).json["username"], "guest")


class RatesTests(EdgeCase):
    auth = AuthConfig(rate_limits=True, rate_factor=2.0)

    def test_pictures(self) -> None:
        statuses = [self.ask("GET", PICTURE).status for _ in range(12)]
        self.assertEqual(statuses, [401] * 10 + [429] * 2)
        answer = self.ask("GET", PICTURE)
        self.assertEqual(
            (
                answer.code,
                answer.headers["retry-after"],
                answer.headers["x-ratelimit-limit"],
                answer.headers["x-ratelimit-remaining"],
            ),
            ("RATE_LIMITED", "1", "10", "0"),
        )
        self.assertEqual(self.ask("GET", PICTURE, address="198.51.100.1").status, 401)
        self.assertEqual(self.ask("GET", PICTURE, by="viewer").status, SEEN)
        self.assertEqual(self.ask("GET", "/api/status").status, 401)
        self.clock.advance(1)
        self.assertEqual(self.ask("GET", PICTURE).status, 401)

    def test_who_signs_in_has_more_and_wherever_they_are(self) -> None:
        statuses = [self.ask("GET", PICTURE, by="viewer", address=f"192.0.2.{n}").status for n in range(22)]
        self.assertEqual(statuses, [SEEN] * 20 + [429] * 2)
        self.assertEqual(self.ask("GET", PICTURE, by="admin").status, SEEN)

    def test_calls(self) -> None:
        statuses = [self.ask("POST", "/api", {"get": []}).status for _ in range(101)]
        self.assertEqual((statuses[:100], statuses[100]), ([401] * 100, 429))
        answer = self.ask("POST", "/api", {"get": []})
        self.assertEqual(answer.json["error"], "Rate limit exceeded")
        self.assertEqual(self.ask("GET", "/health").status, 200)

    def test_it_can_be_switched_off(self) -> None:
        self.app.web.limits.enabled = False
        self.assertEqual({self.ask("GET", PICTURE).status for _ in range(50)}, {401})


class LateTests(EdgeCase):
    """A password that was not used for five minutes is checked in a thread."""

    def test_the_client_may_leave_while_its_password_is_checked(self) -> None:
        pool = self.app.threads.pools["auth"]
        pool.at_once = False
        for path in (PICTURE, "/api/status", "/health", "/api/me"):
            self.clock.advance(301)
            wire = self.request("GET", path, authorization=basic("viewer", PASSWORD))
            self.assertEqual(wire.value(), b"")
            self.lose(wire)
            pool.run()
            self.assertEqual(wire.value(), b"")

    def test_a_password_that_takes_its_time(self) -> None:
        pool = self.app.threads.pools["auth"]
        pool.at_once = False
        for path, status in (("/api/status", 200), (PICTURE, SEEN), ("/api/me", 200), ("/metrics", 200)):
            self.clock.advance(301)
            wire = self.request("GET", path, authorization=basic("operator", PASSWORD))
            self.assertEqual(wire.value(), b"")
            pool.run()
            self.lose(wire)
            self.assertIn(f"HTTP/1.1 {status} ".encode(), wire.value(), path)
