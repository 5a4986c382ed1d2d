"""Who asks over RTSP: nothing is said before that is known, and a session is nobody else's."""

from __future__ import annotations

import base64

from camd.config import AuthConfig

from .auth_case import PASSWORD
from .rtsp_case import TCP, URL, Line, RtspCase, authorization


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class WhoTests(RtspCase):
    def setUp(self) -> None:
        super().setUp()
        admin = self.users.by_token(self.tokens["admin"])
        self.secret = self.get(self.users.device_password(admin, "viewer"))
        self.show_key()

    def ask(self, line: Line, proof: str, url: str = URL, method: str = "DESCRIBE") -> int:
        reply = line.send(method, url, authorization=proof)
        if not reply.status:
            self.show_key()
            reply = line.read()
        return reply.status

    def test_nothing_is_said_before(self) -> None:
        """Whatever is asked, and whether it is there or not: the answers differ in their nonces only."""
        answers = set()
        for method in ("DESCRIBE", "SETUP", "PLAY", "TEARDOWN", "GET_PARAMETER", "RECORD", "FLY"):
            for url in (URL, "rtsp://camd/none", "rtsp://camd/a/b/c", "rtsp://camd/cam1?fps=x"):
                reply = self.line("").send(method, url, transport=TCP, require="x", session="x")
                answers.add((reply.status, len(reply.lines), reply.body))
        self.assertEqual(answers, {(401, 4, b"")})

    def test_what_is_offered(self) -> None:
        """Most players take the last Digest, and all of them know MD5."""
        offered = self.line("").send("DESCRIBE").all("www-authenticate")
        self.assertEqual([one.split(" ")[0] for one in offered], ["Digest", "Digest", "Basic"])
        self.assertIn("algorithm=MD5", offered[1])

    def test_basic(self) -> None:
        for name, password, status in (("viewer", PASSWORD, 200), ("viewer", self.secret, 200),
                                       ("any", self.tokens["viewer"], 200), ("viewer", "wrong", 401),
                                       ("nobody", PASSWORD, 403), ("none", PASSWORD, 401)):  # fmt: skip
            self.assertEqual(self.ask(self.line(""), basic(name, password)), status, (name, password))

    def test_tokens(self) -> None:
        self.assertEqual(self.ask(self.line(""), f"Bearer {self.tokens['viewer']}"), 200)
        self.assertEqual(self.described(self.line("viewer")).status, 200)
        viewer = self.users.by_token(self.tokens["viewer"])
        secret = self.users.url_token(viewer, "cam1")
        self.assertEqual(self.described(self.line(""), f"{URL}?token={secret}").status, 200)
        self.assertEqual(self.line("").send("DESCRIBE", f"rtsp://camd/door?token={secret}").status, 401)
        for wrong in ("Bearer x", "Bearer", "Negotiate x", "", "Digest", "Basic %%%"):
            self.assertEqual(self.line("").send("DESCRIBE", authorization=wrong or "x").status, 401, wrong)
        self.assertEqual(self.line("").send("DESCRIBE", f"{URL}?token=x").status, 401)

    def test_a_pages_token_is_good_as_long_as_the_connection(self) -> None:
        secret = self.users.url_token(self.users.by_token(self.tokens["viewer"]), "cam1")
        line = self.line("")
        line.token = secret
        session, _ = self.played(line)
        self.clock.pump([10.0] * 7)
        line.clear()
        self.assertEqual(line.send("GET_PARAMETER", session=session).status, 200)

    def test_digest(self) -> None:
        for algorithm in ("SHA-256", "MD5"):
            for without_qop in (False, True):
                line = self.line("")
                refused = line.send("DESCRIBE")
                for url in (URL, f"{URL}/", f"{URL}/trackID=0", "/cam1/main"):
                    proof = authorization(refused, "DESCRIBE", url, "viewer", self.secret, algorithm=algorithm,
                                          without_qop=without_qop)  # fmt: skip
                    self.assertEqual(self.ask(line, proof, URL), 200, (url, algorithm))
                    refused = line.send("DESCRIBE", authorization="x")

    def test_wrong_digests(self) -> None:
        line = self.line("")
        for method, url, name, password in (
            ("PLAY", URL, "viewer", self.secret), ("DESCRIBE", "rtsp://camd/door", "viewer", self.secret),
            ("DESCRIBE", URL + "?fps=1", "viewer", self.secret), ("DESCRIBE", URL, "viewer", "wrong"),
            ("DESCRIBE", URL, "admin", self.secret), ("DESCRIBE", URL, "viewer", PASSWORD),
        ):  # fmt: skip
            proof = authorization(self.line("").send("DESCRIBE"), method, url, name, password)
            self.assertEqual(self.ask(line, proof), 401, (method, url, name))

    def test_without_count_a_nonce_is_good_on_its_connection_only(self) -> None:
        line = self.line("")
        proof = authorization(line.send("DESCRIBE"), "DESCRIBE", URL, "viewer", self.secret, without_qop=True)
        self.assertEqual(self.ask(self.line(""), proof), 401)
        self.assertEqual(self.ask(line, proof), 200)

    def test_a_nonce_lasts_as_long_as_its_connection(self) -> None:
        line = self.line("")
        refused = line.send("DESCRIBE")
        self.played_with(line, refused)
        self.clock.pump([50.0] * 7)
        proof = authorization(refused, "GET_PARAMETER", URL, "viewer", self.secret, without_qop=True)
        line.clear()
        self.assertEqual(line.send("GET_PARAMETER", authorization=proof).status, 200)

    def played_with(self, line: Line, refused: object) -> None:
        proof = authorization(refused, "DESCRIBE", URL, "viewer", self.secret)
        self.assertEqual(self.ask(line, proof), 200)
        line.send("PLAY", session=line.send("SETUP", transport=TCP).session)
        self.show_key()

    def test_lock_out(self) -> None:
        line = self.line("")
        statuses = [self.ask(self.line(""), basic("viewer", f"wrong{number}")) for number in range(6)]
        self.assertEqual(statuses, [401] * 5 + [429])
        self.assertEqual(self.ask(line, basic("viewer", PASSWORD)), 429)
        reply = line.send("DESCRIBE", authorization=basic("viewer", PASSWORD))
        self.assertGreater(int(reply.headers["retry-after"]), 200)
        self.assertEqual(self.ask(self.line("", "198.51.100.9"), basic("viewer", PASSWORD)), 200)

    def test_a_connection_has_ten_tries(self) -> None:
        line = self.line("")
        for _ in range(10):
            self.assertFalse(line.lost)
            self.assertEqual(line.send("DESCRIBE").status, 401)
        self.assertTrue(line.lost)

    def test_cameras_of_others(self) -> None:
        line = self.line("limited")
        missing = line.send("DESCRIBE", "rtsp://camd/none")
        foreign = line.send("DESCRIBE", "rtsp://camd/door/main")
        self.assertEqual((foreign.status, foreign.body), (missing.status, missing.body))
        self.assertEqual(foreign.status, 404)
        self.assertEqual([entry["path"] for entry in self.events("refused")], ["rtsp:/door"])

    def test_sessions_are_nobody_elses(self) -> None:
        mine, other = self.line("viewer"), self.line("viewer")
        session, _ = self.played(mine)
        for method in ("PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SETUP"):
            self.assertEqual(other.send(method, transport=TCP, session=session).status, 454, method)
        mine.token = self.tokens["admin"]
        mine.clear()
        self.assertEqual(mine.send("PAUSE", session=session).status, 454)

    def test_what_is_taken_away_ends_at_once(self) -> None:
        line = self.line("viewer")
        self.played(line)
        admin = self.users.by_token(self.tokens["admin"])
        self.get(self.users.change(admin, "viewer", enabled=False))
        self.clock.advance(0)
        self.assertTrue(line.lost)
        self.assertEqual(self.app.cameras["cam1"].pipeline.clients(), {})

    def test_who_is_known_is_asked_again(self) -> None:
        line = self.line("viewer")
        self.assertEqual(self.described(line).status, 200)
        admin = self.users.by_token(self.tokens["admin"])
        self.get(self.users.change(admin, "viewer", enabled=False))
        self.assertEqual(line.send("DESCRIBE").status, 401)
        line.token = ""
        self.assertEqual(line.send("DESCRIBE").status, 401)


class BeforeSetupTests(RtspCase):
    set_up = False

    def test_nothing_works(self) -> None:
        line = self.line("")
        for method in ("DESCRIBE", "SETUP", "PLAY"):
            self.assertEqual(line.send(method).status, 403)


class OftenTests(RtspCase):
    auth = AuthConfig(rate_limits=True)

    def test_too_often(self) -> None:
        statuses = [line.send("DESCRIBE").status for line in [self.line("") for _ in range(15)] for _ in range(7)]
        self.assertEqual((statuses[0], statuses[-1]), (401, 429))
