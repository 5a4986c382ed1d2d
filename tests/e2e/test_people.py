"""People in a real daemon: the first minute, sessions, tokens, wrong passwords, and what the log keeps."""

from __future__ import annotations

import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from .client import Client
from .daemon import PASSWORD, Daemon
from .mjpeg_reader import MjpegReader
from .waiting import wait_for
from .websocket import Refused, WebSocket

CAMERA = '[cameras.cam1]\nsource = "test:"\nsize = "320x240"\nfps = 10\n'
EVERYWHERE = {"http": "tcp:0", "arguments": ["--https", "tcp:0"]}
LOGIN = {"username": "admin", "password": PASSWORD}


def own_address() -> str:
    """An address of this machine that is not the loopback's; SkipTest without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            raise SkipTest("needs a network") from None
        return probe.getsockname()[0]


class PeopleCase(SynchronousTestCase):
    timeout = 120

    def start(self, toml: str = CAMERA, **options: Any) -> Daemon:
        daemon = Daemon(toml, **options)
        self.addCleanup(daemon.remove)
        daemon.start()
        self.addCleanup(daemon.stop)
        return daemon

    def https(self, daemon: Daemon) -> str:
        """The address of the HTTPS site on this machine."""
        found = re.search(r"https://[^/\s]+:(\d+)/", daemon.log)
        return f"https://localhost:{found[1]}/"


class FirstMinuteTests(PeopleCase):
    def test_from_the_printed_link_to_the_picture(self) -> None:
        daemon = self.start(**EVERYWHERE)
        wait_for(lambda: "another machine" in daemon.log)
        link = re.search(r"(http://localhost:\d+/)setup#code=(\S+)", daemon.log)
        near = Client(link[1])
        self.assertEqual((near("GET", "/").status, near("GET", "/").headers["location"]), (303, "setup"))
        self.assertEqual(near("GET", "/setup").status, 200)
        for path in (
            "/snapshot", "/cam/cam1/snapshot.jpg", "/stream", "/api", "/api/status", "/metrics", "/ready",
            "/wamp", "/api/v1", "/api/users", "/api/nothing", "/nothing",
        ):  # fmt: skip
            answer = near("GET", path)
            self.assertEqual((answer.status, answer.json["error"]["code"]), (403, "SETUP_REQUIRED"), path)
        self.assertEqual(set(near("GET", "/health").json), {"status", "timestamp"})
        self.assertRaises(Refused, WebSocket, link[1])
        answer = near("POST", "/api/setup", {"code": link[2], **LOGIN})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(near("GET", "/cam/cam1/snapshot.jpg").body[:2], b"\xff\xd8")
        wait_for(lambda: "page     http://localhost" in daemon.log)
        self.assertEqual(near("GET", "/setup").headers["location"], "./")
        self.assertEqual(Client(link[1])("GET", "/api/status").status, 401)

    def test_from_elsewhere_by_https(self) -> None:
        daemon = self.start(**EVERYWHERE)
        wait_for(lambda: "another machine" in daemon.log)
        here = own_address()
        link = re.search(r"(https://[^/\s]+/)setup#code=(\S+)   \(from another machine\)", daemon.log)
        self.assertIn(here, link[1])
        far = Client(f"http://{here}:{daemon.port}/")
        answer = far("GET", "/setup")
        self.assertEqual((answer.status, answer.headers["location"]), (303, link[1] + "setup"))
        answer = far("POST", "/api/setup", {"code": link[2], **LOGIN})
        self.assertEqual((answer.status, answer.headers["location"]), (307, link[1] + "api/setup"))
        safe = Client(link[1])
        answer = safe("POST", "/api/setup", {"code": link[2], **LOGIN})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertIn("; Secure", answer.headers["set-cookie"])
        self.assertEqual(far("POST", "/api/login", LOGIN).status, 307)
        self.assertEqual(safe("POST", "/api/login", LOGIN).status, 200)

    def test_five_wrong_codes_make_a_new_one(self) -> None:
        daemon = self.start(arguments=["--https", "off"])
        first = re.search(r"setup#code=(\S+)", daemon.log)[1]
        # Each from an address of its own, for the lock-out would be faster.
        for number in range(2, 7):
            client = Client(daemon.url, f"127.0.0.{number}")
            self.assertEqual(client("POST", "/api/setup", {"code": "0000-0000", **LOGIN}).status, 401)
        wait_for(lambda: len(set(re.findall(r"setup#code=(\S+)", daemon.log))) == 2)
        self.assertEqual(Client(daemon.url)("POST", "/api/setup", {"code": first, **LOGIN}).status, 401)
        second = re.findall(r"setup#code=(\S+)", daemon.log)[-1]
        self.assertEqual(Client(daemon.url)("POST", "/api/setup", {"code": second, **LOGIN}).status, 200)

    def test_a_restart_has_the_same_code(self) -> None:
        daemon = self.start(arguments=["--https", "off"])
        code = re.search(r"setup#code=(\S+)", daemon.log)[1]
        daemon.stop()
        daemon.start()
        self.assertEqual(re.search(r"setup#code=(\S+)", daemon.log)[1], code)


class RunningTests(PeopleCase):
    """One daemon with an administrator."""

    def setUp(self) -> None:
        self.daemon = self.start(arguments=["--https", "off"], admin=True)
        self.url = self.daemon.url
        self.bearer = {"Authorization": f"Bearer {self.daemon.token}"}

    def test_the_token_of_the_command(self) -> None:
        token = self.daemon.token
        self.assertEqual(Client(self.url)("GET", f"/snapshot.jpg?token={token}").body[:2], b"\xff\xd8")
        with WebSocket(self.url, query=f"token={token}") as one, WebSocket(self.url) as other:
            self.assertIn("values", one.ask({"get": ["system/version"]}))
            self.assertEqual(other.ask({"get": ["*"]}), {"error": "Unauthorized"})
            self.assertEqual(other.ask({"token": token})["authenticated"], True)
            self.assertIn("values", other.ask({"cameras/cam1/brightness": 61}))
            self.assertEqual(one.change("cameras/cam1/brightness", 61)["value"], 61)

    def test_a_user_of_the_command_is_known_at_once(self) -> None:
        viewer = {"username": "guest2", "password": "Another-pass-1"}
        command = ("user", "add", "guest2", "--role", "viewer", "--password-file", "-")
        self.daemon.camd(*command, stdin=viewer["password"])
        wait_for(lambda: Client(self.url)("POST", "/api/login", viewer).status == 200, 5)
        client = Client(self.url)
        client("POST", "/api/login", viewer)
        self.assertEqual(client("GET", "/snapshot").status, 200)
        self.assertEqual(client("GET", "/api/users").status, 403)
        self.daemon.camd("user", "disable", "guest2")
        wait_for(lambda: client("GET", "/snapshot").status == 401, 5)

    def test_who_is_signed_out_sees_no_more(self) -> None:
        client = Client(self.url)
        client("POST", "/api/login", LOGIN)
        cookie = {"Cookie": client.headers["Cookie"]}
        origin = self.url.rstrip("/")
        stays = WebSocket(self.url, headers=self.bearer)
        self.addCleanup(stays.close)
        with WebSocket(self.url, headers={**cookie, "Origin": origin}) as ends:
            connection = client.connect()
            self.addCleanup(connection.close)
            client.send(connection, "GET", "/stream")
            stream = connection.getresponse()
            self.assertTrue(stream.read1())
            started = time.monotonic()
            self.assertEqual(client("POST", "/api/logout", Origin=origin).status, 200)
            self.assertEqual(ends.until_closed(), 4401)
            while stream.read1():
                pass
            self.assertLess(time.monotonic() - started, 1.0)
        self.assertIn("values", stays.ask({"get": ["system/version"]}))

    def test_unsigned_sockets_do_not_stay(self) -> None:
        with WebSocket(self.url) as silent:
            started = time.monotonic()
            self.assertEqual(silent.until_closed(), 4401)
            self.assertTrue(9.0 < time.monotonic() - started < 13.0)

    def test_wrong_passwords(self) -> None:
        wrong = {"username": "admin", "password": "Wrong-pass-1"}
        near, far = Client(self.url, "127.0.0.1"), Client(self.url, "127.0.0.2")
        self.assertEqual([near("POST", "/api/login", wrong).status for _ in range(5)], [401] * 5)
        locked = near("POST", "/api/login", LOGIN)
        self.assertEqual(locked.status, 429)
        self.assertTrue(290 <= int(locked.headers["retry-after"]) <= 300)
        self.assertEqual(far("POST", "/api/login", LOGIN).status, 200)
        self.assertEqual(Client(self.url, "127.0.0.1", **self.bearer)("GET", "/api/me").status, 200)

    def test_many_at_once_leave_room_for_others(self) -> None:
        lags: list[float] = []
        over = threading.Event()

        def ping() -> None:
            with WebSocket(self.url, headers=self.bearer) as socket:
                while not over.is_set():
                    started = time.monotonic()
                    socket.ask({"get": ["system/version"]})
                    lags.append(time.monotonic() - started)
                    over.wait(0.02)

        def login(number: int) -> int:
            client = Client(self.url, f"127.0.1.{number}")
            return client("POST", "/api/login", {"username": f"user{number}", "password": "x"}).status

        before = self.memory()
        watcher = threading.Thread(target=ping)
        watcher.start()
        with ThreadPoolExecutor(50) as pool:
            statuses = list(pool.map(login, range(1, 51)))
        over.set()
        watcher.join()
        self.assertLessEqual(set(statuses), {401, 429})
        lags.sort()
        self.assertLess(lags[len(lags) * 9 // 10], 0.1)  # a busy machine has its own lags
        self.assertLess(self.memory() - before, 300 << 20)

    def memory(self) -> int:
        with open(f"/proc/{self.daemon.pid}/statm") as file:
            return int(file.read().split()[1]) * 4096


class SecretTests(PeopleCase):
    def test_no_log_has_a_secret(self) -> None:
        daemon = self.start('log_level = "debug"\n' + CAMERA, arguments=["--https", "off"], admin=True)
        token, url = daemon.token, daemon.url
        client = Client(url)
        client("POST", "/api/login", LOGIN)
        cookie = client.headers["Cookie"].partition("=")[2]
        client("GET", f"/snapshot.jpg?token={token}&quality=50")
        client("GET", f"/nothing?token={token}")
        client("GET", f"/api/status?access_token={token}")
        client("POST", "/api", {"username": "admin", "password": PASSWORD, "nonsense": 1})
        client("POST", "/api", {"token": token, "nonsense": 1})
        with MjpegReader(f"{url}stream?token={token}"), WebSocket(url, query=f"token={token}") as socket:
            socket.ask({"token": token})
            socket.ask({"username": "admin", "password": PASSWORD})
            socket.ask({"password": PASSWORD, "x": 1})
        Client(url, Authorization="Basic " + "YWRtaW46" + PASSWORD)("GET", "/api/me")
        daemon.stop()
        audit = (daemon.directory / "data" / "audit.jsonl").read_text()
        self.assertIn("camd.web.access", daemon.log)
        for secret in (token, cookie, PASSWORD):
            self.assertNotIn(secret, daemon.log)
            self.assertNotIn(secret, audit)
